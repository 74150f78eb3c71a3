"""Parquet and Arrow files in and out of `hugot run`: files without rows, texts, folders with keys."""

from __future__ import annotations

import pytest

pa = pytest.importorskip("pyarrow")

from column_files import broken_text, read_table, write_table  # noqa: E402
from pyarrow import dataset, parquet  # noqa: E402

KINDS = ["parquet", "arrow"]
RESULT = pa.list_(pa.struct([("Label", pa.string()), ("Score", pa.float32())]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("to", KINDS)
def test_a_file_without_rows_keeps_its_columns_and_gains_output(
    classify, tmp_path, kind, to
) -> None:
    columns = pa.schema(
        [("day", pa.date32()), ("input", pa.string()), ("n", pa.uint8())], {"a": "b"}
    )
    source = write_table(columns.empty_table(), tmp_path / f"in.{kind}")
    out = tmp_path / f"out.{to}"
    assert classify("-i", source, "-o", out).code == 0
    found = read_table(out)
    assert found.num_rows == 0
    assert found.schema.equals(columns.append(pa.field("output", RESULT)))
    assert found.schema.metadata == {b"a": b"b"}


@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_a_header_alone_becomes_columns_of_text_and_output(classify, tmp_path, kind) -> None:
    source = tmp_path / f"in.{kind}"
    source.write_text("id,input\n".replace(",", "," if kind == "csv" else "\t"), encoding="utf-8")
    assert classify("-i", source, "-o", tmp_path / "out.parquet").code == 0
    schema = parquet.read_schema(tmp_path / "out.parquet")
    assert [(field.name, field.type) for field in schema] == [
        *(("id", pa.string()), ("input", pa.string()), ("output", RESULT))
    ]
    assert classify("-i", source, "-o", tmp_path / "out.csv").code == 0
    assert (tmp_path / "out.csv").read_bytes() == b"id,input,output\n"


def test_a_file_of_columns_without_rows_becomes_a_header(classify, tmp_path) -> None:
    source = write_table(
        pa.table({"input": pa.array([], "string"), "n": []}), tmp_path / "in.parquet"
    )
    assert classify("-i", source, "-o", tmp_path / "out.csv").code == 0
    assert (tmp_path / "out.csv").read_bytes() == b"input,n,output\n"
    assert classify("-i", source, "-o", tmp_path / "out.jsonl").code == 0
    assert (tmp_path / "out.jsonl").read_bytes() == b""


def test_no_lines_of_json_become_an_output_of_its_type(hugot_command, models, tmp_path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b"")
    run = ("run", "-p", models / "bert-uncased-features", "-t", "feature-extraction")
    hugot_command(*run, "-i", tmp_path / "in.jsonl", "-o", tmp_path / "out.parquet")
    [field] = parquet.read_schema(tmp_path / "out.parquet")
    assert (field.name, pa.types.is_fixed_size_list(field.type)) == ("output", True)


def test_a_file_whose_rows_all_are_refused_keeps_its_columns(classify, tmp_path) -> None:
    (tmp_path / "in.csv").write_text("id,input\n1," + "word " * 3000 + "\n", encoding="utf-8")
    flags = ("-i", tmp_path / "in.csv", "--truncation", "error", "--on-error", "skip")
    for name in ("out.csv", "out.parquet"):
        assert classify(*flags, "-o", tmp_path / name).code == 3
    assert (tmp_path / "out.csv").read_bytes() == b"id,input,output\n"
    assert parquet.read_schema(tmp_path / "out.parquet").names == ["id", "input", "output"]


def test_a_file_without_rows_among_others_adds_its_columns(classified, tmp_path) -> None:
    for name, rows in (("a", 0), ("b", 2), ("c", 0)):
        write_table(
            pa.table({"input": ["x"] * rows, name: [1] * rows}), tmp_path / f"{name}.parquet"
        )
    found = classified(tmp_path / "*.parquet")
    assert found.column_names[:4] == ["input", "a", "output", "b"]
    assert found.num_rows == 2


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary()],
    ids=str,
)
@pytest.mark.parametrize("encoded", [False, True])
def test_every_type_of_text_is_read_and_kept(classified, kind, encoded) -> None:
    texts = pa.array(["Ünïcode", "b", "Ünïcode"], kind)
    if encoded and pa.types.is_string_view(kind):
        indices = pa.array([0, 1, 0], pa.int8())
        texts = pa.DictionaryArray.from_arrays(indices, pa.array(["Ünïcode", "b"], kind))
    elif encoded:
        texts = texts.dictionary_encode()
    found = classified(pa.table({"input": texts}), "arrow")
    plain = classified(pa.table({"input": ["Ünïcode", "b", "Ünïcode"]}), "arrow", "--overwrite")
    assert found["output"].equals(plain["output"])
    assert found["input"].type == texts.type
    assert found["input"].to_pylist() == texts.to_pylist()


