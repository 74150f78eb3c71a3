"""Choosing the output of a graph that vectors are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from hugot.errors import ModelFormatError
from hugot.models.text_settings import TOKEN_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hugot.models.sentence import SentenceFiles

    class Output(Protocol):
        """An output of a graph, as it is declared."""

        @property
        def name(self) -> str:
            """Its name."""

        @property
        def dtype(self) -> str:
            """Its element type."""

        @property
        def shape(self) -> tuple[int | str | None, ...]:
            """Its dimensions: a size, a name, or None if it has neither."""


# Names that exporters use for the output with token vectors, and for that of a whole
# sentence-transformers model.
_TOKEN_OUTPUTS: Final = (TOKEN_OUTPUT, "token_embeddings")
_SENTENCE_OUTPUT: Final = "sentence_embedding"
# BERT's pooler is trained for another task; sentence-transformers does not read it unless told to.
_POOLER_OUTPUT: Final = "pooler_output"
_FLOATS: Final = frozenset({"float32", "float16", "bfloat16", "float64"})
# Parts of the names of architectures with a head, whose output is no vector of a text.
_HEADS: Final = ("For", "LMHead")


class VectorOutput(NamedTuple):
    """The output that vectors are made of.

    Attributes:
        number: its number among the outputs.
        rank: number of its dimensions: 3 for token vectors, 2 for vectors of texts.
        is_final: whether it is the whole model's vector, after which no module is applied.
        why: the reason for the choice, for people.
    """

    number: int
    rank: int
    is_final: bool
    why: str


def choose_output(
    outputs: Sequence[Output],
    files: SentenceFiles | None,
    config: Mapping[str, Any],
    where: object,
) -> VectorOutput:
    """Return the output to read.

    Args:
        outputs: the graph's outputs.
        files: the sentence-transformers files whose modules are applied to it; None if token vectors are
            wanted, whatever the files say.
        config: content of the model's ``config.json``.
        where: the graph's file, for messages.

    Raises ModelFormatError if the graph has no fitting output, or several of unknown names.
    """
    numbers = {output.name: i for i, output in enumerate(outputs) if _is_float(output)}
    if files is not None and files.source and files.texts.output != TOKEN_OUTPUT:
        return _named_in_settings(outputs, numbers, files, where)
    sentence = _with_rank(outputs, numbers, [_SENTENCE_OUTPUT], 2)
    if files is not None and files.source is None and sentence is not None:
        why = "the graph has it, and the folder has no modules.json: the modules are in the graph"
        return VectorOutput(sentence, 2, True, why)
    if files is not None and files.pooling is None and sentence is not None:
        return VectorOutput(sentence, 2, False, "by its name, it has the vectors of texts")
    tokens = _with_rank(outputs, numbers, _TOKEN_OUTPUTS, 3)
    if tokens is not None:
        return VectorOutput(tokens, 3, False, "by its name, it has the vectors of tokens")
    if files is not None and sentence is not None:
        why = "the graph has no vectors of tokens, and by its name, this is the model's vector"
        return VectorOutput(sentence, 2, True, why)
    return _of_unknown_name(outputs, numbers, files, config, where)


def named_output(outputs: Sequence[Output], name: str) -> VectorOutput | None:
    """Return the output of a name, if it can be one with vectors; None otherwise.

    Args:
        outputs: the graph's outputs.
        name: the name; the user has chosen it, so that any type of numbers will do.
    """
    for number, output in enumerate(outputs):
        rank = len(output.shape)
        if output.name == name and rank in (0, 2, 3):
            # Some graphs declare no shapes; the output's own is checked when it is read.
            rank = rank or (2 if name in (_SENTENCE_OUTPUT, _POOLER_OUTPUT) else 3)
            return VectorOutput(number, rank, rank == 2, "output_name= asks for it")
    return None


def describe_outputs(outputs: Iterable[Output]) -> str:
    """Return names, types and shapes of a graph's outputs, for messages."""
    return (
        ", ".join(f"{output.name} {output.dtype} {list(output.shape)}" for output in outputs)
        or "none"
    )


def _named_in_settings(
    outputs: Sequence[Output], numbers: Mapping[str, int], files: SentenceFiles, where: object
) -> VectorOutput:
    name, rank = files.texts.output, 2 if files.texts.is_sentence else 3
    number = _with_rank(outputs, numbers, [name], rank)
    if number is None:
        raise ModelFormatError(
            f"sentence_bert_config.json names the output {name!r} with {rank} dimensions "
            f"(method_output_name); {where} has {describe_outputs(outputs)}"
        )
    return VectorOutput(number, rank, False, "sentence_bert_config.json names it")


def _of_unknown_name(
    outputs: Sequence[Output],
    numbers: Mapping[str, int],
    files: SentenceFiles | None,
    config: Mapping[str, Any],
    where: object,
) -> VectorOutput:
    """Return the only output with the right number of dimensions, whatever its name."""
    logits = [name for name in numbers if name.endswith("logits")]
    others = [name for name in numbers if name not in (*logits, _POOLER_OUTPUT, _SENTENCE_OUTPUT)]
    head = _head(config)
    # Without the modules of a file to apply, a vector for a text will do; StaticEmbedding has no other.
    ranks = (3, 2) if files is not None and files.source is None else (3,)
    if files is not None and files.pooling is None:
        ranks = (2,)
    for rank in ranks:
        found = [name for name in others if len(outputs[numbers[name]].shape) == rank]
        if len(found) > 1:
            raise ModelFormatError(
                f"{where} has several outputs that may be the vectors: {', '.join(found)}. Choose one "
                f"with output_name=; it has {describe_outputs(outputs)}"
            )
        if found and head is None:
            axes = "[batch, tokens, dim]" if rank == 3 else "[batch, dim]"
            why = f"no output has a known name, and this is the only one of floats {axes}"
            return VectorOutput(numbers[found[0]], rank, False, why)
        if found:
            logits = found
            break
    raise _no_output_error(outputs, where, logits, head)


def _no_output_error(
    outputs: Sequence[Output], where: object, logits: Sequence[str], head: str | None
) -> ModelFormatError:
    described = describe_outputs(outputs)
    if logits:
        named = f", and config.json names {head}" if head else ""
        return ModelFormatError(
            f"{where} has logits of a task, not vectors for feature-extraction: {described}{named}. "
            "Export it with --task feature-extraction, or choose an output with output_name=."
        )
    return ModelFormatError(
        f"{where} has no output for feature-extraction: it needs floats, vectors of tokens "
        f"[batch, tokens, dim], or of texts [batch, dim] if there is no modules.json, and has "
        f"{described}. Export it with --task feature-extraction, or choose an output with output_name=."
    )


def _is_float(output: Output) -> bool:
    return output.dtype in _FLOATS


def _with_rank(
    outputs: Sequence[Output], numbers: Mapping[str, int], names: Iterable[str], rank: int
) -> int | None:
    """Return the first output of the names that has this number of dimensions, or declares none."""
    found = (numbers[name] for name in names if name in numbers)
    return next((i for i in found if len(outputs[i].shape) in (0, rank)), None)


def _head(config: Mapping[str, Any]) -> str | None:
    """Return the architecture of config.json if it names a head, or None."""
    architectures = config.get("architectures")
    names = map(str, architectures) if isinstance(architectures, list) else ()
    return next((name for name in names if any(part in name for part in _HEADS)), None)
