import ctypes
import ctypes.util
import os
import pickle
import re
import subprocess
import sys
from functools import partial

import pytest
from fake_onnxruntime import compile_onnxruntime
from ort_graphs import library

from hugot._ort.library import NEWEST_API, OLDEST_MINOR, open_library
from hugot.errors import RuntimeLibraryError

needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc")


@pytest.fixture
def fake_onnxruntime(tmp_path):
    """A function that compiles a fake library of a version and returns its path."""
    return partial(compile_onnxruntime, tmp_path)


def test_a_loaded_library_has_its_file_and_version():
    loaded = library()
    assert os.path.isfile(loaded.path)
    assert re.fullmatch(r"1\.\d+\.\d+.*", loaded.version)
    assert f"{loaded.version} from {loaded.path}" in repr(loaded)


def test_the_api_version_is_the_librarys_own_up_to_the_newest_in_use():
    minor = int(library().version.split(".")[1])
    assert library().api_version == min(minor, NEWEST_API)


def test_every_library_has_the_cpu_provider():
    assert "CPUExecutionProvider" in library().available_providers()


def test_a_library_describes_its_build():
    assert "Build" in library().build_info


def test_a_library_that_is_opened_again_is_the_same_object():
    assert open_library(library().path) is library()


def test_a_library_cannot_be_pickled():
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(library())


def test_a_missing_library_is_an_error_that_names_it():
    with pytest.raises(RuntimeLibraryError, match=r"'/no/such/onnxruntime\.so' cannot be loaded"):
        open_library("/no/such/onnxruntime.so")


def test_a_file_that_is_no_library_is_an_error_with_the_loaders_reason(tmp_path):
    path = tmp_path / "libonnxruntime.so"
    path.write_text("not a library")
    with pytest.raises(RuntimeLibraryError, match=r"cannot be loaded: .+"):
        open_library(str(path))


def test_a_library_that_is_not_onnx_runtime_is_an_error_that_names_the_expected_file():
    other = ctypes.util.find_library("m") or ctypes.util.find_library("msvcrt")
    with pytest.raises(RuntimeLibraryError, match=r"no function OrtGetApiBase.*libonnxruntime\.so"):
        open_library(other)


def test_a_library_that_is_not_loaded_yet_is_none_when_only_loaded_ones_are_wanted():
    assert open_library("libhugot-never-loaded.so.1", loaded_only=True) is None


@pytest.mark.skipif(sys.platform != "linux", reason="names in memory are tried on Linux")
def test_a_loaded_library_is_found_by_its_name_alone(fake_onnxruntime):
    path = fake_onnxruntime("1.20.0", soname="libhugot-loaded.so.1")
    loaded = open_library(str(path))
    assert open_library("libhugot-loaded.so.1", loaded_only=True) is loaded


@pytest.mark.parametrize("version", ["1.15.0", f"1.{OLDEST_MINOR - 1}.2", "0.99.0"])
def test_a_library_that_is_too_old_is_an_error_that_says_what_is_needed(fake_onnxruntime, version):
    wanted = rf"is ONNX Runtime {re.escape(version)}; hugot needs 1\.{OLDEST_MINOR} or newer"
    with pytest.raises(RuntimeLibraryError, match=wanted):
        open_library(str(fake_onnxruntime(version)))


@pytest.mark.parametrize(
    ("version", "asked"),
    [("1.19.2", 19), ("1.23.0-dev", 23), ("1.24.0", 24), ("1.99.1", 24), ("2.0.0", 24)],
)
def test_a_library_is_never_asked_for_more_than_it_has(fake_onnxruntime, version, asked):
    path = fake_onnxruntime(version)
    assert open_library(str(path)).api_version == asked
    assert ctypes.c_int.in_dll(ctypes.CDLL(str(path)), "asked_version").value == asked


def test_a_library_without_the_api_of_its_version_is_an_error(fake_onnxruntime):
    with pytest.raises(RuntimeLibraryError, match="does not offer version 20 of its C API"):
        open_library(str(fake_onnxruntime("1.20.0", "NO_API")))


def test_an_environment_that_cannot_be_created_is_an_error_with_the_librarys_message(
    fake_onnxruntime,
):
    with pytest.raises(RuntimeLibraryError, match="creating the environment: out of luck"):
        open_library(str(fake_onnxruntime("1.20.0", "NO_ENVIRONMENT")))


@pytest.mark.parametrize(("telemetry", "seen"), [(False, b"1"), (True, b"unset")])
def test_telemetry_is_off_before_the_environment_exists_unless_it_is_wanted(
    fake_onnxruntime, monkeypatch, telemetry, seen
):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "")
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY")
    path = fake_onnxruntime("1.30.0")
    open_library(str(path), telemetry=telemetry)
    read = ctypes.CDLL(str(path)).telemetry_when_created
    read.restype = ctypes.c_char_p
    assert read() == seen


LOAD = """
import os
from hugot._ort.loader import load_library
load_library()
print(os.environ["ORT_DISABLE_TELEMETRY"], len(os.listdir("/proc/self/task")))
"""


@pytest.fixture(scope="module")
def loaded_in_a_child(tmp_path_factory):
    """The output of a process that loads the library, and its home folder."""
    home = tmp_path_factory.mktemp("home")
    names = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR")
    environment = os.environ | dict.fromkeys(names, str(home))
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    done = subprocess.run(
        [sys.executable, "-c", LOAD], env=environment, capture_output=True, text=True, check=True
    )
    return done, home


@needs_proc
def test_loading_the_library_switches_its_telemetry_off_and_starts_no_thread(loaded_in_a_child):
    done, _ = loaded_in_a_child
    assert done.stdout.split() == ["1", "1"]


@needs_proc
def test_loading_the_library_leaves_no_file_in_the_users_folders(loaded_in_a_child):
    _, home = loaded_in_a_child
    assert list(home.rglob("*")) == []


@needs_proc
def test_loading_the_library_prints_nothing(loaded_in_a_child):
    done, _ = loaded_in_a_child
    assert done.stderr == ""
