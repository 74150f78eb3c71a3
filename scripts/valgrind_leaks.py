"""Fail for a log of valgrind with leaks of memory that hugot's modules allocated.

scripts/valgrind_leaks.py LOG

Leaks of ONNX Runtime, tokenizers and CPython are only counted, even if hugot called them.
"""

import re
import sys
from pathlib import Path

OURS = re.compile(r"hugot/_(fast|ort)/|\bhugot_\w+ \(|/_(fast|ort)\.\w+/")
FOREIGN = re.compile(r"\(in \S*/site-packages/|\b_PyEval_\w+ \(")


def is_ours(record: str) -> bool:
    """Whether the innermost frame that belongs to hugot or to another package belongs to hugot."""
    for frame in re.findall(r"== +(?:at|by) 0x\w+: (.*)", record):
        if OURS.search(frame):
            return True
        if FOREIGN.search(frame):
            return False
    return False


def main() -> None:
    """Check a log."""
    log = Path(sys.argv[1]).read_text()
    if "LEAK SUMMARY" not in log and "no leaks are possible" not in log:
        sys.exit("valgrind: the log ends before its summary")
    records = [each for each in re.split(r"==\d+== \n", log) if "definitely lost in" in each]
    ours = [each for each in records if is_ours(each)]
    print(f"valgrind: {len(records)} records of lost memory, {len(ours)} of them hugot's")
    if ours:
        sys.exit("\n".join(ours))


if __name__ == "__main__":
    main()
