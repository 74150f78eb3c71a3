"""Weights in other files may not leave the model's folder."""

from __future__ import annotations

import pytest

import hugot
from hugot.errors import ModelFormatError
from hugot.models.external import refuse_outside

onnx = pytest.importorskip("onnx")


def point_to(model, location, found_at):
    """Have the graph name its weights by `location`, and put the file of them at `found_at`."""
    path = model / "model.onnx"
    graph = onnx.load(str(path), load_external_data=False)
    names = set()
    for tensor in graph.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                names.add(entry.value)
                entry.value = location
    (name,) = names
    found_at.parent.mkdir(exist_ok=True)
    (model / name).rename(found_at)
    path.write_bytes(graph.SerializeToString())
    return path


@pytest.fixture
def model(copy_of):
    return copy_of("bert-uncased-text-external")


@pytest.mark.parametrize("location", ["../stolen.bin", "weights/../../stolen.bin", "ABSOLUTE"])
def test_weights_outside_of_the_folder_are_refused(model, location):
    outside = model.parent / "stolen.bin"
    location = location.replace("ABSOLUTE", str(outside))
    path = point_to(model, location, outside)
    with pytest.raises(ModelFormatError, match="outside of its folder"):
        refuse_outside(path)
    with pytest.raises(hugot.HugotError):
        hugot.pipeline("text-classification", model)


def test_a_link_that_leads_out_of_the_folder_is_refused(model):
    outside = model.parent / "stolen.bin"
    path = point_to(model, "link.bin", outside)
    (model / "link.bin").symlink_to(outside)
    with pytest.raises(ModelFormatError, match="outside of its folder"):
        refuse_outside(path)
    with pytest.raises(hugot.HugotError):
        hugot.pipeline("text-classification", model)


def test_weights_below_the_folder_are_loaded(model):
    path = point_to(model, "weights/part.bin", model / "weights" / "part.bin")
    refuse_outside(path)
    with hugot.pipeline("text-classification", model) as classify:
        assert classify("good")


def test_a_graph_that_is_a_link_may_have_its_weights_where_it_leads(model, tmp_path):
    path = point_to(model, "weights.bin", model / "weights.bin")
    linked = tmp_path / "snapshot"
    linked.mkdir()
    for file in ("model.onnx", "weights.bin"):
        (linked / file).symlink_to(path.parent / file)
    refuse_outside(linked / "model.onnx")


def test_an_older_runtime_is_not_asked_for_what_is_refused(model, monkeypatch):
    monkeypatch.setattr("hugot.runtime.native.CHECKED_BY_RUNTIME", 100)
    point_to(model, "../stolen.bin", model.parent / "stolen.bin")
    with pytest.raises(ModelFormatError, match="outside of its folder"):
        hugot.pipeline("text-classification", model)
