"""Plugin providers: registered once, refused by old libraries, chosen by name or type of device."""

import sys
from types import ModuleType

import numpy as np
import pytest
from fake_providers import told
from ort_graphs import OPTIONS, as_bytes, library, open_session, value

import hugot
from hugot._ort import plugins, providers
from hugot._ort.devices import list_devices, registered_plugins
from hugot._ort.loader import load_library
from hugot._ort.session import InferenceSession
from hugot.errors import InputError, ProviderError

FAKE = "FakeExecutionProvider"


@pytest.fixture
def plugin(tmp_path):
    """A file that may pass for a plugin."""
    path = tmp_path / "libplugin.so"
    path.touch()
    return str(path)


@pytest.fixture
def load_fake(compile_fake, monkeypatch):
    """Loads a pretended library; no installed package offers a plugin."""
    monkeypatch.setattr(plugins, "_candidates", lambda: iter(()))
    return lambda **options: load_library(compile_fake(**options))


def test_a_plugin_is_registered_once_for_each_library(load_fake, plugin):
    loaded = load_fake()
    plugins.register_plugins(loaded, {"mine": plugin})
    plugins.register_plugins(loaded, {"mine": plugin})
    assert told(loaded.path) == ["register mine libplugin.so"]
    assert registered_plugins(loaded) == {"mine": (plugin, [FAKE])}


def test_one_name_cannot_be_two_plugins(load_fake, plugin, tmp_path):
    loaded = load_fake()
    plugins.register_plugins(loaded, {"mine": plugin})
    with pytest.raises(ProviderError, match=f"'mine' is {plugin} in this process already"):
        plugins.register_plugins(loaded, {"mine": tmp_path / "other.so"})


def test_a_library_too_old_for_plugins_is_refused_before_it_is_called(load_fake, plugin):
    loaded = load_fake(version="1.22.1")
    with pytest.raises(ProviderError, match=r"need ONNX Runtime 1\.23 or newer.*is 1\.22\.1"):
        plugins.register_plugins(loaded, {"mine": plugin})
    assert told(loaded.path) == []
    assert list_devices(loaded) == []


def test_a_plugin_that_is_no_file_is_an_error_that_names_it(load_fake, tmp_path):
    with pytest.raises(ProviderError, match=r"'mine': there is no file .*nowhere\.so"):
        plugins.register_plugins(load_fake(), {"mine": tmp_path / "nowhere.so"})


def test_a_file_that_is_no_plugin_is_an_error_with_onnx_runtimes_words(plugin):
    if library().api_version < 23:
        pytest.skip("this ONNX Runtime takes no plugins")
    with pytest.raises(ProviderError, match=r"registering the plugin 'empty' .*libplugin\.so"):
        plugins.register_plugins(library(), {"empty": plugin})


@pytest.mark.parametrize(
    ("asked", "device"),
    [
        ("mine", "cpu"),
        (FAKE, "cpu"),
        (("mine", {"device_type": "GPU"}), "gpu"),
        ((FAKE, {"device_type": "npu"}), "npu"),
        ("gpu", "gpu"),
        ("NPU", "npu"),
    ],
)
def test_a_plugin_goes_by_its_name_its_providers_or_a_type_of_device(
    load_fake, plugin, asked, device
):
    loaded = load_fake()
    plugins.register_plugins(loaded, {"mine": plugin})
    (found,) = providers.resolve([asked], loaded)
    assert (found.name, found.settings) == (FAKE, {})
    assert [each.device_type for each in found.devices] == [device]


def test_a_plugins_provider_is_added_by_its_device_with_its_settings(load_fake, plugin):
    loaded = load_fake()
    plugins.register_plugins(loaded, {"mine": plugin})
    asked = providers.resolve([("mine", {"device_type": "npu", "speed": 2})], loaded)
    InferenceSession(loaded, "model.onnx", OPTIONS, asked)
    assert "devices 2 with speed=2" in told(loaded.path)


def test_a_device_of_another_library_is_refused(load_fake, plugin):
    loaded = load_fake()
    plugins.register_plugins(loaded, {"mine": plugin})
    with pytest.raises(ProviderError, match="belongs to another ONNX Runtime"):
        InferenceSession(library(), "model.onnx", OPTIONS, providers.resolve(["mine"], loaded))


def test_a_type_of_device_that_a_plugin_lacks_is_an_error_that_lists_its_own(load_fake, plugin):
    loaded = load_fake()
    plugins.register_plugins(loaded, {"mine": plugin})
    with pytest.raises(ProviderError, match="no device of type 'tpu'; it has: cpu, gpu, npu"):
        providers.resolve([("mine", {"device_type": "tpu"})], loaded)


