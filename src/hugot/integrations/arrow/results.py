"""Results of pipelines as Arrow arrays; the types are those of `hugot.io.arrow_types`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hugot.errors import InputError
from hugot.io.arrow_types import arrow_array, arrow_type, fitting_type
from hugot.pipelines.pipeline import runner_of
from hugot.tasks import task_class

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pyarrow as pa

    from hugot.pipelines.pipeline import Pipeline

VECTOR_TYPES: Final = ("float32", "float16")


def result_type(
    pipeline: Pipeline[Any, Any],
    vector_type: str = "float32",
    fields: Collection[str] | None = None,
) -> pa.DataType:
    """Return the Arrow type of a pipeline's results, with the options that it was made with.

    Args:
        pipeline: the pipeline. It runs a short text if the files do not state the size of its vectors.
        vector_type: ``"float32"`` or ``"float16"``.
        fields: names of the fields that the inputs have, if the results depend on them.
    """
    runner = runner_of(pipeline)
    task, options, found = runner.task, runner.options, runner.result_type()
    if fields is not None:
        of_fields = task.record_type(options, fields)
        found = found if of_fields == task.result_type(options) else of_fields
    return arrow_type(found, half=vector_type == "float16")


def results_array(task: str, results: Sequence[Any], type: pa.DataType | None = None) -> pa.Array:
    """Return the results of a list of inputs as an Arrow array with a row for each.

    Args:
        task: name of the task.
        results: what a pipeline returned for a list of inputs.
        type: the type, as `result_type` returns it; by default the type of the task that fits the
            results, which requires that one of them is not empty.

    An array [n, dim] of float32 becomes a fixed-size list over the array's own memory, which lives as
    long as the Arrow array does; do not write to it.

    Raises InputError for results of another task.
    """
    if type is None:
        types = task_class(task).result_types
        found = fitting_type(results, types)
        if found is None:
            if any(len(each) for each in results):
                kinds = " or ".join(str(arrow_type(each)) for each in types)
                raise InputError(f"results of another kind than {kinds}")
            raise InputError(
                "without a result, type= must tell the type; result_type(pipeline) gives it"
            )
        type = arrow_type(found)
    return arrow_array(results, type)
