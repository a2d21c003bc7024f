"""A012: a parameter that the model refuses, or a model that is about to be shut down."""

from __future__ import annotations

from collections.abc import Iterator

from assay_nb.instruments.lint.rule import Hit, Rule
from assay_nb.instruments.lint.source import Source
from assay_nb.models.parameters import find_parameters, refused_knobs
from assay_nb.models.retirements import find_retirement


def _check(source: Source) -> Iterator[Hit]:
    yield from _retirement(source)
    for knob in refused_knobs(source.model, source.knobs):
        yield Hit(
            0,
            0,
            f"{source.model} refuses `{knob}`, so the call fails: leave it out.",
        )
    yield from _low_temperature(source)


def _retirement(source: Source) -> Iterator[Hit]:
    """Yield a warning from 60 days before the model's end, and an error from its day on if that is certain."""
    end = source.retirement or (find_retirement(source.model) if source.own_api else None)
    text = end.describe(source.model or "", source.today) if end else None
    if end and text:
        level = "error" if end.day <= source.today and not end.is_earliest else "warning"
        yield Hit(0, 0, f"{text} {end.advice}", level=level)


def _low_temperature(source: Source) -> Iterator[Hit]:
    known = find_parameters(source.model)
    lowest = known.lowest_temperature if known else None
    temperature = source.knobs.get("temperature")
    if lowest is not None and isinstance(temperature, int | float) and temperature < lowest:
        yield Hit(
            0,
            0,
            f"{source.model} may loop or answer worse at a temperature below {lowest}: leave it out.",
            level="warning",
        )


RULE = Rule(
    id="A012",
    name="unsupported-knob",
    level="error",
    summary="A sampling parameter that the model refuses, or a model whose shutdown is due.",
    why="The call fails, or the replies get worse, for a reason that nothing in the prompt shows.",
    bad="temperature=0 on claude-opus-5-5",
    good="claude-opus-5-5 without temperature",
    check=_check,
    needs_model=True,
)
