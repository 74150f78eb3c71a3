"""The state of a run, in a file of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from hugot.errors import InputError
from hugot.io.batch import Position
from hugot.io.files import write_whole
from hugot.io.formats import parse_format

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hugot.io.files import InputFile
    from hugot.models.bundle import ModelBundle

STATE_FILE: Final = "hugot-run.json"
# The records that `Position.skip` counts were those of a usable type up to version 1, and up to version
# 2 nulls in columns were not among them.
_VERSION: Final = 3
_OLDEST_VERSION: Final = 1
_HEAD_BYTES: Final = 1 << 16
# Path, size, time and hash of a file.
_MARKS: Final = 4


@dataclass(eq=False, repr=False)
class State:
    """A point up to which everything is on the disk.

    Attributes:
        fingerprint: model, input and options, which must be the same for the run to go on.
        position: the place in the input up to which results are written.
        shard: number of the result file that is being written.
        shard_records: records in it.
        length: bytes of its working file that count.
        encoder: the state of its encoder.
        errors_length: bytes of ``errors.jsonl`` that count.
        records: records written, in all.
        bad: records that could not be run, in all.
        nulls: records that were not run since their input is null, in all.
        files: names of the complete result files.
        old_files: those of an earlier run, which are removed when this one is done.
        publishing: whether the working file is complete and is being renamed.
        last: whether it is the last one.
        done: whether the run is done.
    """

    fingerprint: dict[str, Any]
    position: Position = field(default_factory=Position)
    shard: int = 0
    shard_records: int = 0
    length: int = 0
    encoder: Any = None
    errors_length: int = 0
    records: int = 0
    bad: int = 0
    nulls: int = 0
    files: list[str] = field(default_factory=list)
    old_files: list[str] = field(default_factory=list)
    publishing: bool = False
    last: bool = False
    done: bool = False

    @property
    def begun(self) -> bool:
        """Whether the run has written or noted any record."""
        return bool(self.records or self.bad or self.files)

    def save(self, folder: Path) -> None:
        """Write the state file, which is on the disk when this returns."""
        data = {"version": _VERSION, **vars(self), "position": self.position._asdict()}
        write_whole(folder / STATE_FILE, orjson.dumps(data, option=orjson.OPT_INDENT_2))


def load_state(folder: Path) -> State | None:
    """Return the state of the run that is kept in a folder, None if there is none.

    Raises InputError for a file that is no state, and for one of a version that cannot be resumed.
    """
    path = folder / STATE_FILE
    try:
        data = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except orjson.JSONDecodeError as error:
        raise InputError(
            f"{path} is damaged ({error}); remove it and the .partial files beside it"
        ) from error
    version = data.pop("version", None) if isinstance(data, dict) else None
    is_known = isinstance(version, int) and _OLDEST_VERSION <= version <= _VERSION
    if not is_known or _counted_otherwise(version, data):
        raise InputError(
            f"{path} is of another version of hugot; to start over, remove it and the .partial files "
            "beside it"
        )
    data["position"] = Position(**data["position"])
    return State(**data)


def _counted_otherwise(version: Any, data: dict[str, Any]) -> bool:
    """Return whether the records that the position of a state counts are others than now."""
    if not (data["bad"] and data["position"]["skip"]):
        return False
    formats = [str(mark[-1]) for mark in data["fingerprint"].get("the input", ())]
    is_columnar = any(parse_format(format).columnar for format in formats)
    return version == 1 or (version == 2 and is_columnar)


def fingerprint(
    bundle: ModelBundle, files: Sequence[InputFile], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return marks of the model's files and of the input's, and the options, as values of JSON."""
    # External weights lie beside the graph, as model.onnx_data or model.onnx.data.
    weights = sorted(bundle.onnx_path.parent.glob(f"{bundle.onnx_path.name}*"))
    settings = sorted(bundle.folder.glob("*.json"))
    # The files of `hugot optimize` come and go without another result.
    kept = [path for path in settings if not path.name.endswith(".ort.json")]
    parts = [bundle.onnx_path, *weights, bundle.tokenizer_path, *kept]
    marks = {
        "the model": [_mark(path) for path in dict.fromkeys(parts)],
        "the input": [[*_mark(file.path), str(file.format)] for file in files],
        **{f"option {name}": value for name, value in sorted(options.items())},
    }
    as_json = orjson.dumps(marks, default=str, option=orjson.OPT_NON_STR_KEYS)
    return orjson.loads(as_json)  # type: ignore[no-any-return]


def check_fingerprint(place: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise InputError that names a difference between a run's fingerprint and the present one.

    Args:
        place: the place of the run, for the message.
        was: the fingerprint of the run.
        now: the present one.
    """
    for name in [*now, *(each for each in was if each not in now)]:
        if was.get(name) != now.get(name):
            what = _changed_file(name, was.get(name), now.get(name))
            if what is not None:
                raise InputError(
                    f"the run in {place} cannot be resumed: {what}. Start over with --overwrite"
                )
            what = f"{name} was {_shown(was.get(name))} and is {_shown(now.get(name))}"
            raise InputError(
                f"the run in {place} cannot be resumed: {what}. Give it what it had, or --overwrite "
                "to start over"
            )


def _changed_file(name: str, was: Any, now: Any) -> str | None:
    """Return how the marks of the same files differ, in words; None if it is not their content."""
    if not (name.startswith("the ") and was and now and len(was) == len(now)):
        return None
    if any(old[0] != new[0] for old, new in zip(was, now, strict=True)):
        return None
    for old, new in zip(was, now, strict=True):
        if old[1:_MARKS] != new[1:_MARKS]:  # the rest is the format
            return f"{name} {new[0]} has changed since"
    return None


def _mark(path: Path) -> list[Any]:
    """Return path, size, time and a hash of the beginning of a file, which change if the file does."""
    import hashlib

    stat = path.stat()
    with path.open("rb") as file:
        head = hashlib.blake2b(file.read(_HEAD_BYTES), digest_size=16).hexdigest()
    return [str(path.resolve()), stat.st_size, stat.st_mtime_ns, head]


def _shown(value: Any) -> str:
    text = "not given" if value is None else orjson.dumps(value).decode()
    return text if len(text) < 200 else text[:200] + "…"
