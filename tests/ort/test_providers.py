import re
from types import SimpleNamespace

import pytest
from ort_graphs import library

from hugot._ort import providers
from hugot.errors import InputError, ProviderError

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def library_with(*names):
    return SimpleNamespace(
        available_providers=lambda: list(names), path="libonnxruntime.so", version="1.24.1"
    )


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("cpu", CPU),
        ("CPU", CPU),
        ("cuda", CUDA),
        ("Cuda", CUDA),
        (CUDA, CUDA),
        ("tensorrt", "TensorrtExecutionProvider"),
        ("directml", "DmlExecutionProvider"),
        ("dml", "DmlExecutionProvider"),
        ("coreml", "CoreMLExecutionProvider"),
        ("openvino", "OpenVINOExecutionProvider"),
        ("qnn", "QNNExecutionProvider"),
        ("DmlExecutionProvider", "DmlExecutionProvider"),
    ],
)
def test_a_provider_goes_by_its_short_name_and_by_onnx_runtimes_own(name, full):
    assert providers.full_name(name) == full


@pytest.mark.parametrize(("wrong", "right"), [("cudo", "cuda"), ("open-vino", "openvino")])
def test_an_unknown_provider_is_an_error_with_the_nearest_name(wrong, right):
    with pytest.raises(InputError, match=f"'{wrong}'. Did you mean '{right}'"):
        providers.full_name(wrong)


def test_an_unknown_provider_like_none_is_an_error_that_lists_all():
    with pytest.raises(InputError, match=r"'abacus'\. There are: cpu, cuda"):
        providers.full_name("abacus")


@pytest.mark.parametrize("nothing", [None, [], ()])
def test_no_providers_are_asked_for_by_default(nothing):
    assert providers.resolve(nothing, library_with(CPU)) == []


def test_providers_keep_their_order_and_their_settings():
    asked = [("tensorrt", {"device_id": 1}), "cuda", (CPU, {})]
    available = library_with(CPU, CUDA, "TensorrtExecutionProvider")
    assert providers.resolve(asked, available) == [
        ("TensorrtExecutionProvider", {"device_id": 1}),
        (CUDA, {}),
        (CPU, {}),
    ]


def test_settings_are_the_resolved_lists_own():
    given = {"device_id": 0}
    ((_, settings),) = providers.resolve([("cuda", given)], library_with(CUDA))
    settings["device_id"] = 1
    assert given == {"device_id": 0}


def test_a_provider_that_is_not_there_is_an_error_that_says_what_is_and_what_to_install():
    with pytest.raises(ProviderError) as caught:
        providers.resolve(["cuda"], library_with("AzureExecutionProvider", CPU))
    for fact in ("'cuda'", CUDA, "libonnxruntime.so", "1.24.1", CPU, "onnxruntime-gpu"):
        assert fact in str(caught.value)


def test_with_fallback_a_provider_that_is_not_there_is_left_out():
    assert providers.resolve(["cuda", "cpu"], library_with(CPU), fallback=True) == [(CPU, {})]


def test_with_fallback_an_unknown_provider_is_still_an_error():
    with pytest.raises(InputError, match="unknown execution provider"):
        providers.resolve(["abacus"], library_with(CPU), fallback=True)


def test_the_cpu_is_in_the_library_at_hand():
    assert providers.resolve(["cpu"], library()) == [(CPU, {})]


@pytest.mark.parametrize("wrong", ["cuda", [3], [("cuda",)], [("cuda", {}, {})], [("cuda", 3)]])
def test_anything_but_a_list_of_names_and_pairs_is_an_error_that_shows_it(wrong):
    shown = wrong if isinstance(wrong, str) else wrong[0]
    with pytest.raises(InputError, match=re.escape(repr(shown))):
        providers.resolve(wrong, library_with(CPU, CUDA))
