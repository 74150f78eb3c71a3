"""Finding a model: paths, installed packages, the model folder, a download from a hub on loopback."""

from __future__ import annotations

import shutil
import socket
import sys

import pytest
from hub_server import point_at

import hugot
from hugot import DownloadError, InputError, ModelFormatError, ModelNotFoundError
from hugot.models.find import find_model
from hugot.models.folders import model_folders


def test_a_path_comes_before_a_name(models) -> None:
    assert find_model(models / "bert-uncased-text").path == models / "bert-uncased-text"


def test_models_are_kept_in_the_home_folder(home) -> None:
    assert model_folders() == [home / "hugot" / "models", home / "hugot"]


def test_the_environment_names_the_model_folder(home, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HUGOT_MODELS", str(tmp_path / "elsewhere"))
    assert model_folders() == [tmp_path / "elsewhere"]


def test_the_folder_that_is_given_comes_before_the_environment(home, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HUGOT_MODELS", str(tmp_path / "elsewhere"))
    assert model_folders(tmp_path / "given") == [tmp_path / "given"]


@pytest.mark.parametrize("root", ["hugot/models", "hugot"])
def test_a_name_is_found_in_the_model_folder(home, models, root) -> None:
    folder = home / root / "org_mood"
    shutil.copytree(models / "bert-uncased-text", folder)
    assert find_model("org/mood").path == folder


@pytest.mark.parametrize("name", ["../x", "/no/such/path", "a/b/c", "a b", "", ".", "a/../b"])
def test_what_is_neither_a_path_nor_a_name_raises(home, name, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    if name in ("", "."):
        with pytest.raises(hugot.HugotError):
            hugot.pipeline("text-classification", name)
    else:
        with pytest.raises(ModelNotFoundError, match="not a name on the hub"):
            find_model(name)


def test_a_name_is_downloaded_to_the_model_folder_and_answers(server, home) -> None:
    made = hugot.pipeline("text-classification", "org/mood")
    assert made("hello")[0]["label"] in ("POSITIVE", "NEGATIVE")
    folder = home / "hugot" / "models" / "org_mood"
    assert (folder / "model.onnx").is_file()


def test_a_download_takes_only_what_a_pipeline_needs(server, tmp_path) -> None:
    folder = hugot.download_model("org/mood", tmp_path / "models")
    assert folder == tmp_path / "models" / "org_mood"
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert {"model.onnx", "tokenizer.json", "config.json"} <= names
    assert "model.safetensors" not in names


def test_a_model_that_is_there_is_not_downloaded_again(server, tmp_path) -> None:
    hugot.download_model("org/mood", tmp_path / "models")
    server.requests.clear()
    hugot.download_model("org/mood", tmp_path / "models")
    assert server.requests == []
    hugot.download_model("org/mood", tmp_path / "models", force=True)
    assert server.requests != []


def test_external_weights_come_with_their_graph(server, tmp_path) -> None:
    (server.root / "org" / "mood" / "model.onnx_data").write_bytes(b"weights")
    folder = hugot.download_model("org/mood", tmp_path / "models")
    assert (folder / "model.onnx_data").read_bytes() == b"weights"


def test_an_unknown_repository_raises_and_names_where_it_was_looked_for(server, home) -> None:
    with pytest.raises(DownloadError, match=r"org/nothing.*org_nothing.*hub gave none"):
        find_model("org/nothing")
    assert not (home / "hugot" / "models" / "org_nothing").exists()


def test_a_hub_that_does_not_answer_raises(tmp_path, monkeypatch, home) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    point_at(monkeypatch, f"http://127.0.0.1:{port}", tmp_path)
    with pytest.raises(DownloadError, match="org/mood"):
        find_model("org/mood")


@pytest.mark.parametrize(
    ("missing", "said"), [("model.onnx", r"no \.onnx.*export"), ("tokenizer.json", "no tokenizer")]
)
def test_a_repository_without_what_is_needed_raises_and_leaves_nothing(
    server, tmp_path, missing, said
) -> None:
    (server.root / "org" / "mood" / missing).unlink()
    with pytest.raises(ModelNotFoundError, match=said):
        hugot.download_model("org/mood", tmp_path / "models")
    assert not (tmp_path / "models" / "org_mood").exists()


def test_a_download_refuses_what_is_no_name(tmp_path) -> None:
    with pytest.raises(InputError, match="not a name on the hub"):
        hugot.download_model("../../etc", tmp_path)


# Installed packages


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the path of imports."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    return site


@pytest.fixture
def package(site, models):
    """A package that is a model; importing it fails."""
    folder = shutil.copytree(models / "bert-uncased-text", site / "mood_model")
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    return folder


def test_a_model_is_found_in_a_package_that_is_not_imported(package) -> None:
    found = find_model("package:mood_model")
    assert found.path == package
    assert found.why == "it is in the package mood_model"
    assert hugot.pipeline("text-classification", "package:mood_model")("hello")
    assert "mood_model" not in sys.modules


def test_a_model_in_the_only_folder_of_a_package_is_found(package, models) -> None:
    shutil.rmtree(package)
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "code").mkdir()
    folder = shutil.copytree(models / "bert-uncased-text", package / "weights")
    assert find_model("package:mood_model").path == folder
    shutil.copytree(folder, package / "more")
    held = "holds 2 models: package:mood_model/more, package:mood_model/weights"
    with pytest.raises(ModelNotFoundError, match=held):
        find_model("package:mood_model")
    assert find_model("package:mood_model/weights").path == folder
    graph = folder / "model.onnx"
    assert find_model("package:mood_model/weights/model.onnx").path == graph
    for path in ("no", "weights/no.onnx", "weights/config.json", "../mood_model/weights"):
        with pytest.raises(ModelNotFoundError, match=f"no folder '{path}'; .*{held}"):
            find_model(f"package:mood_model/{path}")


def test_a_model_deep_in_a_package_is_found_with_all_its_folders(package, models) -> None:
    shutil.rmtree(package)
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    folder = shutil.copytree(models / "bert-uncased-text", package / "assets" / "models" / "mood")
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx" / "model_q4.onnx")
    shutil.copytree(folder, folder / "checkpoint")  # a part of the model's folder
    assert find_model("package:mood_model").path == folder
    for variant in (None, "q4"):
        with hugot.pipeline("text-classification", "package:mood_model", variant=variant) as made:
            assert made("hello")
    assert "mood_model" not in sys.modules


@pytest.mark.parametrize("folder", ["weights", "weights/onnx", "onnx"])
def test_a_model_without_a_tokenizer_in_a_package_is_named_with_what_it_lacks(
    package, folder
) -> None:
    graph = package / "model.onnx"
    (package / folder).mkdir(parents=True)
    graph.rename(package / folder / "model.onnx")
    (package / "tokenizer.json").unlink()
    root = package / "weights" if folder.startswith("weights") else package
    if root == package:
        (package / "onnx").rename(package / "graphs")
        root = package / "graphs"
    with pytest.raises(
        ModelNotFoundError, match=f"{root} has no tokenizer.json.* Copy it from the model"
    ):
        hugot.pipeline("text-classification", "package:mood_model")


def test_a_folder_of_safetensors_in_a_package_is_named_with_what_it_lacks(package) -> None:
    (package / "model.onnx").unlink()
    (package / "tokenizer.json").unlink()
    (package / "model.safetensors").write_bytes(b"")
    with pytest.raises(
        ModelNotFoundError,
        match=r"mood_model has no \.onnx file, only weights for PyTorch \(model\.safetensors\)",
    ):
        hugot.pipeline("text-classification", "package:mood_model")


def test_a_package_is_found_by_the_name_of_its_distribution(package, site) -> None:
    info = site / "mood_model_dist-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mood-model-dist\nVersion: 1.0\n")
    (info / "RECORD").write_text(
        "mood_model/__init__.py,,\nmood_model_dist-1.0.dist-info/RECORD,,\n"
    )
    assert find_model("package:mood-model-dist").path == package
    assert "mood_model" not in sys.modules


# Git LFS


@pytest.mark.parametrize(
    "name",
    ["model.onnx", "model.onnx_data", "tokenizer.json", "config.json", "tokenizer_config.json"],
)
def test_a_git_lfs_pointer_is_called_so(copy_of, name) -> None:
    folder = copy_of("bert-uncased-text")
    (folder / name).write_text(
        "version https://git-lfs.github.com/spec/v1\n"
        "oid sha256:4aa4b0cf1f427c3a80cae6d9ce86a2c2ec618c3bd425233752a623331dd1d66d\n"
        "size 117979485\n"
    )
    with pytest.raises(
        ModelFormatError, match=f"{name} is a Git LFS pointer.* of 118.0 MB .*git lfs pull"
    ):
        hugot.pipeline("text-classification", folder)


@pytest.mark.parametrize("name", ["no_such_package_at_all", "../x", "", "os.path", "json"])
def test_a_package_without_a_model_raises(site, name) -> None:
    with pytest.raises(ModelNotFoundError, match="package"):
        find_model(f"package:{name}")
