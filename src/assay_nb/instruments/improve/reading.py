"""Reading of the editor's reply: find the words, and drop what cannot be done to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from assay_nb.instruments.exchange.parsing import (
    clean,
    get_object,
    get_objects,
    get_text,
    get_word,
    parse_partial,
)
from assay_nb.instruments.exchange.schema import Data, name_slots
from assay_nb.instruments.exchange.validation import Kind, find_kind
from assay_nb.instruments.findings import OPERATIONS, Finding, read_finding
from assay_nb.instruments.improve.request import MOST_EDITS, SLOTS
from assay_nb.instruments.improve.result import (
    RISKS,
    Accept,
    DroppedEdit,
    Improvement,
    ProposedEdit,
    parse_accept,
    pick,
)
from assay_nb.instruments.improve.selection import LocatedEdit, Selection, order
from assay_nb.text.anchors import Locator
from assay_nb.text.edits import Edit, overlap
from assay_nb.text.segments import split_segments

_LONGEST_EDIT = 4_000


def make_improvement(
    prompt: str,
    kind: Kind,
    data: Data,
    *,
    findings: tuple[Finding, ...] | None = None,
    accept: Accept = "all",
    check: bool = True,
    cut: bool = False,
) -> Improvement:
    """Return what the reply proposes, as far as it holds."""
    data = _open_slots(data, with_findings=findings is None)
    locator = Locator(prompt, split_segments(prompt))
    unanchored = 0
    if findings is None:
        findings, unanchored = _read_findings(data, locator)
    found, dropped = _locate(data, locator, {finding.id: finding for finding in findings})
    kept, refused = Selection(prompt).choose(found) if check else (order(found), [])
    edits = tuple(
        ProposedEdit(
            number=number,
            finding=candidate.finding.id,
            op=candidate.op,
            before=candidate.before,
            edit=candidate.edit,
            risk=candidate.risk,
            warnings=tuple(breach for breach in breaches if breach.level == "warning"),
        )
        for number, (candidate, breaches) in enumerate(kept, 1)
    )
    return Improvement(
        prompt=prompt,
        kind=kind,
        findings=findings,
        edits=edits,
        dropped=(*dropped, *refused),
        accepted=pick(accept, edits),
        absent=tuple(sorted(set(parse_accept(accept) or ()) - {e.number for e in edits})),
        unanchored=unanchored,
        cut=cut,
    )


def _open_slots(data: Data, *, with_findings: bool) -> Data:
    """Return a reply in slots as a reply in lists would say it; one in lists as it is.

    An edit in a slot says itself what it mends, unless findings were given: then it names one of them.
    """
    slots = {n: slot for n in name_slots("edit", SLOTS) if (slot := get_object(data, n))}
    filled = [s for s in slots.values() if get_word(s, "op", OPERATIONS) and get_text(s, "before")]
    if not slots:
        return data
    if not with_findings:
        return {"edits": filled}
    named = [{**slot, "finding": f"f{number}"} for number, slot in enumerate(filled, 1)]
    return {"findings": [_find_fault(slot) for slot in named], "edits": named}


def _find_fault(slot: Data) -> Data:
    """Return the finding that an edit in a slot mends."""
    kind = "absent" if slot.get("op") == "insert_after" else "present"
    evidence = [{"segment": "", "quote": get_text(slot, "before")}]
    return {**slot, "id": slot["finding"], "kind": kind, "evidence": evidence}


def preview(prompt: str, partial: str) -> Improvement | None:
    """Return the edits that an unfinished reply already holds whole, or None while it holds nothing.

    They are not checked yet, so none is accepted, and some may not be in the result.
    """
    data = parse_partial(partial)
    if not data:
        return None
    whole = _leave_out_last(data)
    kind = find_kind(prompt, {})
    result = make_improvement(prompt, kind, whole, accept="none", check=False)
    return replace(result, complete=False)


def _leave_out_last(data: Data) -> Data:
    """Return the reply without its last edit, which is still being written."""
    last = next((n for n in reversed(name_slots("edit", SLOTS)) if n in data), None)
    rest = {name: value for name, value in data.items() if name != last}
    return rest if last else {**rest, "edits": get_objects(data, "edits")[:-1]}


def _read_findings(data: Data, locator: Locator) -> tuple[tuple[Finding, ...], int]:
    described = get_objects(data, "findings")
    read = [
        read_finding(d, locator, get_text(d, "id") or f"f{n}") for n, d in enumerate(described, 1)
    ]
    return tuple({f.id: f for f in read if f}.values()), sum(f is None for f in read)


def _locate(
    data: Data, locator: Locator, findings: Mapping[str, Finding]
) -> tuple[list[LocatedEdit], list[DroppedEdit]]:
    """Return the edits whose words are in the prompt and free, and those that have to go."""
    found: list[LocatedEdit] = []
    dropped: list[DroppedEdit] = []
    for described in get_objects(data, "edits"):
        candidate = _read_edit(described, locator, findings)
        reason = candidate if isinstance(candidate, str) else _find_obstacle(candidate, found)
        if reason:
            dropped.append(_drop(described, reason))
        elif not isinstance(candidate, str):
            found.append(candidate)
    return found, dropped


def _find_obstacle(candidate: LocatedEdit, found: Sequence[LocatedEdit]) -> str | None:
    if len(found) >= MOST_EDITS:
        return f"more than {MOST_EDITS} edits were proposed"
    if any(overlap(candidate.edit, other.edit) for other in found):
        return "touches the same words as another edit"
    return None


def _drop(described: Data, reason: str, checks: tuple[str, ...] = ()) -> DroppedEdit:
    op, before, text = (get_text(described, name) for name in ("op", "before", "text"))
    return DroppedEdit(op, clean(before), clean(text), reason, checks)


def _read_edit(data: Data, locator: Locator, findings: Mapping[str, Finding]) -> LocatedEdit | str:
    """Return the edit with its place, or the reason why it cannot be made."""
    finding = findings.get(get_text(data, "finding"))
    op = get_word(data, "op", OPERATIONS)
    text = "" if op == "delete" else get_text(data, "text")
    if finding is None or op is None:
        return "mends no finding whose words are in the prompt"
    anchor = locator.find(get_text(data, "before"), get_text(data, "segment"))
    # A fuzzy place is good enough to point at, but not to write to: what the model
    # wants to replace is then not what stands there.
    if anchor is None or anchor.match == "reanchored":
        return "the words to change are not in the prompt, or stand there more than once"
    if len(text) > _LONGEST_EDIT:
        return "is longer than an edit should be"
    if op == "insert_after":
        edit = Edit(anchor.end, anchor.end, _space(locator.text, anchor.end, text))
    else:
        edit = Edit(anchor.start, anchor.end, text)
    if locator.text[edit.start : edit.end] == edit.text:
        return "changes nothing"
    return LocatedEdit(finding, op, anchor, edit, get_word(data, "risk", RISKS) or "medium")


def _space(prompt: str, at: int, text: str) -> str:
    """Return the text to insert, with a space where words would run together otherwise."""
    if text and not text[0].isspace() and at and not prompt[at - 1].isspace():
        text = text if text[0] in ".,;:!?)" else f" {text}"
    if text and not text[-1].isspace() and at < len(prompt) and prompt[at].isalnum():
        text = f"{text} "
    return text
