import gc
import os
import pickle
import threading
import time
import weakref
from array import array
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from ort_graphs import (
    as_bytes,
    graph,
    identity,
    library,
    lookup,
    looping,
    negation,
    open_session,
    save_with_weights_apart,
    value,
)

from hugot._ort.metadata import ModelMetadata
from hugot._ort.session import RunOptions, TensorSpec
from hugot.errors import (
    CancelledError,
    InferenceError,
    InputError,
    ModelFormatError,
    ModelNotFoundError,
    ProviderError,
)

needs_statm = pytest.mark.skipif(
    not os.path.exists("/proc/self/statm"), reason="there is no /proc/self/statm"
)

SMALL = np.arange(3, dtype=np.float32)


def with_weights(size=1000):
    """y = x + 0, 1, 2, ..."""
    weights = {"weights": np.arange(size, dtype=np.float32)}
    output = [value("y", shape=[size])]
    return graph([("Add", "x weights", "y")], [value("x", shape=[size])], output, weights)


def first(tensors):
    return np.asarray(tensors[0])


# Loading


@pytest.mark.parametrize("kind", [str, lambda path: path], ids=["str", "Path"])
def test_a_session_loads_a_file(tmp_path, kind):
    path = tmp_path / "mod\u00e8le 1.onnx"
    path.write_bytes(negation())
    assert first(open_session(kind(path)).run([SMALL])).tolist() == [0, -1, -2]


def test_a_session_loads_bytes_and_does_not_need_the_callers():
    session = open_session(bytes(bytearray(with_weights().SerializeToString())))
    gc.collect()
    assert first(session.run([np.ones(1000, np.float32)]))[-1] == 1000


def test_weights_in_a_second_file_are_found_beside_the_model(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    save_with_weights_apart(with_weights(), tmp_path / "folder" / "model.onnx")
    monkeypatch.chdir(tmp_path)
    for path in ("folder/model.onnx", tmp_path / "folder" / "model.onnx"):
        assert first(open_session(path).run([np.ones(1000, np.float32)]))[-1] == 1000


def test_the_file_may_be_gone_once_the_session_is_there(tmp_path):
    path = tmp_path / "model.onnx"
    weights = save_with_weights_apart(with_weights(), path)
    session = open_session(path)
    path.unlink()
    weights.unlink()
    assert first(session.run([np.ones(1000, np.float32)]))[-1] == 1000


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"missing\.onnx"):
        open_session(tmp_path / "missing.onnx")


