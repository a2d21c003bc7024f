"""A document as GitHub-flavoured Markdown."""

from __future__ import annotations

from assay_nb.render.document import Document
from assay_nb.render.text import render_text


def render_markdown(document: Document) -> str:
    """Return the document as Markdown in which no foreign string is live."""
    lines = render_text(document).split("\n")
    return "\n".join(f"    {line}" for line in lines)
