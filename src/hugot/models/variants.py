"""Choosing one ``.onnx`` file of several: the variants of a model, by the names that exporters use.

optimum writes ``model.onnx``, ``model_optimized.onnx`` and ``model_quantized.onnx``;
sentence-transformers ``onnx/model_O3.onnx`` and ``onnx/model_qint8_avx512_vnni.onnx``; repositories for
transformers.js hold ``onnx/model_fp16.onnx``, ``onnx/model_int8.onnx`` and others. Only the names are
looked at, not the files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hugot.errors import InputError, ModelFormatError, ModelNotFoundError
from hugot.models.modules import transformer_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

VARIANTS = ("auto", "fp32", "fp16", "int8")
# Further kinds of graphs, by the words in their names: those of transformers.js and bitsandbytes. Unlike
# the others, they are chosen by the name alone.
_NAMED = {
    "q4": ("q4", "int4", "uint4"),
    "int4": ("int4", "q4", "uint4"),
    "uint4": ("uint4", "q4", "int4"),
    "q4f16": ("q4f16",),
    "bnb4": ("bnb4",),
    "q8": ("q8", "quantized"),
    "quantized": ("quantized",),
    "uint8": ("uint8", "quint8"),
    "bf16": ("bf16", "bfloat16"),
    "fp8": ("fp8",),
}
_ALL_VARIANTS = (*VARIANTS, *_NAMED)
# The folders that a model's graph is looked for in, in order.
FOLDERS = ("", "onnx/")

_INSTALL = "after 'pip install \"sentence-transformers[onnx]\" accelerate'"
_EXPORT = f"'optimum-cli export onnx --model NAME --task TASK FOLDER', {_INSTALL}"
_EXPORT_SENTENCES = (
    'sentence_transformers.SentenceTransformer(NAME, backend="onnx").save_pretrained(FOLDER), '
    f"{_INSTALL}"
)
_WEIGHTS = (".safetensors", "pytorch_model.bin")

TOKENIZER_HINT = (
    "Copy it from the model that the graph was exported from, with config.json and "
    f"tokenizer_config.json, or export that model again with {_EXPORT}."
)

# Names without ".onnx", the best first. O4 of optimum is O3 with halved precision.
_RANKS = {
    "fp32": ("model", "model_fp32", "model_optimized", "model_o3", "model_o2", "model_o1"),
    "fp16": ("model_fp16", "model_float16", "model_o4"),
    "int8": ("model_quantized", "model_int8", "model_qint8", "model_uint8", "model_quint8"),
}
_FP16_WORDS = frozenset(("fp16", "float16", "half", "o4"))
_INT8_WORDS = frozenset(("int8", "uint8", "qint8", "quint8", "quantized"))
_OTHER_WORDS = frozenset(
    ("q1", "q2", "q4", "q4f16", "q8", "bnb4", "int4", "uint4", "fp8", "bf16", "bfloat16")
)
# Instruction set in a file's name → flag of the CPU that has it, the most demanding first.
_X86_SETS = {"avx512_vnni": "avx512_vnni", "avx512": "avx512f", "avx2": "avx2"}
_ARM_SET = "arm64"


def choose_graph(
    files: Mapping[str, int | None],
    onnx_file: str | None = None,
    variant: str | None = None,
    *,
    where: str,
    features: Sequence[str] | None = None,
    inner: str = "",
) -> str:
    """Return the name of the ``.onnx`` file to use.

    Args:
        files: names of files (others than ``.onnx`` are ignored), with sizes in bytes if known.
        onnx_file: the file to use, whatever its name.
        variant: ``"auto"``, ``"fp32"``, ``"fp16"``, ``"int8"``, a further kind such as ``"q4"``, or a
            file name. ``"auto"``, also meant by None, is the only file, or fp32 among several: precision
            is never lowered unasked.
        where: the folder or repository of the files, for messages.
        features: features of the CPU, by `cpu_features`; by default those of this CPU.
        inner: the folder, among the files, that is searched first; see `transformer_folder`.

    Raises ModelNotFoundError if no file is the one asked for, or it is not clear which of several is
    meant; ModelFormatError if the CPU lacks the instruction set of every such file; InputError for an
    unknown variant.
    """
    if inner:
        prefix = f"{inner}/"
        nested = {
            name.removeprefix(prefix): size
            for name, size in files.items()
            if name.startswith(prefix) and name.endswith(".onnx")
        }
        if nested:
            asked_for = onnx_file and onnx_file.removeprefix(prefix)
            return prefix + choose_graph(
                nested, asked_for, variant, where=f"{where}/{inner}", features=features
            )
    graphs = {name: size for name, size in files.items() if name.endswith(".onnx")}
    if not graphs:
        raise _no_graph(where, files)
    asked_for = file_asked_for(onnx_file, variant)
    if asked_for is not None:
        return _by_name(graphs, asked_for, where)
    found = [name for folder in FOLDERS for name in sorted(graphs) if _folder(name) == folder]
    if variant in (None, "auto"):
        if len(found) == 1:
            return found[0]
        found = _fp32(found)
        if not found:
            several = "several .onnx files" if len(graphs) > 1 else "an .onnx file in a subfolder"
            raise ModelNotFoundError(
                f"{where} has {several}: {listed(graphs)}. Choose one with onnx_file= or variant=."
            )
        return found[0]
    assert variant is not None
    return _of_variant(found, graphs, variant, where, features)


def find_onnx(folder: Path, onnx_file: str | None = None, variant: str | None = None) -> Path:
    """Return the ``.onnx`` file to use in a folder, or in that of its Transformer module.

    See `choose_graph` and `hugot.models.modules.transformer_folder`.
    """
    own = transformer_folder(folder)
    if own != folder and (any(own.glob("*.onnx")) or any(own.glob("onnx/*.onnx"))):
        prefix = f"{own.relative_to(folder).as_posix()}/"
        return find_onnx(own, onnx_file and onnx_file.removeprefix(prefix), variant)
    asked_for = file_asked_for(onnx_file, variant)
    if asked_for is not None:
        for inner in FOLDERS:
            if (folder / inner / asked_for).is_file():
                check_instruction_set(asked_for, {})
                return folder / inner / asked_for
    files = {
        inner + path.name: path for inner in FOLDERS for path in (folder / inner).glob("*.onnx")
    }
    if not files:
        raise _no_graph(str(folder), [path.name for path in folder.iterdir()])
    sizes: dict[str, int | None] = dict.fromkeys(files)
    if len(files) > 1:
        sizes = {name: path.stat().st_size for name, path in files.items()}
    name = choose_graph(sizes, onnx_file, variant, where=str(folder))
    check_instruction_set(name, sizes)
    return files[name]


def _no_graph(where: str, names: Iterable[str]) -> ModelNotFoundError:
    """Return the error for a model without a graph, which says how to export one."""
    names = list(names)
    weights = next((name for name in sorted(names) if name.endswith(_WEIGHTS)), None)
    found = "" if weights is None else f", only weights for PyTorch ({weights})"
    export = _EXPORT_SENTENCES if "modules.json" in names else _EXPORT
    return ModelNotFoundError(f"{where} has no .onnx file{found}. Export it with {export}.")


def file_asked_for(onnx_file: str | None, variant: str | None) -> str | None:
    """Return the file that is asked for by its name, or None; raises InputError for a bad variant."""
    if variant is None or variant in _ALL_VARIANTS:
        if onnx_file is not None and variant not in (None, "auto"):
            raise _choose_twice(onnx_file, variant)
        return onnx_file
    if not isinstance(variant, str) or not variant.endswith(".onnx"):
        choices = ", ".join(map(repr, _ALL_VARIANTS))
        raise InputError(f"variant={variant!r}; it can be {choices} or the name of an .onnx file")
    if onnx_file not in (None, variant):
        raise _choose_twice(onnx_file, variant)
    return variant


def precision(name: str) -> str | None:
    """Return the precision in a file's name: ``"fp32"``, ``"fp16"``, ``"int8"``, ``"other"`` or None."""
    stem, words = _stem(name), _words(name)
    if stem in _RANKS["fp32"]:
        return "fp32"
    if words & _FP16_WORDS:
        return "fp16"
    if words & _INT8_WORDS:
        return "int8"
    if words & _OTHER_WORDS:
        return "other"
    return None


