"""`hugot download`, `hugot verify` and `hugot info`, as processes of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import onnx
import onnx.numpy_helper
import pytest
from hub_server import hub

import hugot

HUGOT = [sys.executable, "-c", "from hugot.cli.main import main; main()"]


@pytest.fixture
def run(tmp_path):
    """Runs a command with a home and a cache of its own."""

    def run(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "HOME": str(tmp_path / "home"),
            "USERPROFILE": str(tmp_path / "home"),
            "HF_HOME": str(tmp_path / "hf"),
            "NO_PROXY": "*",
            **variables,
        }
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "HUGOT_MODELS"):
            if name not in variables:
                environment.pop(name, None)
        command = [*HUGOT, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)

    return run


@pytest.fixture
def server(tmp_path, models):
    repository = tmp_path / "hub" / "org" / "mood"
    shutil.copytree(models / "bert-uncased-text", repository)
    shutil.copy(repository / "model.onnx", repository / "model_fp16.onnx")
    with hub(tmp_path / "hub") as running:
        yield running


def test_download_prints_the_folder_and_nothing_else(run, server, tmp_path) -> None:
    done = run("download", "org/mood", HF_ENDPOINT=server.url)
    folder = tmp_path / "home" / "hugot" / "models" / "org_mood"
    assert (done.stdout, done.stderr) == (f"{folder}\n", "")
    assert (folder / "model.onnx").is_file()


def test_download_takes_folder_variant_revision_and_force(run, server, tmp_path) -> None:
    options = ["-f", tmp_path / "models", "--variant", "fp16", "--revision", "main"]
    for extra in ([], ["--force"]):
        server.requests.clear()
        done = run("download", "org/mood", *options, *extra, HF_ENDPOINT=server.url)
        assert done.stdout.strip() == str(tmp_path / "models" / "org_mood"), done.stderr
        assert server.downloads("model_fp16.onnx") == 1
        assert server.downloads("model.onnx") == 0


def test_a_download_that_fails_is_one_line_on_stderr(run, server) -> None:
    done = run("download", "org/nothing", HF_ENDPOINT=server.url)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "org/nothing: the hub has no such model" in done.stderr


def test_verify_tells_name_and_commit_of_what_is_whole(run, server, tmp_path) -> None:
    folder = run("download", "org/mood", HF_ENDPOINT=server.url).stdout.strip()
    done = run("verify", folder)
    commit = server.commit_of("org/mood", "main")
    assert done.stdout == f"{folder}: 5 files of org/mood at commit {commit}\n"
    assert run("verify", folder, "--revision", commit).returncode == 0
    assert "not v2" in run("verify", folder, "--revision", "v2").stderr


def test_verify_loads_the_model_in_another_process_when_told(run, copy_of) -> None:
    folder = copy_of("bert-uncased-text")
    done = run("verify", "--record", "--load", folder)
    assert done.stdout.splitlines()[1] == f"{folder / 'model.onnx'}: loads and runs"
    cut_embedding(folder)
    (folder / "hugot.json").unlink()
    run("verify", "--record", folder)
    assert run("verify", folder).returncode == 0
    done = run("verify", "--load", folder)
    assert done.returncode == 1
    assert "indices element out of data bounds" in done.stderr


def cut_embedding(folder) -> None:
    """Take the last rows of the words' embedding away: a whole file that fails when it is run."""
    model = onnx.load(folder / "model.onnx")
    words = json.loads((folder / "config.json").read_text())["vocab_size"]
    for tensor in model.graph.initializer:
        if list(tensor.dims[:1]) == [words] and len(tensor.dims) == 2:
            rows = onnx.numpy_helper.to_array(tensor)[:-5].copy()
            tensor.CopyFrom(onnx.numpy_helper.from_array(rows, tensor.name))
    onnx.save(model, folder / "model.onnx")


