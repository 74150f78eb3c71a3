"""Models that come as installed Python packages."""

from __future__ import annotations

import shutil
import sys

import pytest

import hugot
from hugot import ModelNotFoundError
from hugot.models.find import find_model


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the path of imports."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    return site


@pytest.fixture
def package(site, models):
    """A package that is a model; importing it fails."""
    folder = shutil.copytree(models / "bert-uncased-text", site / "mood_model")
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    return folder


def test_a_model_is_found_in_a_package_that_is_not_imported(package) -> None:
    found = find_model("package:mood_model")
    assert found.path == package
    assert found.why == "it is in the package mood_model"
    assert hugot.pipeline("text-classification", "package:mood_model")("hello")
    assert "mood_model" not in sys.modules


def test_a_model_in_the_only_folder_of_a_package_is_found(package, models) -> None:
    shutil.rmtree(package)
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "code").mkdir()
    folder = shutil.copytree(models / "bert-uncased-text", package / "weights")
    assert find_model("package:mood_model").path == folder
    shutil.copytree(folder, package / "more")
    with pytest.raises(ModelNotFoundError, match="it holds: more, weights"):
        find_model("package:mood_model")


@pytest.mark.parametrize("name", ["no_such_package_at_all", "../x", "", "os.path", "json"])
def test_a_package_without_a_model_raises(site, name) -> None:
    with pytest.raises(ModelNotFoundError, match="package"):
        find_model(f"package:{name}")
