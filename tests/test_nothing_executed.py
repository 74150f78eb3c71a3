"""A model folder is data: nothing in it is unpickled, imported or run."""

from __future__ import annotations

import ast
import pickle
import subprocess
import sys

import pytest
from places import ROOT

import hugot

MODELS = {
    "feature-extraction": "electra-features",
    "text-classification": "bert-uncased-text",
    "token-classification": "bert-cased-token",
}
EXECUTING = {
    "pickle",
    "cPickle",
    "dill",
    "joblib",
    "marshal",
    "shelve",
    "torch",
    "runpy",
    "imp",
    "code",
}
CALLS = {"eval", "exec", "compile", "execfile", "system", "popen"}
SOURCES = sorted((ROOT / "src" / "hugot").rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_no_source_imports_or_calls_what_executes_data(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not {alias.name.partition(".")[0] for alias in node.names} & EXECUTING
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] not in EXECUTING
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
            of_re = (
                isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "re"
            )
            assert name not in CALLS or of_re, f"line {node.lineno}"


def test_no_compiled_module_does_either():
    for path in sorted((ROOT / "src" / "hugot").rglob("*.pyx")):
        text = path.read_text(encoding="utf-8")
        assert "import pickle" not in text
        assert "eval(" not in text
        assert "exec(" not in text


class Payload:
    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return open, (self.trace, "w")


@pytest.mark.parametrize("task", MODELS)
def test_pickles_and_programs_in_a_folder_are_never_opened(copy_of, tmp_path, task):
    folder = copy_of(MODELS[task])
    trace = tmp_path / "executed"
    program = f"open({str(trace)!r}, 'w')"
    hostile = ["pytorch_model.bin", "model.pkl", "data.pickle", "x.pt", "2_Dense/pytorch_model.bin"]
    (folder / "2_Dense").mkdir(exist_ok=True)
    for name in hostile:
        (folder / name).write_bytes(pickle.dumps(Payload(str(trace))))
    programs = ["modeling.py", "json.py", "numpy.py", "sitecustomize.py", "2_Dense/__init__.py"]
    for name in programs:
        (folder / name).write_text(program)
    opened = tmp_path / "opened"
    script = (
        "import sys\n"
        f"log = open({str(opened)!r}, 'w')\n"
        "sys.addaudithook(lambda event, args: event == 'open' and log.write(f'{args[0]}\\n'))\n"
        "import hugot\n"
        f"with hugot.pipeline({task!r}, {str(folder)!r}) as pipeline: pipeline(['a', 'b'])\n"
    )
    subprocess.run([sys.executable, "-P", "-c", script], cwd=folder, check=True)
    assert not trace.exists()
    seen = opened.read_text().splitlines()
    assert any(name.startswith(str(folder)) for name in seen)
    for name in [*hostile, *programs]:
        assert str(folder / name) not in seen


def test_weights_that_are_a_pickle_are_refused(copy_of):
    folder = copy_of("electra-features")
    (folder / "2_Dense" / "model.safetensors").rename(folder / "2_Dense" / "pytorch_model.bin")
    with pytest.raises(hugot.ModelFormatError, match="are a pickle, which hugot does not open"):
        hugot.pipeline("feature-extraction", folder)
