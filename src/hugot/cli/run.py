"""``hugot run``: a model over files, or over stdin."""

from __future__ import annotations

import glob
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hugot.cli.flags import flag_name
from hugot.cli.report import Log, choose_progress, report_end, unit_of
from hugot.cli.run_flags import RUNTIME_DEFAULTS, given_columns, run_options
from hugot.cli.streams import drop_stdout, why
from hugot.cli.suggestions import with_suggestion
from hugot.cli.task_command import RUNTIME, TASK, TaskCommand, options_given, settings_to_keep
from hugot.errors import HugotError
from hugot.io.files import find_inputs, lock_folder, refuse_overwriting, unlock
from hugot.io.formats import FORMAT_KINDS, Format, parse_format, require_arrow
from hugot.io.places import ERRORS_FILE, check_format, is_other_file, place_of
from hugot.tasks import task_spec
from hugot.tasks.schema import ListOf, OneOf, Struct, Vector, open_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hugot.io.batch import Position
    from hugot.io.files import InputFile
    from hugot.io.job import Records
    from hugot.io.output import Output
    from hugot.io.state import State
    from hugot.pipelines.pipeline import Pipeline
    from hugot.pipelines.runner import Runner
    from hugot.session import Session
    from hugot.tasks.schema import Field, ResultType

_EXIT_SKIPPED = 3  # done, but for lines that could not be run
_STOPPING = "stopping after the texts under way; ^C again ends now"
_EXIT_SIGINT = 130


@click.command(cls=TaskCommand)
@run_options
@click.pass_context
def run(context: click.Context, /, **values: Any) -> None:
    """Run a model over JSON Lines, CSV, plain text, Parquet or Arrow and add its answer to each line.

    A line of JSON is an object with the key "input"; it keeps its other keys and gains "output".

    \b
        echo '{"input": "The film was excellent"}' |
            hugot run --model path/to/model --type textClassification

    With --type, this help shows the flags of that type alone. Each flag can also be set in the file of
    --config and by an environment variable: HUGOT_THREADS is --threads. Exit codes: 0 all is done, 1 an
    error, 2 a wrong flag, 3 done but for lines that could not be run, 130 and 143 ended by a signal.
    """  # noqa: D301  (\b as such keeps click from filling the lines)
    from hugot.session import begin_session, engine_of

    job = Run(context, values)
    options = {**RUNTIME_DEFAULTS, **options_given(context, RUNTIME)}
    options["onnxruntime_library"] = values["library"]
    with begin_session(values["model_folder"], options) as session:
        _import_while_loading()
        engine_of(session).wait()
        defaults = task_spec(values["task"]).run_defaults
        pipeline = _make_pipeline(session, values, {**defaults, **options_given(context, TASK)})
        code = job.run(session, pipeline)
    if code:
        raise click.exceptions.Exit(code)


def _import_while_loading() -> None:
    """Import modules of the run that do without numpy while a thread loads ONNX Runtime."""
    import hugot.io.job
    import hugot.io.records  # noqa: F401


def _make_pipeline(
    session: Session, values: dict[str, Any], options: dict[str, Any]
) -> Pipeline[Any, Any]:
    """Return the pipeline; raises with a suggestion if the model's files do not fit."""
    if values["batch_size"] is not None:
        options["batch_size"] = values["batch_size"]
    try:
        made: Pipeline[Any, Any] = session.pipeline(
            values["task"],
            values["model"],
            onnx_file=values["onnx_file"],
            variant=values["variant"],
            revision=values["revision"],
            verify=values["verify"],
            inputs=dict(values["graph_inputs"]),
            **options,
        )
    except HugotError as error:
        raise with_suggestion(error, values["model"], values["task"]) from None
    return made


