"""The editor's request, with findings of its own or with those of a critique."""

from __future__ import annotations

from collections.abc import Sequence

from assay_nb.instruments.exchange.fencing import DATA_RULE, fence
from assay_nb.instruments.exchange.parsing import clean
from assay_nb.instruments.exchange.schema import STRING, Data, array_of, object_of, one_of
from assay_nb.instruments.findings import FINDING_KINDS, OPERATIONS, SEVERITIES, Finding
from assay_nb.instruments.improve.result import RISKS
from assay_nb.instruments.rubric import LABELS
from assay_nb.text.segments import Segment

MOST_EDITS = 12

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


def make_text(
    prompt: str,
    segments: Sequence[Segment],
    nonce: str,
    findings: Sequence[Finding] | None,
    feedback: str | None,
) -> str:
    """Return the user's turn: the fenced prompt, findings that are given, and the author's words."""
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
