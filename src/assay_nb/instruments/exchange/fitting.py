"""Fitting: what of a reply's object fits the schema that was asked for, in whichever way it is written.

A model that nothing holds to the schema gets the content right more often than the form: it wraps the object
in another, writes `Finding 1` for `finding_1`, `Yes, because …` for `yes`, or a list for an object of choices.
What can only be meant in one way is taken so. Everything else is left out, and asked for again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from assay_nb.instruments.exchange.schema import Data, is_choices

_MOST_WRAPPERS = 3
_MOST_CANDIDATES = 100
_BESIDE = re.compile(r"[^a-z0-9]")
_SLOT = re.compile(r"(?P<name>\w+)_(?P<number>[1-9]\d?)")
_HEAD = re.compile(r"(?P<head>[\w/]+(?: applicable)?)\s*(?:[,;:(!\n]|\.(?!\d)|[-–—]\s)(?P<rest>.*)", re.DOTALL)  # fmt: skip
_OF_FIVE = re.compile(r"([1-5]) ?(?:/|out of) ?5")
_ALIASES = {"true": "yes", "false": "no", "y": "yes", "n": "no", "notapplicable": "na"}
"""What models write for a choice, without case, blanks and punctuation; it counts where the choice exists."""


def fit(data: Mapping[str, Any], schema: Mapping[str, Any], *, cut: bool = False) -> Data:
    """Return what of an object fits its schema, or what fits of an object that it wraps.

    Args:
        data: The object.
        schema: What was asked for.
        cut: Whether it was cut off.
    """
    fitting = [keep_fitting(one, schema, cut=cut) for one in _unwrap(data)]
    return max(fitting, key=len)  # of equals the first, which is the outermost


def keep_fitting(data: Mapping[str, Any], schema: Mapping[str, Any], *, cut: bool = False) -> Data:
    """Return what of an object fits its schema: no member that was not asked for, none of another type.

    Args:
        data: The object.
        schema: What was asked for.
        cut: Whether it was cut off. An object within it that lacks members is then left out: only its
            beginning came.
    """
    members: Mapping[str, Any] = schema["properties"]
    named = _number(_rename(data, list(members)), members)
    kept: Data = {}
    for name, member in members.items():
        if name in named:
            kept[name] = _keep(named[name], member, cut)
        elif is_choices(member):  # they stand beside the others, not in an object of their own
            kept[name] = _keep(named, member, cut)
    return {name: value for name, value in kept.items() if value is not None}


def _unwrap(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield an object and those within it, the outermost first."""
    level: list[Mapping[str, Any]] = [data]
    seen = 0
    for _ in range(_MOST_WRAPPERS + 1):
        yield from level[: _MOST_CANDIDATES - seen]
        seen += len(level)
        if seen >= _MOST_CANDIDATES:
            return
        level = [inner for outer in level for value in outer.values() for inner in _objects(value)]


def _objects(value: object) -> list[Mapping[str, Any]]:
    """Return the objects that a member holds: itself, its items, or the one that its text is the JSON of."""
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    return [found for item in items if (found := _as_object(item)) is not None]


def _as_object(value: object) -> Mapping[str, Any] | None:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else None


def _plain(word: str) -> str:
    return _BESIDE.sub("", word.casefold())


def _rename(data: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
    """Return the members under the names that are meant: `Finding 1` is `finding_1`, `task.action` `action`."""
    meant = {_plain(name): name for name in names}
    renamed: Data = {}
    for key, value in data.items():
        name = meant.get(_plain(key)) or meant.get(_plain(key.rpartition(".")[2]))
        if name is not None and name not in data:
            renamed.setdefault(name, value)
    return {**data, **renamed}


def _number(data: Mapping[str, Any], members: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an object with the items of a list in its slots: `findings: [a, b]` fills the first two."""
    lists = {name: data[name] for name in data if name not in members}
    filled: Data = {}
    for slot in members:
        if slot in data or not (parts := _SLOT.fullmatch(slot)):
            continue
        listed = lists.get(f"{parts['name']}s", lists.get(parts["name"]))
        items = _objects(listed)
        if len(items) >= int(parts["number"]):
            filled[slot] = items[int(parts["number"]) - 1]
    return {**data, **filled}


def _keep(value: object, schema: Mapping[str, Any], cut: bool) -> Any:
    """Return the value as far as it fits, or None."""
    if schema["type"] == "string":
        words = schema.get("enum")
        return _choose(value, words) if words else value if isinstance(value, str) else None
    if schema["type"] == "array":
        items = cast("list[Any]", value) if isinstance(value, list) else None
        return items and [kept for kept in (_keep(i, schema["items"], cut) for i in items) if kept]
    data = _as_object(value)
    if isinstance(value, list) and is_choices(schema):
        data = _gather(cast("list[object]", value), schema)
    if data is None:
        return None
    kept = keep_fitting(data, schema, cut=cut)
    whole = len(kept) == len(schema["properties"]) or is_choices(schema) or not cut
    return kept if kept and whole else None


def _gather(items: list[object], schema: Mapping[str, Any]) -> Data:
    """Return the choices that a list of objects makes, each with the name of one and its answer."""
    meant = {_plain(name): name for name in schema["properties"]}
    found: Data = {}
    for item in filter(None, map(_as_object, items)):
        named = [
            key for key, value in item.items() if isinstance(value, str) and _plain(value) in meant
        ]
        if len(named) == 1:
            answer = {key: value for key, value in item.items() if key != named[0]}
            found.setdefault(meant[_plain(item[named[0]])], answer)
        elif not named:
            found |= {key: value for key, value in item.items() if key not in found}
    return found


def _choose(value: object, words: Sequence[str]) -> str | None:
    """Return the word that is meant; None where that is not clear, or it is none of them."""
    if isinstance(value, dict):
        values = list(cast("Data", value).values())
        chosen = {word for one in values if (word := _choose_by_text(one, words))}
        return chosen.pop() if len(chosen) == 1 else None
    if isinstance(value, list):
        listed = cast("list[object]", value)
        value = listed[0] if len(listed) == 1 else None
    return _choose_by_text(value, words)


def _choose_by_text(value: object, words: Sequence[str]) -> str | None:
    if isinstance(value, bool):
        value = "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, str | int):
        return None
    said = str(value).strip().casefold()
    if word := _find_word(said, words):
        return word
    if scored := _OF_FIVE.fullmatch(said):
        return _find_word(scored[1], words)
    parts = _HEAD.fullmatch(said)
    if parts is None or _lists_choices(parts["rest"], words):
        return None
    return _find_word(parts["head"], words)


def _find_word(said: str, words: Sequence[str]) -> str | None:
    meant = {_plain(word): word for word in words}
    plain = _plain(said)
    return meant.get(plain) or meant.get(_ALIASES.get(plain, ""))


def _lists_choices(rest: str, words: Sequence[str]) -> bool:
    """Return whether what follows the first word names the others, as `yes, no or na` does."""
    tokens = [_plain(token) for token in rest.split()]
    others = [_plain(word) for word in words]
    return bool(tokens) and (
        tokens[0] in others or sum(one in tokens for one in others) >= len(words) - 1
    )
