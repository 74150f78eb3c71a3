"""hugot.json: recording a folder, and checks of the folder against it."""

from __future__ import annotations

import json
import shutil

import pytest

import hugot
from hugot import InputError, ModelFormatError
from hugot.models.find import find_model
from hugot.models.manifest import read_manifest, record_folder, verify_folder
from hugot.pipelines.pipeline import runner_of
from hugot.session import engine_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def folder(copy_of):
    """A model folder with a manifest."""
    folder = copy_of("bert-uncased-features-sentence")
    record_folder(folder)
    return folder


def change(folder, **values) -> None:
    path = folder / "hugot.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_recorded_folder_verifies(folder) -> None:
    manifest = verify_folder(folder)
    assert "model.onnx" in manifest.files
    assert "1_Pooling/config.json" in manifest.files
    assert read_manifest(folder) == manifest


def test_weights_in_other_files_are_recorded(copy_of) -> None:
    folder = copy_of("bert-uncased-text-external")
    assert "model.onnx_data" in record_folder(folder).files


def test_damage_of_any_file_is_found_and_all_of_it_is_told(folder) -> None:
    model = folder / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"?")
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelFormatError) as raised:
        verify_folder(folder)
    said = str(raised.value)
    assert "model.onnx has another content" in said
    assert "config.json has 2 bytes, not" in said
    assert "tokenizer.json is missing" in said


@pytest.mark.parametrize(
    "name", ["2_Dense/config.json", "onnx/model.onnx", "sentence_xlnet_config.json"]
)
def test_a_file_that_would_change_the_answers_and_is_not_recorded_is_found(folder, name) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("{}")
    with pytest.raises(ModelFormatError, match=f"{name} is not recorded"):
        verify_folder(folder)


def test_what_hugot_optimize_writes_does_not_matter(folder) -> None:
    with hugot.Session() as session:
        engine_of(session).optimize(
            runner_of(session.pipeline("feature-extraction", folder)).task.bundle
        )
    verify_folder(folder)


def test_loading_with_verify_checks_the_folder(folder) -> None:
    with hugot.pipeline("feature-extraction", folder, verify=True) as pipeline:
        assert pipeline("hello").shape == (16,)
    (folder / "special_tokens_map.json").write_text("{}")
    with pytest.raises(ModelFormatError, match=r"special_tokens_map\.json has 2 bytes"):
        hugot.pipeline("feature-extraction", folder, verify=True)
    hugot.pipeline("feature-extraction", folder).close()


def test_a_session_verifies_a_graph_that_is_given_by_its_path(folder) -> None:
    with hugot.Session() as session:
        session.pipeline("feature-extraction", folder / "model.onnx", verify=True)
        shutil.copy(folder / "model.onnx", folder / "other.bin")
        with pytest.raises(ModelFormatError, match="not recorded"):
            session.pipeline("feature-extraction", folder / "other.bin", verify=True)


def test_a_folder_without_a_manifest_cannot_be_verified(models) -> None:
    with pytest.raises(ModelFormatError, match="--record"):
        hugot.pipeline("text-classification", models / "bert-uncased-text", verify=True)


def test_a_folder_is_recorded_once(folder) -> None:
    with pytest.raises(InputError, match=r"has a hugot\.json already"):
        record_folder(folder)


@pytest.mark.parametrize("revision", [COMMIT, "v1.0"])
def test_a_folder_is_pinned_by_commit_or_by_the_name_it_was_asked_for(folder, revision) -> None:
    change(folder, name="org/vectors", commit=COMMIT, revision="v1.0")
    assert find_model(folder, revision=revision).path == folder
    with hugot.pipeline("feature-extraction", folder, revision=revision, verify=True) as pipeline:
        assert pipeline.name == "feature-extraction"


def test_a_folder_of_another_revision_is_refused(folder) -> None:
    change(folder, name="org/vectors", commit=COMMIT, revision="v1.0")
    with pytest.raises(ModelFormatError, match=rf"is of revision {COMMIT} or v1\.0, not v2"):
        hugot.pipeline("feature-extraction", folder, revision="v2")


def test_a_folder_that_says_no_revision_is_refused_where_one_is_asked_for(models) -> None:
    with pytest.raises(ModelFormatError, match="none that is recorded"):
        find_model(models / "bert-uncased-text", revision="main")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"format": 2}, "is of format 2"),
        ({"files": {"config.json": {"size": 1}}}, "is damaged"),
        ({"files": []}, "is damaged"),
        ({"name": 1}, "is damaged"),
        ({"files": {"../config.json": {"size": 1, "sha256": ""}}}, "leads out of"),
        ({"files": {"/etc/passwd": {"size": 1, "sha256": ""}}}, "leads out of"),
    ],
)
def test_a_damaged_manifest_raises(folder, values, said) -> None:
    change(folder, **values)
    with pytest.raises(ModelFormatError, match=said):
        verify_folder(folder)
