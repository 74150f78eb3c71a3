"""One measured process of memory.py: prints peak memory and time of a bulk run as JSON.

    python benchmarks/memory_child.py WHO MODEL_FOLDER '{"count": 1000, "prompts": null, ...}'

WHO is `hugot` or `bare`. A process measures one of them once, because freed memory is often not returned
to the system.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from processes import memory_mb
from texts import read_prompts, texts

if TYPE_CHECKING:
    from collections.abc import Callable

BUDGET = 256


def bare(folder: Path, inputs: list[str], spec: dict[str, Any]) -> Callable[[], None]:
    """Return the bare loop: one session of one-thread runs, a thread per CPU, groups made beforehand."""
    import numpy as np
    import onnxruntime
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_mem_pattern = spec["mem_pattern"]
    options.enable_cpu_mem_arena = spec["arena"]
    for name, value in spec["session_config"].items():
        options.add_session_config_entry(name, value)
    run_options = onnxruntime.RunOptions()
    if spec["shrink"]:
        run_options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(spec["longest"])
    rows = sorted((each.ids for each in tokenizer.encode_batch(inputs)), key=len, reverse=True)
    groups: list[list[list[int]]] = []
    for row in rows:
        if not groups or (len(groups[-1]) + 1) * len(groups[-1][0]) > BUDGET:
            groups.append([])
        groups[-1].append(row)
    feeds = []
    for group in groups:
        ids = np.zeros((len(group), len(group[0])), np.int64)
        mask = np.zeros_like(ids)
        for number, row in enumerate(group):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        feeds.append({each.name: known[each.name] for each in session.get_inputs()})

    def work() -> None:
        waiting = iter(feeds)
        lock = threading.Lock()

        def worker() -> None:
            while True:
                with lock:
                    feed = next(waiting, None)
                if feed is None:
                    return
                session.run(None, feed, run_options)

        workers = [threading.Thread(target=worker) for _ in range(spec["threads"])]
        for each in workers:
            each.start()
        for each in workers:
            each.join()

    return work


def hugot_bulk(folder: Path, inputs: list[str], spec: dict[str, Any]) -> Callable[[], None]:
    """Return a run of hugot in throughput mode."""
    import hugot

    pipeline = hugot.pipeline(
        "feature-extraction",
        folder,
        mode="throughput",
        threads=spec["threads"],
        enable_mem_pattern=spec["mem_pattern"],
        enable_cpu_mem_arena=spec["arena"],
        session_config=spec["session_config"],
    )

    def work() -> None:
        pipeline(inputs)

    return work


def main() -> None:
    who, folder, given = sys.argv[1:]
    spec = json.loads(given)
    prompts = read_prompts(spec["prompts"]) if spec["prompts"] else None
    inputs = texts(spec["kind"], spec["count"], prompts=prompts)
    make = {"bare": bare, "hugot": hugot_bulk}[who]
    work = make(Path(folder), inputs, spec)
    loaded = memory_mb("VmHWM")
    seconds = []
    for _ in range(spec["repeats"]):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    # The first run prepares for every shape.
    answer = {"loaded": loaded, "peak": memory_mb("VmHWM"), "now": memory_mb("VmRSS")}
    print(json.dumps({**answer, "first": seconds[0], "seconds": min(seconds)}))


if __name__ == "__main__":
    main()
