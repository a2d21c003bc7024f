"""Findings: what is wrong with a prompt, where, and what comes of it. Critique and improve share them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from assay_nb.instruments.base import Line
from assay_nb.instruments.exchange.parsing import clean, get_object, get_objects, get_text, get_word
from assay_nb.instruments.exchange.schema import NONE, Data
from assay_nb.instruments.rubric import LABELS
from assay_nb.render.document import Badge, Code, Inline, Item, Mark, Tone, sentence
from assay_nb.text.anchors import Anchor, Locator
from assay_nb.text.english import quote

Severity = Literal["blocker", "major", "minor", "nit"]
SEVERITIES: tuple[Severity, ...] = ("blocker", "major", "minor", "nit")
"""From the worst to the least."""

GRAVE: tuple[Severity, ...] = ("blocker", "major")
"""A prompt with one of these does not pass."""

FindingKind = Literal["present", "absent", "conflict"]
FINDING_KINDS: tuple[FindingKind, ...] = ("present", "absent", "conflict")
_MISSING_KINDS = {f"no_{thing}": thing for thing in ("format", "length", "example", "boundary")}
SLOT_KINDS = (NONE, *FINDING_KINDS, *_MISSING_KINDS)
"""A slot's kind, which also says what is missing where code can check that, or that there is no finding."""
Operation = Literal["replace", "insert_after", "delete"]
OPERATIONS: tuple[Operation, ...] = ("replace", "insert_after", "delete")
ProbeStatus = Literal["confirmed", "refuted", "untested"]
PROBE_TONES: dict[ProbeStatus, Tone] = {
    "confirmed": "bad",
    "refuted": "good",
    "untested": "neutral",
}
TONES: dict[str, Tone] = {"blocker": "bad", "major": "bad", "minor": "warning", "nit": "neutral"}


@dataclass(frozen=True, slots=True, repr=False)
class Fix(Line):
    """What would mend it, at the finding's first evidence."""

    op: Operation
    text: str

    def __str__(self) -> str:
        return describe_change(self.op, "it", self.text)


def describe_change(op: str, words: str, text: str) -> str:
    """Return a change as a phrase; `words` are what it is about, as they are quoted."""
    if op == "delete":
        return f"delete {words}"
    new = quote(text, 300)
    return f"after {words} add {new}" if op == "insert_after" else f"replace {words} with {new}"


@dataclass(frozen=True, slots=True, repr=False)
class Probe(Line):
    """An input on which the finding predicts a failure: what makes a finding one that can be wrong."""

    inputs: Mapping[str, str]
    predict: str

    def __str__(self) -> str:
        given = ", ".join(f"{name} = {_shorten(value)}" for name, value in self.inputs.items())
        return f"{given or 'as it is'} → {self.predict}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Finding(Line):
    """One fault of a prompt, tied to its words.

    Attributes:
        id: Such as `"f1"`; unique within a result.
        dimension: One of the rubric's six.
        severity: As code allows it, which may be less than the model said.
        kind: `present`: the words are at fault. `absent`: something is missing where they stand.
            `conflict`: two places exclude each other, and both are in the evidence.
        evidence: The words, found by code. Never empty.
        problem: What is wrong, in a sentence.
        consequence: What a model will do because of it.
        fix: What would mend it, if that can be said in few words.
        probe: An input that would show it.
        support: In how many of the runs it was found, such as `"2/3"`.
        origin: `"model"`, or `"lint"` for what a rule found without any model.
        status: `"untested"` until the probe is run.
    """

    id: str
    dimension: str
    severity: Severity
    kind: FindingKind
    evidence: tuple[Anchor, ...]
    problem: str
    consequence: str
    fix: Fix | None = None
    probe: Probe | None = None
    support: str = "1/1"
    origin: Literal["model", "lint"] = "model"
    status: ProbeStatus = "untested"

    @property
    def agreed(self) -> bool:
        """Whether at least half of the runs found it."""
        found, _, runs = self.support.partition("/")
        return 2 * int(found) >= int(runs)

    def __str__(self) -> str:
        what = f"[{self.number}] {self.severity}, {LABELS.get(self.dimension, self.dimension)}"
        comes = f" → {self.consequence}" if self.consequence else ""
        where = "missing after" if self.kind == "absent" else "at"
        places = " against ".join(map(str, self.evidence))
        return f"{what}: {self.problem}{comes} ({where} {places})"

    @property
    def number(self) -> str:
        """What the finding is called where it is shown."""
        return self.id.removeprefix("f")

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "dimension": self.dimension,
            "severity": self.severity,
            "kind": self.kind,
            "evidence": [anchor.to_dict() for anchor in self.evidence],
            "problem": self.problem,
            "consequence": self.consequence,
            "fix": {"op": self.fix.op, "text": self.fix.text} if self.fix else None,
            "probe": _encode_probe(self.probe),
            "support": self.support,
            "origin": self.origin,
            "status": self.status,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Finding:
        """Return the finding that `to_dict` described."""
        fix, probe = fields["fix"], fields["probe"]
        read: dict[str, Any] = {
            "evidence": tuple(map(Anchor.from_dict, fields["evidence"])),
            "fix": Fix(fix["op"], fix["text"]) if fix else None,
            "probe": Probe(dict(probe["inputs"]), probe["predict"]) if probe else None,
        }
        return cls(**{**fields, **read})


