"""An improvement: edits to accept, those that were refused, and how they are shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, TypeAlias, cast

from assay_nb.errors import WrongUsage
from assay_nb.instruments.annotation import encode_target
from assay_nb.instruments.base import Line, Provenance, Shown, decode_provenance, encode_provenance
from assay_nb.instruments.exchange.parsing import clean
from assay_nb.instruments.exchange.validation import Kind
from assay_nb.instruments.findings import TONES, Finding, Operation, describe_change
from assay_nb.instruments.fineprint import make_fine_print, make_notices
from assay_nb.instruments.invariants.checks import Breach
from assay_nb.render.document import (
    Badge,
    Block,
    Callout,
    Code,
    Details,
    Diff,
    Document,
    Heading,
    Hunk,
    Inline,
    Item,
    Items,
    Paragraph,
    Piece,
    Verbatim,
    sentence,
)
from assay_nb.text.anchors import Anchor
from assay_nb.text.edits import Edit, Run, apply_edits, cut_after, cut_before, diff_words, find_line
from assay_nb.text.english import count, join, kind_of, quote

Risk = Literal["low", "medium", "high"]
RISKS: tuple[Risk, ...] = ("low", "medium", "high")
Accept: TypeAlias = str | Sequence[int]
MOST_TOUCHED = 0.30
_SHORT_PROMPT = 400  # below this, one good edit is easily a third of the text
_NUMBERS = re.compile(r"\s*\d+\s*(?:,\s*\d+\s*)*")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ProposedEdit(Line):
    """One edit that passed every check, with the number to accept it by.

    Attributes:
        number: From 1, in the order of the text.
        finding: The id of the finding that it mends.
        op: `replace`, `insert_after` or `delete`.
        before: The words that it is about, found by code.
        edit: The change itself, in code points of the original.
        risk: How likely it is to change what the prompt means, as the model sees it.
        warnings: What the checks remark without blocking it.
    """

    number: int
    finding: str
    op: Operation
    before: Anchor
    edit: Edit
    risk: Risk = "low"
    warnings: tuple[Breach, ...] = ()

    def __str__(self) -> str:
        change = describe_change(self.op, str(self.before), self.edit.text)
        return f"[{self.number}] {change} ({self.risk} risk)"

    def to_dict(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "finding": self.finding,
            "op": self.op,
            "before": self.before.to_dict(),
            "start": self.edit.start,
            "end": self.edit.end,
            "text": self.edit.text,
            "risk": self.risk,
            "warnings": [breach.to_dict() for breach in self.warnings],
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> ProposedEdit:
        """Return the edit that `to_dict` described."""
        return cls(
            number=fields["number"],
            finding=fields["finding"],
            op=fields["op"],
            before=Anchor.from_dict(fields["before"]),
            edit=Edit(fields["start"], fields["end"], fields["text"]),
            risk=fields["risk"],
            warnings=tuple(Breach(**breach) for breach in fields["warnings"]),
        )


@dataclass(frozen=True, slots=True, repr=False)
class DroppedEdit(Line):
    """An edit that the model proposed and code refused, with the reason."""

    op: str
    before: str
    text: str
    reason: str
    checks: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{describe_change(self.op, quote(self.before), self.text)}: {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "op": self.op,
            "before": self.before,
            "text": self.text,
            "reason": self.reason,
            "checks": list(self.checks),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> DroppedEdit:
        """Return the dropped edit that `to_dict` described."""
        checks = tuple(fields["checks"])
        return cls(fields["op"], fields["before"], fields["text"], fields["reason"], checks)


@dataclass(frozen=True, repr=False)
class Improvement(Shown):
    """Edits to a prompt, each tied to a finding.

    Attributes:
        prompt: The original, verbatim.
        kind: Whether it is a system prompt, a user message or a template.
        findings: What the edits mend.
        edits: The edits that passed the checks, numbered in the order of the text.
        dropped: Those that did not, with the reason.
        accepted: Numbers of the edits that `text` has applied.
        absent: Numbers that were to be accepted and that no edit has.
        unanchored: Findings dropped since their words are not in the prompt.
        complete: False for what is shown while the reply is still coming.
        cut: Whether the reply ended before its edits did.
    """

    schema: ClassVar[str] = "assay.improvement.v1"

    prompt: str
    kind: Kind
    findings: tuple[Finding, ...]
    edits: tuple[ProposedEdit, ...]
    dropped: tuple[DroppedEdit, ...] = ()
    accepted: tuple[int, ...] = ()
    absent: tuple[int, ...] = ()
    unanchored: int = 0
    complete: bool = True
    cut: bool = False
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def text(self) -> str:
        """The prompt with the accepted edits applied."""
        return self.apply(self.accepted)

    @property
    def touched(self) -> float:
        """The share of the original's characters that all edits together take out."""
        taken = sum(_count_deleted(self.prompt, proposed.edit) for proposed in self.edits)
        return round(taken / max(1, len(self.prompt)), 3)

    @property
    def advice(self) -> Literal["rewrite"] | None:
        """`"rewrite"` where the edits touch so much that a rewrite is the better tool."""
        much = self.touched > MOST_TOUCHED and len(self.prompt) >= _SHORT_PROMPT
        return "rewrite" if much else None

    def apply(self, accept: Accept = "all") -> str:
        """Return the prompt with these edits applied, and everything else as it was.

        Args:
            accept: `"all"`, `"none"`, or numbers of edits such as `[1, 3]` or `"1,3"`.

        Raises:
            WrongUsage: If there is no edit of that number.
        """
        numbers = parse_accept(accept)
        known = {proposed.number: proposed.edit for proposed in self.edits}
        if numbers is None:
            return apply_edits(self.prompt, list(known.values()))
        unknown = sorted(set(numbers) - set(known))
        if unknown:
            raise WrongUsage(f"There is no edit {unknown[0]}.", hint=_name_edits(list(known)))
        return apply_edits(self.prompt, [known[number] for number in set(numbers)])

    def accept(self, accept: Accept = "all") -> Improvement:
        """Return the same improvement with other edits accepted."""
        self.apply(accept)
        return replace(self, accepted=pick(accept, self.edits), absent=())

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "target": encode_target(self.prompt, self.kind, self.provenance),
            "findings": [finding.to_dict() for finding in self.findings],
            "edits": [proposed.to_dict() for proposed in self.edits],
            "dropped": [dropped.to_dict() for dropped in self.dropped],
            "accepted": list(self.accepted),
            "absent": list(self.absent),
            "text": self.text,
            "touched": self.touched,
            "advice": self.advice,
            "unanchored": self.unanchored,
            "complete": self.complete,
            **({"cut": True} if self.cut else {}),
            "prompt": self.prompt,
            "provenance": encode_provenance(self.provenance),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Improvement:
        """Return the improvement that `to_dict` described."""
        return cls(
            prompt=fields["prompt"],
            kind=fields["target"]["kind"],
            findings=tuple(Finding.from_dict(f) for f in fields["findings"]),
            edits=tuple(ProposedEdit.from_dict(e) for e in fields["edits"]),
            dropped=tuple(DroppedEdit.from_dict(dropped) for dropped in fields["dropped"]),
            accepted=tuple(fields["accepted"]),
            absent=tuple(fields["absent"]),
            unanchored=fields["unanchored"],
            complete=fields["complete"],
            cut=fields.get("cut", False),
            provenance=decode_provenance(fields["provenance"]),
        )

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


