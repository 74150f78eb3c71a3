"""Loading in a subprocess first."""

from __future__ import annotations

import os
import signal
import sys

import onnx
import pytest
from onnx import numpy_helper

from hugot.errors import HugotError, InferenceError, ModelFormatError, TokenizerError
from hugot.models import load_check
from hugot.models.bundle import open_bundle
from hugot.models.load_check import check_graph, load_in_subprocess


@pytest.mark.parametrize("name", ["bert-uncased-text", "qwen2-token", "bert-uncased-text-external"])
def test_a_sound_model_passes(models, name):
    assert load_in_subprocess(open_bundle(models / name)) is None


def test_token_ids_beyond_the_embedding_are_found(copy_of):
    folder = copy_of("bert-uncased-text")
    model = onnx.load(folder / "model.onnx")
    [gather] = [
        node for node in model.graph.node if "input_ids" in node.input and node.op_type == "Gather"
    ]
    [table] = [each for each in model.graph.initializer if each.name == gather.input[0]]
    table.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(table)[:-1].copy(), table.name))
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(InferenceError, match="out of"):
        load_in_subprocess(open_bundle(folder))


@pytest.mark.parametrize(
    ("file", "data", "error"),
    [
        ("model.onnx", b"", ModelFormatError),
        ("model.onnx", b"\0" * 1000, ModelFormatError),
        ("model.onnx", b"PK\x03\x04", ModelFormatError),
        ("tokenizer.json", b"{}", TokenizerError),
    ],
)
def test_a_damaged_file_is_an_error(copy_of, file, data, error):
    folder = copy_of("bert-uncased-text")
    (folder / file).write_bytes(data)
    with pytest.raises(error):
        load_in_subprocess(open_bundle(folder))


def test_a_graph_is_checked_before_it_is_loaded(copy_of):
    folder = copy_of("bert-uncased-text")
    data = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(data[:-100])
    with pytest.raises(ModelFormatError, match="cannot be read as an ONNX file"):
        check_graph(open_bundle(folder))


def run_instead(monkeypatch, program):
    """Have the child run a program of the test's."""
    real = load_check.subprocess.run

    def run(command, **options):
        return real([sys.executable, "-c", program], **options)

    monkeypatch.setattr(load_check.subprocess, "run", run)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_crash_of_the_child_is_an_error_that_names_the_signal(models, monkeypatch):
    run_instead(monkeypatch, f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})")
    with pytest.raises(ModelFormatError, match="ends the process that loads it: SIGSEGV"):
        load_in_subprocess(open_bundle(models / "bert-uncased-text"))


def test_a_child_that_does_not_end_is_an_error(models, monkeypatch):
    run_instead(monkeypatch, "import time; time.sleep(60)")
    with pytest.raises(ModelFormatError, match=r"was not loaded and run within 0\.5 s"):
        load_in_subprocess(open_bundle(models / "bert-uncased-text"), seconds=0.5)


def test_the_error_of_the_child_is_raised_here(models):
    with pytest.raises(HugotError, match="/no/such/library"):
        load_in_subprocess(
            open_bundle(models / "bert-uncased-text"), onnxruntime_library="/no/such/library"
        )
