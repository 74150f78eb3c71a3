"""Compressed files that are damaged, among others that are not."""

from __future__ import annotations

import gzip
import json
import random

import pytest

pa = pytest.importorskip("pyarrow")

COUNT = 3000


def content() -> bytes:
    noise = random.Random(5)
    rows = ({"input": f"text {i}", "noise": noise.random()} for i in range(COUNT))
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def damaged(how: str) -> bytes:
    data = content()
    whole = gzip.compress(data) if "gz" in how else pa.Codec("zstd").compress(data, asbytes=True)
    if "half" in how:
        return whole[: len(whole) // 2]
    if "checksum" in how:
        return whole[:-8] + b"\0\0\0\0" + whole[-4:]
    return whole + b"garbage"


@pytest.mark.parametrize(
    "how",
    ["gz half", "gz checksum", "gz garbage", "zst half", "zst garbage"],
)
def test_a_damaged_file_is_named_and_the_next_ones_are_run(
    classify, tmp_path, records_of, how
) -> None:
    suffix = how.split()[0]
    (tmp_path / "a.jsonl").write_bytes(b'{"input":"first"}\n')
    broken = tmp_path / f"b.jsonl.{suffix}"
    broken.write_bytes(damaged(how))
    (tmp_path / "c.jsonl").write_bytes(b'{"input":"last"}\n')
    flags = ("-i", tmp_path / "[abc].jsonl*", "-o", tmp_path / "out")
    stopped = classify(*flags)
    assert stopped.code == 1
    assert stopped.stderr.startswith(f"hugot: {broken}, line ")
    assert "the file cannot be read: " in stopped.stderr
    assert "Traceback" not in stopped.stderr
    may_be_wrong = "Lines before this one may be wrong as well" in stopped.stderr
    assert may_be_wrong == (how == "gz checksum")
    skipped = classify(*flags, "--on-error", "skip", "--resume")
    assert skipped.code == 3, skipped.stderr
    rows = records_of(tmp_path / "out" / "result_0.jsonl")
    good = [row["input"] for row in rows]
    # What comes before the damage is run.
    assert good == ["first", *(f"text {i}" for i in range(len(good) - 2)), "last"]
    if suffix == "gz":
        assert (len(good) - 2 == COUNT) == (how != "gz half")
    assert len(good) > (2 if how != "zst half" else 1)
    [error] = records_of(tmp_path / "out.hugot" / "errors.jsonl")
    assert (error["file"], error["line"]) == (str(broken), len(good) - 1)


def test_a_file_that_is_gone_when_its_turn_comes_is_an_error_of_it(tmp_path) -> None:
    from hugot.io.batch import Position
    from hugot.io.files import InputFile
    from hugot.io.formats import Format
    from hugot.io.records import LineRecords
    from hugot.tasks.schema import TEXT

    (tmp_path / "b.jsonl").write_bytes(b'{"input":"x"}\n')
    files = [InputFile(tmp_path / name, Format("jsonl"), 1) for name in ("a.jsonl", "b.jsonl")]
    records = LineRecords(files, Position(), "jsonl", {"input": "input"}, (TEXT,))
    batches = [batch for batch in records.batches() if batch is not None]
    assert [value for batch in batches for value in batch.inputs] == ["x"]
    [error] = [error for batch in batches for error in batch.errors]
    assert error.message.startswith(f"{tmp_path / 'a.jsonl'}, line 1: the file cannot be read: ")


@pytest.mark.parametrize("kind", ["jsonl", "csv", "txt"])
def test_an_empty_compressed_file_has_no_results(classify, tmp_path, kind) -> None:
    source = tmp_path / f"in.{kind}.gz"
    for data in (b"", gzip.compress(b"")):
        source.write_bytes(data)
        done = classify("-i", source, "-o", tmp_path / "out.jsonl", "--overwrite")
        assert done.code == 0, done.stderr
        assert (tmp_path / "out.jsonl").read_bytes() == b""
