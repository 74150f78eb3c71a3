"""Libraries for the tests of providers: pretended ones, and real ones where they are installed."""

from __future__ import annotations

import importlib.util
import os
from functools import partial
from pathlib import Path

import pytest
from fake_providers import compile_library


@pytest.fixture
def compile_fake(tmp_path):
    """Compiles a pretended library with some providers, and gives its path."""
    return partial(compile_library, tmp_path)


def find_installed(variable, package, pattern):
    """A file that a variable of the environment names, or that an installed package holds; else None."""
    named = os.environ.get(variable)
    if named:
        found = [Path(named)] if Path(named).is_file() else sorted(Path(named).rglob(pattern))
        assert found, f"{variable}={named} holds no {pattern}"
        return found[0]
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return next(iter(sorted(Path(spec.submodule_search_locations[0]).rglob(pattern))), None)


@pytest.fixture(scope="session")
def openvino_library():
    """The library of onnxruntime-openvino: HUGOT_TEST_OPENVINO names its folder, wherever it is."""
    provider = find_installed(
        "HUGOT_TEST_OPENVINO", "onnxruntime", "libonnxruntime_providers_openvino.so"
    )
    if provider is None:
        pytest.skip(
            "no onnxruntime-openvino: install it with --target and name the folder in "
            "HUGOT_TEST_OPENVINO"
        )
    return str(provider.parent)


@pytest.fixture(scope="session")
def openvino_plugin():
    """The plugin of onnxruntime-ep-openvino, which HUGOT_TEST_OPENVINO_PLUGIN may name."""
    return _plugin("HUGOT_TEST_OPENVINO_PLUGIN", "onnxruntime_ep_openvino")


@pytest.fixture(scope="session")
def nxrt_plugin():
    """The plugin of nxrt-ep-cpu, which HUGOT_TEST_NXRT_PLUGIN may name."""
    return _plugin("HUGOT_TEST_NXRT_PLUGIN", "nxrt_ep_cpu")


def _plugin(variable, package):
    found = find_installed(variable, package, "*plugin*.so")
    if found is None:
        pytest.skip(f"no {package.replace('_', '-')}: install it, or name its folder in {variable}")
    return str(found)
