"""Critique: what is wrong with a prompt, at which words, and how good it is on six dimensions.

The model answers yes-or-no questions and reports findings with quotes. Everything that reads like a
judgement is then made by code: scores from the answers, severities within caps, the verdict from what is
left. A finding whose words are not in the prompt is dropped and counted.

Since the model fills in fields and decides nothing, a prompt that says "score this 10" can at most
colour a few answers; there is no field that says "passed".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from assay_nb.instruments import presence
from assay_nb.instruments.base import Instrument, Provenance, Script, Shown
from assay_nb.instruments.fencing import DATA_RULE, fence, make_nonce
from assay_nb.instruments.findings import (
    FINDING_KINDS,
    OPERATIONS,
    SEVERITIES,
    Finding,
    cap,
    make_item,
    make_marks,
    order_findings,
    overlaps,
    read_finding,
    similarity,
)
from assay_nb.instruments.fineprint import make_fine_print, make_notices
from assay_nb.instruments.intake import (
    Kind,
    check_count,
    check_options,
    check_prompt,
    find_kind,
    make_request,
)
from assay_nb.instruments.lint import LintFinding, lint
from assay_nb.instruments.provenance import decode_provenance, encode_provenance
from assay_nb.instruments.replies import (
    STRING,
    Data,
    Malformed,
    array_of,
    ask_each,
    clean,
    get_object,
    get_objects,
    get_text,
    get_word,
    nullable,
    object_of,
    one_of,
    parse_partial,
)
from assay_nb.instruments.rubric import DIMENSIONS, LABELS, QUESTIONS, Dimension, describe_rubric
from assay_nb.instruments.target import annotate, encode_target
from assay_nb.messages import Request
from assay_nb.render.document import (
    Badge,
    Block,
    Callout,
    Details,
    Document,
    Heading,
    Inline,
    Items,
    Meter,
    Paragraph,
    Scorecard,
    Table,
)
from assay_nb.text.anchors import Anchor, Locator
from assay_nb.text.segments import Segment, split_segments

Answer = Literal["yes", "no", "na"]
ANSWERS: tuple[Answer, ...] = ("yes", "no", "na")
Verdict = Literal["pass", "report"]

MOST_REPEATS = 5
_MOST_FINDINGS = 24
_MOST_UNANSWERED = 6
_SAME_PLACE = 0.5
_LINT_DIMENSIONS = {
    "A001": "context",
    "A002": "consistency",
    "A003": "robustness",
    "A004": "robustness",
    "A005": "output",
}


# --- the result -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ItemScore:
    """One question's answer: `yes`, `no`, `na`, or None where it was not answered or the runs split."""

    question: str
    answer: Answer | None
    evidence: Anchor | None = None


@dataclass(frozen=True, slots=True)
class DimensionScore:
    """A dimension's score from 1 to 5, or None with the reason why there is none."""

    id: str
    score: float | None
    na_reason: str | None
    items: tuple[ItemScore, ...]


@dataclass(frozen=True, slots=True)
class Consistency:
    """What the runs and the checks left of what models said.

    Attributes:
        k: Runs asked for.
        kept: Runs whose reply could be read.
        agreement: Share of questions that all runs answered alike; None with a single run.
        unanchored: Findings dropped since their words are not in the prompt.
        contradicted: Findings dropped since the prompt does have what they say is missing.
    """

    k: int = 1
    kept: int = 1
    agreement: float | None = None
    unanchored: int = 0
    contradicted: int = 0

    @property
    def dropped(self) -> int:
        """Findings dropped by code."""
        return self.unanchored + self.contradicted


