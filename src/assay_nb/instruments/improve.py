"""Improve: at most twelve small edits, each for a named fault, to accept one by one.

The model says which words to change and what to write instead; code finds the words, checks that
each edit keeps what has to be kept, and makes the edits. So any subset can be applied, and every
character outside of it stays as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, TypeAlias, cast

from assay_nb.errors import WrongUsage
from assay_nb.instruments.base import Instrument, Provenance, Script, Shown
from assay_nb.instruments.checks import Breach, Change, Invariants
from assay_nb.instruments.fencing import DATA_RULE, fence, make_nonce
from assay_nb.instruments.findings import (
    FINDING_KINDS,
    OPERATIONS,
    SEVERITIES,
    TONES,
    Finding,
    Operation,
    read_finding,
)
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
    array_of,
    ask,
    clean,
    get_objects,
    get_text,
    get_word,
    object_of,
    one_of,
    parse_partial,
)
from assay_nb.instruments.rubric import LABELS
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
    Verbatim,
)
from assay_nb.text.anchors import Anchor, Locator
from assay_nb.text.edits import (
    Edit,
    Run,
    apply_edits,
    cut_after,
    cut_before,
    diff_words,
    find_line,
    overlap,
)
from assay_nb.text.segments import Segment, split_segments

Risk = Literal["low", "medium", "high"]
RISKS: tuple[Risk, ...] = ("low", "medium", "high")
Accept: TypeAlias = str | Sequence[int]

MOST_EDITS = 12
MOST_TOUCHED = 0.30
_SHORT_PROMPT = 400  # below this, one good edit is easily a third of the text
_LONGEST_EDIT = 4_000
_NUMBERS = re.compile(r"\s*\d+\s*(?:,\s*\d+\s*)*")


# --- the result -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedEdit:
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


@dataclass(frozen=True, slots=True)
class DroppedEdit:
    """An edit that the model proposed and code refused, with the reason."""

    op: str
    before: str
    text: str
    reason: str
    checks: tuple[str, ...] = ()

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
            hint = f"There are 1 to {len(known)}." if known else "Nothing was proposed."
            raise WrongUsage(f"There is no edit {unknown[0]}.", hint=hint)
        return apply_edits(self.prompt, [known[number] for number in set(numbers)])

    def accept(self, accept: Accept = "all") -> Improvement:
        """Return the same improvement with other edits accepted."""
        self.apply(accept)
        return replace(self, accepted=_pick(accept, self.edits), absent=())

    def with_provenance(self, provenance: Provenance) -> Improvement:
        return replace(self, provenance=provenance)

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
            provenance=decode_provenance(fields["provenance"]),
        )

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


def parse_accept(accept: Accept) -> list[int] | None:
    """Return the numbers in `accept`; None stands for all.

    Raises:
        WrongUsage: If it is neither `all`, `none` nor a list of numbers.
    """
    if isinstance(accept, str):
        word = accept.strip().lower()
        if word in ("all", "none"):
            return None if word == "all" else []
        if _NUMBERS.fullmatch(word):
            return [int(number) for number in word.split(",")]
    elif all(type(number) is int for number in accept):
        return list(accept)
    raise WrongUsage(f"accept is 'all', 'none' or numbers such as '1,3', not {accept!r}.")


def _pick(accept: Accept, edits: Sequence[ProposedEdit]) -> tuple[int, ...]:
    numbers = parse_accept(accept)
    known = [proposed.number for proposed in edits]
    return tuple(n for n in known if numbers is None or n in numbers)


def _count_deleted(prompt: str, edit: Edit) -> int:
    runs = diff_words(prompt[edit.start : edit.end], edit.text)
    return sum(len(text) for op, text in runs if op == "deleted")


# --- what is asked --------------------------------------------------------------------------------

_EDITS = array_of(
    object_of(
        finding=STRING,
        op=one_of(*OPERATIONS),
        segment=STRING,
        before=STRING,
        text=STRING,
        risk=one_of(*RISKS),
    )
)

SCHEMA: Data = object_of(
    findings=array_of(
        object_of(
            id=STRING,
            evidence=array_of(object_of(segment=STRING, quote=STRING)),
            kind=one_of(*FINDING_KINDS),
            dimension=one_of(*LABELS),
            problem=STRING,
            consequence=STRING,
            severity=one_of(*SEVERITIES),
        )
    ),
    edits=_EDITS,
)
SCHEMA_WITH_FINDINGS: Data = object_of(edits=_EDITS)
"""For findings that are there already: only edits are asked for."""

_EDIT_RULES = f"""Edits, at most {MOST_EDITS}, each as small as it can be:
- finding: the id of the finding that it mends. No finding, no edit: do not polish.
- op: replace or delete the words in before, or insert_after them.
- segment and before: the segment's number and the words, copied to the letter from the prompt, without \
the number, and long enough to stand there only once.
- text: what to write; empty for delete. With insert_after begin it with the space or line break it needs.
- risk: how likely it is that the edit changes what the author wants.