@pytest.mark.parametrize(
    "damage",
    [lambda data: b"", lambda data: b"no model " * 40, lambda data: data[: len(data) // 2]],
    ids=["empty", "text", "cut"],
)
@pytest.mark.parametrize("kind", ["file", "bytes"])
def test_a_damaged_model_is_an_error_of_its_format(tmp_path, kind, damage):
    data = damage(with_weights().SerializeToString())
    path = tmp_path / "damaged.onnx"
    path.write_bytes(data)
    named = r"damaged\.onnx" if kind == "file" else "from bytes"
    with pytest.raises(ModelFormatError, match=f"ONNX Runtime .*loading .*{named}"):
        open_session(path if kind == "file" else data)


def test_a_folder_is_no_model(tmp_path):
    with pytest.raises(ModelFormatError):
        open_session(tmp_path)


@pytest.mark.parametrize("left", [None, 100], ids=["missing", "cut"])
def test_a_damaged_weight_file_is_an_error_that_names_what_it_holds(tmp_path, left):
    weights = save_with_weights_apart(with_weights(), tmp_path / "model.onnx")
    if left is None:
        weights.unlink()
    else:
        os.truncate(weights, left)
    with pytest.raises(ModelFormatError, match=r"weights|model\.onnx_data"):
        open_session(tmp_path / "model.onnx")


def test_an_operator_that_does_not_exist_is_an_error_that_names_it():
    with pytest.raises(ModelFormatError, match="NoSuchOperator"):
        open_session(as_bytes([("NoSuchOperator", "x", "y")], [value("x")], [value("y")]))


@pytest.mark.parametrize(
    "model", [None, 3, bytearray(negation()), memoryview(bytearray(negation()))], ids=type
)
def test_a_model_that_is_neither_a_path_nor_a_read_only_buffer_is_an_error_with_its_type(model):
    with pytest.raises(TypeError, match=type(model).__name__):
        open_session(model)


def test_a_path_with_a_null_character_is_an_error(tmp_path):
    (tmp_path / "model.onnx").write_bytes(negation())
    with pytest.raises(ValueError, match="null"):
        open_session(f"{tmp_path}/model.onnx\0more")


@pytest.mark.parametrize("level", ["disabled", "basic", "extended", "layout", "all"])
def test_every_optimization_level_has_the_same_answer(level):
    if level == "layout" and library().api_version < 23:
        pytest.skip("ONNX Runtime has this level since 1.23")
    session = open_session(with_weights().SerializeToString(), graph_optimization_level=level)
    assert first(session.run([np.ones(1000, np.float32)]))[-1] == 1000


@pytest.mark.parametrize(
    "options",
    [
        {"intra_op_num_threads": 3},
        {"execution_mode": "parallel", "inter_op_num_threads": 2},
        {"enable_cpu_mem_arena": False, "enable_mem_pattern": False},
        {"session_config": {"session.intra_op.allow_spinning": "0"}},
    ],
    ids=str,
)
def test_every_option_has_the_same_answer(options):
    session = open_session(with_weights().SerializeToString(), **options)
    assert first(session.run([np.ones(1000, np.float32)]))[-1] == 1000


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="there is no /proc")
def test_a_session_has_as_many_threads_as_it_was_given(threads):
    before = len(os.listdir("/proc/self/task"))
    session = open_session(negation(), intra_op_num_threads=threads)
    # The calling thread counts as one.
    assert len(os.listdir("/proc/self/task")) == before + threads - 1
    del session


def test_session_configuration_that_is_not_possible_is_an_error_that_names_the_key():
    with pytest.raises(InputError, match="setting session configuration ''"):
        open_session(negation(), session_config={"": "1"})


def test_session_configuration_reaches_onnx_runtime():
    with pytest.raises(ModelFormatError):
        open_session(negation(), session_config={"session.load_model_format": "ORT"})


@pytest.mark.parametrize(
    "name",
    ["CUDAExecutionProvider", "TensorrtExecutionProvider", "OpenVINOExecutionProvider", "Abacus"],
)
def test_a_provider_that_is_not_in_the_library_is_an_error_that_names_it(name):
    if name in library().available_providers():
        pytest.skip(f"this ONNX Runtime has {name}")
    with pytest.raises(ProviderError, match=f"adding {name}"):
        open_session(negation(), [(name, {"device_id": 0})])


def test_the_cpu_provider_may_be_named():
    session = open_session(negation(), [("CPUExecutionProvider", {})])
    assert first(session.run([SMALL])).tolist() == [0, -1, -2]


def test_a_session_cannot_be_pickled():
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(open_session(negation()))


def test_a_session_knows_its_library():
    assert open_session(negation()).library is library()


# Properties of a session


def test_inputs_and_outputs_have_names_dtypes_and_dimensions():
    inputs = [value("ids", "int64", ["batch", "tokens"]), value("scale", "float16", [1, 4])]
    outputs = [value("\u00fc", "bool", [None, 3]), value("none", "string", [])]
    mask = onnx.numpy_helper.from_array(np.ones((2, 3), bool))
    nodes = [
        ("Constant", "", "\u00fc", {"value": mask}),
        ("Constant", "", "none", {"value_string": "a"}),
    ]
    model = as_bytes(nodes, inputs, outputs)
    session = open_session(model)
    assert session.inputs == (
        TensorSpec("ids", "int64", ("batch", "tokens")),
        TensorSpec("scale", "float16", (1, 4)),
    )
    assert session.outputs == (
        TensorSpec("\u00fc", "bool", (2, 3)),
        TensorSpec("none", "string", ()),
    )


def test_a_dimension_is_a_number_a_name_or_unknown():
    session = open_session(identity(shape=[7, "tokens", None, 0]))
    assert session.inputs[0].shape == (7, "tokens", None, 0)


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "float16", "bfloat16", "int32", "uint8", "string", "float8e5m2"]
)
def test_an_input_has_its_dtype(dtype):
    assert open_session(identity(dtype)).inputs[0].dtype == dtype