@dataclass(frozen=True, repr=False)
class Critique(Shown):
    """Scores and findings for one prompt.

    Attributes:
        prompt: The text under review, verbatim.
        kind: Whether it is a system prompt, a user message or a template.
        dimensions: The six scores with the answers that they come from.
        findings: From the worst to the least.
        verdict: `"pass"` if nothing above a nit is left, else `"report"`; None while unfinished.
        consistency: How many runs there were and what was dropped.
        provenance: Model, tokens, cost.
    """

    schema: ClassVar[str] = "assay.critique.v1"

    prompt: str
    kind: Kind
    dimensions: tuple[DimensionScore, ...]
    findings: tuple[Finding, ...]
    verdict: Verdict | None
    consistency: Consistency = Consistency()
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def score(self) -> float | None:
        """The mean of the dimensions that have a score, from 1 to 5, to one decimal.

        It exists for `--fail-under`: a bar in a pipeline. Four questions a dimension cannot tell 3.4
        from 3.5, so compare prompts by their findings, or by measuring them on data.
        """
        scores = [d.score for d in self.dimensions if d.score is not None]
        return round(sum(scores) / len(scores), 1) if scores else None

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The numbered segments that the model was shown."""
        return split_segments(self.prompt)

    def with_provenance(self, provenance: Provenance) -> Critique:
        return replace(self, provenance=provenance)

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "target": encode_target(self.prompt, self.kind, self.provenance),
            "verdict": self.verdict,
            "score": self.score,
            "dimensions": [_encode_dimension(dimension) for dimension in self.dimensions],
            "findings": [finding.to_dict() for finding in self.findings],
            "consistency": _encode_consistency(self.consistency),
            "segments": [{"id": s.id, "start": s.start, "end": s.end} for s in self.segments],
            "prompt": self.prompt,
            "provenance": encode_provenance(self.provenance),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Critique:
        """Return the critique that `to_dict` described."""
        kept = {k: v for k, v in fields["consistency"].items() if k != "dropped"}
        return cls(
            prompt=fields["prompt"],
            kind=fields["target"]["kind"],
            dimensions=tuple(_decode_dimension(d) for d in fields["dimensions"]),
            findings=tuple(Finding.from_dict(f) for f in fields["findings"]),
            verdict=fields["verdict"],
            consistency=Consistency(**kept),
            provenance=decode_provenance(fields["provenance"]),
        )

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


def _encode_dimension(dimension: DimensionScore) -> dict[str, Any]:
    return {
        "id": dimension.id,
        "score": dimension.score,
        "na_reason": dimension.na_reason,
        "items": [
            {
                "question_id": item.question,
                "answer": item.answer,
                "evidence": item.evidence.to_dict() if item.evidence else None,
            }
            for item in dimension.items
        ],
    }


def _decode_dimension(fields: Mapping[str, Any]) -> DimensionScore:
    items = tuple(
        ItemScore(
            item["question_id"],
            item["answer"],
            Anchor.from_dict(item["evidence"]) if item["evidence"] else None,
        )
        for item in fields["items"]
    )
    return DimensionScore(fields["id"], fields["score"], fields["na_reason"], items)


def _encode_consistency(consistency: Consistency) -> dict[str, Any]:
    return {
        "k": consistency.k,
        "kept": consistency.kept,
        "agreement": consistency.agreement,
        "unanchored": consistency.unanchored,
        "contradicted": consistency.contradicted,
        "dropped": consistency.dropped,
    }


# --- what is asked --------------------------------------------------------------------------------

_QUOTED = object_of(segment=STRING, quote=STRING)

SCHEMA: Data = object_of(
    answers=array_of(
        object_of(
            question=one_of(*QUESTIONS),
            evidence=nullable(_QUOTED),
            answer=one_of(*ANSWERS),
        )
    ),
    not_applicable=array_of(object_of(dimension=one_of(*LABELS), reason=STRING)),
    findings=array_of(
        object_of(
            evidence=array_of(_QUOTED),
            kind=one_of(*FINDING_KINDS),
            missing=nullable(one_of(*presence.MISSING)),
            dimension=one_of(*LABELS),
            problem=STRING,
            consequence=STRING,
            probe=nullable(
                object_of(
                    inputs=array_of(object_of(name=STRING, value=STRING)),
                    predict=STRING,
                )
            ),
            fix=nullable(object_of(op=one_of(*OPERATIONS), text=STRING)),
            severity=one_of(*SEVERITIES),
        )
    ),
)
"""Evidence stands before what is concluded from it: models write in this order."""

SYSTEM = f"""You review prompts that people write for language models. Judge how a model would act on \
the prompt, not how nicely it reads.

{DATA_RULE}

Answer every one of these questions with yes, no, or na where it cannot apply to such a prompt. As \
evidence give the segment and a quote where the prompt has words for it, else null. If none of a \
dimension's questions applies, say why under not_applicable.

{describe_rubric()}

