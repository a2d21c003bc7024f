"""Usage, as faces show it: what calls used and cost, and how much of each limit is counted.

A cost is known: a price that somebody says and the tokens that the provider counted. Where one of the two is
missing, an estimate counts in its place, and is never called a cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from assay_nb.engine.control import Facts

UsagePart: TypeAlias = Literal["workspace", "month", "day", "user", "model"]
"""What usage can be broken down by."""

USAGE_PARTS: tuple[UsagePart, ...] = ("workspace", "month", "day", "user", "model")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLine(Facts):
    """What some calls used and cost together. What they were not broken down by is `""`.

    Attributes:
        workspace: The workspace's name, where usage is broken down by it.
        month: Such as `2026-11`.
        day: Such as `2026-11-30`, in UTC.
        user: The member.
        model: The model, as `connection/model`.
        calls: How many calls ended.
        unmetered: Those whose tokens are not known, in part or at all.
        unpriced: Those whose cost is not known.
        cached_tokens: Of the input tokens, those that the provider had kept.
        cost: US dollars that the calls cost whose cost is known.
        counted: US dollars that all of them count for: the cost, and an estimate where that is not known.
    """

    workspace: str = ""
    month: str = ""
    day: str = ""
    user: str = ""
    model: str = ""
    calls: int = 0
    unmetered: int = 0
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: float = 0.0
    counted: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitFacts(Facts):
    """How much of a limit is counted that the caller's own calls count against.

    Attributes:
        unit: What is limited.
        counted: How many calls or US dollars are counted, with what running calls may still cost.
        limit: How many are allowed.
        left: How many are left.
        period: In a day or in a month, of UTC.
        model: The models that it is about, where `*` matches anything; `""` for all.
        together: Whether all members use it up together; otherwise it is the caller's own.
        is_near: Whether four fifths of it are counted.
        text: The same in a sentence.
    """

    unit: Literal["calls", "dollars"]
    counted: float
    limit: float
    left: float
    period: Literal["day", "month"]
    model: str
    together: bool
    is_near: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageFacts(Facts):
    """What the calls of some days used and cost.

    Attributes:
        begin: The first day, as an ISO date, in UTC.
        end: The last day.
        everyone: Whether it is about all members; otherwise about the caller's own calls.
        by: What it is broken down by.
        lines: One for each combination that there is, in their order.
        total: The sum of all lines.
        limits: The limits that the caller's own calls count against; none in solo mode.
    """

    begin: str
    end: str
    everyone: bool
    by: Sequence[UsagePart]
    lines: Sequence[UsageLine]
    total: UsageLine
    limits: Sequence[LimitFacts] = ()
