"""Options given as scalars of numpy, enumerations or instances of subclasses are the plain values."""

from __future__ import annotations

import enum
from dataclasses import fields

import numpy as np
import pytest
from comparison import same
from places import FIXTURES

import hugot
from hugot import InputError
from hugot.api import providers_of_device
from hugot.options import RuntimeOptions, make_options, plain_options, plain_value
from hugot.tasks import SPECS, task_class

# A valid value of each option, other than its default if there is one that runs everywhere.
VALUES = {
    "batch_size": 4,
    "show_progress": False,
    "truncation": True,
    "top_k": 2,
    "function_to_apply": "sigmoid",
    "aggregation_strategy": "first",
    "ignore_labels": ["O"],
    "stride": 2,
    "is_split_into_words": False,
    "delimiter": " ",
    "pooling": "cls",
    "normalize": True,
    "truncate_dim": 4,
    "prompt": "query: ",
    "prompt_name": None,
    "output_name": "last_hidden_state",
    "targets": ["in", "a"],
    "tokenizer_kwargs": {"truncation": True},
    "max_length": 20,
    "candidate_labels": ["a", "b"],
    "hypothesis_template": "{}?",
    "multi_label": True,
    "apply_softmax": True,
    "return_documents": True,
    "chunks": None,
    "chunk_overlap": 0,
    "mode": "latency",
    "threads": 1,
    "workers": 1,
    "token_budget": 256,
    "providers": ["cpu"],
    "provider_fallback": False,
    "shape_policy": "few",
    "widths": [16, 32],
    "execution_mode": "sequential",
    "inter_op_threads": None,
    "spinning": "never",
    "graph_optimization_level": "basic",
    "enable_cpu_mem_arena": True,
    "shrink_cpu_mem_arena": False,
    "enable_mem_pattern": False,
    "free_dimensions": {"batch": 2},
    "free_dimension_denotations": {"DATA_BATCH": 2},
    "log_severity_level": 3,
    "session_config": {"session.disable_prepacking": "1"},
    "run_config": {},
    "telemetry": False,
    "microbatch": True,
    "max_queue": 12,
    "optimized_model": False,
}
MODELS = {
    "text-classification": "bert-uncased-text",
    "token-classification": "bert-uncased-token",
    "feature-extraction": "bert-uncased-features",
    "fill-mask": "bert-uncased-mask",
    "text-ranking": "electra-text",
    "zero-shot-classification": "deberta-text",
}


class Text(str):
    """A str that is printed as another one."""

    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


def as_numpy(value, number=np.int64):
    """Return a value with scalars and arrays of numpy instead of plain ones."""
    match value:
        case bool():
            return np.bool_(value)
        case int():
            return number(value)
        case str():
            return np.str_(value)
        case list():
            return np.array(value)
        case dict():
            return {np.str_(key): as_numpy(each, number) for key, each in value.items()}
    return value


KINDS = {
    "int64": as_numpy,
    "int32": lambda value: as_numpy(value, np.int32),
    "array without axes": lambda value: (
        as_numpy(value) if value is None or isinstance(value, list | dict) else np.array(value)
    ),
    "subclass": lambda value: Text(value) if isinstance(value, str) else value,
    "enumeration": lambda value: (
        enum.Enum("Values", {"VALUE": value}).VALUE if isinstance(value, str | int) else value
    ),
}


def is_plain(value) -> bool:
    """Whether a value has no other types than those of Python itself."""
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(is_plain(each) for item in value.items() for each in item)
    return value is None or type(value) in (str, int, float, bool)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", [spec.name for spec in SPECS])
def test_an_option_of_a_task_becomes_the_plain_value(task, kind) -> None:
    options = {
        each.name: VALUES[each.name]
        for each in fields(task_class(task).options_type)
        if each.name in VALUES
    }
    given = {name: KINDS[kind](value) for name, value in options.items()}
    sample = {
        "fill-mask": "a [MASK]",
        "text-ranking": ("a word", "in"),
        "zero-shot-classification": {"text": "a word", "candidate_labels": ["in", "a"]},
    }.get(task, "a word")
    with (
        hugot.pipeline(task, FIXTURES / MODELS[task], threads=1, **given) as made,
        hugot.pipeline(task, FIXTURES / MODELS[task], threads=1) as plain,
        hugot.pipeline(task, FIXTURES / MODELS[task], threads=1, **options) as expected,
    ):
        assert made.options == expected.options
        assert repr(made.options) == repr(expected.options)
        assert all(is_plain(getattr(made.options, name)) for name in options)
        for name in options:
            assert same(
                plain(sample, **{name: given[name]}), plain(sample, **{name: options[name]})
            )
        assert same(made(sample), expected(sample))


@pytest.mark.parametrize("kind", KINDS)
def test_an_option_of_the_session_becomes_the_plain_value(kind) -> None:
    for each in fields(RuntimeOptions):
        if each.name in VALUES:
            value = VALUES[each.name]
            made = make_options(RuntimeOptions, {each.name: KINDS[kind](value)})
            assert repr(made) == repr(make_options(RuntimeOptions, {each.name: value}))


