"""`submit` and `acall`: the answers of direct calls, deadlines, cancelling, back-pressure, the end."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from collections import deque
from concurrent.futures import Future, as_completed
from contextlib import contextmanager, suppress

import numpy as np
import pytest
import slow_models
from comparison import same
from waiting import until

import hugot
from hugot import DeadlineExceededError, InputError, QueueFullError, SessionClosedError
from hugot.pipelines.pipeline import runner_of
from hugot.runtime.engine import depends_on_batch

TIMEOUT = 30
TEXTS = [f"text {i} {'Berlin word ' * (i * 7 % 25)}" for i in range(60)]
LONG_TEXT = "word " * 50


@pytest.fixture(scope="module")
def classify(models):
    with hugot.pipeline(
        "text-classification", models / "bert-uncased-text", mode="throughput", threads=2
    ) as made:
        yield made


@pytest.fixture
def endless(tmp_path):
    """Runs long texts until they are stopped, on one worker."""
    folder = slow_models.endless(tmp_path / "endless")
    with hugot.pipeline("text-classification", folder, threads=1) as made:
        yield made


def before_results(pipeline, monkeypatch, action):
    """Have `action` called with the texts of each group before its results are read."""
    task = runner_of(pipeline).task
    postprocess, finish_row = task.postprocess, task.finish_row

    def postprocess_after(outputs, group, prepared):
        action(prepared.inputs)
        postprocess(outputs, group, prepared)

    def finish_row_after(outputs, text, *rest):
        action([text])
        return finish_row(outputs, text, *rest)

    monkeypatch.setattr(task, "postprocess", postprocess_after)
    monkeypatch.setattr(task, "finish_row", finish_row_after)


@contextmanager
def held(pipeline, monkeypatch):
    """Keep the one worker of a pipeline busy with a request of one text until the block ends."""
    begun, go = threading.Event(), threading.Event()

    def wait(texts):
        begun.set()
        assert go.wait(TIMEOUT)

    with monkeypatch.context() as patched:
        before_results(pipeline, patched, wait)
        first = pipeline.submit("held")
        assert begun.wait(TIMEOUT)
        try:
            yield
        finally:
            go.set()
            first.result(TIMEOUT)


def running(pipeline) -> int:
    batcher = runner_of(pipeline).batcher
    return 0 if batcher is None else batcher.running


# Answers


@pytest.mark.parametrize("mode", ["latency", "throughput"])
@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("bert-uncased-text", {}),
        ("bert-uncased-text-no-mask", {}),
        ("bert-uncased-text-truncate-left", {"top_k": None}),
        ("qwen3-text", {"top_k": 2}),
        ("deberta-text", {"batch_size": 3}),
        ("roberta-token", {}),
        ("bert-cased-token", {"aggregation_strategy": "average"}),
        ("bert-cased-token", {"stride": 4, "aggregation_strategy": "simple"}),
        ("qwen2-token", {"ignore_labels": []}),
        ("bert-uncased-features", {}),
        ("bert-uncased-features-sentence", {}),
        ("modernbert-features", {"pooling": ("cls", "mean"), "truncate_dim": 5}),
        ("qwen3-features", {"pooling": "none"}),
    ],
)
def test_every_answer_is_that_of_the_call(models, mode, model, options) -> None:
    task = {"text": "text-classification", "token": "token-classification"}
    kind = next((task[part] for part in model.split("-") if part in task), "feature-extraction")
    with hugot.pipeline(kind, models / model, mode=mode, threads=2) as made:
        futures = [made.submit(text, **options) for text in TEXTS]
        many = made.submit(TEXTS[:20], **options)
        for text, future in zip(TEXTS, futures, strict=True):
            assert same(future.result(TIMEOUT), plain(made(text, **options)))
        answer, expected = many.result(TIMEOUT), made(TEXTS[:20], **options)
        assert type(answer) is type(expected)
        assert len(answer) == len(expected)
        assert all(same(a, plain(b)) for a, b in zip(answer, expected, strict=True))


@pytest.mark.parametrize("options", [{}, {"pooling": "none"}])
@pytest.mark.parametrize("texts", [["one"], ["one", "and another one " * 9], []])
def test_the_answer_to_a_list_is_of_the_type_of_the_call(models, texts, options) -> None:
    with hugot.pipeline(
        "feature-extraction", models / "bert-uncased-features", mode="throughput", threads=2
    ) as made:
        answer, expected = made.submit(texts, **options).result(TIMEOUT), made(texts, **options)
        assert type(answer) is type(expected)
        assert np.shape(answer) == np.shape(expected) if not options else len(answer) == len(texts)
        assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(answer, expected, strict=True))


def plain(answer):
    return answer.tolist() if isinstance(answer, np.ndarray) else answer


@pytest.mark.parametrize(
    "inputs",
    [
        "a text",
        ["a text"],
        ["one", "and another one"],
        ("one", "two", "three"),
        [],
        {"text": "How many?", "text_pair": "Three."},
        [{"text": "How many?", "text_pair": "Three."}, "one"],
        [[["one", "two"]]],
        np.array(["one", "two"], dtype=object),
    ],
)
@pytest.mark.parametrize("options", [{}, {"top_k": None}, {"top_k": 1}])
def test_the_nesting_is_that_of_the_call(classify, inputs, options) -> None:
    assert same(classify.submit(inputs, **options).result(TIMEOUT), classify(inputs, **options))
    assert same(asyncio.run(classify.acall(inputs, **options)), classify(inputs, **options))


def test_pairs_and_single_texts_share_a_batch(models, monkeypatch) -> None:
    inputs = [{"text": "one", "text_pair": "two"}, "one two three", {"text": "one two three"}] * 5
    with hugot.pipeline("text-classification", models / "bert-uncased-text", threads=1) as made:
        with held(made, monkeypatch):
            futures = [made.submit(value) for value in inputs]
        for value, future in zip(inputs, futures, strict=True):
            assert same(future.result(TIMEOUT), made(value))


def test_words_are_one_input_where_texts_come_as_words(models) -> None:
    with hugot.pipeline(
        "token-classification", models / "bert-cased-token", is_split_into_words=True
    ) as made:
        words = ["Wolfgang", "lives", "in", "Berlin"]
        assert same(made.submit(words).result(TIMEOUT), made(words))
        assert same(made.submit([words, words[:2]]).result(TIMEOUT), made([words, words[:2]]))


@pytest.mark.parametrize("inputs", ["", ["", "a", ""]])
def test_texts_without_tokens_are_answered(models, inputs) -> None:
    with hugot.pipeline("token-classification", models / "qwen2-token") as made:
        assert same(made.submit(inputs).result(TIMEOUT), made(inputs))


def test_vectors_of_one_batch_do_not_share_memory(models, monkeypatch) -> None:
    with hugot.pipeline("feature-extraction", models / "bert-uncased-features", threads=1) as made:
        with held(made, monkeypatch):
            futures = [made.submit(text) for text in ["a b c", "c b a", "b a c", "a c b"]]
        vectors = [future.result(TIMEOUT) for future in futures]
        assert made.stats().inference.calls == 2  # one held up, one of four rows
    bases = [vector if vector.base is None else vector.base for vector in vectors]
    assert len({id(base) for base in bases}) == 4
    assert all(base.size == vector.size for base, vector in zip(bases, vectors, strict=True))


def test_requests_that_arrive_together_share_batches_and_count_in_the_stats(
    models, monkeypatch
) -> None:
    with hugot.pipeline("text-classification", models / "bert-uncased-text", threads=1) as made:
        with held(made, monkeypatch):
            futures = [made.submit("a b c") for _ in range(9)]
        for future in futures:
            future.result(TIMEOUT)
        stats = made.stats()
        tokens = made.plan(["held"] + ["a b c"] * 9).tokens
    assert (stats.texts, stats.rows, stats.tokens) == (10, 10, tokens)
    assert (stats.tokenization.calls, stats.inference.calls) == (10, 2)


def test_no_answer_is_swapped_between_threads_and_tasks(models) -> None:
    texts = [f"{i} {'word ' * (i * 13 % 40)}{i % 7}" for i in range(1000)]
    with hugot.pipeline(
        "feature-extraction", models / "bert-uncased-features", mode="throughput", threads=2
    ) as made:
        expected = dict(zip(texts, made(texts), strict=True))
        wrong, answered = [], []

        def check(text, vector) -> None:
            answered.append(text)
            if not np.allclose(vector, expected[text], atol=1e-5):
                wrong.append(text)

        source = deque(texts[:500])  # an iterator may give a text twice without the GIL

        def client() -> None:
            with suppress(IndexError):
                while True:
                    text = source.popleft()
                    check(text, made.submit(text, timeout=TIMEOUT).result())

        async def task(some) -> None:
            for text in some:
                check(text, await made.acall(text, timeout=TIMEOUT))

        async def tasks() -> None:
            rest = iter(texts[500:])
            await asyncio.gather(*(task(rest) for _ in range(200)))

        clients = [threading.Thread(target=client) for _ in range(32)]
        for each in clients:
            each.start()
        asyncio.run(tasks())
        for each in clients:
            each.join(TIMEOUT)
    assert wrong == []
    assert sorted(answered) == sorted(texts)


# Errors


@pytest.mark.parametrize(
    "inputs", [7, None, b"bytes", ["fine", 7], ("one", "two"), "a\ud800", iter(["a"])]
)
def test_an_unfit_input_raises_in_its_own_future(classify, inputs) -> None:
    before, bad, after = (classify.submit(value) for value in ("a", inputs, "b"))
    with pytest.raises(InputError):
        bad.result(TIMEOUT)
    assert same(before.result(TIMEOUT), classify("a"))
    assert same(after.result(TIMEOUT), classify("b"))
    with pytest.raises(InputError):
        asyncio.run(classify.acall(inputs))


def test_the_error_of_an_unfit_input_has_its_number(classify) -> None:
    error = classify.submit(["fine", "fine", 7]).exception(TIMEOUT)
    assert error.index == 2
    assert "input 2 is of type int" in str(error)


def test_an_unknown_option_raises(classify) -> None:
    with pytest.raises(InputError, match=r"'topk'.*top_k"):
        classify.submit("a", topk=2).result(TIMEOUT)


@pytest.mark.parametrize("timeout", ["1", True, float("nan")])
def test_an_unfit_timeout_raises(classify, timeout) -> None:
    with pytest.raises(InputError, match="timeout="):
        classify.submit("a", timeout=timeout)


def test_an_infinite_timeout_is_none(classify) -> None:
    assert classify.submit("a", timeout=float("inf")).result(TIMEOUT)


def test_a_request_whose_results_cannot_be_read_does_not_harm_its_batch(
    models, monkeypatch
) -> None:
    with hugot.pipeline("text-classification", models / "bert-uncased-text", threads=1) as made:

        def fail(texts):
            if "poison" in texts:
                raise ArithmeticError("poison")

        with monkeypatch.context() as patched:
            before_results(made, patched, fail)
            with held(made, monkeypatch):
                futures = [made.submit(text) for text in ["one", "poison", "two"]]
            with pytest.raises(ArithmeticError):
                futures[1].result(TIMEOUT)
            assert same(futures[0].result(TIMEOUT), made("one"))
            assert same(futures[2].result(TIMEOUT), made("two"))


# Deadlines and cancelling


def test_a_cancelled_run_is_stopped(endless) -> None:
    future = endless.submit(LONG_TEXT)
    until(lambda: running(endless) == 1)
    assert future.cancel()
    assert same(endless.submit("short").result(TIMEOUT), endless("short"))


def test_a_run_that_is_too_late_is_stopped(endless) -> None:
    with pytest.raises(DeadlineExceededError, match=r"timeout=0\.2 s; it was running"):
        endless.submit(LONG_TEXT, timeout=0.2).result(TIMEOUT)
    assert same(endless.submit("short").result(TIMEOUT), endless("short"))


def test_a_cancelled_task_stops_its_run(endless) -> None:
    async def main():
        task = asyncio.create_task(endless.acall(LONG_TEXT))
        while running(endless) == 0:
            await asyncio.sleep(0.002)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await asyncio.wait_for(endless.acall("short"), TIMEOUT)

    assert same(asyncio.run(main()), endless("short"))


def test_a_cancelled_wrapped_future_stops_its_run(endless) -> None:
    async def main():
        future = asyncio.wrap_future(endless.submit(LONG_TEXT))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(future, 0.2)
        return await asyncio.wait_for(endless.acall("short"), TIMEOUT)

    assert same(asyncio.run(main()), endless("short"))


@pytest.mark.parametrize("inputs", [LONG_TEXT, [LONG_TEXT], "word " * 2000])
def test_a_task_whose_time_is_up_ends_with_an_error_and_stops_its_run(endless, inputs) -> None:
    async def main():
        with pytest.raises(DeadlineExceededError):
            await endless.acall(inputs, timeout=0.2)
        return await asyncio.wait_for(endless.acall("short"), TIMEOUT)

    assert same(asyncio.run(main()), endless("short"))


def test_a_stopped_run_is_no_error_of_those_that_wait(endless) -> None:
    first = endless.submit(LONG_TEXT)
    until(lambda: running(endless) == 1)
    waiting = [endless.submit(f"short {i}") for i in range(5)]
    first.cancel()
    assert all(future.result(TIMEOUT) for future in waiting)
    assert [each for each in as_completed([first, *waiting], TIMEOUT) if each.cancelled()] == [
        first
    ]


def test_the_event_loop_goes_on_while_long_inputs_are_tokenized(classify, monkeypatch) -> None:
    threads = []
    task = runner_of(classify).task
    make_rows = task.make_rows

    def note(*arguments):
        threads.append(threading.current_thread())
        return make_rows(*arguments)

    monkeypatch.setattr(task, "make_rows", note)

    async def main():
        await classify.acall("short")
        await classify.acall("long " * 1000)
        await classify.acall(["one", "two"])

    asyncio.run(main())
    loop_thread = threading.current_thread()
    assert [each is loop_thread for each in threads] == [True, False, False]


# Back-pressure, the end


def test_a_full_queue_raises_at_once(models, monkeypatch) -> None:
    with hugot.pipeline(
        "text-classification", models / "bert-uncased-text", threads=1, max_queue=2
    ) as made:
        with held(made, monkeypatch):
            futures = [made.submit("b"), made.submit("c")]
            with pytest.raises(QueueFullError, match="2 requests wait"):
                made.submit("d")
            with pytest.raises(QueueFullError, match="2 requests wait"):
                asyncio.run(made.acall("d"))
        assert all(future.result(TIMEOUT) for future in futures)


def test_close_answers_what_was_sent_and_ends_every_thread(models) -> None:
    before = set(threading.enumerate())
    made = hugot.pipeline(
        "text-classification", models / "bert-uncased-text", mode="throughput", threads=2
    )
    futures = [made.submit(text, timeout=TIMEOUT) for text in TEXTS]
    made.close()
    assert all(future.done() and future.result() for future in futures)
    assert set(threading.enumerate()) <= before
    with pytest.raises(SessionClosedError):
        made.submit("a")
    with pytest.raises(SessionClosedError):
        asyncio.run(made.acall("a"))


def test_a_pipeline_that_was_closed_unused_takes_no_requests(models) -> None:
    made = hugot.pipeline("text-classification", models / "bert-uncased-text")
    made.close()
    with pytest.raises(SessionClosedError):
        made.submit("a")


def test_a_pipeline_lives_until_its_requests_are_answered_and_no_longer(models) -> None:
    before = set(threading.enumerate())
    made = hugot.pipeline(
        "text-classification", models / "bert-uncased-text", mode="throughput", threads=2
    )
    gone = [weakref.ref(each) for each in (made, runner_of(made), runner_of(made).model)]
    gc.collect()
    gc.disable()
    try:
        futures: list[Future] = [made.submit(text, timeout=TIMEOUT) for text in TEXTS]
        failed = made.submit(["a", 7])
        del made
        assert all(future.result(TIMEOUT) for future in futures)
        kind = type(failed.exception(TIMEOUT))  # the error's traceback refers to the pipeline
        del failed
        assert kind is InputError
        until(lambda: [each() for each in gone] == [None] * 3)
        until(lambda: set(threading.enumerate()) <= before)
    finally:
        gc.enable()


def test_a_task_leaves_no_cycle_that_keeps_the_pipeline(models) -> None:
    made = hugot.pipeline("text-classification", models / "bert-uncased-text")
    gone = [weakref.ref(each) for each in (made, runner_of(made), runner_of(made).model)]

    async def main(made) -> None:
        await made.acall("a", timeout=TIMEOUT)
        with pytest.raises(InputError):
            await made.acall(["a", 7])

    gc.collect()
    gc.disable()
    try:
        asyncio.run(main(made))
        del made
        until(lambda: [each() for each in gone] == [None] * 3)
    finally:
        gc.enable()


def test_the_interpreter_can_end_with_requests_under_way(models) -> None:
    code = (
        "import hugot\n"
        f"made = hugot.pipeline('text-classification', {str(models / 'bert-uncased-text')!r})\n"
        "futures = [made.submit('word ' * (i % 50), timeout=60) for i in range(500)]\n"
        "print('ended')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


# Models whose answers depend on the batch


def test_with_dynamic_quantization_every_request_runs_alone(tmp_path, monkeypatch) -> None:
    folder = slow_models.dynamic_int8(tmp_path / "int8")
    assert depends_on_batch(folder / "model.onnx")
    with hugot.pipeline("text-classification", folder, threads=1) as made:
        expected = [made(text) for text in TEXTS]
        assert made(TEXTS, batch_size=60) != [answer[0] for answer in expected]
        calls = made.stats().inference.calls
        with held(made, monkeypatch):
            futures = [made.submit(text) for text in TEXTS]
        assert [future.result(TIMEOUT) for future in futures] == expected
        assert made.stats().inference.calls - calls == 1 + len(TEXTS)
        assert made.submit(TEXTS[:9]).result(TIMEOUT) == made(TEXTS[:9])


def test_requests_to_such_a_model_share_batches_where_that_is_asked_for(
    tmp_path, monkeypatch
) -> None:
    folder = slow_models.dynamic_int8(tmp_path / "int8")
    with hugot.pipeline("text-classification", folder, threads=1, microbatch=True) as made:
        with held(made, monkeypatch):
            futures = [made.submit("a b c") for _ in TEXTS]
        assert all(future.result(TIMEOUT) for future in futures)
        assert made.stats().inference.calls < len(TEXTS) // 2


def test_every_request_runs_alone_where_that_is_asked_for(models, monkeypatch) -> None:
    path = models / "bert-uncased-text"
    with hugot.pipeline("text-classification", path, threads=1, microbatch=False) as made:
        with held(made, monkeypatch):
            futures = [made.submit("a") for _ in range(5)]
        assert all(future.result(TIMEOUT) for future in futures)
        assert made.stats().inference.calls == 1 + 5


def test_a_graph_that_cannot_be_read_is_taken_to_depend_on_the_batch(tmp_path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\xff" * 40)
    assert depends_on_batch(path)
    assert depends_on_batch(tmp_path / "missing.onnx")


@pytest.mark.parametrize(
    ("option", "value"), [("microbatch", "yes"), ("max_queue", 0), ("max_queue", 1.5)]
)
def test_an_unfit_option_raises(option, value) -> None:
    with pytest.raises(InputError, match=f"{option}="):
        hugot.Session(**{option: value})


def test_the_first_request_reads_no_graph(models, monkeypatch) -> None:
    with hugot.pipeline("text-classification", models / "bert-uncased-text") as classify:
        expected = classify("good")
        opened = []
        monkeypatch.setattr("hugot.models.graph.op_types", opened.append)
        monkeypatch.setattr("hugot.runtime.engine.op_types", opened.append)
        assert asyncio.run(classify.acall("good")) == expected
        assert classify.submit("good").result(10) == expected
    assert opened == []
