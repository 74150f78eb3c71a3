"""One run of ``hugot run``: what its flags mean for reading, writing and going on."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hugot.cli.run_report import Log, choose_progress, tell_end
from hugot.errors import HugotError

if TYPE_CHECKING:
    import contextlib

    from hugot.bulk.formats import Format
    from hugot.bulk.inputs import InputFile
    from hugot.bulk.job import Records
    from hugot.bulk.output import Output
    from hugot.bulk.state import State
    from hugot.pipelines.base import Pipeline
    from hugot.session import Session

_EXIT_SKIPPED = 3  # all was run but for lines that could not be
_EXIT_SIGPIPE = 141  # what a shell reports for a program that a closed pipe ended


class Run:
    """One run, from its flags."""

    def __init__(
        self,
        session: Session,
        pipeline: Pipeline[Any, Any],
        files: list[InputFile] | None,
        values: dict[str, Any],
        log: Log,
        held: contextlib.ExitStack,
    ) -> None:
        self._session = session
        self._pipeline = pipeline
        self._files = files
        self._values = values
        self._log = log
        self._folder = Path(values["folder"]) if values["folder"] is not None else None
        self._errors = Path(values["errors"] or (self._folder or Path()) / "errors.jsonl")
        self._held = held

    def run(self) -> int:
        """Run it; gives the exit code."""
        from hugot.bulk.answers import BadRecordError
        from hugot.bulk.job import run_job

        output = self._output()
        before, state = output.state.records, output.state
        if state.done:
            self._log(
                "info", f"the run in {self._folder} is done already: {state.records:,} records"
            )
            return _EXIT_SKIPPED if state.bad else 0
        records = self._records(output)
        listed = ", ".join(str(file.path) for file in self._files or ()) or "stdin"
        self._log("debug", f"{self._pipeline!r} over {listed}, from {state.position}")
        progress = choose_progress(
            self._pipeline,
            self._log,
            sum(file.size for file in self._files) if self._files is not None else None,
            self._bytes_done(output),
            to_stdout=self._folder is None,
            every=self._values["log_seconds"],
        )
        try:
            skip = self._values["on_error"] == "skip"
            outcome = run_job(self._pipeline, records, output, progress, skip_bad=skip)
        except BrokenPipeError:
            # Python flushes stdout once more on its way out, and must find it open.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _EXIT_SIGPIPE
        except OSError as error:
            if isinstance(error, HugotError):
                raise
            raise click.ClickException(
                f"the output cannot be written: {error}{self._hint()}"
            ) from None
        except BadRecordError as error:
            raise BadRecordError(f"{error}{self._hint()}") from None
        finally:
            progress.close()
        tell_end(self._session, self._pipeline, output, outcome, before, self._log, self._values)
        if outcome.signal is not None:
            self._log("warning", f"stopped by a signal{self._hint()}")
            return 128 + outcome.signal
        return _EXIT_SKIPPED if state.bad else 0

    def _hint(self) -> str:
        return "" if self._folder is None else "; what came before is kept, --resume goes on"

    def _records(self, output: Output) -> Records:
        from hugot.bulk.check import InputCheck
        from hugot.bulk.records import LineRecords

        values, start = self._values, output.state.position
        name, pair = values["input_column"], values["pair_column"]
        check = InputCheck(self._pipeline, name)
        if self._files is not None and any(file.format.columnar for file in self._files):
            from hugot.bulk.columns import ColumnRecords

            return ColumnRecords(self._files, start, name, pair, check)
        given = format_of(values["input_format"])
        kind = given.kind if given is not None else "jsonl"
        return LineRecords(self._files, start, kind, name, pair, check, values["max_line_bytes"])

    def _output(self) -> Output:
        from hugot.bulk.encode import make_encoder

        values, format = self._values, self._output_format()
        encoder = make_encoder(
            format,
            self._pipeline.task,
            values["result_format"],
            half=values["embedding_type"] == "float16",
        )
        if self._folder is None:
            from hugot.bulk.stream_output import StreamOutput

            return StreamOutput(format, encoder, self._errors)
        from hugot.bulk.output import FolderOutput

        return FolderOutput(
            self._folder,
            format,
            encoder,
            self._state(encoder.suffix),
            self._errors,
            shard_size=values["shard_size"],
            every=values["checkpoint_seconds"],
        )

    def _output_format(self) -> Format:
        from hugot.bulk.formats import Format

        given = format_of(self._values["output_format"])
        if given is None:
            kind = self._files[0].format.kind if self._files else "jsonl"
            given = Format("jsonl" if kind == "txt" or self._folder is None else kind)
        if given.columnar and self._folder is None:
            raise click.UsageError(f"the format {given} is not for stdout; give --output")
        return given

    def _state(self, suffix: str) -> State:
        """Where the run stands: at its beginning, or where an earlier one ended."""
        from hugot.bulk.disk import lock_folder, unlock
        from hugot.bulk.fingerprint import fingerprint
        from hugot.bulk.inputs import refuse_overwriting
        from hugot.bulk.state import STATE_FILE, State, check_fingerprint, load_state
        from hugot.cli.run_settings import FREE

        folder, values = self._folder, self._values
        assert folder is not None
        folder.mkdir(parents=True, exist_ok=True)
        refuse_overwriting(self._files or (), [*folder.glob(f"result_*.{suffix}"), self._errors])
        lock = lock_folder(folder)
        if lock is None:
            raise click.ClickException(f"another run writes to {folder}")
        self._held.callback(unlock, lock)
        options = {
            name: value
            for name, value in values.items()
            if name not in FREE and value not in (None, ())
        }
        marks = fingerprint(self._pipeline.model.bundle, self._files or (), options)
        found = load_state(folder)
        if found is not None and values["resume"]:
            check_fingerprint(folder, found.fingerprint, marks)
            return found
        if found is not None and not found.done and not values["overwrite"]:
            raise click.ClickException(
                f"{folder} has an unfinished run ({STATE_FILE}): --resume goes on with it, --overwrite "
                "starts over"
            )
        for path in folder.glob("result_*.partial"):
            path.unlink()
        return State(marks, old_files=[*found.files, *found.old_files] if found else [])

    def _bytes_done(self, output: Output) -> int:
        position = output.state.position
        done = sum(file.size for file in (self._files or ())[: position.file])
        return done + (position.offset or 0)


def format_of(name: str | None) -> Format | None:
    """The format that a flag names; None where it is not given."""
    from hugot.bulk.formats import parse_format

    return parse_format(name) if name is not None else None