def _encode_probe(probe: Probe | None) -> dict[str, Any] | None:
    return {"inputs": dict(probe.inputs), "predict": probe.predict} if probe else None


def find_evidence(data: Data, locator: Locator) -> tuple[Anchor, ...]:
    """Return the anchors of `data["evidence"]`; quotes that are not in the prompt are left out."""
    found = [
        locator.find(get_text(quoted, "quote"), get_text(quoted, "segment"))
        for quoted in get_objects(data, "evidence")
    ]
    return tuple({(a.start, a.end): a for a in found if a}.values())


def read_finding(data: Data, locator: Locator, id_: str) -> Finding | None:
    """Return the finding that a model described, or None if its evidence is not in the prompt.

    Reads leniently, for a reply that is still being written; the schema has been checked before where
    it is whole.
    """
    dimension = get_word(data, "dimension", tuple(LABELS))
    kind = get_word(data, "kind", FINDING_KINDS) or "present"
    evidence = find_evidence(data, locator)
    problem = clean(get_text(data, "problem"))
    enough = len(evidence) >= (2 if kind == "conflict" else 1)
    if not enough or not problem or dimension is None:
        return None
    return Finding(
        id=id_,
        dimension=dimension,
        severity=get_word(data, "severity", SEVERITIES) or "minor",
        kind=kind,
        evidence=evidence,
        problem=problem,
        consequence=clean(get_text(data, "consequence")),
        fix=_read_fix(data),
        probe=_read_probe(data),
    )


def _read_fix(data: Data) -> Fix | None:
    op = get_word(data, "op", OPERATIONS)
    return Fix(op, get_text(data, "text")) if op else None


def _read_probe(data: Data) -> Probe | None:
    inputs = {get_text(i, "name"): get_text(i, "value") for i in get_objects(data, "probe")}
    predict = clean(get_text(data, "predict"))
    return Probe(inputs, predict) if predict else None


def list_findings(data: Data, slots: Sequence[str], variable: str = "") -> list[Data]:
    """Return the findings that a reply describes, in the form of a list's items.

    Args:
        data: The reply; it has a list under `findings`, or slots.
        slots: The slots' keys.
        variable: The prompt's first variable, which a slot's probe gives a value to.
    """
    filled = [slot for name in slots if (slot := get_object(data, name)) and _is_filled(slot)]
    return [*get_objects(data, "findings"), *(_open_slot(slot, variable) for slot in filled)]


def _is_filled(slot: Data) -> bool:
    return get_text(slot, "kind") != NONE and bool(get_text(slot, "quote").strip())


