"""The lint report: findings with their places, shown as an annotated text. No score.

A number from 0 to 100 would predict nothing about how a prompt does; the counts by class are all there is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from assay_nb.instruments.annotation import annotate
from assay_nb.instruments.base import Line, Provenance, Shown
from assay_nb.instruments.lint.rule import LEVELS, Level, LintFix
from assay_nb.render.document import (
    Badge,
    Block,
    Callout,
    Code,
    Document,
    Heading,
    Inline,
    Item,
    Items,
    Mark,
    Paragraph,
    Tone,
    sentence,
)
from assay_nb.text.english import count

MOST_SHOWN = 30
MOST_SAVED = 200
"""Findings that a notebook shows, and that it saves as JSON. 2,000 of them, shown whole, took 4 MB."""

_MOST_ALIKE, _BEFORE_FOLD, _MOST_LINES = 5, 3, 10
"""More findings of one rule than that are shown as the first few and a count, with some line numbers."""

_Thing = TypeVar("_Thing")
_TONES: dict[Level, Tone] = {"error": "bad", "warning": "warning", "hint": "info"}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LintFinding(Line):
    """One place in the prompt that a rule speaks of.

    Attributes:
        rule: The rule's id, such as `"A007"`.
        name: The rule's name, such as `"undelimited-input"`.
        level: `"error"`, `"warning"` or `"hint"`.
        message: One sentence: what, why, what to do. It never quotes a credential.
        start: Where it begins, in code points.
        end: Where it ends, exclusive; equal to `start` when it is about no words in particular.
        line: The line of `start`, counted from 1.
        column: The column of `start`, in code points, counted from 1.
        fix: A replacement, where one is certain.
    """

    rule: str
    name: str
    level: Level
    message: str
    start: int
    end: int
    line: int
    column: int
    fix: LintFix | None = None

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.rule} {self.level}: {self.message}"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        fix = self.fix and {
            "start": self.fix.start,
            "end": self.fix.end,
            "replacement": self.fix.replacement,
        }
        names = ("rule", "name", "level", "message", "start", "end", "line", "column")
        return {**{name: getattr(self, name) for name in names}, "fix": fix}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LintFinding:
        """Read what `to_dict` wrote."""
        fields = dict(data)
        fix = fields.pop("fix")
        return cls(**fields, fix=LintFix(**fix) if fix else None)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LintReport(Shown):
    """What the rules found, in the order of the text.

    Attributes:
        text: The prompt, each character of a credential in it replaced by `█`, so that spans still hold.
        findings: What was found; empty means pass.
    """

    schema: ClassVar[str] = "assay.lint.v1"

    text: str
    findings: tuple[LintFinding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is no error. Warnings and hints leave the decision to the reader."""
        return not self.counts["error"]

    @property
    def counts(self) -> dict[Level, int]:
        """How many findings there are of each class."""
        return {level: sum(finding.level == level for finding in self.findings) for level in LEVELS}

    @property
    def provenance(self) -> Provenance:
        """Nothing: lint asks no model."""
        return Provenance()

    def with_provenance(self, provenance: Provenance) -> LintReport:
        """Return the report itself, since there is no call that anything could be said of."""
        return self

    def apply_fixes(self, text: str, rules: Iterable[str] | None = None) -> str:
        """Return `text`, the prompt that was linted, with the fixes carried out.

        Where two fixes overlap the first one counts; lint again for the other.

        Args:
            text: The prompt as it was given to `lint`; the report's own `text` has its keys blanked.
            rules: Ids of the rules whose fixes are wanted. All by default.
        """
        wanted = None if rules is None else set(rules)
        fixes = [f.fix for f in self.findings if f.fix and (wanted is None or f.rule in wanted)]
        pieces: list[str] = []
        position = 0
        for fix in sorted(fixes, key=lambda fix: (fix.start, fix.end)):
            if fix.start >= position:
                pieces += [text[position : fix.start], fix.replacement]
                position = fix.end
        return "".join([*pieces, text[position:]])

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "schema": self.schema,
            "ok": self.ok,
            "counts": dict(self.counts),
            "text": self.text,
            "findings": [finding.to_dict() for finding in self.findings],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LintReport:
        """Read what `to_dict` wrote."""
        return cls(
            text=data["text"],
            findings=tuple(LintFinding.from_dict(item) for item in data["findings"]),
        )

    def to_saved(self) -> dict[str, Any]:
        """Return the JSON form for a notebook file, with the first findings where there are very many.

        A file that holds thousands is slow to open; `omitted` says how many are left out.
        """
        kept = self.first(MOST_SAVED)
        return {
            **self.to_dict(),
            "findings": [finding.to_dict() for finding in kept],
            "omitted": len(self.findings) - len(kept),
        }

    def first(self, most: int) -> tuple[LintFinding, ...]:
        """Return at most so many findings: where there are more, errors first, then warnings."""
        if len(self.findings) <= most:
            return self.findings
        return tuple(sorted(self.findings, key=lambda f: LEVELS.index(f.level))[:most])

    def to_document(self) -> Document:
        """Return what is shown: one line when there is nothing to say, else the words and the findings."""
        if not self.text.strip():
            return Document((Callout("warning", ("The prompt is empty: nothing was checked.",)),))
        if not self.findings:
            return Document((Paragraph((Badge("Pass", "good"), " Lint found nothing.")),))
        entries = list(_fold(self.findings))
        if len(entries) > MOST_SHOWN:
            entries = sorted(entries, key=lambda e: LEVELS.index(e.finding.level))[:MOST_SHOWN]
        more = len(self.findings) - sum(1 + len(entry.folded) for entry in entries)
        shown = [entry.finding for entry in entries]
        marks = [Mark(f.start, f.end, f.rule, _TONES[f.level]) for f in shown if f.start < f.end]
        blocks: list[Block] = [
            Heading("Lint"),
            Paragraph((_in_words(self.counts),)),
            *([annotate(self.text, marks)] if marks else []),
            Items(tuple(item for entry in entries for item in _items(entry))),
            *([Paragraph((f"{more:,} more in ", Code(".findings"), "."))] if more else []),
        ]
        return Document(tuple(blocks))


