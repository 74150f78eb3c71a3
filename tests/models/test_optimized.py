"""The optimised file beside a model: when it is used and when it is not."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from ort_graphs import OPTIONS, graph, library, save_with_weights_apart, value

import hugot
from hugot._fast.checksum import checksum
from hugot._ort.providers import Provider
from hugot.errors import InputError, ModelFormatError
from hugot.models import optimized
from hugot.models.files import file_sha256
from hugot.models.optimized import load_optimized, optimize
from hugot.models.sidecar import IncompatibleError, sidecar_path
from hugot.pipelines.pipeline import runner_of
from hugot.runtime.sessions import ModelSource, create_session
from hugot.session import engine_of

needs_modes = pytest.mark.skipif(os.name == "nt", reason="files have no modes there")
WEIGHTS = np.arange(1000, dtype=np.float32)


def model_bytes(weights=WEIGHTS):
    """y = x + the weights"""
    ends = [value("x", shape=[1000])], [value("y", shape=[1000])]
    return graph([("Add", "x weights", "y")], *ends, {"weights": weights}).SerializeToString()


@pytest.fixture
def onnx_path(tmp_path):
    tmp_path.chmod(0o755)
    path = tmp_path / "model.onnx"
    path.write_bytes(model_bytes())
    return path


@pytest.fixture
def written(onnx_path):
    previous = os.umask(0o022)
    try:
        return optimize(onnx_path, library(), OPTIONS)
    finally:
        os.umask(previous)


def used(onnx_path, options=OPTIONS, providers=()):
    return load_optimized(onnx_path, library(), options, providers)


def change_sidecar(onnx_path, change):
    path = sidecar_path(onnx_path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def answer(session):
    return np.asarray(session.run([np.ones(1000, np.float32)])[0])


# When it is used


def test_what_was_written_is_used_and_mapped(onnx_path, written):
    found = used(onnx_path)
    assert found.path == written.path
    assert found.mapped
    assert memoryview(found.buffer).readonly


def test_the_sidecar_names_source_file_runtime_options_and_cpu(onnx_path, written):
    content = json.loads(sidecar_path(onnx_path).read_text())
    status = onnx_path.stat()
    assert content["source"] == {
        "name": "model.onnx",
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "sha256": file_sha256(onnx_path),
    }
    assert content["optimized"]["size"] == written.path.stat().st_size
    assert int(content["optimized"]["checksum"], 16) == checksum(written.path.read_bytes())
    assert content["runtime"]["version"] == library().version
    assert content["options"]["graph_optimization_level"] == "all"
    assert content["options"]["providers"] == ["CPUExecutionProvider"]
    assert content["cpu"]


def test_nothing_is_left_in_the_folder_but_the_file_and_its_sidecar(onnx_path, written):
    left = {path.name for path in onnx_path.parent.iterdir()}
    assert left == {"model.onnx", "model.ort.json", written.path.name}


def test_without_a_sidecar_there_is_nothing_to_use(onnx_path):
    assert used(onnx_path) is None


def test_two_sessions_of_different_threads_run_on_one_mapped_file(onnx_path, written):
    source = ModelSource(onnx_path, used(onnx_path))
    sessions = [
        create_session(library(), source, replace(OPTIONS, intra_op_num_threads=threads))
        for threads in (1, 2)
    ]
    assert [session.from_buffer for session in sessions] == [True, True]
    assert [answer(session).tolist() for session in sessions] == [(WEIGHTS + 1).tolist()] * 2


def test_options_that_only_bear_upon_running_do_not_matter(onnx_path, written):
    config = {"session.intra_op.allow_spinning": "0"}
    options = replace(OPTIONS, intra_op_num_threads=2, session_config=config)
    assert used(onnx_path, options) is not None


def test_a_time_in_whole_seconds_as_archives_keep_it_is_taken_for_the_same(onnx_path):
    os.utime(onnx_path, ns=(0, 1_700_000_000_123_456_789))
    optimize(onnx_path, library(), OPTIONS)
    os.utime(onnx_path, ns=(0, 1_700_000_000_000_000_000))
    assert used(onnx_path) is not None


# When it is not used


@pytest.mark.parametrize("kept", ["size", "time"])
def test_another_source_is_told_by_its_size_or_its_time(onnx_path, written, kept):
    before = onnx_path.stat()
    if kept == "size":
        onnx_path.write_bytes(model_bytes(WEIGHTS + 1))
        os.utime(onnx_path, ns=(0, before.st_mtime_ns + 1))
    else:
        onnx_path.write_bytes(model_bytes() + b"\0")
        os.utime(onnx_path, ns=(0, before.st_mtime_ns))
    with pytest.raises(IncompatibleError, match=r"model\.onnx .* than the one it was made from"):
        used(onnx_path)


def test_verifying_tells_another_source_of_the_same_size_and_time(onnx_path, written):
    before = onnx_path.stat()
    onnx_path.write_bytes(model_bytes(WEIGHTS + 1))
    os.utime(onnx_path, ns=(0, before.st_mtime_ns))
    assert used(onnx_path) is not None
    with pytest.raises(IncompatibleError, match="another content"):
        load_optimized(onnx_path, library(), OPTIONS, verify=True)


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("runtime", {"version": "1.0.0", "build": ""}),
        ("cpu", ["x86_64", "abacus"]),
        ("options", {"graph_optimization_level": "basic"}),
        ("runtime", None),
    ],
)
def test_what_was_made_for_something_else_is_left_aside(onnx_path, written, part, other):
    change_sidecar(onnx_path, lambda content: content.update({part: other}))
    with pytest.raises(IncompatibleError, match=f"made for another {part}"):
        used(onnx_path)


@pytest.mark.parametrize(
    "options",
    [
        {"graph_optimization_level": "basic"},
        {"session_config": {"session.disable_prepacking": "1"}},
        {"free_dimensions": {"rows": 1}},
        {"free_dimension_denotations": {"DATA_BATCH": 1}},
        {"custom_op_libraries": ["operators.so"]},
    ],
    ids=str,
)
def test_other_options_leave_it_aside(onnx_path, written, options):
    with pytest.raises(IncompatibleError, match="made for another options"):
        used(onnx_path, replace(OPTIONS, **options))


@pytest.mark.parametrize(
    "options",
    [
        {"session_config": {"session.force_spinning_stop": "1"}},
        {"run_config": {"memory.enable_memory_arena_shrinkage": "cpu:0"}},
        {"log_severity_level": 0},
        {"profiling": "profile"},
    ],
    ids=str,
)
def test_options_that_do_not_change_the_graph_leave_it_in_use(onnx_path, written, options):
    assert used(onnx_path, replace(OPTIONS, **options)) is not None


def test_other_providers_leave_it_aside(onnx_path, written):
    with pytest.raises(IncompatibleError, match="CUDAExecutionProvider"):
        used(onnx_path, providers=[Provider("CUDAExecutionProvider", {})])
    assert used(onnx_path, providers=[Provider("CPUExecutionProvider", {})]) is not None


@pytest.mark.parametrize("size", [0, 1, 100, -1, -100])
def test_a_truncated_file_is_left_aside(onnx_path, written, size):
    data = written.path.read_bytes()
    written.path.write_bytes(data[:size])
    with pytest.raises(IncompatibleError, match=f"has {len(data[:size])} bytes"):
        used(onnx_path)


@pytest.mark.parametrize("place", np.linspace(0, 0.999, 20))
def test_a_flipped_bit_is_found_wherever_it_is(onnx_path, written, place):
    data = bytearray(written.path.read_bytes())
    data[int(place * len(data))] ^= 1 << int(place * 1000) % 8
    written.path.write_bytes(data)
    with pytest.raises(IncompatibleError, match="damaged"):
        used(onnx_path)


def test_a_file_that_is_gone_is_left_aside(onnx_path, written):
    written.path.unlink()
    with pytest.raises(IncompatibleError, match="is not there"):
        used(onnx_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"format": 2}', "[" * 100_000, '{"format": 1}', "\udcff"]
)
def test_a_damaged_sidecar_is_left_aside(onnx_path, written, text):
    sidecar_path(onnx_path).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(IncompatibleError):
        used(onnx_path)


@pytest.mark.parametrize(
    "record",
    [
        None,
        {},
        {"name": 3},
        {"name": "../model.ort"},
        {"name": "."},
        {"name": "model.onnx", "size": 1},
    ],
    ids=str,
)
def test_a_sidecar_that_names_no_file_beside_it_is_left_aside(onnx_path, written, record):
    change_sidecar(onnx_path, lambda content: content.update(optimized=record))
    assert optimized.read_optimized(onnx_path) is None


def test_a_graph_that_onnxruntime_refuses_is_left_aside(onnx_path, written, caplog):
    written.path.write_bytes(b"no graph at all")
    record = {
        "name": written.path.name,
        "size": 15,
        "checksum": f"{checksum(b'no graph at all'):016x}",
    }
    change_sidecar(onnx_path, lambda content: content.update(optimized=record))
    source = ModelSource(onnx_path, used(onnx_path))
    with caplog.at_level(logging.DEBUG, "hugot"):
        session = create_session(library(), source, OPTIONS)
    assert not session.from_buffer
    assert answer(session)[-1] == 1000
    assert "is not used" in caplog.text


def test_the_log_says_why_a_file_is_left_aside(onnx_path, written, caplog):
    written.path.unlink()
    with caplog.at_level(logging.DEBUG, "hugot"):
        assert optimized.read_optimized(onnx_path) is None
    assert f"the optimised file of {onnx_path} is not used" in caplog.text
    assert "is not there" in caplog.text


# Who may write to it


@needs_modes
@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
@pytest.mark.parametrize("what", ["file", "folder"])
def test_it_is_read_into_memory_where_others_can_write_to_it(onnx_path, written, what, mode):
    (written.path if what == "file" else onnx_path.parent).chmod(mode)
    found = used(onnx_path)
    assert not found.mapped
    assert bytes(found.buffer) == written.path.read_bytes()
    assert answer(create_session(library(), ModelSource(onnx_path, found), OPTIONS))[-1] == 1000


@needs_modes
def test_it_is_read_into_memory_where_another_user_owns_it(onnx_path, written, monkeypatch):
    if os.geteuid() == 0:
        os.chown(written.path, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert not used(onnx_path).mapped


# Writing


def test_a_new_file_takes_the_place_of_the_old_one(onnx_path, written):
    old = written.path
    onnx_path.write_bytes(model_bytes(WEIGHTS + 1))
    new = optimize(onnx_path, library(), OPTIONS)
    assert new.path != old
    assert not old.exists()
    session = create_session(library(), ModelSource(onnx_path, used(onnx_path)), OPTIONS)
    assert answer(session)[-1] == 1001


def test_a_live_session_does_not_mind_a_new_file(onnx_path, written):
    session = create_session(library(), ModelSource(onnx_path, used(onnx_path)), OPTIONS)
    onnx_path.write_bytes(model_bytes(WEIGHTS + 1))
    optimize(onnx_path, library(), OPTIONS)
    assert answer(session).tolist() == (WEIGHTS + 1).tolist()


def test_what_an_interrupted_writer_left_long_ago_is_removed(onnx_path, written):
    left = onnx_path.with_name(f"model.{'0' * 16}.ort")
    recent, foreign = left.with_name(f"model.{'1' * 16}.ort"), left.with_name("other.ort")
    for path in (left, recent, foreign):
        path.write_bytes(b"x")
    os.utime(left, (0, 0))
    os.utime(foreign, (0, 0))
    optimize(onnx_path, library(), OPTIONS)
    assert [left.exists(), recent.exists(), foreign.exists()] == [False, True, True]


def test_a_reader_never_gets_a_file_with_the_sidecar_of_another(onnx_path, written):
    """Whatever is found while others write is whole, and answers as its source does."""
    done = threading.Event()
    wrong, right = [], []

    def read():
        while not done.is_set() or not right:
            candidate = optimized.read_optimized(onnx_path)
            found = candidate and optimized.select_optimized(candidate, library(), OPTIONS)
            if found is None:
                continue
            session = create_session(library(), ModelSource(onnx_path, found), OPTIONS)
            (right if session.from_buffer and answer(session)[-1] == 1000 else wrong).append(1)

    def write(_):
        for _ in range(5):
            try:
                optimize(onnx_path, library(), OPTIONS)
            except ModelFormatError as error:
                assert "by others meanwhile" in str(error)  # noqa: PT017

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(write, range(3)))
    finally:
        done.set()
        reader.join(60)
    assert right
    assert not wrong
    optimize(onnx_path, library(), OPTIONS)
    assert used(onnx_path) is not None


def test_a_model_with_external_data_gets_no_file(tmp_path):
    path = tmp_path / "model.onnx"
    ends = [value("x", shape=[1000])], [value("y", shape=[1000])]
    model = graph([("Add", "x weights", "y")], *ends, {"weights": WEIGHTS})
    save_with_weights_apart(model, path)
    with pytest.raises(ModelFormatError, match="weights in other files"):
        optimize(path, library(), OPTIONS)
    assert not list(tmp_path.glob("*.ort*"))


def test_other_providers_than_the_cpu_get_no_file(onnx_path):
    with pytest.raises(InputError, match="CPU alone"):
        optimize(onnx_path, library(), OPTIONS, [Provider("CUDAExecutionProvider", {})])


def test_a_model_that_cannot_be_loaded_gets_no_file(onnx_path):
    onnx_path.write_bytes(b"no model")
    with pytest.raises(ModelFormatError, match=r"model\.onnx"):
        optimize(onnx_path, library(), OPTIONS)
    assert [path.name for path in onnx_path.parent.iterdir()] == ["model.onnx"]


@needs_modes
def test_a_folder_that_cannot_be_written_to_is_an_error_that_names_it(onnx_path, monkeypatch):
    def refuse(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(InputError, match="cannot be written to"):
        optimize(onnx_path, library(), OPTIONS)


# In a pipeline


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("feature-extraction", "bert-uncased-features"),
        ("text-classification", "distilbert-text"),
        ("token-classification", "modernbert-token"),
        ("feature-extraction", "qwen3-features"),
        ("text-classification", "bert-uncased-text-fp16"),
    ],
)
def test_answers_are_the_same_with_and_without_the_file(copy_of, task, name):
    folder = copy_of(name)
    texts = ["Where can I swim in the sea?", "no", "again and again " * 9]
    plain = hugot.pipeline(task, folder)
    expected = plain(texts)
    assert not runner_of(plain).model.optimized
    with hugot.Session() as session:
        engine_of(session).optimize(runner_of(plain).task.bundle)
    fast = hugot.pipeline(task, folder)
    assert runner_of(fast).model.optimized
    np.testing.assert_equal(fast(texts), expected)


def test_the_option_leaves_the_file_aside(copy_of):
    folder = copy_of("bert-uncased-features")
    with hugot.Session() as session:
        engine_of(session).optimize(
            runner_of(session.pipeline("feature-extraction", folder)).task.bundle
        )
    assert runner_of(hugot.pipeline("feature-extraction", folder)).model.optimized
    assert not runner_of(
        hugot.pipeline("feature-extraction", folder, optimized_model=False)
    ).model.optimized


def test_a_start_without_a_file_does_not_import_logging(copy_of):
    folder = copy_of("bert-uncased-features")
    code = (
        "import hugot, sys\n"
        f"hugot.pipeline('feature-extraction', {str(folder)!r})('a')\n"
        "print('logging' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
