"""What tasks derive from options."""

from __future__ import annotations

from hugot.tasks.base import OptionsCache, TaskOptions


def test_what_is_derived_from_options_is_derived_once_for_one_object() -> None:
    asked: list[int | None] = []

    def derive(options: TaskOptions) -> int:
        asked.append(options.batch_size)
        return len(asked)

    cache: OptionsCache[TaskOptions, int] = OptionsCache()
    options = TaskOptions(batch_size=3)
    assert [cache.get(options, derive), cache.get(options, derive)] == [1, 1]
    assert cache.get(TaskOptions(batch_size=4), derive) == 2
    assert asked == [3, 4]
