"""The lint corpus: 80 prompts, each with a twin that has one planted fault.

`prompts.json` holds the clean prompt and how to spoil it; this module puts the twins together. Words of
our own, four languages, five kinds of prompt. Forms such as `⟦key:openai⟧` and `⟦filler:en:9000⟧` are
filled in here, so that the file holds nothing that a secret scanner would report and no padding.

Two fifths of the pairs are *held out*: the benchmark's list of misses leaves them out. Their figures are
not blind all the same. Rules were changed after a run on these, and where a narrower rule no longer claims
a fault, another was planted in its place.
"""

from __future__ import annotations

import json
import random
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import cycle
from pathlib import Path
from typing import Any

TODAY = date(2026, 12, 1)
_FORM = re.compile(r"⟦(?P<what>[a-z]+)(?::(?P<kind>[a-z]+))?(?::(?P<size>\d+))?⟧")
_MARKERS = {
    "anthropic": ("sk-", "ant-api03-"),
    "openai": ("sk-", "proj-"),
    "google": ("AI", "za"),
    "github": ("gh", "p_"),
}
_FILLER = {
    "en": "The pump ran through the night without a fault. Pressure stayed between four and five bar. "
    "The morning shift noted a faint smell near the second valve and replaced a gasket. Oil was topped up "
    "at noon. In the afternoon the flow fell by a tenth and recovered within an hour. ",
    "de": "Die Anlage lief die ganze Nacht ohne Störung. Der Druck blieb zwischen vier und fünf Bar. Am "
    "Morgen fiel am zweiten Ventil ein leichter Geruch auf, und eine Dichtung wurde getauscht. Mittags "
    "wurde Öl nachgefüllt. Am Nachmittag sank der Durchfluss um ein Zehntel. ",
    "fr": "La pompe a tourné toute la nuit sans incident. La pression est restée entre quatre et cinq bars. "
    "L'équipe du matin a senti une odeur près de la deuxième vanne et un joint a été changé. L'huile a été "
    "complétée à midi. L'après-midi, le débit a baissé d'un dixième. ",
    "es": "La bomba funcionó toda la noche sin averías. La presión se mantuvo entre cuatro y cinco bares. El "
    "turno de mañana percibió un olor junto a la segunda válvula y cambió una junta. El aceite se completó "
    "a mediodía. Por la tarde el caudal bajó una décima parte. ",
}


@dataclass(frozen=True, slots=True)
class Prompt:
    """One text of the corpus, with what lint is told beside it.

    Attributes:
        text: The prompt.
        known: The keyword arguments for `lint`.
        rule: The rule whose fault was planted; None in a clean prompt.
        also: Rules that the planted words break too.
        planted: Where the planted words stand, or None when the fault is no words.
    """

    text: str
    known: Mapping[str, Any]
    rule: str | None = None
    also: frozenset[str] = frozenset()
    planted: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A clean prompt and its twin with one planted fault."""

    id: str
    language: str
    kind: str
    dimension: str
    held_out: bool
    clean: Prompt
    faulty: Prompt


def load_pairs() -> list[Pair]:
    """Return the corpus. The same on every machine and in every run."""
    entries = json.loads((Path(__file__).parent / "prompts.json").read_text("utf-8"))
    return [_pair(entry) for entry in entries]


def _pair(entry: Mapping[str, Any]) -> Pair:
    known = {"variables": entry.get("variables"), "model": entry.get("model"), "today": TODAY}
    clean = Prompt(_fill(entry["clean"]), known)
    return Pair(
        id=entry["id"],
        language=entry["language"],
        kind=entry["kind"],
        dimension=entry["dimension"],
        held_out=entry["split"] == "held-out",
        clean=clean,
        faulty=_spoil(clean, entry),
    )


def _spoil(clean: Prompt, entry: Mapping[str, Any]) -> Prompt:
    fault = entry["fault"]
    known = {**clean.known, **{name: fault[name] for name in ("model", "knobs") if name in fault}}
    also = frozenset(fault.get("also", ()))
    if "replace" not in fault:
        text = _task_first(clean.text) if fault.get("task_first") else clean.text
        return Prompt(text, known, fault["rule"], also)
    assert entry["clean"].count(fault["replace"]) == 1, entry["id"]
    before, after = (_fill(part) for part in entry["clean"].split(fault["replace"]))
    put = _fill(fault["with"])
    span = (len(before), len(before) + len(put))
    return Prompt(before + put + after, known, fault["rule"], also, span)


def _task_first(text: str) -> str:
    data, _, task = text.rpartition("\n\n")
    return f"{task}\n\n{data}"


def _fill(text: str) -> str:
    return _FORM.sub(_expand, text)


def _expand(form: re.Match[str]) -> str:
    if form["what"] == "filler":
        return _filler(form["kind"], int(form["size"]))
    random_part = _random_letters(form["kind"] or "secret")
    return "".join(_MARKERS.get(form["kind"] or "", ())) + random_part


def _filler(language: str, size: int) -> str:
    sentences = cycle(_FILLER[language].strip().split(". "))
    text = ""
    for day, sentence in enumerate(sentences, start=1):
        if len(text) > size:
            return text.strip()
        text += f"{sentence.rstrip('.')} ({day}). "
    raise AssertionError("the sentences never end")


def _random_letters(seed: str) -> str:
    generator = random.Random(seed)
    letters = string.ascii_letters + string.digits
    return "".join(generator.choice(letters) for _ in range(38))
