"""The package's surface: what is public, and what importing it costs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import hugot

HEAVY = (
    "numpy",
    "onnxruntime",
    "tokenizers",
    "huggingface_hub",
    "click",
    "orjson",
    "dataclasses",
    "typing",
    "re",
)


def run_python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout


def test_the_public_names_are_exactly_those_of_all() -> None:
    assert hugot.__all__ == sorted(hugot._HOMES)


@pytest.mark.parametrize("name", hugot.__all__)
def test_every_public_name_is_there_and_has_a_docstring(name: str) -> None:
    assert getattr(hugot, name).__doc__


def test_every_error_derives_from_the_base_and_from_a_builtin() -> None:
    errors = [getattr(hugot, name) for name in hugot.__all__ if name.endswith("Error")]
    leaves = [error for error in errors if error is not hugot.HugotError]
    assert len(leaves) == 13
    for error in leaves:
        builtin = [base for base in error.__mro__[1:] if base.__module__ == "builtins"]
        assert issubclass(error, hugot.HugotError)
        assert builtin[0] is not Exception, error


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = hugot.nonsense


def test_importing_hugot_imports_nothing_heavy() -> None:
    code = f"import hugot, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert run_python(code) == "[]\n"


def test_running_a_model_imports_neither_torch_nor_transformers_nor_onnxruntime(models) -> None:
    code = (
        "import hugot, sys, json\n"
        f"hugot.pipeline('text-classification', {str(models / 'bert-uncased-text')!r})('a')\n"
        "names = ('torch', 'transformers', 'onnxruntime', 'huggingface_hub')\n"
        "print(json.dumps([name for name in names if name in sys.modules]))"
    )
    assert json.loads(run_python(code)) == []


@pytest.mark.parametrize("module", ["hugot.api", "hugot.session", "hugot.runtime.engine"])
def test_a_session_needs_neither_numpy_nor_tokenizers_before_it_has_a_pipeline(module) -> None:
    names = ("numpy", "tokenizers", "onnxruntime", "huggingface_hub", "logging", "shutil")
    code = (
        f"import {module}, hugot, sys, json\n"
        "hugot.Session().close()\n"
        f"print(json.dumps([name for name in {names!r} if name in sys.modules]))"
    )
    assert json.loads(run_python(code)) == []


def test_a_pipeline_has_no_public_attributes_but_those_of_the_reference(models) -> None:
    with hugot.pipeline("text-classification", models / "bert-uncased-text") as pipeline:
        names = [name for name in dir(pipeline) if not name.startswith("_")]
    assert names == [
        *("acall", "close", "count_tokens", "dimension", "labels", "max_length", "name", "options"),
        *("plan", "providers", "reset_stats", "stats"),
        *("stream", "stream_batches", "submit", "task", "tune", "warmup"),
    ]
