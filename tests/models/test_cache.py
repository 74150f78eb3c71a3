"""The hub's own cache, as huggingface_hub makes it, and as older versions of it do."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hub_server import COMMIT, blob_id, recent_hub

import hugot
from hugot import DownloadError, ModelFormatError
from hugot.models.cache import cache_folder
from hugot.models.find import find_model
from hugot.models.manifest import verify_model
from hugot.pipelines.pipeline import runner_of


@pytest.fixture
def cached(server, home):
    """The repository as huggingface_hub itself has downloaded it; the hub's requests are forgotten."""
    from huggingface_hub import snapshot_download

    snapshot = Path(snapshot_download("org/mood"))
    server.requests.clear()
    return snapshot


@pytest.fixture
def plain(server, home, repository):
    """A cache as it is made file by file: without a list of what else the commit has."""
    return make_cache(cache_folder(), repository)


def make_cache(cache, source, names=None, commit=COMMIT, name="org/mood"):
    """Lay files out as huggingface_hub does: blobs by their hash, and a snapshot of links to them."""
    repository = cache / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    for folder in (repository / "blobs", repository / "refs", snapshot):
        folder.mkdir(parents=True, exist_ok=True)
    (repository / "refs" / "main").write_text(commit)
    for path in source.rglob("*"):
        file = path.relative_to(source).as_posix()
        if not path.is_file() or (names is not None and file not in names):
            continue
        blob = repository / "blobs" / blob_id(path.read_bytes())
        shutil.copy(path, blob)
        link = snapshot / file
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    return snapshot


@recent_hub
def test_a_model_in_the_cache_is_used_from_there_without_a_call_to_the_hub(cached, server) -> None:
    found = find_model("org/mood")
    assert (found.path, found.onnx_file) == (cached, "model.onnx")
    assert f"commit {COMMIT} is in the hub's cache" in found.why
    with hugot.pipeline("text-classification", "org/mood") as pipeline:
        assert pipeline("hello")
    assert server.requests == []


def test_the_model_folder_comes_before_the_cache(cached, home, models) -> None:
    folder = home / "hugot" / "models" / "org_mood"
    shutil.copytree(models / "bert-uncased-text", folder)
    assert find_model("org/mood").path == folder


@pytest.mark.parametrize("revision", ["main", COMMIT])
@recent_hub
def test_a_revision_in_the_cache_is_found_without_a_call(cached, server, revision) -> None:
    assert find_model("org/mood", revision=revision).path == cached
    assert server.requests == []


def test_another_revision_than_the_one_in_the_cache_is_downloaded(
    cached, server, repository, home
) -> None:
    shutil.copytree(repository, server.root / "org" / "mood-2")
    server.publish("org/mood", "v2", "f" * 40, "org/mood-2")
    assert find_model("org/mood", revision="v2").path == home / "hugot" / "models" / "org_mood"


def test_a_snapshot_without_the_graph_is_left_aside(server, home, repository) -> None:
    names = ["config.json", "tokenizer.json", "tokenizer_config.json"]
    make_cache(cache_folder(), repository, names)
    assert find_model("org/mood").path == home / "hugot" / "models" / "org_mood"


def test_a_link_to_a_blob_that_is_gone_is_no_file(cached, home) -> None:
    (cached / "model.onnx").resolve().unlink()
    assert find_model("org/mood").path == home / "hugot" / "models" / "org_mood"


def test_a_snapshot_that_lacks_the_weights_of_its_graph_is_left_aside(server, home, models) -> None:
    source = models / "bert-uncased-text-external"
    shutil.copytree(source, server.root / "org" / "mood", dirs_exist_ok=True)
    names = {path.name for path in source.iterdir()} - {"model.onnx_data"}
    make_cache(cache_folder(), source, names)
    assert find_model("org/mood").path == home / "hugot" / "models" / "org_mood"


def test_the_variant_is_chosen_in_the_cache(server, home, repository) -> None:
    for name in ("model_fp16.onnx", "model_quantized.onnx"):
        shutil.copy(repository / "model.onnx", repository / name)
    make_cache(cache_folder(), repository)
    assert find_model("org/mood", variant="int8").onnx_file == "model_quantized.onnx"
    assert find_model("org/mood").onnx_file == "model.onnx"


def test_a_lower_precision_in_the_cache_is_not_taken_unasked(server, home, repository) -> None:
    shutil.copy(repository / "model.onnx", repository / "model_quantized.onnx")
    names = {path.name for path in repository.iterdir()} - {"model.onnx"}
    snapshot = make_cache(cache_folder(), repository, names)
    assert find_model("org/mood", variant="int8").path == snapshot
    assert find_model("org/mood").onnx_file == "model.onnx"


def test_files_that_a_cache_does_not_tell_of_are_asked_for_once(plain, server) -> None:
    assert find_model("org/mood").path == plain
    assert server.requests != []
    assert server.downloads("model.onnx") == 0
    server.requests.clear()
    assert find_model("org/mood").path == plain
    assert server.requests == []


