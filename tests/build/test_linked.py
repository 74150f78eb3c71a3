"""hugot linked against a system ONNX Runtime, in an environment without the onnxruntime package."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .building import PROJECT, ROOT, make_environment, run

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.build,
    pytest.mark.skipif(sys.platform != "linux", reason="modules are linked on Linux only"),
]


@dataclass
class Linked:
    """An environment with a linked hugot, and the library that it was linked against."""

    python: Path
    library: Path
    soname: str

    @property
    def module(self) -> Path:
        """The file of the module that is linked."""
        return next(self.python.parents[1].rglob("hugot/_ort/library.*.so"))


@pytest.fixture(scope="session")
def without_onnxruntime(
    tmp_path_factory: pytest.TempPathFactory, install: Callable[..., None]
) -> Path:
    """The Python of an environment with all that hugot needs but onnxruntime."""
    python = make_environment(tmp_path_factory.mktemp("without_onnxruntime") / "env")
    dependencies = PROJECT["project"]["dependencies"]
    install(python, *(name for name in dependencies if not name.startswith("onnxruntime")))
    return python


# The names that ONNX Runtime's own packages and Debian's give the library; the two ways to tell
# CMake where it is; and a folder whose name needs quotes.
@pytest.fixture(
    scope="session",
    params=[
        pytest.param(("libonnxruntime.so.1", "environment"), id="upstream"),
        pytest.param(("libonnxruntime.so.1.21", "setting"), id="debian"),
    ],
)
def linked(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    without_onnxruntime: Path,
    packaged_library: Path,
    patchelf: str,
    pip_build: Callable[..., None],
    install: Callable[..., None],
) -> Linked:
    soname, told_by = request.param
    folder = tmp_path_factory.mktemp("linked")
    root = folder / "system prefix"
    library = root / "lib" / "libonnxruntime.so.1.21.0"
    library.parent.mkdir(parents=True)
    shutil.copy(packaged_library, library)
    run(patchelf, "--set-soname", soname, library, cwd=folder)
    (library.parent / soname).symlink_to(library.name)
    (library.parent / "libonnxruntime.so").symlink_to(soname)
    if told_by == "environment":
        pip_build("wheel", ROOT, "--wheel-dir", folder, env={"OnnxRuntime_ROOT": str(root)})
    else:
        pip_build("wheel", ROOT, "--wheel-dir", folder, root=root)
    wheel = next(folder.glob("hugot-*.whl"))
    install(without_onnxruntime, "--no-deps", "--force-reinstall", wheel)
    return Linked(without_onnxruntime, library, soname)


def test_a_linked_module_needs_the_library_by_its_soname(linked: Linked, patchelf: str) -> None:
    needed = run(patchelf, "--print-needed", linked.module, cwd=linked.library.parent)
    assert linked.soname in needed.split()


def test_a_linked_module_has_the_folder_of_the_library_as_its_run_path(
    linked: Linked, patchelf: str
) -> None:
    run_path = run(patchelf, "--print-rpath", linked.module, cwd=linked.library.parent)
    assert run_path.strip() == str(linked.library.parent)


def test_a_linked_module_refers_to_no_release_of_the_library(linked: Linked) -> None:
    versions = run("readelf", "--version-info", "--wide", linked.module, cwd=linked.library.parent)
    assert "GLIBC" in versions
    assert not re.search("VERS_|onnxruntime", versions.replace(str(linked.module), ""))


def test_a_linked_hugot_runs_on_the_system_library_without_the_onnxruntime_package(
    linked: Linked, embed: Callable[..., dict[str, Any]]
) -> None:
    answer = embed(linked.python)
    assert answer["vector"] == [2.0, 4.0]
    assert Path(answer["library"]).resolve() == linked.library


def test_a_linked_hugot_still_takes_another_library_by_option(
    linked: Linked, packaged_library: Path, embed: Callable[..., dict[str, Any]]
) -> None:
    answer = embed(linked.python, onnxruntime_library=str(packaged_library))
    assert answer["vector"] == [2.0, 4.0]
    assert Path(answer["library"]).resolve() == packaged_library.resolve()


def test_a_linked_hugot_whose_library_is_gone_says_what_to_do(linked: Linked, model: Path) -> None:
    hidden = linked.library.rename(linked.library.with_suffix(".hidden"))
    hugot = linked.python.parent / "hugot"
    command = [hugot, "run", "--model", model, "--type", "featureExtraction"]
    try:
        output = run(*command, cwd=hidden.parent, input='{"input": "good film"}', fails=True)
    finally:
        hidden.rename(linked.library)
    assert output.count("\n") == 1
    assert linked.soname in output
    assert "build hugot anew" in output
