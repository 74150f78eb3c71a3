"""The number of calls of hugot's own Python functions for a piece of work, on all threads.

    python benchmarks/hops.py [MODEL] [--task TASK] [--list [CASE]] [--rounds 5]

Counts the call events of `sys.setprofile` and `threading.setprofile` whose code is in a file of the
imported package `hugot`: functions, comprehensions if they have a frame of their own (Python 3.11), and
every resumption of a generator. Compiled modules, the standard library and the methods that a dataclass
generates are not counted. The cases, all of them warm:

* `one text`: `pipeline(text)`;
* `list of three`: `pipeline([text, text, text])`;
* `submit`: `pipeline.submit(text).result()`, of the caller and the worker threads together;
* `run, one line`: `hugot run` of one line on stdin, in this process, from the return of
  `Session.pipeline` until the result is on stdout and all threads wait. This includes setting up the
  reader, the writer and the formats, but not parsing flags, loading the model, the end of the input and
  the summary;
* `run, next line`: the same command, from writing a further line to it until its result is on stdout and
  all threads wait.

The command runs with a pipe as stdin. A line is written to it when no function of the package has been
called for a while, that is, when the command waits for input; the end of a case is found the same way.
Each case is counted in several rounds; the table shows the median. The script uses only public names of
hugot, so that it runs with other versions as well.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import hugot
from hugot.cli.main import hugot as command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

PACKAGE = str(Path(hugot.__file__).parent) + os.sep
MODELS = Path(__file__).resolve().parent.parent / "examples" / "models"
TASKS = {
    "tiny-embedding": "feature-extraction",
    "tiny-ner": "token-classification",
    "tiny-sentiment": "text-classification",
}
TEXTS = [
    "Wolfgang Schmidt and his friends live in Berlin",
    "The film was excellent",
    "The train to Vienna leaves from platform four",
]
LIBRARY_CASES = ("one text", "list of three", "submit")
COMMAND_CASES = ("run, one line", "run, next line")
_QUIET_SECONDS = 0.15  # without a call, all threads wait
_MADE = {hugot.Session.pipeline.__code__, hugot.pipeline.__code__}


class Call(NamedTuple):
    """A call of a function: its file in the package and its name."""

    file: str
    function: str


class Recorder:
    """Records the calls of hugot's functions on all threads.

    Attributes:
        calls: the calls so far.
        made: number of calls when a pipeline was returned, None before.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.made: int | None = None
        self._on = False
        # Threads that begin later, such as a pipeline's workers, are profiled from their beginning.
        threading.setprofile(self._profile)

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record from zero, until all threads are quiet."""
        self.calls, self.made, self._on = [], None, True
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            sys.setprofile(None)
            self.wait()
            self._on = False

    def wait(self) -> None:
        """Wait until no function has been called for a while; raise TimeoutError after a minute."""
        end, count = time.monotonic() + 60, -1
        while count != len(self.calls):
            if time.monotonic() > end:
                raise TimeoutError("hugot's functions are called without a pause")
            count = len(self.calls)
            time.sleep(_QUIET_SECONDS)

    def _profile(self, frame: FrameType, event: str, argument: object) -> None:
        if not self._on:
            return
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE):
            self.calls.append(Call(code.co_filename[len(PACKAGE) :], code.co_qualname))
        elif event == "return" and code in _MADE:
            self.made = len(self.calls)


class Stdout(io.FileIO):
    """The command's standard output: a file with an event that is set by each write."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "w")
        self.written = threading.Event()

    def write(self, data: Any) -> int:
        count = super().write(data)
        self.written.set()
        return count


def library_cases(
    recorder: Recorder, task: str, model: Path, rounds: int
) -> dict[str, list[list[Call]]]:
    """The calls of each case of a pipeline, in each round."""
    options = {"aggregation_strategy": "simple"} if task == "token-classification" else {}
    found: dict[str, list[list[Call]]] = {name: [] for name in LIBRARY_CASES}
    with hugot.pipeline(task, model, threads=2, **options) as pipeline:
        works: tuple[Callable[[], object], ...] = (
            lambda: pipeline(TEXTS[0]),
            lambda: pipeline(TEXTS),
            lambda: pipeline.submit(TEXTS[0]).result(),
        )
        for calls, work in zip(found.values(), works, strict=True):
            work()
            work()
            for _ in range(rounds):
                with recorder.recording():
                    work()
                calls.append(recorder.calls)
    return found


