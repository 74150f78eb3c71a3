"""How CMake looks for ONNX Runtime, and what it says about it."""

from __future__ import annotations

import re
import shutil
import subprocess
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

LOADED = "ONNX Runtime: loaded when hugot runs"
_ARCHITECTURE = subprocess.run(
    ["cc", "-print-multiarch"], capture_output=True, text=True, check=False
).stdout.strip()
# Hides an ONNX Runtime that this machine may have.
_FOLDERS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64")
NO_SYSTEM = (
    "CMAKE_IGNORE_PATH=" + ";".join((*_FOLDERS, *(f"{each}/{_ARCHITECTURE}" for each in _FOLDERS))),
)
NO_PACKAGES = {"PKG_CONFIG_LIBDIR": ""}


def test_system_without_a_library_stops_and_says_what_to_set(
    configure: Callable[..., str],
) -> None:
    output = configure("HUGOT_LINK=system", *NO_SYSTEM, **NO_PACKAGES, fails=True)
    assert "HUGOT_LINK=system, but no ONNX Runtime was found" in output
    assert "OnnxRuntime_ROOT" in output


def test_auto_without_a_library_goes_on_without_one(configure: Callable[..., str]) -> None:
    output = configure(*NO_SYSTEM, **NO_PACKAGES)
    assert "Looking for ONNX Runtime on this system - not found" in output
    assert LOADED in output


def test_a_named_folder_without_a_library_stops_the_build(
    configure: Callable[..., str], tmp_path: Path
) -> None:
    output = configure(f"OnnxRuntime_ROOT={tmp_path}", fails=True)
    assert f"Looking for ONNX Runtime in {tmp_path} - not found" in output
    assert "OnnxRuntime_ROOT names a folder without an ONNX Runtime" in output


def test_runtime_takes_no_notice_of_a_library(
    configure: Callable[..., str], fake_library: Callable[..., Path], tmp_path: Path
) -> None:
    fake_library(tmp_path / "lib")
    output = configure("HUGOT_LINK=runtime", OnnxRuntime_ROOT=str(tmp_path))
    assert LOADED in output
    assert "Looking for ONNX Runtime" not in output


def test_another_value_of_hugot_link_is_refused(configure: Callable[..., str]) -> None:
    output = configure("HUGOT_LINK=static", fails=True)
    assert "HUGOT_LINK is 'static'; it can be auto, system or runtime" in output


@pytest.mark.skipif(not _ARCHITECTURE, reason="this compiler knows no multiarch folder")
def test_a_library_in_a_multiarch_folder_is_found_and_its_soname_read(
    configure: Callable[..., str], fake_library: Callable[..., Path], tmp_path: Path
) -> None:
    library = fake_library(tmp_path / "usr" / "lib" / _ARCHITECTURE, "libonnxruntime.so.1.21")
    output = configure(f"OnnxRuntime_ROOT={tmp_path}/usr")
    assert f"Looking for ONNX Runtime in {tmp_path}/usr - {library} 1.21.0" in output
    assert f"linked against libonnxruntime.so.1.21 in {library.parent}" in output


def test_a_build_folder_used_again_follows_a_changed_root(
    configure: Callable[..., str], fake_library: Callable[..., Path], tmp_path: Path
) -> None:
    for name in ("first", "second"):
        library = fake_library(tmp_path / name / "lib")
        output = configure(OnnxRuntime_ROOT=str(tmp_path / name))
        assert f"linked against libonnxruntime.so.1 in {library.parent}" in output


@pytest.mark.skipif(not shutil.which("pkg-config"), reason="no pkg-config here")
def test_a_library_that_pkg_config_knows_is_found(
    configure: Callable[..., str], fake_library: Callable[..., Path], tmp_path: Path
) -> None:
    library = fake_library(tmp_path / "odd" / "place")
    (tmp_path / "libonnxruntime.pc").write_text(
        f"libdir={library.parent}\nincludedir={tmp_path}\n"
        "Name: onnxruntime\nDescription: -\nVersion: 1.21.0\nLibs: -L${libdir} -lonnxruntime\n"
    )
    output = configure(PKG_CONFIG_PATH=str(tmp_path))
    assert f"Looking for ONNX Runtime on this system - {library} 1.21.0" in output


