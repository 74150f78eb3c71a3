import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from fake_onnxruntime import compile_onnxruntime

from hugot._ort import loader
from hugot.errors import RuntimeLibraryError


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch):
    """No library is set in the environment, linked, or found by the system's loader."""
    monkeypatch.delenv(loader.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(loader, "LINKED_SONAME", "")
    monkeypatch.setattr(loader, "_LOADER_NAMES", ("libhugot-not-there.so",))


@pytest.fixture
def fake_onnxruntime(tmp_path):
    """A function that compiles a fake library of a version and returns its path."""
    return partial(compile_onnxruntime, tmp_path)


@pytest.fixture
def site_packages(tmp_path, monkeypatch):
    """A folder with an installed package onnxruntime, whose library is an empty file."""
    folder = tmp_path / "site-packages"
    capi = folder / "onnxruntime" / "capi"
    capi.mkdir(parents=True)
    (folder / "onnxruntime" / "__init__.py").write_text("raise ImportError('imported')")
    (capi / _packaged_name("1.24.1")).touch()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    return folder


def _packaged_name(version):
    if sys.platform == "win32":
        return "onnxruntime.dll"
    if sys.platform == "darwin":
        return f"libonnxruntime.{version}.dylib"
    return f"libonnxruntime.so.{version}"


def packages(site_packages, *names):
    for name in names:
        (site_packages / f"{name}.dist-info").mkdir()


def test_a_library_named_by_the_option_comes_first(fake_onnxruntime, monkeypatch):
    option = fake_onnxruntime("1.20.0", path="option/libonnxruntime.so")
    variable = fake_onnxruntime("1.21.0", path="variable/libonnxruntime.so")
    monkeypatch.setenv(loader.ENVIRONMENT_VARIABLE, str(variable))
    assert loader.load_library(option).version == "1.20.0"


def test_a_library_named_by_the_environment_comes_before_the_linked_one(
    fake_onnxruntime, monkeypatch
):
    variable = fake_onnxruntime("1.21.0", path="variable/libonnxruntime.so")
    linked = fake_onnxruntime("1.22.0", path="linked/libonnxruntime.so")
    monkeypatch.setenv(loader.ENVIRONMENT_VARIABLE, str(variable))
    monkeypatch.setattr(loader, "LINKED_SONAME", linked.name)
    monkeypatch.setattr(loader, "LINKED_PATH", str(linked))
    assert loader.load_library().version == "1.21.0"


def test_the_linked_library_comes_before_the_packaged_one(fake_onnxruntime, monkeypatch):
    linked = fake_onnxruntime("1.22.0", path="linked/libonnxruntime.so")
    packaged = fake_onnxruntime("1.23.0", path="packaged/libonnxruntime.so")
    monkeypatch.setattr(loader, "LINKED_SONAME", "libhugot-linked.so.1")
    monkeypatch.setattr(loader, "LINKED_PATH", str(linked))
    monkeypatch.setattr(loader, "find_packaged", lambda: packaged)
    assert loader.load_library().version == "1.22.0"


@pytest.mark.skipif(sys.platform != "linux", reason="names in memory are tried on Linux")
def test_the_linked_library_is_the_one_that_the_process_has_already(fake_onnxruntime, monkeypatch):
    inside = fake_onnxruntime("1.22.1", path="inside/lib.so", soname="libhugot-inside.so.1")
    already = loader.load_library(inside)
    monkeypatch.setattr(loader, "LINKED_SONAME", "libhugot-inside.so.1")
    monkeypatch.setattr(loader, "LINKED_PATH", "/no/such/file")
    assert loader.load_library() is already


def test_the_packaged_library_comes_before_the_systems(fake_onnxruntime, monkeypatch):
    packaged = fake_onnxruntime("1.23.0", path="packaged/libonnxruntime.so")
    system = fake_onnxruntime("1.24.0", path="system/libonnxruntime.so")
    monkeypatch.setattr(loader, "find_packaged", lambda: packaged)
    monkeypatch.setattr(loader, "_LOADER_NAMES", (str(system),))
    assert loader.load_library().version == "1.23.0"


@pytest.mark.skipif(sys.platform != "linux", reason="other loaders read other variables")
def test_without_a_package_the_systems_loader_finds_the_library(fake_onnxruntime):
    system = fake_onnxruntime("1.24.0", path="system/libonnxruntime.so.1")
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from hugot._ort import loader\n"
        "loader.LINKED_SONAME = ''\n"
        "print(loader.load_library().path)"
    )
    environment = os.environ | {"LD_LIBRARY_PATH": str(system.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(system)


def test_no_library_anywhere_is_an_error_with_instructions(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(RuntimeLibraryError) as caught:
        loader.load_library()
    for way_out in ("pip install onnxruntime", "onnxruntime_library=", "HUGOT_ONNXRUNTIME"):
        assert way_out in str(caught.value)


def test_a_folder_stands_for_the_library_in_it(fake_onnxruntime):
    path = fake_onnxruntime("1.20.3", path="folder/libonnxruntime.so.1")
    assert loader.load_library(path.parent).path == str(path)


@pytest.mark.parametrize("inside", ["capi", "onnxruntime/capi"])
def test_a_folder_into_which_a_package_was_installed_stands_for_its_library(
    fake_onnxruntime, tmp_path, inside
):
    path = fake_onnxruntime("1.20.7", path=f"target/{inside}/libonnxruntime.so.1.20.7")
    assert loader.load_library(tmp_path / "target").path == str(path)


def test_a_folder_into_which_two_packages_were_installed_is_refused(fake_onnxruntime, tmp_path):
    fake_onnxruntime("1.20.8", path="target/onnxruntime/capi/libonnxruntime.so.1.20.8")
    packages(tmp_path / "target", "onnxruntime-1.20.8", "onnxruntime_gpu-1.20.8")
    with pytest.raises(RuntimeLibraryError, match="onnxruntime and onnxruntime-gpu are both"):
        loader.load_library(tmp_path / "target")


def test_a_path_may_begin_in_the_home_folder(fake_onnxruntime, tmp_path, monkeypatch):
    path = fake_onnxruntime("1.20.4", path="lib/libonnxruntime.so")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert loader.load_library("~/lib/libonnxruntime.so").path == str(path)


def test_a_path_may_begin_in_the_current_folder(fake_onnxruntime, monkeypatch):
    path = fake_onnxruntime("1.20.5", path="here/libonnxruntime.so")
    monkeypatch.chdir(path.parent)
    assert Path(loader.load_library("./libonnxruntime.so").path).resolve() == path


@pytest.mark.parametrize("given_as", ["onnxruntime_library", loader.ENVIRONMENT_VARIABLE])
def test_a_folder_without_a_library_is_an_error_that_names_the_setting(
    tmp_path, monkeypatch, given_as
):
    monkeypatch.setenv(loader.ENVIRONMENT_VARIABLE, str(tmp_path))
    path = tmp_path if given_as == "onnxruntime_library" else None
    with pytest.raises(RuntimeLibraryError, match=f"^{given_as}=.*holds no file"):
        loader.load_library(path)


@pytest.mark.parametrize("given_as", ["onnxruntime_library", loader.ENVIRONMENT_VARIABLE])
def test_a_missing_file_is_an_error_that_names_the_setting(tmp_path, monkeypatch, given_as):
    missing = str(tmp_path / "libonnxruntime.so")
    monkeypatch.setenv(loader.ENVIRONMENT_VARIABLE, missing)
    path = missing if given_as == "onnxruntime_library" else None
    with pytest.raises(RuntimeLibraryError, match=f"^{given_as}=.*there is no such file"):
        loader.load_library(path)


def test_an_empty_path_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / _packaged_name("1.24.1")).touch()
    with pytest.raises(RuntimeLibraryError, match="onnxruntime_library=''"):
        loader.load_library("")


def test_an_empty_environment_variable_names_nothing(fake_onnxruntime, monkeypatch):
    packaged = fake_onnxruntime("1.23.1", path="packaged/libonnxruntime.so")
    monkeypatch.setenv(loader.ENVIRONMENT_VARIABLE, "")
    monkeypatch.setattr(loader, "find_packaged", lambda: packaged)
    assert loader.load_library().version == "1.23.1"


def test_the_packaged_library_is_found_without_importing_the_package(site_packages):
    found = loader.find_packaged()
    assert found == site_packages / "onnxruntime" / "capi" / _packaged_name("1.24.1")


def test_no_package_has_no_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert loader.find_packaged() is None


def test_a_package_without_a_library_has_none(site_packages):
    (site_packages / "onnxruntime" / "capi" / _packaged_name("1.24.1")).unlink()
    assert loader.find_packaged() is None


def test_two_packages_in_one_folder_are_an_error_that_names_both(site_packages):
    packages(site_packages, "onnxruntime-1.24.1", "onnxruntime_gpu-1.24.1")
    with pytest.raises(RuntimeLibraryError, match="pip uninstall onnxruntime onnxruntime-gpu'"):
        loader.find_packaged()


def test_the_error_for_two_packages_in_one_folder_names_the_owner_of_the_files(site_packages):
    packages(site_packages, "onnxruntime-1.24.1", "onnxruntime_openvino-1.24.1")
    information = site_packages / "onnxruntime" / "capi" / "build_and_package_info.py"
    information.write_text("package_name = 'onnxruntime-openvino'\n__version__ = '1.24.1'\n")
    with pytest.raises(RuntimeLibraryError) as caught:
        loader.find_packaged()
    for fact in (
        "files that are there now are those of onnxruntime-openvino",
        "pip uninstall onnxruntime onnxruntime-openvino",
        "pip install onnxruntime-openvino",
        str(site_packages),
        "onnxruntime_library=",
    ):
        assert fact in str(caught.value)


def test_two_packages_do_no_harm_if_a_library_is_named(site_packages, fake_onnxruntime):
    packages(site_packages, "onnxruntime-1.24.1", "onnxruntime_openvino-1.24.1")
    assert loader.load_library(fake_onnxruntime("1.20.6")).version == "1.20.6"


@pytest.mark.parametrize("one", ["onnxruntime-1.24.1", "onnxruntime_gpu-1.24.1"])
def test_one_package_beside_tools_of_a_similar_name_is_no_conflict(site_packages, one):
    packages(site_packages, one, "onnxruntime_extensions-0.13.0", "onnxruntime_genai-0.5.0")
    assert loader.find_packaged() is not None
