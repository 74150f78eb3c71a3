"""`hugot bench`: the table, the JSON, where texts come from, what is refused."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

import hugot
from hugot import measure
from hugot.cli.main import hugot as command


@pytest.fixture(autouse=True)
def short_lists(monkeypatch):
    monkeypatch.setattr(measure, "LIST_SECONDS", 0.01)


def bench(*arguments: object) -> Result:
    return CliRunner().invoke(command, ["bench", *map(str, arguments)])


def figures(*arguments: object) -> dict:
    done = bench("--json", *arguments)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture
def mood(models):
    return models / "bert-uncased-text"


def test_the_table_has_a_line_for_each_setting_and_what_is_recommended(mood) -> None:
    done = bench(mood, "--threads", 2)
    assert done.exit_code == 0, done.output
    head, _, columns, *lines = done.stdout.splitlines()
    assert head == f"{mood / 'model.onnx'}: text-classification, medians of 5 rounds"
    assert columns.split() == [
        "setting",
        "workers",
        "threads",
        "one",
        "text",
        "texts/s",
        "requests/s",
    ]
    assert [line.split("  ")[0] for line in lines[:2]] == [
        "Session(threads=2)",
        "Session(threads=2, mode='throughput')",
    ]
    assert {len(line) for line in lines[:2]} == {len(columns)}
    assert lines[2:4] == ["", "Recommended:"]
    uses = ["one text at a time ", "lists ", "many requests (submit) "]
    for line, use in zip(lines[4:], uses, strict=True):
        assert line.startswith(use)
        assert "  Session(threads=2" in line


def test_after_too_few_rounds_the_table_asks_for_more_and_recommends_nothing(mood) -> None:
    done = bench(mood, "--rounds", 4)
    assert "Recommended" not in done.stdout
    assert done.stdout.endswith(
        "\n\nToo few rounds to recommend a setting; use --rounds 5 or more.\n"
    )
    assert figures(mood, "--rounds", 4)["recommended"] == {}


def test_json_has_the_same_and_the_recommended_settings_are_among_the_measured(mood) -> None:
    found = figures(mood, "--threads", 2)
    assert (found["model"], found["task"]) == (str(mood / "model.onnx"), "text-classification")
    assert [each["rounds"] for each in found["measurements"]] == [5, 5]
    assert set(found["recommended"]) == {"single", "bulk", "requests"}
    for each in found["recommended"].values():
        assert each in found["measurements"]


def test_recommended_options_make_a_session_with_the_reported_layout(mood) -> None:
    best = figures(mood)["recommended"]["bulk"]
    with hugot.Session(**best["options"]) as session:
        plan = session.pipeline("text-classification", mood).plan(["a"])
    assert (plan.workers, plan.intra_op_threads) == (best["workers"], best["intra_op_threads"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("texts.jsonl", b'{"input": "a"}\n\n{"input": "a b c"}\n'),
        ("texts.txt", b"a\n\na b c\r\n"),
    ],
)
def test_texts_come_from_a_file(mood, tmp_path, monkeypatch, name, content) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    given = []

    def record(task, model, texts, **options):
        given.extend(texts)
        return [measure.Measurement({}, 1, 1, 1, 1.0, 1.0, 1.0)]

    monkeypatch.setattr(measure, "measure", record)
    assert bench(mood, "--input", path).exit_code == 0
    assert given == ["a", "a b c"]


@pytest.mark.parametrize(
    ("model", "task"),
    [
        ("bert-uncased-features", "feature-extraction"),
        ("bert-uncased-features-sentence", "feature-extraction"),
        ("distilbert-text", "text-classification"),
        ("electra-token", "token-classification"),
    ],
)
def test_the_task_is_guessed_from_the_files(models, model, task) -> None:
    assert figures(models / model, "--rounds", 1)["task"] == task


def test_the_type_can_be_given(models) -> None:
    model = models / "bert-uncased-features"
    assert figures(model, "--type", "featureExtraction")["task"] == "feature-extraction"


def test_a_model_that_does_not_tell_its_task_needs_a_type(copy_of) -> None:
    folder = copy_of("bert-uncased-text")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps(config | {"architectures": ["BertForMultipleChoice"]})
    )
    done = bench(folder)
    assert isinstance(done.exception, hugot.InputError)
    assert "--type" in str(done.exception)
    assert figures(folder, "--type", "text-classification")["task"] == "text-classification"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"input": "a"}\nno JSON\n', "a.jsonl, line 2: not a JSON object"),
        ("a.jsonl", b'{"text": "a"}\n', 'line 1: not a JSON object with the key "input"'),
        ("a.jsonl", b"[1]\n", "line 1: not a JSON object"),
        ("a.jsonl", b'{"input": 3}\n', "input 0 is of type int"),
        ("a.txt", b"a\n\xff\n", "line 2: not UTF-8"),
        ("a.txt", b"\n\n", "has no texts"),
    ],
)
def test_a_bad_input_file_is_an_error_that_names_the_place(
    mood, tmp_path, name, content, message
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    done = bench(mood, "--input", path)
    assert isinstance(done.exception, hugot.InputError)
    assert message in str(done.exception)


def test_a_provider_that_is_not_there_is_an_error(mood) -> None:
    done = bench(mood, "--provider", "cpu", "--provider", "migraphx")
    assert isinstance(done.exception, hugot.ProviderError)


@pytest.mark.parametrize("wrong", [("--rounds", "0"), ("--threads", "0"), ("--type", "translate")])
def test_a_wrong_value_is_refused(mood, wrong) -> None:
    assert bench(mood, *wrong).exit_code == 2
