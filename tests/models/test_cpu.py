"""Features of the CPU."""

from __future__ import annotations

import pytest

from hugot.models.cpu import cpu_features, vector_flags


def test_features_begin_with_the_kind_of_cpu_and_stay_the_same() -> None:
    found = cpu_features()
    assert found[0]
    assert found == cpu_features()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nflags\t\t: vme avx2 nx avx\nflags\t: sse\n", ["avx", "avx2"]),
        ("Features\t: fp asimd crc32 sve\n", ["asimd", "fp", "sve"]),
        ("isa\t: rv64imafdc\n", []),
        ("", []),
    ],
)
def test_vector_units_are_read_from_the_first_cpu(text, expected) -> None:
    assert vector_flags(text) == expected
