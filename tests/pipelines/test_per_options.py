"""What pipelines derive from their options."""

from __future__ import annotations

from hugot.pipelines.per_options import PerOptions
from hugot.pipelines.task_options import TaskOptions


def test_what_is_derived_from_options_is_derived_once_for_one_object() -> None:
    made: list[TaskOptions] = []
    derive = PerOptions(lambda options: made.append(options) or len(made))
    options = TaskOptions(batch_size=3)
    assert [derive(options), derive(options)] == [1, 1]
    assert derive(TaskOptions(batch_size=4)) == 2
    assert [each.batch_size for each in made] == [3, 4]
