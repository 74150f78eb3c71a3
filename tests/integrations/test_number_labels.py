"""Labels that are numbers in config.json, in a column."""

from __future__ import annotations

import pytest
from fixtures.edits import edited_copy

import hugot

pytest.importorskip("pyarrow")


def test_labels_that_are_numbers_are_strings_in_a_column(models, tmp_path) -> None:
    from hugot.integrations.arrow import results_array

    edits = {"config.json": {"id2label": {"0": 1, "1": 5}}}
    folder = edited_copy(models / "bert-uncased-text", edits, tmp_path / "m")
    with hugot.pipeline("text-classification", folder) as classify:
        assert classify.labels == [1, 5]
        results = classify(["good", "bad"])
    assert {type(each["label"]) for each in results} == {int}
    column = results_array("text-classification", results).to_pylist()
    assert [row[0]["label"] for row in column] == [str(each["label"]) for each in results]
