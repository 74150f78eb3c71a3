"""An editable install, as contributors have it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .building import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.build


@pytest.fixture(scope="session")
def editable(workshop: Path, pip_build: Callable[..., None]) -> Path:
    """The workshop's Python, with the source tree installed in it."""
    pip_build("install", "--editable", ROOT, link="runtime")
    return workshop


def test_an_editable_install_imports_python_from_the_source_tree_and_modules_from_the_build(
    editable: Path, embed: Callable[..., dict[str, Any]]
) -> None:
    answer = embed(editable)
    assert answer["vector"] == [2.0, 4.0]
    assert Path(answer["hugot"]) == ROOT / "src" / "hugot" / "__init__.py"
    assert Path(answer["modules"]).is_relative_to(editable.parents[1])
