"""The API reference names what there is."""

from __future__ import annotations

import re
from importlib import import_module

import pytest
from places import ROOT

NAMES = [
    name
    for page in sorted((ROOT / "docs" / "api").glob("*.md"))
    for name in re.findall(r"^::: (\S+)", page.read_text(encoding="utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize("name", NAMES)
def test_what_the_api_reference_names_is_there_and_has_a_docstring(name) -> None:
    try:
        found = import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        found = getattr(import_module(module), attribute)
    assert found.__doc__


def test_the_api_reference_has_pages() -> None:
    assert len(NAMES) > 10
