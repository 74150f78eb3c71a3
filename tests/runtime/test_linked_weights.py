"""External data behind symbolic links, which one version of ONNX Runtime refuses."""

from __future__ import annotations

from types import SimpleNamespace

import ort_graphs
import pytest

from hugot import ModelFormatError
from hugot.runtime import sessions

# The words of ONNX Runtime.
ERROR = 'External data path: "model.onnx_data" escapes model directory: "/hub/snapshots/abc"'


@pytest.fixture
def snapshot(models, tmp_path):
    """A model as in the cache of the hub: links to files in a folder of their own."""
    blobs, folder = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    blobs.mkdir()
    folder.mkdir(parents=True)
    for number, path in enumerate(sorted((models / "bert-uncased-text-external").iterdir())):
        (blobs / f"{number:040x}").write_bytes(path.read_bytes())
        (folder / path.name).symlink_to(f"../../blobs/{number:040x}")
    return folder


def create(monkeypatch, onnx_path, version):
    """Make a session with an ONNX Runtime of a version that refuses the model with `ERROR`."""

    def refuse(*args, **options):
        raise ModelFormatError(ERROR)

    monkeypatch.setattr(sessions, "InferenceSession", refuse)
    library = SimpleNamespace(version=version, api_version=24)
    return sessions.create_session(library, sessions.ModelSource(onnx_path), ort_graphs.OPTIONS)


def test_the_version_that_refuses_links_is_named_with_the_remedy(monkeypatch, snapshot) -> None:
    with pytest.raises(
        ModelFormatError, match=r"symbolic link.*1\.24\.1 refuses.*1\.24\.2 or newer"
    ):
        create(monkeypatch, snapshot / "model.onnx", "1.24.1")


def test_other_versions_and_real_escapes_keep_their_errors(monkeypatch, snapshot, tmp_path) -> None:
    with pytest.raises(ModelFormatError, match=r"^External data path"):
        create(monkeypatch, snapshot / "model.onnx", "1.24.2")
    outside = tmp_path / "outside"
    outside.write_bytes(b"")
    data = next(path for path in snapshot.iterdir() if path.name.endswith("_data"))
    data.unlink()
    data.symlink_to(outside)
    with pytest.raises(ModelFormatError, match="not in its folder"):
        create(monkeypatch, snapshot / "model.onnx", "1.24.1")


def test_the_version_under_test_loads_links(snapshot) -> None:
    library = ort_graphs.library()
    if library.version == "1.24.1":
        pytest.skip("refuses them")
    source = sessions.ModelSource(snapshot / "model.onnx")
    assert sessions.create_session(library, source, ort_graphs.OPTIONS).inputs
