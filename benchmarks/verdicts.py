"""Real gains kept and null edits refused: the verdict beside the rules that other tools go by.

    python benchmarks/verdicts.py                print the tables (about a minute)
    python benchmarks/verdicts.py --write-docs   and put them into docs/statistics.md

A simulated model knows the truth: each sentence of a prompt changes its pass rate by a set amount. The
rules see only outcomes, as they would in life.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from assay_nb.evaluation import (
    paired_verdict,
    power_curve,
    sign_test_rows,
)
from assay_nb.evaluation.differences import gather_differences
from assay_nb.evaluation.intervals import mean_interval, t_interval
from tests.evaluation.simulate import TaskModel, share_improved

Array = NDArray[Any]
Table = list[tuple[str, ...]]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "statistics.md"
OLD = "Extract the order from {{ticket}}."
EDITS = {
    "null edit": f"{OLD} You are a world-class expert. This is very important.",
    "+10 points": f"{OLD} Write dates as YYYY-MM-DD.",
    "+20 points": f"{OLD} Return JSON with the keys id, city and date.",
    "−15 points": f"{OLD} Explain your reasoning before the JSON.",
}
JUDGE_POINTS = {"null edit": 0.0, "+0.25 points": 0.25, "+0.5 points": 0.5, "−0.25 points": -0.25}
JUDGE_NOISE = 0.5  # standard deviation of a judge's score of one answer, run to run


# --- the rules --------------------------------------------------------------------------------------


def ours(differences: Array) -> float:
    """Improved, by the paired verdict on all rows."""
    if np.isin(differences, (-1, 0, 1)).all():
        return share_improved(differences)
    zeros = [0.0] * differences.shape[1]
    return _share(paired_verdict(zeros, list(line)).verdict == "improved" for line in differences)


def larger_sum(minibatch: int) -> Callable[[Array], float]:
    """The child's sum over a minibatch is strictly larger (GEPA's acceptance of a child)."""
    return lambda differences: float((differences[:, :minibatch].sum(axis=1) > 1e-12).mean())


def larger_mean(differences: Array) -> float:
    """The mean over all rows is larger."""
    return float((differences.sum(axis=1) > 1e-12).mean())


def half_point_band(differences: Array) -> float:
    """More rows went up by over 0.5 than went down by over 0.5."""
    return float(((differences > 0.5).sum(axis=1) > (differences < -0.5).sum(axis=1)).mean())


RULES: dict[str, Callable[[Array], float]] = {
    "assay_nb: improved": ours,
    "larger sum on 3 rows (GEPA)": larger_sum(3),
    "larger sum on 5 rows (GEPA)": larger_sum(5),
    "larger mean on all rows": larger_mean,
    "±0.5 band, more rows up than down": half_point_band,
}


# --- the tables -------------------------------------------------------------------------------------


def pass_fail_table(rows: int, runs: int = 4_000) -> Table:
    """Share of edits accepted on pass/fail rows, by rule and by what the edit truly does."""
    model, rng = TaskModel(), np.random.default_rng(101)
    outcomes: dict[str, Array] = {}
    for name, new in EDITS.items():
        difficulty = model.difficulty(rng, (runs, rows))
        before, after = model.run(rng, OLD, difficulty), model.run(rng, new, difficulty)
        outcomes[name] = after.astype(int) - before.astype(int)
    return _by_rule(f"pass/fail, {rows} rows", outcomes)


def judge_table(rows: int = 30, runs: int = 500) -> Table:
    """The same on a judge's scores: rows differ in how much an edit helps them, and the judge is noisy."""
    rng = np.random.default_rng(102)
    noise = JUDGE_NOISE * 2**0.5
    outcomes = {
        name: points + rng.normal(0, 0.3, (runs, rows)) + rng.normal(0, noise, (runs, rows))
        for name, points in JUDGE_POINTS.items()
    }
    return _by_rule(f"judge scores, {rows} rows", outcomes)


def _by_rule(title: str, outcomes: dict[str, Array]) -> Table:
    table: Table = [(title, *outcomes)]
    for name, rule in RULES.items():
        table.append((name, *(f"{rule(differences):.1%}" for differences in outcomes.values())))
    return table


