"""What pipelines derive from their options."""

from __future__ import annotations

from hugot.pipelines.per_options import PerOptions
from hugot.pipelines.task_options import TaskOptions


def test_what_is_derived_from_options_is_derived_once_for_one_object() -> None:
    asked: list[int | None] = []

    def derive(options: TaskOptions) -> int:
        asked.append(options.batch_size)
        return len(asked)

    remembered: PerOptions[TaskOptions, int] = PerOptions()
    options = TaskOptions(batch_size=3)
    assert [remembered(options, derive), remembered(options, derive)] == [1, 1]
    assert remembered(TaskOptions(batch_size=4), derive) == 2
    assert asked == [3, 4]