def _in_words(counts: Mapping[Level, int]) -> str:
    return ", ".join(count(n, level) for level, n in counts.items() if n) + "."


@dataclass(frozen=True, slots=True)
class _Entry:
    """A finding that is shown, and those of its rule that one line behind it counts."""

    finding: LintFinding
    placed: bool = False
    folded: Sequence[LintFinding] = ()


def _fold(findings: Sequence[LintFinding]) -> Iterator[_Entry]:
    """Yield what is shown, in the order of the text: all of a rule, or its first where it has many."""
    for number, group, finding in number_alike(findings, lambda f: (f.rule, f.level)):
        if len(group) <= _MOST_ALIKE:
            yield _Entry(finding)
        elif number < _BEFORE_FOLD:
            is_last = number == _BEFORE_FOLD - 1
            yield _Entry(finding, placed=True, folded=group[_BEFORE_FOLD:] if is_last else ())


def number_alike(
    things: Iterable[_Thing], kind_of: Callable[[_Thing], Hashable]
) -> Iterator[tuple[int, Sequence[_Thing], _Thing]]:
    """Yield each thing, in order, with its number among those of its kind, from 0, and all of these."""
    listed = [(kind_of(thing), thing) for thing in things]
    groups: defaultdict[Hashable, list[_Thing]] = defaultdict(list)
    for kind, thing in listed:
        groups[kind].append(thing)
    seen: Counter[Hashable] = Counter()
    for kind, thing in listed:
        yield seen[kind], groups[kind], thing
        seen[kind] += 1


def _items(entry: _Entry) -> Iterator[Item]:
    yield _item(entry.finding, placed=entry.placed)
    if entry.folded:
        said = f"{len(entry.folded):,} more of the same, {_on_lines(entry.folded)}"
        yield Item(label=entry.finding.rule, title=(said,))


def _on_lines(findings: Sequence[LintFinding]) -> str:
    lines = list(dict.fromkeys(f"{finding.line:,}" for finding in findings))
    if len(lines) == 1:
        return f"on line {lines[0]}"
    return f"on lines {', '.join(lines[:_MOST_LINES])}{' …' if len(lines) > _MOST_LINES else ''}"


def _item(finding: LintFinding, *, placed: bool) -> Item:
    lines: list[tuple[Inline, ...]] = []
    if placed:
        lines.append((f"At line {finding.line:,}, column {finding.column:,}.",))
    if finding.fix:
        change = finding.fix.replacement.strip()
        lines.append(("Fix: write ", Code(change), ".") if change else ("Fix: delete it.",))
    return Item(
        label=finding.rule,
        title=sentence(finding.message),
        badges=(Badge(finding.level, _TONES[finding.level]), Badge(finding.name)),
        lines=lines,
    )