def test_files_that_a_cache_lacks_are_fetched_into_it(server, home, models) -> None:
    source = models / "electra-features"
    shutil.copytree(source, server.root / "org" / "vectors")
    names = ["model.onnx", "config.json", "tokenizer.json", "tokenizer_config.json"]
    snapshot = make_cache(cache_folder(), source, names, name="org/vectors")
    with hugot.pipeline("feature-extraction", "org/vectors") as pipeline:
        ours = pipeline("hello")
        assert runner_of(pipeline).model.bundle.folder == snapshot
    assert (snapshot / "2_Dense" / "model.safetensors").is_file()
    theirs = hugot.pipeline("feature-extraction", source)("hello")
    assert ours.tolist() == theirs.tolist()


def test_a_transformer_in_a_folder_of_its_own_is_found_in_the_cache(server, home, models) -> None:
    source = shutil.copytree(
        models / "bert-uncased-features-sentence", server.root / "org" / "vectors"
    )
    modules = json.loads((source / "modules.json").read_text())
    modules[0]["path"] = "inner"
    (source / "modules.json").write_text(json.dumps(modules))
    (source / "inner").mkdir()
    for name in ("model.onnx", "config.json", "tokenizer.json", "tokenizer_config.json"):
        (source / name).rename(source / "inner" / name)
    names = ["modules.json", "inner/model.onnx", "inner/tokenizer.json"]
    snapshot = make_cache(cache_folder(), source, names, name="org/vectors")
    with hugot.pipeline("feature-extraction", "org/vectors") as pipeline:
        assert runner_of(pipeline).model.bundle.folder == snapshot
        assert pipeline("hello").shape == (16,)
    assert (snapshot / "inner" / "tokenizer_config.json").is_file()


def test_offline_a_cache_that_may_lack_files_is_used_with_a_warning(
    plain, server, monkeypatch, caplog
) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with caplog.at_level(logging.WARNING, "hugot.models"):
        assert find_model("org/mood").path == plain
    assert "without 1_Pooling/config.json" in caplog.text
    assert "modules.json" in caplog.text
    assert server.requests == []


def test_a_hub_that_does_not_answer_leaves_the_cache_in_use(plain, server, caplog) -> None:
    server.faults["COMMIT"] = server.faults[COMMIT] = [503] * 10
    with caplog.at_level(logging.WARNING, "hugot.models"):
        assert find_model("org/mood").path == plain
    assert "the hub is out of order" in caplog.text


def test_offline_and_not_in_the_cache_raises_with_the_reason(server, home, monkeypatch) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadError, match=r"does not know revision main.*HF_HUB_OFFLINE is set"):
        find_model("org/mood")
    assert server.requests == []


def test_a_download_copies_what_the_cache_has(cached, server, tmp_path) -> None:
    folder = hugot.download_model("org/mood", tmp_path / "models")
    assert (folder / "model.onnx").is_file()
    assert not (folder / "model.onnx").is_symlink()
    assert server.downloads("model.onnx") == 0


@recent_hub
def test_a_start_from_the_cache_does_not_import_huggingface_hub(cached) -> None:
    code = (
        "import sys, hugot; hugot.pipeline('text-classification', 'org/mood')('hello')\n"
        "print('huggingface_hub' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"XDG_CACHE_HOME": "/x"},
        {"HF_HOME": "/h"},
        {"HUGGINGFACE_HUB_CACHE": "~/c"},
        {"HF_HUB_CACHE": "/a/$USER", "HF_HOME": "/h"},
    ],
)
def test_the_cache_is_where_huggingface_hub_has_it(home, variables) -> None:
    names = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME")
    environment = {key: value for key, value in os.environ.items() if key not in names}
    code = (
        "from hugot.models.cache import cache_folder\n"
        "ours = cache_folder()\n"
        "import huggingface_hub.constants as constants\n"
        "print(str(ours) == constants.HF_HUB_CACHE, ours)"
    )
    environment.update({"USER": "someone", "HOME": str(home), **variables})
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.startswith("True"), done.stdout


def test_a_snapshot_is_verified_by_the_names_of_its_blobs(cached) -> None:
    assert verify_model(cached) == f"commit {COMMIT} in the hub's cache"


def test_damage_in_a_snapshot_is_found_and_named(cached) -> None:
    blob = (cached / "model.onnx").resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelFormatError, match=r"model\.onnx has another content"):
        verify_model(cached)
    with pytest.raises(ModelFormatError, match=r"model\.onnx has another content"):
        hugot.pipeline("text-classification", "org/mood", verify=True)


def test_a_file_put_into_a_snapshot_is_found(cached) -> None:
    (cached / "modules.json").write_text(json.dumps([]))
    with pytest.raises(ModelFormatError, match=r"modules\.json is no link"):
        verify_model(cached)
