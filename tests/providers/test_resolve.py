import re

import pytest
from fake_providers import compile_library
from ort_graphs import library

from hugot._ort import providers
from hugot._ort.loader import load_library
from hugot.errors import InputError, ProviderError

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


@pytest.fixture(scope="module")
def library_with(tmp_path_factory):
    """Gives a pretended library with the CPU's provider and others."""

    def load(*names):
        return load_library(compile_library(tmp_path_factory.mktemp("fake"), *names))

    return load


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
def test_no_providers_are_asked_for_by_default(library_with, nothing):
    assert providers.resolve(nothing, library_with()) == []


def test_providers_keep_their_order_and_their_settings(library_with):
    asked = [("tensorrt", {"device_id": 1}), "cuda", (CPU, {})]
    available = library_with(CUDA, "TensorrtExecutionProvider")
    assert providers.resolve(asked, available) == [
        ("TensorrtExecutionProvider", {"device_id": "1"}, ()),
        (CUDA, {}, ()),
        (CPU, {}, ()),
    ]


def test_settings_are_the_resolved_lists_own(library_with):
    given = {"device_id": 0}
    (provider,) = providers.resolve([("cuda", given)], library_with(CUDA))
    provider.settings["device_id"] = 1
    assert given == {"device_id": 0}


def test_a_provider_that_is_not_there_is_an_error_that_says_what_is_and_what_to_install(
    library_with,
):
    with pytest.raises(ProviderError) as caught:
        providers.resolve(["cuda"], library_with("AzureExecutionProvider"))
    for fact in ("'cuda'", CUDA, "libonnxruntime.so", "1.24.0", CPU, "onnxruntime-gpu"):
        assert fact in str(caught.value)


def test_with_fallback_a_provider_that_is_not_there_is_left_out_and_the_log_says_so(
    library_with, caplog
):
    found = providers.resolve(["cuda", "cpu"], library_with(), fallback=True)
    assert found == [(CPU, {}, ())]
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("hugot", "WARNING")
    assert "'cuda' (CUDAExecutionProvider) is not in this ONNX Runtime" in record.getMessage()


def test_with_fallback_an_unknown_provider_is_still_an_error(library_with):
    with pytest.raises(InputError, match="unknown execution provider"):
        providers.resolve(["abacus"], library_with(), fallback=True)


def test_the_cpu_is_in_the_library_at_hand():
    assert providers.resolve(["cpu"], library()) == [(CPU, {}, ())]


@pytest.mark.parametrize("wrong", ["cuda", [3], [("cuda",)], [("cuda", {}, {})], [("cuda", 3)]])
def test_anything_but_a_list_of_names_and_pairs_is_an_error_that_shows_it(library_with, wrong):
    shown = wrong if isinstance(wrong, str) else wrong[0]
    with pytest.raises(InputError, match=re.escape(repr(shown))):
        providers.resolve(wrong, library_with(CUDA))


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (True, "True"),
        (2, "2"),
        ("CPU", "CPU"),
        (
            {"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}},
            '{"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}}',
        ),
        (["a", 1], '["a", 1]'),
    ],
)
def test_a_setting_is_handed_over_as_text_and_a_dict_as_json(library_with, given, taken):
    found = providers.resolve([("cuda", {"setting": given})], library_with(CUDA))
    assert found == [(CUDA, {"setting": taken}, ())]


@pytest.mark.parametrize("settings", [{3: "x"}, {"x": None}, {"x": {"y": object()}}])
def test_a_setting_that_is_no_name_and_value_is_an_error_that_names_the_provider(
    library_with, settings
):
    with pytest.raises(InputError, match=CUDA):
        providers.resolve([("cuda", settings)], library_with(CUDA))
