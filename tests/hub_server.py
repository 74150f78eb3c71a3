"""A small hub on loopback: what huggingface_hub asks for, and no more."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


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
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        self.server.requests.append("/".join(parts))
        if parts[:2] == ["api", "models"] and parts[4:5] in ([], ["revision"]):
            self._send_info("/".join(parts[2:4]), body)
        elif parts[:2] == ["api", "models"] and parts[4:5] == ["tree"]:
            self._send_tree("/".join(parts[2:4]), body)
        elif parts[2:3] == ["resolve"]:
            self._send_file("/".join(parts[:2]), "/".join(parts[4:]), body)
        else:
            self._send(404, b"{}", body)

    def _send_info(self, name: str, body: bool) -> None:
        files = self.server.files(name)
        if files is None:
            self._send(404, b'{"error": "Repository not found"}', body, code="RepoNotFound")
            return
        info = {"id": name, "sha": COMMIT, "siblings": [{"rfilename": file} for file in files]}
        self._send(200, json.dumps(info).encode(), body)

    def _send_tree(self, name: str, body: bool) -> None:
        tree = [
            {"type": "file", "path": file, "size": path.stat().st_size, "oid": "0" * 40}
            for file, path in (self.server.files(name) or {}).items()
        ]
        self._send(200, json.dumps(tree).encode(), body)

    def _send_file(self, name: str, file: str, body: bool) -> None:
        path = (self.server.files(name) or {}).get(file)
        if path is None:
            self._send(404, b"", body, code="EntryNotFound")
            return
        content = path.read_bytes()
        etag = hashlib.sha256(content).hexdigest()
        self._send(200, content, body, etag=etag, kind="application/octet-stream")

    def _send(
        self,
        status: int,
        content: bytes,
        body: bool,
        *,
        etag: str = "",
        code: str = "",
        kind: str = "application/json",
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", kind)
        self.send_header("X-Repo-Commit", COMMIT)
        if etag:
            self.send_header("ETag", f'"{etag}"')
        if code:
            self.send_header("X-Error-Code", code)
        self.end_headers()
        if body:
            self.wfile.write(content)


class HubServer(ThreadingHTTPServer):
    """Serves each folder ``root/organisation/name`` as a repository.

    Attributes:
        requests: paths that were asked for.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def files(self, name: str) -> dict[str, Path] | None:
        folder = self.root / name
        if not folder.is_dir():
            return None
        return {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file()
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
