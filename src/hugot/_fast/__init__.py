"""Compiled kernels. They do not check their arguments; the pipelines do.

Most kernels compute numbers from numbers. `entities`, `row_tokens`, `joining` and `ranking` also create
str and dict objects, which for a single text is faster than to return the numbers to Python. Each kernel
is tested against a slow and obvious implementation in ``tests/reference.py``.
"""
