"""Pipelines over Arrow data: record batches, tables, streams, and pandas and polars columns.

    from hugot.integrations.arrow import ArrowPipeline

    embed = ArrowPipeline("feature-extraction", "path/to/model", input_column="text")
    embed(table)                          # the table with a column "output": fixed_size_list<float>[dim]
    embed(frame["text"])                  # a pandas or polars column → a column of results
    embed(dataset.scanner())              # a RecordBatchReader: the memory of two windows

An `ArrowPipeline` holds configuration: it can be pickled, and each process that calls it loads the model
once, as distributed engines need it:

    # Ray Data: each actor makes one and is called with tables
    ds.map_batches(
        ArrowPipeline,
        fn_constructor_args=("feature-extraction", "path/to/model"),
        fn_constructor_kwargs={"input_column": "text", "threads": 1},
        batch_format="pyarrow", concurrency=8,
    )
    # Spark: an iterator of record batches in, one out
    frame.mapInArrow(embed.stream, "text string, output array<float>")

Needs pyarrow: ``pip install hugot[arrow]``. See docs/columnar.md.
"""

from __future__ import annotations

try:
    import pyarrow as _pyarrow  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"hugot.integrations.arrow needs pyarrow, which cannot be imported ({error}): "
        "pip install 'hugot[arrow]'"
    ) from error

from hugot.integrations.arrow.pipeline import ArrowPipeline
from hugot.integrations.arrow.results import result_type, results_array
from hugot.integrations.arrow.texts import as_column, texts_of

__all__ = ["ArrowPipeline", "as_column", "result_type", "results_array", "texts_of"]
