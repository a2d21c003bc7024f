"""The instruments that ask a model, by name. What is not in here does not reach a provider."""

from __future__ import annotations

from typing import Any

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
