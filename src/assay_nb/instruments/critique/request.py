"""The critic's request: its schema, its system message, and the fenced prompt."""

from __future__ import annotations

from collections.abc import Sequence

from assay_nb.instruments.critique.result import ANSWERS
from assay_nb.instruments.exchange.fencing import DATA_RULE, fence
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
from assay_nb.instruments.exchange.validation import Kind
from assay_nb.instruments.findings import (
    FINDING_KINDS,
    OPERATIONS,
    SEVERITIES,
    SLOT_KINDS,
)
from assay_nb.instruments.invariants import presence
from assay_nb.instruments.rubric import LABELS, QUESTION_OF_KEY, describe_rubric
from assay_nb.text.segments import Segment

SLOTS = 3
"""Findings that a model without lists may report: more would not fit into a schema of 4 kB."""

_ANSWERS = object_of(**dict.fromkeys(QUESTION_OF_KEY, one_of(*ANSWERS)))

SCHEMA: Data = object_of(
    answers=_ANSWERS,
    **slots_of(
        "finding",
        SLOTS,
        object_of(
            quote=STRING,
            against=STRING,
            kind=one_of(*SLOT_KINDS),
            dimension=one_of(*LABELS),
            problem=STRING,
            effect=STRING,
            probe=STRING,
            predict=STRING,
            severity=one_of(*SEVERITIES),
        ),
    ),
)
"""For any model. The answers come first: they are choices alone, so that no model can run on in them."""

SCHEMA_WITH_LISTS: Data = object_of(
    evidence=array_of(object_of(question=STRING, segment=STRING, quote=STRING)),
    answers=_ANSWERS,
    not_applicable=array_of(object_of(dimension=one_of(*LABELS), reason=STRING)),
    findings=array_of(
        object_of(
            evidence=array_of(object_of(segment=STRING, quote=STRING)),
            kind=one_of(*FINDING_KINDS),
            missing=one_of(NONE, *presence.MISSING),
            dimension=one_of(*LABELS),
            problem=STRING,
            consequence=STRING,
            probe=array_of(object_of(name=STRING, value=STRING)),
            predict=STRING,
            op=one_of(NONE, *OPERATIONS),
            text=STRING,
            severity=one_of(*SEVERITIES),
        )
    ),
)
"""For models that end a list. Evidence stands before what is concluded from it: models write in this order."""


_INTRODUCTION = f"""You review prompts that people write for language models. Judge how a model would act on \
the prompt, not how nicely it reads.

{DATA_RULE}
"""

_SEVERITY = """\
severity: blocker if the task cannot be done right, major if replies will often be wrong, minor if \
sometimes, nit otherwise."""

SYSTEM_WITH_LISTS = f"""{_INTRODUCTION}
First evidence: for each question below that the prompt has words for, the question's key, the segment and a \
quote. Then, under answers, answer every one of these questions with yes, no, or na where it cannot apply to \
such a prompt. If none of a dimension's questions applies, say why under not_applicable.

{describe_rubric()}

Then report findings, and only those that change what a model does:
- evidence: the segment's number and a quote of 3 to 25 words, copied to the letter, without the number. \
A conflict needs two quotes. For something absent, quote the words after which it should stand.
- kind: present if the words are at fault, absent if something is missing, conflict if two places \
exclude each other. For absent, missing says what; otherwise it is none.
- problem: one sentence of at most 200 characters. consequence: what a model will do wrong because of it.
- probe: values for the prompt's variables on which you expect the failure, and in predict what you expect to \
see; both empty if there is none.
- op and text: the smallest change at the first quote that would mend it, in the prompt's own language, keeping its \
variables; none and an empty text if it takes more than that.
- {_SEVERITY}

Most good prompts have few findings. With nothing to report, return an empty list: that is a full answer."""

SYSTEM = f"""{_INTRODUCTION}
Under answers, answer every one of these questions with yes, no, or na where it cannot apply to such a prompt.

{describe_rubric()}

Then report up to {SLOTS} findings, the worst first, in {", ".join(name_slots("finding", SLOTS))}, and only those \
that change what a model does:
- quote: 3 to 25 words, copied to the letter from the prompt. against: the other place of a conflict; \
otherwise empty. For something absent, quote the words after which it should stand.
- kind: present if the words are at fault, conflict if two places exclude each other, absent if something is \
missing; no_format, no_length, no_example or no_boundary if that is what is missing.
- problem: one short sentence. effect: what a model will do wrong because of it.
- probe: a value for the prompt's first variable on which you expect the failure, and in predict what you expect \
to see; both empty if there is none.
- {_SEVERITY}

Most good prompts have few findings. In a slot that is not needed, kind is none and every text is empty."""


def make_text(prompt: str, segments: Sequence[Segment], kind: Kind, nonce: str) -> str:
    """Return the user's turn: the fenced prompt, and what kind of prompt it is."""
    role = {
        "system": "It is a system prompt.",
        "user": "It is sent as a user message.",
        "template": "It is a template; its variables are filled in before it is sent.",
    }[kind]
    return (
        f"Review this prompt. {role}\n\n{fence(prompt, segments, nonce)}\n\n"
        "That was the prompt under review. Answer with the JSON object that was asked for."
    )
