"""The effect of each option of a native session."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from ort_graphs import (
    as_bytes,
    graph,
    library,
    looping,
    negation,
    open_session,
    value,
)
from places import ROOT

import hugot
from hugot._ort.session import InferenceSession, RunOptions
from hugot.errors import CancelledError, InferenceError, InputError, ModelFormatError
from hugot.options import RuntimeOptions
from hugot.runtime.sessions import native_options

TASKS = Path("/proc/self/task")
needs_tasks = pytest.mark.skipif(not TASKS.exists(), reason="there is no /proc/self/task")
needs_rss = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="there is no /proc/self/statm"
)
ONES = np.ones(3, np.float32)
SHRINK = {"memory.enable_memory_arena_shrinkage": "cpu:0"}


def given(**options):
    """The native options for options of a hugot session and three threads."""
    return native_options(RuntimeOptions(**options), 3)


def session_with(model=None, **options):
    return InferenceSession(library(), model or negation(), given(**options))


def threads_of(make):
    before = set(os.listdir(TASKS))
    made = make()
    return made, set(os.listdir(TASKS)) - before


def cpu_ticks(threads):
    """CPU time of native threads in clock ticks."""
    fields = [(TASKS / each / "stat").read_text().rpartition(")")[2].split() for each in threads]
    return sum(int(each[11]) + int(each[12]) for each in fields)


# Threads


@needs_tasks
@pytest.mark.parametrize(
    ("options", "threads"),
    [
        ({}, 2),
        ({"execution_mode": "parallel"}, 4),
        ({"execution_mode": "parallel", "inter_op_threads": 4}, 5),
        ({"execution_mode": "parallel", "inter_op_threads": 1}, 2),
    ],
    ids=str,
)
def test_nodes_have_their_own_threads_in_parallel_mode(options, threads):
    session, made = threads_of(lambda: session_with(**options))
    assert len(made) == threads
    assert np.asarray(session.run([ONES])[0])[0] == -1


@needs_tasks
@pytest.mark.parametrize(("spinning", "spins"), [("run", 0), ("never", 0), ("always", 1)])
def test_threads_spin_after_a_run_only_on_request(spinning, spins):
    session, made = threads_of(lambda: session_with(looping(), spinning=spinning))
    times, x = np.array(50), np.eye(192, dtype=np.float32)
    time.sleep(0.3)  # until they stop spinning after their creation
    idle = 0
    for _ in range(5):
        session.run([times, x])
        before = cpu_ticks(made)
        time.sleep(0.1)
        idle += cpu_ticks(made) - before
    assert (idle > 5) == spins


def test_spinning_may_be_set_by_a_raw_entry_as_well():
    entry = {"session.force_spinning_stop": "0"}
    assert given(session_config=entry).session_config == entry


# Memory


RSS = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from ort_graphs import OPTIONS, library, graph, value
from dataclasses import replace
from hugot._ort.session import InferenceSession
from hugot.options import RuntimeOptions
from hugot.runtime.sessions import native_options

shape = ["rows", 1000]
# Two nodes that cannot share one piece of memory.
model = graph([("Neg", "x", "a"), ("Exp", "a", "b"), ("Add", "a b", "c"), ("Mul", "c b", "d"),
               ("ReduceSum", "d", "y", {"keepdims": 0})],
              [value("x", shape=shape)], [value("y", shape=[])])
options = native_options(RuntimeOptions(**eval(sys.argv[2])), 1)
session = InferenceSession(library(), model.SerializeToString(), options)
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
x = np.ones((20_000, 1000), np.float32)
session.run([x[:1]])  # the first allocation is kept with any options
before = resident()
session.run([x])
print(resident() - before)
"""