def parse_accept(accept: object) -> list[int] | None:
    """Return the numbers in `accept`; None stands for all.

    Raises:
        WrongUsage: If it is neither `all`, `none` nor a list of numbers.
    """
    given = accept
    if isinstance(accept, str):
        word = accept.strip().lower()
        if word in ("all", "none"):
            return None if word == "all" else []
        if _NUMBERS.fullmatch(word):
            return [int(number) for number in word.split(",")]
    elif isinstance(accept, Iterable) and not isinstance(accept, bytes | Mapping):
        numbers = list(cast("Iterable[object]", accept))
        if all(type(number) is int for number in numbers):
            return cast("list[int]", numbers)
    raise _not_a_choice(given)


def _not_a_choice(value: object) -> WrongUsage:
    return WrongUsage(
        f"accept is 'all', 'none' or numbers, not {_name(value)}.",
        hint=f"For one edit: [{value}]." if type(value) is int else "Such as [1, 3] or '1,3'.",
    )


def _name(value: object) -> str:
    return repr(value) if isinstance(value, str | int | float) else kind_of(value)


def pick(accept: Accept, edits: Sequence[ProposedEdit]) -> tuple[int, ...]:
    """Return the numbers of the edits that `accept` names, in order."""
    numbers = parse_accept(accept)
    known = [proposed.number for proposed in edits]
    return tuple(n for n in known if numbers is None or n in numbers)


def _name_edits(numbers: Sequence[int]) -> str:
    if len(numbers) < 2:
        return "The only edit is 1." if numbers else "No edit was proposed."
    return f"The edits are {join([str(number) for number in numbers])}."


def _count_deleted(prompt: str, edit: Edit) -> int:
    runs = diff_words(prompt[edit.start : edit.end], edit.text)
    return sum(len(text) for op, text in runs if op == "deleted")


# --- showing ----------------------------------------------------------------------------------------


