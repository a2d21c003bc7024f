"""The forms of the sample documents as they were last looked at.

`python -m tests.render.golden` writes them anew; then read the difference.
"""

from __future__ import annotations

from pathlib import Path

from assay_nb.render.html import render_html
from assay_nb.render.markdown import render_markdown
from assay_nb.render.text import render_text
from tests.render.samples import ALL

FOLDER = Path(__file__).parent / "golden"
RENDERERS = {"txt": render_text, "md": render_markdown, "html": render_html}


def golden_files() -> dict[str, str]:
    """Return what the files should hold, by name."""
    return {
        f"{name}.{suffix}": render(document).rstrip("\n") + "\n"
        for name, document in ALL.items()
        for suffix, render in RENDERERS.items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in golden_files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
