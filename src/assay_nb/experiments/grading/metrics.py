"""Metrics: what a notebook's own Python says of an output."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from assay_nb.errors import WrongUsage
from assay_nb.experiments.data.rows import Row
from assay_nb.text.english import kind_of

Metric: TypeAlias = Callable[..., Any]
"""`(row, output)` → True or False, a number, `(score, feedback)`, or anything with a `.score`."""


class Output(str):
    """A model's output: a string, whose fields can be read by name too.

    `output.answer` is the field of that name where the output is a JSON object, and otherwise the whole
    output. That is how DSPy's metrics read a prediction, so that they work here unchanged.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            fields = json.loads(self)
        except ValueError:
            return str(self)
        named = cast("dict[str, Any]", fields) if isinstance(fields, dict) else {}
        return named.get(name, str(self))


@dataclass(frozen=True, slots=True)
class Scored:
    """A score, and what the metric says about it for whoever is to do better."""

    score: float
    feedback: str = ""


class Scorer:
    """Calls a metric, in the form it expects, and reads whatever it returns."""

    def __init__(self, metric: Metric) -> None:
        if not callable(metric):
            raise WrongUsage(
                f"The metric is {kind_of(metric)}, not a function.",
                hint="def score(row, output): return output == row['label']",
            )
        self._metric = metric
        self._extra = _count_extra(metric)

    def score(self, row: Row, output: str, number: int) -> Scored:
        """Return the score of one output.

        Raises:
            WrongUsage: If the metric raises, or returns something that is no score. What was answered is
                in the cache by then, so mending the metric costs nothing.
        """
        try:
            said = self._metric(row, Output(output), *[None] * self._extra)
        except Exception as error:  # a person's own code, which may raise anything
            raise WrongUsage(
                f"The metric failed on row {number}: {type(error).__name__}: {error}",
                hint="If such an output should count as wrong, catch it there and return False. What was "
                "answered so far is kept.",
            ) from error
        return _read(said, number)


def _count_extra(metric: Metric) -> int:
    """Return how many arguments beyond row and output a metric insists on (DSPy's take a trace)."""
    try:
        parameters = inspect.signature(metric).parameters.values()
    except (TypeError, ValueError):
        return 0
    positional = [
        p
        for p in parameters
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty
    ]
    return max(0, len(positional) - 2)


def _read(said: Any, number: int) -> Scored:
    score, feedback = said, None
    if isinstance(said, tuple) and len(cast("tuple[Any, ...]", said)) == 2:
        score, feedback = cast("tuple[Any, Any]", said)
    elif hasattr(cast("Any", said), "score"):
        score, feedback = cast("Any", said).score, getattr(cast("Any", said), "feedback", None)
    return Scored(_number(score, number), "" if feedback is None else str(feedback))


def _number(value: Any, number: int) -> float:
    try:
        score = None if value is None or isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        score = None
    if score is None or not math.isfinite(score):
        what = "nothing" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"
        raise WrongUsage(
            f"The metric returned {what} for row {number}, which is no score.",
            hint="It returns True or False, a number, or a pair (score, feedback).",
        )
    return score
