"""Reading of the critic's replies: find the quotes, count the votes, cap the severities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from assay_nb.instruments.critique.request import SLOTS
from assay_nb.instruments.critique.result import (
    ANSWERS,
    Consistency,
    Critique,
    DimensionScore,
    ItemScore,
    Verdict,
)
from assay_nb.instruments.critique.result import (
    Answer as Given,
)
from assay_nb.instruments.exchange.parsing import (
    clean,
    get_object,
    get_objects,
    get_text,
    get_word,
    parse_partial,
)
from assay_nb.instruments.exchange.schema import Data, name_slots
from assay_nb.instruments.exchange.structured_output import Answer
from assay_nb.instruments.exchange.validation import Kind, find_kind
from assay_nb.instruments.findings import (
    GRAVE,
    SEVERITIES,
    Finding,
    cap,
    find_evidence,
    list_findings,
    order_findings,
    overlaps,
    read_finding,
    similarity,
)
from assay_nb.instruments.invariants import presence
from assay_nb.instruments.lint import LintFinding, lint
from assay_nb.instruments.lint.measured import has_proved_right
from assay_nb.instruments.rubric import (
    DIMENSION_OF_RULE,
    DIMENSIONS,
    QUESTION_OF_KEY,
    QUESTIONS,
    Dimension,
)
from assay_nb.text.anchors import Anchor, Locator
from assay_nb.text.segments import split_segments
from assay_nb.text.templates import find_variables

_MOST_FINDINGS = 24
_SAME_PLACE = 0.5
_SLOTS = name_slots("finding", SLOTS)


@dataclass(frozen=True, slots=True)
class RunReading:
    """One reply, with its quotes found."""

    answers: Mapping[str, ItemScore]
    reasons: Mapping[str, str]
    findings: tuple[Finding, ...]
    unanchored: int
    contradicted: int
    unreadable: int


def judge(prompt: str, kind: Kind, replies: Sequence[Answer], k: int) -> Critique:
    """Return the critique that the replies of `k` runs add up to."""
    locator = Locator(prompt, split_segments(prompt))
    runs = [_read_run(reply.data, locator, prompt) for reply in replies]
    return add_up(locator, kind, runs, k, cut=sum(map(_lacks_findings, replies)))


def add_up(
    locator: Locator, kind: Kind, runs: Sequence[RunReading], k: int, *, cut: int = 0
) -> Critique:
    """Return the critique that some runs add up to, whatever form their replies had.

    Args:
        locator: Of the prompt.
        kind: What kind of prompt it is.
        runs: Those that could be read.
        k: Runs asked for.
        cut: Runs that ended before their findings were whole.
    """
    prompt = locator.text
    lint_errors = [finding for finding in lint(prompt).findings if has_proved_right(finding)]
    merged = [_limit(f, lint_errors) for f in _cluster([run.findings for run in runs])]
    findings = order_findings([*merged, *_adopt(lint_errors, merged, locator)])
    dimensions = _score(runs)
    return Critique(
        prompt=prompt,
        kind=kind,
        dimensions=dimensions,
        findings=findings,
        verdict=_decide(findings, dimensions, unseen=cut >= len(runs)),
        consistency=Consistency(
            k=k,
            kept=len(runs),
            agreement=_measure_agreement(runs),
            unanchored=sum(run.unanchored for run in runs),
            contradicted=sum(run.contradicted for run in runs),
            unreadable=sum(run.unreadable for run in runs),
            cut=cut,
        ),
    )


def _lacks_findings(reply: Answer) -> bool:
    """Return whether findings may be missing, since the reply was cut or left them out."""
    return reply.cut or any(name == "findings" or name in _SLOTS for name in reply.missing)


def _decide(
    findings: Sequence[Finding], dimensions: Sequence[DimensionScore], *, unseen: bool
) -> Verdict:
    """Return `pass` where nothing on the card speaks against it: neither a finding nor a score.

    What nobody looked at does: a dimension that was not answered, and findings that did not come whole from
    any run (`unseen`).
    """
    grave = any(finding.severity in GRAVE for finding in findings)
    doubtful = any(dimension.weak or dimension.unanswered for dimension in dimensions)
    return "report" if grave or doubtful or unseen else "pass"


def preview(prompt: str, partial: str) -> Critique | None:
    """Return what an unfinished reply already says, or None while it says nothing."""
    data = parse_partial(partial)
    if not data:
        return None
    # A finding's severity comes last, so one without it is still being written.
    whole = [found for found in get_objects(data, "findings") if "severity" in found]
    slots = {n: s for n in _SLOTS if "severity" in (s := get_object(data, n) or {})}
    seen = {name: value for name, value in data.items() if name not in _SLOTS}
    reading = _read_run(
        {**seen, **slots, "findings": whole}, Locator(prompt, split_segments(prompt)), prompt
    )
    return Critique(
        prompt=prompt,
        kind=find_kind(prompt, {}),
        dimensions=_score([reading], complete=False),
        findings=order_findings(reading.findings),
        verdict=None,
        consistency=Consistency(unanchored=reading.unanchored, contradicted=reading.contradicted),
    )


def _read_run(data: Data, locator: Locator, prompt: str) -> RunReading:
    findings: list[Finding] = []
    unanchored = contradicted = unreadable = 0
    variable = next((v.name for v in find_variables(prompt) if v.kind == "variable"), "")
    described_findings = list_findings(data, _SLOTS, variable)[:_MOST_FINDINGS]
    for number, described in enumerate(described_findings, 1):
        finding = read_finding(described, locator, f"f{number}")
        if finding is None:
            unanchored += not _is_anchored(described, locator)
            unreadable += _is_anchored(described, locator)
        elif finding.kind == "absent" and presence.states(prompt, get_text(described, "missing")):
            contradicted += 1
        else:
            findings.append(finding)
    reasons = {
        get_text(entry, "dimension"): clean(get_text(entry, "reason"))
        for entry in get_objects(data, "not_applicable")
    }
    answers = _read_answers(data, locator)
    return RunReading(answers, reasons, tuple(findings), unanchored, contradicted, unreadable)


def _is_anchored(described: Data, locator: Locator) -> bool:
    """Return whether enough of a finding's words are in the prompt."""
    needed = 2 if get_text(described, "kind") == "conflict" else 1
    return len(find_evidence(described, locator)) >= needed


