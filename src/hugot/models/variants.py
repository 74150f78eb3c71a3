"""Which ``.onnx`` file of several: the variants of a model, by the names that exporters give them.

optimum writes ``model.onnx``, ``model_optimized.onnx`` and ``model_quantized.onnx``; sentence-transformers
``onnx/model_O3.onnx`` and ``onnx/model_qint8_avx512_vnni.onnx``; the repositories for transformers.js hold
``onnx/model_fp16.onnx``, ``onnx/model_int8.onnx`` and others. What a name says is all that is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hugot.errors import InputError, ModelFormatError, ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

VARIANTS = ("auto", "fp32", "fp16", "int8")
# Where a model's graph is looked for, the first first.
FOLDERS = ("", "onnx/")

EXPORT_HINT = (
    "An export has both: 'optimum-cli export onnx --model NAME FOLDER' (package optimum-onnx) "
    "writes them."
)

# Names without ".onnx", the best first. O4 of optimum is O3 with halved precision.
_RANKS = {
    "fp32": ("model", "model_fp32", "model_optimized", "model_o3", "model_o2", "model_o1"),
    "fp16": ("model_fp16", "model_float16", "model_o4"),
    "int8": ("model_quantized", "model_int8", "model_qint8", "model_uint8", "model_quint8"),
}
_INT8_WORDS = frozenset(("int8", "uint8", "qint8", "quint8", "quantized"))
# What a name asks of the CPU → the flag that tells of it, the most demanding first.
_X86_SETS = {"avx512_vnni": "avx512_vnni", "avx512": "avx512f", "avx2": "avx2"}
_ARM_SET = "arm64"


def choose_graph(
    files: Mapping[str, int | None],
    onnx_file: str | None = None,
    variant: str | None = None,
    *,
    where: str,
    features: Sequence[str] | None = None,
) -> str:
    """The ``.onnx`` file to take.

    Args:
        files: names of files (others than ``.onnx`` are passed over), with sizes in bytes where known.
        onnx_file: the one to take, whatever its name says.
        variant: ``"auto"``, ``"fp32"``, ``"fp16"``, ``"int8"`` or a file name. ``"auto"``, which None
            means too, is the only file, or among several fp32: precision is never lowered unasked.
        where: what the files are of, for messages.
        features: what the CPU is capable of, by `cpu_features`; by default those of this CPU.

    Raises ModelNotFoundError where no file is the one asked for, or nothing tells which of several is
    meant; ModelFormatError where the CPU lacks what each file that fits is made for; InputError for an
    unknown variant.
    """
    graphs = {name: size for name, size in files.items() if name.endswith(".onnx")}
    if not graphs:
        raise ModelNotFoundError(f"{where} has no .onnx file. {EXPORT_HINT}")
    wanted = wanted_file(onnx_file, variant)
    if wanted is not None:
        return _named(graphs, wanted, where)
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


def wanted_file(onnx_file: str | None, variant: str | None) -> str | None:
    """The file that is asked for by its name; raises InputError for a variant that is none."""
    if variant is None or variant in VARIANTS:
        if onnx_file is not None and variant not in (None, "auto"):
            raise InputError(
                f"onnx_file={onnx_file!r} and variant={variant!r} both choose; leave one out"
            )
        return onnx_file
    if not isinstance(variant, str) or not variant.endswith(".onnx"):
        choices = ", ".join(map(repr, VARIANTS))
        raise InputError(f"variant={variant!r}; it can be {choices} or the name of an .onnx file")
    if onnx_file not in (None, variant):
        raise InputError(
            f"onnx_file={onnx_file!r} and variant={variant!r} both choose; leave one out"
        )
    return variant


def precision(name: str) -> str | None:
    """``"fp32"``, ``"fp16"``, ``"int8"``, or ``"other"``, as a file's name says; None where it says none."""
    stem = _stem(name)
    words = set(stem.replace("-", "_").replace(".", "_").split("_"))
    if stem in _RANKS["fp32"]:
        return "fp32"
    if words & {"fp16", "float16", "half", "o4"}:
        return "fp16"
    if words & _INT8_WORDS:
        return "int8"
    if words & {"q4", "q4f16", "bnb4", "int4", "uint4", "q8", "fp8", "bf16", "bfloat16", "q2", "q1"}:
        return "other"
    return None


