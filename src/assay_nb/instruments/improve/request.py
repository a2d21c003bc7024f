"""The editor's request, with findings of its own or with those of a critique."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay_nb.instruments.exchange.fencing import DATA_RULE, fence
from assay_nb.instruments.exchange.parsing import clean
from assay_nb.instruments.exchange.schema import (
    NONE,
    STRING,
    Data,
    array_of,
    name_slots,
    object_of,
    one_of,
    slots_of,
)
from assay_nb.instruments.findings import FINDING_KINDS, OPERATIONS, SEVERITIES, Finding
from assay_nb.instruments.improve.result import RISKS
from assay_nb.instruments.rubric import LABELS
from assay_nb.text.segments import Segment

MOST_EDITS = 12
SLOTS = 6
"""Edits that a model without lists may propose: more would not fit into a schema of 4 kB."""

SCHEMA: Data = object_of(
    **slots_of(
        "edit",
        SLOTS,
        object_of(
            before=STRING,
            problem=STRING,
            dimension=one_of(*LABELS),
            severity=one_of(*SEVERITIES),
            op=one_of(NONE, *OPERATIONS),
            text=STRING,
            risk=one_of(*RISKS),
        ),
    )
)
"""For any model. An edit says itself what it mends: its words are the evidence."""


def make_schema_of_findings(findings: Sequence[Finding]) -> Data:
    """Return the schema for findings that are there already, for any model: only edits are asked for."""
    ids = [finding.id for finding in findings[:MOST_EDITS]]
    edit = object_of(
        finding=one_of(*ids),
        before=STRING,
        op=one_of(NONE, *OPERATIONS),
        text=STRING,
        risk=one_of(*RISKS),
    )
    return object_of(**slots_of("edit", min(SLOTS, len(ids)), edit))


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

SCHEMA_WITH_LISTS: Data = object_of(
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
"""For models that end a list."""

SCHEMA_OF_FINDINGS_WITH_LISTS: Data = object_of(edits=_EDITS)
"""For findings that are there already, and models that end a list."""


_INTRODUCTION = f"""You improve prompts that people write for language models, by a few small edits that change \
what a model does.{{given}}

{DATA_RULE}
"""

_RULES = """Two edits may not touch the same words. All together should change less than a third of the prompt. Keep \
every variable, template block, code, JSON, tag, URL, number and quoted word as it is, unless it is itself \
at fault. Write in the prompt's own language. Add no facts, names or limits that the author did not give; \
where a limit is missing, say what kind is needed in a way that holds without knowing it. No comments on your work: \
text goes into the prompt as it is."""

_FINDING = "- finding: the id of the finding that it mends. No finding, no edit: do not polish."
_TEXT = """\
- text: what to write; empty for delete. With insert_after begin it with the space or line break it needs.
- risk: how likely it is that the edit changes what the author wants."""
_BEFORE = "copied to the letter from the prompt, without the number, and long enough to stand there only once."

_LIST_OF_EDITS = f"""Edits, at most {MOST_EDITS}, each as small as it can be:
{_FINDING}
- op: replace or delete the words in before, or insert_after them.
- segment and before: the segment's number and the words, {_BEFORE}
{_TEXT}

{_RULES}"""

_SLOTS_OF_EDITS = f"""\
- op: replace or delete the words in before, or insert_after them; none where there is no more to mend.
{_TEXT}

Where op is none, every text is empty.

{_RULES}"""

_GIVEN = " The findings are given; mend them and nothing else."
_UNMENDED = "A finding that no small edit can mend gets none."

SYSTEM = f"""{_INTRODUCTION.format(given="")}
Fill in {", ".join(name_slots("edit", SLOTS))}, the worst fault first, each as small as it can be:
- before: the words at fault, {_BEFORE}
- problem: what is wrong with them, in one sentence. No problem, no edit: do not polish.
- dimension and severity: which aspect it concerns, and how much it matters.
{_SLOTS_OF_EDITS}

If the prompt is good as it is, op is none in all of them: that is a full answer."""

SYSTEM_OF_FINDINGS = f"""{_INTRODUCTION.format(given=_GIVEN)}
Fill in one edit for each finding, each as small as it can be:
{_FINDING}
- before: the words to change, {_BEFORE}
{_SLOTS_OF_EDITS}

{_UNMENDED}"""

SYSTEM_WITH_LISTS = f"""{_INTRODUCTION.format(given="")}
First list findings: faults that will make replies worse. For each: id (f1, f2 and so on), evidence (the \
segment's number and a quote copied to the letter; two for a conflict), kind, dimension, problem in one sentence, \
consequence, severity.

{_LIST_OF_EDITS}

If the prompt is good as it is, return empty lists: that is a full answer."""

SYSTEM_OF_FINDINGS_WITH_LISTS = f"""{_INTRODUCTION.format(given=_GIVEN)}
{_LIST_OF_EDITS}

{_UNMENDED}"""


@dataclass(frozen=True, slots=True)
class Ask:
    """What an editor is asked: standing instructions, and the schema of the reply."""

    system: str
    schema: Data


def choose_form(findings: Sequence[Finding] | None, *, lists: bool) -> Ask:
    """Return what to ask, by whether findings are given and whether the model ends lists."""
    if findings is None:
        return Ask(SYSTEM_WITH_LISTS, SCHEMA_WITH_LISTS) if lists else Ask(SYSTEM, SCHEMA)
    if lists:
        return Ask(SYSTEM_OF_FINDINGS_WITH_LISTS, SCHEMA_OF_FINDINGS_WITH_LISTS)
    return Ask(SYSTEM_OF_FINDINGS, make_schema_of_findings(findings))


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
