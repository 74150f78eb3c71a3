"""Graphs in ONNX Runtime's own format, and sessions that use them in a memory-mapped file."""

import gc
import mmap

import numpy as np
import pytest
from ort_graphs import OPTIONS, graph, library, negation, open_session, value

from hugot._ort.session import InferenceSession
from hugot.errors import HugotError, ModelFormatError

SAVE = {"session.save_model_format": "ORT"}
LOAD = {
    "session.load_model_format": "ORT",
    "session.use_ort_model_bytes_directly": "1",
    "session.use_ort_model_bytes_for_initializers": "1",
}
SIZE = 100_000


def with_weights():
    """y = x + 0, 1, 2, …"""
    ends = [value("x", shape=[SIZE])], [value("y", shape=[SIZE])]
    weights = {"weights": np.arange(SIZE, dtype=np.float32)}
    return graph([("Add", "x weights", "y")], *ends, weights).SerializeToString()


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "gr\u00e4ph.ort"
    options = OPTIONS.__class__(**{**vars(OPTIONS), "session_config": SAVE})
    InferenceSession(library(), with_weights(), options, (), str(path))
    return path


def mapped(path):
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def answer(session):
    return np.asarray(session.run([np.ones(SIZE, np.float32)])[0])


def test_a_session_writes_its_graph_to_the_given_path(written):
    assert written.read_bytes()[4:8] == b"ORTM"
    assert written.stat().st_size > 4 * SIZE


@pytest.mark.parametrize("read", [mapped, lambda path: path.read_bytes()], ids=["mmap", "bytes"])
def test_a_session_over_a_buffer_answers_as_one_over_the_model(written, read):
    session = open_session(read(written), session_config=LOAD)
    assert session.from_buffer
    np.testing.assert_array_equal(answer(session), answer(open_session(with_weights())))


def test_a_session_keeps_its_mapped_file(written):
    buffer = mapped(written)
    session = open_session(buffer, session_config=LOAD)
    with pytest.raises(BufferError):
        buffer.close()
    del buffer
    gc.collect()
    assert answer(session)[-1] == SIZE


def test_a_buffer_is_given_back_with_the_session(written):
    buffer = mapped(written)
    session = open_session(buffer, session_config=LOAD)
    del session
    gc.collect()
    buffer.close()  # raises BufferError while it has views
    assert buffer.closed


def test_a_buffer_is_given_back_when_the_session_cannot_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"no model, but long enough to be looked at")
    buffer = mapped(tmp_path / "file")
    with pytest.raises(ModelFormatError):
        open_session(buffer, session_config=LOAD)
    buffer.close()


def test_a_buffer_that_can_be_changed_is_refused_and_given_back():
    model = bytearray(negation())
    with pytest.raises(TypeError, match="must be read-only; bytearray"):
        open_session(model)
    model.clear()


def test_a_session_over_a_path_differs_from_one_over_a_buffer(tmp_path):
    (tmp_path / "model.onnx").write_bytes(negation())
    assert not open_session(tmp_path / "model.onnx").from_buffer
    assert open_session(negation()).from_buffer


def test_a_place_that_cannot_be_written_to_is_an_error(tmp_path):
    options = OPTIONS.__class__(**{**vars(OPTIONS), "session_config": SAVE})
    target = str(tmp_path / "no such folder" / "graph.ort")
    with pytest.raises(HugotError):
        InferenceSession(library(), negation(), options, (), target)
    with pytest.raises(ValueError, match="null"):
        InferenceSession(library(), negation(), options, (), target + "\0")