Two edits may not touch the same words. All together should change less than a third of the prompt. Keep \
every variable, template block, code, JSON, tag, URL, number and quoted word as it is, unless it is itself \
at fault. Write in the prompt's own language. Add no facts, names or limits that the author did not give; \
where a limit is missing, say what kind is needed in a way that holds without knowing it. No comments on your work: \
text goes into the prompt as it is."""

SYSTEM = f"""You improve prompts that people write for language models, by a few small edits that change \
what a model does.

{DATA_RULE}

First list findings: faults that will make replies worse. For each: id (f1, f2 and so on), evidence (the \
segment's number and a quote copied to the letter; two for a conflict), kind, dimension, problem in one sentence, \
consequence, severity.

{_EDIT_RULES}

If the prompt is good as it is, return empty lists: that is a full answer."""

SYSTEM_WITH_FINDINGS = f"""You improve prompts that people write for language models, by a few small edits \
that change what a model does. The findings are given; mend them and nothing else.

{DATA_RULE}

{_EDIT_RULES}

A finding that no small edit can mend gets none."""


def start(prompt: str, options: Mapping[str, Any]) -> Script[Improvement]:
    """Begin an improvement.

    Options: `accept`, `feedback`, `findings` (a critique of the same prompt, or its JSON form), `kind`,
    and the model's knobs.
    """
    given = check_options("improve", options, ("accept", "feedback", "findings"))
    parse_accept(given.get("accept", "all"))
    if not isinstance(given.get("feedback", ""), str):
        raise WrongUsage("feedback is text.")
    check_prompt(prompt)
    findings = _take_findings(given.get("findings"), prompt)
    return _script(prompt, given, findings)


def _take_findings(value: Any, prompt: str) -> tuple[Finding, ...] | None:
    """Return the findings of an earlier critique, found again in this prompt; None without one."""
    if value is None:
        return None
    data = value.to_dict() if hasattr(value, "to_dict") else value
    listed = cast(
        "Any", data["findings"] if isinstance(data, Mapping) and "findings" in data else data
    )
    try:
        earlier = [Finding.from_dict(fields) for fields in listed]
    except (TypeError, KeyError, ValueError):
        raise WrongUsage(
            "findings is no critique.", hint="`%%critique -o review` makes one."
        ) from None
    locator = Locator(prompt, split_segments(prompt))
    moved = [_move(finding, locator) for finding in earlier]
    kept = tuple(finding for finding in moved if finding)
    if not earlier:
        raise WrongUsage(
            "This critique has no findings, so there is nothing to mend.",
            hint="Without it, improve looks for findings of its own.",
        )
    if not kept:
        raise WrongUsage(
            "None of these findings is about words of this prompt.",
            hint="Critique this version of the prompt first.",
        )
    return kept


def _move(finding: Finding, locator: Locator) -> Finding | None:
    found = [locator.find_again(anchor) for anchor in finding.evidence]
    evidence = tuple(anchor for anchor in found if anchor)
    return replace(finding, evidence=evidence) if evidence else None


def _script(
    prompt: str, options: Mapping[str, Any], findings: tuple[Finding, ...] | None
) -> Script[Improvement]:
    segments = split_segments(prompt)
    nonce = options.get("_nonce") or make_nonce(prompt)
    kind = find_kind(prompt, options)
    request = make_request(
        options,
        system=SYSTEM if findings is None else SYSTEM_WITH_FINDINGS,
        text=_make_text(prompt, segments, nonce, findings, options.get("feedback")),
        schema=SCHEMA if findings is None else SCHEMA_WITH_FINDINGS,
        name="improvement",
    )
    data = yield from ask(request, lambda data: data)
    return make_improvement(
        prompt, kind, data, findings=findings, accept=options.get("accept", "all")
    )


