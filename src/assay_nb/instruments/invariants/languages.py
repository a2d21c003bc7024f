"""Languages and scripts of a text, to tell when it changes them. None is named where that is not certain."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_STOP_WORDS: dict[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "English": "the and of to in is that it for you are with as not be this or your on if from an",
        "German": "der die das und ist nicht ein eine zu den von mit für auf als auch sie im dem wenn",
        "French": "le la les des et est une un pour dans que qui ne pas vous sur avec au du ou ce",
        "Spanish": "el la los las de y es una un para en que no se con por lo su como más o del si",
        "Italian": "il lo la gli le di e è una un per in che non si con da come più o del della se",
        "Portuguese": "o a os as de e é uma um para em que não se com por como mais ou do da no na",
        "Dutch": "de het een en van is niet in op te dat die voor met zijn als aan er ook of je",
    }.items()
}
_WORD = re.compile(r"[^\W\d_]+")
_ENOUGH_WORDS = 12
_ENOUGH_HITS = 4
_LEAD = 1.5
_FOREIGN_SHARE = 0.05
_FEW = 3
_MOST_LETTERS = 20_000


@dataclass(frozen=True, slots=True)
class Voice:
    """A text's language, where the vote is clear, and how many letters it has of each script."""

    language: str | None
    scripts: Counter[str]


def find_voice(text: str) -> Voice:
    """Return the language and the scripts of `text`, judged by its beginning if it is very long."""
    return Voice(find_language(text), find_scripts(text))


def find_language(text: str) -> str | None:
    """Return the language with clearly the most stop words, or None where the vote is not clear."""
    words = Counter(_WORD.findall(text[:_MOST_LETTERS].lower()))
    if words.total() < _ENOUGH_WORDS:
        return None
    votes = Counter(
        {name: sum(words[stop] for stop in stops) for name, stops in _STOP_WORDS.items()}
    )
    (first, most), (_, second) = votes.most_common(2)
    return first if most >= _ENOUGH_HITS and most >= _LEAD * second else None


def find_scripts(text: str) -> Counter[str]:
    """Return how many letters are of each script, such as `LATIN`, `CYRILLIC` or `CJK`."""
    scripts = Counter[str]()
    for character, count in Counter(text[:_MOST_LETTERS]).items():
        if character.isalpha():
            scripts[unicodedata.name(character, "?").split(" ")[0].split("-")[0]] += count
    return scripts


def compare(before: Voice, after: Voice, inserted: Sequence[str]) -> str | None:
    """Return what changed of language or script, as a message, or None.

    Each inserted text is judged alone too: a sentence in another language is lost in a long prompt.
    """
    old, new = before.scripts, after.scripts
    for script, count in new.items():
        if count > _FEW and not old[script] and count > _FOREIGN_SHARE * new.total():
            return f"brings in {script.title()} script"
    for script, count in old.items():
        if count > _FEW and not new[script] and count > _FOREIGN_SHARE * old.total():
            return f"takes out the {script.title()} script"
    for language in (after.language, *map(find_language, inserted)):
        if before.language and language and before.language != language:
            return f"changes the language from {before.language} to {language}"
    return None
