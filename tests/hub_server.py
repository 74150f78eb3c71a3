"""A small hub on loopback: what huggingface_hub asks for, and the faults that a network has.

Files from `LARGE` bytes on, and all graphs, are kept as the hub keeps large files: a request for one is
redirected to another host, which sees no token and knows ranges.
"""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 20_000

# Before, huggingface_hub keeps no list of a repository's files in its cache, takes up no broken
# connection, and waits for no busy hub.
recent_hub = pytest.mark.skipif(
    version("huggingface_hub").startswith("0."), reason="needs huggingface_hub 1 or later"
)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubServer

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        self._body = body
        path = unquote(urlsplit(self.path).path).strip("/")
        parts = path.split("/")
        self.server.note(f"{self.command} {path}", self.headers.get("Authorization"))
        if parts[0] == "cdn":
            self._send_large(self.server.root.joinpath(*parts[1:]))
        elif self._refused(path):
            return
        elif parts[:2] == ["api", "models"]:
            name, rest = "/".join(parts[2:4]), parts[4:]
            revision = "/".join(rest[1:]) or "main"
            self._with_commit(name, revision, self._tree if rest[:1] == ["tree"] else self._info)
        elif parts[2:3] == ["resolve"]:
            name, revision, file = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
            self._with_commit(name, revision, lambda *found: self._send_file(*found, file))
        else:
            self._send(404, b"{}")

    def _refused(self, path: str) -> bool:
        """Answer as a hub that asks for a token, or that is out of order."""
        server = self.server
        statuses = next(
            (statuses for end, statuses in server.faults.items() if path.endswith(end)), []
        )
        if server.token and self.headers.get("Authorization") != f"Bearer {server.token}":
            self._send(401, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif server.gated:
            self._send(403, b"{}", {"X-Error-Code": "GatedRepo"})
        elif statuses:
            self._send(statuses.pop(0), b"{}")
        else:
            return False
        return True

    def _with_commit(self, name: str, revision: str, answer) -> None:
        if not (self.server.root / name).is_dir():
            self._send(404, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})
            return
        commit = self.server.commit_of(name, revision)
        if commit is None:
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            return
        answer(name, commit)

    def _info(self, name: str, commit: str) -> None:
        siblings = [
            {
                "rfilename": file,
                "size": len(content),
                "blobId": blob_id(content),
                **({"lfs": large_file(content)} if is_large(file, content) else {}),
            }
            for file, content in self.server.contents(name, commit).items()
        ]
        siblings += [{"rfilename": file} for file in self.server.extra_names]
        # The first four are what older versions of huggingface_hub ask for.
        info = {"private": False, "downloads": 0, "likes": 0, "tags": []}
        info.update({"id": name, "sha": commit, "siblings": siblings})
        self._send(200, json.dumps(info).encode())

    def _tree(self, name: str, commit: str) -> None:
        tree = []
        for file, content in self.server.contents(name, commit).items():
            entry = {"type": "file", "path": file, "size": len(content), "oid": blob_id(content)}
            if is_large(file, content):
                lfs = large_file(content)
                entry["lfs"] = {**lfs, "oid": lfs["sha256"]}
            tree.append(entry)
        self._send(200, json.dumps(tree).encode())

    def _send_file(self, name: str, commit: str, file: str) -> None:
        content = self.server.contents(name, commit).get(file)
        if content is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        elif is_large(file, content):
            place = self.server.place(name, commit, file)
            headers = {
                "Location": f"{self.server.cdn_url}/cdn/{quote(place)}",
                "X-Linked-Etag": f'"{large_file(content)["sha256"]}"',
                "X-Linked-Size": str(len(content)),
                "X-Repo-Commit": commit,
            }
            self._send(302, b"", headers)
        else:
            sent = self.server.spoilt(file, content)
            self._send(200, sent, {"ETag": f'"{blob_id(content)}"', "X-Repo-Commit": commit})

    def _send_large(self, path: Path) -> None:
        content = self.server.spoilt(path.name, path.read_bytes())
        first = 0
        told = self.headers.get("Range")
        if told:
            first = int(told.removeprefix("bytes=").partition("-")[0])
            self.server.note(f"RANGE {first} {path.name}", None)
        part = content[first:]
        headers = (
            {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"} if told else {}
        )
        if self._body and path.name in self.server.held:
            self.server.holding.set()
            self.server.release.wait(60)
            self.close_connection = True
            return
        if self._body and self.server.takes_break(path.name):
            self._send(206 if told else 200, part, headers, cut=len(part) // 2)
            return
        self._send(206 if told else 200, part, headers)

    def _send(
        self,
        status: int,
        content: bytes,
        headers: dict[str, str] | None = None,
        cut: int | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", "application/octet-stream")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self._body:
            self.wfile.write(content[:cut])
        if cut is not None:
            self.close_connection = True


class HubServer(ThreadingHTTPServer):
    """Serves each folder ``root/organisation/name`` as a repository with one commit on branch main.

    Attributes:
        requests: what was asked for, as ``METHOD path``.
        tokens: the Authorization header of each request, or None.
        token: where it is set, a request without it is answered as for a private repository.
        gated: whether each request is answered as for a repository whose terms were not accepted.
        faults: end of a path → HTTP statuses to answer with, one after another, before the real answer.
        breaks: name of a file → how many times its connection breaks in the middle.
        held: names of files whose content is not sent before `release` is set; `holding` tells of one.
        spoil: names of files that come with other bytes, of the same number.
        extra_names: names that the list of files has in addition.
        revisions: (repository, branch or tag) → commit, and the folder below `root` that holds it.
    """

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.requests: list[str] = []
        self.tokens: list[tuple[str, str | None]] = []
        self.token: str | None = None
        self.gated = False
        self.faults: dict[str, list[int]] = {}
        self.breaks: dict[str, int] = {}
        self.held: set[str] = set()
        self.holding, self.release = threading.Event(), threading.Event()
        self.spoil: set[str] = set()
        self.extra_names: list[str] = []
        self.revisions: dict[tuple[str, str], tuple[str, str]] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def cdn_url(self) -> str:
        """The host of large files: the same machine under another name."""
        return f"http://localhost:{self.server_address[1]}"

    def note(self, request: str, token: str | None) -> None:
        with self._lock:
            self.requests.append(request)
            self.tokens.append((request, token))

    def downloads(self, file: str) -> int:
        """How many times the content of a file was asked for."""
        kind = "cdn/" if file.endswith(".onnx") else ""
        return sum(
            request.startswith(f"GET {kind}") and request.endswith(f"/{file}")
            for request in self.requests
        )

    def publish(self, name: str, revision: str, commit: str, folder: str) -> None:
        """Have a branch or tag of a repository be a commit, whose files are in a folder below root."""
        self.revisions[name, revision] = self.revisions[name, commit] = (commit, folder)

    def commit_of(self, name: str, revision: str) -> str | None:
        known = {(name, "main"): (COMMIT, name), (name, COMMIT): (COMMIT, name), **self.revisions}
        return known.get((name, revision), (None,))[0]

    def place(self, name: str, commit: str, file: str) -> str:
        return f"{self.revisions.get((name, commit), (commit, name))[1]}/{file}"

    def contents(self, name: str, commit: str) -> dict[str, bytes]:
        folder = self.root / self.place(name, commit, "")
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    def spoilt(self, file: str, content: bytes) -> bytes:
        if file in self.spoil:
            return bytes(byte ^ 1 for byte in content[:1]) + content[1:]
        return content

    def takes_break(self, file: str) -> bool:
        with self._lock:
            left = self.breaks.get(file, 0)
            self.breaks[file] = left - 1
            return left > 0


def is_large(file: str, content: bytes) -> bool:
    return file.endswith(".onnx") or len(content) >= LARGE


def blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def large_file(content: bytes) -> dict[str, object]:
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "pointerSize": 134,
    }


@contextmanager
def hub(root: Path) -> Iterator[HubServer]:
    """A hub over the folders below `root`, for as long as the block lasts."""
    with HubServer(root) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def point_at(monkeypatch, url, tmp_path) -> None:
    """Have huggingface_hub, here and in processes started, ask a hub and use a cache of ours."""
    import huggingface_hub.constants as constants
    import huggingface_hub.file_download as file_download
    import huggingface_hub.hf_api as hf_api

    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    # Older versions keep copies.
    for module in (file_download, hf_api):
        for name, value in (("ENDPOINT", url), ("HUGGINGFACE_CO_URL_TEMPLATE", template)):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HF_ENDPOINT", url)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf_home"))