def lacking_instruction_set(name: str, features: Sequence[str]) -> str | None:
    """Return the instruction set in an int8 file's name that a CPU lacks, or None.

    A CPU with unknown features is assumed to have all that its architecture can have.
    """
    if precision(name) != "int8":
        return None
    architecture, flags = features[0].lower(), features[1:]
    is_arm = architecture.startswith(("aarch64", "arm"))
    stem = _stem(name)
    if _ARM_SET in stem or "aarch64" in stem:
        return None if is_arm else _ARM_SET
    for words, flag in _X86_SETS.items():
        if words in stem:
            return words if is_arm or (flags and flag not in flags) else None
    return None


def check_instruction_set(
    name: str, others: Mapping[str, int | None], features: Sequence[str] | None = None
) -> None:
    """Raise ModelFormatError for an int8 file made for an instruction set that the CPU lacks.

    Such a file returns other results elsewhere: sums of products of 8 bits overflow without it.
    """
    if precision(name) != "int8":
        return
    features = features or _this_cpu()
    if lacking := lacking_instruction_set(name, features):
        rest = {other: size for other, size in others.items() if other != name}
        choices = f"; there is also: {listed(rest)}" if rest else ""
        raise ModelFormatError(
            f"{name} is made for {lacking}, which this CPU lacks (it has {_vector_features(features)})"
            f"{choices}. Choose another with variant= or onnx_file=."
        )


