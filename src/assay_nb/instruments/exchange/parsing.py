"""Parsing of replies: the JSON in a text, whole or as far as it has come, and its fields one by one.

The readers are lenient, since a reply that is still being written goes through them too. Whether a whole
one fits is for `schema.check_schema` to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar, cast

from assay_nb.instruments.exchange.schema import Data, Malformed
from assay_nb.text.english import cut
from assay_nb.text.thoughts import without_thoughts

WordT = TypeVar("WordT", bound=str)
_MOST_READS = 50
_START = re.compile(r'\{\s*["}]')
"""What an object begins with. `{{name}}` and `{a, b}` in a sentence do not."""

_TRAILING = re.compile(r'("(?>(?:[^"\\]++|\\.)*)"?)|,(?=\s*+[}\]])', re.DOTALL)
"""Strings, which stay as they are, and a comma before a closing bracket, which JSON does not allow."""

_MOST_DEPTH, _MOST_WITHIN = 2, 50
"""How deep an answer is looked for within an object, and in how many."""


def parse_object(text: str, fits: Callable[[Data], bool] = bool) -> Data:
    """Return the JSON object in `text`, which may have thoughts, a code fence or a sentence around it.

    Args:
        text: The reply.
        fits: Says whether an object is the one that was asked for. Of several, the last that fits is
            returned, and the last of all where none does: models first say what they are going to write.

    Raises:
        Malformed: If there is none.
    """
    text = _unquoted(without_thoughts(text))
    found = list(_find_objects(text))
    fitting = _choose(found, fits)
    if fitting is None:  # what is whole of a broken one is an object within it
        mended = list(_find_objects(_TRAILING.sub(r"\1", text)))
        fitting = _choose(mended, fits)
        found = found or mended
    if fitting is None and found:
        fitting = next(
            filter(fits, islice(_find_within(found[-1], _MOST_DEPTH), _MOST_WITHIN)), found[-1]
        )
    if fitting is None:
        raise Malformed(
            "the reply has to be one whole JSON object, with nothing before or after it"
        )
    return fitting


def _choose(found: Sequence[Data], fits: Callable[[Data], bool]) -> Data | None:
    return next((data for data in reversed(found) if fits(data)), None)


def _unquoted(text: str) -> str:
    """Return the text of a JSON string, where the whole reply is one: a model encoded its answer twice."""
    bare = text.strip()
    if not bare.startswith('"{'):
        return text
    try:
        value = json.loads(bare)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, str) else text


def _find_within(data: Data, depth: int) -> Iterator[Data]:
    """Yield the objects in an object, the outer ones first: models wrap their answer into a name of its own."""
    inner = [cast("Data", value) for value in data.values() if isinstance(value, dict)]
    yield from inner
    if depth > 1:
        for one in inner:
            yield from _find_within(one, depth - 1)


def _find_objects(text: str) -> Iterator[Data]:
    """Yield the objects in `text`, outermost only.

    One that breaks off costs its position (the error counts lines up to there), and all of them together may
    cost no more than `_MOST_READS` readings of the text.
    """
    decoder = json.JSONDecoder(parse_constant=_refuse_constant, strict=False)
    left = _MOST_READS * len(text)
    start = _START.search(text)
    while start and left > 0:
        end = start.start() + 1
        try:
            value, end = decoder.raw_decode(text, start.start())
        except json.JSONDecodeError as exc:
            left -= exc.pos
        except (ValueError, RecursionError):
            left -= len(text)
        else:
            yield cast("Data", value)
        start = _START.search(text, end)


def _refuse_constant(word: str) -> object:
    raise ValueError(word)


def parse_partial(text: str) -> Data:
    """Return what can be read of an object that is still being written; `{}` if nothing can."""
    from pydantic_core import from_json  # compiled, and of no use before a reply streams

    text = without_thoughts(text)
    start = text.find("{")
    if start < 0:
        return {}
    try:
        value = from_json(text[start:], allow_partial="trailing-strings")
    except (ValueError, RecursionError):
        try:
            return parse_object(text)  # whole, with something behind it
        except Malformed:
            return {}
    return cast("Data", value) if isinstance(value, dict) else {}


def get_objects(data: Mapping[str, Any], name: str) -> list[Data]:
    """Return the objects in the array `data[name]`, leaving out whatever is not one."""
    value = data.get(name)
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("Data", item) for item in items if isinstance(item, dict)]


def get_object(data: Mapping[str, Any], name: str) -> Data | None:
    """Return the object `data[name]`, or None if it is none."""
    value = data.get(name)
    return cast("Data", value) if isinstance(value, dict) else None


def get_word(data: Mapping[str, Any], name: str, words: Sequence[WordT]) -> WordT | None:
    """Return the string `data[name]` if it is one of `words`."""
    return next((word for word in words if word == data.get(name)), None)


def get_text(data: Mapping[str, Any], name: str) -> str:
    """Return the string `data[name]`, or an empty one."""
    value = data.get(name)
    return value if isinstance(value, str) else ""


_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)


def clean(text: str, longest: int = 400) -> str:
    """Return a model's sentence fit to be shown: one line, nothing invisible, of bounded length."""
    return cut(" ".join(_UNSEEN.sub("", text).split()), longest)
