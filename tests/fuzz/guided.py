"""Coverage-guided fuzzing with atheris, which is installed by hand: ``pip install atheris``.

    python tests/fuzz/guided.py graph  [libFuzzer's arguments, as -max_total_time=600 or a corpus folder]

Targets: ``graph`` (the reader of ``.onnx`` files), ``config`` (config.json and the files of
sentence-transformers), ``text`` (a pipeline), ``line`` (a line of ``hugot run``). Each begins with a few
inputs of its own. An exception that is none of hugot's stops it and leaves the input in a file. What
opens whole folders in children is in `test_damaged_folders`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import FunctionType

import atheris

import hugot
from hugot.io.batch import InputKeys
from hugot.io.jsonl import JsonLinesParser
from hugot.models.bundle import open_bundle
from hugot.models.graph import check_external_data, external_files, op_types
from hugot.tasks.schema import TEXT

_MODELS = Path(__file__).resolve().parent.parent / "fixtures" / "models"
_WORK = Path(tempfile.mkdtemp(prefix="hugot-fuzz-"))
_CONFIGS = (
    "config.json",
    "tokenizer_config.json",
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
)


def graph(data):
    """Bytes as an ``.onnx`` file."""
    path = _WORK / "model.onnx"
    path.write_bytes(data)
    for read in (op_types, external_files, check_external_data):
        with suppress(hugot.HugotError):
            read(path)


def config(data):
    """Bytes as one of the JSON files; the first byte chooses which."""
    folder = _WORK / "model"
    if not folder.exists():
        shutil.copytree(_MODELS / "electra-features", folder)
    name = _CONFIGS[data[0] % len(_CONFIGS)] if data else _CONFIGS[0]
    before = (folder / name).read_bytes()
    (folder / name).write_bytes(data[1:])
    try:
        with suppress(hugot.HugotError):
            bundle = open_bundle(folder)
            _ = bundle.labels, bundle.longest_row, bundle.longest_sentence, bundle.sentence
    finally:
        (folder / name).write_bytes(before)


def text(data):
    """Bytes as texts, apart at each zero; lone surrogates where they are no UTF-8."""
    texts = [part.decode("utf-8", "surrogateescape") for part in data.split(b"\0")]
    with suppress(hugot.InputError):
        assert len(_pipeline()(texts)) == len(texts)


def line(data):
    """Bytes as a line of ``hugot run``."""
    made = _pipeline()
    with suppress(ValueError):
        parsed = JsonLinesParser(InputKeys({"input": "input"}, (TEXT,))).parse(data)
        if parsed is not None:
            made([parsed[1]])


_MADE = []


def _pipeline():
    if not _MADE:
        _MADE.append(
            hugot.pipeline("text-classification", _MODELS / "bert-uncased-text", threads=1)
        )
    return _MADE[0]


def seeds(name):
    """Inputs to begin with: at random, none would become a graph or a config."""
    if name == "graph":
        small = _MODELS / "bert-uncased-text-external" / "model.onnx"
        return [small.read_bytes()]
    if name == "config":
        return [
            bytes([number]) + path.read_bytes()
            for number, config in enumerate(_CONFIGS)
            for path in sorted(_MODELS.glob(f"*/{config}"))
        ]
    if name == "text":
        return [text.encode() for text in ("good\0bad", "", "Zürich \u200d\U0001f600", "[CLS] ##s")]
    return [b'{"input": "good"}', b'{"input": "\\ud800", "id": [1, null]}', b"[]", b'{"input": 5}']


def _instrument():
    """Have hugot's functions tell which branches they take, in an editable install as well.

    Most modules are imported by the first call that needs them, so every target is called once before.
    """
    for name in TARGETS:
        for data in seeds(name)[:1]:
            TARGETS[name](data)
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "hugot":
            for value in list(vars(module).values()):
                for each in vars(value).values() if isinstance(value, type) else (value,):
                    if isinstance(each, FunctionType) and each.__module__.startswith("hugot"):
                        atheris.instrument_func(each)


TARGETS = {"graph": graph, "config": config, "text": text, "line": line}

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    _instrument()
    corpus = _WORK / "corpus"
    corpus.mkdir()
    for number, data in enumerate(seeds(target.__name__)):
        (corpus / str(number)).write_bytes(data)
    atheris.Setup([*sys.argv, str(corpus)], target)
    try:
        atheris.Fuzz()
    finally:
        shutil.rmtree(_WORK, ignore_errors=True)