def listed(files: Mapping[str, int | None]) -> str:
    """Return names and sizes, for messages."""
    return ", ".join(
        name if size is None else f"{name} ({size / 1e6:.1f} MB)"
        for name, size in sorted(files.items())
    )


def _choose_twice(onnx_file: object, variant: object) -> InputError:
    return InputError(
        f"onnx_file={onnx_file!r} and variant={variant!r} each choose a graph; leave one out"
    )


def _by_name(graphs: Mapping[str, int | None], asked_for: str, where: str) -> str:
    for name in (asked_for, f"onnx/{asked_for}"):
        if name in graphs:
            return name
    raise ModelNotFoundError(f"{where} has no file {asked_for!r}; there is: {listed(graphs)}")


def _of_variant(
    found: list[str],
    graphs: Mapping[str, int | None],
    variant: str,
    where: str,
    features: Sequence[str] | None,
) -> str:
    if variant in _NAMED:
        fitting = [name for word in _NAMED[variant] for name in found if word in _words(name)]
    else:
        fitting = _fp32(found) if variant == "fp32" else _ranked(found, variant)
    if variant == "fp32" and not fitting and len(found) == 1 and precision(found[0]) is None:
        return found[0]
    if not fitting:
        raise ModelNotFoundError(f"{where} has no {variant} variant; there is: {listed(graphs)}")
    if precision(fitting[0]) != "int8":
        return fitting[0]
    features = features or _this_cpu()
    runnable = [name for name in fitting if not lacking_instruction_set(name, features)]
    if not runnable:
        check_instruction_set(fitting[0], graphs, features)
    return runnable[0]


def _fp32(names: Iterable[str]) -> list[str]:
    return sorted(
        (name for name in names if precision(name) == "fp32"),
        key=lambda name: _RANKS["fp32"].index(_stem(name)),
    )


def _ranked(names: Iterable[str], variant: str) -> list[str]:
    """The files of a variant, best first: those for an instruction set, then by their names."""
    sets, ranks = [*_X86_SETS, _ARM_SET], _RANKS[variant]

    def rank(name: str) -> tuple[int, int]:
        stem = _stem(name)
        special = next((i for i, words in enumerate(sets) if words in stem), len(sets))
        return special, ranks.index(stem) if stem in ranks else len(ranks)

    return sorted((name for name in names if precision(name) == variant), key=rank)


def _stem(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".onnx").lower()


def _words(name: str) -> set[str]:
    return set(_stem(name).replace("-", "_").replace(".", "_").split("_"))


def _folder(name: str) -> str:
    return name[: name.rfind("/") + 1]


def _this_cpu() -> list[str]:
    from hugot.models.cpu import cpu_features

    return cpu_features()


def _vector_features(features: Sequence[str]) -> str:
    architecture, *flags = features
    known = [flag for flag in flags if flag.startswith(("avx", "asimd", "i8mm", "neon", "sve"))]
    return ", ".join([architecture, *known])