def _describe(result: Improvement) -> Iterator[Block]:
    """Yield the blocks: a summary, a hunk for each edit, what was dropped, the new text, fine print."""
    yield Heading("Improvement")
    yield from make_notices(result.provenance)
    yield Paragraph(_summarise(result))
    if result.cut:
        yield Callout("warning", ["The reply was cut off, so edits may be missing."])
    if result.advice:
        text = f"The edits touch {result.touched:.0%} of the prompt: %%rewrite is the better tool here."
        yield Callout("info", [text])
    if result.absent and result.complete:
        yield Callout("warning", [describe_absent(result)])
    if result.edits:
        findings = {finding.id: finding for finding in result.findings}
        hunks = [_make_hunk(result, edit, findings.get(edit.finding)) for edit in result.edits]
        yield Diff(hunks)
    if result.dropped:
        title = f"Dropped by the checks ({len(result.dropped)})"
        yield Details(title, [Items([_make_dropped_item(d) for d in result.dropped])])
    if result.complete and result.accepted:
        yield Details("The prompt with the accepted edits", [Verbatim(result.text)])
    yield from make_fine_print(result.provenance)


def _summarise(result: Improvement) -> Sequence[Inline]:
    if not result.complete:
        return [f"So far: {count(len(result.edits), 'edit')}, not checked yet."]
    if result.cut and not result.edits:
        return [Badge("not finished", "warning"), " No edit had come whole."]
    if not result.edits:
        why = " that passed the checks" if result.dropped else ""
        return [Badge("no change", "good"), f" There is no edit to propose{why}."]
    return [*_tell_accepted(result), " ", Code(".apply([1])"), " gives those you name."]


def _tell_accepted(result: Improvement) -> Sequence[Inline]:
    """Return how many edits are accepted, and what `.text` is because of it."""
    there, taken = len(result.edits), len(result.accepted)
    edits = count(there, "edit")
    if not taken:
        return [f"{edits}, none accepted: ", Code(".text"), " is the original prompt."]
    if taken == there:
        which = "accepted" if there == 1 else "all accepted"
        return [f"{edits}, {which}: ", Code(".text"), f" has {_it(there)} applied."]
    return [f"{edits}, {taken} accepted: ", Code(".text"), f" has {_it(taken)} applied."]


def _it(number: int) -> str:
    return "it" if number == 1 else "them"


def describe_absent(result: Improvement) -> str:
    """Return which numbers were to be accepted that no edit has, and which there are."""
    missing = join([str(number) for number in result.absent], "or")
    there = [str(proposed.number) for proposed in result.edits]
    if not there:
        return f"There is no edit {missing}: none was proposed."
    known = f"the edits are {join(there)}" if len(there) > 1 else "the only edit is 1"
    return f"There is no edit {missing}; {known}. {_name_accepted(result.accepted)}."


def _name_accepted(numbers: Sequence[int]) -> str:
    if not numbers:
        return "None is accepted"
    named = join([str(number) for number in numbers])
    return f"Edit {named} is accepted" if len(numbers) == 1 else f"Edits {named} are accepted"


def _make_hunk(result: Improvement, proposed: ProposedEdit, finding: Finding | None) -> Hunk:
    edit = proposed.edit
    before = result.prompt[: edit.start].rpartition("\n")[2]
    after = result.prompt[edit.end :].partition("\n")[0].rstrip("\r")
    runs: list[Run] = [
        ("same", cut_before(before)),
        *diff_words(result.prompt[edit.start : edit.end], edit.text),
        ("same", cut_after(after)),
    ]
    badges = [] if finding is None else [Badge(finding.severity, TONES[finding.severity])]
    if proposed.risk != "low":
        badges.append(Badge(f"{proposed.risk} risk", "warning"))
    accepted = proposed.number in result.accepted
    badges.append(Badge("accepted", "good") if accepted else Badge("not accepted"))
    remarks = "".join(f" Note: {breach.message}." for breach in proposed.warnings)
    return Hunk(
        label=str(proposed.number),
        pieces=[Piece(op, text) for op, text in runs if text],
        note=sentence(f"{_explain(finding)}{remarks}"),
        badges=badges,
        line=find_line(result.prompt, edit.start),
    )


def _explain(finding: Finding | None) -> str:
    if finding is None:
        return ""
    return finding.problem + (f" → {finding.consequence}" if finding.consequence else "")


def _make_dropped_item(dropped: DroppedEdit) -> Item:
    change: list[Inline] = [Code(clean(dropped.before, 120))]
    if dropped.text:
        change += [" → ", Code(clean(dropped.text, 120))]
    badges = [Badge(check, "bad") for check in dropped.checks]
    return Item("×", [dropped.reason], badges, [change])
