"""How an improvement is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from assay_nb.instruments.exchange.parsing import clean
from assay_nb.instruments.findings import TONES, Finding
from assay_nb.instruments.fineprint import make_fine_print, make_notices
from assay_nb.render.document import (
    Badge,
    Block,
    Callout,
    Code,
    Details,
    Diff,
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
from assay_nb.text.edits import Run, cut_after, cut_before, diff_words, find_line
from assay_nb.text.english import count, join

if TYPE_CHECKING:
    from assay_nb.instruments.improve.result import DroppedEdit, Improvement, ProposedEdit


def describe(result: Improvement) -> Iterator[Block]:
    """Yield the blocks: a summary, a hunk for each edit, what was dropped, the new text, fine print."""
    yield Heading("Improvement")
    yield from make_notices(result.provenance)
    yield Paragraph(_summarise(result))
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
