"""Judge: score an output by a rubric, or say which of two is better.

A judge is a measuring instrument with known faults: it prefers what it sees first, what is longer, and
what sounds like itself. So evidence comes before each answer and is looked up in the output, the
total is made by code, two outputs are always compared in both orders, and a win counts only where both
agree. What is left of its faults, `assay-nb judge-check` measures on pairs that a person has labelled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from assay_nb.errors import BadReply, WrongUsage
from assay_nb.instruments.base import Instrument, Script
from assay_nb.instruments.exchange.fencing import make_nonce
from assay_nb.instruments.exchange.parsing import clean, get_text, get_word
from assay_nb.instruments.exchange.schema import Data
from assay_nb.instruments.exchange.structured_output import Form, ask, ask_each
from assay_nb.instruments.exchange.validation import check_options, make_request
from assay_nb.instruments.judge.criteria import (
    ANSWERS,
    DEFAULT_RUBRIC,
    Criterion,
    RubricLike,
    parse_rubric,
)
from assay_nb.instruments.judge.request import (
    PLACES,
    SYSTEM,
    SYSTEM_PAIR,
    make_pair_schema,
    make_schema,
    make_text,
    name_answer,
    name_choice,
)
from assay_nb.instruments.judge.result import Comparison, Judgement, Mark, Place
from assay_nb.messages import Request
from assay_nb.text.normal import normalise

__all__ = [
    "DEFAULT_RUBRIC",
    "INSTRUMENT",
    "Comparison",
    "Criterion",
    "Judgement",
    "Mark",
    "RubricLike",
    "parse_rubric",
    "start",
]

LARGEST = 400_000
"""Characters that a judge is given at most, task and outputs together."""


def start(prompt: str, options: Mapping[str, Any]) -> Script[Judgement]:
    """Begin a judgement of `output` on the task `prompt`.

    Options: `output`, `rubric`, `against` (another output, to compare with), and the model's knobs.
    """
    given = check_options("judge", options, ("output", "rubric", "against"))
    output, against = given.get("output"), given.get("against")
    if not isinstance(output, str) or not isinstance(against, str | None):
        raise WrongUsage("judge needs an output, as text.", hint="judge(prompt, output)")
    if len(prompt) + len(output) + len(against or "") > LARGEST:
        raise WrongUsage(f"Task and output together are over {LARGEST:,} characters long.")
    rubric = parse_rubric(given.get("rubric", DEFAULT_RUBRIC))
    if against is None:
        return _score(prompt, output, rubric, given)
    return _compare(prompt, output, against, rubric, given)


def _score(
    prompt: str, output: str, rubric: tuple[Criterion, ...], options: Mapping[str, Any]
) -> Script[Judgement]:
    request = make_request(
        options,
        system=SYSTEM,
        text=make_text(
            {"task": prompt, "output": output}, rubric, make_nonce(f"{prompt}\n{output}")
        ),
        schema=make_schema(rubric),
        name="judgement",
    )
    answer = yield from ask(request, _make_form([name_answer(one) for one in rubric]))
    return Judgement(prompt, output, rubric, marks=_read_marks(answer.data, output, rubric))


def _make_form(members: Sequence[str]) -> Form:
    """Return what a reply needs: one of the answers, which is all that is asked for after a cut."""
    return Form(lambda data: any(name in data for name in members), essential=tuple(members))


def _compare(
    prompt: str,
    output: str,
    against: str,
    rubric: tuple[Criterion, ...],
    options: Mapping[str, Any],
) -> Script[Judgement]:
    nonce = make_nonce(f"{prompt}\n{output}\n{against}")

    def make(first: str, second: str) -> Request:
        material = {"task": prompt, "first answer": first, "second answer": second}
        return make_request(
            options,
            system=SYSTEM_PAIR,
            text=make_text(material, rubric, nonce),
            schema=make_pair_schema(rubric),
            name="comparison",
        )

    requests = (make(output, against), make(against, output))
    answers = yield from ask_each(requests, _make_form([name_choice(one) for one in rubric]))
    orders = [_read_comparisons(answer.data, rubric) for answer in answers]
    # Which of the two is missing cannot matter: a win takes both.
    if len(orders) < len(requests) or any(len(order) < len(rubric) for order in orders):
        raise BadReply(
            "The judge did not compare by all criteria in both orders.", hint="Run it again."
        )
    return Judgement(prompt, output, rubric, against=against, orders=tuple(orders))


def _read_marks(data: Data, output: str, rubric: Sequence[Criterion]) -> tuple[Mark, ...]:
    marks = (_read_mark(data, output, criterion) for criterion in rubric)
    return tuple(mark for mark in marks if mark)


def _read_mark(data: Data, output: str, criterion: Criterion) -> Mark | None:
    """Return a criterion's mark; None where it was not answered."""
    answer = get_word(data, name_answer(criterion), ANSWERS[criterion.scale])
    if answer is None:
        return None
    evidence = get_text(data, f"{criterion.id}_evidence").strip() or None
    found = None if evidence is None else _holds(output, evidence)
    return Mark(
        criterion.id,
        answer,
        None if evidence is None else clean(evidence),
        found,
        clean(get_text(data, f"{criterion.id}_reason")),
    )


def _holds(output: str, quote: str) -> bool:
    """Return whether the quoted words stand in the output, white space and quotation marks aside."""
    return normalise(quote).text.strip(" .…\"'") in normalise(output).text


def _read_comparisons(data: Data, rubric: Sequence[Criterion]) -> tuple[Comparison, ...]:
    places = cast("Sequence[Place]", PLACES)
    read: list[tuple[Criterion, Place | None]] = [
        (one, get_word(data, name_choice(one), places)) for one in rubric
    ]
    return tuple(
        Comparison(one.id, better, clean(get_text(data, f"{one.id}_reason")))
        for one, better in read
        if better
    )


def preview(prompt: str, text: str) -> Judgement | None:
    """Return nothing: half a judgement has no total, and its rubric is not known here."""
    return None


INSTRUMENT: Instrument[Judgement] = Instrument(
    name="judge", start=start, preview=preview, read=Judgement.from_dict
)
