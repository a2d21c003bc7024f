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
from assay_nb.instruments.exchange.parsing import clean, get_objects, get_text, get_word
from assay_nb.instruments.exchange.schema import Data, Malformed
from assay_nb.instruments.exchange.structured_output import ask, ask_each
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
    marks = yield from ask(request, lambda data: _read_marks(data, output, rubric))
    return Judgement(prompt, output, rubric, marks=marks)


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
    orders = yield from ask_each(requests, lambda data: _read_comparisons(data, rubric))
    if len(orders) < len(requests):  # which of the two is missing cannot matter: a win takes both
        raise BadReply("The judge answered in one order only.", hint="Run it again.")
    return Judgement(prompt, output, rubric, against=against, orders=tuple(orders))


def _read_marks(data: Data, output: str, rubric: Sequence[Criterion]) -> tuple[Mark, ...]:
    given = {get_text(one, "criterion"): one for one in get_objects(data, "criteria")}
    _check_complete(given, rubric)
    return tuple(_read_mark(given[criterion.id], output, criterion) for criterion in rubric)


def _read_mark(data: Data, output: str, criterion: Criterion) -> Mark:
    answer = get_word(data, "answer", ANSWERS[criterion.scale])
    if answer is None:
        listed = ", ".join(ANSWERS[criterion.scale])
        raise Malformed(f"the answer to {criterion.id} has to be one of {listed}")
    evidence = get_text(data, "evidence") or None
    found = None if evidence is None else _holds(output, evidence)
    return Mark(
        criterion.id,
        answer,
        None if evidence is None else clean(evidence),
        found,
        clean(get_text(data, "reason")),
    )


def _holds(output: str, quote: str) -> bool:
    """Return whether the quoted words stand in the output, white space and quotation marks aside."""
    return normalise(quote).text.strip(" .…\"'") in normalise(output).text


def _read_comparisons(data: Data, rubric: Sequence[Criterion]) -> tuple[Comparison, ...]:
    given = {get_text(one, "criterion"): one for one in get_objects(data, "criteria")}
    _check_complete(given, rubric)
    return tuple(
        Comparison(
            criterion.id,
            get_word(given[criterion.id], "better", cast("Sequence[Place]", PLACES)) or "tie",
            clean(get_text(given[criterion.id], "reason")),
        )
        for criterion in rubric
    )


def _check_complete(given: Mapping[str, Data], rubric: Sequence[Criterion]) -> None:
    missing = [criterion.id for criterion in rubric if criterion.id not in given]
    if missing:
        raise Malformed(f"criteria lacks {', '.join(missing)}")


def preview(prompt: str, text: str) -> Judgement | None:
    """Return nothing: half a judgement has no total, and its rubric is not known here."""
    return None


INSTRUMENT: Instrument[Judgement] = Instrument(
    name="judge", start=start, preview=preview, read=Judgement.from_dict
)
