"""Which of a model's sessions a run takes."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from ort_graphs import OPTIONS

import hugot
from hugot._ort.loader import load_library
from hugot._ort.session import InferenceSession
from hugot.models.bundle import open_bundle
from hugot.pipelines.pipeline import runner_of
from hugot.runtime.routing import SessionRouter
from hugot.session import engine_of

TEXTS = [f"text {i} {'word ' * (i * 7 % 30)}" for i in range(60)]


@pytest.fixture
def sessions(models):
    """Makes sessions, and lists them."""
    made = []

    def make():
        path = str(models / "bert-uncased-text" / "model.onnx")
        made.append(InferenceSession(load_library(), path, OPTIONS))
        return made[-1]

    make.made = made
    return make


def test_with_one_session_all_runs_are_in_it(sessions) -> None:
    first = sessions()
    router = SessionRouter(first, None)
    with router.take(alone=False) as route, router.take(alone=True) as other:
        assert route.session is other.session is first


def test_a_lone_text_runs_in_the_first_session_and_the_second_is_not_made(sessions) -> None:
    first = sessions()
    router = SessionRouter(first, sessions)
    for _ in range(3):
        with router.take(alone=True) as route:
            assert route.session is first
    assert sessions.made == [first]


def test_groups_run_in_the_second_session_which_is_made_once(sessions) -> None:
    first = sessions()
    router = SessionRouter(first, sessions)
    for _ in range(3):
        with router.take(alone=False) as route:
            assert route.session is not first
    assert len(sessions.made) == 2


def test_a_lone_text_that_comes_while_another_runs_takes_the_second_session(sessions) -> None:
    first = sessions()
    router = SessionRouter(first, sessions)
    with router.take(alone=True), router.take(alone=True) as second:
        assert second.session is not first
    with router.take(alone=True) as again:
        assert again.session is first


def test_a_session_that_cannot_be_made_raises_and_leaves_the_first_free(sessions) -> None:
    def fails():
        raise OSError("no memory")

    first = sessions()
    router = SessionRouter(first, fails)
    with pytest.raises(OSError, match="no memory"):
        router.take(alone=False)
    with router.take(alone=True) as route:
        assert route.session is first


def test_threads_that_need_the_second_session_at_once_get_the_same(sessions) -> None:
    router = SessionRouter(sessions(), sessions)
    found = []
    barrier = threading.Barrier(8)

    def run():
        barrier.wait()
        with router.take(alone=False) as route:
            found.append(route.session)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


@pytest.fixture
def optimized(copy_of):
    """A model folder with its optimised file."""
    folder = copy_of("bert-uncased-features")
    with hugot.Session() as session:
        engine_of(session).optimize(open_bundle(folder))
    return folder


def test_auto_mode_has_two_layouts_over_an_optimised_file(optimized) -> None:
    with hugot.pipeline("feature-extraction", optimized, threads=2) as embed:
        layout = runner_of(embed).model.layout
        assert (layout.workers, layout.intra_op_threads, layout.row_threads) == (2, 1, 2)


def test_auto_mode_has_one_layout_without_an_optimised_file(models) -> None:
    with hugot.pipeline("feature-extraction", models / "bert-uncased-features", threads=2) as embed:
        layout = runner_of(embed).model.layout
        assert (layout.workers, layout.intra_op_threads, layout.row_threads) == (1, 2, None)


def test_two_sessions_give_the_answers_of_one(optimized, models) -> None:
    with (
        hugot.pipeline("feature-extraction", optimized, threads=2) as two,
        hugot.pipeline("feature-extraction", models / "bert-uncased-features", threads=2) as one,
    ):
        np.testing.assert_allclose(two(TEXTS), one(TEXTS), atol=1e-6)
        np.testing.assert_allclose(two(TEXTS[0]), one(TEXTS[0]), atol=1e-6)
        np.testing.assert_allclose(two.submit(TEXTS[1]).result(), one(TEXTS[1]), atol=1e-6)
