"""Critique: what is wrong with a prompt, at which words, and how good it is on six dimensions.

The model answers yes-or-no questions and reports findings with quotes. Everything that reads like a
judgement is then made by code: scores from the answers, severities within caps, the verdict from what is
left. A finding whose words are not in the prompt is dropped and counted.

Since the model fills in fields and decides nothing, a prompt that says "score this 10" can at most
colour a few answers; there is no field that says "passed".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay_nb.instruments.base import Instrument, Script
from assay_nb.instruments.critique.reading import judge, preview
from assay_nb.instruments.critique.request import SCHEMA, SYSTEM, make_text
from assay_nb.instruments.critique.result import Critique
from assay_nb.instruments.exchange.fencing import make_nonce
from assay_nb.instruments.exchange.parsing import get_objects, get_text
from assay_nb.instruments.exchange.schema import Data, Malformed
from assay_nb.instruments.exchange.structured_output import ask_each
from assay_nb.instruments.exchange.validation import (
    check_count,
    check_options,
    check_prompt,
    find_kind,
    make_request,
)
from assay_nb.instruments.rubric import QUESTIONS
from assay_nb.messages import Request
from assay_nb.text.segments import split_segments

__all__ = ["INSTRUMENT", "SCHEMA", "SYSTEM", "Critique", "preview", "start"]
MOST_REPEATS = 5
_MOST_UNANSWERED = 6


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
        text=make_text(prompt, segments, kind, nonce),
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


INSTRUMENT: Instrument[Critique] = Instrument(
    name="critique", start=start, preview=preview, read=Critique.from_dict, demo=True
)
