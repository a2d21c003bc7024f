"""Reading of the rewriter's reply: find both quotes of each constraint, and check the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

from assay_nb.instruments.exchange.parsing import (
    clean,
    get_object,
    get_objects,
    get_text,
    parse_partial,
)
from assay_nb.instruments.exchange.schema import Data, name_slots
from assay_nb.instruments.exchange.validation import Kind, find_kind
from assay_nb.instruments.invariants.checks import Breach, Invariants, Revision
from assay_nb.instruments.rewrite.request import DEFAULT_BUDGET, SLOTS, find_limit
from assay_nb.instruments.rewrite.result import LedgerRow, Rewrite
from assay_nb.text.anchors import Anchor, Locator
from assay_nb.text.normal import normalise
from assay_nb.text.segments import split_segments

_NORMATIVE = re.compile(
    r"\b(?:must|never|only|always|at (?:most|least)|do not|don't|don’t|cannot|may not|no more than"
    r"|exactly|muss|müssen|darf|dürfen|nie|niemals|nur|immer|höchstens|mindestens|doit|doivent"
    r"|jamais|seulement|toujours|au (?:plus|moins)|debe|deben|nunca|solo|siempre|como máximo)\b",
    re.IGNORECASE,
)


def make_rewrite(
    prompt: str,
    kind: Kind,
    data: Data,
    *,
    budget: float = DEFAULT_BUDGET,
    goal: str | None = None,
    cut: bool = False,
) -> Rewrite:
    """Return the rewrite with its ledger found in both texts, and its checks."""
    proposed = _match_end(prompt, get_text(data, "text"))
    ledger, unanchored = _read_ledger(data, prompt, proposed)
    given_up = [
        (r.before.start, r.before.end) for r in ledger if r.status == "dropped" and r.reason
    ]
    change = Revision(after=proposed, inserted=[proposed], mode="rewrite", settled=given_up)
    breaches = [*Invariants(prompt).find_breaches(change), *_check_length(prompt, proposed, budget)]
    return Rewrite(
        prompt=prompt,
        kind=kind,
        proposed=proposed,
        breaches=tuple(breaches),
        ledger=tuple(ledger),
        changes=tuple(_list_changes(data))[:8],
        unanchored=unanchored,
        goal=goal or None,
        cut=cut,
    )


def make_beginning(prompt: str, kind: Kind, text: str, *, goal: str | None = None) -> Rewrite:
    """Return the refused rewrite of which only the beginning of the new text came.

    It was paid for and may show what went wrong: small models repeat themselves within the text. What it keeps
    of the original cannot be said.
    """
    breach = Breach(
        "I14",
        "error",
        "ends in the middle, since the reply ran up to its limit: raise max_output_tokens if that was set, or "
        "choose another model",
    )
    return Rewrite(
        prompt=prompt,
        kind=kind,
        proposed=_match_end(prompt, text),
        breaches=(breach,),
        goal=goal or None,
    )


def _list_changes(data: Data) -> Iterator[str]:
    """Yield what was changed, from a list of sentences or from one text."""
    said = data.get("changes")
    for change in cast("list[Any]", said) if isinstance(said, list) else [said]:
        if isinstance(change, str) and change.strip():
            yield clean(change)


def _list_constraints(data: Data) -> list[Data]:
    """Return the rows of the ledger, from a list or from slots; an empty slot is not a row."""
    slots = [slot for name in name_slots("constraint", SLOTS) if (slot := get_object(data, name))]
    return [*get_objects(data, "constraints"), *(s for s in slots if get_text(s, "quote").strip())]


def preview(prompt: str, partial: str) -> Rewrite | None:
    """Return the text as far as it has come, or None while nothing has."""
    data = parse_partial(partial)
    proposed = get_text(data, "text")
    if not proposed:
        return None
    return Rewrite(prompt=prompt, kind=find_kind(prompt, {}), proposed=proposed, complete=False)


def _match_end(prompt: str, text: str) -> str:
    """Return the text with line ends as the original has them, at its end too."""
    body = text.strip("\r\n")
    if "\r\n" in prompt and "\r\n" not in body:
        body = body.replace("\n", "\r\n")
    return body + prompt[len(prompt.rstrip("\r\n")) :]


def _check_length(prompt: str, proposed: str, budget: float) -> Iterator[Breach]:
    if len(proposed) > find_limit(prompt, budget):
        times = len(proposed) / len(prompt)
        yield Breach("I8", "warning", f"is {times:.1f} times as long; the budget is {budget:g}")


def _read_ledger(data: Data, prompt: str, proposed: str) -> tuple[list[LedgerRow], int]:
    old, new = Locator(prompt, split_segments(prompt)), Locator(proposed)
    rows: dict[tuple[int, int], LedgerRow] = {}
    unanchored = 0
    for described in _list_constraints(data):
        before = old.find(get_text(described, "quote"), get_text(described, "segment"))
        if before is None:
            unanchored += 1
        else:
            rows[before.start, before.end] = _make_row(described, before, new)
    known = list(rows)
    missed = {(r.before.start, r.before.end): r for r in _find_unaccounted(old, proposed, known)}
    return [row for _, row in sorted({**rows, **missed}.items())], unanchored


def _make_row(described: Data, before: Anchor, new: Locator) -> LedgerRow:
    kept, reason = get_text(described, "kept"), clean(get_text(described, "reason"))
    after = new.find(kept) if kept else None
    if after:
        return LedgerRow(status="kept", before=before, after=after)
    if kept:
        return LedgerRow(
            status="lost",
            before=before,
            reason="said to be kept, but the quoted words are not there",
        )
    if not reason:
        return LedgerRow(status="lost", before=before, reason="neither kept nor given up")
    return LedgerRow(status="dropped", before=before, reason=reason)


def _find_unaccounted(
    old: Locator, proposed: str, known: Sequence[tuple[int, int]]
) -> Iterator[LedgerRow]:
    """Yield the sentences with must, never, only… that are neither in the ledger nor in the new text."""
    there = normalise(proposed).text
    for segment in old.segments:
        mentioned = any(start < segment.end and segment.start < end for start, end in known)
        if mentioned or not _NORMATIVE.search(segment.text):
            continue
        if normalise(segment.text).text not in there:
            yield LedgerRow(
                status="unaccounted",
                before=old.make_anchor(segment.start, segment.end),
                reason="the ledger does not mention it",
            )
