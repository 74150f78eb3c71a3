"""Runs of a single row."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from ort_graphs import OPTIONS

from hugot._ort.loader import load_library
from hugot._ort.row import RowRunner
from hugot._ort.session import InferenceSession
from hugot.errors import InferenceError, InputError

NAMES = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
IDS = [101, 7, 2**31 - 1, 102]


def runner(inputs=NAMES, dtype=TensorProto.INT64, graph_nodes=None):
    """A graph that returns each input, doubled so that the output is not the input itself."""
    nodes = graph_nodes or [
        helper.make_node("Add", [name, name], [f"twice_{name}"]) for name in inputs
    ]
    outputs = [node.output[0] for node in nodes]
    graph = helper.make_graph(
        nodes,
        "rows",
        [helper.make_tensor_value_info(name, dtype, ["batch", "tokens"]) for name in inputs],
        [helper.make_tensor_value_info(name, dtype, None) for name in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return RowRunner(InferenceSession(load_library(), model.SerializeToString(), OPTIONS))


def numbers(tensors):
    return [tensor.numpy().tolist() for tensor in tensors]


@pytest.mark.parametrize("dtype", [TensorProto.INT64, TensorProto.INT32], ids=["int64", "int32"])
def test_a_row_is_fed_with_its_ids_a_mask_of_ones_types_and_positions(dtype) -> None:
    ids, types = [5, 6, 7], [0, 1, 1]
    found = numbers(runner(dtype=dtype).run(ids, types, range(4)))
    assert found == [[[10, 12, 14]], [[2, 2, 2]], [[0, 2, 2]], [[0, 2, 4]]]


def test_type_ids_that_are_not_given_are_zeros() -> None:
    [found] = runner(("token_type_ids",)).run(IDS, None, [0])
    assert found.numpy().tolist() == [[0, 0, 0, 0]]


def test_only_the_wanted_outputs_come_in_the_wanted_order() -> None:
    found = numbers(runner().run([1, 2], None, [3, 0]))
    assert found == [[[0, 2]], [[2, 4]]]


def test_large_ids_are_kept() -> None:
    [found] = runner(("input_ids",)).run(IDS, None, [0])
    assert found.numpy().tolist() == [[2 * each for each in IDS]]


def test_a_row_without_tokens_is_run_as_well() -> None:
    [found] = runner(("input_ids",)).run([], None, [0])
    assert found.shape == (1, 0)


def test_an_output_that_is_an_input_passed_through_is_a_copy() -> None:
    nodes = [helper.make_node("Identity", ["input_ids"], ["same"])]
    made = runner(("input_ids",), graph_nodes=nodes)
    [first] = made.run([1, 2, 3], None, [0])
    made.run([7, 8, 9], None, [0])
    assert first.numpy().tolist() == [[1, 2, 3]]


def test_type_ids_of_another_length_raise() -> None:
    with pytest.raises(InputError, match="2 token type ids for 3 tokens"):
        runner().run([1, 2, 3], [0, 0], [0])


@pytest.mark.parametrize("number", [-1, 4])
def test_an_output_that_is_not_there_raises(number) -> None:
    with pytest.raises(InputError, match="not one of the 4 outputs"):
        runner().run([1], None, [number])


@pytest.mark.parametrize("ids", [["a"], [None], [1.5], [2**70]])
def test_ids_that_are_no_numbers_raise_and_leave_the_runner_usable(ids) -> None:
    made = runner()
    with pytest.raises((TypeError, OverflowError)):
        made.run(ids, None, [0])
    assert numbers(made.run([1], None, [0])) == [[[2]]]


def test_an_error_of_the_runtime_is_an_inference_error() -> None:
    table = helper.make_node(
        "Constant", [], ["table"], value=onnx.numpy_helper.from_array(np.arange(4.0))
    )
    gather = helper.make_node("Gather", ["table", "input_ids"], ["found"])
    graph = helper.make_graph(
        [table, gather],
        "rows",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])],
        [helper.make_tensor_value_info("found", TensorProto.DOUBLE, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    made = RowRunner(InferenceSession(load_library(), model.SerializeToString(), OPTIONS))
    with pytest.raises(InferenceError, match="running the model"):
        made.run([9], None, [0])


@pytest.mark.parametrize(
    ("inputs", "dtype"),
    [(("input_ids", "pixels"), TensorProto.INT64), (("input_ids",), TensorProto.FLOAT)],
    ids=["another input", "another dtype"],
)
def test_a_graph_with_other_inputs_is_refused(inputs, dtype) -> None:
    with pytest.raises(InputError):
        runner(inputs, dtype)
