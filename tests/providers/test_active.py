"""A provider that was asked for runs a part of the model, or it is an error."""

import logging

import numpy as np
import pytest
from ort_graphs import OPTIONS, library, negation, open_session

import hugot
from hugot._ort import providers
from hugot._ort.loader import load_library
from hugot._ort.providers import Provider
from hugot._ort.session import InferenceSession
from hugot.errors import ModelFormatError, ProviderError
from hugot.runtime.sessions import check_active, nodes_by_provider

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"

# Part of the usual packages, and of use only for nodes that call a service.
needs_azure = pytest.mark.skipif(
    "AzureExecutionProvider" not in library().available_providers() or library().api_version < 24,
    reason="this ONNX Runtime has no provider that takes no node, or does not tell which takes what",
)


@pytest.fixture
def open_on(compile_fake):
    """A session with providers on a pretended library, which places nodes as it is told."""

    def open_session(asked, **options):
        on = load_library(compile_fake(CUDA, TENSORRT, **options))
        resolved = providers.resolve(asked, on)
        return InferenceSession(on, "model.onnx", OPTIONS, resolved), resolved

    return open_session


def test_a_provider_that_takes_no_node_is_an_error_with_the_facts(open_on):
    session, resolved = open_on(["cuda", "cpu"], placed=[CPU])
    with pytest.raises(ProviderError) as caught:
        check_active(session, resolved)
    for fact in (CUDA, f"{CPU} 3", session.library.path, "1.24.0", TENSORRT):
        assert fact in str(caught.value)


def test_the_cpu_may_take_what_an_active_provider_leaves(open_on):
    check_active(*open_on(["cuda", "cpu"], placed=[CUDA, CPU]))


def test_a_provider_behind_an_active_one_may_be_left_with_nothing(open_on):
    check_active(*open_on(["tensorrt", "cuda"], placed=[TENSORRT]))


def test_a_provider_before_an_active_one_may_not(open_on):
    session, resolved = open_on(["tensorrt", "cuda"], placed=[CUDA])
    with pytest.raises(ProviderError, match=r"^TensorrtExecutionProvider was asked for"):
        check_active(session, resolved)


def test_nodes_are_counted_for_each_provider(open_on):
    session, resolved = open_on(["tensorrt", "cuda"], placed=[CUDA, CUDA, CPU], nodes=4)
    assert nodes_by_provider(session, resolved) == {TENSORRT: 0, CUDA: 8, CPU: 4}


def test_below_api_24_placement_is_unknown_and_no_error(open_on):
    session, resolved = open_on(["cuda"], placed=[CPU], version="1.23.2")
    check_active(session, resolved)
    assert nodes_by_provider(session, resolved) == {CUDA: None, CPU: None}


def test_on_the_cpu_alone_nothing_is_recorded(open_on):
    session, resolved = open_on(["cpu"])
    check_active(session, resolved)
    assert nodes_by_provider(session, resolved) == {CPU: None}


@needs_azure
def test_a_pipeline_whose_provider_takes_no_node_is_an_error_that_names_the_way_out(models):
    with pytest.raises(ProviderError, match=r"Azure.*runs no node.*provider_fallback=True"):
        hugot.pipeline(
            "feature-extraction", models / "bert-uncased-features", providers=["azure", "cpu"]
        )


@needs_azure
def test_with_fallback_the_cpu_answers_and_the_log_says_so(models, caplog):
    plain = hugot.pipeline("feature-extraction", models / "bert-uncased-features")
    with caplog.at_level(logging.WARNING, "hugot"):
        fallen = hugot.pipeline(
            "feature-extraction",
            models / "bert-uncased-features",
            providers=["azure"],
            provider_fallback=True,
        )
    np.testing.assert_array_equal(fallen(["a b", "c"]), plain(["a b", "c"]))
    assert "AzureExecutionProvider was asked for, but runs no node" in caplog.text
    assert fallen.providers == {CPU: None}
    assert fallen.plan(["a"]).token_budget == plain.plan(["a"]).token_budget


def test_with_fallback_a_broken_model_is_still_an_error(tmp_path, copy_of):
    folder = copy_of("bert-uncased-features")
    (folder / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ModelFormatError):
        hugot.pipeline("feature-extraction", folder, providers=["cuda"], provider_fallback=True)


def test_a_session_on_the_cpu_tells_no_placement():
    assert open_session(negation()).placement is None


@needs_azure
def test_a_session_tells_what_onnx_runtime_placed_where():
    session = open_session(negation(), [Provider("AzureExecutionProvider", {})])
    assert session.placement == {CPU: 1}


def test_a_pipeline_tells_its_providers_and_so_does_its_plan(models):
    pipeline = hugot.pipeline("feature-extraction", models / "bert-uncased-features")
    assert pipeline.providers == {CPU: None}
    assert pipeline.plan(["a"]).providers == pipeline.providers
