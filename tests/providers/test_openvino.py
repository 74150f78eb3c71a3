"""OpenVINO for real, where its package is at hand: its answers, its settings, two libraries at once."""

import numpy as np
import pytest
from comparison import same

import hugot
from hugot.errors import ProviderError
from hugot.session import engine_of

OPENVINO = "OpenVINOExecutionProvider"
ON_CPU = ("openvino", {"device_type": "CPU"})
BF16 = {"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}}
TEXTS = [
    "The film was excellent.",
    "Wolfgang lives in Berlin and works for the United Nations in New York",
    "",
    "no",
    "one two three four five six seven eight nine ten eleven twelve",
]


@pytest.fixture(scope="module")
def openvino(openvino_library):
    with hugot.Session(onnxruntime_library=openvino_library, providers=[ON_CPU]) as session:
        yield session


@pytest.fixture(scope="module")
def cpu():
    with hugot.Session() as session:
        yield session


MODELS = [
    ("feature-extraction", "bert-uncased-features"),
    ("feature-extraction", "bert-uncased-features-sentence"),
    ("feature-extraction", "roberta-features"),
    ("feature-extraction", "mpnet-features"),
    ("text-classification", "distilbert-text"),
    ("text-classification", "albert-text"),
    ("text-classification", "modernbert-text"),
    ("token-classification", "bert-cased-token"),
    ("token-classification", "electra-token"),
]


@pytest.mark.parametrize(("task", "model"), MODELS)
def test_answers_are_those_of_the_cpu(openvino, cpu, models, task, model):
    name = f"{task} {model}"
    found = openvino.pipeline(task, models / model, name=name)
    expected = cpu.pipeline(task, models / model, name=name)
    assert found.providers[OPENVINO] > 0
    assert same(found(TEXTS), expected(TEXTS), 1e-4)
    assert same(found(TEXTS[1]), expected(TEXTS[1]), 1e-4)


def test_a_dict_of_settings_reaches_openvino(openvino_library, openvino, models):
    settings = {"device_type": "CPU", "load_config": BF16}
    folder = models / "bert-uncased-features-sentence"
    with hugot.Session(
        onnxruntime_library=openvino_library, providers=[("openvino", settings)]
    ) as session:
        rough = session.pipeline("feature-extraction", folder)(TEXTS)
    exact = openvino.pipeline("feature-extraction", folder, name="exact")(TEXTS)
    cosines = (
        np.sum(rough * exact, 1) / np.linalg.norm(rough, axis=1) / np.linalg.norm(exact, axis=1)
    )
    assert cosines.min() > 0.999


@pytest.mark.parametrize(
    "settings",
    [
        {"device_type": "CPU", "no_such_setting": 1},
        {"device_type": "CPU", "load_config": "{"},
        {"device_type": "CPU", "load_config": {"CPU": {"NO_SUCH_PROPERTY": "x"}}},
    ],
)
def test_a_setting_that_openvino_refuses_is_an_error_that_names_provider_and_setting(
    openvino_library, models, settings
):
    with pytest.raises(ProviderError, match=r"(?s)OpenVINO.*(no_such_setting|load_config|NO_SUCH)"):
        hugot.pipeline(
            "feature-extraction",
            models / "bert-uncased-features",
            onnxruntime_library=openvino_library,
            providers=[("openvino", settings)],
        )


def test_two_libraries_serve_two_sessions_side_by_side(openvino, cpu, models):
    first, second = engine_of(openvino).library, engine_of(cpu).library
    assert first.path != second.path
    assert OPENVINO in first.available_providers()
    assert OPENVINO not in second.available_providers()
    folder = models / "distilbert-text"
    on_first = openvino.pipeline("text-classification", folder, name="on the first")
    on_second = cpu.pipeline("text-classification", folder, name="on the second")
    for _ in range(3):
        assert same(on_first(TEXTS), on_second(TEXTS), 1e-4)


def test_openvinos_library_serves_a_session_on_the_cpu_too(openvino_library, cpu, models):
    folder = models / "distilbert-text"
    with hugot.Session(onnxruntime_library=openvino_library) as session:
        found = session.pipeline("text-classification", folder)(TEXTS)
    assert same(found, cpu.pipeline("text-classification", folder, name="plain")(TEXTS), 1e-5)
