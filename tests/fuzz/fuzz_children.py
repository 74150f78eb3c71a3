"""Children that open what may crash them: one is started anew where it died or hung."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

_WORKER = Path(__file__).with_name("fuzz_worker.py")
_SECONDS = 60


class Child:
    """A `fuzz_worker` process, started when it is needed."""

    def __init__(self):
        self._process = None
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the child)

    def ask(self, task, folder, texts, **options):
        """The worker's report; the outcome is "crash" or "hang" where there is none."""
        request = {"task": task, "folder": str(folder), "texts": list(texts), "options": options}
        process = self._running()
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            ready = selector.select(_SECONDS)
        line = process.stdout.readline() if ready else b""
        if line:
            return json.loads(line)
        if ready:
            process.wait()
        outcome = "crash" if ready else "hang"
        self.close()
        return {"outcome": outcome, "status": process.returncode, "stderr": self._said()}

    def close(self):
        """End the process; another is started when one is asked again."""
        if self._process is not None:
            self._process.kill()
            for stream in (self._process.stdin, self._process.stdout):
                with suppress(BrokenPipeError):
                    stream.close()
            self._process.wait()
            self._process = None

    def end(self):
        """End the process, and let go of what it said."""
        self.close()
        self._stderr.close()

    def _running(self):
        if self._process is None:
            self._stderr.truncate(0)
            self._process = subprocess.Popen(
                [sys.executable, "-X", "faulthandler", str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                bufsize=0,
            )
        return self._process

    def _said(self):
        self._stderr.seek(0)
        return self._stderr.read()[-4000:].decode("utf-8", "replace")
