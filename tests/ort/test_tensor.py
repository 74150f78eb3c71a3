import gc

import numpy as np
import onnx
import pytest
from ort_graphs import (
    as_bytes,
    cast,
    constant,
    element_type,
    identity,
    negation,
    open_session,
    value,
)

from hugot.errors import InferenceError, ModelFormatError

# Element types that numpy has.
NUMPY_TYPES = [
    "float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
    "uint64", "bool",
]  # fmt: skip


def run(model, *inputs):
    """The first output of a run whose session no longer exists."""
    return open_session(model).run(list(inputs))[0]


def address(array):
    return array.ctypes.data


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,), (2, 0, 3), (1, 1, 1, 2)], ids=str)
@pytest.mark.parametrize("dtype", NUMPY_TYPES)
def test_an_output_of_a_type_of_numpys_is_an_array_of_it(dtype, shape):
    numbers = np.arange(int(np.prod(shape))) % 2 if dtype == "bool" else np.arange(np.prod(shape))
    expected = numbers.reshape(shape).astype(dtype)
    tensor = run(constant(expected))
    assert (tensor.dtype, tensor.shape) == (dtype, shape)
    assert tensor.numpy().dtype == np.dtype(dtype)
    np.testing.assert_array_equal(tensor.numpy(), expected)


@pytest.mark.parametrize("dtype", NUMPY_TYPES)
def test_numbers_come_out_as_they_went_in_to_their_limits(dtype):
    limits = np.iinfo(dtype) if dtype[0] in "iu" else np.finfo(dtype) if dtype[0] == "f" else None
    given = np.array([0, 1] if limits is None else [limits.min, 0, 1, limits.max], dtype)
    np.testing.assert_array_equal(run(identity(dtype), given).numpy(), given)


def test_infinities_and_nan_come_out_as_they_are():
    given = np.array([np.inf, -np.inf, np.nan, -0.0], np.float32)
    assert run(identity(), given).numpy().tobytes() == given.tobytes()


@pytest.mark.parametrize("shape", [(6,), (2, 3), (0, 3)], ids=str)
def test_bfloat16_comes_as_float32_of_the_same_value(shape):
    values = np.array([0.0, -1.0, 0.5, 3.140625, np.inf, -3.3895314e38], np.float32)
    given = np.resize(values, shape)
    tensor = run(cast("bfloat16", shape), given)
    assert tensor.dtype == "bfloat16"
    assert tensor.numpy().dtype == np.float32
    np.testing.assert_array_equal(tensor.numpy(), given)


def test_a_single_bfloat16_comes_as_an_array_without_dimensions():
    array = run(cast("bfloat16", ()), np.array(1.5, np.float32)).numpy()
    assert isinstance(array, np.ndarray)
    assert array.shape == ()
    assert array == 1.5


@pytest.mark.parametrize(
    ("dtype", "bits"),
    [
        ("float8e4m3fn", [0x00, 0x38, 0xC0, 0x7E]),
        ("float8e4m3fnuz", [0x00, 0x40, 0xC8, 0x7F]),
        ("float8e5m2", [0x00, 0x3C, 0xC0, 0x5F]),
        ("float8e5m2fnuz", [0x00, 0x40, 0xC4, 0x63]),
    ],
)
def test_eight_bit_floats_come_as_their_bits(dtype, bits):
    largest = 448.0 if dtype == "float8e4m3fn" else 240.0 if dtype == "float8e4m3fnuz" else 448.0
    tensor = run(cast(dtype), np.array([0.0, 1.0, -2.0, largest], np.float32))
    assert tensor.dtype == dtype
    assert tensor.numpy().dtype == np.uint8
    assert tensor.numpy().tolist() == bits


def four_bit(dtype, shape, numbers):
    tensor = onnx.helper.make_tensor("four_bit", element_type(dtype), shape, list(numbers))
    return constant(tensor)


@pytest.mark.parametrize(
    ("dtype", "given"),
    [("uint4", [0, 15, 8, 7, 1]), ("int4", [0, -8, 7, -1, 1])],
)
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_four_bit_integers_come_one_to_an_element(dtype, given, count):
    tensor = run(four_bit(dtype, (count,), given[:count]))
    assert tensor.dtype == dtype
    assert tensor.numpy().dtype == np.dtype(dtype.replace("4", "8"))
    assert tensor.numpy().tolist() == given[:count]


def test_four_bit_integers_keep_their_shape():
    tensor = run(four_bit("int4", (3, 1, 3), range(-4, 5)))
    assert tensor.numpy().tolist() == [[[-4, -3, -2]], [[-1, 0, 1]], [[2, 3, 4]]]


STRINGS = ["a", "", "\u00e9t\u00e9", "\U0001f600", "a\x00b", "x" * 1000]


@pytest.mark.parametrize("shape", [(6,), (2, 3), (), (0,), (2, 0)], ids=str)
def test_strings_come_as_an_array_of_str(shape):
    given = np.resize(np.array(STRINGS, object), shape)
    made = onnx.helper.make_tensor(
        "strings", onnx.TensorProto.STRING, shape, [each.encode() for each in given.flat]
    )
    tensor = run(constant(made))
    assert tensor.dtype == "string"
    assert tensor.numpy().shape == shape
    assert tensor.numpy().tolist() == given.tolist()


def test_strings_that_are_not_utf8_come_with_marks_in_place_of_what_is_wrong():
    made = onnx.helper.make_tensor("strings", onnx.TensorProto.STRING, [1], [b"caf\xe9"])
    assert run(constant(made)).numpy().tolist() == ["caf\ufffd"]


