"""The rewriter's request: its schema, its system message, the goal and the budget."""

from __future__ import annotations

from collections.abc import Sequence

from assay_nb.instruments.exchange.fencing import DATA_RULE, fence
from assay_nb.instruments.exchange.schema import (
    STRING,
    Data,
    array_of,
    name_slots,
    object_of,
    slots_of,
)
from assay_nb.text.segments import Segment

DEFAULT_BUDGET = 1.5
_ROOM = 1_200
"""Characters that any rewrite may have: a one-line draft needs more than one and a half lines."""

SLOTS = 6
"""Constraints that a model without lists may account for. Code looks for all of them anyway."""

_RUNS_ON = 4
_BESIDE = 6_000
"""A reply runs on with so many times the characters that the text may have, and these for all beside it. Small
models repeat themselves within the text until their context is full, which takes minutes."""

SCHEMA: Data = object_of(
    text=STRING,
    **slots_of("constraint", SLOTS, object_of(quote=STRING, kept=STRING, reason=STRING)),
    changes=STRING,
)
"""For any model. The text comes first, so that it can be watched as it is written."""

SCHEMA_WITH_LISTS: Data = object_of(
    text=STRING,
    constraints=array_of(object_of(segment=STRING, quote=STRING, kept=STRING, reason=STRING)),
    changes=array_of(STRING),
)
"""For models that end a list."""


_INTRODUCTION = f"""You rewrite prompts that people write for language models: better structure, the task first, \
inputs marked off, a form of answer that can be checked. You do not change what the author wants.

{DATA_RULE}

- text: the whole new prompt, ready to be used, without the segment numbers, without a code fence around it and \
without a word about your work. Keep its language. Keep every variable by its exact name and syntax, every \
template block, code, JSON, tag, URL, address, number and quoted word. Add no facts, names, dates or limits \
of your own. Do not pad: it should not be longer than the budget that is given."""

_ROW = """a quote copied to the letter from the original; kept, a quote copied to the letter from your text where it now \
stands; or kept empty and the reason for giving it up. Give up a constraint only where it contradicts another or \
the goal."""

SYSTEM = f"""{_INTRODUCTION}
- {", ".join(name_slots("constraint", SLOTS))}: the rules, limits and requirements of the original, the \
strictest first: {_ROW} Where there are no more, all three are empty.
- changes: one or two short sentences on what you changed and why."""

SYSTEM_WITH_LISTS = f"""{_INTRODUCTION}
- constraints: every rule, limit and requirement of the original, one row each: the segment's number and \
{_ROW}
- changes: up to five short sentences on what you changed and why."""


def make_text(
    prompt: str, segments: Sequence[Segment], nonce: str, goal: str | None, budget: float
) -> str:
    """Return the user's turn: the fenced prompt, the goal, and the budget."""
    parts = ["Rewrite this prompt.", fence(prompt, segments, nonce)]
    if goal:
        parts.append(f"What the new prompt should do better, in its author's words:\n{goal}")
    parts.append(f"Budget: {find_limit(prompt, budget):,} characters.")
    parts.append("That was the prompt. Answer with the JSON object that was asked for.")
    return "\n\n".join(parts)


def find_longest(prompt: str, budget: float) -> int:
    """Return how many characters a reply may have before it is cut off."""
    return _RUNS_ON * find_limit(prompt, budget) + _BESIDE


def find_limit(prompt: str, budget: float) -> int:
    """Return how many characters a rewrite may have."""
    return max(int(budget * len(prompt)), _ROOM)