def _open_slot(slot: Data, variable: str) -> Data:
    """Return what a slot holds as an item of a list would hold it."""
    kind, probe = get_text(slot, "kind"), get_text(slot, "probe")
    quotes = [q for q in (get_text(slot, "quote"), get_text(slot, "against")) if q.strip()]
    absent = kind in _MISSING_KINDS or kind == "absent"
    return {
        **slot,
        "evidence": [{"segment": "", "quote": quote} for quote in quotes],
        "kind": "absent" if absent else kind,
        "missing": _MISSING_KINDS.get(kind, NONE),
        "consequence": get_text(slot, "effect"),
        "probe": [{"name": variable, "value": probe}] if variable and probe.strip() else [],
    }


def cap(finding: Finding, severity: Severity) -> Finding:
    """Return the finding with its severity lowered to `severity`, if it is above."""
    lower = max(SEVERITIES.index(finding.severity), SEVERITIES.index(severity))
    return replace(finding, severity=SEVERITIES[lower])


def overlaps(a: Finding, start: int, end: int) -> bool:
    """Return whether any of the finding's evidence touches the span."""
    return any(anchor.start < end and start < anchor.end for anchor in a.evidence)


def similarity(a: Anchor, b: Anchor) -> float:
    """Return the overlap of two spans as a share of their union."""
    common = min(a.end, b.end) - max(a.start, b.start)
    return max(0, common) / (max(a.end, b.end) - min(a.start, b.start))


def order_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings from the worst to the least, then as they stand in the prompt, renumbered."""
    ordered = sorted(
        findings, key=lambda f: (SEVERITIES.index(f.severity), f.evidence[0].start, f.id)
    )
    return tuple(replace(f, id=f"f{number}") for number, f in enumerate(ordered, 1))


def make_marks(findings: Sequence[Finding]) -> list[Mark]:
    """Return the marks for an annotated prompt: each finding's number on each of its places."""
    return [
        Mark(anchor.start, anchor.end, finding.number, TONES[finding.severity])
        for finding in findings
        for anchor in finding.evidence
    ]


def make_item(finding: Finding) -> Item:
    """Return the finding as a list item: what, where, what comes of it, what would mend it."""
    badges = [Badge(finding.severity, TONES[finding.severity]), Badge(LABELS[finding.dimension])]
    if not finding.support.endswith("/1"):
        badges.append(Badge(f"in {finding.support} runs", "neutral"))
    if finding.origin == "lint":
        badges.append(Badge("lint", "info"))
    if finding.status != "untested":
        badges.append(Badge(finding.status, PROBE_TONES[finding.status]))
    return Item(finding.number, sentence(finding.problem), badges, list(_find_lines(finding)))


def _find_lines(finding: Finding) -> Iterable[Sequence[Inline]]:
    quotes: list[Inline] = []
    for anchor in finding.evidence:
        quotes += [" against " if quotes else "", Code(_shorten(anchor.exact))]
        if anchor.match == "reanchored":
            quotes.append(" (re-anchored: not quoted to the letter)")
    yield ["Missing after " if finding.kind == "absent" else "At ", *quotes]
    if finding.consequence:
        yield ["→ ", *sentence(finding.consequence)]
    if finding.fix:
        yield _describe_fix(finding.fix)
    if finding.probe:
        inputs = ", ".join(f"{k} = {_shorten(v)}" for k, v in finding.probe.inputs.items())
        yield ["Try: ", Code(inputs or "as it is"), " → ", *sentence(finding.probe.predict)]


def _describe_fix(fix: Fix) -> Sequence[Inline]:
    if fix.op == "delete":
        return ["Fix: delete it."]
    return [
        "Fix: add " if fix.op == "insert_after" else "Fix: write ",
        Code(_shorten(fix.text, 300)),
    ]


def _shorten(text: str, longest: int = 120) -> str:
    return clean(text, longest)
