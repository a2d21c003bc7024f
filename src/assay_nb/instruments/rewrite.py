"""Rewrite: the whole prompt anew, with an account of every constraint of the old one.

A rewrite is judged by what it loses. So the model has to say, for each constraint of the original, where
it stands in the new text, or why it was given up. Code finds both quotes, looks for constraints that nobody
accounted for, and checks what must not break. If it does break, the rewrite is refused: it is shown, under
its failed checks, and `text` stays the original.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from assay_nb.errors import WrongUsage
from assay_nb.instruments.base import Instrument, Provenance, Script, Shown
from assay_nb.instruments.checks import Breach, Change, Invariants
from assay_nb.instruments.fencing import DATA_RULE, fence, make_nonce
from assay_nb.instruments.fineprint import make_fine_print, make_notices
from assay_nb.instruments.intake import (
    Kind,
    check_options,
    check_prompt,
    find_kind,
    make_request,
)
from assay_nb.instruments.provenance import decode_provenance, encode_provenance
from assay_nb.instruments.replies import (
    STRING,
    Data,
    Malformed,
    array_of,
    ask,
    clean,
    get_objects,
    get_text,
    nullable,
    object_of,
    parse_partial,
)
from assay_nb.instruments.target import encode_target
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
    Table,
    Tone,
    Verbatim,
)
from assay_nb.text.anchors import Anchor, Locator, normalise
from assay_nb.text.edits import diff_words, split_changes
from assay_nb.text.segments import Segment, split_segments

Status = Literal["kept", "dropped", "lost", "unaccounted"]

DEFAULT_BUDGET = 1.5
_ROOM = 1_200
"""Characters that any rewrite may have: a one-line draft needs more than one and a half lines."""

_NORMATIVE = re.compile(
    r"\b(?:must|never|only|always|at (?:most|least)|do not|don't|don’t|cannot|may not|no more than"
    r"|exactly|muss|müssen|darf|dürfen|nie|niemals|nur|immer|höchstens|mindestens|doit|doivent"
    r"|jamais|seulement|toujours|au (?:plus|moins)|debe|deben|nunca|solo|siempre|como máximo)\b",
    re.IGNORECASE,
)
_TONES: dict[Status, Tone] = {
    "kept": "good",
    "dropped": "warning",
    "lost": "bad",
    "unaccounted": "bad",
}


# --- the result -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """What became of one constraint.

    Attributes:
        status: `kept`: both quotes were found. `dropped`: given up, with a reason. `lost`: said to be kept,
            but the quoted words are not in the new text. `unaccounted`: a sentence of the original with
            must, never, only… that the ledger does not mention.
        before: Its words in the original.
        after: Its words in the new text.
        reason: Why it was dropped.
    """

    status: Status
    before: Anchor
    after: Anchor | None = None
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "before": self.before.to_dict(),
            "after": self.after.to_dict() if self.after else None,
            "reason": self.reason,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> LedgerRow:
        """Return the row that `to_dict` described."""
        after = fields["after"]
        return cls(
            status=fields["status"],
            before=Anchor.from_dict(fields["before"]),
            after=Anchor.from_dict(after) if after else None,
            reason=fields["reason"],
        )


@dataclass(frozen=True, repr=False)
class Rewrite(Shown):
    """A whole new prompt, and what it did with the old one's constraints.

    Attributes:
        prompt: The original, verbatim.
        kind: Whether it is a system prompt, a user message or a template.
        proposed: The new text, whether or not it passed.
        breaches: The checks that it fails (`error`), and what they remark (`warning`).
        ledger: The constraints, in the order of the original.
        changes: What was changed, in the model's words.
        unanchored: Ledger rows dropped since their words are not in the original.
        complete: False for what is shown while the reply is still coming.
    """

    schema: ClassVar[str] = "assay.rewrite.v1"

    prompt: str
    kind: Kind
    proposed: str
    breaches: tuple[Breach, ...] = ()
    ledger: tuple[LedgerRow, ...] = ()
    changes: tuple[str, ...] = ()
    unanchored: int = 0
    complete: bool = True
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def accepted(self) -> bool:
        """Whether the new text is whole and breaks nothing that must not break."""
        return self.complete and not any(breach.level == "error" for breach in self.breaches)

    @property
    def text(self) -> str:
        """The new prompt; the original, unchanged, where the new one was refused."""
        return self.proposed if self.accepted else self.prompt

    def with_provenance(self, provenance: Provenance) -> Rewrite:
        return replace(self, provenance=provenance)

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "target": encode_target(self.prompt, self.kind, self.provenance),
            "accepted": self.accepted,
            "text": self.text,
            "proposed": self.proposed,
            "breaches": [breach.to_dict() for breach in self.breaches],
            "ledger": [row.to_dict() for row in self.ledger],
            "changes": list(self.changes),
            "unanchored": self.unanchored,
            "complete": self.complete,
            "prompt": self.prompt,
            "provenance": encode_provenance(self.provenance),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Rewrite:
        """Return the rewrite that `to_dict` described."""
        return cls(
            prompt=fields["prompt"],
            kind=fields["target"]["kind"],
            proposed=fields["proposed"],
            breaches=tuple(Breach(**breach) for breach in fields["breaches"]),
            ledger=tuple(LedgerRow.from_dict(row) for row in fields["ledger"]),
            changes=tuple(fields["changes"]),
            unanchored=fields["unanchored"],
            complete=fields["complete"],
            provenance=decode_provenance(fields["provenance"]),
        )

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


# --- what is asked --------------------------------------------------------------------------------

SCHEMA: Data = object_of(
    text=STRING,
    constraints=array_of(
        object_of(
            segment=STRING,
            quote=STRING,
            kept=nullable(STRING),
            reason=nullable(STRING),
        )
    ),
    changes=array_of(STRING),
)
"""The text comes first, so that it can be watched as it is written."""

SYSTEM = f"""You rewrite prompts that people write for language models: better structure, the task first, \
inputs marked off, a form of answer that can be checked. You do not change what the author wants.

