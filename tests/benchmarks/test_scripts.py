"""The benchmark scripts run, on the smallest of everything: figures are not looked at."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest
from places import EXAMPLES, ROOT

BENCHMARKS = ROOT / "benchmarks"
FOLDERS = {
    "feature-extraction": "tiny-embedding",
    "text-classification": "tiny-sentiment",
    "token-classification": "tiny-ner",
}


def run(*command):
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=BENCHMARKS, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def details(output, peer):
    """Rows of the second table, that of ranges and answers, about a peer."""
    return [line for line in output.split("\n\n")[1].splitlines() if peer in line]


@pytest.fixture(scope="module")
def peers_output(tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    for task, name in FOLDERS.items():
        (models / f"small-{task}").symlink_to(EXAMPLES / name)
    return run("peers.py", models, "--quick", "--only", "bulk", "--peers", "onnxruntime")


@pytest.fixture
def texts(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    spec = importlib.util.spec_from_file_location("benchmark_texts", BENCHMARKS / "texts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("folder", FOLDERS.values())
def test_texts_have_the_length_that_their_kind_says_with_and_without_a_tokenizer(texts, folder):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(EXAMPLES / folder / "tokenizer.json"))
    for given in (None, tokenizer):
        for kind, lengths in (("equal", {32}), ("two-lengths", {8, 256})):
            made = texts.texts(kind, 20, given)
            assert {len(each.ids) for each in tokenizer.encode_batch(made)} == lengths


def test_texts_are_the_same_for_a_seed_and_others_for_another(texts):
    for kind in ("short", "paragraphs", "mixed"):
        assert texts.texts(kind, 30) == texts.texts(kind, 30)
        assert texts.texts(kind, 30) != texts.texts(kind, 30, seed=1)


def test_peers_compares_every_task_with_the_bare_runtime(peers_output):
    rows = details(peers_output, "onnxruntime, sorted script")
    assert [row.split(" | ")[0].strip("| ") for row in rows] == [
        "embedding, short, bulk",
        "embedding, paragraphs, bulk",
        "text classification, short, bulk",
        "token classification, short, bulk",
    ]


def test_peers_finds_the_answers_of_the_bare_runtime_equal(peers_output):
    rows = details(peers_output, "onnxruntime, ")
    compared = [row.split(" | ")[-1].strip(" |") for row in rows if "token" not in row]
    assert len(compared) == 6
    for each in compared:
        assert each.startswith("equal to ")
        assert float(each.removeprefix("equal to ")) < 1e-5


def test_memory_tells_both_peaks():
    model = EXAMPLES / FOLDERS["feature-extraction"]
    rows = run("memory.py", "peak", model, "--count", 20, "--rounds", 1).splitlines()
    assert [row.split(" | ")[0].strip("| ") for row in rows[2:]] == ["bare", "hugot"]


def test_memory_tells_whether_a_stream_grows():
    assert "growth in the second half" in run("memory.py", "flat", "--count", 400, "--every", 50)


def test_shapes_fits_a_cost_model_for_each_layout():
    model = EXAMPLES / FOLDERS["feature-extraction"] / "model.onnx"
    smallest = ("--width", 4, 8, "--budget", 8, 16, "--rounds", 1, "--seconds", 0)
    assert "us/token" in run("shapes.py", model, *smallest)


def test_hops_counts_calls_of_the_library_and_of_the_command():
    head, _, _, *rows = run("hops.py", "--rounds", 1, "--list", "submit").splitlines()
    assert head.endswith("tiny-sentiment, text-classification")
    counts = {row[:16].rstrip(): int(row.split()[-2]) for row in rows[:5]}
    assert list(counts) == [
        "one text",
        "list of three",
        "submit",
        "run, one line",
        "run, next line",
    ]
    assert min(counts.values()) > 0
    assert rows[6] == "submit"
    assert sum(int(row.split()[0]) for row in rows[7:]) == counts["submit"]


def test_spinning_tells_of_each_way_to_wait():
    model = EXAMPLES / FOLDERS["feature-extraction"]
    rows = run("spinning.py", model, "--rounds", 1, "--calls", 2).splitlines()[2:]
    assert [row.split(" | ")[:3] for row in rows] == [
        [f"| {interval}", callers, way]
        for interval, callers in ((0, "1"), (1, "1"), (10, "1"), (0, "2"))
        for way in ("always", "run", "never")
    ]


def test_the_suite_of_pytest_benchmark_runs():
    pytest.importorskip("pytest_benchmark")
    chosen = "tiny-text-classification and not latency or test_import"
    command = ("-m", "pytest", BENCHMARKS, "-q", "--benchmark-disable", "--texts", 16)
    assert " passed" in run(*command, "-k", chosen)
