"""A008: two limits that no reply can keep at once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from assay_nb.instruments.lint.limits import Limit, find_limits
from assay_nb.instruments.lint.rule import Hit, Rule
from assay_nb.instruments.lint.sentences import is_instruction, is_prohibition, tokens
from assay_nb.instruments.lint.source import Sentence, Source
from assay_nb.instruments.lint.vocabulary import LANGUAGES, Words, word_set

_MACHINE = (
    r"json|csv|xml|yaml|code|labels?|category|categories|number|letter|word|name|translation|"
    r"zahl|wort|kategorie|etikett|übersetzung|étiquette|catégorie|mot|nombre|etiqueta|categoría|palabra|número"
)
_ONLY = re.compile(
    rf"(?i)\b(?:only|nothing but|just|nur|ausschließlich|uniquement|seulement|solo|sólo|únicamente)\b"
    rf"[^.\n]{{0,30}}\b(?:{_MACHINE})\b|\b(?:{_MACHINE})\s+(?:only|alone|seule?|sola)\b|\b(?:no other|no additional|"
    r"no extra|without any) (?:text|words|explanation|comment)|\bno explanations?\b|\b(?:ohne|kein(?:e|en)?)\s+(?:weiteren?\s+)?"
    r"(?:text|erklärung|kommentar)|\b(?:sans|aucun) (?:autre texte|texte|commentaire|explication)|"
    r"\bsin (?:otro texto|texto|comentarios|explicaci(?:ón|ones))"
)
_EXCLUSIVE = word_set(
    "only nothing just nur ausschließlich uniquement seulement solo sólo únicamente alone no without ohne kein "
    "keine keinen sans aucun sin seul seule sola"
)
_EXPLAIN = re.compile(
    r"(?i)\b(?:explain|justify|describe|show|state|write out)\s+(?:your|the|why|how|each)\s*(?:reasoning|reasons?|"
    r"steps|thinking|work|choice|decision|answer|you)\b|\b(?:give|add|include|write|provide)\s+(?:a|an|your|the)\s+"
    r"(?:\w+\s+)?(?:reason|reasons|reasoning|explanation|justification|rationale)\b|"
    r"\b(?:begründe|erkläre|erläutere)\s+(?:deine?|die|ihre?|warum|jede)\b|\b(?:füge|gib)\s+eine\s+(?:\w+\s+)?(?:begründung|erklärung)\b|"
    r"\b(?:explique|justifie|expliquez|justifiez)\s+(?:ton|ta|votre|pourquoi|le|la|chaque)\b|\bajoute[sz]?\s+une\s+(?:\w+\s+)?(?:explication|justification)\b|"
    r"\b(?:explica|justifica|razona|explique)\s+(?:tu|su|por qué|el|la|cada)\b|\b(?:añade|incluye)\s+una\s+(?:\w+\s+)?(?:explicación|justificación)\b"
)
_REASON_FIELD = re.compile(
    r"(?i)[\"'`«](?:reasons?|reasoning|explanations?|rationale|justification|why|comments?|notes?|begründung|grund|"
    r"erklärung|raison|explication|motivo|razón|explicación|justificación)[\"'`»]|</?(?:thinking|reasoning|scratchpad)>"
)
_IN_LANGUAGE = re.compile(
    r"(?i)\b(?:answer|reply|respond|write|antworte|antworten|schreibe?|schreiben|réponds|répondez|écris|écrivez|rédige|rédigez|"
    r"responde|responda|escribe|escriba)(?:\s+(?:only|always|nur|immer|stets|uniquement|toujours|solo|sólo|siempre))?"
    r"\s+(?:in|auf|en)\s+(?P<language>english|german|french|spanish|italian|portuguese|dutch|deutsch|englisch|"
    r"französisch|spanisch|italienisch|français|anglais|allemand|espagnol|italien|español|inglés|francés|alemán|italiano|portugués)\b"
)
_ADJECTIVE_FOLLOWS = frozenset({"fr", "es"})
_CONDITIONS = word_set(
    "if when unless otherwise where wenn falls sonst si quand sinon cuando or oder ou o then dann puis luego"
)
_LANGUAGE_OF = {
    name: code
    for code, names in {
        "en": "english englisch anglais inglés",
        "de": "german deutsch allemand alemán",
        "fr": "french französisch français francés",
        "es": "spanish spanisch espagnol español",
        "it": "italian italienisch italien italiano",
        "pt": "portuguese portugués",
        "nl": "dutch",
    }.items()
    for name in names.split()
}


def _check(source: Source) -> Iterator[Hit]:
    words = source.words
    if words is None:
        return
    yield from _lengths([limit for s in source.sentences for limit in find_limits(s, words)])
    for sentence in source.sentences:
        yield from _brief_and_detailed(sentence, words)
    yield from _only_and_explain(source, words)
    yield from _languages(source)


def _lengths(limits: Sequence[Limit]) -> Iterator[Hit]:
    groups: defaultdict[str, list[Limit]] = defaultdict(list)
    for limit in limits:
        groups[limit.thing].append(limit)
    named = [thing for thing in groups if thing]
    if len(named) == 1 and "" in groups and not named[0].startswith("each"):
        groups = defaultdict(list, {named[0]: list(limits)})
    for group in groups.values():
        pair = _clash(group)
        if pair:
            yield _unequal(*sorted(pair, key=lambda limit: limit.start))


def _clash(limits: Sequence[Limit]) -> tuple[Limit, Limit] | None:
    """Return the tightest floor and ceiling that exclude each other."""
    for unit in dict.fromkeys(limit.unit for limit in limits):
        same = [limit for limit in limits if limit.unit == unit]
        floors = [x for x in same if x.low is not None]
        ceilings = [x for x in same if x.high is not None]
        pair = _exceed([(x.low or 0, x) for x in floors], ceilings)
        if pair:
            return pair
    floors = [(x.fewest_words() or 0, x) for x in limits if x.unit != "words"]
    return _exceed(floors, [x for x in limits if x.unit == "words" and x.high is not None])


def _exceed(
    floors: Sequence[tuple[int, Limit]], ceilings: Sequence[Limit]
) -> tuple[Limit, Limit] | None:
    """Compare the highest floor with the lowest ceiling; at least one of the two must be firm."""
    for firm_floor, firm_ceiling in ((True, True), (True, False), (False, True)):
        floor = max(
            (f for f in floors if f[1].firm >= firm_floor), key=lambda f: f[0], default=None
        )
        ceiling = min(
            (c for c in ceilings if c.firm >= firm_ceiling), key=lambda c: c.high or 0, default=None
        )
        if floor and ceiling and floor[0] > (ceiling.high or 0):
            return floor[1], ceiling
    return None


def _unequal(first: Limit, second: Limit) -> Hit:
    return Hit(
        second.start,
        second.end,
        f"This limit and the one {second.start - first.start} characters before it cannot both be kept, so "
        "the model breaks either: drop one.",
    )


def _brief_and_detailed(sentence: Sentence, words: Words) -> Iterator[Hit]:
    if not (
        words.brief.intersection(sentence.words) and words.detailed.intersection(sentence.words)
    ):
        return
    said = tokens(sentence)
    if _CONDITIONS.intersection(word for word, _, _ in said):
        return
    brief = next((i for i, (word, _, _) in enumerate(said) if word in words.brief), None)
    detailed = next((i for i, (word, _, _) in enumerate(said) if word in words.detailed), None)
    if brief is None or detailed is None or not is_instruction(sentence, words):
        return
    start, end = sorted((said[brief][1], said[detailed][1]))
    if set(";:") & set(sentence.text[start - sentence.start : end - sentence.start]):
        return  # two clauses, which may be about two things
    a, b = (_head(said, index, words) for index in (brief, detailed))
    if a is not None and b is not None and (not a or not b or a == b):
        yield Hit(
            said[min(brief, detailed)][1],
            said[max(brief, detailed)][2],
            f"“{said[brief][0]}” and “{said[detailed][0]}” ask for opposite lengths of one text, so the model "
            "picks either: choose one, or say which part is which.",
        )


def _head(said: Sequence[tuple[str, int, int]], index: int, words: Words) -> str | None:
    """Return the text that the word describes, "" for the reply as a whole, None for anything else."""
    before = [word for word, _, _ in said[max(0, index - 3) : index]]
    after = [word for word, _, _ in said[index + 1 : index + 3]]
    if words.negations.intersection(before):
        return None
    if words.be.intersection(before):
        return ""
    nouns = words.products | words.countables
    beside = before[-1:] if words.language in _ADJECTIVE_FOLLOWS else after[:1]
    noun = next((word for word in [*beside, *after[:2]] if word in nouns), None)
    if noun:
        return noun
    return "" if not beside or beside[0] in words.function_words else None


def _only_and_explain(source: Source, words: Words) -> Iterator[Hit]:
    if _REASON_FIELD.search(source.text):
        return
    exclusive = (s for s in source.sentences if _EXCLUSIVE.intersection(s.words))
    only = next((m for s in exclusive if (m := _ONLY.search(s.text))), None)
    if only is None:
        return
    for sentence in source.sentences:
        explain = _EXPLAIN.search(sentence.text)
        if explain and not is_prohibition(sentence, words) and not _is_conditional(sentence):
            yield Hit(
                sentence.start + explain.start(),
                sentence.start + explain.end(),
                f"“{explain[0]}” and “{only[0].strip()}” exclude each other, so the reply breaks the parser or "
                "lacks the reasons: drop one, or give the reasons a field.",
            )
            return


def _is_conditional(sentence: Sentence) -> bool:
    return bool(_CONDITIONS.intersection(sentence.words))


def _languages(source: Source) -> Iterator[Hit]:
    first: str | None = None
    for sentence in source.sentences:
        if not _LANGUAGE_OF.keys() & set(sentence.words) or _is_conditional(sentence):
            continue
        for match in _IN_LANGUAGE.finditer(sentence.text):
            language = _LANGUAGE_OF[match["language"].lower()]
            first = first or language
            if language != first:
                yield Hit(
                    sentence.start + match.start(),
                    sentence.start + match.end(),
                    "The prompt asks for the reply in two languages, so the model picks either: name one, or "
                    "say when which.",
                )
                return


RULE = Rule(
    id="A008",
    name="contradictory-limits",
    level="warning",
    summary="Lengths, styles, formats or languages of one reply that exclude each other.",
    why="The model keeps one of the two, not always the same; reasoning models spend tokens on the choice.",
    bad="Answer in at most 40 words. Write at least three paragraphs.",
    good="Answer in at most 120 words, in three paragraphs.",
    check=_check,
    languages=LANGUAGES,
)
