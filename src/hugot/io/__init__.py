"""Files of records: reading, running and writing, as ``hugot run`` does.

    formats      the formats: names, suffixes, first bytes, compression
    files        finding input files; writing files and names to the disk safely
    lines        bytes → lines, on a thread
    jsonl, delimited, plain_text
                 lines → records, and records and results → lines
    items        an array of JSON → its items
    exact_json   objects of JSON as they are written
    columnar     Parquet and Arrow → records, and records and results → Parquet and Arrow
    records      lines → batches of records
    job          batches → results → output
    batch        records with their place in the input
    values       results → values of JSON
    arrow_types  results → Arrow arrays
    encode       chooses the writer of a format
    output       bytes → files, on a thread: temporary names, checkpoints, shards
    state        what a run has done, on disk
    progress     what a run reports

A `batch.Batch` has the `Position` before and behind it, so that a run can be stopped, and resumed,
between any two records.
"""
