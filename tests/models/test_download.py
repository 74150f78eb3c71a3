"""Downloads from a hub on loopback: choice of files, checks, records and errors."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import onnx
import pytest
from hub_server import recent_hub

import hugot
from hugot import DownloadError, InputError, ModelNotFoundError
from hugot.models.find import find_model
from hugot.models.manifest import read_manifest, verify_folder
from hugot.pipelines.pipeline import runner_of

COMMIT_2 = "fedcba9876543210fedcba9876543210fedcba98"
DOWNLOAD = "import sys, hugot; print(hugot.download_model('org/mood', sys.argv[1]))"


@pytest.fixture
def dest(tmp_path):
    return tmp_path / "models"


@pytest.fixture
def no_waiting(monkeypatch):
    """huggingface_hub repeats requests without the seconds between them."""
    import huggingface_hub.file_download as file_download
    import huggingface_hub.utils._http as http

    still = types.SimpleNamespace(sleep=lambda seconds: None, time=lambda: 0.0)
    for module in (http, file_download):
        monkeypatch.setattr(module, "time", still)


def start_download(dest, **options) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DOWNLOAD, str(dest)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def names_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def add_variants(repository) -> None:
    (repository / "onnx").mkdir()
    (repository / "model.onnx").rename(repository / "onnx" / "model.onnx")
    for name in ("model_fp16.onnx", "model_int8.onnx"):
        shutil.copy(repository / "onnx" / "model.onnx", repository / "onnx" / name)


# What is taken


def test_only_what_a_pipeline_needs_is_taken(server, dest) -> None:
    folder = hugot.download_model("org/mood", dest)
    assert names_in(folder) == {
        "config.json",
        "hugot.json",
        "model.onnx",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_nothing_is_left_beside_the_folder_but_the_lock(server, dest) -> None:
    hugot.download_model("org/mood", dest)
    assert {path.name for path in dest.iterdir()} <= {"org_mood", ".org_mood.lock"}


def test_weights_in_other_files_come_by_whatever_name_the_graph_gives_them(
    repository, dest
) -> None:
    model = onnx.load(repository / "model.onnx")
    onnx.save(
        model,
        repository / "model.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    folder = hugot.download_model("org/mood", dest)
    assert (folder / "weights.bin").read_bytes() == (repository / "weights.bin").read_bytes()
    assert hugot.pipeline("text-classification", folder)("hello")


def test_a_repository_that_lacks_the_weights_of_its_graph_raises(repository, dest, models) -> None:
    external = models / "bert-uncased-text-external"
    shutil.copy(external / "model.onnx", repository / "model.onnx")
    with pytest.raises(ModelNotFoundError, match=r"has no model\.onnx_data, in which model\.onnx"):
        hugot.download_model("org/mood", dest)
    assert not (dest / "org_mood").exists()


def test_modules_of_sentence_transformers_come_whatever_their_folders_are_called(
    server, models, dest
) -> None:
    repository = shutil.copytree(models / "electra-features", server.root / "org" / "vectors")
    text = (repository / "modules.json").read_text()
    for old, new in (("1_Pooling", "pool"), ("2_Dense", "project")):
        (repository / old).rename(repository / new)
        text = text.replace(old, new)
    (repository / "modules.json").write_text(text)
    folder = hugot.download_model("org/vectors", dest)
    assert {"pool/config.json", "project/config.json", "project/model.safetensors"} <= names_in(
        folder
    )
    ours = hugot.pipeline("feature-extraction", folder)("hello")
    theirs = hugot.pipeline("feature-extraction", models / "electra-features")("hello")
    assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("graph", ["0_Transformer/onnx/model.onnx", "0_Transformer/model.onnx"])
def test_a_model_comes_whose_transformer_has_a_folder_of_its_own(
    server, models, dest, graph
) -> None:
    source = models / "bert-uncased-features-sentence"
    repository = shutil.copytree(source, server.root / "org" / "vectors")
    move_transformer(repository, graph)
    folder = hugot.download_model("org/vectors", dest)
    assert {graph, "0_Transformer/tokenizer.json", "1_Pooling/config.json"} <= names_in(folder)
    ours = hugot.pipeline("feature-extraction", "org/vectors", model_folder=dest)("hello")
    assert ours.tolist() == hugot.pipeline("feature-extraction", source)("hello").tolist()


def test_modules_with_weights_and_settings_come_with_them(server, models, dest) -> None:
    source = models / "bert-uncased-features-sentence"
    repository = shutil.copytree(source, server.root / "org" / "vectors")
    modules = json.loads((repository / "modules.json").read_text())
    modules[2]["path"] = "scale"
    modules.append({"name": "3", "path": "norm", "type": "sentence_transformers.models.LayerNorm"})
    (repository / "modules.json").write_text(json.dumps(modules))
    for name in ("norm/config.json", "norm/model.safetensors", "scale/config.json"):
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text("{}")
    folder = hugot.download_model("org/vectors", dest)
    assert {"norm/config.json", "norm/model.safetensors", "scale/config.json"} <= names_in(folder)


def move_transformer(repository: Path, graph: str) -> None:
    """Move the files of a model into a folder of its Transformer module."""
    modules = json.loads((repository / "modules.json").read_text())
    modules[0]["path"] = "0_Transformer"
    (repository / "modules.json").write_text(json.dumps(modules))
    (repository / graph).parent.mkdir(parents=True)
    (repository / "model.onnx").rename(repository / graph)
    for name in (
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "sentence_bert_config.json",
    ):
        (repository / name).rename(repository / "0_Transformer" / name)


def test_a_variant_comes_alone(repository, server, dest) -> None:
    add_variants(repository)
    folder = hugot.download_model("org/mood", dest, variant="fp16")
    assert {name for name in names_in(folder) if name.endswith(".onnx")} == {"onnx/model_fp16.onnx"}


def test_another_variant_is_added_to_the_folder_with_nothing_else(repository, server, dest) -> None:
    add_variants(repository)
    hugot.download_model("org/mood", dest, variant="fp16")
    server.requests.clear()
    folder = hugot.download_model("org/mood", dest, onnx_file="model_int8.onnx")
    assert server.downloads("onnx/model_int8.onnx") == 1
    assert server.downloads("tokenizer.json") == 0
    assert {"onnx/model_fp16.onnx", "onnx/model_int8.onnx"} <= names_in(folder)
    verify_folder(folder)


def test_a_variant_that_was_downloaded_once_is_not_taken_unasked(repository, server, home) -> None:
    add_variants(repository)
    hugot.download_model("org/mood", variant="int8")
    assert find_model("org/mood").onnx_file == "onnx/model.onnx"
    assert find_model("org/mood", variant="int8").onnx_file == "onnx/model_int8.onnx"


def test_several_graphs_and_no_choice_raise_and_are_listed_with_sizes(repository, dest) -> None:
    shutil.copy(repository / "model.onnx", repository / "b.onnx")
    (repository / "model.onnx").rename(repository / "a.onnx")
    with pytest.raises(ModelNotFoundError, match=r"a\.onnx \(\d\.\d MB\), b\.onnx \(\d\.\d MB\)"):
        hugot.download_model("org/mood", dest)


def test_a_pipeline_takes_the_variant_asked_for(repository, server, home) -> None:
    add_variants(repository)
    with hugot.pipeline("text-classification", "org/mood", variant="fp16") as pipeline:
        assert runner_of(pipeline).model.bundle.onnx_path.name == "model_fp16.onnx"


def test_a_session_downloads_to_its_model_folder(server, dest) -> None:
    with hugot.Session(model_folder=dest) as session:
        assert session.download_model("org/mood") == dest / "org_mood"
        assert session.download_model("org/mood", dest / "b") == dest / "b" / "org_mood"


# The record


def test_the_manifest_records_name_revision_commit_and_the_hash_of_each_file(server, dest) -> None:
    folder = hugot.download_model("org/mood", dest)
    manifest = read_manifest(folder)
    assert manifest is not None
    assert (manifest.name, manifest.revision) == ("org/mood", None)
    assert manifest.commit == server.commit_of("org/mood", "main")
    assert set(manifest.files) == names_in(folder) - {"hugot.json"}
    for name, record in manifest.files.items():
        assert record.size == (folder / name).stat().st_size
    assert verify_folder(folder) == manifest


# Revisions


@pytest.fixture
def second(server, repository):
    """A second commit of the repository, tagged v2, with other labels."""
    folder = shutil.copytree(repository, server.root / "org" / "mood-2")
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {"0": "no", "1": "yes"}
    (folder / "config.json").write_text(json.dumps(config))
    server.publish("org/mood", "v2", COMMIT_2, "org/mood-2")
    return folder


@pytest.mark.parametrize("revision", ["v2", COMMIT_2])
def test_a_revision_is_downloaded(second, home, revision) -> None:
    with hugot.pipeline("text-classification", "org/mood", revision=revision) as pipeline:
        assert pipeline("hello")[0]["label"] in ("yes", "no")
    manifest = read_manifest(home / "hugot" / "models" / "org_mood")
    assert manifest is not None
    assert (manifest.revision, manifest.commit) == (revision, COMMIT_2)


def test_another_revision_gets_a_folder_of_its_own_and_leaves_the_first_alone(second, dest) -> None:
    first = hugot.download_model("org/mood", dest)
    before = (first / "config.json").read_bytes()
    folder = hugot.download_model("org/mood", dest, revision="v2")
    assert folder == dest / "org_mood@v2"
    assert (folder / "config.json").read_bytes() == (second / "config.json").read_bytes()
    assert (first / "config.json").read_bytes() == before


def test_a_revision_that_is_there_needs_no_hub(second, server, home) -> None:
    folder = hugot.download_model("org/mood", revision="v2")
    server.requests.clear()
    assert find_model("org/mood", revision="v2").path == folder
    assert find_model("org/mood", revision=COMMIT_2).path == folder
    assert server.requests == []


def test_an_unknown_revision_raises(server, dest) -> None:
    with pytest.raises(DownloadError, match="no revision 'v9'"):
        hugot.download_model("org/mood", dest, revision="v9")


@pytest.mark.parametrize("revision", ["../main", "a..b", "/v1", "", "a b"])
def test_what_can_be_no_revision_is_refused(server, dest, revision) -> None:
    with pytest.raises(InputError, match="a branch, a tag or the hash"):
        hugot.download_model("org/mood", dest, revision=revision)
    assert server.requests == []


def test_force_puts_the_new_files_in_the_place_of_the_old(repository, dest) -> None:
    folder = hugot.download_model("org/mood", dest)
    (folder / "stray.txt").write_text("left over")
    (repository / "config.json").write_text('{"num_labels": 2}')
    assert hugot.download_model("org/mood", dest, force=True) == folder
    assert json.loads((folder / "config.json").read_text()) == {"num_labels": 2}
    assert not (folder / "stray.txt").exists()


# Interruptions


@recent_hub
def test_a_connection_that_breaks_in_the_middle_of_a_file_is_taken_up_there(
    server, dest, no_waiting, monkeypatch
) -> None:
    import huggingface_hub.constants as constants
    import huggingface_hub.file_download as file_download

    # What huggingface_hub keeps of a broken connection are whole pieces of this size.
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 4096)
    monkeypatch.setattr(file_download, "DOWNLOAD_CHUNK_SIZE", 4096, raising=False)
    server.breaks["model.onnx"] = 2
    folder = hugot.download_model("org/mood", dest)
    verify_folder(folder)
    assert any(request.startswith("RANGE") for request in server.requests)


def test_a_process_that_is_killed_leaves_nothing_that_is_taken_for_a_model(
    server, dest, home
) -> None:
    server.held.add("model.onnx")
    process = start_download(dest)
    try:
        assert server.holding.wait(30)
    finally:
        process.kill()
        process.communicate()
    server.held.clear()
    server.release.set()
    assert not (dest / "org_mood").exists()
    folder = hugot.download_model("org/mood", dest)
    verify_folder(folder)
    assert {path.name for path in dest.iterdir()} <= {"org_mood", ".org_mood.lock"}


def test_a_download_goes_on_with_the_files_that_it_had_not_finished(
    server, dest, no_waiting
) -> None:
    server.faults["tokenizer.json"] = [503] * 100
    with pytest.raises(DownloadError):
        hugot.download_model("org/mood", dest)
    assert server.downloads("model.onnx") == 1
    server.faults.clear()
    server.requests.clear()
    verify_folder(hugot.download_model("org/mood", dest))
    assert server.downloads("model.onnx") == 0
    assert server.downloads("tokenizer.json") == 1


def test_what_an_interrupted_download_of_another_variant_left_is_not_taken(
    repository, server, dest, no_waiting
) -> None:
    add_variants(repository)
    server.faults["tokenizer.json"] = [503] * 100
    with pytest.raises(DownloadError):
        hugot.download_model("org/mood", dest, variant="fp16")
    server.faults.clear()
    folder = hugot.download_model("org/mood", dest)
    assert "onnx/model_fp16.onnx" not in names_in(folder)
    verify_folder(folder)


def test_two_processes_at_once_both_succeed_and_download_once(server, dest) -> None:
    server.held.add("model.onnx")
    processes = [start_download(dest) for _ in range(2)]
    assert server.holding.wait(30)
    server.held.clear()
    server.release.set()
    server.breaks.clear()
    outcomes = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outcomes
    assert {out.strip() for out, _ in outcomes} == {str(dest / "org_mood")}
    # The one that was held, and its repetition; the other process asked for nothing.
    assert server.downloads("tokenizer.json") == 1
    verify_folder(dest / "org_mood")


# Damage


@pytest.mark.parametrize("file", ["model.onnx", "config.json"])
def test_a_file_that_is_not_what_the_hub_promised_is_refused(server, dest, file) -> None:
    server.spoil.add(file)
    with pytest.raises(
        DownloadError, match=rf"not what the hub promised: {file} has another content"
    ):
        hugot.download_model("org/mood", dest)
    assert not (dest / "org_mood").exists()
    server.spoil.clear()
    verify_folder(hugot.download_model("org/mood", dest))


def test_a_file_that_came_damaged_once_is_fetched_again(server, dest, monkeypatch) -> None:
    sent = iter([True])
    whole = server.spoilt
    server.spoil.add("model.onnx")

    def once(file, content):
        return whole(file, content) if file == "model.onnx" and next(sent, False) else content

    monkeypatch.setattr(server, "spoilt", once)
    verify_folder(hugot.download_model("org/mood", dest))
    assert server.downloads("model.onnx") == 2


def test_a_damaged_copy_in_the_hubs_cache_is_not_taken(server, dest, tmp_path) -> None:
    from huggingface_hub import snapshot_download

    snapshot = snapshot_download("org/mood")
    blob = Path(snapshot, "model.onnx").resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    folder = hugot.download_model("org/mood", dest)
    assert (folder / "model.onnx").read_bytes() == (
        server.root / "org" / "mood" / "model.onnx"
    ).read_bytes()


# Names


@pytest.mark.parametrize(
    "name",
    [
        "../a_Pooling/config.json",
        "/tmp/a_Pooling/config.json",
        "a/../../b_Pooling/config.json",
        "..\\a_Pooling/config.json",
        "C:/a_Pooling/config.json",
        "model.onnx/../../x",
    ],
)
def test_a_file_whose_name_leads_out_of_the_folder_is_refused(server, dest, name) -> None:
    server.extra_names.append(name)
    with pytest.raises(DownloadError, match="leads out of the model's folder"):
        hugot.download_model("org/mood", dest)
    assert server.downloads("model.onnx") == 0
    assert not (dest / "org_mood").exists()


def test_a_link_in_the_place_of_the_unfinished_download_is_not_followed(
    server, dest, tmp_path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    dest.mkdir()
    (dest / ".org_mood.partial").symlink_to(elsewhere)
    verify_folder(hugot.download_model("org/mood", dest))
    assert list(elsewhere.iterdir()) == []


def test_links_within_the_unfinished_download_are_not_followed(server, dest, tmp_path) -> None:
    victim, elsewhere = tmp_path / "victim.json", tmp_path / "elsewhere"
    victim.write_text("{}")
    elsewhere.mkdir()
    partial = dest / ".org_mood.partial"
    partial.mkdir(parents=True)
    (partial / "config.json").symlink_to(victim)
    (partial / ".cache").symlink_to(elsewhere)
    verify_folder(hugot.download_model("org/mood", dest))
    assert victim.read_text() == "{}"
    assert list(elsewhere.iterdir()) == []


def test_a_folder_of_another_model_with_the_same_name_is_left_alone(server, dest) -> None:
    shutil.copytree(server.root / "org" / "mood", server.root / "org_a" / "b")
    shutil.copytree(server.root / "org" / "mood", server.root / "org" / "a_b")
    folder = hugot.download_model("org_a/b", dest)
    with pytest.raises(DownloadError, match=r"holds org_a/b, not org/a_b"):
        hugot.download_model("org/a_b", dest)
    assert read_manifest(folder).name == "org_a/b"


# Access and faults of the hub


def test_a_token_that_is_given_opens_a_private_repository(server, dest) -> None:
    server.token = "secret"
    with pytest.raises(DownloadError, match=r"no such model, or it is private.*HF_TOKEN"):
        hugot.download_model("org/mood", dest)
    hugot.download_model("org/mood", dest, token="secret")


def test_the_token_of_the_environment_opens_a_private_repository(server, dest, monkeypatch) -> None:
    server.token = "secret"
    monkeypatch.setenv("HF_TOKEN", "secret")
    hugot.download_model("org/mood", dest)


def test_the_token_is_not_sent_to_the_host_of_large_files(server, dest) -> None:
    server.token = "secret"
    hugot.download_model("org/mood", dest, token="secret")
    sent = {token for request, token in server.tokens if request.startswith("GET cdn/")}
    assert sent == {None}


def test_a_gated_repository_says_that_its_terms_are_to_be_accepted(server, dest) -> None:
    server.gated = True
    with pytest.raises(DownloadError, match=r"restricts access to it.*accept its terms"):
        hugot.download_model("org/mood", dest)


@pytest.mark.parametrize(
    ("status", "said"), [(429, "asks to wait"), (500, "out of order"), (503, "out of order")]
)
def test_a_hub_that_is_out_of_order_raises_and_says_so(server, dest, status, said) -> None:
    server.faults["org/mood"] = [status] * 100
    with pytest.raises(DownloadError, match=said):
        hugot.download_model("org/mood", dest)
    assert not (dest / "org_mood").exists()


@pytest.mark.parametrize("status", [429, 503])
@recent_hub
def test_a_fault_that_passes_is_waited_for(server, dest, no_waiting, status) -> None:
    server.faults["tokenizer.json"] = [status]
    verify_folder(hugot.download_model("org/mood", dest))


def test_offline_nothing_is_asked(server, dest, monkeypatch) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE is set"):
        hugot.download_model("org/mood", dest)
    assert server.requests == []
    assert not dest.exists()


def test_offline_by_the_environment_nothing_is_asked(server, dest, monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    process = start_download(dest)
    _, error = process.communicate(timeout=60)
    assert "HF_HUB_OFFLINE is set" in error
    assert server.requests == []


def test_a_model_that_is_there_is_used_offline(server, home, monkeypatch) -> None:
    hugot.download_model("org/mood")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code = "import hugot; print(hugot.pipeline('text-classification', 'org/mood')('hello')[0]['label'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("POSITIVE", "NEGATIVE")


def test_the_endpoint_of_the_environment_is_asked(server, dest) -> None:
    process = start_download(dest)  # with HF_ENDPOINT, which the fixture sets
    output, error = process.communicate(timeout=60)
    assert output.strip() == str(dest / "org_mood"), error
    assert server.downloads("model.onnx") == 1


def test_a_proxy_is_used(server, dest, monkeypatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("http_proxy", server.url)
    process = start_download(dest)
    output, error = process.communicate(timeout=60)
    assert output.strip() == str(dest / "org_mood"), error


def test_a_folder_that_cannot_be_written_to_is_named(server, tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match=r"file.* cannot be written to"):
        hugot.download_model("org/mood", tmp_path / "file" / "models")


# Progress and log


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_progress_bar_shows_on_a_terminal(server, dest) -> None:
    import pty
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    done = subprocess.run(
        [sys.executable, "-c", DOWNLOAD, str(dest)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
    )
    os.close(theirs)
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    os.close(ours)
    assert b"100%" in shown
    assert done.stdout.decode().strip() == str(dest / "org_mood")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # Linux's way to say that the other end is closed
        return b""


def test_nothing_shows_elsewhere(server, dest) -> None:
    process = start_download(dest)
    _, error = process.communicate(timeout=60)
    assert error == ""


def test_the_log_tells_what_was_chosen_and_why(server, home, caplog) -> None:
    caplog.set_level(logging.DEBUG, "hugot.models")
    folder = find_model("org/mood").path
    logged = "\n".join(
        record.getMessage() for record in caplog.records if record.name == "hugot.models"
    )
    assert "org/mood: there is no folder" in logged
    assert "not from the hub's cache" in logged
    assert f"{folder}, since it was downloaded to" in logged
    caplog.clear()
    find_model("org/mood")
    assert "since it is in the model folder" in caplog.text


@pytest.mark.real_hub
@pytest.mark.skipif(
    "HUGOT_TEST_HUB" not in os.environ, reason="set HUGOT_TEST_HUB=1 to ask the hub"
)
def test_a_model_of_the_real_hub_is_downloaded_and_verified(tmp_path) -> None:
    name = "sentence-transformers/all-MiniLM-L6-v2"
    folder = hugot.download_model(name, tmp_path)
    assert verify_folder(folder).name == name
    assert hugot.pipeline("feature-extraction", folder)("hello").shape == (384,)