Then report findings, and only those that change what a model does:
- evidence: the segment's number and a quote of 3 to 25 words, copied to the letter, without the number. \
A conflict needs two quotes. For something absent, quote the words after which it should stand.
- kind: present if the words are at fault, absent if something is missing, conflict if two places \
exclude each other. For absent, missing says what; otherwise it is null.
- problem: one sentence of at most 200 characters. consequence: what a model will do wrong because of it.
- probe: values for the prompt's variables on which you expect the failure, and what you expect to see; \
null if there is none.
- fix: the smallest change at the first quote that would mend it, in the prompt's own language, keeping its \
variables; null if it takes more than that.
- severity: blocker if the task cannot be done right, major if replies will often be wrong, minor if \
sometimes, nit otherwise.

Most good prompts have few findings. With nothing to report, return an empty list: that is a full answer."""


def _make_text(prompt: str, segments: Sequence[Segment], kind: Kind, nonce: str) -> str:
    role = {
        "system": "It is a system prompt.",
        "user": "It is sent as a user message.",
        "template": "It is a template; its variables are filled in before it is sent.",
    }[kind]
    return (
        f"Review this prompt. {role}\n\n{fence(prompt, segments, nonce)}\n\n"
        "That was the prompt under review. Answer with the JSON object that was asked for."
    )


def start(prompt: str, options: Mapping[str, Any]) -> Script[Critique]:
    """Begin a critique. Options: `repeat`, `kind`, and the model's knobs."""
    given = check_options("critique", options, ("repeat",))
    check_count(given, "repeat", 1, MOST_REPEATS)
    check_prompt(prompt)
    return _script(prompt, given)


def _script(prompt: str, options: Mapping[str, Any]) -> Script[Critique]:
    kind = find_kind(prompt, options)
    segments = split_segments(prompt)
    nonce = options.get("_nonce") or make_nonce(prompt)
    request = make_request(
        options,
        system=SYSTEM,
        text=_make_text(prompt, segments, kind, nonce),
        schema=SCHEMA,
        name="critique",
    )
    k: int = options.get("repeat", 1)
    requests: tuple[Request, ...] = (request,) * k
    replies = yield from ask_each(requests, _check_answers)
    return judge(prompt, kind, replies, k)


def _check_answers(data: Data) -> Data:
    answered = {get_text(answer, "question") for answer in get_objects(data, "answers")}
    open_questions = [question for question in QUESTIONS if question not in answered]
    if len(open_questions) > _MOST_UNANSWERED:
        raise Malformed(f"answers lacks the questions {', '.join(open_questions)}")
    return data


def preview(prompt: str, partial: str) -> Critique | None:
    """Return what an unfinished reply already says, or None while it says nothing."""
    data = parse_partial(partial)
    if not data:
        return None
    # A finding's severity comes last, so one without it is still being written.
    whole = [found for found in get_objects(data, "findings") if "severity" in found]
    reading = _read_run(
        {**data, "findings": whole}, Locator(prompt, split_segments(prompt)), prompt
    )
    return Critique(
        prompt=prompt,
        kind=find_kind(prompt, {}),
        dimensions=_score([reading], complete=False),
        findings=order_findings(reading.findings),
        verdict=None,
        consistency=Consistency(unanchored=reading.unanchored, contradicted=reading.contradicted),
    )


# --- what is made of it ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Run:
    """One reply, with its quotes found."""

    answers: Mapping[str, ItemScore]
    reasons: Mapping[str, str]
    findings: tuple[Finding, ...]
    unanchored: int
    contradicted: int


def judge(prompt: str, kind: Kind, replies: Sequence[Data], k: int) -> Critique:
    """Return the critique that the replies of `k` runs add up to."""
    locator = Locator(prompt, split_segments(prompt))
    runs = [_read_run(reply, locator, prompt) for reply in replies]
    lint_errors = [finding for finding in lint(prompt).findings if finding.level == "error"]
    merged = [_limit(f, lint_errors) for f in _cluster([run.findings for run in runs])]
    findings = order_findings([*merged, *_adopt(lint_errors, merged, locator)])
    material = any(finding.severity != "nit" for finding in findings)
    return Critique(
        prompt=prompt,
        kind=kind,
        dimensions=_score(runs),
        findings=findings,
        verdict="report" if material else "pass",
        consistency=Consistency(
            k=k,
            kept=len(runs),
            agreement=_measure_agreement(runs),
            unanchored=sum(run.unanchored for run in runs),
            contradicted=sum(run.contradicted for run in runs),
        ),
    )


