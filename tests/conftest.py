"""What the tests share: the model folders of the repository, and pipelines over them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from places import EXAMPLES, FIXTURES

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="session")
def models() -> Path:
    """Folder of the tiny random models of many architectures."""
    return FIXTURES


@pytest.fixture(scope="session")
def examples() -> Path:
    """Folder of the tiny trained models."""
    return EXAMPLES


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[str], Path]:
    """Copies a fixture model to a folder that the test may change."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(FIXTURES / name, tmp_path / name))

    return copy
