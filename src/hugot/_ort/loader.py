"""Search for the ONNX Runtime library.

The first of these sources that is available is used:

1. the option ``onnxruntime_library``,
2. the environment variable ``HUGOT_ONNXRUNTIME``,
3. the system library that hugot was linked against, which the process has already loaded,
4. the library in the installed ``onnxruntime`` package, found without importing it,
5. the library that the system's loader finds under the usual name.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hugot.errors import RuntimeLibraryError

try:
    from hugot._ort.library import LINKED_PATH, LINKED_SONAME, Library, open_library
except ImportError as error:
    # Without the system library that it is linked against, the module cannot be imported.
    raise RuntimeLibraryError(
        f"{error}. hugot was built against an ONNX Runtime of this system that is no longer there "
        "under that name. Install it again, or build hugot anew: 'pip install --force-reinstall "
        "--no-cache-dir --no-binary hugot hugot', or 'pip install .' in its source tree."
    ) from error

if TYPE_CHECKING:
    from collections.abc import Callable

ENVIRONMENT_VARIABLE = "HUGOT_ONNXRUNTIME"

# Packages that install into the same folder, onnxruntime/, and overwrite each other's files.
_CONFLICTING_PACKAGES = (
    "onnxruntime",
    "onnxruntime_directml",
    "onnxruntime_gpu",
    "onnxruntime_migraphx",
    "onnxruntime_openvino",
    "onnxruntime_qnn",
    "onnxruntime_rocm",
    "onnxruntime_training",
    "ort_nightly",
    "ort_nightly_directml",
    "ort_nightly_gpu",
)
if sys.platform == "win32":
    _FILE_PATTERN, _LOADER_NAMES = "onnxruntime.dll", ("onnxruntime.dll",)
elif sys.platform == "darwin":
    _FILE_PATTERN, _LOADER_NAMES = "libonnxruntime.*dylib", ("libonnxruntime.dylib",)
else:
    _FILE_PATTERN = "libonnxruntime.so*"
    _LOADER_NAMES = ("libonnxruntime.so.1", "libonnxruntime.so")


def load_library(path: str | os.PathLike[str] | None = None, *, telemetry: bool = False) -> Library:
    """Load ONNX Runtime.

    Args:
        path: a library, or a folder that contains one or its package; by default, the sources of this
            module are searched.
        telemetry: whether ONNX Runtime may collect telemetry.

    Raises RuntimeLibraryError if no library is found or it cannot be used.
    """
    return find_library(path, telemetry=telemetry)()


def find_library(
    path: str | os.PathLike[str] | None = None, *, telemetry: bool = False
) -> Callable[[], Library]:
    """Search for the library, and return a function that loads it.

    The arguments and errors are those of `load_library`. The returned function reads no other file and
    spends nearly all of its time without the GIL, so it is fit for a background thread.
    """
    if path is not None:
        return partial(open_library, _named(path, "onnxruntime_library"), telemetry=telemetry)
    if named := os.environ.get(ENVIRONMENT_VARIABLE):
        return partial(open_library, _named(named, ENVIRONMENT_VARIABLE), telemetry=telemetry)
    if LINKED_SONAME:
        return partial(_open_linked, telemetry)
    if packaged := find_packaged():
        return partial(open_library, str(packaged), telemetry=telemetry)
    return partial(_open_by_name, telemetry)


def _open_linked(telemetry: bool) -> Library:
    library = open_library(LINKED_SONAME, loaded_only=True, telemetry=telemetry)
    return library or open_library(LINKED_PATH, telemetry=telemetry)


def _open_by_name(telemetry: bool) -> Library:
    for name in _LOADER_NAMES:
        try:
            return open_library(name, telemetry=telemetry)
        except RuntimeLibraryError:
            continue
    raise RuntimeLibraryError(
        "no ONNX Runtime library was found. Install one with 'pip install onnxruntime' (or "
        "onnxruntime-gpu), or name a library with onnxruntime_library= or the environment variable "
        f"{ENVIRONMENT_VARIABLE}."
    )


def find_packaged() -> Path | None:
    """Return the library in the installed ``onnxruntime`` package, or None."""
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0])
    _refuse_conflicting_packages(folder.parent)
    found = sorted((folder / "capi").glob(_FILE_PATTERN))
    return found[-1] if found else None


def _named(path: str | os.PathLike[str], given_as: str) -> str:
    text = os.fspath(path)
    if not text:
        raise RuntimeLibraryError(f"{given_as}={text!r} names no library")
    if os.path.basename(text) == text and not Path(text).is_dir():
        return text  # a name without a folder, which the system's loader resolves
    named = Path(text).expanduser().absolute()
    if named.is_dir():
        for place in ("", "capi", "onnxruntime/capi"):
            if found := sorted((named / place).glob(_FILE_PATTERN)):
                if place.startswith("onnxruntime"):
                    _refuse_conflicting_packages(named)
                return str(found[-1])
        raise RuntimeLibraryError(f"{given_as}={text!r} holds no file {_FILE_PATTERN}")
    if not named.is_file():
        raise RuntimeLibraryError(f"{given_as}={text!r}: there is no such file")
    return str(named)


def _refuse_conflicting_packages(site_packages: Path) -> None:
    """Raise RuntimeLibraryError if several packages were installed into the same folder onnxruntime/."""
    installed = [
        name
        for name in _CONFLICTING_PACKAGES
        if any(site_packages.glob(f"{name}-[0-9]*.dist-info"))
    ]
    if len(installed) > 1:
        names = [name.replace("_", "-") for name in installed]
        last = _last_written(site_packages / "onnxruntime", names)
        owner = f" The files that are there now are those of {last}." if last else ""
        raise RuntimeLibraryError(
            f"the packages {' and '.join(names)} are both installed in {site_packages} and have "
            f"overwritten each other's files.{owner} Remove all of them ('pip uninstall "
            f"{' '.join(names)}'), then install the one that you want"
            f"{f' (pip install {last})' if last else ''}; or install one into a folder of its own with "
            "'pip install --target' and name its library with onnxruntime_library=."
        )


def _last_written(package: Path, names: list[str]) -> str | None:
    """Return the package that installed last, from the folder's build information, or None."""
    import re

    try:
        text = (package / "capi" / "build_and_package_info.py").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"""package_name\s*=\s*["']([\w-]+)["']""", text)
    return found[1] if found and found[1] in names else None
