"""The comparison of ort_abi.h with the header of the ONNX Runtime that is linked."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from .building import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [
    pytest.mark.build,
    pytest.mark.skipif(sys.platform != "linux", reason="the libraries are ELF files"),
]

ABI = (ROOT / "src" / "hugot" / "_ort" / "ort_abi.h").read_text()
TYPES = ABI[ABI.index("#ifdef _WIN32") : ABI.index("#endif\n\n#define HUGOT_ORT_FUNCTIONS")]
# X(name, slot, since, result, (arguments))
FUNCTIONS = {
    int(slot): f"{result}(ORT_API_CALL* {name}){arguments};"
    for name, slot, result, arguments in re.findall(
        r"X\((\w+), (\d+), \d+, ([^,]+), (\([^)]*\))\)", re.sub(r"\s*\\\n\s*", " ", ABI)
    )
}


@pytest.fixture
def prefix(tmp_path: Path, fake_library: Callable[..., Path]) -> Callable[[dict[int, str]], Path]:
    """Makes an installed ONNX Runtime whose header has these functions in these slots."""

    def make(functions: dict[int, str]) -> Path:
        fake_library(tmp_path / "lib")
        members = "\n".join(
            f"  {functions.get(slot, f'void* slot_{slot};')}" for slot in range(max(functions) + 1)
        )
        header = tmp_path / "include" / "onnxruntime" / "onnxruntime_c_api.h"
        header.parent.mkdir(parents=True)
        header.write_text(
            f"#pragma once\n#include <stdint.h>\n#include <stddef.h>\n{TYPES}\n"
            f"typedef struct OrtApi {{\n{members}\n}} OrtApi;\n"
            "typedef struct OrtApiBase {\n"
            "  const OrtApi*(ORT_API_CALL* GetApi)(uint32_t version);\n"
            "  const char*(ORT_API_CALL* GetVersionString)(void);\n"
            "} OrtApiBase;\n"
        )
        return tmp_path

    return make


def test_a_header_with_the_same_slots_and_signatures_agrees(
    configure: Callable[..., str], prefix: Callable[[dict[int, str]], Path]
) -> None:
    assert len(FUNCTIONS) == ABI.count("  X(")
    root = prefix(FUNCTIONS)
    output = configure(f"OnnxRuntime_ROOT={root}")
    assert f"Comparing ort_abi.h with onnxruntime_c_api.h in {root}/include" in output
    assert "they agree" in output


def test_a_function_in_another_slot_stops_the_build_and_is_named(
    configure: Callable[..., str], prefix: Callable[[dict[int, str]], Path]
) -> None:
    swapped = {**FUNCTIONS, 7: FUNCTIONS[9], 9: FUNCTIONS[7]}
    output = configure(f"OnnxRuntime_ROOT={prefix(swapped)}", fails=True)
    assert re.findall(r"(\w+) has another slot", output) == ["CreateSession", "Run"]


def test_a_function_of_another_type_stops_the_build_and_is_named(
    configure: Callable[..., str], prefix: Callable[[dict[int, str]], Path]
) -> None:
    changed = {**FUNCTIONS, 30: FUNCTIONS[30].replace("size_t*", "int64_t*")}
    output = configure(f"OnnxRuntime_ROOT={prefix(changed)}", fails=True)
    assert re.findall(r"(\w+) has another signature", output) == ["SessionGetInputCount"]