def test_texts_of_bytes_are_written_as_texts(classify, tmp_path, records_of) -> None:
    table = pa.table({"input": [b"text", None], "blob": [b"blob", None]})
    classify("-i", write_table(table, tmp_path / "in.parquet"), "-o", tmp_path / "out.jsonl")
    first, second = records_of(tmp_path / "out.jsonl")
    assert (first["input"], first["blob"]) == ("text", "YmxvYg==")
    assert (second["input"], second["blob"]) == (None, None)


@pytest.mark.parametrize("kind", ["binary", "fixed", "string", "words"])
def test_bytes_that_are_no_text_are_a_bad_row(classify, tmp_path, records_of, kind) -> None:
    column = {
        "binary": lambda: pa.array([b"ab", b"a\xff", b"cd"]),
        "fixed": lambda: pa.array([b"ab", b"a\xff", b"cd"], pa.binary(2)),
        "string": lambda: pa.concat_arrays([broken_text(), pa.array(["c"])]),
        "words": lambda: pa.array([[b"ab"], [b"a\xff"], [b"c"]]),
    }[kind]()
    source = write_table(pa.table({"input": column}), tmp_path / "in.arrow")
    words = kind == "words"
    done = classify("-i", source, "-o", tmp_path / "out")
    reason = "the column 'input' is not UTF-8: byte 2 of the text (invalid start byte)"
    assert done.code == 1
    if not words:  # whose first row is refused for its type
        assert f"{source}, row 2: {reason}" in done.stderr
    flags = ("--overwrite", "--on-error", "skip")
    assert classify("-i", source, "-o", tmp_path / "out", *flags).code == 3
    errors = records_of(tmp_path / "out.hugot" / "errors.jsonl")
    assert (2, reason) in [(error["line"], error["reason"]) for error in errors]
    if not words:
        assert read_table(tmp_path / "out" / "result_0.arrow").num_rows == 2


def test_a_number_is_refused_as_a_row(classify, tmp_path) -> None:
    source = write_table(pa.table({"input": [1, 2]}), tmp_path / "in.parquet")
    done = classify("-i", source, "-o", tmp_path / "out")
    assert done.stderr.startswith(f"hugot: {source}, row 1: ")


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_can_be_a_member_of_structs(classified, kind) -> None:
    inner = pa.StructArray.from_arrays([pa.array(["a", None, "c"])], ["text"])
    meta = pa.StructArray.from_arrays([inner], ["in"], mask=pa.array([False, False, True]))
    plain = classified(pa.table({"input": ["a", None, None]}), kind)["output"]
    found = classified(
        pa.table({"meta": meta}), kind, "--input-column", "meta.in.text", "--overwrite"
    )
    assert found["output"].equals(plain)
    assert found["meta"].to_pylist() == meta.to_pylist()


def test_a_column_with_a_dot_in_its_name_goes_before_a_member(classified) -> None:
    meta = pa.array([{"text": "the film"}])
    both = pa.table(
        {"meta": meta, "meta.text": [None]},
        pa.schema([("meta", meta.type), ("meta.text", pa.string())]),
    )
    assert classified(both, "parquet", "--input-column", "meta.text")["output"].to_pylist() == [
        None
    ]


def test_members_are_listed_if_there_is_no_such_column(classify, tmp_path) -> None:
    source = write_table(pa.table({"meta": [{"text": "a"}]}), tmp_path / "in.parquet")
    done = classify("-i", source, "-o", tmp_path / "out", "--input-column", "meta.txt")
    assert done.code == 1
    assert "no column 'meta.txt'; it has 'meta', 'meta.text'" in done.stderr


@pytest.fixture
def hive(tmp_path):
    """Writes a small file into each of some folders."""

    def make(*folders: str, kind: str = "parquet", **columns):
        for number, folder in enumerate(folders):
            (tmp_path / "in" / folder).mkdir(parents=True)
            table = pa.table({"input": [f"text {number}"], **columns})
            write_table(table, tmp_path / "in" / folder / f"part.{kind}")
        return tmp_path / "in"

    return make


