"""Save guard scan of a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assay_nb.text.redaction import find_keys


def scan_texts(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return where texts hold something shaped like a credential.

    A hit is the text's index, the credential's name and its place in code points. It never holds the
    value.
    """
    return [
        {
            "index": index,
            "label": shape.label,
            "start": shape.start,
            "end": shape.end,
        }
        for index, text in enumerate(texts)
        for shape in find_keys(text)
    ]