@pytest.mark.parametrize(
    ("model", "why"),
    [(constant(np.array(["a"], object)), "strings"), (four_bit("int4", (2,), [1, 2]), "four-bit")],
    ids=["string", "int4"],
)
def test_elements_that_are_no_whole_bytes_have_no_buffer(model, why):
    with pytest.raises(BufferError, match=f"{why}.*use numpy"):
        memoryview(run(model))


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_numbers_come_as_those_of_numpy(dtype):
    given = np.array([1 + 2j, -0.5j], dtype)
    try:
        tensor = run(constant(given))
    except ModelFormatError as error:
        pytest.skip(f"this ONNX Runtime has no complex numbers: {error}")
    np.testing.assert_array_equal(tensor.numpy(), given)


def test_an_element_type_that_hugot_does_not_know_is_an_error_that_names_the_output():
    made = onnx.TensorProto(data_type=23, dims=[2], raw_data=b"\x00")  # float4e2m1
    try:
        session = open_session(constant(made))
    except ModelFormatError as error:
        pytest.skip(f"this ONNX Runtime has no four-bit floats: {error}")
    with pytest.raises(InferenceError, match="output 'y' has an unknown element type, 23"):
        session.run([])


def test_an_array_over_a_tensor_is_its_memory_and_no_copy():
    tensor = run(identity(), np.arange(5, dtype=np.float32))
    array = np.asarray(tensor)
    array[2] = 99
    assert address(array) == address(np.asarray(tensor)) == address(tensor.numpy())
    assert tensor.numpy().tolist() == [0, 1, 99, 3, 4]


@pytest.mark.parametrize("dtype", NUMPY_TYPES)
def test_a_view_of_a_tensor_has_the_dtype_shape_and_strides_of_an_array(dtype):
    array = np.ones((2, 3, 4), dtype)
    view = memoryview(run(identity(dtype, (2, 3, 4)), array))
    assert (view.shape, view.strides, view.itemsize) == (array.shape, array.strides, array.itemsize)
    assert (view.c_contiguous, view.readonly, view.nbytes) == (True, False, array.nbytes)
    assert np.asarray(view).dtype == array.dtype


@pytest.mark.parametrize("take", [bytes, bytearray, lambda tensor: b"".join([tensor])])
def test_a_tensor_supports_the_buffer_protocol(take):
    given = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert take(run(identity(shape=(2, 3)), given)) == given.tobytes()


def test_an_array_keeps_the_memory_of_its_tensor():
    array = np.asarray(run(identity(), np.arange(100_000, dtype=np.float32)))
    gc.collect()
    junk = [np.full(100_000, i, np.float32) for i in range(5)]
    np.testing.assert_array_equal(array, np.arange(100_000))
    del junk


def test_outputs_outlive_their_session_and_its_later_runs():
    session = open_session(negation())
    kept = [session.run([np.full(1000, i, np.float32)])[0] for i in range(20)]
    del session
    gc.collect()
    assert [np.asarray(each)[[0, -1]].tolist() for each in kept] == [[-i, -i] for i in range(20)]


def test_an_output_shares_no_memory_with_that_of_the_next_run():
    session = open_session(constant(np.arange(4, dtype=np.float32)))
    first = np.asarray(session.run([])[0])
    first[:] = 99
    assert np.asarray(session.run([])[0]).tolist() == [0, 1, 2, 3]


def test_weights_that_are_an_output_cannot_be_changed_through_it():
    weights = {"weights": np.arange(4, dtype=np.float32)}
    both = [value("weights", shape=[4]), value("y", shape=[4])]
    model = as_bytes([("Add", "x weights", "y")], [value("x", shape=[4])], both, weights)
    session = open_session(model)
    np.asarray(session.run([np.zeros(4, np.float32)])[0])[:] = 99
    assert np.asarray(session.run([np.zeros(4, np.float32)])[1]).tolist() == [0, 1, 2, 3]


def pass_through():
    """A graph with its input as an output, beside y = -x."""
    both = [value("x"), value("y")]
    return as_bytes([("Neg", "x", "y")], [value("x")], both)


def test_an_input_that_is_given_back_as_an_output_keeps_its_memory():
    given = np.arange(1000, dtype=np.float32)
    array = np.asarray(run(pass_through(), given))
    del given
    junk = [np.full(1000, i, np.float32) for i in range(50)]
    np.testing.assert_array_equal(array, np.arange(1000))
    del junk


def test_an_input_that_is_given_back_cannot_be_changed_through_the_output():
    given = np.zeros(8, np.float32)
    array = np.asarray(run(pass_through(), given))
    if array.flags.writeable:
        array[:] = 99
    assert given.tolist() == [0] * 8


def test_a_tensor_feeds_another_run():
    session = open_session(negation())
    (tensor,) = session.run([np.arange(3, dtype=np.float32)])
    assert np.asarray(session.run([tensor])[0]).tolist() == [0, 1, 2]


def test_an_output_that_is_no_tensor_is_an_error_that_says_what_it_is():
    sequence = onnx.helper.make_tensor_sequence_value_info("y", onnx.TensorProto.FLOAT, None)
    session = open_session(as_bytes([("SequenceConstruct", "x", "y")], [value("x")], [sequence]))
    with pytest.raises(InferenceError, match="output 'y' is a sequence, not a tensor"):
        session.run([np.ones(2, np.float32)])


def test_a_tensor_of_sixteen_dimensions_works():
    shape = (1,) * 15 + (2,)
    assert run(negation(shape), np.ones(shape, np.float32)).shape == shape


def test_a_tensor_shows_its_dtype_and_shape():
    assert repr(run(identity(), np.ones(2, np.float32))) == "<Tensor float32 (2,)>"


def test_a_tensor_counts_its_elements():
    tensor = run(identity(shape=(2, 3)), np.ones((2, 3), np.float32))
    assert tensor.size == 6