def test_a_type_of_device_that_nothing_offers_is_an_error(load_fake):
    with pytest.raises(ProviderError, match="no execution provider offers a device of type 'gpu'"):
        providers.resolve(["gpu"], load_fake())


def test_a_plugin_without_a_device_here_is_an_error_that_says_so(load_fake, plugin):
    loaded = load_fake(offered=0)
    plugins.register_plugins(loaded, {"mine": plugin})
    with pytest.raises(ProviderError, match=r"'mine' \(.*\) is registered, but offers no device"):
        providers.resolve(["mine"], loaded)
    with pytest.raises(ProviderError, match="the plugin 'mine' offers no device on this machine"):
        providers.resolve(["openvino"], loaded)


def test_a_package_that_announces_a_plugin_is_registered_when_its_provider_is_asked_for(
    load_fake, plugin, monkeypatch
):
    package = ModuleType("onnxruntime_ep_fake")
    package.get_library_path = lambda: plugin
    package.get_ep_names = lambda: [FAKE]
    monkeypatch.setitem(sys.modules, package.__name__, package)
    loaded = load_fake()
    monkeypatch.setattr(plugins, "_candidates", lambda: iter([(package.__name__, None)]))
    assert told(loaded.path) == []
    (found,) = providers.resolve([FAKE], loaded)
    assert found.name == FAKE
    assert told(loaded.path) == ["register onnxruntime_ep_fake libplugin.so"]


def test_packages_are_found_by_their_names_and_by_entry_points(tmp_path, monkeypatch, plugin):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "onnxruntime_ep_some.py").write_text(f"get_library_path = lambda: {plugin!r}")
    (tmp_path / "other_maker.py").write_text(f"get_library_path = lambda: {plugin!r}")
    metadata = tmp_path / "other_maker-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: other-maker\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[hugot.plugins]\nother = other_maker\n")
    found = {each.name: each.path for each in plugins.announced_plugins()}
    assert found["onnxruntime_ep_some"] == found["other"] == plugin


def test_a_package_that_cannot_be_imported_is_left_out_and_logged(tmp_path, monkeypatch, caplog):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "nxrt_ep_broken.py").write_text("raise OSError('no driver')")
    assert "nxrt_ep_broken" not in [each.name for each in plugins.announced_plugins()]
    assert "nxrt_ep_broken cannot be used: no driver" in caplog.text


@pytest.mark.parametrize("wrong", [["a"], {"a": 3}, {3: "a"}, {"": "a"}])
def test_anything_but_a_dict_of_names_and_paths_is_an_error(wrong):
    with pytest.raises(InputError, match="plugins"):
        hugot.Session(plugins=wrong)


def test_a_real_plugin_runs_what_it_can(nxrt_plugin):
    plugins.register_plugins(library(), {"nxrt": nxrt_plugin})
    weights = {"w": np.ones((8, 8), np.float32), "b": np.full(8, -1, np.float32)}
    nodes = [("MatMul", "x w", "y"), ("Add", "y b", "z"), ("Softmax", "z", "s")]
    ends = [value("x", shape=(4, 8))], [value("s", shape=(4, 8))]
    model = as_bytes(nodes, *ends, weights)
    accelerated = open_session(model, providers.resolve(["nxrt"], library()))
    assert sum(accelerated.placement.values()) == accelerated.placement["cpu_ep"]
    x = np.arange(32, dtype=np.float32).reshape(4, 8)
    (expected,), (found,) = open_session(model).run([x]), accelerated.run([x])
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6)


def test_a_real_plugin_that_takes_no_node_of_a_model_is_an_error(nxrt_plugin, models):
    with pytest.raises(ProviderError, match="cpu_ep was asked for, but runs no node of the model"):
        hugot.pipeline(
            "feature-extraction",
            models / "bert-uncased-features",
            plugins={"nxrt": nxrt_plugin},
            providers=["nxrt"],
        )


def test_the_real_openvino_plugin_answers_as_the_cpu_or_says_that_it_has_no_device(
    openvino_plugin, models
):
    folder = models / "bert-uncased-features"
    expected = hugot.pipeline("feature-extraction", folder)(["a b c", "d"])
    hugot.Session(plugins={"openvino-plugin": openvino_plugin}).close()
    if not registered_plugins(library())["openvino-plugin"][1]:
        with pytest.raises(ProviderError, match="offers no device on this machine"):
            hugot.Session(providers=["openvino-plugin"])
        return
    session = hugot.Session(providers=["openvino-plugin"])
    pipeline = session.pipeline("feature-extraction", folder)
    assert pipeline.providers["OpenVINOExecutionProvider"] > 0
    np.testing.assert_allclose(pipeline(["a b c", "d"]), expected, atol=1e-4)
