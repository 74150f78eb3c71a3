"""Text ranking on the command line."""

from __future__ import annotations

import json

import pytest

import hugot

QUERY = "where is Berlin?"
DOCUMENTS = ["in Germany", "a film", ""]


@pytest.fixture(scope="module")
def folder(models):
    return models / "electra-text"


@pytest.fixture(scope="module")
def rank(folder):
    with hugot.pipeline("text-ranking", folder) as pipeline:
        yield pipeline


@pytest.fixture
def run(hugot_command, folder):
    def run(*arguments: object):
        return hugot_command("run", "-p", folder, "-t", "text-ranking", *arguments)

    return run


@pytest.fixture
def lines(tmp_path):
    def write(*records):
        path = tmp_path / "pairs.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return path

    return write


def parsed(text: str) -> list:
    return [json.loads(line)["output"] for line in text.splitlines()]


def near(ranked: list) -> list:
    return [{**each, "score": pytest.approx(each["score"], abs=1e-6)} for each in ranked]


def test_bench_knows_the_task(hugot_command, folder) -> None:
    done = hugot_command("bench", folder, "-t", "rerank", "--rounds", 1, "--threads", 1)
    assert done.stdout.startswith(f"{folder / 'model.onnx'}: text-ranking,")


def test_each_line_has_a_document_or_several(run, rank, lines) -> None:
    source = lines(
        {"id": 1, "query": QUERY, "document": "a film"},
        {"id": 2, "query": QUERY, "documents": DOCUMENTS},
    )
    one, several = parsed(run("-i", source, "--format", "transformers").stdout)
    assert one == pytest.approx(rank((QUERY, "a film")), abs=1e-6)
    assert several == near(rank.rank(QUERY, DOCUMENTS))


def test_flags_name_the_keys_and_options(run, rank, lines) -> None:
    source = lines({"q": QUERY, "found": DOCUMENTS, "document": "left out"})
    flags = ("--query-column", "q", "--documents-column", "found", "--format", "transformers")
    options = ("--top-k", 2, "--return-documents", "--function-to-apply", "none")
    [found] = parsed(run("-i", source, *flags, *options).stdout)
    wanted = rank.rank(QUERY, DOCUMENTS, 2, return_documents=True, function_to_apply="none")
    assert found == near(wanted)


def test_lines_that_cannot_be_run_are_named(run, lines, tmp_path) -> None:
    source = lines(
        {"query": QUERY, "document": 7},
        {"query": QUERY},
        {"document": "a film"},
        {"query": QUERY, "documents": ["a", 7]},
    )
    errors = tmp_path / "errors.jsonl"
    done = run("-i", source, "--on-error", "skip", "--errors", errors)
    assert done.code == 3
    found = [json.loads(line) for line in errors.read_text().splitlines()]
    reasons = {each["line"]: each["reason"] for each in found}
    assert reasons == {
        1: '"document" must be a string, not 7',
        2: 'each record needs the key "document" or "documents"; the keys are "query". Choose one with '
        "--query-column or --document-column or --documents-column",
        3: 'there is no key "query"; the keys are "document". Choose one with --query-column',
        4: "the input document 1 is of type int, not str",
    }


def test_csv_holds_a_document_or_a_list_as_json(run, rank, tmp_path) -> None:
    source = tmp_path / "pairs.csv"
    source.write_text(f"query,document\n{QUERY},a film\n")
    assert parsed(run("-i", source).stdout) == [pytest.approx(rank((QUERY, "a film")), abs=1e-6)]
    source.write_text('query,documents\nwho?,"[""a"", ""b""]"\n')
    [found] = parsed(run("-i", source, "--format", "transformers").stdout)
    assert found == near(rank.rank("who?", ["a", "b"]))
    source.write_text("query,documents\nwho?,a\n")
    assert '"documents" must be a list of strings in JSON' in run("-i", source).stderr
    source.write_text("query,other\nwho?,a\n")
    assert "there is no column 'document'" in run("-i", source).stderr


def test_a_run_that_is_resumed_has_all_results(run, lines, tmp_path) -> None:
    source = lines(*({"query": QUERY, "document": "a " * number} for number in range(30)))
    output = tmp_path / "out"
    assert run("-i", source, "--output", output).code == 0
    assert run("-i", source, "--output", output, "--resume").code == 0
    written = "".join(path.read_text() for path in sorted(output.glob("*.jsonl")))
    assert len(parsed(written)) == 30


def test_columns_of_files_have_one_kind_of_result(run, rank, lines, tmp_path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    source, output = tmp_path / "in.parquet", tmp_path / "out.parquet"
    table = pa.table({"query": ["a", "b", "c"], "documents": [["x", "y"], None, []]})
    parquet.write_table(table, source)
    assert run("-i", source, "--output", output, "--format", "transformers").code == 0
    found = parquet.read_table(output).column("output").to_pylist()
    assert found == [near(rank.rank("a", ["x", "y"])), None, []]
    mixed = lines({"query": "a", "document": "x"}, {"query": "a", "documents": ["x"]})
    done = run("-i", mixed, "--output", tmp_path / "mixed.parquet")
    assert "line 2: a result is of another kind than float" in done.stderr


def test_columns_need_a_choice_if_no_file_makes_it(run, monkeypatch, tmp_path) -> None:
    pytest.importorskip("pyarrow")
    done = run("--output", tmp_path / "out.parquet")
    assert done.code == 2
    assert "--document-column or --documents-column" in done.stderr
