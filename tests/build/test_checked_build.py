"""The build with HUGOT_DEBUG, in which a kernel checks what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .building import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.build

_PAD_TWO_ROWS_INTO_ONE_LINE = """
import importlib.util, sys
import numpy as np

spec = importlib.util.spec_from_file_location("hugot._fast.padding", sys.argv[1])
padding = importlib.util.module_from_spec(spec)
spec.loader.exec_module(padding)
try:
    padding.mask(np.array([0, 1, 2]), np.array([0, 1]), False, np.empty((1, 4), np.int64))
except IndexError as error:
    print(error)
"""


def test_a_kernel_of_a_checked_build_refuses_an_array_that_is_too_small(
    configure: Callable[..., str], workshop: Path, tmp_path: Path
) -> None:
    configure("HUGOT_LINK=runtime", HUGOT_DEBUG="1")
    run(
        *(workshop.parent / "cmake", "--build", tmp_path / "build", "--target", "_fast.padding"),
        cwd=tmp_path,
    )
    module = next((tmp_path / "build" / "_fast").glob("padding.*.so"))
    output = run(workshop, "-c", _PAD_TWO_ROWS_INTO_ONE_LINE, module, cwd=tmp_path)
    assert "Out of bounds" in output


@pytest.mark.parametrize(
    ("variable", "mark"),
    [("HUGOT_DEBUG", "boundscheck=True"), ("HUGOT_REFNANNY", "CYTHON_REFNANNY")],
)
def test_a_build_folder_used_again_without_the_variable_has_no_checks(
    configure: Callable[..., str], tmp_path: Path, variable: str, mark: str
) -> None:
    rules = tmp_path / "build" / "build.ninja"
    configure("HUGOT_LINK=runtime", **{variable: "1"})
    assert mark in rules.read_text()
    configure("HUGOT_LINK=runtime")
    assert mark not in rules.read_text()
