"""Bulk work on files: what stands between ``hugot run`` and a pipeline.

    inputs   files, folders, patterns, stdin          which files there are, in which format
    lines    bytes → lines, on a thread               compression undone, over-long lines found
    records  lines → records                          JSON Lines, CSV, plain text
    columns  Parquet and Arrow → records
    answers  batches → results                        `Pipeline.stream_batches`, refused inputs put aside
    encode   records and results → bytes              values, arrow_values: what a result looks like
    output   bytes → files, on a thread               temporary names, checkpoints, shards
    state    what a run has done, on disk
    job      puts these together

A batch knows the `Position` before and behind it, so that the output can be brought to a stop, and a
run taken up again, between any two records.
"""
