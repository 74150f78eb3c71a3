"""Ways to change a graph so that it is no longer the one that a pipeline expects."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_DTYPES = (
    TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16, TensorProto.INT64,
    TensorProto.INT32, TensorProto.INT8, TensorProto.UINT8, TensorProto.BOOL, TensorProto.STRING,
)  # fmt: skip
_DIMENSIONS = (-1, -(2**63), 0, 1, 2, 3, 8, 2**31, 2**62, "batch", "", "n\0n")
_OPERATORS = (
    "Gather", "MatMul", "Add", "Reshape", "Transpose", "Shape", "Identity", "Softmax", "Expand", "Slice",
    "Unsqueeze", "LayerNormalization", "Cast", "ConstantOfShape", "Tile", "Range", "NonZero", "Nothing",
)  # fmt: skip


def change(folder, random):
    """Change the graph of a folder in one or two ways; tells what was done."""
    path = folder / "model.onnx"
    model = onnx.load(path)
    done = []
    for _ in range(random.choice((1, 1, 1, 2))):
        way = random.choice(_WAYS)
        if (
            model.graph.output
            and model.graph.input
            and model.graph.initializer
            and model.graph.node
        ):
            # The second change may not know what to do with what the first one left.
            with suppress(ValueError, TypeError, IndexError):
                done.append(f"{way.__name__.strip('_')} {way(model, random)}")
    data = model.SerializeToString()
    if random.random() < 0.1:
        data, more = _change_name(data, model, random)
        done.append(more)
    path.write_bytes(data)
    return "; ".join(done)


def _end(model, nodes, weights=(), *, rank=None, dtype=None):
    """Put nodes between what was the first output and the output of that name."""
    output = model.graph.output[0]
    for node in model.graph.node:
        for number, name in enumerate(node.output):
            if name == output.name:
                node.output[number] = "before"
        for number, name in enumerate(node.input):
            if name == output.name:
                node.input[number] = "before"
    for name, array in weights:
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    model.graph.node.extend(nodes)
    if rank is not None:
        del output.type.tensor_type.shape.dim[:]
        for axis in range(rank):
            output.type.tensor_type.shape.dim.add().dim_param = f"axis{axis}"
    if dtype is not None:
        output.type.tensor_type.elem_type = dtype


def _declared_rank(model):
    return len(model.graph.output[0].type.tensor_type.shape.dim)


def _slice_output(model, random):
    """Fewer rows, tokens or values than were asked for, under a shape that allows them."""
    axis = random.randrange(3)
    first, stop = random.choice(((0, 1), (0, 0), (1, 9), (0, -1), (2, 99)))
    name = model.graph.output[0].name
    node = helper.make_node("Slice", ["before", "cut_first", "cut_stop", "cut_axis"], [name])
    weights = [("cut_first", np.array([first])), ("cut_stop", np.array([stop]))]
    _end(model, [node], [*weights, ("cut_axis", np.array([axis]))], rank=_declared_rank(model))
    return axis, first, stop


def _repeat_output(model, random):
    """More rows, tokens or values than were asked for."""
    rank = _declared_rank(model)
    times = [random.choice((1, 1, 2, 5)) for _ in range(rank)]
    node = helper.make_node("Tile", ["before", "times"], [model.graph.output[0].name])
    _end(model, [node], [("times", np.array(times))], rank=rank)
    return times


def _turn_output(model, random):
    rank = _declared_rank(model)
    order = random.sample(range(rank), rank)
    name = model.graph.output[0].name
    _end(model, [helper.make_node("Transpose", ["before"], [name], perm=order)], rank=rank)
    return order


def _reshape_output(model, random):
    shape = random.choice(([-1], [1, -1], [-1, 1], [1, 1, -1], [1, 1, 1, -1], [-1, 1, 1], [0, -1]))
    rank = random.choice((_declared_rank(model), len(shape), None))
    node = helper.make_node("Reshape", ["before", "form"], [model.graph.output[0].name])
    _end(model, [node], [("form", np.array(shape))], rank=rank)
    if rank is None:
        model.graph.output[0].type.tensor_type.ClearField("shape")
    return shape, rank


def _cast_output(model, random):
    dtype = random.choice(_DTYPES)
    name = model.graph.output[0].name
    _end(model, [helper.make_node("Cast", ["before"], [name], to=dtype)], dtype=dtype)
    return dtype


def _spoil_output(model, random):
    """NaN and infinities in the answers."""
    value = random.choice((np.nan, np.inf, -np.inf, 3e38, 1e-45))
    node = helper.make_node(
        random.choice(("Add", "Mul")), ["before", "spoil"], [model.graph.output[0].name]
    )
    _end(model, [node], [("spoil", np.float32(value))])
    return value


def _spoil_weights(model, random):
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and random.random() < 0.3:
            array = numpy_helper.to_array(tensor).copy()
            array.reshape(-1)[: random.choice((1, 1, 100))] = random.choice(
                (np.nan, np.inf, -np.inf)
            )
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def _shrink_table(model, random):
    """Fewer rows in an embedding than there are ids."""
    tables = [each for each in model.graph.initializer if len(each.dims) == 2]
    if not tables:
        return None
    tensor = random.choice(tables)
    rows = random.choice((0, 1, 2, 5))
    name = tensor.name
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor)[:rows].copy(), name))
    return name, rows


def _lie_about_tensor(model, random):
    """Dimensions or an element type that do not fit the bytes."""
    tensor = random.choice(list(model.graph.initializer))
    if random.random() < 0.5:
        tensor.data_type = random.choice((*_DTYPES, 0, 99))
        return tensor.name, tensor.data_type
    dims = [
        random.choice([d for d in _DIMENSIONS if isinstance(d, int)])
        for _ in range(random.randrange(4))
    ]
    del tensor.dims[:]
    tensor.dims.extend(dims)
    return tensor.name, dims


def _cut_tensor(model, random):
    tensor = random.choice(list(model.graph.initializer))
    tensor.raw_data = tensor.raw_data[: random.randrange(len(tensor.raw_data) + 1)]
    return tensor.name


def _weights_elsewhere(model, random):
    """Weights in a file outside of the folder, or in one that is not there."""
    tensor = random.choice(list(model.graph.initializer))
    places = (
        "../outside",
        "/etc/passwd",
        "config.json",
        "nothing",
        "",
        "..",
        "a/../../outside",
        "/dev/zero",
    )
    entries = {
        "location": random.choice(places),
        "offset": random.choice(("0", "-1", "99999999999", "x", str(2**63))),
        "length": random.choice((str(len(tensor.raw_data)), "0", "-1", str(2**62), "x")),
    }
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return entries


def _change_input(model, random):
    each = random.choice(list(model.graph.input))
    tensor = each.type.tensor_type
    what = random.randrange(4)
    if what == 0:
        tensor.elem_type = random.choice((*_DTYPES, 0, 99))
        return each.name, tensor.elem_type
    if what == 1:
        tensor.ClearField("shape")
        return each.name, "no shape"
    dims = [random.choice(_DIMENSIONS) for _ in range(random.choice((0, 1, 2, 2, 2, 3, 40)))]
    del tensor.shape.dim[:]
    _add_dims(tensor.shape, dims)
    return each.name, dims[:4]


def _change_output(model, random):
    output = random.choice(list(model.graph.output))
    dims = [random.choice(_DIMENSIONS) for _ in range(random.choice((0, 1, 2, 3, 4)))]
    del output.type.tensor_type.shape.dim[:]
    _add_dims(output.type.tensor_type.shape, dims)
    return output.name, dims


def _add_dims(shape, dims):
    for dim in dims:
        if isinstance(dim, int):
            shape.dim.add().dim_value = dim
        else:
            shape.dim.add().dim_param = dim


def _other_ends(model, random):
    """Inputs or outputs more, fewer, renamed or of another kind."""
    ends = random.choice((model.graph.input, model.graph.output))
    what = random.randrange(6)
    if what == 0 and len(ends):
        del ends[random.randrange(len(ends))]
    elif what == 1:
        ends.append(helper.make_tensor_value_info("more", TensorProto.INT64, ["batch", "tokens"]))
    elif what == 2:
        ends[0].name = random.choice(
            ("", "x", "logits", "input_ids", "position_ids", "n\0n", "é" * 3000)
        )
    elif what == 3:
        ends[0].type.CopyFrom(helper.make_sequence_type_proto(ends[0].type))
    elif what == 4:
        ends[0].ClearField("type")
    else:
        del ends[:]
    return what


def _change_node(model, random):
    nodes = model.graph.node
    node = nodes[random.randrange(len(nodes))]
    what = random.randrange(7)
    if what == 0:
        node.op_type = random.choice(_OPERATORS)
    elif what == 1:
        nodes.remove(node)
    elif what == 2 and node.input:
        other = nodes[random.randrange(len(nodes))]
        node.input[random.randrange(len(node.input))] = (other.output or [""])[0]
    elif what == 3 and node.input:
        del node.input[random.randrange(len(node.input))]
    elif what == 4:
        node.domain = random.choice(("", "com.microsoft", "nobody"))
    elif what == 5 and node.attribute:
        attribute = random.choice(list(node.attribute))
        attribute.i = random.choice((-1, 0, 7, 2**31, 2**62, -(2**63)))
        attribute.type = random.choice((attribute.type, 0, 1, 2, 3, 7))
    else:
        nodes.append(node)
    return node.name, node.op_type, what


def _change_head(model, random):
    what = random.randrange(6)
    if what == 0:
        model.opset_import[0].version = random.choice((-1, 0, 1, 7, 99, 2**40))
    elif what == 1:
        del model.opset_import[:]
    elif what == 2:
        model.ir_version = random.choice((-1, 0, 3, 99))
    elif what == 3:
        del model.graph.node[:]
    elif what == 4:
        model.ClearField("graph")
    else:
        del model.graph.initializer[:]
    return what


def _change_constant(model, random):
    """Another number in a constant: sizes, axes and positions are such."""
    tensors = [a.t for node in model.graph.node for a in node.attribute if a.name == "value"]
    tensors += [each for each in model.graph.initializer if each.data_type == TensorProto.INT64]
    tensors = [each for each in tensors if each.data_type in (TensorProto.INT64, TensorProto.INT32)]
    if not tensors:
        return None
    tensor = random.choice(tensors)
    array = numpy_helper.to_array(tensor).copy()
    value = random.choice((-1, 0, 1, 3, 1000, 2**31 - 1, 2**40, -(2**63)))
    if array.dtype == np.int32:
        value = max(min(value, 2**31 - 1), -(2**31))
    if array.size:
        array.reshape(-1)[random.randrange(array.size)] = value
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    return tensor.name, value


def _change_name(data, model, random):
    """Bytes that are no UTF-8 in a name."""
    names = (
        [each.name for each in (*model.graph.input, *model.graph.output)]
        if model.HasField("graph")
        else []
    )
    names += ["batch_size", "sequence_length", "tokens", "batch"]
    name = random.choice(names).encode()
    return data.replace(name, b"\xff" * len(name)) if name else data, f"bytes for {name[:20]}"


_WAYS = (
    _slice_output, _repeat_output, _turn_output, _reshape_output, _cast_output, _spoil_output,
    _spoil_weights, _shrink_table, _lie_about_tensor, _cut_tensor, _weights_elsewhere, _change_input,
    _change_output, _other_ends, _change_node, _change_node, _change_node, _change_head,
    _change_constant, _change_constant,
)  # fmt: skip
