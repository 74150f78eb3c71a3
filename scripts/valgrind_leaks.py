"""Refuse a log of valgrind in which memory is lost that hugot's modules allocated.

scripts/valgrind_leaks.py LOG

What ONNX Runtime, tokenizers or CPython lose is told by number alone, though hugot may have called them.
"""

import re
import sys
from pathlib import Path

OURS = re.compile(r"hugot/_(fast|ort)/|\bhugot_\w+ \(|/_(fast|ort)\.\w+/")
FOREIGN = re.compile(r"\(in \S*/site-packages/|\b_PyEval_\w+ \(")


def is_ours(record: str) -> bool:
    """Whether the first on the stack that is neither CPython's nor the allocator's is hugot's."""
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