@pytest.mark.parametrize(
    "folders",
    [
        ("day=1", "day=2"),
        ("day=01", "day=-2"),
        ("day=1", "day=a"),
        ("day=1", "day=3000000000"),
        ("day=+1",),
        ("day=2020-01-01", "day=__HIVE_DEFAULT_PARTITION__"),
        ("day=1", "day=__HIVE_DEFAULT_PARTITION__"),
        ("day=a%20b", "day=a=b"),
        ("year=2020/month=1", "year=2020/month=x", "year=2021/month=2"),
    ],
    ids=str,
)
def test_the_keys_of_folders_are_columns_as_pyarrow_reads_them(classified, hive, folders) -> None:
    folder = hive(*folders)
    found = classified(folder).drop_columns("output").sort_by("input")
    wanted = dataset.dataset(folder, partitioning="hive").to_table().sort_by("input")
    assert found.equals(wanted.cast(found.schema))
    assert [field.type for field in found.schema] == [field.type for field in wanted.schema]


def test_the_keys_of_folders_of_arrow_files_are_columns(classified, hive) -> None:
    assert classified(hive("day=1", "day=2", kind="arrow"), "arrow")["day"].to_pylist() == [1, 2]


def test_a_pattern_reads_the_keys_of_the_folders_that_it_matches(classified, hive) -> None:
    folder = hive("year=2020/day=1", "year=2020/day=2", "year=2021/day=1")
    found = classified(folder / "year=2020" / "day=*" / "*.parquet")
    assert found.column_names == ["input", "day", "output"]
    assert found["day"].to_pylist() == [1, 2]


def test_a_file_keeps_its_own_column_of_a_key(classified, hive) -> None:
    assert classified(hive("day=1", day=[7]))["day"].to_pylist() == [7]


def test_a_key_of_a_folder_can_be_the_text(classified, hive) -> None:
    found = classified(
        hive("t=a film", "t=__HIVE_DEFAULT_PARTITION__"), "parquet", "--input-column", "t"
    )
    assert [each is None for each in found["output"].to_pylist()] == [True, False]


def test_folders_that_are_no_keys_are_not_read(classified, hive) -> None:
    folder = hive("day=1", "other")
    assert classified(folder).num_rows == 1


def test_a_file_that_is_damaged_within_is_named(classify, tmp_path) -> None:
    source = write_table(
        pa.table({"input": [str(i) for i in range(50_000)]}), tmp_path / "in.parquet"
    )
    data = bytearray(source.read_bytes())
    data[1000:2000] = b"\xff" * 1000
    source.write_bytes(data)
    done = classify("-i", source, "-o", tmp_path / "out")
    assert done.code == 1
    assert f"{source}, row 1: the file cannot be read as parquet: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", [b"", b"PAR1 and nothing else"])
def test_a_damaged_file_among_others_can_be_skipped(
    classify, tmp_path, records_of, kind, damage
) -> None:
    for name in "ac":
        write_table(pa.table({"input": [name] * 3}), tmp_path / f"{name}.{kind}")
    (tmp_path / f"b.{kind}").write_bytes(damage)
    flags = ("-i", tmp_path / f"[abc].{kind}", "-o", tmp_path / f"out.{kind}")
    stopped = classify(*flags)
    assert stopped.code == 1
    assert stopped.stderr.startswith(
        f"hugot: {tmp_path / 'b'}.{kind}, row 1: the file cannot be read"
    )
    assert classify(*flags, "--on-error", "skip", "--resume").code == 3
    assert read_table(tmp_path / f"out.{kind}")["input"].to_pylist() == ["a"] * 3 + ["c"] * 3
    [error] = records_of(tmp_path / f"out.{kind}.hugot" / "errors.jsonl")
    assert (error["file"], error["line"]) == (str(tmp_path / f"b.{kind}"), 1)


def test_rows_are_called_rows(classify, tmp_path) -> None:
    source = write_table(pa.table({"input": [b"a", b"\xff"]}), tmp_path / "in.parquet")
    done = classify(
        *("-i", source, "-o", tmp_path / "out", "--on-error", "skip", "--log-seconds", 0)
    )
    assert "hugot: 1 record, 1 bad in " in done.stderr
    assert "hugot: 1 row could not be run; " in done.stderr
