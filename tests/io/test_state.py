"""The state of a run, and that of other versions."""

from __future__ import annotations

import json

import pytest

from hugot.errors import InputError
from hugot.io.batch import Position
from hugot.io.state import STATE_FILE, State, load_state

_START = Position()


@pytest.fixture
def saved(tmp_path):
    """Saves a state, with changes to what is in its file."""

    def save(position=_START, bad=0, **changes):
        State({"the model": []}, position, bad=bad).save(tmp_path)
        path = tmp_path / STATE_FILE
        path.write_text(json.dumps(json.loads(path.read_bytes()) | changes), encoding="utf-8")
        return tmp_path

    return save


def test_a_state_is_read_as_it_was_saved(saved):
    place = Position(1, 20, 300, 4)
    found = load_state(saved(place, bad=2))
    assert (found.position, found.bad, found.fingerprint) == (place, 2, {"the model": []})


def test_no_file_is_no_state(tmp_path):
    assert load_state(tmp_path) is None


@pytest.mark.parametrize(("skip", "bad"), [(0, 0), (0, 3), (5, 0)])
def test_a_state_of_version_1_can_be_resumed(saved, skip, bad):
    place = Position(0, 20, 300, skip)
    assert load_state(saved(place, bad, version=1)).position == place


def test_a_state_of_version_1_that_counted_other_records_is_refused(saved):
    with pytest.raises(InputError, match="another version"):
        load_state(saved(Position(skip=5), bad=3, version=1))


@pytest.mark.parametrize("version", [0, 99, None, "2"])
def test_other_versions_are_refused(saved, version):
    with pytest.raises(InputError, match="another version"):
        load_state(saved(version=version))


@pytest.mark.parametrize(
    ("kind", "is_refused"), [("parquet", True), ("arrow", True), ("csv", False)]
)
@pytest.mark.parametrize(("skip", "bad"), [(5, 3), (0, 3), (5, 0)])
def test_a_state_of_version_2_is_refused_if_nulls_may_be_missing_in_its_position(
    saved, kind, is_refused, skip, bad
):
    marks = {"the input": [["file", 1, 2, "hash", kind]]}
    folder = saved(Position(skip=skip), bad, version=2, fingerprint=marks)
    if is_refused and skip and bad:
        with pytest.raises(InputError, match="another version"):
            load_state(folder)
    else:
        assert load_state(folder).position.skip == skip