class Run:
    """One run: its input, output and state, according to the flags.

    Args:
        context: the context of the command.
        values: the values of the command's flags.

    Raises UsageError for flags that do not go together, InputError and ModelNotFoundError for the input.
    """

    def __init__(self, context: click.Context, values: dict[str, Any]) -> None:
        _check_use(values)
        self._context = context
        self._values = values
        self._log = Log(values["log_level"], quiet=values["quiet"])
        self._place = place_of(Path(values["folder"])) if values["folder"] is not None else None
        side = self._place.side if self._place is not None else Path()
        if self._place is not None and self._place.name is not None and values["shard_size"]:
            raise click.UsageError(
                f"--shard-size needs a folder; --output {self._place} is one file"
            )
        self._errors = Path(values["errors"] or side / ERRORS_FILE)
        self._written: State | None = None  # how far the run is
        self._input_format = _format_of(values["input_format"])
        self._files = _find_files(values["sources"], self._input_format)
        self._format = self._output_format()
        self._lock: int | None = None

    @property
    def _can_resume(self) -> bool:
        """Whether there is a run to resume."""
        return self._place is not None and self._written is not None and self._written.begun

    @property
    def _hint(self) -> str:
        """How to go on after the run has ended early, for messages."""
        return "; what came before is kept, --resume goes on" if self._can_resume else ""

    @property
    def _hint_at_record(self) -> str:
        """How to go on after a record that cannot be run, for messages.

        Resuming alone meets the same record again, and is refused once the input is repaired.
        """
        if not self._can_resume:
            return ""
        return (
            ". Repair the input and start over with --overwrite, or go on without the record: "
            "--resume --on-error skip"
        )

    def run(self, session: Session, pipeline: Pipeline[Any, Any]) -> int:
        """Run a pipeline over the input and report; return the exit code."""
        from hugot.io.job import RecordInputError

        try:
            return self._run(session, pipeline)
        except KeyboardInterrupt:
            self._log("warning", f"ended by a signal{self._hint}")
            return _EXIT_SIGINT
        except BrokenPipeError:
            raise  # ends the command quietly, unlike other errors of the output
        except OSError as error:
            if isinstance(error, HugotError):
                raise
            reason = str(error)
            if self._place is None:
                drop_stdout()
                reason = why(error)
            message = f"the output cannot be written: {reason}{self._hint}"
            raise click.ClickException(message) from None
        except RecordInputError as error:
            raise RecordInputError(f"{error}{self._hint_at_record}") from None
        finally:
            if self._lock is not None:
                unlock(self._lock)

    def _run(self, session: Session, pipeline: Pipeline[Any, Any]) -> int:
        from hugot.io.job import run_job
        from hugot.pipelines.pipeline import runner_of

        values, log, files = self._values, self._log, self._files
        runner = runner_of(pipeline)
        columns = given_columns(runner.task.fields, self._context.params)
        output = self._output(runner, columns)
        state, before = output.state, output.state.records
        self._written = state
        if state.done:
            output.finish()
            done = "1 record" if state.records == 1 else f"{state.records:,} records"
            log("info", f"the run in {self._place} is done already: {done}")
            return _EXIT_SKIPPED if state.bad else 0
        records = self._records(columns, runner.task.fields, state.position)
        if "debug" in log.levels:
            listed = ", ".join(str(file.path) for file in files) if files else "stdin"
            log("debug", f"{pipeline!r} over {listed}, from {state.position}")
        progress = choose_progress(
            pipeline, log, files, state.position, self._place is None, values["log_seconds"]
        )
        try:
            outcome = run_job(
                pipeline,
                records,
                output,
                progress,
                skip_errors=values["on_error"] == "skip",
                checkpoint_seconds=values["checkpoint_seconds"],
                on_signal=partial(log.at_signal, _STOPPING),
            )
        finally:
            progress.close()
        report_end(session, pipeline, output, outcome, before, log, values, unit_of(files))
        if outcome.signal is not None:
            log("warning", f"stopped by a signal{self._hint}")
            return 128 + outcome.signal
        return _EXIT_SKIPPED if state.bad else 0

    def _records(
        self, columns: dict[str, str], fields: Sequence[Field], start: Position
    ) -> Records:
        if self._files is not None and any(file.format.columnar for file in self._files):
            from hugot.io.columnar import ColumnRecords

            return ColumnRecords(self._files, start, columns, fields)
        from hugot.io.records import LineRecords

        kind = self._input_format.kind if self._input_format is not None else "jsonl"
        longest, allow_nan = self._values["max_line_bytes"], self._values["allow_nan"]
        return LineRecords(self._files, start, kind, columns, fields, longest, allow_nan=allow_nan)

    def _output(self, runner: Runner[Any], columns: dict[str, str]) -> Output:
        from hugot.io.encode import make_encoder
        from hugot.io.output import FileOutput, StreamOutput

        values, format = self._values, self._format
        # Only files of columns need the size of a vector that the model's files do not say.
        known = runner.result_type() if format.columnar else None
        result = self._result_type(runner, columns)
        if known is not None and result == runner.task.result_type(runner.options):
            result = known
        half = values["embedding_type"] == "float16"
        encoder = make_encoder(format, result, values["result_format"], half=half)
        if self._place is None:
            return StreamOutput(format, encoder, self._errors)
        return FileOutput(
            self._place,
            format,
            encoder,
            self._state(runner, columns, encoder.suffix, vectors=has_vectors(result)),
            self._errors,
            shard_size=values["shard_size"],
            every=values["checkpoint_seconds"],
        )

    def _result_type(self, runner: Runner[Any], columns: dict[str, str]) -> ResultType:
        """Return the type of results; of either kind, if each record decides which it has."""
        task, options = runner.task, runner.options
        choice = open_fields(task.fields, columns)
        if not choice:
            return task.record_type(options, columns)
        if self._format.columnar:
            from hugot.io.keys import first_keys

            names = first_keys(self._files[0]) if self._files else []
            choice = [field for field in choice if columns[field.name] in names]
            if len(choice) != 1:
                flags = " or ".join(field.flag for field in open_fields(task.fields, columns))
                raise click.UsageError(
                    f"a column has results of one kind; choose the key of the input with {flags}"
                )
            return task.record_type(options, [choice[0].name])
        plain, listed = (task.record_type(options, [field.name]) for field in choice)
        return OneOf(plain, listed) if isinstance(listed, ListOf) else plain

    def _output_format(self) -> Format:
        given = _format_of(self._values["output_format"])
        if self._place is not None:
            given = check_format(self._place, given)
        if given is None:
            kind = self._files[0].format.kind if self._files else "jsonl"
            given = Format("jsonl" if kind == "txt" or self._place is None else kind)
        if given.columnar and self._place is None:
            raise click.UsageError(f"the format {given} is not for stdout; give --output")
        return given

    def _state(
        self, runner: Runner[Any], columns: dict[str, str], suffix: str, *, vectors: bool
    ) -> State:
        """Lock the place; return the state of a new run, or that of the run that is resumed."""
        from hugot.io.state import (
            STATE_FILE,
            State,
            check_fingerprint,
            fingerprint,
            load_state,
        )

        place, values, files = self._place, self._values, self._files or ()
        assert place is not None
        refuse_overwriting(files, [*place.results(suffix), self._errors])
        place.make()
        self._lock = lock_folder(place.side)
        if self._lock is None:
            raise click.ClickException(f"another run writes to {place}")
        marks = fingerprint(runner.task.bundle, files, self._settings(runner, columns, vectors))
        found = load_state(place.side)
        if found is not None and values["resume"]:
            # Earlier versions noted the name by which the task was given.
            was = task_spec(found.fingerprint.get("option task", values["task"])).name
            check_fingerprint(str(place), {**found.fingerprint, "option task": was}, marks)
            return found
        if found is not None and found.begun and not found.done and not values["overwrite"]:
            raise click.ClickException(
                f"{place} has an unfinished run ({place.side / STATE_FILE}): --resume goes on with it, "
                "--overwrite starts over"
            )
        place.remove_unfinished()
        return State(marks, old_files=[*found.files, *found.old_files] if found else [])

    def _settings(
        self, runner: Runner[Any], columns: dict[str, str], vectors: bool
    ) -> dict[str, Any]:
        """Return the settings that a run must keep if it is resumed."""
        settings = settings_to_keep(self._context)
        for field in runner.task.fields:
            if field.name in columns:
                settings[field.parameter] = columns[field.name]
        if not vectors:
            settings["embedding_type"] = "float32"  # it changes nothing
        return settings


