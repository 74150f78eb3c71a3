"""Providers as ONNX Runtime is told of them: which functions are called, with whose settings."""

import pytest
from fake_providers import told
from ort_graphs import OPTIONS

from hugot._ort import providers
from hugot._ort.loader import load_library
from hugot._ort.session import InferenceSession
from hugot.errors import ProviderError

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"


@pytest.fixture
def open_with(compile_fake):
    """Makes a session with providers on a pretended library; gives what the library was told."""

    def open_session(asked, *names, **options):
        path = compile_fake(*names, **options)
        library = load_library(path)
        InferenceSession(library, "model.onnx", OPTIONS, providers.resolve(asked, library))
        lines = told(path)
        return [line for line in lines if not line.startswith(("config", "execution mode"))]

    return open_session


def test_cuda_goes_through_its_own_structure_which_is_freed(open_with):
    assert open_with([("cuda", {"device_id": 1, "gpu_mem_limit": 2**30})], CUDA) == [
        "cuda settings device_id=1 gpu_mem_limit=1073741824",
        "append cuda",
        "release cuda",
        "create session",
    ]


def test_tensorrt_goes_through_its_own_structure_which_is_freed(open_with):
    assert open_with([("tensorrt", {"trt_fp16_enable": True})], TENSORRT) == [
        "tensorrt settings trt_fp16_enable=True",
        "append tensorrt",
        "release tensorrt",
        "create session",
    ]


@pytest.mark.parametrize(
    ("name", "full", "generic"),
    [
        ("openvino", "OpenVINOExecutionProvider", "OpenVINO"),
        ("coreml", "CoreMLExecutionProvider", "CoreML"),
        ("qnn", "QNNExecutionProvider", "QNN"),
        ("xnnpack", "XnnpackExecutionProvider", "XNNPACK"),
        ("migraphx", "MIGraphXExecutionProvider", "MIGraphX"),
        ("nvtensorrtrtx", "NvTensorRTRTXExecutionProvider", "NvTensorRtRtx"),
        ("webgpu", "WebGpuExecutionProvider", "WebGPU"),
        ("rocm", "ROCMExecutionProvider", "ROCMExecutionProvider"),
    ],
)
def test_other_providers_go_through_the_generic_call_by_the_name_it_knows(
    open_with, name, full, generic
):
    assert open_with([(name, {"a": 1})], full) == [f"append {generic} a=1", "create session"]


def test_each_provider_gets_its_own_settings_in_the_order_of_preference(open_with):
    asked = [("tensorrt", {"t": 1}), ("cuda", {"c": 2}), ("qnn", {"q": 3}), "cpu"]
    lines = open_with(asked, CUDA, "QNNExecutionProvider", TENSORRT)
    assert [line for line in lines if "release" not in line] == [
        "tensorrt settings t=1",
        "append tensorrt",
        "cuda settings c=2",
        "append cuda",
        "append QNN q=3",
        "create session",
    ]


def test_directml_runs_without_memory_patterns_and_one_node_at_a_time(compile_fake):
    path = compile_fake("DmlExecutionProvider")
    library = load_library(path)
    asked = providers.resolve(["directml"], library)
    InferenceSession(library, "model.onnx", OPTIONS, asked)
    lines = told(path)
    assert lines.index("append DML") > lines.index("no memory pattern")
    assert [line for line in lines if line.startswith("execution mode")][-1] == "execution mode 0"


@pytest.mark.parametrize(
    ("name", "full"), [("cuda", CUDA), ("tensorrt", TENSORRT), ("qnn", "QNNExecutionProvider")]
)
def test_a_setting_that_the_provider_refuses_is_an_error_with_onnx_runtimes_words(
    open_with, name, full
):
    with pytest.raises(ProviderError) as caught:
        open_with([(name, {"good": 1, "bad": 2})], full)
    for words in (f"adding {full}", 'Unknown provider option: "bad"', "good=1, bad=2"):
        assert words in str(caught.value)


def test_the_structure_of_a_refused_setting_is_freed(compile_fake):
    path = compile_fake(CUDA)
    library = load_library(path)
    with pytest.raises(ProviderError):
        InferenceSession(library, "model.onnx", OPTIONS, [(CUDA, {"bad": "1"})])
    assert told(path)[-1] == "release cuda"


@pytest.mark.parametrize(("version", "asks"), [("1.24.0", True), ("1.23.2", False)])
def test_placement_is_recorded_where_the_library_can_and_another_provider_is_asked_for(
    compile_fake, version, asks
):
    path = compile_fake(CUDA, version=version)
    library = load_library(path)
    entry = "config session.record_ep_graph_assignment_info=1"
    InferenceSession(library, "model.onnx", OPTIONS, [(CUDA, {})])
    assert (entry in told(path)) == asks
    InferenceSession(library, "model.onnx", OPTIONS, [("CPUExecutionProvider", {})])
    assert entry not in told(path)