def command_cases(
    recorder: Recorder, task: str, model: Path, rounds: int
) -> dict[str, list[list[Call]]]:
    """The calls of the first and of the second line of `hugot run`, in each round."""
    found: dict[str, list[list[Call]]] = {name: [] for name in COMMAND_CASES}
    run_two_lines(recorder, task, model)  # to import the modules
    for _ in range(rounds):
        calls, ranges = run_two_lines(recorder, task, model)
        for name, (begin, end) in zip(found, ranges, strict=True):
            found[name].append(calls[begin:end])
    return found


def run_two_lines(
    recorder: Recorder, task: str, model: Path
) -> tuple[list[Call], list[tuple[int, int]]]:
    """All calls of a run of two lines, and the begin and end of those of each line."""
    ranges: list[tuple[int, int]] = []
    read, write = os.pipe()
    with tempfile.TemporaryDirectory() as folder, open(read) as stdin:
        stdout = Stdout(os.path.join(folder, "output"))
        feeder = threading.Thread(
            target=feed_two_lines, args=(recorder, write, stdout, ranges), daemon=True
        )
        kept = sys.stdin, sys.stdout
        sys.stdin, sys.stdout = stdin, io.TextIOWrapper(io.BufferedWriter(stdout))
        try:
            with recorder.recording():
                feeder.start()
                arguments = ["run", "--model", str(model), "--type", task, "--threads", "2"]
                command.main(arguments, standalone_mode=False)
        finally:
            sys.stdout.close()
            sys.stdin, sys.stdout = kept
    feeder.join()
    if len(ranges) != 2:
        raise RuntimeError("hugot run did not answer each line")
    return recorder.calls, ranges


def feed_two_lines(
    recorder: Recorder, descriptor: int, stdout: Stdout, ranges: list[tuple[int, int]]
) -> None:
    """Write each line when the command waits for it; add the range of its calls to `ranges`."""
    with open(descriptor, "wb", buffering=0) as pipe:
        while recorder.made is None:
            time.sleep(_QUIET_SECONDS)
        begin = recorder.made
        for text in TEXTS[:2]:
            recorder.wait()
            stdout.written.clear()
            pipe.write(json.dumps({"input": text}).encode() + b"\n")
            if not stdout.written.wait(timeout=60):
                return
            recorder.wait()
            ranges.append((begin, len(recorder.calls)))
            begin = len(recorder.calls)


def describe(calls: list[Call]) -> str:
    """The functions in the order of their first call, with the number of calls."""
    return "\n".join(f"{count:4}  {file}: {name}" for (file, name), count in Counter(calls).items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "model",
        nargs="?",
        default="tiny-sentiment",
        help="a folder, or one of examples/models (default: tiny-sentiment)",
    )
    parser.add_argument("--task", help="default: that of the model in examples/models")
    parser.add_argument(
        "--list",
        nargs="?",
        choices=(*LIBRARY_CASES, *COMMAND_CASES, "all"),
        const="all",
        metavar="CASE",
        help="list the functions of one case, by default of all",
    )
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    bundled = MODELS / arguments.model
    model = bundled if bundled.is_dir() else Path(arguments.model)
    task = arguments.task or TASKS.get(model.name)
    if task is None:
        parser.error("--task is needed for a model that is not in examples/models")
    recorder = Recorder()
    given = recorder, task, model, arguments.rounds
    cases = library_cases(*given) | command_cases(*given)
    middle = {name: sorted(rounds, key=len)[len(rounds) // 2] for name, rounds in cases.items()}
    print(f"hugot {hugot.__version__}, Python {platform.python_version()}, {model.name}, {task}\n")
    print(f"{'':16} {'calls':>6} {'files':>6}")
    for name, calls in middle.items():
        numbers = sorted({len(each) for each in cases[name]})
        spread = "" if len(numbers) == 1 else f"   ({numbers[0]} to {numbers[-1]} calls)"
        print(f"{name:16} {len(calls):6} {len({call.file for call in calls}):6}{spread}")
    for name, calls in middle.items():
        if arguments.list in (name, "all"):
            print(f"\n{name}\n{describe(calls)}")


if __name__ == "__main__":
    main()
