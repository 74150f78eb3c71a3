"""Compiled kernels; they trust their arguments, which the pipelines have checked.

Most are numbers in, numbers out. `entities`, `row_tokens`, `joining` and `ranking` make text and dicts
as well: for one text that costs less than handing the numbers to Python does. Each kernel has a slow
and obvious counterpart in ``tests/reference.py``, against which it is tested.
"""
