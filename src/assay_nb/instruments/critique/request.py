"""The critic's request: its schema, its system message, and the fenced prompt."""

from __future__ import annotations

from collections.abc import Sequence

from assay_nb.instruments.critique.result import ANSWERS
from assay_nb.instruments.exchange.fencing import DATA_RULE, fence
from assay_nb.instruments.exchange.schema import STRING, Data, array_of, nullable, object_of, one_of
from assay_nb.instruments.exchange.validation import Kind
from assay_nb.instruments.findings import FINDING_KINDS, OPERATIONS, SEVERITIES
from assay_nb.instruments.invariants import presence
from assay_nb.instruments.rubric import LABELS, QUESTIONS, describe_rubric
from assay_nb.text.segments import Segment

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
