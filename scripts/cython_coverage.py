"""Coverage of the Cython sources, from the counts of gcov in a build with HUGOT_COVERAGE.

    python scripts/cython_coverage.py [FOLDER]      the build folder, default build

Cython writes a comment with file and line before the C code of each statement. A line of Cython counts
as run if any line of C between its comment and the next one ran. The code after the last statement of a
function (clean-up, conversion of arguments) belongs to no line. Lines without compiled code, such as
declarations, do not count.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATEMENT = re.compile(r'^\s*/\* "(hugot/[\w/]+\.(?:pyx|pxd))":(\d+)$')
NO_STATEMENT = re.compile(r'^\s*/\* (?:"|function exit code|Python wrapper|Implementation of)')
EXCLUDED = re.compile(r"# pragma: no cover")


def statements(c_source: Path) -> dict[int, tuple[str, int]]:
    """Return the file and line of Cython for each line of C code."""
    found, current, comment = {}, None, False
    for number, text in enumerate(c_source.read_text(encoding="utf-8").splitlines(), 1):
        if match := STATEMENT.match(text):
            current = match[1], int(match[2])
        elif NO_STATEMENT.match(text) or text.startswith("}"):
            current = None
        comment = (comment or text.lstrip().startswith("/*")) and "*/" not in text
        if current is not None and not comment:
            found[number] = current
    return found


def counted(data: Path) -> dict[Path, dict[int, int]]:
    """Return gcov's counts by C source and line."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["gcov", "--json-format", data],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
        )
        lines: dict[Path, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for path in Path(folder).glob("*.gcov.json.gz"):
            report = json.loads(gzip.decompress(path.read_bytes()))
            for file in report["files"]:
                source = Path(report["current_working_directory"], file["file"])
                for line in file["lines"]:
                    lines[source][line["line_number"]] += line["count"]
    return lines


def covered(build: Path) -> dict[str, dict[int, int]]:
    """Return the counts by Cython source and line."""
    found: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for data in build.rglob("*.c.gcda"):
        for source, lines in counted(data).items():
            if source.suffix != ".c":
                continue
            names = statements(source)
            for number, count in lines.items():
                if number in names:
                    name, line = names[number]
                    found[name][line] += count
    return found


def ranges(lines: list[int]) -> str:
    """Return line numbers in coverage's short form, such as 3-5, 9."""
    parts: list[list[int]] = []
    for line in lines:
        if parts and parts[-1][-1] == line - 1:
            parts[-1][1:] = [line]
        else:
            parts.append([line])
    return ", ".join("-".join(map(str, part)) for part in parts)


def main() -> None:
    """Print a table in the format of coverage."""
    build = Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
    found = covered(build)
    if not found:
        sys.exit(f"{build} holds no counts; build with HUGOT_COVERAGE=1 and run the tests")
    width = max(map(len, found)) + 2
    print(f"{'Cython source':{width}} Lines   Miss  Cover   Missing")
    all_lines = all_missed = 0
    for name, lines in sorted(found.items()):
        source = (ROOT / "src" / name).read_text(encoding="utf-8").splitlines()
        counts = {
            line: count for line, count in lines.items() if not EXCLUDED.search(source[line - 1])
        }
        missed = sorted(line for line, count in counts.items() if not count)
        all_lines += len(counts)
        all_missed += len(missed)
        share = 1 - len(missed) / len(counts)
        print(f"{name:{width}} {len(counts):5} {len(missed):6} {share:6.1%}   {ranges(missed)}")
    print(f"{'TOTAL':{width}} {all_lines:5} {all_missed:6} {1 - all_missed / all_lines:6.1%}")


if __name__ == "__main__":
    main()
