"""What SECURITY.md promises of a model's files: they are data, nothing in them is run."""

from __future__ import annotations

import ast
import json
import pickle
from pathlib import Path

import pytest

import hugot
from hugot.errors import ModelFormatError, ModelNotFoundError

PACKAGE = Path(hugot.__file__).parent
UNPICKLERS = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "torch"}


class Trap:
    """A pickle of this leaves a file where it is opened."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.name)
def test_no_module_unpickles_or_evaluates(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert UNPICKLERS.isdisjoint(alias.name.partition(".")[0] for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] not in UNPICKLERS
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec", "__import__")


def test_a_pickle_in_a_model_is_not_opened(copy_of, tmp_path):
    mark = tmp_path / "opened"
    model = copy_of("bert-uncased-features-sentence")
    modules = json.loads((model / "modules.json").read_text())
    dense = {"idx": len(modules), "name": "x", "path": "9_Dense"}
    modules.append({**dense, "type": "sentence_transformers.models.Dense"})
    (model / "modules.json").write_text(json.dumps(modules))
    (model / "9_Dense").mkdir()
    config = {"in_features": 32, "out_features": 8, "bias": True}
    (model / "9_Dense" / "config.json").write_text(json.dumps(config))
    (model / "9_Dense" / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises((ModelFormatError, ModelNotFoundError)):
        hugot.pipeline("feature-extraction", model)
    assert not mark.exists()


def test_python_files_of_a_model_are_not_run(copy_of, tmp_path):
    mark = tmp_path / "run"
    model = copy_of("bert-uncased-text")
    (model / "modeling_custom.py").write_text(f"open({str(mark)!r}, 'w')")
    config = json.loads((model / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "modeling_custom.Model"}
    (model / "config.json").write_text(json.dumps(config))
    with hugot.pipeline("text-classification", model) as classify:
        assert classify("good")
    assert not mark.exists()
