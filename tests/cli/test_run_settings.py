"""Flags of `hugot run` for options that are a mapping or a list, and what a resumed run may change."""

from __future__ import annotations

import shutil
from dataclasses import fields
from typing import TYPE_CHECKING

import click
import pytest

from hugot.cli.flags import Option, given_options
from hugot.cli.run import run
from hugot.cli.run_flags import runtime_flags
from hugot.options import RuntimeOptions, options_with_same_answers

if TYPE_CHECKING:
    from pathlib import Path


def given(*flags: object) -> dict:
    """What the flags of the runtime give, as the options take it."""
    made = runtime_flags()
    command = click.Command("command", params=list(made))
    context = command.make_context("command", [str(flag) for flag in flags])
    return given_options(made, context.params)


def test_a_run_that_goes_on_may_have_other_options_of_the_runtime_with_the_same_answers() -> None:
    free = {flag.name for flag in runtime_flags() if flag.same_answers}
    fixed = {flag.name for flag in runtime_flags()} - free
    assert free <= options_with_same_answers(RuntimeOptions)
    assert not fixed & options_with_same_answers(RuntimeOptions)
    assert {"threads", "spinning"} <= free
    assert {"providers", "graph_optimization_level"} <= fixed


def test_a_run_that_goes_on_keeps_the_flags_of_the_command_that_make_its_results() -> None:
    assert all(isinstance(param, Option) for param in run.params)
    assert {param.name for param in run.params if not param.same_answers} == {
        *("task", "batch_size", "library", "input_format", "output_format", "max_line_bytes"),
        *("shard_size", "result_format", "embedding_type", "graph_inputs"),
    }


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        (
            ("--free-dimension", "batch=1", "--free-dimension", "sequence=16"),
            {"free_dimensions": {"batch": 1, "sequence": 16}},
        ),
        (("--free-dimensions", "batch=1"), {"free_dimensions": {"batch": 1}}),
        (
            ("--free-dimension-denotation", "DATA_BATCH=2"),
            {"free_dimension_denotations": {"DATA_BATCH": 2}},
        ),
        (
            ("--custom-op-library", "a.so", "--custom-op-library", "b.so"),
            {"custom_op_libraries": ("a.so", "b.so")},
        ),
        (("--custom-op-library", "a.so"), {"custom_op_libraries": ("a.so",)}),
        (("--plugin", "mine=lib.so"), {"plugins": {"mine": "lib.so"}}),
        (("--width", 8, "--width", 16), {"widths": (8, 16)}),
        (("--provider", "cuda", "--provider", "cpu"), {"providers": ("cuda", "cpu")}),
        (
            ("--provider", "cuda:device_id=1,arena_extend_strategy=kSameAsRequested"),
            {
                "providers": (
                    ("cuda", {"device_id": "1", "arena_extend_strategy": "kSameAsRequested"}),
                )
            },
        ),
        (("--session-config", "a.b=1=2"), {"session_config": {"a.b": "1=2"}}),
        (("--run-config", "a.b=x"), {"run_config": {"a.b": "x"}}),
        (("--spinning", "never"), {"spinning": "never"}),
        (("--profiling", "here/p"), {"profiling": "here/p"}),
        (("--optimized-model-path", "a.onnx"), {"optimized_model_path": "a.onnx"}),
        (("--shrink-cpu-mem-arena",), {"shrink_cpu_mem_arena": True}),
        (("--no-enable-mem-pattern",), {"enable_mem_pattern": False}),
        (("--log-severity-level", 3), {"log_severity_level": 3}),
    ],
)
def test_a_flag_gives_the_option_of_the_library(flags, options) -> None:
    assert given(*flags) == options


def test_each_option_of_the_runtime_but_three_has_a_flag() -> None:
    names = {flag.name for flag in runtime_flags()}
    missing = {field.name for field in fields(RuntimeOptions)} - names
    assert missing == {"onnxruntime_library", "microbatch", "max_queue"}


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--free-dimension", "batch"),
        ("--free-dimension", "batch=many"),
        ("--width", "wide"),
        ("--provider", "cuda:device"),
    ],
)
def test_a_value_that_the_option_cannot_have_is_a_wrong_flag(classify, flag, value) -> None:
    done = classify(flag, value)
    assert done.code == 2
    assert value.partition("=")[2] in done.stderr


def test_widths_reach_the_layout_of_the_run(classify, many_lines, tmp_path) -> None:
    flags = ("-i", many_lines, "-o", tmp_path / "out", "--width", 16, "--width", 32)
    assert classify(*flags).code == 0
    assert classify(*flags, "--shape-policy", "exact", "--overwrite").code == 1


@pytest.fixture
def two_graphs(copy_of) -> Path:
    """A folder with a graph, and one that is not whole under the name of another variant."""
    folder = copy_of("bert-uncased-text")
    shutil.copy(folder / "model.onnx", folder / "model_fp16.onnx")
    (folder / "model.onnx").write_bytes(b"no graph")
    return folder


def test_the_variant_is_the_graph_that_is_run(hugot_command, two_graphs, many_lines) -> None:
    flags = ("run", "-p", two_graphs, "-t", "text-classification", "-i", many_lines)
    assert hugot_command(*flags).code == 1
    assert hugot_command(*flags, "--variant", "fp16").code == 0


def test_optimize_and_bench_take_the_variant(hugot_command, two_graphs) -> None:
    done = hugot_command("optimize", two_graphs, "--variant", "fp16")
    assert (done.code, "model_fp16" in done.stdout) == (0, True)
    done = hugot_command("bench", two_graphs, "--rounds", 1, "--variant", "fp16")
    assert (done.code, "model_fp16.onnx" in done.stdout) == (0, True)


def test_a_revision_that_a_folder_is_not_of_is_refused(hugot_command, copy_of) -> None:
    folder = copy_of("bert-uncased-text")
    flags = ("run", "-p", folder, "-t", "text-classification", "--revision", "v2")
    done = hugot_command(*flags)
    assert (done.code, "v2" in done.stderr) == (1, True)


def test_verify_refuses_a_model_that_is_not_as_recorded(hugot_command, copy_of, many_lines) -> None:
    folder = copy_of("bert-uncased-text")
    flags = ("run", "-p", folder, "-t", "text-classification", "-i", many_lines)
    assert hugot_command("verify", "--record", folder).code == 0
    assert hugot_command(*flags, "--verify").code == 0
    (folder / "config.json").write_text((folder / "config.json").read_text() + "\n")
    assert hugot_command(*flags).code == 0
    done = hugot_command(*flags, "--verify")
    assert (done.code, "config.json" in done.stderr) == (1, True)
