"""How replies ended, in words, and how many did so: a number says less without it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from assay_nb.evaluation.lost import WORDS
from assay_nb.experiments.run.jobs import JobResult


def count_ends(answers: Iterable[JobResult | None]) -> dict[str, int]:
    """Return how many rows ended how: `"whole"` first, then the others by their words."""
    return order_ends(Counter(_end_of(answer) for answer in answers))


def order_ends(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts in the order in which they are told, whichever came first."""
    known = {name: counts[name] for name in ("whole", *WORDS) if counts.get(name)}
    return {**known, **{name: count for name, count in counts.items() if name not in known}}


def describe_ends(counts: Mapping[str, int]) -> str:
    """Return the counts as a phrase: "36 whole, 3 cut at the token limit, 1 filtered"."""
    return ", ".join(f"{count:,} {WORDS.get(name, name)}" for name, count in counts.items())


def _end_of(answer: JobResult | None) -> str:
    if answer is None:
        return "not reached"
    if not answer.sent:
        return "not sent"
    return answer.lost or "whole"