@needs_rss
@pytest.mark.parametrize(
    ("option", "kept"),
    [({}, True), ({"shrink_cpu_mem_arena": True}, False), ({"enable_cpu_mem_arena": False}, False)],
    ids=str,
)
def test_memory_of_a_run_is_kept_but_by_a_shrunk_arena_or_without_one(option, kept):
    options = {**option, "graph_optimization_level": "disabled"}
    done = subprocess.run(
        [sys.executable, "-c", RSS, str(ROOT / "tests"), repr(options)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (float(done.stdout) > 40) == kept


# The graph


def two_nodes():
    return as_bytes(
        [("Shape", "x", "s"), ("Identity", "s", "y")],
        [value("x", shape=["rows", "columns"])],
        [value("y", "int64", [2])],
    )


def with_denotation():
    model = graph([("Neg", "x", "y")], [value("x", shape=["n"])], [value("y", shape=["n"])])
    model.graph.input[0].type.tensor_type.shape.dim[0].denotation = "DATA_BATCH"
    return model.SerializeToString()


def test_a_free_dimension_is_fixed_by_its_name():
    session = session_with(two_nodes(), free_dimensions={"columns": 4})
    assert session.inputs[0].shape == ("rows", 4)
    with pytest.raises(InferenceError, match="Got: 3 Expected: 4"):
        session.run([np.ones((2, 3), np.float32)])


def test_a_free_dimension_is_fixed_by_its_denotation():
    session = session_with(with_denotation(), free_dimension_denotations={"DATA_BATCH": 5})
    assert session.inputs[0].shape == (5,)


def test_an_optimised_graph_is_written_to_the_given_path(tmp_path):
    path = tmp_path / "gr\u00e4ph.onnx"
    session_with(two_nodes(), optimized_model_path=path)
    assert [node.op_type for node in onnx.load(path).graph.node] == ["Shape"]


def test_an_optimised_graph_has_onnx_runtimes_format_if_its_name_ends_in_ort(tmp_path):
    session_with(two_nodes(), optimized_model_path=str(tmp_path / "graph.ort"))
    assert (tmp_path / "graph.ort").read_bytes()[4:8] == b"ORTM"


# Configuration entries of a run


def test_run_configuration_reaches_every_kind_of_run():
    entry = {"memory.enable_memory_arena_shrinkage": "abacus:0"}
    session = session_with(run_config=entry)
    with pytest.raises(InferenceError, match="abacus"):
        session.run([ONES])
    with pytest.raises(InferenceError, match="abacus"):
        session.run([ONES], None, RunOptions(library(), session.run_config))


def test_run_configuration_reaches_single_rows(models):
    entry = {"memory.enable_memory_arena_shrinkage": "abacus:0"}
    pipeline = hugot.pipeline(
        "feature-extraction", models / "bert-uncased-features", run_config=entry
    )
    for texts in ("a", ["a", "b"]):
        with pytest.raises(InferenceError, match="abacus"):
            pipeline(texts)


def test_a_run_with_configuration_entries_can_be_stopped():
    session = session_with(run_config=SHRINK)
    stop = RunOptions(library(), session.run_config)
    stop.terminate()
    with pytest.raises(CancelledError):
        session.run([ONES], None, stop)


def test_run_configuration_that_is_not_possible_is_an_error_that_names_the_key():
    with pytest.raises(InputError, match="setting run configuration ''"):
        open_session(negation(), run_config={"": "1"})


# Profiling


def test_a_profile_is_written_and_its_path_returned(tmp_path):
    session = session_with(profiling=str(tmp_path / "pr\u00f6file"))
    session.run([ONES])
    path = Path(session.end_profiling())
    assert path.parent == tmp_path
    assert path.name.startswith("pr\u00f6file")
    names = {event["name"] for event in json.loads(path.read_text())}
    assert "model_run" in names


def test_a_profile_is_ended_once_and_none_is_without_the_option(tmp_path):
    session = session_with(profiling=str(tmp_path / "profile"))
    assert session.end_profiling() is not None
    assert session.end_profiling() is None
    assert session_with().end_profiling() is None


# Custom operators


@pytest.fixture(scope="module")
def operators(tmp_path_factory):
    """A library with a custom operator, compiled for the test."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform == "win32":
        pytest.skip("there is no C compiler")
    if not (ROOT / "src").exists():
        pytest.skip("the header is in the sources alone")
    path = tmp_path_factory.mktemp("operators") / "libexample.so"
    source = Path(__file__).with_name("custom_op.c")
    include = f"-I{ROOT / 'src' / 'hugot' / '_ort'}"
    subprocess.run([compiler, "-shared", "-fPIC", include, "-o", path, source], check=True)
    return path


def with_own_operator():
    model = graph([("AddOne", "x", "y", {"domain": "example.test"})], [value("x")], [value("y")])
    model.opset_import.append(onnx.helper.make_opsetid("example.test", 1))
    return model.SerializeToString()


def test_a_library_of_operators_makes_them_known_to_the_session(operators):
    session = session_with(with_own_operator(), custom_op_libraries=[operators])
    assert np.asarray(session.run([ONES])[0]).tolist() == [2, 2, 2]
    with pytest.raises(ModelFormatError, match=r"example\.test"):
        session_with(with_own_operator())


def test_a_library_of_operators_is_found_by_a_relative_path(operators, monkeypatch):
    monkeypatch.chdir(operators.parent)
    assert session_with(with_own_operator(), custom_op_libraries=[operators.name]).inputs


def test_what_is_no_library_of_operators_is_an_error_that_names_it(tmp_path):
    (tmp_path / "operators.so").write_bytes(b"no library")
    with pytest.raises(InputError, match=r"loading the operators of .*operators\.so"):
        session_with(custom_op_libraries=[tmp_path / "operators.so"])


# Other options


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({}, "execution_mode:0"),
        ({"execution_mode": "parallel"}, "execution_mode:1"),
        ({}, "enable_mem_pattern:1"),
        ({"enable_mem_pattern": False}, "enable_mem_pattern:0"),
        ({"enable_cpu_mem_arena": False}, "enable_cpu_mem_arena:0"),
        ({"spinning": "run"}, "session.force_spinning_stop: 1"),
    ],
    ids=str,
)
def test_onnx_runtime_logs_an_option_with_the_given_value(option, said, caplog):
    caplog.set_level("INFO", "hugot.onnxruntime")
    session_with(log_severity_level=1, **option)
    (message,) = [text for text in caplog.messages if text.startswith("Session Options")]
    assert said in message


def test_the_optimisation_level_decides_which_nodes_are_removed(tmp_path):
    def nodes(level):
        path = str(tmp_path / f"{level}.onnx")
        session_with(two_nodes(), optimized_model_path=path, graph_optimization_level=level)
        return len(onnx.load(path).graph.node)

    assert nodes("disabled") == 2
    assert nodes("basic") == 1
