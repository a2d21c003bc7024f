"""Instruments that call a model, by name. What is not listed here does not reach a provider."""

from __future__ import annotations

from typing import Any

from assay_nb.errors import WrongUsage
from assay_nb.instruments import critique, improve, judge, playground, rewrite
from assay_nb.instruments.base import Instrument

INSTRUMENTS: dict[str, Instrument[Any]] = {
    instrument.name: instrument
    for instrument in (
        critique.INSTRUMENT,
        improve.INSTRUMENT,
        rewrite.INSTRUMENT,
        playground.INSTRUMENT,
        judge.INSTRUMENT,
    )
}


def find_instrument(name: str) -> Instrument[Any]:
    """Return the instrument of this name.

    Raises:
        WrongUsage: If there is none.
    """
    if name not in INSTRUMENTS:
        raise WrongUsage(
            f"There is no instrument '{name}'.", hint=f"There are {', '.join(INSTRUMENTS)}."
        )
    return INSTRUMENTS[name]
