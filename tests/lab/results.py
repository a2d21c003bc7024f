"""Results whose every text is one that was given: a model's, a person's or a file's."""

from __future__ import annotations

from collections.abc import Sequence

from assay_nb.instruments.base import Provenance
from assay_nb.instruments.critique import Critique
from assay_nb.instruments.critique.result import DimensionScore
from assay_nb.instruments.findings import Finding, Fix, Probe
from assay_nb.instruments.improve import Improvement
from assay_nb.instruments.improve.result import DroppedEdit, ProposedEdit
from assay_nb.instruments.invariants.checks import Breach
from assay_nb.instruments.lint import LintFinding, LintFix, LintReport
from assay_nb.instruments.rewrite import Rewrite
from assay_nb.instruments.rewrite.result import LedgerRow
from assay_nb.text.anchors import Anchor
from assay_nb.text.edits import Edit


def _prompt(texts: Sequence[str]) -> str:
    return "\n".join(texts)


def _anchors(texts: Sequence[str]) -> list[Anchor]:
    anchors, start = [], 0
    for text in texts:
        anchors.append(Anchor(start, start + len(text), "exact", text))
        start += len(text) + 1
    return anchors


def _provenance(text: str) -> Provenance:
    return Provenance(workspace=text, provider=text, model=text, funding=text)


def _findings(texts: Sequence[str]) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            id=f"f{number}",
            dimension="output",
            severity="major",
            kind="present",
            evidence=(anchor,),
            problem=text,
            consequence=text,
            fix=Fix("replace", text),
            probe=Probe({text: text}, text),
        )
        for number, (text, anchor) in enumerate(zip(texts, _anchors(texts), strict=True), 1)
    )


def hostile_critique(texts: Sequence[str]) -> Critique:
    return Critique(
        prompt=_prompt(texts),
        kind="template",
        dimensions=(DimensionScore("output", None, texts[0], ()),),
        findings=_findings(texts),
        verdict="report",
        provenance=_provenance(texts[0]),
    )


def hostile_improvement(texts: Sequence[str]) -> Improvement:
    edits = tuple(
        ProposedEdit(
            number=number,
            finding=f"f{number}",
            op="replace",
            before=anchor,
            edit=Edit(anchor.start, anchor.end, f"{text}{text}"),
            warnings=(Breach("check", "warning", text),),
        )
        for number, (text, anchor) in enumerate(zip(texts, _anchors(texts), strict=True), 1)
    )
    return Improvement(
        prompt=_prompt(texts),
        kind="template",
        findings=_findings(texts),
        edits=edits,
        dropped=(DroppedEdit("replace", texts[0], texts[0], texts[0]),),
        accepted=(1,),
        provenance=_provenance(texts[0]),
    )


def hostile_rewrite(texts: Sequence[str]) -> Rewrite:
    anchors = _anchors(texts)
    return Rewrite(
        prompt=_prompt(texts),
        kind="template",
        proposed=_prompt(texts),
        breaches=tuple(Breach("check", "error", text) for text in texts[:2]),
        ledger=tuple(LedgerRow(status="kept", before=a, after=a, reason=a.exact) for a in anchors),
        changes=tuple(texts),
        provenance=_provenance(texts[0]),
    )


def hostile_lint(texts: Sequence[str]) -> LintReport:
    findings = tuple(
        LintFinding(
            rule=f"A{number:03}",  # findings of one rule would fold
            name="unbound-variable",
            level="error",
            message=text,
            start=anchor.start,
            end=anchor.end,
            line=1,
            column=1,
            fix=LintFix(anchor.start, anchor.end, text),
        )
        for number, (text, anchor) in enumerate(zip(texts, _anchors(texts), strict=True))
    )
    return LintReport(text=_prompt(texts), findings=findings)