def test_verify_fails_and_lists_what_is_damaged(run, copy_of) -> None:
    folder = copy_of("bert-uncased-text")
    assert "no hugot.json" in run("verify", folder).stderr
    assert run("verify", "--record", folder).stdout == f"{folder}: 5 files recorded\n"
    assert run("verify", folder).stdout == f"{folder}: 5 files as they were recorded\n"
    (folder / "config.json").write_text("{}")
    done = run("verify", folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "config.json has 2 bytes" in done.stderr


def test_info_tells_all_of_a_model_as_json(run, examples) -> None:
    folder = examples / "tiny-embedding"
    told = json.loads(run("info", folder, "--json").stdout)
    assert told["folder"] == str(folder)
    assert told["found"] == "it is a path"
    assert told["tasks"] == ["feature-extraction"]
    graph = told["graph"]
    assert (graph["file"], graph["opset"], graph["precision"]) == ("model.onnx", 18, "fp32")
    assert graph["parameters"] == 459392
    assert graph["inputs"][0] == {
        "name": "input_ids",
        "dtype": "int64",
        "shape": ["batch_size", "sequence_length"],
    }
    assert graph["outputs"][0]["shape"] == ["batch_size", "sequence_length", 64]
    assert told["pooling"] == ["mean"]
    assert told["behind_pooling"] == ["normalize"]
    assert (told["longest_row"], told["longest_sentence"]) == (128, 128)
    assert told["tokenizer"]["type"] == "WordPiece"
    assert told["files"]["model.onnx"] == (folder / "model.onnx").stat().st_size
    assert told["pipelines"]["feature-extraction"] is None
    assert "has no output for text-classification" in told["pipelines"]["text-classification"]


@pytest.mark.parametrize(
    ("example", "task", "labels"),
    [
        (
            "tiny-ner",
            "token-classification",
            ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"],
        ),
        ("tiny-sentiment", "text-classification", ["NEGATIVE", "POSITIVE"]),
    ],
)
def test_info_guesses_the_task_and_tells_labels_and_what_fits(
    run, examples, example, task, labels
) -> None:
    told = json.loads(run("info", examples / example, "--json").stdout)
    assert told["tasks"] == [task]
    assert told["labels"] == labels
    assert told["pipelines"][task] is None


def test_info_for_people_tells_the_same(run, examples) -> None:
    done = run("info", examples / "tiny-ner")
    assert done.stderr == ""
    lines = {line.split(None, 1)[0]: line for line in done.stdout.splitlines()}
    assert "it is a path" in lines["model"]
    assert "opset 18, 459,287 parameters, fp32" in lines["graph"]
    assert "logits float32 [batch_size, sequence_length, 7]" in lines["outputs"]
    assert "WordPiece, 4,300 tokens" in lines["tokenizer"]
    assert "token-classification: fits" in done.stdout
    assert "model.onnx (1,872,199 bytes)" in done.stdout


def test_info_tells_where_a_name_was_found_and_what_is_recorded_of_it(
    run, server, tmp_path
) -> None:
    options = ["--variant", "fp16", "--json"]
    first = json.loads(run("info", "org/mood", *options, HF_ENDPOINT=server.url).stdout)
    assert first["found"] == f"it was downloaded to {tmp_path / 'home' / 'hugot' / 'models'}"
    assert (first["name"], first["commit"]) == ("org/mood", server.commit_of("org/mood", "main"))
    assert first["graph"]["file"] == "model_fp16.onnx"
    again = json.loads(run("info", "org/mood", *options, HF_HUB_OFFLINE="1").stdout)
    assert again["found"].startswith("it is in the model folder")


def test_info_tells_which_modules_follow_the_pooling(run, models) -> None:
    told = json.loads(run("info", models / "electra-features", "--json").stdout)
    assert "dense" in told["behind_pooling"]


def test_info_for_people_has_the_output_of_vectors_and_the_files_that_settings_are_from(
    run, copy_of
) -> None:
    folder = copy_of("electra-features")
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 9}))
    shown = run("info", folder).stdout
    assert "from the output last_hidden_state: by its name, it has the vectors of tokens" in shown
    assert "cls, dense, normalize (modules.json)" in shown
    assert "9 tokens (max_seq_length in sentence_bert_config.json)" in shown


def test_a_graph_that_fits_no_pipeline_is_told_of_all_the_same(run, copy_of) -> None:
    folder = copy_of("bert-uncased-text")
    (folder / "config.json").write_text(json.dumps({"id2label": {"0": "a", "1": "b", "2": "c"}}))
    told = json.loads(run("info", folder, "--json").stdout)
    assert "names 3 labels" in told["pipelines"]["text-classification"]
    assert told["labels"] == ["a", "b", "c"]


def test_what_the_library_downloads_the_command_verifies(
    run, server, tmp_path, monkeypatch
) -> None:
    folder = run("download", "org/mood", HF_ENDPOINT=server.url).stdout.strip()
    with hugot.pipeline("text-classification", folder, verify=True) as pipeline:
        assert pipeline("hello")


def test_info_shows_the_fixed_shape_of_a_graph_and_the_row_that_follows(
    run, models, tmp_path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(models / "bert-uncased-text", folder)
    model = onnx.load(folder / "model.onnx")
    for each in model.graph.input:
        for dim, size in zip(each.type.tensor_type.shape.dim, (1, 16), strict=True):
            dim.dim_value = size
    onnx.save(model, folder / "model.onnx")
    told = run("info", folder).stdout
    assert re.search(r"fixed shape +rows of 16 tokens, 1 in each run \(model.onnx\)", told)
    assert re.search(r"longest row +16 tokens \(model.onnx\)", told)
    assert re.search(r"pipeline +text-classification: fits", told)