def test_every_option_is_tried_above() -> None:
    paths = {
        "plugins",
        "onnxruntime_library",
        "optimized_model_path",
        "custom_op_libraries",
        "profiling",
    }
    of_tasks = {each.name for spec in SPECS for each in fields(task_class(spec.name).options_type)}
    of_sessions = {each.name for each in fields(RuntimeOptions)} - paths
    assert of_tasks | of_sessions <= VALUES.keys()


def test_names_and_times_may_be_of_numpy() -> None:
    with hugot.Session(threads=np.int64(1)) as session:
        made = session.pipeline(
            np.str_("text-classification"),
            np.str_(FIXTURES / "bert-uncased-text"),
            name=np.str_("mood"),
            variant=np.str_("auto"),
            verify=np.bool_(False),
        )
        assert type(made.name) is str
        assert made.submit("a", timeout=np.float32(20)).result() == made("a")


def test_a_wrong_value_of_numpy_is_refused_as_the_plain_one() -> None:
    for value in (np.int64(0), np.float32(1.5), np.array([1, 2])):
        with pytest.raises(InputError) as given:
            make_options(RuntimeOptions, {"threads": value})
        with pytest.raises(InputError) as plain:
            make_options(RuntimeOptions, {"threads": value.tolist()})
        assert str(given.value) == str(plain.value)


@pytest.mark.parametrize("value", [1, 0, 1.0, np.int64(1)])
def test_a_number_is_no_switch(value) -> None:
    with (
        hugot.pipeline("text-classification", FIXTURES / "bert-uncased-text") as made,
        pytest.raises(InputError, match="truncation="),
    ):
        made("a", truncation=value)


def test_plain_options_are_not_copied() -> None:
    given = {"top_k": None, "function_to_apply": "none", "batch_size": 3}
    assert plain_options(given) is given


def test_a_value_without_a_plain_form_stays_as_it_is() -> None:
    value = np.longdouble(1)
    assert plain_value(value) is value or type(plain_value(value)) is float


class Device:
    """As torch.device."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


@pytest.mark.parametrize(
    ("device", "providers"),
    [
        (Device("cpu"), ["cpu"]),
        (Device("cuda:1"), [("cuda", {"device_id": 1})]),
        (np.int64(-1), ["cpu"]),
        (np.int32(2), [("cuda", {"device_id": 2})]),
        (np.str_("cuda"), [("cuda", {"device_id": 0})]),
        (enum.Enum("Devices", {"CPU": "cpu"}, type=str).CPU, ["cpu"]),
    ],
)
def test_a_device_is_read_by_its_name_or_number(device, providers) -> None:
    assert providers_of_device(device) == providers


def test_no_device_is_the_default() -> None:
    with hugot.pipeline("text-classification", FIXTURES / "bert-uncased-text", device=None) as made:
        assert made("a")


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("return_all_scores", "top_k=None"),
        ("grouped_entities", 'aggregation_strategy="simple"'),
        ("dtype", "variant="),
        ("torch_dtype", "variant="),
        ("tokenizer", "model's folder"),
        ("padding", "leave it out"),
        ("framework", "leave it out"),
        ("model_kwargs", "onnx_file"),
        ("trust_remote_code", "no code"),
        ("normalize_embeddings", "normalize="),
        ("convert_to_tensor", "torch.from_numpy"),
        ("output_value", 'pooling="none"'),
        ("topk", "did you mean 'top_k'"),
        ("threads", "given to hugot.pipeline or Session"),
    ],
)
def test_an_unknown_option_of_another_library_points_to_ours(option, hint) -> None:
    with hugot.pipeline("text-classification", FIXTURES / "bert-uncased-text") as made:
        for call in (
            made,
            lambda text, **options: hugot.Session().pipeline(
                "text-classification", FIXTURES / "bert-uncased-text", **options
            ),
        ):
            with pytest.raises(InputError) as caught:
                call("a", **{option: 1})
            assert f"unknown option of text-classification {option!r}; " in str(caught.value)
            assert hint in str(caught.value)
            assert "function_to_apply" in str(caught.value)


@pytest.mark.parametrize(
    "task",
    ["summarization", "translation_en_to_de", "image-segmentation", "automatic-speech-recognition"],
)
def test_a_task_that_hugot_does_not_run_is_called_so(task) -> None:
    with pytest.raises(
        InputError, match=f"does not run the task '{task}' yet; there are: .*fill-mask"
    ):
        hugot.pipeline(task, FIXTURES / "bert-uncased-text")


def test_a_misspelt_task_is_suggested() -> None:
    with pytest.raises(
        InputError, match="unknown task 'embeddings'; did you mean feature-extraction"
    ):
        hugot.pipeline("embeddings", FIXTURES / "bert-uncased-text")