def _read_answers(data: Data, locator: Locator) -> dict[str, ItemScore]:
    """Return the answers by question, each with the first of its quotes that is in the prompt."""
    given = get_object(data, "answers") or {}
    quoted: dict[str, Anchor] = {}
    for entry in get_objects(data, "evidence"):
        anchor = locator.find(get_text(entry, "quote"), get_text(entry, "segment"))
        if anchor:
            key = get_text(entry, "question").rpartition(".")[2]  # some write the dimension too
            quoted.setdefault(key, anchor)
    read: dict[str, Given | None] = {key: get_word(given, key, ANSWERS) for key in QUESTION_OF_KEY}
    return {
        QUESTION_OF_KEY[key].id: ItemScore(QUESTION_OF_KEY[key].id, answer, quoted.get(key))
        for key, answer in read.items()
        if answer
    }


def _score(runs: Sequence[RunReading], *, complete: bool = True) -> tuple[DimensionScore, ...]:
    return tuple(_score_dimension(dimension, runs, complete) for dimension in DIMENSIONS)


def _score_dimension(
    dimension: Dimension, runs: Sequence[RunReading], complete: bool
) -> DimensionScore:
    """Return the score that the answers come to; a question without one counts as not answered yes."""
    items = tuple(_vote(question.id, runs) for question in dimension.questions)
    yes = sum(item.answer == "yes" for item in items)
    counted = yes + sum(item.answer == "no" for item in items)
    unanswered = sum(not item.answered for item in items)
    if not complete and any(item.answer is None for item in items):
        return DimensionScore(dimension.id, None, "not answered yet", items)
    if counted:
        score = round(1 + 4 * yes / (counted + unanswered), 1)
        return DimensionScore(dimension.id, score, None, items)
    if unanswered:
        return DimensionScore(dimension.id, None, "not answered", items)
    said = next((run.reasons[dimension.id] for run in runs if dimension.id in run.reasons), "")
    return DimensionScore(dimension.id, None, said or "none of its questions applies", items)


def _vote(question: str, runs: Sequence[RunReading]) -> ItemScore:
    """Return the answer of more than half of the runs that gave one, with that side's evidence."""
    given = [run.answers[question] for run in runs if question in run.answers]
    for answer in ANSWERS:
        side = [item for item in given if item.answer == answer]
        if 2 * len(side) > len(given):
            return ItemScore(question, answer, next((i.evidence for i in side if i.evidence), None))
    return ItemScore(question, None, answered=bool(given))


def _measure_agreement(runs: Sequence[RunReading]) -> float | None:
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
