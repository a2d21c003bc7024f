"""Listings: the models that a server names, read leniently from whatever it calls a list.

Services list their models in a field `data` or `models`, or as a bare array; an entry's name is its `id` or
its `name`. What cannot be read is left out, and a listing is refused only where it is not one at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from assay_nb.providers.base import ListedModel
from assay_nb.providers.streaming.in_band import find_error

_FIELDS = ("data", "models", "result", "items", "publisherModels")
_NAMES = ("id", "name", "model")
_MOST_MODELS, _MOST_NAME = 20_000, 300


class NotListed(Exception):
    """A listing's body is an error.

    Attributes:
        error: What it says, for matching only.
    """

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__()
        self.error = error


def read_listing(body: object) -> list[ListedModel]:
    """Return the models in a listing's decoded body, each with all that it says in `extra`.

    Raises:
        TypeError: If the body is neither an object nor an array, so that nothing was listed.
        NotListed: If it is an error, which some servers send with status 200.
    """
    if not isinstance(body, Mapping | list):
        raise TypeError("not a listing")
    if isinstance(body, Mapping):
        fields = cast("Mapping[str, Any]", body)
        has_list = any(isinstance(fields.get(name), list) for name in _FIELDS)
        if not has_list and (error := find_error("", fields)):
            raise NotListed(error)
    found: dict[str, ListedModel] = {}
    for entry in _entries(cast("Any", body)):
        if (model := _read_entry(entry)) is not None:
            found.setdefault(model.id, model)  # gateways that join several lists name some twice
    return list(found.values())


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
        _text(fields.get("display_name") or fields.get("displayName")),
        _size(fields.get("max_input_tokens") or fields.get("inputTokenLimit")),
        _size(fields.get("max_tokens") or fields.get("outputTokenLimit")),
        extra=fields,
    )


def _text(value: object) -> str | None:
    """Return a name as text: some servers number their models."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value[:_MOST_NAME] if isinstance(value, str) and value else None


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
