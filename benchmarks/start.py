"""Start: the time of an import, and the time until a fresh process has its first embedding.

    python benchmarks/start.py [MODEL_FOLDER] [--rounds 15]

Every figure is the time from starting a Python process to the first line that it prints, measured in
alternating rounds. hugot runs with and without the file that `hugot optimize` writes (on a copy of the
folder), and is compared with the shortest script on onnxruntime's own Python API with the .onnx file
and with the optimised file. Ratios are medians over the rounds; single times mean little on a shared
machine. Measure an installed package: the finder of an editable installation takes additional time.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hugot.models.bundle import open_bundle

DEFAULT = Path(__file__).parent.parent / "examples" / "models" / "tiny-embedding"
TEXT = "Where can I swim in the sea?"

# The usual code: no padding, and the mean over all tokens.
SCRIPT = f"""
import sys
import numpy as np
import onnxruntime
from tokenizers import Tokenizer
folder, file = sys.argv[1:]
session = onnxruntime.InferenceSession(f"{{folder}}/{{file}}", providers=["CPUExecutionProvider"])
tokenizer = Tokenizer.from_file(f"{{folder}}/tokenizer.json")
tokenizer.no_padding()
encoding = tokenizer.encode({TEXT!r})
feeds = {{
    "input_ids": np.array([encoding.ids]),
    "attention_mask": np.array([encoding.attention_mask]),
    "token_type_ids": np.array([encoding.type_ids]),
}}
hidden = session.run(None, {{each.name: feeds[each.name] for each in session.get_inputs()}})[0]
print(hidden[0].mean(0).tolist(), flush=True)
"""
HUGOT = f"""
import sys
import hugot
print(hugot.pipeline("feature-extraction", sys.argv[1])({TEXT!r}).tolist(), flush=True)
"""


def first_line(*arguments: object) -> tuple[float, str]:
    """Return the seconds until a fresh Python process prints its first line, and the line."""
    began = time.perf_counter()
    command = [sys.executable, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        taken = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{command} failed")
    return taken, line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        measure(arguments.model, Path(work), arguments.rounds)


def measure(model: Path, work: Path, rounds: int) -> None:
    """Run all cases in turn, and print the table."""
    ignore = shutil.ignore_patterns("*.ort", "*.ort.json")
    plain, fast = (shutil.copytree(model, work / name, ignore=ignore) for name in ("plain", "fast"))
    onnx_path = open_bundle(fast).onnx_path
    optimize = [sys.executable, "-c", "from hugot.cli.main import main; main()", "optimize", fast]
    subprocess.run(optimize, check=True, stdout=subprocess.DEVNULL)
    optimized = next(onnx_path.parent.glob("*.ort"))
    file, optimized_file = onnx_path.relative_to(fast), optimized.relative_to(fast)
    cases: dict[str, tuple[object, ...]] = {
        "bare interpreter": ("-c", "print(flush=True)"),
        "import hugot": ("-c", "import hugot; print(flush=True)"),
        "import numpy, tokenizers": ("-c", "import numpy, tokenizers; print(flush=True)"),
        "onnxruntime, .onnx": ("-c", SCRIPT, plain, file),
        "onnxruntime, .ort": ("-c", SCRIPT, fast, optimized_file),
        "hugot": ("-c", HUGOT, plain),
        "hugot, optimised": ("-c", HUGOT, fast),
    }
    lines = {name: first_line(*case)[1] for name, case in cases.items()}  # also caches the files
    if lines["hugot"] != lines["hugot, optimised"]:
        raise SystemExit("the answers with and without the optimised file differ")
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            times[name].append(first_line(*case)[0])

    def ratio(name: str, base: str) -> float:
        pairs = zip(times[name], times[base], strict=True)
        return statistics.median(own / other for own, other in pairs)

    print(f"{rounds} rounds; {model.name}, {onnx_path.stat().st_size / 1e6:.1f} MB")
    for name, taken in times.items():
        above = [a - b for a, b in zip(taken, times["bare interpreter"], strict=True)]
        print(
            f"{name:26}{statistics.median(taken) * 1e3:7.1f} ms"
            f"{statistics.median(above) * 1e3:8.1f} ms above the interpreter"
            f"{ratio(name, 'onnxruntime, .onnx'):7.2f} x script"
            f"{ratio(name, 'onnxruntime, .ort'):7.2f} x script with .ort"
        )


if __name__ == "__main__":
    main()
