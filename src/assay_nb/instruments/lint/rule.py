"""A rule: an id, a class, a sentence on why, and a check that yields hits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from assay_nb.instruments.lint.source import Source

Level = Literal["error", "warning", "hint"]
LEVELS: tuple[Level, ...] = ("error", "warning", "hint")


@dataclass(frozen=True, slots=True)
class LintFix:
    """A replacement of `text[start:end]` that certainly mends the finding and changes nothing else."""

    start: int
    end: int
    replacement: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One place where a rule speaks up.

    Attributes:
        start: Where it begins, in code points.
        end: Where it ends, exclusive. `start == end` when it is about no words in particular.
        message: One sentence: what, why, what to do.
        fix: A replacement, where one is certain.
        level: A milder class than the rule's own, where the consequence is milder.
    """

    start: int
    end: int
    message: str
    fix: LintFix | None = None
    level: Level | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. Everything but the check is data, so that help and documentation can list it.

    Attributes:
        id: Such as `"A007"`; never reused for another rule.
        name: Its speaking name, such as `"undelimited-input"`.
        level: How bad a hit is: an error breaks the prompt, a warning probably harms it, a hint may.
        summary: What it looks for, in one line.
        why: What happens to a prompt that has it.
        bad: A short prompt that it reports.
        good: The same, mended.
        check: Yields the hits, in any order.
        languages: The languages it can read; empty for a rule that looks at form alone.
        needs_model: Whether it is silent unless the model is known.
    """

    id: str
    name: str
    level: Level
    summary: str
    why: str
    bad: str
    good: str
    check: Callable[[Source], Iterable[Hit]]
    languages: tuple[str, ...] = ()
    needs_model: bool = False
