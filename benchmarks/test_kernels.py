"""Kernels and their rivals under pytest-benchmark, a group for each case.

pytest benchmarks/test_kernels.py
"""

from __future__ import annotations

import kernel_cases
import pytest

CASES = list(kernel_cases.cases())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("side", ["kernel", "rival"])
@pytest.mark.parametrize("kernel_case", CASES, ids=[f"{case.name}, {case.rival}" for case in CASES])
def test_kernel(benchmark, kernel_case, side):
    benchmark.group = kernel_case.name
    benchmark.extra_info["target"] = kernel_case.target
    benchmark(kernel_case.make()[side == "rival"])
