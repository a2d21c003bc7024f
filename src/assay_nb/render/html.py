"""A document as static HTML."""

from __future__ import annotations

import html

from assay_nb.render.document import Document
from assay_nb.render.text import render_text


def escape(text: str) -> str:
    """Return text as HTML that shows exactly that text."""
    return html.escape(text)


def render_html(document: Document) -> str:
    """Return the document as HTML without script, link or address."""
    return f"<pre>{escape(render_text(document))}</pre>"
