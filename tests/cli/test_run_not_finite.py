"""Records for which the model returns NaN: bad records, in every format."""

from __future__ import annotations

import json

import numpy as np
import pytest
import table_models
from tokenizers import Tokenizer


@pytest.fixture
def broken(tmp_path):
    """A classifier that returns NaN for texts with the word ``whisky``."""
    source = "bert-uncased-text"
    tokenizer = Tokenizer.from_file(str(table_models.FIXTURES / source / "tokenizer.json"))
    table = np.zeros((tokenizer.get_vocab_size(), 2), np.float32)
    table[tokenizer.encode("whisky", add_special_tokens=False).ids[0], 1] = np.nan
    return table_models.lookup(tmp_path / "broken", source, table, "logits", sums=True)


@pytest.mark.parametrize("kind", ["jsonl", "csv", "txt", "parquet"])
def test_results_that_are_not_finite_are_noted_or_stop_the_run(
    hugot_command, broken, tmp_path, records_of, kind
) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    source = tmp_path / "in.jsonl"
    texts = ["the film", "the whisky", "a film", "a whisky"]
    source.write_text("".join(json.dumps({"input": text}) + "\n" for text in texts), "utf-8")
    out = tmp_path / f"out.{kind}"
    flags = ("run", "-p", broken, "-t", "text-classification", "-i", source, "-o", out)
    stopped = hugot_command(*flags)
    assert stopped.code == 1
    assert f"{source}, line 2: the input has no finite result" in stopped.stderr
    skipped = hugot_command(*flags, "--on-error", "skip", "--resume")
    assert skipped.code == 3, skipped.stderr
    assert "2 records (1 of them before), 2 bad in" in skipped.stderr
    data = out.read_bytes()
    assert b"null" not in data
    if kind in ("jsonl", "txt"):
        assert data.count(b"\n") == 2
    errors = records_of(tmp_path / f"out.{kind}.hugot" / "errors.jsonl")
    assert [(each["file"], each["line"]) for each in errors] == [(str(source), 2), (str(source), 4)]
