"""Reading of the critic's replies: find the quotes, count the votes, cap the severities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from assay_nb.instruments.critique.result import (
    ANSWERS,
    Consistency,
    Critique,
    DimensionScore,
    ItemScore,
    Verdict,
)
from assay_nb.instruments.exchange.parsing import (
    clean,
    get_object,
    get_objects,
    get_text,
    get_word,
    parse_partial,
)
from assay_nb.instruments.exchange.schema import Data
from assay_nb.instruments.exchange.validation import Kind, find_kind
from assay_nb.instruments.findings import (
    GRAVE,
    SEVERITIES,
    Finding,
    cap,
    order_findings,
    overlaps,
    read_finding,
    similarity,
)
from assay_nb.instruments.invariants import presence
from assay_nb.instruments.lint import LintFinding, lint
from assay_nb.instruments.lint.measured import has_proved_right
from assay_nb.instruments.rubric import DIMENSION_OF_RULE, DIMENSIONS, QUESTIONS, Dimension
from assay_nb.text.anchors import Locator
from assay_nb.text.segments import split_segments

_MOST_FINDINGS = 24
_SAME_PLACE = 0.5


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
    lint_errors = [finding for finding in lint(prompt).findings if has_proved_right(finding)]
    merged = [_limit(f, lint_errors) for f in _cluster([run.findings for run in runs])]
    findings = order_findings([*merged, *_adopt(lint_errors, merged, locator)])
    dimensions = _score(runs)
    return Critique(
        prompt=prompt,
        kind=kind,
        dimensions=dimensions,
        findings=findings,
        verdict=_decide(findings, dimensions),
        consistency=Consistency(
            k=k,
            kept=len(runs),
            agreement=_measure_agreement(runs),
            unanchored=sum(run.unanchored for run in runs),
            contradicted=sum(run.contradicted for run in runs),
        ),
    )


def _decide(findings: Sequence[Finding], dimensions: Sequence[DimensionScore]) -> Verdict:
    """Return `pass` where nothing on the card speaks against it: neither a finding nor a score."""
    grave = any(finding.severity in GRAVE for finding in findings)
    return "report" if grave or any(dimension.weak for dimension in dimensions) else "pass"


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
    """Yield the lint errors that no model's finding speaks of, as findings of their own.

    Only those of rules that have proved right: a false one would keep a good prompt from passing.
    """
    for number, error in enumerate(lint_errors):
        known = any(overlaps(finding, error.start, error.end) for finding in findings)
        if not known and error.start < error.end:
            yield Finding(
                id=f"lint{number}",
                dimension=DIMENSION_OF_RULE.get(error.rule, "robustness"),
                severity="major",
                kind="present",
                evidence=(locator.make_anchor(error.start, error.end),),
                problem=f"{error.rule}: {error.message}",
                consequence="",
                origin="lint",
            )
