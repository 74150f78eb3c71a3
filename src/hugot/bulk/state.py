"""What a run has done, in a file beside its results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from hugot.bulk.batch import Position
from hugot.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STATE_FILE = "hugot-run.json"
_VERSION = 1


@dataclass(eq=False, repr=False)
class State:
    """A point at which everything before is on the disk.

    Attributes:
        fingerprint: what must be the same for the run to go on: model, options, input.
        position: the place in the input up to which results are written.
        shard: number of the result file that is being written.
        shard_records: records in it.
        length: bytes of its working file that count.
        encoder: what its encoder needs to go on.
        errors_length: bytes of ``errors.jsonl`` that count.
        records: records written, in all.
        bad: records that could not be run, in all.
        files: names of the result files that are whole.
        old_files: those of the run before, which go when this one is done.
        publishing: whether the working file is whole and is being given its name.
        last: whether it is the last one.
        done: whether the run is.
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
    files: list[str] = field(default_factory=list)
    old_files: list[str] = field(default_factory=list)
    publishing: bool = False
    last: bool = False
    done: bool = False

    def save(self, folder: Path) -> None:
        """Write it, so that it is on the disk as a whole."""
        from hugot.bulk.disk import write_whole

        data = {"version": _VERSION, **vars(self), "position": self.position._asdict()}
        write_whole(folder / STATE_FILE, orjson.dumps(data, option=orjson.OPT_INDENT_2))


def load_state(folder: Path) -> State | None:
    """The state of the run in a folder, None where there is none.

    Raises InputError for a file that is no state.
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
    if not isinstance(data, dict) or data.pop("version", None) != _VERSION:
        raise InputError(f"{path} is of another version of hugot; --overwrite starts over")
    data["position"] = Position(**data["position"])
    return State(**data)


def check_fingerprint(folder: Path, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise InputError that names what is not as it was when the run began."""
    for name in [*now, *(each for each in was if each not in now)]:
        if was.get(name) != now.get(name):
            what = f"{name} was {_shown(was.get(name))} and is {_shown(now.get(name))}"
            raise InputError(
                f"the run in {folder} cannot be resumed: {what}. Give it what it had, or --overwrite "
                "to start over"
            )


def _shown(value: Any) -> str:
    text = "not given" if value is None else orjson.dumps(value).decode()
    return text if len(text) < 200 else text[:200] + "…"
