"""The sdist and the wheel, built as for a release and installed outside of the source tree."""

from __future__ import annotations

import json
import re
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .building import ROOT, make_environment, run

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.build

SOURCE = ROOT / "src"


@pytest.fixture(scope="session")
def sdist(workshop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    options = ("--sdist", "--no-isolation", "--outdir", folder)
    run(workshop, "-m", "build", *options, ROOT, cwd=folder)
    return next(folder.glob("hugot-*.tar.gz"))


@pytest.fixture(scope="session")
def wheel(workshop: Path, sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release wheel, which pip builds from the sdist with tools that it fetches for it alone."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--no-deps", "-C", "cmake.define.HUGOT_LINK=runtime", "--wheel-dir", folder)
    run(workshop, "-m", "pip", "wheel", *options, sdist, cwd=folder)
    return next(folder.glob("hugot-*.whl"))


@pytest.fixture(scope="session")
def files(wheel: Path) -> list[str]:
    return zipfile.ZipFile(wheel).namelist()


@pytest.fixture(scope="session")
def installed(
    tmp_path_factory: pytest.TempPathFactory, install: Callable[..., None], wheel: Path
) -> Path:
    """The Python of an environment that has the wheel and what it asks for."""
    python = make_environment(tmp_path_factory.mktemp("installed") / "env")
    install(python, wheel)
    return python


def test_the_sdist_holds_what_a_build_needs_and_no_more(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"CMakeLists.txt", "LICENSE", "README.md", "pyproject.toml"}
    for folder in ("cmake", "src/hugot/_fast", "src/hugot/_ort"):
        wanted |= {f"{folder}/{path.name}" for path in (ROOT / folder).iterdir() if path.is_file()}
    assert wanted - names == set()
    assert not [name for name in names if name.startswith(("tests/", "examples/", "build/"))]


def test_the_wheel_has_every_module_compiled(files: list[str]) -> None:
    compiled = {re.sub(r"\..*", ".pyx", name) for name in files if name.endswith(".so")}
    assert compiled == {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.pyx")}


def test_the_wheel_has_the_stubs_of_the_compiled_modules(files: list[str]) -> None:
    stubs = {name for name in files if name.endswith(".pyi")}
    assert stubs == {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.pyi")} != set()


def test_the_wheel_says_that_it_is_typed(files: list[str]) -> None:
    assert "hugot/py.typed" in files


def test_the_wheel_has_no_source_of_a_compiled_module(files: list[str]) -> None:
    assert [name for name in files if name.endswith((".pyx", ".pxd", ".c", ".h"))] == []


def test_the_wheel_has_the_package_and_nothing_else(files: list[str]) -> None:
    assert {re.sub(r"-.*\.dist-info$", "", name.split("/")[0]) for name in files} == {"hugot"}
    assert [name for name in files if name.endswith(".onnx")] == []


def test_the_wheel_is_smaller_than_two_megabytes(wheel: Path) -> None:
    assert wheel.stat().st_size < 2_000_000


def test_the_installed_wheel_embeds_outside_of_the_source_tree(
    installed: Path, embed: Callable[..., dict[str, Any]]
) -> None:
    answer = embed(installed)
    assert answer["vector"] == [2.0, 4.0]
    assert Path(answer["hugot"]).is_relative_to(installed.parents[1])
    assert Path(answer["modules"]).is_relative_to(installed.parents[1])


def test_the_release_build_loads_the_library_of_the_onnxruntime_package(
    installed: Path, embed: Callable[..., dict[str, Any]]
) -> None:
    path = Path(embed(installed)["library"])
    assert path.parts[-3:-1] == ("onnxruntime", "capi")
    assert path.is_relative_to(installed.parents[1])


def test_the_installed_command_runs_on_json_lines(installed: Path, model: Path) -> None:
    hugot = installed.parent / "hugot"
    command = [hugot, "run", "--model", model, "--type", "featureExtraction"]
    line = run(*command, cwd=installed.parent, input='{"input": "good film", "id": 7}\n')
    assert json.loads(line) == {"input": "good film", "id": 7, "output": [2.0, 4.0]}
