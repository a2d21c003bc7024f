"""Listings: the models that a server names, read leniently from whatever it calls a list.

Services list their models in a field `data` or `models`, or as a bare array; an entry's name is its `id` or
its `name`. What cannot be read is left out, and a listing is refused only where it is not one at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from assay_nb.providers.base import ListedModel

_FIELDS = ("data", "models", "result", "items", "publisherModels")
_NAMES = ("id", "name", "model")
_MOST_MODELS, _MOST_NAME = 20_000, 300


def read_listing(body: object) -> list[ListedModel]:
    """Return the models in a listing's decoded body, each with all that it says in `extra`.

    Raises:
        TypeError: If the body is neither an object nor an array, so that nothing was listed.
    """
    if not isinstance(body, Mapping | list):
        raise TypeError("not a listing")
    found: dict[str, ListedModel] = {}
    for entry in _entries(cast("Any", body)):
        if (model := _read_entry(entry)) is not None:
            found.setdefault(model.id, model)  # gateways that join several lists name some twice
    return list(found.values())


def find_error(body: object) -> object:
    """Return the error that came in the place of a listing, with a status that says that all is well; or None.

    LM Studio answers so to an address without its `/v1`, and some gateways to a key that they refuse.
    """
    if not isinstance(body, Mapping):
        return None
    fields = cast("Mapping[str, Any]", body)
    has_list = any(isinstance(fields.get(name), list) for name in _FIELDS)
    return None if has_list or not fields.get("error") else fields


def _entries(body: Mapping[str, Any] | list[Any]) -> Iterable[Any]:
    if isinstance(body, list):
        return body[:_MOST_MODELS]
    for name in _FIELDS:
        if isinstance(listed := body.get(name), list):
            return cast("list[Any]", listed)[:_MOST_MODELS]
    return ()


def _read_entry(entry: Any) -> ListedModel | None:
    if isinstance(entry, str):
        entry = {"id": entry}
    if not isinstance(entry, Mapping):
        return None
    fields = cast("Mapping[str, Any]", entry)
    model_id = next((text for name in _NAMES if (text := _text(fields.get(name)))), None)
    if model_id is None:
        return None
    return ListedModel(
        model_id,
        _text(fields.get("display_name", fields.get("displayName"))),
        _size(fields.get("max_input_tokens")),
        _size(fields.get("max_tokens")),
        extra=fields,
    )


def _text(value: object) -> str | None:
    """Return a name as text: some servers number their models."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value[:_MOST_NAME] if isinstance(value, str) and value else None


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
