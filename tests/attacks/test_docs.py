"""What the prose may not claim."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BOASTS = re.compile(
    r"zero[\s-]?knowledge|zeroi[sz]|un(?:hack|break|crack)able|military|bank[\s-](?:grade|level)"
    r"|(?:100\s?%|fully|completely|perfectly)\s+secure",
    re.IGNORECASE,
)


def _texts() -> list[Path]:
    places = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "changes").rglob("*.md")]
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "notebooks").rglob("*.ipynb")]
    return sorted([*places, *sources])


@pytest.mark.parametrize("path", _texts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a107_no_page_promises_what_software_cannot_keep(path: Path) -> None:
    """Prose that claims more than the construction gives → none, in any page or docstring."""
    assert BOASTS.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "boast",
    [
        "Zero-knowledge",
        "zero\nknowledge",
        "zeroised",
        "zeroized",
        "unhackable",
        "military-grade",
        "100% secure",
    ],
)
def test_a107_a_boast_is_found(boast: str) -> None:
    """Positive control: each forbidden word, planted in a sentence → found."""
    assert BOASTS.search(f"Your keys are {boast} here.")


@pytest.mark.parametrize("page", ["README.md", "docs/security.md"])
def test_a107_the_pages_say_who_can_read_a_key_in_solo_mode(page: str) -> None:
    """A reader who is led to believe that notebook code cannot get at the key → told that it can."""
    words = re.split(r"[\s>*]+", (ROOT / page).read_text(encoding="utf-8"))
    text = " ".join(words)

    assert re.search(
        r"code that you run[^.]* can (?:obtain|reach|read) (?:it|the key)", text, re.IGNORECASE
    )
