"""A011: a request to reason, made of a model that reasons anyway."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assay_nb.instruments.lint.rule import Hit, LintFix, Rule
from assay_nb.instruments.lint.sentences import is_imperative
from assay_nb.instruments.lint.source import Sentence, Source
from assay_nb.models.parameters import find_parameters

_CUE = re.compile(
    r"\b(?:think(?: about (?:it|this))?|reason|work(?: through (?:it|this))?|let's think|let us think)"
    r"[^.!?\n]{0,20}\bstep[ -]by[ -]step\b"
    r"|\bstep[ -]by[ -]step reasoning\b|\bchain[ -]of[ -]thought\b|\bscratchpad\b"
    r"|\btake a deep breath\b|\bthink (?:out loud|aloud)\b"
    r"|\b(?:denke?|überlege?|geh)[^.!?\n]{0,20}\bschritt für schritt\b|\bgedankenkette\b"
    r"|\b(?:réfléchi[st]|réfléchissez|raisonne[sz]?|pense[sz]?)[^.!?\n]{0,20}\bétape par étape\b"
    r"|\b(?:piensa|piense|razona|razone|reflexiona)[^.!?\n]{0,20}\bpaso a paso\b"
    r"|\bcadena de pensamiento\b|\bchaîne de pensée\b",
    re.IGNORECASE,
)
_NOUN = re.compile(
    r"(?i)step[ -]by[ -]step reasoning|chain[ -]of[ -]thought|scratchpad|gedankenkette|"
    r"cadena de pensamiento|chaîne de pensée"
)
_REFUSAL = re.compile(r"(?i)\b(?:do not|don't|never|without|nicht|ohne|ne|sans|no|nunca|sin)\b")
_MOST_WORDS = 8


def _check(source: Source) -> Iterator[Hit]:
    known = find_parameters(source.model)
    if known is None or not known.reasons:
        return
    for sentence in source.sentences:
        cue = _CUE.search(sentence.text)
        if cue and _is_noun(cue) and not is_imperative(sentence):
            continue  # it speaks of a chain of thought and asks for none
        if cue and not _REFUSAL.search(sentence.text, 0, cue.end()):
            yield _hit(source, sentence, cue)


def _is_noun(cue: re.Match[str]) -> bool:
    return bool(_NOUN.fullmatch(cue[0]))


def _hit(source: Source, sentence: Sentence, cue: re.Match[str]) -> Hit:
    start, end = sentence.start + cue.start(), sentence.start + cue.end()
    return Hit(
        start,
        end,
        f"{source.model} reasons before it answers, so “{cue[0]}” costs tokens and changes nothing: set "
        "the effort instead.",
        _deletion(source, sentence, cue),
    )


def _deletion(source: Source, sentence: Sentence, cue: re.Match[str]) -> LintFix | None:
    """Delete the sentence where it says nothing else."""
    rest = sentence.text[: cue.start()] + sentence.text[cue.end() :]
    if rest.strip(" .!:") or len(sentence.words) > _MOST_WORDS:
        return None
    if source.text[sentence.start : sentence.end] != sentence.text:
        return None  # a tag or a quotation stands in it
    end = sentence.end
    if source.text[end : end + 1] == " ":
        end += 1
    return LintFix(sentence.start, end, "")


RULE = Rule(
    id="A011",
    name="redundant-reasoning-cue",
    level="warning",
    summary="“Think step by step” for a model that reasons by itself.",
    why="The model reasons anyway; the words add tokens, and a visible scratchpad spoils the format.",
    bad="Think step by step. Reply with the sum of the invoice in euros.",
    good="Reply with the sum of the invoice in euros.",
    check=_check,
    needs_model=True,
)