# CMake's install(EXPORT) writes the name of the configuration that was built: Debian's is
# RelWithDebInfo. NOCONFIG is what a build without one gives.
@pytest.mark.parametrize("suffix", ["", "_NOCONFIG", "_RELWITHDEBINFO"])
def test_a_library_that_its_own_cmake_configuration_names_is_found(
    configure: Callable[..., str],
    fake_library: Callable[..., Path],
    tmp_path: Path,
    suffix: str,
) -> None:
    library = fake_library(tmp_path / "odd" / "place")
    config = tmp_path / "lib" / "cmake" / "onnxruntime" / "onnxruntimeConfig.cmake"
    config.parent.mkdir(parents=True)
    config.write_text(
        "add_library(onnxruntime::onnxruntime SHARED IMPORTED)\n"
        "set_target_properties(onnxruntime::onnxruntime PROPERTIES\n"
        f'  IMPORTED_CONFIGURATIONS "{suffix[1:]}"\n'
        f'  IMPORTED_LOCATION{suffix} "{library.resolve()}")\n'
    )
    output = configure(f"CMAKE_PREFIX_PATH={tmp_path}", *NO_SYSTEM, **NO_PACKAGES)
    assert f"Looking for ONNX Runtime on this system - {library.resolve()} 1.21.0" in output
    assert f"linked against libonnxruntime.so.1 in {library.parent}" in output


def test_the_faulty_cmake_configuration_of_an_archive_does_no_harm(
    configure: Callable[..., str], fake_library: Callable[..., Path], tmp_path: Path
) -> None:
    library = fake_library(tmp_path / "lib")
    config = tmp_path / "lib" / "cmake" / "onnxruntime" / "onnxruntimeConfig.cmake"
    config.parent.mkdir(parents=True)
    config.write_text('message(FATAL_ERROR "lib64/libonnxruntime.so does not exist")')
    output = configure(f"CMAKE_PREFIX_PATH={tmp_path}", *NO_SYSTEM, **NO_PACKAGES)
    assert f"Looking for ONNX Runtime on this system - {library} 1.21.0" in output


def test_a_library_that_hugot_could_not_use_is_left_alone(
    configure: Callable[..., str], fake_library: Callable[..., Path], tmp_path: Path
) -> None:
    library = fake_library(tmp_path / "lib", version="1.15.1")
    output = configure(f"CMAKE_PREFIX_PATH={tmp_path}", *NO_SYSTEM, **NO_PACKAGES)
    assert f"{library} is version 1.15.1, older than 1.19" in output
    assert LOADED in output


def test_a_library_whose_version_cannot_be_told_is_linked(
    configure: Callable[..., str], fake_library: Callable[..., Path], tmp_path: Path
) -> None:
    library = fake_library(tmp_path / "lib", version="")
    assert f"linked against libonnxruntime.so.1 in {library.parent}" in configure(
        f"OnnxRuntime_ROOT={tmp_path}"
    )


def test_the_oldest_library_that_is_linked_is_the_oldest_that_is_loaded() -> None:
    linked = re.search(
        r"find_package\(OnnxRuntime 1\.(\d+)", (ROOT / "cmake/HugotLink.cmake").read_text()
    )
    loaded = re.search(
        r"^OLDEST_MINOR = (\d+)", (ROOT / "src/hugot/_ort/library.pyx").read_text(), re.M
    )
    assert linked is not None
    assert loaded is not None
    assert linked[1] == loaded[1]


def test_a_library_that_could_not_be_loaded_by_its_soname_is_not_linked(
    configure: Callable[..., str], fake_library: Callable[..., Path], tmp_path: Path
) -> None:
    library = fake_library(tmp_path / "lib", "libonnxruntime.so.1.21")
    target = library.resolve()
    (library.parent / "libonnxruntime.so.1.21").unlink()
    library.unlink()
    library.symlink_to(target)
    output = configure(f"OnnxRuntime_ROOT={tmp_path}", fails=True)
    assert f"{library} has no libonnxruntime.so.1.21 beside it" in output


def test_a_library_behind_a_link_is_loaded_from_the_folder_that_has_its_soname(
    configure: Callable[..., str], fake_library: Callable[..., Path], tmp_path: Path
) -> None:
    library = fake_library(tmp_path / "real" / "lib")
    link = tmp_path / "prefix" / "lib" / "libonnxruntime.so"
    link.parent.mkdir(parents=True)
    link.symlink_to(library)
    output = configure(f"OnnxRuntime_ROOT={tmp_path}/prefix")
    assert f"linked against libonnxruntime.so.1 in {library.parent}" in output
