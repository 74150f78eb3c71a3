"""Loading on threads: every error arrives, none hides another, and no thread is left."""

from __future__ import annotations

import threading

import pytest

import hugot
from hugot.errors import (
    InputError,
    ModelFormatError,
    ModelNotFoundError,
    RuntimeLibraryError,
    TokenizerError,
)
from hugot.inputs.tokenizer import TextTokenizer
from hugot.pipelines.pipeline import runner_of
from hugot.runtime import engine as engine_module


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) - before == set()


@pytest.fixture
def folder(copy_of):
    return copy_of("bert-uncased-text")


def damage(folder, *names):
    for name in names:
        (folder / name).write_bytes(b"damaged")


def test_an_error_of_the_model_arrives_as_it_is(folder):
    damage(folder, "model.onnx")
    with pytest.raises(ModelFormatError, match=r"model\.onnx"):
        hugot.pipeline("text-classification", folder)


def test_an_error_of_the_tokenizer_arrives_as_it_is(folder):
    damage(folder, "tokenizer.json")
    with pytest.raises(TokenizerError, match=r"tokenizer\.json"):
        hugot.pipeline("text-classification", folder)


def test_where_both_fail_the_error_is_the_models(folder):
    damage(folder, "model.onnx", "tokenizer.json")
    with pytest.raises(ModelFormatError, match=r"model\.onnx"):
        hugot.pipeline("text-classification", folder)


def test_where_the_library_fails_its_error_comes_before_all_others(tmp_path):
    damage(tmp_path, "library.so")
    library = str(tmp_path / "library.so")
    with pytest.raises(RuntimeLibraryError, match=r"library\.so"):
        hugot.pipeline("no task", tmp_path / "no model", onnxruntime_library=library)
    with pytest.raises(RuntimeLibraryError, match=r"library\.so"):
        hugot.Session(onnxruntime_library=library)


def test_a_wrong_option_is_told_although_the_model_is_damaged_too(folder):
    damage(folder, "model.onnx")
    with pytest.raises(InputError, match="unknown option"):
        hugot.pipeline("text-classification", folder, nonsense=1)


def test_a_model_that_failed_is_loaded_anew_once_it_is_mended(folder):
    whole = (folder / "model.onnx").read_bytes()
    with hugot.Session() as session:
        damage(folder, "model.onnx")
        with pytest.raises(ModelFormatError):
            session.pipeline("text-classification", folder)
        (folder / "model.onnx").unlink()
        with pytest.raises(ModelNotFoundError):
            session.pipeline("text-classification", folder)
        (folder / "model.onnx").write_bytes(whole)
        assert session.pipeline("text-classification", folder)("a")


def test_the_model_is_loaded_on_a_thread_while_the_tokenizer_is_read(folder, monkeypatch):
    reading = threading.Event()
    create, load = engine_module.create_session, TextTokenizer.__init__
    names = []

    def create_late(*args):
        assert reading.wait(10)
        names.append(threading.current_thread().name)
        return create(*args)

    def note(*args, **more):
        reading.set()
        load(*args, **more)

    monkeypatch.setattr(engine_module, "create_session", create_late)
    monkeypatch.setattr(TextTokenizer, "__init__", note)
    assert hugot.pipeline("text-classification", folder)("a")
    assert names == ["hugot-model"]


def test_pipelines_made_at_once_share_one_loading(folder, monkeypatch):
    create = engine_module.create_session
    made = []
    monkeypatch.setattr(
        engine_module, "create_session", lambda *args: made.append(1) or create(*args)
    )
    with hugot.Session() as session:
        threads = [
            threading.Thread(
                target=session.pipeline, args=("text-classification", folder), kwargs={"name": name}
            )
            for name in ("a", "b", "c")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len({id(runner_of(made).model) for made in session.pipelines.values()}) == 1
    assert made == [1]
