"""Options of the runtime, and the errors for invalid ones."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

import hugot
from hugot.config_keys import RUN_KEYS, SESSION_KEYS
from hugot.errors import InputError
from hugot.options import RuntimeOptions, options_with_same_answers
from hugot.pipelines.pipeline import runner_of
from hugot.session import engine_of


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"mode": "fast"}, "'auto', 'latency', 'throughput'"),
        ({"execution_mode": "both"}, "'sequential', 'parallel'"),
        ({"spinning": "sometimes"}, "'run', 'never', 'always'"),
        ({"spinning": True}, "'run', 'never', 'always'"),
        ({"graph_optimization_level": "most"}, "'disabled', 'basic', 'extended', 'layout', 'all'"),
        ({"threads": 0}, "at least 1"),
        ({"workers": True}, "at least 1"),
        ({"inter_op_threads": -1, "execution_mode": "parallel"}, "at least 1"),
        ({"inter_op_threads": 2}, "it needs 'parallel'"),
        ({"log_severity_level": 5}, r"2 \(warning\)"),
        ({"log_severity_level": "info"}, r"1 \(info\)"),
        ({"log_severity_level": True}, r"1 \(info\)"),
        ({"enable_cpu_mem_arena": "no"}, "True or False"),
        ({"enable_mem_pattern": 1}, "True or False"),
        ({"telemetry": None}, "True or False"),
        ({"provider_fallback": "yes"}, "True or False"),
        ({"optimized_model": 0}, "True or False"),
        ({"shrink_cpu_mem_arena": True, "enable_cpu_mem_arena": False}, "needs the arena"),
        ({"optimized_model_path": ""}, "must be a path"),
        ({"optimized_model_path": "no/such/folder/graph.onnx"}, "no such folder"),
        ({"profiling": 1}, "must be a path"),
        ({"profiling": "no/such/folder/profile"}, "no such folder"),
        ({"custom_op_libraries": "operators.so"}, "must be a list"),
        ({"custom_op_libraries": [3]}, "must be a path"),
        ({"custom_op_libraries": ["no/operators.so"]}, "no file 'no/operators.so'"),
        ({"free_dimensions": {"batch": 0}}, "batch=0; .* at least 1"),
        ({"free_dimension_denotations": {"DATA_BATCH": "1"}}, "DATA_BATCH='1'"),
        ({"free_dimensions": [("batch", 1)]}, "must be a dict"),
        ({"session_config": "a=b"}, "must be a dict"),
        ({"run_config": {"gpu_graph_id": 1}}, "names and values must be str"),
    ],
    ids=str,
)
def test_an_invalid_value_is_an_error_that_names_it_and_the_valid_ones(option, message):
    name = next(iter(option))
    with pytest.raises(InputError, match=f"{name}.*{message}|{message}.*{name}"):
        hugot.Session(**option)


def test_an_unknown_option_is_an_error_that_lists_the_known_ones():
    with pytest.raises(
        InputError, match=r"unknown option 'thread'; did you mean 'threads'\? There are: .*workers"
    ):
        hugot.Session(thread=1)


@pytest.mark.parametrize(
    ("option", "given", "meant"),
    [
        ("session_config", "session.intra_op.allow_spining", "session.intra_op.allow_spinning"),
        ("session_config", "session.set_denormal_as_zeros", "session.set_denormal_as_zero"),
        ("session_config", "Session.disable_prepacking", "session.disable_prepacking"),
        (
            "run_config",
            "memory.enable_memory_arena_shrinking",
            "memory.enable_memory_arena_shrinkage",
        ),
    ],
)
def test_an_entry_that_is_misspelt_is_passed_on_with_a_warning_that_names_the_nearest_one(
    option, given, meant
):
    with pytest.warns(UserWarning, match=f"'{given}' is passed on.* Nearest is '{meant}'"):
        options = RuntimeOptions(**{option: {given: "1"}})
    assert getattr(options, option) == {given: "1"}


def test_an_entry_of_runs_is_not_one_of_the_session_and_vice_versa():
    with pytest.raises(InputError, match="see run_config"):
        RuntimeOptions(session_config={"memory.enable_memory_arena_shrinkage": "cpu:0"})
    with pytest.raises(InputError, match="see session_config"):
        RuntimeOptions(run_config={"session.disable_prepacking": "1"})


@pytest.mark.parametrize("value", ["true", "on", "", "2"])
def test_a_switch_that_onnx_runtime_would_take_for_off_is_an_error(value):
    with pytest.raises(InputError, match=r"disable_prepacking=.*it can be '0', '1'"):
        RuntimeOptions(session_config={"session.disable_prepacking": value})


def test_an_entry_that_resembles_no_known_one_is_passed_on_with_a_warning_to_the_caller():
    entry = {"session.of_tomorrow": "1"}
    with pytest.warns(UserWarning, match="'session.of_tomorrow' is passed on") as caught:
        hugot.Session(session_config=entry)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("option", "entry"),
    [
        ("session_config", {"ep.cuda.use_arena": "anything"}),
        ("session_config", {"session.load_model_format": "ONNX"}),
        ("run_config", {"qnn.htp_perf_mode": "burst"}),
    ],
    ids=str,
)
def test_entries_that_are_known_or_of_providers_pass_without_a_warning(option, entry):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert getattr(RuntimeOptions(**{option: entry}), option) == entry


def test_no_known_entry_is_mistaken_for_a_misspelling_of_another():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, known in (("session_config", SESSION_KEYS), ("run_config", RUN_KEYS)):
            RuntimeOptions(**{name: {key: (values or ["1"])[-1] for key, values in known.items()}})


# In a session


def test_the_profile_of_every_native_session_is_written_and_its_path_returned(models, tmp_path):
    with hugot.Session(profiling=tmp_path / "profile") as session:
        for name in ("bert-uncased-text", "distilbert-text"):
            session.pipeline("text-classification", models / name)("a")
        paths = session.end_profiling()
        assert sorted(paths) == sorted(map(str, tmp_path.iterdir()))
        assert len(paths) == 2
        assert session.end_profiling() == []


def test_closing_a_pipeline_ends_its_profile_and_logs_the_path(models, tmp_path, caplog):
    pipeline = hugot.pipeline(
        "text-classification", models / "bert-uncased-text", profiling=f"{tmp_path}/profile"
    )
    pipeline("a")
    with caplog.at_level("INFO", "hugot.onnxruntime"):
        pipeline.close()
    (path,) = tmp_path.iterdir()
    assert f"the profile is in {path}" in caplog.text
    assert path.read_text().rstrip().endswith("]")


def test_an_optimised_graph_is_written_of_one_model_and_not_of_a_second(models, tmp_path):
    path = tmp_path / "graph.onnx"
    with hugot.Session(optimized_model_path=path) as session:
        session.pipeline("text-classification", models / "bert-uncased-text")
        written = path.read_bytes()
        with pytest.raises(InputError, match=r"bert-uncased-text.* already"):
            session.pipeline("text-classification", models / "distilbert-text")
        assert path.read_bytes() == written


def test_an_optimised_graph_is_written_although_there_is_an_optimised_file(copy_of, tmp_path):
    folder, path = copy_of("bert-uncased-text"), tmp_path / "graph.onnx"
    with hugot.Session() as session:
        engine_of(session).optimize(
            runner_of(session.pipeline("text-classification", folder)).task.bundle
        )
    assert runner_of(hugot.pipeline("text-classification", folder)).model.optimized
    hugot.pipeline("text-classification", folder, optimized_model_path=path)
    assert path.stat().st_size > 0


@pytest.mark.parametrize("option", ["free_dimensions", "free_dimension_denotations"])
def test_a_dimension_that_the_model_does_not_have_is_an_error_that_lists_those_it_has(
    models, option
):
    listed = "batch_size, sequence_length" if option == "free_dimensions" else "none"
    with pytest.raises(InputError, match=f"no dimension 'btach'; they have {listed}"):
        hugot.pipeline(
            "text-classification", models / "bert-uncased-text", **{option: {"btach": 1}}
        )


def test_a_fixed_batch_of_one_answers_as_the_free_one(models):
    texts = ["a b c", "d", "e f"]
    free = hugot.pipeline("text-classification", models / "bert-uncased-text")
    fixed = hugot.pipeline(
        "text-classification",
        models / "bert-uncased-text",
        free_dimensions={"batch_size": 1},
        batch_size=1,
    )
    assert [each["label"] for each in fixed(texts)] == [each["label"] for each in free(texts)]


def test_paths_are_taken_as_text_and_as_path_objects(tmp_path):
    for path in (tmp_path / "a", str(tmp_path / "a")):
        assert Path(RuntimeOptions(profiling=path).profiling) == tmp_path / "a"


@pytest.mark.parametrize("providers", [True, 0, {"cuda": {}}, b"cpu", "cpu"])
def test_providers_that_are_not_a_list_are_refused(providers) -> None:
    with pytest.raises(InputError, match="it must be a list"):
        hugot.Session(providers=providers)


def test_the_options_that_change_no_answer_are_those_of_speed_memory_and_side_files():
    assert options_with_same_answers(RuntimeOptions) == {
        *("mode", "threads", "workers", "token_budget", "shape_policy", "widths"),
        *("execution_mode", "inter_op_threads", "spinning", "microbatch", "max_queue"),
        *("enable_cpu_mem_arena", "shrink_cpu_mem_arena", "enable_mem_pattern"),
        *("optimized_model", "optimized_model_path"),
        *("log_severity_level", "profiling", "telemetry"),
    }
