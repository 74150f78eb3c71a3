"""Any option with any value: it works, or an error of ours says what is wrong with it."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hugot
from hugot.errors import HugotError
from hugot.options import RuntimeOptions, option_names
from hugot.tasks import task_class

MODELS = {
    "feature-extraction": "bert-uncased-features",
    "text-classification": "bert-uncased-text",
    "token-classification": "bert-cased-token",
}
values = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 9), st.sampled_from([2**31, 2**63, 2**70, -(2**63)]),
    st.floats(), st.sampled_from([math.nan, math.inf]), st.text(max_size=5),
    st.sampled_from(["mean", "cls", "none", "simple", "max", "error", "softmax", "CPU", "\ud800", "\0"]),
    st.lists(st.text(max_size=3), max_size=2), st.lists(st.integers(), max_size=2), st.just(object()),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2), st.binary(max_size=3),
    st.tuples(st.sampled_from(["mean", "max", "x"]), st.sampled_from(["cls", 1])),
)  # fmt: skip
# Threads and libraries are taken at their word.
RUNTIME = sorted(
    {*option_names(RuntimeOptions)} - {"threads", "workers", "telemetry", "onnxruntime_library"}
)


@pytest.fixture(scope="module", autouse=True)
def folder_of_its_own(tmp_path_factory):
    """Any text is a path to some options, as that of a profile: what they write lands here."""
    with contextlib.chdir(tmp_path_factory.mktemp("written")):
        yield


@pytest.mark.parametrize("task", sorted(MODELS))
@given(data=st.data())
def test_options_of_a_task_work_or_are_refused(models, task, data):
    with hugot.pipeline(task, models / MODELS[task], threads=1) as pipeline:
        names = option_names(task_class(task).options_type)
        for _ in range(5):
            given_options = data.draw(
                st.dictionaries(
                    st.sampled_from([*names, "nonsense"]), values, min_size=1, max_size=3
                )
            )
            for call in (pipeline, lambda x, **o: pipeline.submit(x, **o).result(60)):
                with contextlib.suppress(HugotError):
                    call(["a text", "good"], **given_options)
        assert len(pipeline(["a text", "good"])) == 2


@pytest.mark.filterwarnings("ignore:.*is passed on")  # an entry that only ONNX Runtime may know
@given(given_options=st.dictionaries(st.sampled_from(RUNTIME), values, min_size=1, max_size=2))
def test_options_of_a_session_work_or_are_refused(models, given_options):
    with (
        contextlib.suppress(HugotError),
        hugot.pipeline(
            "text-classification", models / "bert-uncased-text", threads=1, **given_options
        ) as pipeline,
    ):
        assert pipeline("good")[0]["label"]
