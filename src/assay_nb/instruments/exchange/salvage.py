"""Salvage: what a reply that was cut off still says.

A reply that reached its limit of output tokens ends anywhere. Its members up to there are whole, and paid
for. Which of the objects within it are of use without their last members is for `schema.keep_fitting`.
"""

from __future__ import annotations

from json import JSONDecodeError, JSONDecoder
from typing import cast

from assay_nb.instruments.exchange.schema import Data

_MOST_STARTS = 20


def salvage_object(text: str) -> tuple[Data, bool]:
    """Return the members of a JSON object as far as they are whole, and whether it was cut off.

    A string without its closing quotation mark is not whole, and neither is a name without its value. No
    object in the text is one without members that was cut off.
    """
    start = text.find("{")
    for _ in range(_MOST_STARTS):
        if start < 0:
            break
        whole = _read_whole(text, start)
        found = _read_beginning(text, start) if whole is None else whole
        if found:
            return found, whole is None
        start = text.find("{", start + 1)
    return {}, True


def _read_whole(text: str, start: int) -> Data | None:
    try:
        return cast("Data", JSONDecoder().raw_decode(text, start)[0])
    except (JSONDecodeError, RecursionError):
        return None


def _read_beginning(text: str, start: int) -> Data:
    from pydantic_core import from_json  # compiled, and of no use before a reply is cut

    try:
        value = from_json(text[start:], allow_partial=True)
    except (ValueError, RecursionError):
        return {}
    return cast("Data", value) if isinstance(value, dict) else {}
