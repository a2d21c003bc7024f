"""A009: a reply for a program, without what the program must know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from assay_nb.instruments.lint import examples
from assay_nb.instruments.lint.rule import Hit, Rule
from assay_nb.instruments.lint.sentences import is_instruction
from assay_nb.instruments.lint.source import Sentence, Source
from assay_nb.instruments.lint.vocabulary import LANGUAGES, Words, word_set

_MACHINE = re.compile(
    r"(?i)\b(?:as|in|into|return|output|produce|respond with|reply with|answer with|format|to|als|im|en|au format|"
    r"sous forme de|formato|in form|renvoie|devuelve)\s+(?:(?:a|an|the|one|un|une|una|ein|eine|einem|einer|"
    r"valid|strict|only|gültiges|valide|válido|format|formato)\s+){0,3}"
    r"(?P<format>json|csv|tsv|yaml|xml|table|tabelle|tableau|tabla)\b"
)
_FORMATS = word_set("json csv tsv yaml xml table tabelle tableau tabla")
_FIELDS = re.compile(
    r"(?i)\b(?:keys?|fields?|columns?|propert(?:y|ies)|attributes?|schema|headers?|array of|list of|"
    r"schlüsseln?|felder[ns]?|feldern|spalten?|attribute|liste von|clés?|champs?|colonnes?|attributs?|liste de|"
    r"claves?|campos?|columnas?|propiedades|lista de|one row per|eine zeile pro|une ligne par|una fila por)\b"
)
_LISTED = re.compile(
    r"(?i)\b(?:json|csv|tsv|yaml|xml|table|tabelle|tableau|tabla)\b[^.:\n]{0,40}:\s?[\w ]{1,30}[,;|] ?\w"
)
_NAMED = re.compile(r"[\"'`«“„][\w .-]{1,40}[\"'`»”“]")
_EMPTY = re.compile(
    r"(?i)\bnull\b|\bnone\b|\bempty\b|\bn/a\b|\bmissing\b|\bnot (?:found|stated|given|present|mentioned|reported|shown|named)\b|"
    r"\babsent\b|\bunknown\b|\[\]|\botherwise\b|\bblank\b|\bomit\b|\bleave out\b|\bif (?:there (?:is|are) no|no|nothing|none)\b|"
    r"\b(?:does|do) not\b|\bleer\b|\bfehlt\b|\bfehlen|\bkein(?:e|en|er|es)?\b|\bsonst\b|\bvide\b|\baucune?\b|\bsinon\b|\bmanqu|"
    r"\bvac[ií]|\bningún|\bninguna?\b|\bfalta\b|\bno (?:aparece|consta|figura|indique|hay|contiene|trae|dice)|\bwithout\b|\bsans\b|\bsin\b|\bohne\b"
)
_EXTRACTS = word_set(
    "extract find list identify collect extrahiere extrahieren finde finden nenne erfasse extrais extrayez relève relevez "
    "repère repérez trouve trouvez extrae extraiga encuentra encuentre identifica identifique identifie identifiez"
)
_CLASSIFIES = word_set(
    "classify categorise categorize label tag klassifiziere klassifizieren kategorisiere classe classez classifie "
    "étiquette clasifica clasifique categoriza etiqueta etiquete"
)
_LABELS = re.compile(
    r"(?i)\b(?:categor(?:y|ies)|labels?|class(?:es)?|options?|tags?|one of|components?|topics?|values?|following|kategorien?|"
    r"etiketten|klassen|folgende[nr]?|catégories?|étiquettes?|classes|suivante?s?|categorías?|etiquetas?|clases|siguientes?)"
    r"\b[^.\n]{0,60}:"
    r"|\b[\w-]+(?:, [\w -]{1,30}){0,12},? (?:or|and|oder|und|ou|et|o|u|y|e) [\w-]+"
    r"|\b\w+(?:/\w+)+|\b\d{1,3} ?(?:to|-|–|bis|à|a) ?\d{1,3}\b|→|->|=>"
    r"|\{\{?\s*\w*(?:label|categor|class|option|tag|topic|klasse|kategorie|etiqueta|étiquette|catégorie)\w*\s*\}?\}"
)
_BULLET = re.compile(r"(?m)^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+\S")
_LABEL_TAGS = frozenset({"labels", "categories", "classes"})
_REACH = 2


def _check(source: Source) -> Iterator[Hit]:
    words = source.words
    if words is None:
        return
    contract = _Contract(source, words)
    for index, sentence in enumerate(source.sentences):
        if not is_instruction(sentence, words):
            continue
        asked = _asked_format(sentence)
        if asked and not contract.has_fields:
            yield _no_fields(sentence, asked)
            return
        if asked and contract.extracts and not contract.has_empty_case:
            yield _no_empty_rule(sentence, asked)
            return
        if _CLASSIFIES.intersection(sentence.words[:2]) and not contract.has_labels(index):
            yield _no_labels(sentence)
            return


@dataclass(frozen=True)
class _Contract:
    """What the prompt says about its output, each part looked up once and only when it is asked for."""

    source: Source
    words: Words

    @cached_property
    def has_fields(self) -> bool:
        """Whether it names the fields: in words, by an example, in a tag or by a variable."""
        source = self.source
        if (
            _FIELDS.search(source.prose)
            or _LISTED.search(source.prose)
            or next(examples.find_json(source), None)
        ):
            return True
        names = [*(v.name for v in source.variables), *source.tag_names]
        return any(
            part in name.lower() for name in names for part in ("schema", "fields", "format")
        )

    @cached_property
    def extracts(self) -> bool:
        return any(
            _EXTRACTS.intersection(sentence.words[:3]) and is_instruction(sentence, self.words)
            for sentence in self.source.sentences
        )

    @cached_property
    def has_empty_case(self) -> bool:
        return bool(_EMPTY.search(self.source.text))

    @cached_property
    def has_list(self) -> bool:
        bullets = islice(_BULLET.finditer(self.source.text), 2)
        return len(list(bullets)) == 2 or bool(_LABEL_TAGS & self.source.tag_names)

    def has_labels(self, index: int) -> bool:
        """Whether labels are listed around the sentence, or the prompt has a list at all."""
        if self.has_list:
            return True
        sentences = self.source.sentences
        first, last = sentences[max(0, index - 1)], sentences[index + _REACH : index + _REACH + 1]
        around = self.source.text[first.start : last[0].end if last else sentences[-1].end]
        return len(_NAMED.findall(around)) >= 2 or bool(_LABELS.search(around))


def _asked_format(sentence: Sentence) -> re.Match[str] | None:
    return _MACHINE.search(sentence.text) if _FORMATS.intersection(sentence.words) else None


def _no_fields(sentence: Sentence, asked: re.Match[str]) -> Hit:
    return _hit(
        sentence,
        asked,
        f"asks for {asked['format']} and names no fields, so each reply has others: list them",
    )


def _no_empty_rule(sentence: Sentence, asked: re.Match[str]) -> Hit:
    return _hit(
        sentence,
        asked,
        "leaves open what to return when nothing is found, so the model invents a value: say null, or []",
    )


def _hit(sentence: Sentence, asked: re.Match[str], what: str) -> Hit:
    return Hit(sentence.start + asked.start(), sentence.start + asked.end(), f"The prompt {what}.")


def _no_labels(sentence: Sentence) -> Hit:
    return Hit(
        sentence.start,
        sentence.end,
        "The prompt asks for a class and lists none to choose from, so each reply invents its own: list them.",
    )


RULE = Rule(
    id="A009",
    name="output-contract-gap",
    level="warning",
    summary="JSON, CSV or a table without its fields; a class without a list; an extraction without an empty case.",
    why="Every reply has other keys or labels, and the program that reads them fails.",
    bad="Extract the dates from the letter. Return JSON.",
    good='Extract the dates from the letter. Return JSON: {"dates": ["2027-01-31"]}, or {"dates": []} if it has none.',
    check=_check,
    languages=LANGUAGES,
)