def test_an_output_that_is_no_tensor_says_so():
    sequence = onnx.helper.make_tensor_sequence_value_info("y", onnx.TensorProto.FLOAT, None)
    session = open_session(as_bytes([("SequenceConstruct", "x", "y")], [value("x")], [sequence]))
    assert session.outputs == (TensorSpec("y", "not a tensor", ()),)


@pytest.mark.parametrize("what", ["inputs", "outputs"])
def test_more_inputs_or_outputs_than_work_are_an_error_with_the_limit(what):
    names = " ".join(f"t{i}" for i in range(193))
    many = [value(name, shape=[1]) for name in names.split()]
    if what == "inputs":
        model = as_bytes([("Sum", names, "y")], many, [value("y", shape=[1])])
    else:
        split = ("Split", "x", names, {"num_outputs": 193})
        model = as_bytes([split], [value("x", shape=[193])], many)
    with pytest.raises(ModelFormatError, match=f"193 {what}; at most 192 work"):
        open_session(model)


def test_a_hundred_and_ninety_two_inputs_work():
    names = " ".join(f"t{i}" for i in range(192))
    many = [value(name, shape=[1]) for name in names.split()]
    session = open_session(as_bytes([("Sum", names, "y")], many, [value("y", shape=[1])]))
    assert first(session.run([np.array([i], np.float32) for i in range(192)])).tolist() == [18336]


def test_a_session_has_the_metadata_of_the_model():
    model = graph(
        [("Neg", "x", "y")],
        [value("x")],
        [value("y")],
        producer_name="exporter",
        domain="com.example",
        doc_string="A model.",
        model_version=2**40,
    )
    custom = {"labels": "a,b", "gr\u00f6\u00dfe": "\U0001f600", "": "empty"}
    onnx.helper.set_model_props(model, custom)
    assert open_session(model.SerializeToString()).metadata == ModelMetadata(
        producer="exporter",
        graph="graph",
        domain="com.example",
        description="A model.",
        version=2**40,
        custom=custom,
    )


def test_a_model_without_notes_has_empty_metadata():
    metadata = open_session(negation()).metadata
    assert (metadata.producer, metadata.description, metadata.custom) == ("", "", {})


# Running


def two_outputs():
    nodes = [("Neg", "x", "minus"), ("Abs", "x", "size")]
    return as_bytes(nodes, [value("x")], [value("minus"), value("size")])


@pytest.mark.parametrize(
    ("wanted", "numbers"), [(None, [-3, 3]), ([0], [-3]), ([1], [3]), ((1, 0), [3, -3])], ids=str
)
def test_a_run_returns_the_requested_outputs_in_order(wanted, numbers):
    tensors = open_session(two_outputs()).run([np.array([3], np.float32)], wanted)
    assert [np.asarray(tensor)[0] for tensor in tensors] == numbers


@pytest.mark.parametrize("wanted", [[2], [-1], [0, 99]], ids=str)
def test_an_output_that_is_not_there_is_an_error_with_the_number_of_outputs(wanted):
    with pytest.raises(InputError, match=f"output {wanted[-1]} is not one of the 2 outputs"):
        open_session(two_outputs()).run([SMALL], wanted)


def test_inputs_go_by_their_order():
    both = [value("a"), value("b")]
    session = open_session(as_bytes([("Sub", "a b", "y")], both, [value("y")]))
    assert first(session.run([SMALL + 10, SMALL])).tolist() == [10, 10, 10]


@pytest.mark.parametrize(
    "given",
    [
        memoryview(array("f", [1, 2, 3])),
        array("f", [1, 2, 3]),
        np.array([0, 1, 2, 3, 4], "<f4")[1:4],
    ],
    ids=["memoryview", "array", "slice"],
)
def test_any_contiguous_buffer_of_the_dtype_is_an_input(given):
    assert first(open_session(negation()).run([given])).tolist() == [-1, -2, -3]


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int32", "uint16", "bool", "float16"])
def test_an_input_of_its_own_dtype_is_taken_whatever_numpy_calls_it(dtype):
    session = open_session(identity(dtype))
    for kind in np.sctypeDict.values():
        if np.issubdtype(kind, np.number) and np.dtype(kind) == np.dtype(dtype):
            assert first(session.run([np.ones(2, kind)])).tolist() == [1, 1]