def _make_text(
    prompt: str,
    segments: Sequence[Segment],
    nonce: str,
    findings: Sequence[Finding] | None,
    feedback: str | None,
) -> str:
    parts = ["Improve this prompt.", fence(prompt, segments, nonce)]
    if findings is not None:
        parts.append("Findings:\n" + "\n".join(map(_describe_finding, findings)))
    if feedback:
        parts.append(f"What goes wrong with it, in its author's words:\n{feedback}")
    parts.append("That was the prompt. Answer with the JSON object that was asked for.")
    return "\n\n".join(parts)


def _describe_finding(finding: Finding) -> str:
    places = " and ".join(f"[{a.segment}] “{clean(a.exact, 200)}”" for a in finding.evidence)
    return f"{finding.id} ({finding.severity}) {places}: {finding.problem} {finding.consequence}"


def preview(prompt: str, partial: str) -> Improvement | None:
    """Return the edits that an unfinished reply already holds whole, or None while it holds nothing.

    They are not checked yet, so none is accepted, and some may not be in the result.
    """
    data = parse_partial(partial)
    if not data:
        return None
    whole = {**data, "edits": get_objects(data, "edits")[:-1]}
    kind = find_kind(prompt, {})
    result = make_improvement(prompt, kind, whole, accept="none", check=False)
    return replace(result, complete=False)


# --- what is made of it ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An edit whose words have been found."""

    finding: Finding
    op: Operation
    before: Anchor
    edit: Edit
    risk: Risk


def make_improvement(
    prompt: str,
    kind: Kind,
    data: Data,
    *,
    findings: tuple[Finding, ...] | None = None,
    accept: Accept = "all",
    check: bool = True,
) -> Improvement:
    """Return what the reply proposes, as far as it holds."""
    locator = Locator(prompt, split_segments(prompt))
    unanchored = 0
    if findings is None:
        findings, unanchored = _read_findings(data, locator)
    found, dropped = _locate(data, locator, {finding.id: finding for finding in findings})
    kept, refused = _Checker(prompt).choose(found) if check else (_order(found), [])
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
        accepted=_pick(accept, edits),
        absent=tuple(sorted(set(parse_accept(accept) or ()) - {e.number for e in edits})),
        unanchored=unanchored,
    )


def _read_findings(data: Data, locator: Locator) -> tuple[tuple[Finding, ...], int]:
    described = get_objects(data, "findings")
    read = [
        read_finding(d, locator, get_text(d, "id") or f"f{n}") for n, d in enumerate(described, 1)
    ]
    return tuple({f.id: f for f in read if f}.values()), sum(f is None for f in read)


def _locate(
    data: Data, locator: Locator, findings: Mapping[str, Finding]
) -> tuple[list[_Candidate], list[DroppedEdit]]:
    """Return the edits whose words are in the prompt and free, and those that have to go."""
    found: list[_Candidate] = []
    dropped: list[DroppedEdit] = []
    for described in get_objects(data, "edits"):
        candidate = _read_edit(described, locator, findings)
        reason = candidate if isinstance(candidate, str) else _find_obstacle(candidate, found)
        if reason:
            dropped.append(_drop(described, reason))
        elif not isinstance(candidate, str):
            found.append(candidate)
    return found, dropped


def _find_obstacle(candidate: _Candidate, found: Sequence[_Candidate]) -> str | None:
    if len(found) >= MOST_EDITS:
        return f"more than {MOST_EDITS} edits were proposed"
    if any(overlap(candidate.edit, other.edit) for other in found):
        return "touches the same words as another edit"
    return None


def _drop(described: Data, reason: str, checks: tuple[str, ...] = ()) -> DroppedEdit:
    op, before, text = (get_text(described, name) for name in ("op", "before", "text"))
    return DroppedEdit(op, clean(before), clean(text), reason, checks)


def _read_edit(data: Data, locator: Locator, findings: Mapping[str, Finding]) -> _Candidate | str:
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
    return _Candidate(finding, op, anchor, edit, get_word(data, "risk", RISKS) or "medium")


def _space(prompt: str, at: int, text: str) -> str:
    """Return the text to insert, with a space where words would run together otherwise."""
    if text and not text[0].isspace() and at and not prompt[at - 1].isspace():
        text = text if text[0] in ".,;:!?)" else f" {text}"
    if text and not text[-1].isspace() and at < len(prompt) and prompt[at].isalnum():
        text = f"{text} "
    return text


_Checked: TypeAlias = tuple[_Candidate, list[Breach]]


def _order(candidates: Sequence[_Candidate]) -> list[_Checked]:
    ordered = sorted(candidates, key=lambda c: (c.edit.start, c.edit.end))
    return [(candidate, []) for candidate in ordered]


