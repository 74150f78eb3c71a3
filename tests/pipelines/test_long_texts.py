"""A long text holds up neither other threads, nor the event loop, nor deadlines."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest

import hugot
from hugot import DeadlineExceededError
from hugot.inputs.tokenizer import TextTokenizer
from hugot.models.bundle import open_bundle
from hugot.pipelines.pipeline import runner_of

TIMEOUT = 30
LONG = "The unaffable cat sat by the sea. " * 30_000


@pytest.fixture(scope="module")
def embed(models):
    with hugot.pipeline("feature-extraction", models / "bert-uncased-features", threads=1) as made:
        yield made


def longest_pause(call) -> float:
    """The longest time during a call in which another thread does not run."""
    pauses, done = [0.0], threading.Event()

    def tick() -> None:
        last = time.perf_counter()
        while not done.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            pauses.append(now - last)
            last = now

    thread = threading.Thread(target=tick)
    thread.start()
    call()
    done.set()
    thread.join()
    return max(pauses)


def test_other_threads_run_while_all_of_a_long_text_is_tokenized(models) -> None:
    tokenizer = TextTokenizer(open_bundle(models / "bert-uncased-features"), None)
    native = tokenizer._tokenizer
    tokenizer.encode(["a", "b"], type_ids=False)
    ratios = []
    for _ in range(3):
        held = longest_pause(lambda: native.encode(LONG))
        ratios.append(
            longest_pause(lambda: tokenizer.encode([LONG], type_ids=False, spans=True)) / held
        )
    assert min(ratios) < 0.5


@pytest.mark.parametrize("text", ["." * 1_000_000, LONG, "漢字かな交じり文。" * 100_000])
def test_a_long_text_has_the_answer_of_its_beginning(embed, text) -> None:
    assert np.array_equal(embed(text), embed(text[:4000]))
    assert np.allclose(embed([text, "a"])[0], embed(text[:4000]), atol=1e-6)


@pytest.fixture
def held(embed, monkeypatch):
    """Keep the tokenizing of every text waiting until the event is set."""
    task, go = runner_of(embed).task, threading.Event()
    make_rows = task.make_rows

    def wait(*arguments):
        assert go.wait(TIMEOUT)
        return make_rows(*arguments)

    monkeypatch.setattr(task, "make_rows", wait)
    yield go
    go.set()


def test_the_event_loop_runs_while_a_long_text_is_tokenized(embed, held) -> None:
    async def main() -> bool:
        answer = asyncio.ensure_future(embed.acall(LONG))
        for _ in range(5):
            await asyncio.sleep(0.001)
        waits = not answer.done()
        held.set()
        await asyncio.wait_for(answer, TIMEOUT)
        return waits

    assert asyncio.run(main())


def test_a_deadline_ends_a_request_whose_text_is_being_tokenized(embed, held) -> None:
    async def main() -> None:
        with pytest.raises(DeadlineExceededError):
            await embed.acall(LONG, timeout=0.01)
        assert not held.is_set()
        held.set()

    asyncio.run(main())