def has_vectors(result: ResultType) -> bool:
    """Whether results of a type contain vectors."""
    if isinstance(result, ListOf):
        return has_vectors(result.item)
    if isinstance(result, Struct):
        return any(has_vectors(member.type) for member in result.members)
    return isinstance(result, Vector)


def _format_of(name: str | None) -> Format | None:
    return parse_format(name) if name is not None else None


def _find_files(sources: Sequence[str], given: Format | None) -> list[InputFile] | None:
    """Return the files to read, None for stdin."""
    files = find_inputs(sources, given)
    if any(file.format.columnar for file in files or ()):
        require_arrow("a file of columns")
    return files


def _check_use(values: dict[str, Any]) -> None:
    """Raise UsageError for flags that do not go together."""
    for source in values["sources"]:
        if source != "-" and not os.path.exists(source) and not glob.has_magic(source):
            raise click.UsageError(f"--input: there is no file or folder {source!r}")
    for name in ("resume", "overwrite", "shard_size"):
        if values[name] and values["folder"] is None:
            raise click.UsageError(f"{flag_name(name)} needs --output")
    if values["resume"] and (not values["sources"] or "-" in values["sources"]):
        raise click.UsageError("--resume needs --input: stdin cannot be read again")
    if values["resume"] and values["overwrite"]:
        raise click.UsageError("--resume and --overwrite contradict each other")
    output = values["folder"]
    if output is not None and is_other_file(Path(output)):
        endings = ", ".join(f".{kind}" for kind in FORMAT_KINDS)
        raise click.UsageError(
            f"--output {output}: there are no results of the format {Path(output).suffix}; a file ends "
            f"in {endings}, files of lines also in .gz or .zst; any other name is that of a folder"
        )
