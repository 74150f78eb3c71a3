"""`hugot providers`, as a process of its own, and the function behind it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from fake_providers import compile_library
from ort_graphs import library

import hugot
from hugot.errors import ProviderError

HUGOT = [sys.executable, "-c", "from hugot.cli.main import main; main()"]
FAKE = "FakeExecutionProvider"


def hugot_providers(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HUGOT, "providers", *map(str, arguments)], capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def fake(tmp_path):
    return compile_library(tmp_path, "CUDAExecutionProvider", "DmlExecutionProvider")


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "libplugin.so"
    path.touch()
    return path


def test_the_library_in_use_is_told_with_its_version_and_providers():
    there = hugot.available_providers()
    assert (there.version, there.path) == (library().version, library().path)
    assert there.api_version == library().api_version
    assert there.built_in["cpu"] == "CPUExecutionProvider"


@pytest.mark.skipif(library().api_version < 23, reason="this ONNX Runtime lists no devices")
def test_the_cpu_is_a_device():
    devices = hugot.available_providers().devices
    assert ("CPUExecutionProvider", "cpu") in [(x.provider, x.device_type) for x in devices]


def test_another_library_tells_of_itself(fake, plugin):
    there = hugot.available_providers(fake, plugins={"mine": plugin})
    assert there.built_in == {
        "cuda": "CUDAExecutionProvider",
        "directml": "DmlExecutionProvider",
        "cpu": "CPUExecutionProvider",
    }
    mine = next(each for each in there.plugins if each.name == "mine")
    assert (mine.path, mine.providers, mine.error) == (str(plugin), [FAKE], None)
    assert [each.device_type for each in there.devices] == ["cpu", "gpu", "npu"]


def test_a_library_without_plugins_lists_no_devices(tmp_path):
    there = hugot.available_providers(compile_library(tmp_path, version="1.22.0"))
    assert there.devices == []


def test_a_plugin_that_was_named_and_cannot_be_used_is_an_error(tmp_path, plugin):
    old = compile_library(tmp_path, version="1.22.0")
    with pytest.raises(ProviderError, match=r"need ONNX Runtime 1\.23"):
        hugot.available_providers(old, plugins={"mine": plugin})


def test_the_command_prints_library_providers_plugins_and_devices(fake, plugin):
    done = hugot_providers("-s", fake, "--plugin", f"mine={plugin}")
    assert done.stderr == ""
    for line in (
        "ONNX Runtime 1.24.0 (API 24)",
        f"  {fake}",
        "  cuda      CUDAExecutionProvider",
        f"  mine: {FAKE}",
        f"    {plugin}",
        f"  gpu  {FAKE}",
    ):
        assert line in done.stdout.splitlines()


def test_the_command_prints_the_same_as_json(fake, plugin):
    done = hugot_providers("-s", fake, "--plugin", f"mine={plugin}", "--json")
    there = hugot.available_providers(fake, plugins={"mine": plugin})
    assert json.loads(done.stdout) == there.as_dict()


def test_the_command_refuses_a_plugin_without_a_name():
    done = hugot_providers("--plugin", "/some/path")
    assert done.returncode == 2
    assert "'/some/path' is not NAME=PATH" in done.stderr


def test_the_command_tells_of_a_library_that_is_not_there():
    done = hugot_providers("-s", "/nowhere/libonnxruntime.so")
    assert done.returncode == 1
    assert "there is no such file" in done.stderr