def _read_run(data: Data, locator: Locator, prompt: str) -> _Run:
    findings: list[Finding] = []
    unanchored = contradicted = 0
    for number, described in enumerate(get_objects(data, "findings")[:_MOST_FINDINGS], 1):
        finding = read_finding(described, locator, f"f{number}")
        if finding is None:
            unanchored += 1
        elif finding.kind == "absent" and presence.states(prompt, get_text(described, "missing")):
            contradicted += 1
        else:
            findings.append(finding)
    answers = {
        item.question: item
        for item in (_read_answer(answer, locator) for answer in get_objects(data, "answers"))
        if item
    }
    reasons = {
        get_text(entry, "dimension"): clean(get_text(entry, "reason"))
        for entry in get_objects(data, "not_applicable")
    }
    return _Run(answers, reasons, tuple(findings), unanchored, contradicted)


def _read_answer(data: Data, locator: Locator) -> ItemScore | None:
    question = get_text(data, "question")
    answer = get_word(data, "answer", ANSWERS)
    if question not in QUESTIONS or answer is None:
        return None
    quoted = get_object(data, "evidence") or {}
    anchor = locator.find(get_text(quoted, "quote"), get_text(quoted, "segment"))
    return ItemScore(question, answer, anchor)


def _score(runs: Sequence[_Run], *, complete: bool = True) -> tuple[DimensionScore, ...]:
    return tuple(_score_dimension(dimension, runs, complete) for dimension in DIMENSIONS)


def _score_dimension(dimension: Dimension, runs: Sequence[_Run], complete: bool) -> DimensionScore:
    items = tuple(_vote(question.id, runs) for question in dimension.questions)
    yes = sum(item.answer == "yes" for item in items)
    counted = yes + sum(item.answer == "no" for item in items)
    if not complete and any(item.answer is None for item in items):
        return DimensionScore(dimension.id, None, "not answered yet", items)
    if counted:
        return DimensionScore(dimension.id, round(1 + 4 * yes / counted, 1), None, items)
    said = next((run.reasons[dimension.id] for run in runs if dimension.id in run.reasons), "")
    return DimensionScore(dimension.id, None, said or "none of its questions applies", items)


def _vote(question: str, runs: Sequence[_Run]) -> ItemScore:
    """Return the answer of more than half of the runs that gave one, with that side's evidence."""
    given = [run.answers[question] for run in runs if question in run.answers]
    for answer in ANSWERS:
        side = [item for item in given if item.answer == answer]
        if 2 * len(side) > len(given):
            return ItemScore(question, answer, next((i.evidence for i in side if i.evidence), None))
    return ItemScore(question, None)


def _measure_agreement(runs: Sequence[_Run]) -> float | None:
    if len(runs) < 2:
        return None
    alike = sum(
        len({run.answers[q].answer if q in run.answers else None for run in runs}) == 1
        for q in QUESTIONS
    )
    return round(alike / len(QUESTIONS), 2)


def _cluster(runs: Sequence[Sequence[Finding]]) -> list[Finding]:
    """Return one finding for those of several runs that speak of the same words in the same respect."""
    clusters: list[dict[int, Finding]] = []
    for number, findings in enumerate(runs):
        for finding in findings:
            home = next(
                (
                    c
                    for c in clusters
                    if number not in c and _is_same(finding, next(iter(c.values())))
                ),
                None,
            )
            if home is None:
                clusters.append({number: finding})
            else:
                home[number] = finding
    return [_merge(list(cluster.values()), len(runs)) for cluster in clusters]


def _is_same(a: Finding, b: Finding) -> bool:
    return a.dimension == b.dimension and any(
        similarity(x, y) >= _SAME_PLACE for x in a.evidence for y in b.evidence
    )