def test_an_input_that_must_not_be_written_is_read():
    given = SMALL.copy()
    given.flags.writeable = False
    assert first(open_session(negation()).run([given])).tolist() == [0, -1, -2]


def test_an_input_without_dimensions_is_taken():
    assert first(open_session(negation(())).run([np.array(2, np.float32)])) == -2


@pytest.mark.parametrize("shape", [(0,), (0, 4), (3, 0)], ids=str)
def test_the_output_for_an_input_without_elements_has_no_elements(shape):
    session = open_session(negation([None] * len(shape)))
    assert first(session.run([np.empty(shape, np.float32)])).shape == shape


@pytest.mark.parametrize(
    "given",
    [
        np.ones(3),
        np.ones(3, np.int32),
        np.ones(3, ">f4"),
        np.ones(3, np.uint32),
        np.array([1.0] * 3, object),
        b"twelve bytes",
    ],
    ids=["float64", "int32", "big-endian", "uint32", "object", "bytes"],
)
def test_a_buffer_of_another_dtype_is_an_error_that_names_both(given):
    given_format = memoryview(given).format
    with pytest.raises(
        InputError, match=f"input 'x' is float32 in the graph; a buffer of format '{given_format}'"
    ):
        open_session(negation()).run([given])


@pytest.mark.parametrize(
    "given",
    [
        np.ones((4, 2), np.float32).T,
        np.ones((2, 8), np.float32)[:, ::2],
        [[1.0] * 4] * 2,
        None,
        "text",
    ],
    ids=["transposed", "strided", "list", "None", "str"],
)
def test_anything_but_a_contiguous_buffer_is_an_error_with_the_expected_type(given):
    with pytest.raises(InputError, match="input 'x' needs a C-contiguous buffer of float32"):
        open_session(negation(["rows", 4])).run([given])


def test_strings_as_an_input_are_an_error():
    with pytest.raises(InputError, match="input 'x' is string"):
        open_session(identity("string")).run([np.array(["a"], object)])


@pytest.mark.parametrize("count", [0, 2, 3])
def test_another_number_of_inputs_is_an_error_that_names_those_of_the_model(count):
    with pytest.raises(InputError, match=rf"1 inputs \(x\); {count} were given"):
        open_session(negation()).run([SMALL] * count)


@pytest.mark.parametrize(
    ("shape", "wrong"), [((3,), "rank"), ((1, 2, 4), "rank"), ((2, 5), "dimensions")], ids=str
)
def test_a_wrong_shape_is_an_error_that_says_what_was_expected(shape, wrong):
    with pytest.raises(InferenceError, match=f"running the model: .*{wrong}.* input: x") as caught:
        open_session(negation(["rows", 4])).run([np.ones(shape, np.float32)])
    assert "Expected" in str(caught.value)


def test_too_many_dimensions_are_an_error():
    with pytest.raises(InputError, match="input 'x' has 17 dimensions"):
        open_session(identity(shape=None)).run([np.ones((1,) * 17, np.float32)])


def test_a_token_number_beyond_the_vocabulary_is_an_error_that_names_it():
    with pytest.raises(InferenceError, match=r"idx=5 must be within the inclusive range \[-5,4\]"):
        open_session(lookup(rows=5)).run([np.array([1, 5])])


def test_a_failed_run_raises_and_prints_nothing(capfd):
    with pytest.raises(ModelFormatError):
        open_session(b"no model")
    with pytest.raises(ModelFormatError):
        open_session(as_bytes([("NoSuchOperator", "x", "y")], [value("x")], [value("y")]))
    with pytest.raises(InferenceError):
        open_session(lookup()).run([np.array([99])])
    assert capfd.readouterr() == ("", "")


def test_a_session_works_after_a_run_that_failed():
    session = open_session(lookup(rows=5, dim=2))
    with pytest.raises(InferenceError):
        session.run([np.array([9])])
    assert first(session.run([np.array([2])])).tolist() == [[4, 5]]


@pytest.mark.parametrize("outcome", ["answer", "refused", "failed"])
def test_a_run_lets_go_of_its_inputs(outcome):
    session = open_session(lookup())
    ids = np.array([9 if outcome == "failed" else 1])
    given = [ids, ids] if outcome == "refused" else [ids]
    gone = weakref.ref(ids)
    try:
        session.run(given)
    except (InferenceError, InputError):
        assert outcome != "answer"
    del ids, given
    assert gone() is None


