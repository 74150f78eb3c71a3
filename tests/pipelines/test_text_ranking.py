"""Text ranking: inputs, results, and what the model's files say."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

import hugot
from hugot.errors import InputError, ModelFormatError

PAIRS = [("where is Berlin?", "in Germany"), ("where is Berlin?", ""), ("who?", "Clara " * 90)]
DOCUMENTS = ["good", "bad", "good", "the film was long " * 30, ""]


@pytest.fixture(scope="module")
def rank(models):
    with hugot.pipeline("text-ranking", models / "electra-text", threads=1) as pipeline:
        yield pipeline


@pytest.fixture(scope="module")
def classes(models):
    with hugot.pipeline("rerank", models / "bert-cased-text", threads=1) as pipeline:
        yield pipeline


def test_a_pair_has_a_number_and_a_list_an_array(rank) -> None:
    assert type(rank(PAIRS[0])) is float
    found = rank(PAIRS)
    assert (found.dtype, found.shape) == (np.float32, (3,))
    assert found.tolist() == pytest.approx([rank(pair) for pair in PAIRS], abs=1e-6)
    assert rank(PAIRS[:1]).shape == (1,)
    assert rank([]).shape == (0,)


def test_a_list_of_two_texts_is_a_pair_and_a_dict_as_well(rank) -> None:
    score = rank(PAIRS[0])
    assert rank(list(PAIRS[0])) == score
    assert rank(dict(zip(("query", "document"), PAIRS[0], strict=True))) == score
    assert rank(np.array(PAIRS)).tolist() == rank(PAIRS).tolist()
    assert rank(tuple(PAIRS[:2])).tolist() == rank(PAIRS[:2]).tolist()


def test_several_labels_have_a_row_of_scores(classes) -> None:
    assert classes(PAIRS[0]).shape == (3,)
    assert classes(PAIRS).shape == (3, 3)
    assert np.allclose(classes(PAIRS, apply_softmax=True).sum(1), 1)
    with pytest.raises(InputError, match="has 3: negative, neutral, positive"):
        classes.rank("who?", ["Clara"])


def test_documents_of_one_score_keep_their_order(rank) -> None:
    found = rank.rank("who?", DOCUMENTS, return_documents=True)
    assert [each["text"] for each in found] == [DOCUMENTS[each["corpus_id"]] for each in found]
    assert [each["corpus_id"] for each in found if each["text"] == "good"] == [0, 2]
    scores = [each["score"] for each in found]
    assert scores == sorted(scores, reverse=True)
    assert [list(each) for each in found] == [["corpus_id", "score", "text"]] * 5


def test_top_k_limits_a_ranked_list(rank) -> None:
    every = rank.rank("who?", DOCUMENTS)
    assert rank.rank("who?", DOCUMENTS, top_k=2) == every[:2]
    assert rank.rank("who?", DOCUMENTS, 99) == every
    assert rank.rank("who?", DOCUMENTS, top_k=None) == every
    assert rank.rank("who?", iter(DOCUMENTS)) == every
    assert rank.rank("who?", []) == []


def test_the_options_of_the_pipeline_count_in_rank(models) -> None:
    with hugot.pipeline("rerank", models / "electra-text", top_k=2, return_documents=True) as rank:
        assert [list(each) for each in rank.rank("who?", DOCUMENTS)] == [
            ["corpus_id", "score", "text"]
        ] * 2
        assert len(rank.rank("who?", DOCUMENTS, top_k=None)) == 5


def test_lists_may_mix_pairs_and_queries_with_documents(rank) -> None:
    query = {"query": "who?", "documents": DOCUMENTS}
    empty = {"query": "who?", "documents": []}
    found = rank([PAIRS[0], query, empty, PAIRS[1]])
    alone = [rank(PAIRS[0]), rank.rank("who?", DOCUMENTS), [], rank(PAIRS[1])]
    assert [found[0], found[3]] == pytest.approx([alone[0], alone[3]], abs=1e-6)
    assert found[1] == [
        {"corpus_id": each["corpus_id"], "score": pytest.approx(each["score"], abs=1e-6)}
        for each in alone[1]
    ]
    assert found[2] == []


def test_streams_requests_and_plans_take_the_same_inputs(rank) -> None:
    wanted = [rank(pair) for pair in PAIRS]
    streamed = list(rank.stream(iter(PAIRS)))
    assert {*map(type, streamed)} == {float}
    assert streamed == pytest.approx(wanted, abs=1e-6)
    assert list(rank(iter(PAIRS))) == streamed
    assert rank.submit(PAIRS[0]).result() == pytest.approx(wanted[0], abs=1e-6)
    assert rank.submit(PAIRS).result().tolist() == pytest.approx(wanted, abs=1e-6)
    query = {"query": "who?", "documents": DOCUMENTS}
    ids = [each["corpus_id"] for each in rank.rank("who?", DOCUMENTS)]
    assert [each["corpus_id"] for each in rank.submit(query).result()] == ids
    assert [each["corpus_id"] for each in asyncio.run(rank.acall(query))] == ids
    assert rank.submit({"query": "who?", "documents": []}).result() == []
    assert sum(count for count, _ in rank.plan([query]).groups) == 5
    rank.warmup()


def test_requests_with_and_without_documents_may_share_a_group(rank) -> None:
    inputs = [PAIRS[0], {"query": "a", "documents": []}, {"query": "b", "documents": DOCUMENTS}] * 9
    futures = [rank.submit(each) for each in inputs]
    for given, future in zip(inputs, futures, strict=True):
        found = future.result()
        if isinstance(given, tuple):
            assert found == pytest.approx(rank(given), abs=1e-6)
        else:
            assert len(found) == len(given["documents"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("text", "input 0 is of type str; text-ranking takes pairs"),
        (["a", "b", "c"], "takes pairs"),
        ([PAIRS[0], ("a",)], r"input 1 is \('a',\)"),
        ([("a", None)], "takes pairs"),
        ({"query": "a"}, "neither a document nor documents"),
        ({"query": "a", "document": "b", "documents": []}, "both a document and documents"),
        ({"query": "a", "documents": "b"}, "documents must be a list of str, not str"),
        ({"query": "a", "documents": ["b", 7]}, "document 1 is of type int"),
        ({"text": "a", "text_pair": "b"}, "a dict must be"),
        ({"query": "a", "documents": ["b", "\ud800"]}, "input 0: document 1 cannot be tokenized"),
        ([("a", "b"), ("a", "\ud800")], "input 1 cannot be tokenized"),
    ],
)
def test_other_inputs_are_refused_with_their_number(rank, given, message) -> None:
    with pytest.raises(InputError, match=message):
        rank(given)


def test_a_query_of_many_documents_is_tokenized_once(rank, monkeypatch) -> None:
    from hugot.inputs.tokenizer import TextTokenizer

    texts: list[str] = []
    encode = TextTokenizer.encode

    def noted(self, given, **more):
        texts.extend(given)
        return encode(self, given, **more)

    monkeypatch.setattr(TextTokenizer, "encode", noted)
    rank.rank("who?", DOCUMENTS)
    assert texts == ["who?", "good", "bad", DOCUMENTS[3], ""]


@pytest.mark.parametrize(
    "model", ["bert-uncased-text", "albert-text", "roberta-text", "qwen3-text", "deberta-text"]
)
def test_joined_rows_are_those_that_the_tokenizer_makes_of_pairs(models, model) -> None:
    from hugot.pipelines.pipeline import runner_of

    counts = (1, 3, 29, 30, 31, 57, 58, 59, 60, 61, 62, 63, 64, 65, 90, 700)
    pairs = [("a " * first, "b " * second) for first in counts for second in counts]
    with hugot.pipeline("rerank", models / model, threads=1) as rank:
        task, options = runner_of(rank).task, runner_of(rank).options
        joined, refused = task.make_rows(pairs, options, range(len(pairs)))
        assert not refused
        for row, pair in enumerate(pairs):
            wanted, _ = task.make_rows([pair], options, [0])
            begin, end = joined.offsets[row : row + 2]
            assert joined.ids[begin:end].tolist() == wanted.ids.tolist()
            if wanted.type_ids is not None and joined.type_ids is not None:
                assert joined.type_ids[begin:end].tolist() == wanted.type_ids.tolist()


def test_long_pairs_are_refused_if_they_may_not_be_cut(rank) -> None:
    with pytest.raises(InputError, match=r"input 1 .*tokens"):
        rank([("who?", "a"), ("who?", "a " * 99)], truncation="error")
    with pytest.raises(InputError, match="has 104 tokens"):
        rank(("a", "a " * 100), truncation="error")


def test_max_length_shortens_rows_and_needs_room_for_a_pair(rank) -> None:
    assert rank(("a b c d", "e f g h"), max_length=5) == pytest.approx(rank(("a", "e")), abs=1e-6)
    with pytest.raises(InputError, match="no room for the tokens of a pair"):
        rank(("a", "b"), max_length=3)


def test_tokens_and_labels_of_a_model_are_known(rank, classes) -> None:
    assert rank.labels == ["spam"]
    assert classes.labels == ["negative", "neutral", "positive"]
    assert rank.max_length == 64
    assert rank.count_tokens("a b") == 4
    assert rank.count_tokens(("a b", "c")) == 6
    assert rank.count_tokens(("a b", "c"), prompt="a ") == 7
    assert rank.count_tokens({"query": "a", "documents": ["b", "b c d"]}) == 7


def test_wrong_options_are_named(rank) -> None:
    for options in (
        {"function_to_apply": "gelu"},
        {"apply_softmax": "yes"},
        {"top_k": 0},
        {"prompt": 7},
    ):
        with pytest.raises(InputError, match=next(iter(options))):
            rank(PAIRS[0], **options)


def edit(folder, name, **values) -> None:
    path = folder / name
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**content, **values}))


def test_files_that_are_not_followed_are_refused_and_named(copy_of) -> None:
    folder = copy_of("electra-text")
    edit(folder, "config.json", sbert_ce_default_activation_function="torch.nn.MyFunction")
    with pytest.raises(ModelFormatError, match=r"sbert_ce_default_activation_function.*MyFunction"):
        hugot.pipeline("text-ranking", folder)
    edit(folder, "config.json", sbert_ce_default_activation_function=None)
    edit(folder, "config_sentence_transformers.json", model_type="CrossEncoder")
    modules = [
        "base.modules.transformer.Transformer",
        "cross_encoder.modules.logit_score.LogitScore",
    ]
    listed = [
        {"idx": i, "name": str(i), "path": "", "type": f"sentence_transformers.{kind}"}
        for i, kind in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(listed))
    with pytest.raises(ModelFormatError, match="modules Transformer, LogitScore"):
        hugot.pipeline("text-ranking", folder)
    (folder / "modules.json").write_text(json.dumps(listed[:1]))
    edit(folder, "sentence_bert_config.json", transformer_task="text-generation")
    with pytest.raises(ModelFormatError, match="transformer_task is 'text-generation'"):
        hugot.pipeline("text-ranking", folder)


def test_an_untrusted_activation_is_left_out_with_a_warning(copy_of, rank, caplog) -> None:
    folder = copy_of("electra-text")
    edit(folder, "config.json", sbert_ce_default_activation_function="my_package.Function")
    with hugot.pipeline("text-ranking", folder) as other:
        assert other(PAIRS[0]) == rank(PAIRS[0])
    assert "'my_package.Function' is not of torch" in caplog.text


def test_the_class_is_public_and_names_its_task(rank, models) -> None:
    assert isinstance(rank, hugot.TextRankingPipeline)
    assert rank.task == "text-ranking"
    for name in ("cross-encoder", "crossEncoder", "textRanking"):
        with hugot.pipeline(name, models / "electra-text") as other:
            assert type(other) is type(rank)


def test_columns_of_arrow_have_scores_or_ranked_lists(models, rank) -> None:
    pa = pytest.importorskip("pyarrow")
    from hugot.integrations.arrow import ArrowPipeline, results_array

    folder = models / "electra-text"
    scores = ArrowPipeline("text-ranking", folder)
    table = pa.table({"query": ["a", "b", None], "document": ["x", None, "y"]})
    found = scores(table).column("output")
    assert found.type == pa.float32()
    assert found.to_pylist() == [pytest.approx(rank(("a", "x")), abs=1e-6), None, None]
    lists = ArrowPipeline("text-ranking", folder, documents_column="found", top_k=1)
    table = pa.table({"query": ["a", "b"], "found": [["x", "y"], []]})
    found = lists(table).column("output")
    assert str(found.type) == "list<item: struct<corpus_id: int32, score: float>>"
    assert [len(each) for each in found.to_pylist()] == [1, 0]
    assert results_array("text-ranking", rank(PAIRS)).type == pa.float32()
