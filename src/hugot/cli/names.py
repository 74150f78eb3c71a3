"""How an option is called where it is set: as a flag, in the environment."""

from __future__ import annotations


def flag_name(name: str) -> str:
    """The flag of an option: ``top_k`` is ``--top-k``."""
    return "--" + name.replace("_", "-")


def variable_name(name: str) -> str:
    """The environment variable of an option: ``top_k`` is ``HUGOT_TOP_K``."""
    return "HUGOT_" + name.upper()