def _merge(findings: Sequence[Finding], runs: int) -> Finding:
    """Return the first of them, at the severity in the middle, with how many runs found it."""
    ranks = sorted(SEVERITIES.index(finding.severity) for finding in findings)
    severity = SEVERITIES[ranks[len(ranks) // 2]]
    return replace(findings[0], severity=severity, support=f"{len(findings)}/{runs}")


def _limit(finding: Finding, lint_errors: Sequence[LintFinding]) -> Finding:
    """Return the finding with the severity that it can show cause for.

    A blocker names an input that fails, or a lint rule agrees. What most runs did not see is minor.
    """
    shown = finding.probe is not None and bool(finding.probe.inputs)
    agreed = any(overlaps(finding, error.start, error.end) for error in lint_errors)
    capped = finding if shown or agreed else cap(finding, "major")
    return capped if finding.agreed else cap(capped, "minor")


def _adopt(
    lint_errors: Sequence[LintFinding], findings: Sequence[Finding], locator: Locator
) -> Iterator[Finding]:
    """Yield the lint errors that no model's finding speaks of, as findings of their own."""
    for number, error in enumerate(lint_errors):
        known = any(overlaps(finding, error.start, error.end) for finding in findings)
        if not known and error.start < error.end:
            yield Finding(
                id=f"lint{number}",
                dimension=_LINT_DIMENSIONS.get(error.rule, "robustness"),
                severity="major",
                kind="present",
                evidence=(locator.make_anchor(error.start, error.end),),
                problem=f"{error.rule}: {error.message}",
                consequence="",
                origin="lint",
            )


# --- how it is shown ------------------------------------------------------------------------------


def _describe(critique: Critique) -> Iterator[Block]:
    shown = [finding for finding in critique.findings if finding.agreed]
    rare = [finding for finding in critique.findings if not finding.agreed]
    yield Heading("Critique")
    yield from make_notices(critique.provenance)
    yield Paragraph(_summarise(critique, shown))
    yield Scorecard([_make_meter(dimension) for dimension in critique.dimensions])
    if shown:
        yield Heading("Findings", 2)
        yield annotate(critique.prompt, make_marks(shown))
        yield Items([make_item(finding) for finding in shown])
    if rare:
        title = f"Seen in fewer than half of the runs ({len(rare)})"
        yield Details(title, [Items([make_item(finding) for finding in rare])])
    yield from _describe_drops(critique.consistency)
    yield from _explain_scores(critique)
    yield from make_fine_print(critique.provenance)


def _summarise(critique: Critique, shown: Sequence[Finding]) -> Sequence[Inline]:
    counts = Counter(finding.severity for finding in shown)
    listed = ", ".join(f"{counts[s]} {s}" for s in SEVERITIES if counts[s])
    if critique.verdict is None:
        return ["So far: ", listed or "no findings yet", "."]
    score = "" if critique.score is None else f" Score {critique.score:.1f} of 5."
    if critique.verdict == "pass":
        return [Badge("pass", "good"), f" Nothing that needs a change{_but(listed)}.{score}"]
    return [Badge("report", "warning"), f" {listed or 'Findings of single runs only'}.{score}"]


def _but(listed: str) -> str:
    return f"; {listed}" if listed else ""


def _make_meter(dimension: DimensionScore) -> Meter:
    yes = sum(item.answer == "yes" for item in dimension.items)
    counted = yes + sum(item.answer == "no" for item in dimension.items)
    note = dimension.na_reason or f"{yes} of {counted} yes"
    return Meter(LABELS[dimension.id], dimension.score, 5, note)


def _describe_drops(consistency: Consistency) -> Iterator[Block]:
    if consistency.kept < consistency.k:
        text = f"Only {consistency.kept} of {consistency.k} runs gave a reply that could be read."
        yield Callout("warning", [text])
    parts: list[str] = []
    if consistency.agreement is not None:
        parts.append(f"The runs agree on {consistency.agreement:.0%} of the questions.")
    if consistency.unanchored:
        parts.append(f"{_count(consistency.unanchored)} dropped: the quoted words are not there.")
    if consistency.contradicted:
        parts.append(
            f"{_count(consistency.contradicted)} dropped: the prompt has what was said to be missing."
        )
    if parts:
        yield Paragraph([" ".join(parts)])


def _count(number: int) -> str:
    return "1 finding was" if number == 1 else f"{number} findings were"


def _explain_scores(critique: Critique) -> Iterator[Block]:
    """Yield the questions that cost points, which is what the scores say in words."""
    rows: list[tuple[Inline, Inline, Inline]] = [
        (LABELS[dimension.id], QUESTIONS[item.question].text, item.answer or "split")
        for dimension in critique.dimensions
        for item in dimension.items
        if item.answer in ("no", None)
    ]
    if rows and critique.verdict:
        title = f"Where the scores come from: {len(rows)} of {len(QUESTIONS)} questions not answered yes"
        yield Details(title, [Table(("Dimension", "Question", "Answer"), rows)])


INSTRUMENT: Instrument[Critique] = Instrument(
    name="critique", start=start, preview=preview, read=Critique.from_dict, demo=True
)
