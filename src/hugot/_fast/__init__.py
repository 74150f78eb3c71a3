"""Compiled kernels: numbers in, numbers out; no text, no dicts, no validation.

The pipelines check what they are given; a kernel trusts its arguments. Each kernel has a slow and
obvious counterpart in ``tests/reference.py``, against which it is tested.
"""