def luck_table(rows: int = 50, runs: int = 4_000) -> Table:
    """How much better the best of K candidates looks that are all the same as the old prompt."""
    model, rng = TaskModel(base=0.7), np.random.default_rng(103)
    table: Table = [("null candidates", "gain on the rows that chose it", "gain on fresh rows")]
    for candidates in (1, 3, 10):
        difficulty = model.difficulty(rng, (runs, 1, rows))
        old = model.run(rng, OLD, difficulty)[:, 0].mean(axis=1)
        tried = model.run(rng, OLD, np.broadcast_to(difficulty, (runs, candidates, rows)))
        best = tried.mean(axis=2).max(axis=1)
        fresh = model.run(rng, OLD, difficulty[:, 0]).mean(axis=1)
        seen, later = 100 * (best - old).mean(), 100 * (fresh - old).mean()
        table.append((f"best of {candidates}", f"{seen:+.1f} points", f"{later:+.1f} points"))
    return table


def coverage_table(runs: int = 4_000) -> Table:
    """How many of 100 nominal 95% intervals hold the true difference of pass/fail pairs."""
    table: Table = [("fixed / broken", "rows", "normal", "Student's t", "assay_nb")]
    for better, worse in ((0.05, 0.0), (0.15, 0.05), (0.35, 0.10)):
        for rows in (8, 12, 20, 30, 60):
            covered = _coverage(rows, better, worse, runs)
            shares = (f"{100 * share:.1f}" for share in covered)
            table.append((f"{better:.0%} / {worse:.0%}", str(rows), *shares))
    return table


def _coverage(rows: int, better: float, worse: float, runs: int) -> tuple[float, float, float]:
    rng, truth = np.random.default_rng(rows), better - worse
    wins, losses, _ = rng.multinomial(rows, (better, worse, 1 - better - worse), runs).T
    pairs, times = np.unique(np.stack([wins, losses]), axis=1, return_counts=True)
    covered = np.zeros(3)
    for (won, lost), repeats in zip(pairs.T, times, strict=True):
        differences = gather_differences([0] * rows, _outcome(rows, int(won), int(lost)))
        ours = mean_interval(differences)
        t = t_interval(differences.sums, differences.sizes)
        intervals = (_normal(differences.rows), t, (ours.low, ours.high))
        held = [low - 1e-9 <= truth <= high + 1e-9 for low, high in intervals]
        covered += repeats * np.array(held)
    normal, student, own = covered / runs
    return float(normal), float(student), float(own)


def _outcome(rows: int, wins: int, losses: int) -> list[int]:
    return [1] * wins + [-1] * losses + [0] * (rows - wins - losses)


def _normal(differences: Array) -> tuple[float, float]:
    reach = 1.96 * differences.std(ddof=1) / len(differences) ** 0.5
    return float(differences.mean() - reach), float(differences.mean() + reach)


def power_text() -> str:
    """Power curves as bars: the chance that so many pass/fail rows show a change."""
    blocks: list[str] = []
    for better, worse in ((0.15, 0.05), (0.25, 0.05), (0.40, 0.10)):
        needed = sign_test_rows(better, worse)
        blocks.append(f"{better:.0%} of rows fixed, {worse:.0%} broken: 80% from {needed} rows")
        for rows, power in power_curve((10, 20, 30, 50, 80, 120, 200), better=better, worse=worse):
            blocks.append(f"{rows:>5} {'█' * round(40 * power):<40} {power:>4.0%}")
        blocks.append("")
    return "\n".join(blocks).rstrip()


def _share(values: Iterable[bool]) -> float:
    found = list(values)
    return sum(found) / len(found)


# --- writing ----------------------------------------------------------------------------------------


def make_sections() -> dict[str, str]:
    return {
        "rules": "\n\n".join(
            _markdown(table) for table in (pass_fail_table(30), pass_fail_table(100), judge_table())
        ),
        "luck": _markdown(luck_table()),
        "coverage": _markdown(coverage_table()),
        "power": f"```text\n{power_text()}\n```",
    }


def _markdown(table: Table) -> str:
    head, *rows = table
    rule = ("---", *("---:" for _ in head[1:]))
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *rows))


def write_docs(sections: dict[str, str], page: Path = PAGE) -> None:
    """Replace what stands between `<!-- NAME -->` and `<!-- /NAME -->`, for every section."""
    text = page.read_text(encoding="utf-8")
    for name, body in sections.items():
        between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        # A function, so that no backslash in a table is read as a group.
        text, found = between.subn(lambda match, body=body: f"{match[1]}{body}\n{match[2]}", text)
        if found != 1:
            raise SystemExit(f"{page.name} has no place for the section {name!r}")
    page.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write-docs", action="store_true", help="write into docs/statistics.md")
    options = parser.parse_args()
    sections = make_sections()
    print("\n\n".join(sections.values()))
    if options.write_docs:
        write_docs(sections)


if __name__ == "__main__":
    main()
