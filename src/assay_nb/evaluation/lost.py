"""Replies that are not whole: how many on each side, why, and what to do about it.

A reply that was cut, filtered or refused is not an observation of the prompt. It gets no score, and a verdict
that such rows could decide is not given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Lost: TypeAlias = Mapping[str, Mapping[str, int]]
"""Per side (`old`, `new`, and `judge` for pairs without a judgement) how many replies were lost, by reason."""

Reasons: TypeAlias = "Sequence[str | None]"
"""Per row why there is no whole reply; None where there is one."""

FAILED = "failed"

WORDS: Mapping[str, str] = {
    "length": "cut at the token limit",
    "filtered": "filtered",
    "refusal": "declined",
    "incomplete": "broken off",
    "empty": "empty",
    "stopped": "stopped",
    FAILED: "failed",
    "not sent": "not sent",
    "not reached": "not reached",
}
"""What became of a row that has no whole reply, by the reason."""

_STEPS: Mapping[str, str] = {
    "length": "Raise max_output_tokens, and run it again.",
    FAILED: "Run it again: only what failed is asked again.",
    "incomplete": "Run it again: only what failed is asked again.",
    "filtered": "Look at the rows that were filtered, and leave them out for both prompts.",
    "refusal": "Look at the rows that were declined: the prompt may have to say why it may answer.",
}
_ANY_STEP = "Look at these rows, and run it again."


def count_lost(missing: Sequence[bool], reasons: Reasons | None) -> dict[str, int]:
    """Return how many rows of one side are missing, by reason; one without a reason has failed."""
    named = reasons or [None] * len(missing)
    found = Counter(why or FAILED for gone, why in zip(missing, named, strict=True) if gone)
    return dict(found.most_common())


def describe_lost(lost: Lost) -> str:
    """Return how many replies were lost on each side: "New: 3 replies cut at the token limit; old: none."."""
    if not any(lost.values()):
        return ""
    sides = [f"{side}: {_describe_side(lost.get(side, {}))}" for side in ("new", "old")]
    if unjudged := sum(lost.get("judge", {}).values()):
        sides.append(f"without a judgement: {unjudged}")
    text = "; ".join(sides)
    return f"{text[0].upper()}{text[1:]}."


def suggest_step(lost: Lost) -> str:
    """Return the next step that helps most: the one against the most frequent reason."""
    reasons: Counter[str] = Counter()
    for counts in lost.values():
        reasons.update(counts)
    return _STEPS.get(reasons.most_common(1)[0][0], _ANY_STEP) if reasons else _ANY_STEP


def _describe_side(counts: Mapping[str, int]) -> str:
    if not counts:
        return "none"
    (first, number), *others = counts.items()
    replies = "reply" if number == 1 else "replies"
    parts = [f"{number} {replies} {_word(first)}"]
    return ", ".join([*parts, *(f"{count} {_word(reason)}" for reason, count in others)])


def _word(reason: str) -> str:
    return WORDS.get(reason, reason)
