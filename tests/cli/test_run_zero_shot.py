"""Zero-shot classification on the command line."""

from __future__ import annotations

import csv
import json

import pytest
from comparison import same

import hugot

TEXTS = ["Where can I swim in Berlin?", "the cat", "The unaffable cat sat by the sea. " * 9]
LABELS = ["politics", "the sea"]


@pytest.fixture(scope="module")
def folder(models):
    return models / "deberta-text"


@pytest.fixture(scope="module")
def zero(folder):
    with hugot.pipeline("zero-shot-classification", folder, threads=1) as pipeline:
        yield pipeline


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "texts.jsonl"

    def write(*records):
        path.write_text("".join(json.dumps(each) + "\n" for each in records))
        return path

    return write


def run(folder, *rest):
    return ("run", "-p", folder, "-t", "zero-shot-classification", *rest)


def without_text(result):
    return {key: result[key] for key in ("labels", "scores")}


def test_info_bench_and_help_know_the_task(hugot_command, folder) -> None:
    found = json.loads(hugot_command("info", folder, "--json").stdout)
    assert found["pipelines"]["zero-shot-classification"] is None
    done = hugot_command(
        "bench", folder, "-t", "zero-shot-classification", "--rounds", 1, "--threads", 1
    )
    assert done.stdout.startswith(f"{folder / 'model.onnx'}: zero-shot-classification,")
    shown = " ".join(hugot_command(*run(folder, "--help")).stdout.split())
    assert "--candidate-labels-column TEXT Key or column of the labels of a text" in shown


def test_labels_come_from_flags(hugot_command, folder, zero, lines) -> None:
    source = lines(*({"input": text, "id": 7} for text in TEXTS))
    style = ("-i", source, "--format", "transformers")
    wanted = [without_text(zero(text, LABELS, multi_label=True)) for text in TEXTS]
    for flags in (
        ("--candidate-labels", "politics, the sea"),
        ("--candidate-labels", "politics", "--candidate-label", "the sea"),
    ):
        done = hugot_command(*run(folder, *style, *flags, "--multi-label"))
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert same([each["output"] for each in found], wanted)
        assert [*found[0]] == ["input", "id", "output"]
    template = ("--hypothesis-template", "About {}?", "--candidate-labels", "a")
    done = hugot_command(*run(folder, "-i", source, *template))
    output = json.loads(done.stdout.splitlines()[0])["output"]
    assert [*output] == ["Labels", "Scores"]
    only = zero(TEXTS[0], ["a"], hypothesis_template="About {}?")
    assert same(output["Scores"], only["scores"])


def test_the_labels_of_a_record_replace_those_of_the_flags(
    hugot_command, folder, zero, lines
) -> None:
    source = lines(
        {"input": TEXTS[0], "candidate_labels": LABELS},
        {"input": TEXTS[0], "candidate_labels": "a, b"},
        {"input": TEXTS[0]},
        {"input": TEXTS[0], "candidate_labels": None},
    )
    done = hugot_command(
        *run(folder, "-i", source, "--candidate-labels", "c", "--format", "transformers")
    )
    found = [json.loads(line)["output"] for line in done.stdout.splitlines()]
    wanted = [zero(TEXTS[0], labels) for labels in (LABELS, ["a", "b"], ["c"], ["c"])]
    assert same(found, list(map(without_text, wanted)))


def test_a_record_without_labels_or_with_wrong_ones_is_named(
    hugot_command, folder, lines, tmp_path
) -> None:
    source = lines(
        {"input": TEXTS[0], "candidate_labels": LABELS},
        {"input": TEXTS[0]},
        {"input": TEXTS[0], "candidate_labels": [3]},
        {"input": 3, "candidate_labels": LABELS},
        {"input": "", "candidate_labels": LABELS},
        {"candidate_labels": LABELS},
    )
    out = tmp_path / "out"
    done = hugot_command(*run(folder, "-i", source, "-o", out, "--on-error", "skip"))
    assert done.code == 3
    assert len((out / "result_0.jsonl").read_text().splitlines()) == 1
    errors = (tmp_path / "out.hugot" / "errors.jsonl").read_text().splitlines()
    reasons = {each["line"]: each["reason"] for each in map(json.loads, errors)}
    assert [*reasons] == [2, 3, 4, 5, 6]
    assert "has no candidate_labels" in reasons[2]
    assert "candidate_labels=[3]" in reasons[3]
    assert '"input" must be a string, not 3' in reasons[4]
    assert "an empty text" in reasons[5]
    assert 'there is no key "input"' in reasons[6]


