"""Words as a sentence needs them: an article before a name, a number before what it counts."""

from __future__ import annotations

from collections.abc import Sequence


def a(word: str) -> str:
    """Return a word with its article: `an int`, `a dict`."""
    return f"{'an' if word[:1].lower() in 'aeio' else 'a'} {word}"


def kind_of(value: object) -> str:
    """Return what a value is, as a sentence says it: `an int`, `bytes`, `None`."""
    name = type(value).__name__
    return {"NoneType": "None", "bytes": name}.get(name) or a(name)


def capitalise(words: str) -> str:
    """Return words with a capital at their beginning and the rest as it is."""
    return words[:1].upper() + words[1:]


def count(number: int, thing: str) -> str:
    """Return how many there are: `1 edit`, `1,200 edits`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def join(words: Sequence[str], last: str = "and") -> str:
    """Return words as a list in a sentence: `1, 2 and 3`."""
    return " ".join([", ".join(words[:-1]), last, words[-1]]) if len(words) > 1 else "".join(words)


def cut(text: str, longest: int) -> str:
    """Return at most `longest` characters of a text, with `…` where it was cut."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def quote(text: str, longest: int = 80) -> str:
    """Return text as one line within a sentence quotes it, cut where it is long."""
    return f"“{cut(' '.join(text.split()), longest)}”"