def test_many_threads_get_their_own_answers_from_one_session():
    session = open_session(lookup(rows=1000, dim=3))
    start = threading.Barrier(8, timeout=10)

    def ask(thread):
        rng = np.random.default_rng(thread)
        start.wait()
        for _ in range(100):
            ids = rng.integers(0, 1000, rng.integers(0, 50))
            expected = np.arange(3000, dtype=np.float32).reshape(1000, 3)[ids]
            np.testing.assert_array_equal(first(session.run([ids])), expected)
        return thread

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == list(range(8))


# Stopping, and the GIL


class LongRun:
    """A run in another thread that takes long unless it is stopped."""

    times = 2_000_000

    def __init__(self, session):
        self.options = RunOptions(library())
        self.ended = threading.Event()
        self.error = None
        self.session = session
        self._thread = threading.Thread(target=self._run, daemon=True)
        before = time.process_time()
        self._thread.start()
        # It computes once the process has used more time than this loop takes.
        while time.process_time() - before < 0.05 and not self.ended.wait(0.001):
            pass

    def _run(self):
        size = self.session.inputs[1].shape[0]
        try:
            self.session.run(
                [np.array(self.times), np.ones((size, size), np.float32)], None, self.options
            )
        except Exception as error:
            self.error = error
        self.ended.set()

    def stop(self):
        self.options.terminate()
        assert self.ended.wait(10)
        self._thread.join()


@pytest.fixture
def long_run():
    """A long run in progress, which is stopped after the test."""
    run = LongRun(open_session(looping()))
    yield run
    run.stop()


def test_a_run_is_stopped_from_another_thread(long_run):
    assert not long_run.ended.is_set()
    long_run.stop()
    assert isinstance(long_run.error, CancelledError)


def test_other_threads_advance_while_a_model_runs(long_run):
    for _ in range(50):
        assert not long_run.ended.wait(0.0001)


def test_a_session_works_after_a_run_that_was_stopped():
    session = open_session(looping())
    LongRun(session).stop()
    eye = np.eye(session.inputs[1].shape[0], dtype=np.float32)
    np.testing.assert_array_equal(first(session.run([np.array(3), eye])), eye)


def test_other_runs_of_the_session_go_on_when_one_is_stopped(long_run):
    other = LongRun(long_run.session)
    long_run.stop()
    assert not other.ended.is_set()
    other.stop()


def test_a_run_with_options_that_were_stopped_before_ends_at_once():
    options = RunOptions(library())
    assert not options.terminated
    options.terminate()
    assert options.terminated
    with pytest.raises(CancelledError):
        open_session(negation()).run([SMALL], None, options)


def test_an_error_of_a_run_that_nobody_stopped_is_no_cancellation():
    with pytest.raises(InferenceError):
        open_session(lookup()).run([np.array([99])], None, RunOptions(library()))


# Leaks


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def growth(work, times):
    """Growth of the process in bytes over a number of calls, after a tenth as many to warm up."""
    for _ in range(times // 10):
        work()
    gc.collect()
    before = resident_bytes()
    for _ in range(times):
        work()
    gc.collect()
    return resident_bytes() - before


@needs_statm
def test_twenty_thousand_runs_do_not_grow_the_process():
    session = open_session(negation())
    given = np.ones(250, np.float32)
    # A kilobyte lost in each run would be 20 MB.
    assert growth(lambda: session.run([given], None, RunOptions(library())), 20_000) < 6e6


@needs_statm
@pytest.mark.parametrize("given", [[np.array([99])], [np.array([1.0])], [None], []], ids=str)
def test_runs_that_fail_do_not_grow_the_process(given):
    session = open_session(lookup())

    def fail():
        try:
            session.run(given)
        except (InferenceError, InputError):
            return
        raise AssertionError("the run did not fail")

    # A message lost in each run would be 4 MB.
    assert growth(fail, 20_000) < 2e6


@needs_statm
def test_sessions_that_come_and_go_do_not_grow_the_process():
    model = with_weights(25_000).SerializeToString()
    # The weights of a session are 100 kB: a hundred that stayed would be 10 MB.
    assert growth(lambda: open_session(model).metadata, 100) < 6e6