def test_wrong_labels_of_a_renamed_key_are_named(hugot_command, folder, lines) -> None:
    source = lines({"input": TEXTS[0], "which": [3]})
    done = hugot_command(*run(folder, "-i", source, "--candidate-labels-column", "which"))
    assert "line 1" in done.stderr
    assert "candidate_labels=[3]" in done.stderr
    source = lines({"input": TEXTS[0], "candidate_labels": LABELS})
    done = hugot_command(*run(folder, "-i", source, "--candidate-labels-column", "which"))
    assert 'there is no key "which"' in done.stderr


def test_a_csv_may_have_a_column_of_labels(hugot_command, folder, zero, tmp_path) -> None:
    source = tmp_path / "texts.csv"
    with source.open("w", newline="") as file:
        csv.writer(file).writerows([["input", "which"], *([text, "a,b"] for text in TEXTS)])
    flags = ("--candidate-labels-column", "which", "--format", "transformers")
    flags += ("--output-format", "csv")
    done = hugot_command(*run(folder, "-i", source, *flags))
    rows = list(csv.DictReader(done.stdout.splitlines()))
    wanted = [without_text(zero(text, ["a", "b"])) for text in TEXTS]
    assert same([json.loads(row["output"]) for row in rows], wanted)
    done = hugot_command(*run(folder, "-i", source, "--candidate-labels", "a"))
    assert len(done.stdout.splitlines()) == 3
    done = hugot_command(*run(folder, "-i", source, "--candidate-labels-column", "other"))
    assert "there is no column 'other'" in done.stderr


def test_parquet_has_structs_of_lists(hugot_command, folder, zero, tmp_path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    source, out = tmp_path / "texts.parquet", tmp_path / "out"
    labels = [LABELS, None, ["a"]]
    table = pa.table({"input": TEXTS, "candidate_labels": labels})
    parquet.write_table(table, source)
    flags = ("--candidate-labels", "c", "--format", "transformers")
    assert hugot_command(*run(folder, "-i", source, "-o", out, *flags)).code == 0
    found = parquet.read_table(out / "result_0.parquet")
    wanted = zip(TEXTS, (LABELS, ["c"], ["a"]), strict=True)
    wanted = [without_text(zero(text, each)) for text, each in wanted]
    assert found.column("candidate_labels").to_pylist() == labels
    assert same(found.column("output").to_pylist(), wanted)
    kind = str(found.schema.field("output").type).replace("element", "item")
    assert kind == "struct<labels: list<item: string>, scores: list<item: float>>"
    parquet.write_table(table.drop_columns(["candidate_labels"]), source)
    assert hugot_command(*run(folder, "-i", source, *flags, "-o", tmp_path / "b")).code == 0


def test_a_run_goes_on_with_the_same_labels_alone(hugot_command, folder, lines, tmp_path) -> None:
    good = [{"input": text, "id": number} for number, text in enumerate(TEXTS * 400)]
    source, out = lines(*good, {"input": ""}, {"input": "a"}), tmp_path / "out"
    flags = ("-i", source, "-o", out, "--checkpoint-seconds", 0)
    assert hugot_command(*run(folder, *flags, "--candidate-labels", "a")).code == 1
    other = hugot_command(*run(folder, *flags, "--candidate-labels", "b", "--resume"))
    assert (other.code, "option candidate_labels" in other.stderr) == (1, True)
    more = ("--candidate-labels", "a", "--resume", "--on-error", "skip")
    assert hugot_command(*run(folder, *flags, *more)).code == 3
    written = map(json.loads, (out / "result_0.jsonl").read_text().splitlines())
    assert [each.get("id") for each in written] == [*range(len(good)), None]
