"""The whole way of measured improvement on a simulated model: real gains kept, null edits refused.

    python benchmarks/measuring.py             print the table (about two minutes)
    python benchmarks/measuring.py --runs 10   a quick look

The model passes a row with a probability that the prompt's sentences decide, so it is known which edit
is a gain. The proposer adds one sentence. Beside our verdict stands the rule that other tools go by: the
candidate did better on the rows it was tried on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from assay_nb import Measurement, measure
from assay_nb.engine.session import set_session
from tests.experiments.simulated import (
    GAIN,
    NULL,
    OLD,
    Engine,
    Session,
    TaskModel,
    is_good,
    make_rows,
    propose_sentence,
)

EDITS = {"+30 points": (GAIN, 0.3), "+20 points": (GAIN, 0.2), "no effect": (NULL, 0.0)}


def run(sentence: str, gain: float, rows: int, seed: int, home: Path) -> Measurement:
    task = TaskModel(seed=seed, features={GAIN: gain, NULL: 0.0})
    engine = Engine(task=task, propose=propose_sentence(sentence))
    session: Any = Session(home / f"{sentence[:5]}{gain}{rows}-{seed}", engine)
    set_session(session)
    return measure(OLD, None, make_rows(rows, seed), is_good, ledger=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 200])
    args = parser.parse_args()
    print("| true effect | rows | improved | better on dev rows |\n| --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as home:
        for name, (sentence, gain) in EDITS.items():
            for rows in args.rows:
                results = [
                    run(sentence, gain, rows, 1000 + seed, Path(home)) for seed in range(args.runs)
                ]
                improved = sum(result.improved for result in results)
                better = sum(any((c.gain or 0) > 0 for c in r.candidates) for r in results)
                print(
                    f"| {name} | {rows} | {improved / args.runs:.0%} | {better / args.runs:.0%} |",
                    flush=True,
                )
    set_session(None)


if __name__ == "__main__":
    main()
