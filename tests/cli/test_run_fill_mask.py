"""Fill-mask on the command line."""

from __future__ import annotations

import json

import pytest
from comparison import same

import hugot

ONE = "Paris is the [MASK] of France."
TWO = "Paris is the [MASK] of [MASK]."


@pytest.fixture(scope="module")
def folder(models):
    return models / "bert-uncased-mask"


@pytest.fixture(scope="module")
def fill(folder):
    with hugot.pipeline("fill-mask", folder) as pipeline:
        yield pipeline


@pytest.fixture
def path_of_texts(tmp_path):
    path = tmp_path / "texts.jsonl"

    def write(*texts):
        path.write_text("".join(json.dumps({"input": text}) + "\n" for text in texts))
        return path

    return write


def test_info_and_bench_know_the_task(hugot_command, folder) -> None:
    found = json.loads(hugot_command("info", folder, "--json").stdout)
    assert found["tasks"] == ["fill-mask"]
    assert found["pipelines"]["fill-mask"] is None
    done = hugot_command("bench", folder, "--rounds", 1, "--threads", 1)
    assert done.stdout.startswith(f"{folder / 'model.onnx'}: fill-mask,")


def test_a_run_writes_lines_with_flags_for_all_options(
    hugot_command, folder, fill, path_of_texts
) -> None:
    source = path_of_texts(ONE, TWO)
    flags = ("--top-k", 2, "--targets", "the", "--target", "a", "--tokenizer-kwargs")
    run = ("run", "-p", folder, "-t", "fill-mask", "-i", source, *flags, "truncation=yes")
    lines = hugot_command(*run, "--format", "transformers").stdout.splitlines()
    wanted = fill([ONE, TWO], top_k=2, targets=["the", "a"])
    assert same([json.loads(line)["output"] for line in lines], wanted)
    first, second = map(json.loads, hugot_command(*run).stdout.splitlines())
    assert [*first["output"][0]] == ["Score", "Token", "TokenStr", "Sequence"]
    assert second["output"][1][0]["TokenStr"] == wanted[1][1][0]["token_str"]


def test_a_run_goes_on_behind_a_line_without_a_mask(
    hugot_command, folder, path_of_texts, tmp_path
) -> None:
    source, out = path_of_texts(ONE, "nothing here", TWO), tmp_path / "out"
    run = ("run", "-p", folder, "-t", "fill-mask", "-i", source, "-o", out)
    done = hugot_command(*run, "--on-error", "skip")
    assert done.code == 3
    assert len((out / "result_0.jsonl").read_text().splitlines()) == 2
    [error] = map(json.loads, (tmp_path / "out.hugot" / "errors.jsonl").read_text().splitlines())
    assert "the input has no mask token [MASK]" in error["reason"]


def test_a_run_writes_parquet_for_single_masks_alone(
    hugot_command, folder, fill, path_of_texts, tmp_path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    run = ("run", "-p", folder, "-t", "fill-mask", "--output-format", "parquet")
    style = ("--format", "transformers", "-i", path_of_texts(*[ONE] * 3))
    assert hugot_command(*run, *style, "-o", tmp_path / "single").code == 0
    table = parquet.read_table(tmp_path / "single" / "result_0.parquet")
    assert str(table.schema.field("output").type.value_type) == (
        "struct<score: float, token: int32, token_str: string, sequence: string>"
    )
    [column] = {json.dumps(each) for each in table.column("output").to_pylist()}
    assert same(json.loads(column), fill(ONE))
    source = path_of_texts(ONE, ONE, TWO)
    done = hugot_command(*run, "-i", source, "-o", tmp_path / "several")
    assert done.code != 0
    assert f"{source}, line 3: a result is of another kind than" in done.stderr
    assert "choose --output-format jsonl" in done.stderr
