"""A result as a MIME bundle: every form of it, so that each viewer shows the best one it knows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from assay_nb.render.document import Document
from assay_nb.render.html import render_html
from assay_nb.render.markdown import render_markdown
from assay_nb.render.surroundings import PAGE, find_width
from assay_nb.render.text import render_text


def bundle(
    document: Document, data: Mapping[str, Any], *, width: int = PAGE
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the MIME bundle of a result, and the metadata that is saved beside it.

    Args:
        document: What is shown.
        data: The result's JSON form. Its `schema` (`"assay.critique.v1"`) names the vendor type
            under which it is saved (`"application/vnd.assay.critique.v1+json"`).
        width: Columns of the plain form.
    """
    saved = _storable(data)
    shown = draw(document, width=width)
    return {**shown, vendor_type(str(data["schema"])): saved}, {"assay_nb": _origin(saved)}


def draw(document: Document, *, width: int = PAGE) -> dict[str, str]:
    """Return the document in every form that viewers know, for something shown and not kept."""
    return {
        "text/plain": render_text(document, width=width),
        "text/markdown": render_markdown(document),
        "text/html": render_html(document),
    }


def plain(document: Document) -> str:
    """Return the document as text for a terminal or a `repr`, as wide as the terminal."""
    return render_text(document, width=find_width())


def vendor_type(schema: str) -> str:
    """Return the MIME type that a schema's JSON form is saved under."""
    return f"application/vnd.{schema}+json"


def _storable(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy that a notebook file can hold.

    A prompt may hold half of a surrogate pair. Python keeps it, UTF-8 cannot, and a notebook with one
    in it is a notebook that no longer saves.
    """
    text = json.dumps(data, ensure_ascii=False)
    return json.loads(text.encode("utf-8", "replace"))


def _origin(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a reader of the notebook file may want to know: who answered, at what size."""
    places: list[Mapping[str, Any]] = [data.get("provenance") or {}, data.get("target") or {}, data]
    found: dict[str, Any] = {}
    for name in ("provider", "model", "usage", "prompt_sha256"):
        for place in places:
            if place.get(name):
                found[name] = place[name]
                break
    return found
