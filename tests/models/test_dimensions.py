"""The open dimensions of a graph, read from its file."""

from __future__ import annotations

import onnx
import pytest
from ort_graphs import graph, value

from hugot.errors import ModelFormatError
from hugot.models.signature import read_dimensions


def test_names_and_denotations_are_those_of_the_inputs_alone(tmp_path):
    model = graph(
        [("Neg", "x", "y"), ("Abs", "z", "w")],
        [value("x", shape=["rows", 4, None]), value("z", shape=["l\u00e4nge", "rows"])],
        [value("y", shape=["of the output", 4, None]), value("w", shape=[None, None])],
    )
    model.graph.input[0].type.tensor_type.shape.dim[0].denotation = "DATA_BATCH"
    onnx.save(model, tmp_path / "model.onnx")
    found = read_dimensions(tmp_path / "model.onnx")
    assert found.names == {"rows", "l\u00e4nge"}
    assert found.denotations == {"DATA_BATCH"}


def test_a_model_of_the_real_kind_has_the_names_that_its_exporter_gave(models):
    found = read_dimensions(models / "bert-uncased-text" / "model.onnx")
    assert found.names == {"batch_size", "sequence_length"}
    assert not found.denotations


def test_a_file_that_is_no_model_is_an_error_that_names_it(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"no model at all")
    with pytest.raises(ModelFormatError, match=r"model\.onnx"):
        read_dimensions(tmp_path / "model.onnx")
