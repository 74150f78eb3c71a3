"""Any bytes on the command line's input: the answers before the first bad line, and its number."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from hugot.cli.main import hugot
from hugot.errors import InputError

scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8))
records = st.dictionaries(
    st.sampled_from(["input", "id", "output", "", "\ud800"]), scalars, max_size=3
)
good = st.text(st.characters(exclude_categories=("Cs",)), max_size=20).map(
    lambda text: json.dumps({"input": text}).encode()
)
lines = st.one_of(
    good, good, good, st.binary(max_size=30).filter(lambda line: b"\n" not in line),
    records.map(lambda record: json.dumps(record).encode()),
    st.sampled_from([b"", b"  ", b"{", b"[]", b"[" * 5000, b'{"input": "\\ud800"}', b"\xff"]),
)  # fmt: skip


@pytest.fixture(scope="module")
def run(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lines")

    def run(data):
        source = folder / "in.jsonl"
        source.write_bytes(data)
        model = str(models / "bert-uncased-text")
        return CliRunner().invoke(
            hugot,
            ["run", "-p", model, "-t", "textClassification", "-i", str(source), "--threads", "1"],
        )

    return run


@given(batch=st.lists(lines, max_size=5))
@example(batch=[b'{"input": "' + b"a" * 1_000_000 + b'"}'])
def test_any_lines_are_answered_up_to_the_first_that_is_no_record(run, batch):
    done = run(b"\n".join(batch))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for line, answer in zip((line for line in batch if line.strip()), answers, strict=False):
        assert json.loads(line)["input"] == answer["input"]
        assert answer["output"]
    if done.exit_code == 0:
        assert len(answers) == sum(bool(line.strip()) for line in batch)
    else:
        # The first line without an answer; `main` makes one line of stderr of it.
        assert isinstance(done.exception, InputError), done.exc_info
        filled = [number for number, line in enumerate(batch, 1) if line.strip()]
        assert f"line {filled[len(answers)]}:" in str(done.exception)
