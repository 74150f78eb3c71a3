"""A pipeline over record batches, tables and streams."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from comparison import same

import hugot

pa = pytest.importorskip("pyarrow")

from hugot.errors import InputError  # noqa: E402
from hugot.integrations.arrow import ArrowPipeline  # noqa: E402
from hugot.pipelines.pipeline import runner_of  # noqa: E402
from hugot.pipelines.windows import LARGEST_WINDOW  # noqa: E402

TEXTS = ["The film was excellent", None, "", "I hated every minute of it", "Anna lives in Paris"]


@pytest.fixture(scope="module")
def embed(examples):
    return ArrowPipeline("feature-extraction", examples / "tiny-embedding", input_column="text")


@pytest.fixture(scope="module")
def classify(examples):
    return ArrowPipeline("text-classification", examples / "tiny-sentiment", input_column="text")


@pytest.fixture(scope="module")
def table():
    return pa.table({"id": range(len(TEXTS)), "text": TEXTS}, metadata={"owner": "me"})


def expected(adapter, texts):
    """What the pipeline gives for each text by itself, None for None."""
    results = iter(adapter.pipeline([text for text in texts if text is not None]))
    answers = [None if text is None else next(results) for text in texts]
    return [
        each if each is None or adapter.task == "feature-extraction" else [each] for each in answers
    ]


def agrees(adapter, column, texts):
    answers = [None if each is None else np.array(each) for each in column.to_pylist()]
    if adapter.task != "feature-extraction":
        answers = column.to_pylist()
    return all(same(a, b) for a, b in zip(answers, expected(adapter, texts), strict=True))


def test_a_table_keeps_its_columns_and_metadata_and_gains_the_results(embed, table):
    answer = embed(table)
    assert isinstance(answer, pa.Table)
    assert answer.schema == embed.schema(table.schema)
    assert answer.drop_columns("output").equals(table, check_metadata=True)
    assert agrees(embed, answer["output"], TEXTS)


def test_a_record_batch_gives_a_record_batch(classify, table):
    batch = table.to_batches()[0]
    answer = classify(batch)
    assert isinstance(answer, pa.RecordBatch)
    assert answer.schema.names == ["id", "text", "output"]
    assert agrees(classify, answer.column("output"), TEXTS)


def test_a_record_batch_of_several_windows_gives_one_column(classify):
    texts = ["good", "bad"] * LARGEST_WINDOW
    answer = classify(pa.record_batch({"text": texts}))
    assert agrees(classify, answer.column("output"), texts)


def test_a_chunked_and_sliced_table_is_answered_row_by_row(embed, table):
    sliced = pa.concat_tables([table, table]).slice(3, 5)
    assert sliced["text"].num_chunks == 2
    assert agrees(embed, embed(sliced)["output"], (TEXTS + TEXTS)[3:8])


def test_the_vectors_of_a_table_are_not_copied(embed, monkeypatch):
    arrays = []
    task = runner_of(embed.pipeline).task
    finish = task.finish

    def noted(prepared):
        arrays.append(finish(prepared))
        return arrays[-1]

    monkeypatch.setattr(task, "finish", noted)
    texts = ["a text"] * (2 * LARGEST_WINDOW)
    assert embed.type  # its sample is no window of this table
    arrays.clear()
    chunks = embed(pa.table({"text": texts}))["output"].chunks
    assert len(chunks) == len(arrays) == 2
    for chunk, array in zip(chunks, arrays, strict=True):
        assert chunk.values.buffers()[1].address == array.ctypes.data


def test_vectors_outlive_everything_they_were_made_from(examples):
    adapter = ArrowPipeline("feature-extraction", examples / "tiny-embedding", name="short-lived")
    column = adapter.column(["one", "two"])
    wanted = adapter.pipeline(["one", "two"])
    adapter.unload()
    del adapter
    gc.collect()
    assert np.allclose(column.to_pylist(), wanted)


@pytest.mark.parametrize("rows", [0, 3])
def test_a_table_without_texts_gives_no_results_of_the_right_type(embed, classify, rows):
    for adapter in (embed, classify):
        empty = pa.table({"text": pa.array([None] * rows, pa.string())})
        answer = adapter(empty)["output"]
        assert (len(answer), answer.null_count, answer.type) == (rows, rows, adapter.type)
        batch = adapter(pa.RecordBatch.from_arrays([empty["text"].combine_chunks()], ["text"]))
        assert batch.num_rows == rows


def test_columns_are_carried_dropped_or_chosen(examples, table):
    model = examples / "tiny-sentiment"

    def names(columns):
        adapter = ArrowPipeline(
            "text-classification", model, input_column="text", output_column="tone", columns=columns
        )
        return adapter(table).schema.names

    assert names(None) == ["id", "text", "tone"]
    assert names(["id"]) == ["id", "tone"]
    assert names(()) == ["tone"]


def test_pairs_are_classified_and_a_null_in_one_is_null(examples):
    adapter = ArrowPipeline(
        "text-classification", examples / "tiny-sentiment", input_column="a", pair_column="b"
    )
    answer = adapter(pa.table({"a": ["good", "good", None], "b": ["bad", None, "x"]}))["output"]
    wanted = adapter.pipeline({"text": "good", "text_pair": "bad"})
    assert same(answer.to_pylist(), [[wanted], None, None])
    batches = adapter.stream([pa.record_batch({"a": ["good"], "b": ["bad"]})])
    assert same(next(batches).column("output").to_pylist(), [[wanted]])


def test_columns_of_words_are_tagged(examples):
    adapter = ArrowPipeline("ner", examples / "tiny-ner", is_split_into_words=True)
    words = [["Wolfgang", "lives", "in", "Berlin"], None]
    answer = adapter(pa.table({"input": words}))["output"].to_pylist()
    assert answer == [adapter.pipeline([words[0]])[0], None]


def test_vectors_can_be_float16(examples, table):
    adapter = ArrowPipeline(
        "feature-extraction",
        examples / "tiny-embedding",
        input_column="text",
        vector_type="float16",
    )
    column = adapter(table)["output"]
    assert column.type == pa.list_(pa.float16(), 64)
    assert column.null_count == 1
    vector = adapter.pipeline(TEXTS[0]).astype(np.float16)
    assert np.allclose(column[0].values.to_numpy(zero_copy_only=False), vector, atol=1e-3)


def test_a_stream_gives_each_small_batch_back(classify):
    batches = [pa.record_batch({"text": TEXTS[i : i + 2]}) for i in range(0, 5, 2)]
    batches.insert(1, batches[0].slice(0, 0))
    answers = list(classify.stream(iter(batches)))
    assert [answer.num_rows for answer in answers] == [2, 0, 2, 1]
    column = pa.chunked_array([answer.column("output") for answer in answers])
    assert agrees(classify, column, TEXTS)


def test_a_stream_cuts_large_batches_and_keeps_their_rows(classify):
    texts = [f"text {i}" if i % 7 else None for i in range(2 * LARGEST_WINDOW + 100)]
    answers = list(classify.stream([pa.record_batch({"text": texts, "n": range(len(texts))})]))
    assert max(answer.num_rows for answer in answers) <= LARGEST_WINDOW * 3 // 2
    whole = pa.Table.from_batches(answers)
    assert whole["n"].to_pylist() == list(range(len(texts)))
    assert agrees(classify, whole["output"], texts)


def test_a_stream_reads_at_most_some_windows_ahead(classify):
    read = 0

    def batches():
        nonlocal read
        for _ in range(100):
            read += 1
            yield pa.record_batch({"text": ["a text"] * LARGEST_WINDOW})

    answers = classify.stream(batches())
    next(answers)
    assert read <= 3
    answers.close()


def test_a_reader_has_its_schema_before_it_is_read(classify, table):
    source = pa.RecordBatchReader.from_batches(table.schema, table.to_batches())
    reader = classify(source)
    assert isinstance(reader, pa.RecordBatchReader)
    assert reader.schema == classify.schema(table.schema)
    assert agrees(classify, reader.read_all()["output"], TEXTS)


def test_of_a_dataset_only_the_wanted_columns_are_read(examples, table):
    dataset = pytest.importorskip("pyarrow.dataset")
    adapter = ArrowPipeline(
        "text-classification", examples / "tiny-sentiment", input_column="text", columns=["id"]
    )
    table = table.append_column("unread", pa.array(range(5)))
    reader = adapter(dataset.dataset(table))
    assert reader.schema.names == ["id", "output"]
    assert agrees(adapter, reader.read_all()["output"], TEXTS)
    scanner = dataset.dataset(table).scanner(filter=dataset.field("id") > 2)
    assert agrees(adapter, adapter(scanner).read_all()["output"], TEXTS[3:])


def test_results_survive_parquet_and_ipc_files(embed, classify, table, tmp_path):
    feather = pytest.importorskip("pyarrow.feather")
    parquet = pytest.importorskip("pyarrow.parquet")
    for adapter in (embed, classify):
        answer = adapter(table)
        feather.write_feather(answer, tmp_path / "x.arrow")
        if adapter is embed and not parquet_takes_null_vectors(tmp_path):
            answer = adapter(table.filter(table["text"].is_valid()))
        parquet.write_table(answer, tmp_path / "x.parquet")
        assert parquet.read_table(tmp_path / "x.parquet")["output"].equals(answer["output"])
        assert feather.read_table(tmp_path / "x.arrow")["output"].equals(adapter(table)["output"])


def parquet_takes_null_vectors(folder):
    """Whether this pyarrow writes a fixed-size list that is null to Parquet and reads it again."""
    parquet = pytest.importorskip("pyarrow.parquet")
    vectors = pa.table({"v": pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2))})
    try:
        parquet.write_table(vectors, folder / "null.parquet")
        return parquet.read_table(folder / "null.parquet").equals(vectors)
    except pa.ArrowException:
        return False


def test_a_text_that_is_refused_is_named_by_its_row(examples):
    adapter = ArrowPipeline("text-classification", examples / "tiny-sentiment", truncation="error")
    texts = [None, "fine", None, "word " * 3000]
    with pytest.raises(InputError, match="row 3 of the column") as raised:
        adapter.column(texts)
    assert raised.value.index == 3
    many = ["fine", None] * LARGEST_WINDOW + texts
    reader = adapter(pa.Table.from_pydict({"input": many}).to_reader())
    with pytest.raises(InputError, match=f"row {2 * LARGEST_WINDOW + 3} of the column"):
        reader.read_all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        ({"input_column": "txt"}, "'txt' is not there; there are: id, text"),
        ({"input_column": "text", "columns": ["id", "no"]}, "'no' is not there"),
        ({"input_column": "text", "output_column": "id"}, "a column 'id' already"),
        ({"input_column": "id"}, "int64"),
    ],
)
def test_columns_that_do_not_fit_are_refused(examples, table, make, message):
    adapter = ArrowPipeline("text-classification", examples / "tiny-sentiment", **make)
    with pytest.raises(InputError, match=message):
        adapter(table)
    with pytest.raises(InputError, match=message):
        list(adapter.stream(table.to_batches()))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        ({"task": "sentiment"}, "unknown task"),
        ({"top_k": 0}, "top_k"),
        ({"vector_type": "float64"}, "vector_type"),
        ({"columns": "id"}, "list of names"),
        ({"task": "ner", "pair_column": "b"}, "only text-classification"),
    ],
)
def test_mistakes_are_told_when_the_adapter_is_made(make, message):
    with pytest.raises(InputError, match=message):
        ArrowPipeline(**{"task": "text-classification", "model": "nowhere", **make})


def test_columns_of_different_lengths_make_no_pairs(classify):
    with pytest.raises(InputError, match="2 texts and 1 second texts"):
        classify.column(["a", "b"], ["c"])


def test_the_answers_are_those_of_the_library(classify, examples):
    with hugot.pipeline("text-classification", examples / "tiny-sentiment") as pipeline:
        texts = [text for text in TEXTS if text is not None]
        assert same(classify.column(texts).to_pylist(), [[each] for each in pipeline(texts)])


@pytest.mark.parametrize("options", [{"max_length": 5}, {"max_length": 5, "chunks": "mean"}])
@pytest.mark.parametrize("adapter", ["embed", "classify"])
def test_long_texts_are_cut_or_run_in_windows_as_in_a_call(
    request, examples, table, adapter, options
) -> None:
    plain = request.getfixturevalue(adapter)
    folder = "tiny-embedding" if adapter == "embed" else "tiny-sentiment"
    adapted = ArrowPipeline(plain.task, examples / folder, input_column="text", **options)
    answer = adapted(table)["output"]
    assert agrees(adapted, answer, TEXTS)
    assert not agrees(plain, answer, TEXTS)


def test_a_dict_of_columns_and_a_text_are_no_columns(embed) -> None:
    with pytest.raises(InputError, match=r"pass the column with the texts, such as data\['text'\]"):
        embed({"text": ["good", "bad"], "z": ["a", "b"]})
    with pytest.raises(InputError, match="not a str; pass a list of texts"):
        embed("good")


def test_a_table_is_streamed_by_its_batches(embed) -> None:
    table = pa.table({"text": ["good", "bad"]})
    assert pa.Table.from_batches(embed.stream(table)).equals(embed(table))
