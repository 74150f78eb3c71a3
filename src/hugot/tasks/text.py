"""The base class of tasks on texts: the tokenizer, the check of inputs, rows of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import numpy as np

from hugot.errors import InputError
from hugot.inputs.columns import advice, plain_str, unpack
from hugot.inputs.rows import TokenRows, check_token_inputs, takes_flat_tokens, takes_type_ids
from hugot.options import check_choice, check_positive
from hugot.tasks.base import Task, TaskOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hugot.inputs.native import Text
    from hugot.inputs.tokenizer import LoadTokenizer, TextTokenizer
    from hugot.models.bundle import ModelBundle
    from hugot.tasks.base import Graph


@dataclass(frozen=True, kw_only=True)
class TextOptions(TaskOptions):
    """Options of every task on texts.

    Attributes:
        truncation: True truncates a text that is too long for the model, as transformers does with
            ``truncation=True``; ``"error"`` (or False) raises an InputError instead.
        max_length: maximum number of tokens of a text, special ones included, if it is less than what
            the model takes; None for what the model takes.
    """

    truncation: bool | Literal["error"] = True
    max_length: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("truncation", self.truncation, (True, False, "error"))
        if self.max_length is not None:
            check_positive("max_length", self.max_length)


Options = TypeVar("Options", bound=TextOptions)
Result = TypeVar("Result")
_ONLY_STR = {str}


class TextTask(Task[Options, Result]):
    """Base class of tasks on texts.

    Attributes:
        answers_empty: whether a text without tokens has a result.
        tokenizer: the model's tokenizer, with the task's longest row.
        load_tokenizer: returns the model's tokenizer with the given settings.
    """

    answers_empty: ClassVar[bool] = False

    def __init__(self, bundle: ModelBundle, load_tokenizer: LoadTokenizer) -> None:
        super().__init__(bundle, load_tokenizer)
        self.load_tokenizer = load_tokenizer
        self.tokenizer: TextTokenizer = self.choose_tokenizer()
        self._type_ids = False

    def choose_tokenizer(self) -> TextTokenizer:
        """Return the tokenizer, with the task's longest row."""
        return self.load_tokenizer(self.bundle.longest_row)

    def tokenizer_for(self, options: Options) -> TextTokenizer:
        """Return the tokenizer with the longest row of the options.

        Raises InputError for a `max_length` without room for a text.
        """
        if options.max_length is None:
            return self.tokenizer
        return self.tokenizer.with_length(options.max_length)

    def bind(self, graph: Graph, options: Options) -> None:
        """Check that the graph takes rows of tokens; see `Task.bind`."""
        super().bind(graph, options)
        if takes_flat_tokens(graph.inputs):
            # As StaticEmbedding of sentence-transformers: no special tokens, and no longest row.
            self.tokenizer = self.load_tokenizer(None, special_tokens=False)
        self.tokenizer_for(options)
        check_token_inputs(graph.inputs, graph.path)
        self._type_ids = takes_type_ids(graph.inputs, self.bundle)

    def longest_row(self, options: Options) -> int | None:
        """Return the longest row of the tokenizer; see `Task.longest_row`."""
        return self.tokenizer.max_length

    def count_tokens(self, value: Any, options: Options) -> int:
        """Count the tokens of a text, a pair or a list of words; see `Task.count_tokens`."""
        return self.tokenizer.count(self.check_input(value, 0, options))

    def unpack(self, inputs: Any) -> Any:
        """Return the items of an array or a column; see `Task.unpack`."""
        return unpack(inputs, self.name)

    def accepts_all(self, inputs: Sequence[Any], options: Options) -> bool:
        """Whether all inputs are of type str."""
        if len(inputs) == 1:
            return type(inputs[0]) is str
        return {*map(type, inputs)} == _ONLY_STR

    def check_input(self, value: Any, index: int, options: Options) -> Text:
        """Return the text (or pair) to tokenize for an input; see `Task.check_input`."""
        if isinstance(value, str):
            return plain_str(value)
        if hasattr(value, "as_py") and isinstance(text := value.as_py(), str):
            return text  # a scalar of pyarrow
        raise InputError(
            f"input {index} is of type {type(value).__name__}; {self.name} takes str{advice(value)}",
            index,
        )

    def make_rows(
        self, values: Sequence[Text], options: Options, numbers: Sequence[int]
    ) -> tuple[TokenRows, dict[int, InputError]]:
        """Tokenize the texts; see `Task.make_rows`."""
        return self.tokenizer_for(options).encode(
            values,
            type_ids=self._type_ids,
            truncate=options.truncation is True,
            allow_empty=self.answers_empty,
            numbers=numbers,
        )

    def blank_rows(self, count: int, width: int) -> TokenRows:
        """Return rows of padding tokens."""
        padding = self.tokenizer.padding
        ids = np.full(count * width, padding.pad_id, np.int32)
        offsets = np.arange(count + 1, dtype=np.int64) * width
        return TokenRows(ids, offsets, None, (), padding)
