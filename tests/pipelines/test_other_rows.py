"""Rows that are no text go through every layer: call, list, stream, submit, acall and hugot run."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper

from hugot import tasks
from hugot.errors import InputError
from hugot.pipelines import classes
from hugot.tasks import TaskSpec
from hugot.tasks.base import Task, TaskOptions
from hugot.tasks.schema import FLOAT32, Field, ListOf, struct

SIZE = 4


class NumberRows:
    """Rows of four float32 numbers each."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.sources = None
        self.truncated = 0
        self.size = len(values)

    @property
    def offsets(self) -> np.ndarray:
        return np.arange(len(self.values) + 1, dtype=np.int64)

    @property
    def lengths(self) -> np.ndarray:
        return np.ones(len(self.values), np.int64)

    @property
    def nbytes(self) -> int:
        return self.values.nbytes

    def __len__(self) -> int:
        return len(self.values)

    def feeds(self, group: Any, inputs: Any) -> list[np.ndarray]:
        assert [spec.name for spec in inputs] == ["numbers"]
        return [np.ascontiguousarray(self.values[group.rows])]

    def slice(self, begin: int, end: int) -> NumberRows:
        return NumberRows(self.values[begin:end])

    def concat(self, others: Any) -> NumberRows:
        return NumberRows(np.concatenate([self.values, *(other.values for other in others)]))


@dataclass(frozen=True, kw_only=True)
class NumberSumOptions(TaskOptions):
    """Options of the sum.

    Attributes:
        scale: a factor of the sum.
    """

    scale: float = 1.0


class NumberSum(Task[NumberSumOptions, list]):
    """Sums lists of four numbers; a negative number is refused."""

    name: ClassVar[str] = "number-sum"
    options_type: ClassVar[type] = NumberSumOptions
    fields: ClassVar[tuple] = (Field("numbers", "numbers", "Key or column of the numbers."),)
    result_types: ClassVar[tuple] = (ListOf(struct(total=FLOAT32)),)

    def result_type(self, options):
        return self.result_types[0]

    def is_single(self, inputs):
        return isinstance(inputs, tuple)

    def check_input(self, value, index, options):
        if not isinstance(value, tuple | list) or len(value) != SIZE:
            raise InputError(f"input {index} must be four numbers", index)
        return np.array(value, np.float32)

    def make_rows(self, values, options, numbers):
        refused = {
            place: InputError(f"input {numbers[place]} is negative", numbers[place])
            for place, value in enumerate(values)
            if value.min() < 0
        }
        kept = [value for place, value in enumerate(values) if place not in refused]
        return NumberRows(np.array(kept, np.float32).reshape(-1, SIZE)), refused

    def wanted_outputs(self, options):
        return [0]

    def allocate(self, rows, options):
        return [None] * len(rows)

    def postprocess(self, outputs, group, prepared):
        sums = outputs[0].numpy()
        for place, row in enumerate(group.rows.tolist()):
            total = float(sums[place, 0]) * prepared.options.scale
            prepared.results[row] = [{"total": total}]

    def finish(self, prepared):
        return prepared.results

    def sample_input(self, text, options):
        return (1.0,) * SIZE


