"""What `%load_ext assay_nb` adds to a bare IPython, beside IPython's own `autoreload`.

    python benchmarks/load_ext.py [--runs 15]

Each load is timed in a fresh process, in turns, after a first cell has run, as a person would load it.
Ratios hold from machine to machine; milliseconds do not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

CODE = """
import sys, time, json
from IPython.terminal.interactiveshell import TerminalInteractiveShell
shell = TerminalInteractiveShell.instance(simple_prompt=True)
shell.run_cell("1;")
before, began = set(sys.modules), time.perf_counter()
shell.run_line_magic("load_ext", sys.argv[1])
took = time.perf_counter() - began
print("RESULT" + json.dumps([took * 1000, len(set(sys.modules) - before)]))
"""


def measure(extension: str) -> tuple[float, int]:
    """Return milliseconds and modules that loading an extension adds, in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, extension],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    milliseconds, modules = json.loads(line.removeprefix("RESULT"))
    return milliseconds, modules


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    taken: dict[str, list[tuple[float, int]]] = {"assay_nb": [], "autoreload": []}
    for name in taken:
        measure(name)  # byte-compiles
    for _ in range(runs):
        for name, results in taken.items():
            results.append(measure(name))
    base = statistics.median(ms for ms, _ in taken["autoreload"])
    print(f"{'extension':12} {'median ms':>10} {'x autoreload':>13} {'modules':>8}")
    for name, results in taken.items():
        median = statistics.median(ms for ms, _ in results)
        print(f"{name:12} {median:10.1f} {median / base:13.2f} {results[-1][1]:8d}")


if __name__ == "__main__":
    main()