def unmet(name: str, features: Sequence[str]) -> str | None:
    """The instruction set that an int8 file's name asks for and a CPU lacks, or None.

    Where it is not known what the CPU is capable of, it is taken to have what its kind can have.
    """
    if precision(name) != "int8":
        return None
    kind, flags = features[0].lower(), features[1:]
    is_arm = kind.startswith(("aarch64", "arm"))
    stem = _stem(name)
    if _ARM_SET in stem or "aarch64" in stem:
        return None if is_arm else _ARM_SET
    for words, flag in _X86_SETS.items():
        if words in stem:
            return words if is_arm or (flags and flag not in flags) else None
    return None


def refuse_unfit(
    name: str, others: Mapping[str, int | None], features: Sequence[str] | None = None
) -> None:
    """Raise ModelFormatError for an int8 file made for an instruction set that the CPU lacks.

    Such a file gives other answers elsewhere: sums of products of 8 bits overflow without it.
    """
    if precision(name) != "int8":
        return
    features = features or _this_cpu()
    if lacking := unmet(name, features):
        rest = {other: size for other, size in others.items() if other != name}
        choices = f"; there is also: {listed(rest)}" if rest else ""
        raise ModelFormatError(
            f"{name} is made for {lacking}, which this CPU lacks (it has {_capable(features)}){choices}. "
            "Choose another with variant= or onnx_file=."
        )


def listed(files: Mapping[str, int | None]) -> str:
    """Names and sizes, for messages."""
    return ", ".join(
        name if size is None else f"{name} ({size / 1e6:.1f} MB)"
        for name, size in sorted(files.items())
    )


def _named(graphs: Mapping[str, int | None], wanted: str, where: str) -> str:
    for name in (wanted, f"onnx/{wanted}"):
        if name in graphs:
            return name
    raise ModelNotFoundError(f"{where} has no file {wanted!r}; there is: {listed(graphs)}")


def _of_variant(
    found: list[str],
    graphs: Mapping[str, int | None],
    variant: str,
    where: str,
    features: Sequence[str] | None,
) -> str:
    fitting = _fp32(found) if variant == "fp32" else _ranked(found, variant)
    if variant == "fp32" and not fitting and len(found) == 1 and precision(found[0]) is None:
        return found[0]
    if not fitting:
        raise ModelNotFoundError(f"{where} has no {variant} variant; there is: {listed(graphs)}")
    if variant != "int8":
        return fitting[0]
    features = features or _this_cpu()
    runnable = [name for name in fitting if not unmet(name, features)]
    if not runnable:
        refuse_unfit(fitting[0], graphs, features)
    return runnable[0]


def _fp32(names: Iterable[str]) -> list[str]:
    return sorted(
        (name for name in names if precision(name) == "fp32"),
        key=lambda name: _RANKS["fp32"].index(_stem(name)),
    )


def _ranked(names: Iterable[str], variant: str) -> list[str]:
    """The files of a variant: those for an instruction set first, then the best known names."""
    sets, ranks = [*_X86_SETS, _ARM_SET], _RANKS[variant]

    def rank(name: str) -> tuple[int, int]:
        stem = _stem(name)
        special = next((i for i, words in enumerate(sets) if words in stem), len(sets))
        return special, ranks.index(stem) if stem in ranks else len(ranks)

    return sorted((name for name in names if precision(name) == variant), key=rank)


def _stem(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".onnx").lower()


def _folder(name: str) -> str:
    return name[: name.rfind("/") + 1]


def _this_cpu() -> list[str]:
    from hugot.models.cpu import cpu_features

    return cpu_features()


def _capable(features: Sequence[str]) -> str:
    kind, *flags = features
    known = [flag for flag in flags if flag.startswith(("avx", "asimd", "i8mm", "neon", "sve"))]
    return ", ".join([kind, *known])