class _Checker:
    """Lets through the edits that keep the invariants, each alone and all together."""

    def __init__(self, prompt: str) -> None:
        self._prompt = prompt
        self._invariants = Invariants(prompt)

    def choose(self, candidates: Sequence[_Candidate]) -> tuple[list[_Checked], list[DroppedEdit]]:
        """Return the edits that hold, in the order of the text, and those that break something."""
        if not candidates:
            return [], []
        # Edits do not overlap, so an edit whose text raises a lint error raises it in company
        # too. Lint is the slow part: one look at all edits spares one for each.
        together = self._find_breaches(candidates)
        no_lint = all(breach.check != "I12" for breach in together)
        alone = [(c, self._find_breaches([c], skip_lint=no_lint)) for c, _ in _order(candidates)]
        good = [checked for checked in alone if not _errors(checked[1])]
        dropped = [self._refuse(c, breaches, "") for c, breaches in alone if _errors(breaches)]
        if len(good) > 1 and _errors(self._check_all(good, candidates, together)):
            good, clashing = self._choose_together(good)
            dropped += clashing
        return good, dropped

    def _check_all(
        self,
        good: Sequence[_Checked],
        candidates: Sequence[_Candidate],
        together: list[Breach],
    ) -> list[Breach]:
        same = len(good) == len(candidates)
        return together if same else self._find_breaches([c for c, _ in good])

    def _choose_together(
        self, good: Sequence[_Checked]
    ) -> tuple[list[_Checked], list[DroppedEdit]]:
        """Add the edits one by one, and leave out each that breaks something with those before."""
        kept: list[_Checked] = []
        dropped: list[DroppedEdit] = []
        for checked in good:
            breaches = self._find_breaches([*(c for c, _ in kept), checked[0]])
            if _errors(breaches):
                dropped.append(self._refuse(checked[0], breaches, "together with other edits, "))
            else:
                kept.append(checked)
        return kept, dropped

    def _find_breaches(
        self, candidates: Sequence[_Candidate], *, skip_lint: bool = False
    ) -> list[Breach]:
        evidence = [
            (c.finding.kind, (a.start, a.end)) for c in candidates for a in c.finding.evidence
        ]
        return self._invariants.find_breaches(
            Change(
                after=apply_edits(self._prompt, [candidate.edit for candidate in candidates]),
                inserted=[candidate.edit.text for candidate in candidates],
                about=[span for _, span in evidence],
                settled=[span for kind, span in evidence if kind == "conflict"],
            ),
            skip_lint=skip_lint,
        )

    def _refuse(self, candidate: _Candidate, breaches: Sequence[Breach], lead: str) -> DroppedEdit:
        errors = _errors(breaches)
        return DroppedEdit(
            candidate.op,
            clean(candidate.before.exact),
            clean(candidate.edit.text),
            lead + "; ".join(breach.message for breach in errors),
            tuple(dict.fromkeys(breach.check for breach in errors)),
        )


def _errors(breaches: Sequence[Breach]) -> list[Breach]:
    return [breach for breach in breaches if breach.level == "error"]


# --- how it is shown ------------------------------------------------------------------------------


def _describe(result: Improvement) -> Iterator[Block]:
    yield Heading("Improvement")
    yield from make_notices(result.provenance)
    yield Paragraph(_summarise(result))
    if result.advice:
        text = f"The edits touch {result.touched:.0%} of the prompt: %%rewrite is the better tool here."
        yield Callout("info", [text])
    if result.absent and result.complete:
        numbers = ", ".join(map(str, result.absent))
        yield Callout(
            "warning", [f"No edit has the number {numbers}, so nothing was accepted for it."]
        )
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
    count = len(result.edits)
    if not result.complete:
        return [f"So far: {count} edit{'s' if count != 1 else ''}, not checked yet."]
    if not count:
        why = " that passed the checks" if result.dropped else ""
        return [Badge("no change", "good"), f" There is no edit to propose{why}."]
    accepted = len(result.accepted)
    which = "all" if accepted == count else "none" if not accepted else f"{accepted} of {count}"
    return [
        f"{count} edit{'s' if count != 1 else ''}, {which} accepted. ",
        Code(".text"),
        " has them applied, ",
        Code(".apply([1])"),
        " only those you name.",
    ]


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
        note=[f"{_explain(finding)}{remarks}"],
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


INSTRUMENT: Instrument[Improvement] = Instrument(
    name="improve", start=start, preview=preview, read=Improvement.from_dict, demo=True
)
