"""Salvage: what a reply that was cut off, or has a fault, still says.

A reply that reached its limit of output tokens ends anywhere. Its members up to there are whole, and paid
for. A reply with a fault in the middle, such as a comment or a comma too many, is worth what stands before
it. Which of the objects within are of use without their last members is for `fitting.keep_fitting`.
"""

from __future__ import annotations

from json import JSONDecodeError, JSONDecoder
from typing import NamedTuple, cast

from assay_nb.instruments.exchange.schema import Data

_MOST_STARTS = 20
_DECODER = JSONDecoder(strict=False)
"""Takes line breaks within a string, which small models write as they are."""


class Salvaged(NamedTuple):
    """What was read.

    Attributes:
        data: The members that are whole.
        cut: Whether the object is not.
        faulty: Whether it has a fault within, so that more text came after what was read.
    """

    data: Data
    cut: bool
    faulty: bool = False


def salvage_object(text: str) -> Salvaged:
    """Return the members of a JSON object as far as they are whole.

    A string without its closing quotation mark is not whole, and neither is a name without its value. No
    object in the text is one without members that was cut off.
    """
    start = text.find("{")
    for _ in range(_MOST_STARTS):
        if start < 0:
            break
        found = _read(text, start)
        if found.data:
            return found
        start = text.find("{", start + 1)
    return Salvaged({}, cut=True)


def _read(text: str, start: int) -> Salvaged:
    try:
        return Salvaged(cast("Data", _DECODER.raw_decode(text, start)[0]), cut=False)
    except JSONDecodeError as error:
        fault = error.pos
    except RecursionError:
        return Salvaged({}, cut=True)
    if data := _read_beginning(text[start:]):
        return Salvaged(data, cut=True)
    return Salvaged(_read_beginning(text[start:fault]), cut=True, faulty=True)


def _read_beginning(text: str) -> Data:
    from pydantic_core import from_json  # compiled, and of no use before a reply is cut

    try:
        value = from_json(text, allow_partial=True)
    except (ValueError, RecursionError):
        return {}
    return cast("Data", value) if isinstance(value, dict) else {}
