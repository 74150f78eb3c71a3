"""Weights outside of a model's folder are not read."""

from __future__ import annotations

import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from ort_graphs import library

import hugot
from hugot.errors import ModelFormatError
from hugot.models.graph import check_external_data


@pytest.fixture
def folder(tmp_path):
    """A folder with weights in it, weights beside it, and links to both."""
    folder = tmp_path / "model"
    (folder / "inner").mkdir(parents=True)
    weights = np.arange(4, dtype=np.float32).tobytes()
    for place in ("inside.bin", "inner/inside.bin", "../outside.bin"):
        (folder / place).write_bytes(weights)
    (folder / "link.bin").symlink_to("../outside.bin")
    (folder / "link_within.bin").symlink_to("inside.bin")
    (folder / "parent").symlink_to("..")
    return folder


def write_graph(folder, location):
    tensor = TensorProto(name="w", data_type=1, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    ends = [helper.make_tensor_value_info(name, 1, [4]) for name in "xy"]
    node = helper.make_node("Add", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [tensor])
    onnx.save(helper.make_model(graph, ir_version=8), folder / "model.onnx")
    return folder / "model.onnx"


OUTSIDE = [
    "../outside.bin",
    "inner/../../outside.bin",
    "/etc/hostname",
    "link.bin",
    "parent/outside.bin",
]


@pytest.mark.parametrize("location", [*OUTSIDE, "C:\\x", "\\\\host\\x", "..\\outside.bin", "C:x"])
def test_data_outside_of_the_folder_is_refused(folder, location):
    path = write_graph(folder, location)
    with pytest.raises(ModelFormatError, match="which is not in its folder"):
        check_external_data(path)


@pytest.mark.parametrize(
    "location", ["inside.bin", "inner/inside.bin", "./inside.bin", "link_within.bin"]
)
def test_data_within_the_folder_is_accepted(folder, location):
    check_external_data(write_graph(folder, location))


def test_links_as_the_cache_of_the_hub_has_them_are_accepted(tmp_path):
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "main"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    (blobs / "weights").write_bytes(bytes(16))
    os.rename(write_graph(blobs, "model.onnx_data"), blobs / "graph")
    (snapshot / "model.onnx").symlink_to("../../blobs/graph")
    (snapshot / "model.onnx_data").symlink_to("../../blobs/weights")
    check_external_data(snapshot / "model.onnx")


@pytest.mark.parametrize("location", OUTSIDE)
def test_no_onnx_runtime_reads_data_outside_of_the_folder(copy_of, location):
    # Here it is ONNX Runtime's own check for 1.24 and later, and ours for what is older.
    folder = copy_of("bert-uncased-text-external")
    data = (folder / "model.onnx_data").read_bytes()
    (folder.parent / "outside.bin").write_bytes(data)
    (folder / "link.bin").symlink_to("../outside.bin")
    (folder / "parent").symlink_to("..")
    (folder / "inner").mkdir()
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelFormatError):
        hugot.pipeline("text-classification", folder)


def test_the_check_is_made_for_an_onnx_runtime_that_has_none(copy_of, monkeypatch):
    folder = copy_of("bert-uncased-text-external")
    seen = []
    monkeypatch.setattr("hugot.runtime.sessions.check_external_data", seen.append)
    hugot.pipeline("text-classification", folder).close()
    checked_by_itself = library().api_version >= 24
    assert bool(seen) is not checked_by_itself
    monkeypatch.setattr("hugot.runtime.sessions.EXTERNAL_DATA_CHECKED_SINCE", 99)
    hugot.pipeline("text-classification", folder).close()
    assert seen[-1] == folder / "model.onnx"


@pytest.mark.parametrize("attribute", [False, True])
def test_tensors_of_constants_and_subgraphs_are_seen(folder, attribute):
    tensor = TensorProto(name="w", data_type=1, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../outside.bin")
    value = helper.make_tensor_value_info("y", 1, [4])
    constant = helper.make_node("Constant", [], ["y"], value=tensor)
    body = helper.make_graph(
        [constant] if attribute else [helper.make_node("Identity", ["w"], ["y"])],
        "body",
        [],
        [value],
        [] if attribute else [tensor],
    )
    choice = helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)
    condition = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
    graph = helper.make_graph([choice], "g", [condition], [value])
    path = folder / "model.onnx"
    path.write_bytes(helper.make_model(graph, ir_version=8).SerializeToString())
    with pytest.raises(ModelFormatError, match=r"'\.\./outside\.bin'"):
        check_external_data(path)
