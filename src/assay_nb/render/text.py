"""A document as plain text, for terminals and files."""

from __future__ import annotations

from assay_nb.render.document import Document


def render_text(document: Document, *, width: int = 88, color: bool = False) -> str:
    """Return the document as text of at most `width` columns."""
    return "\n\n".join(str(block) for block in document.blocks)
