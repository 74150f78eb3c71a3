"""The options that every pipeline takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hugot.options import check_choice, check_positive


@dataclass(frozen=True, kw_only=True)
class TaskOptions:
    """Options that every pipeline takes, when it is made or when it is called.

    Attributes:
        batch_size: most rows in a group, None for as many as the token budget allows. Groups are
            sized by their tokens, so there is seldom a reason to set it.
        truncation: True cuts a text that is too long for the model, as transformers does with
            ``truncation=True``; ``"error"`` (or False) raises an InputError for it instead.
    """

    batch_size: int | None = None
    truncation: bool | Literal["error"] = True

    def __post_init__(self) -> None:
        if self.batch_size is not None:
            check_positive("batch_size", self.batch_size)
        check_choice("truncation", self.truncation, (True, False, "error"))
