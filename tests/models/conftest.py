"""A hub on loopback with one repository, and huggingface_hub pointed at it."""

from __future__ import annotations

import shutil

import pytest
from hub_server import hub, point_at


@pytest.fixture
def server(tmp_path, models, monkeypatch):
    """A hub with the repository org/mood."""
    repository = tmp_path / "hub" / "org" / "mood"
    shutil.copytree(models / "bert-uncased-text", repository)
    (repository / "model.safetensors").write_bytes(b"weights for torch")
    with hub(tmp_path / "hub") as running:
        point_at(monkeypatch, running.url, tmp_path)
        yield running


@pytest.fixture
def repository(server):
    """The folder that the server has as org/mood."""
    return server.root / "org" / "mood"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The user's home folder, empty, with no model folder named."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.delenv("HUGOT_MODELS", raising=False)
    return tmp_path / "home"
