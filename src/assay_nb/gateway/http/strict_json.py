"""Strict JSON: a body that two programs could read differently is refused."""

from __future__ import annotations

import json
import math
import re
from typing import Any, cast

from assay_nb.errors import WrongUsage

_DEEPEST = 32
_MOST_PARTS = 40_000
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_PART = re.compile(rb'"[^"]*"?|[\[\]{},]')


def parse_json_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in a body.

    Raises:
        WrongUsage: If the body is not UTF-8 or not an object, names a field twice (one program takes the
            first, another the last), contains `NaN` or `Infinity` or an absurdly long integer, or is nested
            deeper or has more parts than any of our clients needs.
    """
    _check_shape(raw)
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_constant,
            parse_int=_short_int,
            parse_float=_finite,
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise WrongUsage("The body is not valid JSON.", hint="Send UTF-8 JSON.") from None
    if not isinstance(value, dict):
        raise WrongUsage("The body must be a JSON object.")
    return cast("dict[str, Any]", value)


def _check_shape(raw: bytes) -> None:
    """Count nesting and parts before anything is built from them.

    Escapes are taken out first. One pattern for strings with escapes in them would look again at every
    quote of an unfinished string, or remember each escape of a finished one.
    """
    depth = 0
    for number, part in enumerate(_PART.finditer(_ESCAPE.sub(b"", raw))):
        first = part[0][0]
        if first in b"[{":
            depth += 1
        elif first in b"]}":
            depth -= 1
        if depth > _DEEPEST or number > _MOST_PARTS:
            raise WrongUsage("The body is nested too deeply, or has too many parts.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise WrongUsage("The body names a field twice.")
    return found


def _no_constant(name: str) -> Any:
    raise WrongUsage(f"{name} is not a JSON number.")


def _short_int(digits: str) -> int:
    if len(digits) > 20:
        raise WrongUsage("The body contains a number that is too long.")
    return int(digits)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise WrongUsage("The body contains a number that is too large.")
    return value
