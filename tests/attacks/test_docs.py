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


_IN_KEYRING = re.compile(r"master key (?:is|stays|lives) in [\w' ]*keyring\b", re.IGNORECASE)
_CONDITION = re.compile(r"\b(?:where|with|without|if|or)\b", re.IGNORECASE)


def _sentences(text: str) -> list[str]:
    words = " ".join(re.split(r"[\s>*|]+", text))
    return re.split(r"(?<=[.:])\s", words)


def _flat_promises(text: str) -> list[str]:
    """Return the sentences that promise a keyring to everybody, one on a server too."""
    found = [sentence for sentence in _sentences(text) if _IN_KEYRING.search(sentence)]
    return [sentence for sentence in found if not _CONDITION.search(sentence)]


@pytest.mark.parametrize("path", _texts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a107_no_page_promises_a_keyring_where_there_may_be_none(path: Path) -> None:
    """A reader on a server without a keyring → never told that the master key is in one."""
    assert _flat_promises(path.read_text(encoding="utf-8")) == []


def test_a107_flat_promise_of_a_keyring_is_found() -> None:
    """Positive control: the sentence that promises it flatly is found, one with its condition is not."""
    assert _flat_promises("It is sealed. The\nmaster key is in your system's keyring.")
    assert not _flat_promises("Where there is one, the master key is in the keyring.")