@pytest.fixture
def folder(tmp_path, models):
    graph = helper.make_graph(
        [helper.make_node("ReduceSum", ["numbers", "axes"], ["sums"], keepdims=1)],
        "sum",
        [helper.make_tensor_value_info("numbers", TensorProto.FLOAT, ["batch", SIZE])],
        [helper.make_tensor_value_info("sums", TensorProto.FLOAT, ["batch", 1])],
        [helper.make_tensor("axes", TensorProto.INT64, [1], [1])],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    onnx.save(model, tmp_path / "model.onnx")
    source = models / "bert-uncased-text"
    for name in ("tokenizer.json", "config.json"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    return tmp_path


@pytest.fixture
def number_sum(monkeypatch):
    """The task in the registry, as its line and its module would put it there."""
    spec = TaskSpec("number-sum", ())
    monkeypatch.setattr(TaskSpec, "module", property(lambda self: _module_of(self)))
    monkeypatch.setattr(tasks, "SPECS", (*tasks.SPECS, spec))
    names = dict.fromkeys(spec.names, spec)
    monkeypatch.setattr(tasks, "_BY_NAME", {**tasks._BY_NAME, **names})
    yield spec
    classes._make_class.cache_clear()


def _module_of(spec: TaskSpec) -> str:
    if spec.name == "number-sum":
        return __name__
    return f"hugot.tasks.{spec.name.replace('-', '_')}"


@pytest.fixture
def total(folder, number_sum):
    import hugot

    with hugot.pipeline("number-sum", folder) as pipeline:
        yield pipeline


def answer(number: float) -> list[dict[str, float]]:
    return [{"total": number}]


@pytest.mark.parametrize("mode", ["latency", "throughput"])
def test_a_call_takes_one_and_many(folder, number_sum, mode) -> None:
    import hugot

    with hugot.pipeline("number-sum", folder, mode=mode, threads=2, scale=2.0) as pipeline:
        assert type(pipeline).__name__ == "NumberSumPipeline"
        assert pipeline((1, 2, 3, 4)) == answer(20)
        many = pipeline([(number, 0, 0, 1) for number in range(2000)])
        assert many == [answer(2 * (number + 1)) for number in range(2000)]
        assert pipeline([(1, 1, 1, 1)], scale=1.0) == [answer(4)]


def test_a_stream_keeps_the_order_and_stops_at_a_refused_input(total) -> None:
    given = [(number, 0, 0, 0) for number in range(200)]
    assert list(total.stream(given)) == [answer(number) for number in range(200)]
    read = total.stream([*given[:5], (-1, 0, 0, 0), *given[5:]])
    assert [next(read) for _ in range(5)] == [answer(number) for number in range(5)]
    with pytest.raises(InputError, match="input 5 is negative"):
        next(read)


def test_requests_share_groups(total) -> None:
    futures = [total.submit((number, 0, 0, 0)) for number in range(50)]
    assert [future.result(10) for future in futures] == [answer(number) for number in range(50)]
    assert total.submit([(1, 0, 0, 0), (2, 0, 0, 0)]).result(10) == [answer(1), answer(2)]
    with pytest.raises(InputError, match="input 1 is negative"):
        total.submit([(1, 0, 0, 0), (-2, 0, 0, 0)]).result(10)


def test_a_task_of_asyncio_awaits_an_answer(total) -> None:
    async def ask() -> Any:
        return await asyncio.gather(*(total.acall((number, 1, 1, 1)) for number in range(20)))

    assert asyncio.run(ask()) == [answer(number + 3) for number in range(20)]


def test_plan_warmup_and_tune_need_no_text(total) -> None:
    plan = total.plan([(1, 2, 3, 4)] * 10)
    assert (sum(rows for rows, _ in plan.groups), plan.tokens) == (10, 10)
    total.warmup()
    assert total.tune([(1, 2, 3, 4)] * 10, rounds=1).token_budget in (128, 256, 512, 1024)


def test_hugot_run_reads_the_fields_that_the_task_declares(folder, number_sum, tmp_path) -> None:
    from hugot.cli.main import hugot

    lines = [{"numbers": [1, 2, 3, 4], "id": 1}, {"numbers": [-1, 0, 0, 0]}, {"numbers": [1] * 4}]
    source = tmp_path / "lines.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    arguments = ["run", "--model", str(folder), "--type", "numberSum", "--input", str(source)]
    errors = tmp_path / "errors.jsonl"
    more = ["--scale", "0.5", "--on-error", "skip", "--errors", str(errors), "--quiet"]
    done = CliRunner().invoke(hugot, [*arguments, *more])
    assert done.exit_code == 3, done.output
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"numbers": [1, 2, 3, 4], "id": 1, "output": [{"Total": 5.0}]},
        {"numbers": [1, 1, 1, 1], "output": [{"Total": 2.0}]},
    ]
    assert "negative" in errors.read_text()
    out = tmp_path / "out"
    more = ["--output", str(out), "--output-format", "csv", "--numbers-column", "numbers"]
    done = CliRunner().invoke(hugot, [*arguments, *more, "--on-error", "skip", "--quiet"])
    assert done.exit_code == 3, done.output
    assert (out / "result_0.csv").read_text().splitlines()[0] == "numbers,id,output"