{DATA_RULE}

- text: the whole new prompt, ready to be used, without the segment numbers, without a code fence around it and \
without a word about your work. Keep its language. Keep every variable by its exact name and syntax, every \
template block, code, JSON, tag, URL, address, number and quoted word. Add no facts, names, dates or limits \
of your own. Do not pad: it should not be longer than the budget that is given.
- constraints: every rule, limit and requirement of the original, one row each: the segment's number and \
a quote copied to the letter from the original; kept, a quote copied to the letter from your text where it now \
stands; or kept null and the reason for giving it up. Give up a constraint only where it contradicts another or \
the goal.
- changes: up to five short sentences on what you changed and why."""


def start(prompt: str, options: Mapping[str, Any]) -> Script[Rewrite]:
    """Begin a rewrite. Options: `goal`, `budget` (times the original's length), `kind`, and the knobs."""
    given = check_options("rewrite", options, ("goal", "budget"))
    if not isinstance(given.get("goal", ""), str):
        raise WrongUsage("goal is text.")
    budget = given.get("budget", DEFAULT_BUDGET)
    if isinstance(budget, bool) or not isinstance(budget, (int, float)) or not 0 < budget <= 10:
        raise WrongUsage(f"budget is a number of times the length, up to 10, not {budget!r}.")
    check_prompt(prompt)
    return _script(prompt, given, float(budget))


def _script(prompt: str, options: Mapping[str, Any], budget: float) -> Script[Rewrite]:
    segments = split_segments(prompt)
    nonce = options.get("_nonce") or make_nonce(prompt)
    kind = find_kind(prompt, options)
    request = make_request(
        options,
        system=SYSTEM,
        text=_make_text(prompt, segments, nonce, options.get("goal"), budget),
        schema=SCHEMA,
        name="rewrite",
    )
    data = yield from ask(request, _check_text)
    return make_rewrite(prompt, kind, data, budget=budget)


def _make_text(
    prompt: str, segments: Sequence[Segment], nonce: str, goal: str | None, budget: float
) -> str:
    parts = ["Rewrite this prompt.", fence(prompt, segments, nonce)]
    if goal:
        parts.append(f"What the new prompt should do better, in its author's words:\n{goal}")
    parts.append(f"Budget: {_find_limit(prompt, budget):,} characters.")
    parts.append("That was the prompt. Answer with the JSON object that was asked for.")
    return "\n\n".join(parts)


def _check_text(data: Data) -> Data:
    if not get_text(data, "text").strip():
        raise Malformed("text is empty")
    return data


def _find_limit(prompt: str, budget: float) -> int:
    return max(int(budget * len(prompt)), _ROOM)


def preview(prompt: str, partial: str) -> Rewrite | None:
    """Return the text as far as it has come, or None while nothing has."""
    data = parse_partial(partial)
    proposed = get_text(data, "text")
    if not proposed:
        return None
    return Rewrite(prompt=prompt, kind=find_kind(prompt, {}), proposed=proposed, complete=False)


# --- what is made of it ---------------------------------------------------------------------------


def make_rewrite(prompt: str, kind: Kind, data: Data, *, budget: float = DEFAULT_BUDGET) -> Rewrite:
    """Return the rewrite with its ledger found in both texts, and its checks."""
    proposed = _match_end(prompt, get_text(data, "text"))
    ledger, unanchored = _read_ledger(data, prompt, proposed)
    given_up = [
        (r.before.start, r.before.end) for r in ledger if r.status == "dropped" and r.reason
    ]
    change = Change(after=proposed, inserted=[proposed], mode="rewrite", settled=given_up)
    breaches = [*Invariants(prompt).find_breaches(change), *_check_length(prompt, proposed, budget)]
    return Rewrite(
        prompt=prompt,
        kind=kind,
        proposed=proposed,
        breaches=tuple(breaches),
        ledger=tuple(ledger),
        changes=tuple(clean(c) for c in data.get("changes", ()) if isinstance(c, str))[:8],
        unanchored=unanchored,
    )


def _match_end(prompt: str, text: str) -> str:
    """Return the text with line ends as the original has them, at its end too."""
    body = text.strip("\r\n")
    if "\r\n" in prompt and "\r\n" not in body:
        body = body.replace("\n", "\r\n")
    return body + prompt[len(prompt.rstrip("\r\n")) :]


def _check_length(prompt: str, proposed: str, budget: float) -> Iterator[Breach]:
    if len(proposed) > _find_limit(prompt, budget):
        times = len(proposed) / len(prompt)
        yield Breach("I8", "warning", f"is {times:.1f} times as long; the budget is {budget:g}")


def _read_ledger(data: Data, prompt: str, proposed: str) -> tuple[list[LedgerRow], int]:
    old, new = Locator(prompt, split_segments(prompt)), Locator(proposed)
    rows: dict[tuple[int, int], LedgerRow] = {}
    unanchored = 0
    for described in get_objects(data, "constraints"):
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


# --- how it is shown ------------------------------------------------------------------------------


def _describe(result: Rewrite) -> Iterator[Block]:
    yield Heading("Rewrite")
    yield from make_notices(result.provenance)
    yield from _describe_verdict(result)
    yield Verbatim(result.proposed)
    if result.ledger:
        yield Heading("What became of the constraints", 2)
        yield Table(("Status", "In the original", "In the new text"), list(_find_rows(result)))
    if result.changes:
        yield Heading("What changed", 2)
        yield Items([Item(str(n), [text]) for n, text in enumerate(result.changes, 1)])
    if result.complete:
        yield Details("Word by word", [Diff(_make_hunks(result))])
    yield from make_fine_print(result.provenance)


def _describe_verdict(result: Rewrite) -> Iterator[Block]:
    errors = [breach for breach in result.breaches if breach.level == "error"]
    if not result.complete:
        yield Paragraph(["Still being written; nothing is checked yet."])
        return
    if errors:
        yield Callout(
            "bad",
            ["Refused: the new text fails checks, so ", Code(".text"), " is still the original."],
        )
        yield Heading("Failed checks", 2)
        yield Items([Item(b.check, [_sentence(b)], [Badge("error", "bad")]) for b in errors])
    else:
        yield Paragraph([Badge("checks passed", "good"), f" {_compare_lengths(result)}"])
    remarks = [breach for breach in result.breaches if breach.level == "warning"]
    if remarks:
        yield Items([Item(b.check, [_sentence(b)], [Badge("note", "warning")]) for b in remarks])
    open_rows = sum(row.status in ("lost", "unaccounted") for row in result.ledger)
    if open_rows:
        text = f"{open_rows} constraint{'s' if open_rows > 1 else ''} cannot be found in the new text: see below."
        yield Callout("warning", [text])


def _sentence(breach: Breach) -> str:
    return f"It {breach.message}."


def _compare_lengths(result: Rewrite) -> str:
    old, new = len(result.prompt), len(result.proposed)
    return f"{new:,} characters, {new / max(1, old):.1f} times the original's {old:,}."


def _find_rows(result: Rewrite) -> Iterator[tuple[Inline, Inline, Inline]]:
    for row in result.ledger:
        after = clean(row.after.exact, 160) if row.after else row.reason
        yield Badge(row.status, _TONES[row.status]), clean(row.before.exact, 160), after


def _make_hunks(result: Rewrite) -> list[Hunk]:
    changes = split_changes(diff_words(result.prompt, result.proposed))
    return [
        Hunk(str(number), [Piece(op, text) for op, text in change.runs], line=change.line)
        for number, change in enumerate(changes, 1)
    ]


INSTRUMENT: Instrument[Rewrite] = Instrument(
    name="rewrite", start=start, preview=preview, read=Rewrite.from_dict, demo=True
)
