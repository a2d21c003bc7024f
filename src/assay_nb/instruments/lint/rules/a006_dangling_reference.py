"""A006: the prompt speaks of something that is not in it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assay_nb.instruments.lint.rule import Hit, Rule
from assay_nb.instruments.lint.source import Source
from assay_nb.instruments.lint.tags import Tag

_PUT = re.compile(
    r"(?i)\b(?:put|write|wrap|enclose|place|output|return|emit|surround|use|schreibe?|setze?|gib|écris|mets|"
    r"place|escribe|pon|coloca)\b"
)
_ANSWER = re.compile(r"(?i)\b(?:respond|reply|answer|antworte|réponds|responde)\b")
_CONTENT_IN = re.compile(
    r"(?i)\b(?:text|facts?|data|information|content|document|passage|details|figures|notes|angaben|informationen|"
    r"texte|données|informations|texto|datos|información)\s+(?:in|inside|within|dans|en|im)\s+(?:the\s+)?$"
)
_FROM = re.compile(
    r"(?i)\b(?:from|using|see|read|per|given|provided|contained|found|named|"
    r"aus|laut|gegeben|enthalten|de|depuis|donnée?s?|selon|fournie?s?|dados?|dadas?|según|desde)"
    r"(?:\s+(?:the|in|den|dem|dans|en|la|le|el|inside|within|between|tag|tags|text)){0,3}\s*$"
)
_WITHIN = re.compile(
    r"(?i)\b(?:in|inside|within|between|dans|entre|im|innerhalb|zwischen|en|dentro de)(?:\s+(?:the|den|dem|la|le|el))?\s*$"
)
_LATER = re.compile(
    r"(?i)\b(?:will|user's|next message|wird|werden|sera|seront|será|serán|if (?:there|present)|user)\b"
)
_NUMBERED = re.compile(
    r"(?im)^[ \t]*(?:[-*#>]+[ \t]+)?(?:\*\*)?(?:(?:rule|step|point|instruction|guideline|regel|schritt|punkt|"
    r"règle|étape|consigne|regla|paso|punto)[ \t]+)?\(?(\d{1,3})\b(?:[.):–-]|[ \t]*$|\*\*)"
)
_NUMBER_SPOKEN = re.compile(
    r"\b(?i:rule|step|point|instruction|guideline|regel|schritt|punkt|règle|étape|consigne|regla|paso|punto)"
    r"\s+(\d{1,3})\b(?!\s*(?:of|to|-|–|von|bis|à|de)\s*\d)"
)
_EXAMPLE_SPOKEN = re.compile(
    r"(?i)\b(?:the|these|those|following|our|given|provided)\s+examples?\s+(?:above|below|given|provided)\b"
    r"|\b(?:above|following|preceding|previous)\s+examples?\b"
    r"|\bexamples?\s+(?:above|below)\b"
    r"|\b(?:obige[nsm]?|folgende[nsm]?|vorige[nsm]?)\s+beispiele?n?\b|\bbeispiele?n?\s+(?:oben|unten)\b"
    r"|\bexemples?\s+(?:ci-dessus|ci-dessous|suivants?|précédents?)\b"
    r"|\bejemplos?\s+(?:anterior|anteriores|siguiente|siguientes|de arriba|de abajo)\b"
)
_EXAMPLE_SHOWN = re.compile(
    r"(?im)^[ \t]*(?:[-*#>]+[ \t]*)?(?:\*\*)?(?:examples?|samples?|beispiele?|exemples?|ejemplos?)\b[^\n]{0,40}(?::|\*\*|$)"
    r"|<(?:examples?|samples?|beispiele?|exemples?|ejemplos?)\b"
    r"|^[ \t]*(?:input|output|q|a|user|assistant|eingabe|ausgabe|entrée|sortie|entrada|salida)[ \t]*\d{0,2}:"
    r"|(?:for example|e\.g\.|for instance|zum beispiel|par exemple|por ejemplo)"
    r"|\b(?:examples?|beispiele?|exemples?|ejemplos?)\b[^\n.]{0,40}:|(?:→|->|=>)"
)
_BELOW = re.compile(
    r"(?i)\b(?:text|article|document|email|message|code|passage|review|ticket|transcript|table|data|notes?)\s+below\b"
    r"|\bfollowing\s+(?:text|article|document|email|message|code|passage|review|ticket|transcript|table|data|notes?)\b"
    r"|\b(?:folgende[nrs]?)\s+(?:text|artikel|nachricht|brief|code|rezension)\b|\b(?:text|artikel|nachricht)\s+unten\b"
    r"|\b(?:texte|article|message|courriel|document)\s+(?:suivant|ci-dessous)\b"
    r"|\b(?:texto|artículo|mensaje|correo|documento)\s+(?:siguiente|de abajo)\b|\bsiguiente\s+(?:texto|artículo|mensaje|correo)\b"
)
_SECTION = re.compile(
    r"\b(?i:see|follow|in|under|from|per|apply)\s+(?:the\s+)?(?i:section)\s+[\"“']?(?P<a>[A-Z][\w-]+(?: [A-Z][\w-]+){0,3})"
    r"|\bthe\s+[\"“']?(?P<b>[A-Z][\w-]+(?: [A-Z][\w-]+){0,3})[\"”']?\s+section\s+(?:above|below)"
)
_EXAMPLE_WORDS = ("example", "beispiel", "exemple", "ejemplo")
_BELOW_WORDS = (
    "below",
    "following",
    "folgende",
    "unten",
    "suivant",
    "ci-dessous",
    "siguiente",
    "abajo",
)
_LEAST_BELOW = 12
_LONGEST_HEADING = 4


def _check(source: Source) -> Iterator[Hit]:
    yield from _tags(source)
    yield from _numbers(source)
    yield from _examples(source)
    yield from _below(source)
    yield from _sections(source)


def _mentions(source: Source, words: tuple[str, ...]) -> bool:
    """Whether one of the words occurs: cheaper than a pattern, and mostly false."""
    return any(word in source.lower_prose for word in words)


def _tags(source: Source) -> Iterator[Hit]:
    present = {tag.name for tag in source.tags if tag.structural}
    for tag in source.tags:
        if tag.kind == "open" and not tag.structural and tag.name not in present:
            before = source.text[max(0, tag.start - 100) : tag.start].rpartition("\n")[2]
            if _reads_from(before):
                yield _missing(tag)


def _reads_from(before: str) -> bool:
    """Whether the words before a tag say that something is to be read there."""
    clause = re.split(r"[.!?;:]\s", before)[-1]
    if _LATER.search(clause):
        return False
    if _FROM.search(clause):
        return True
    if _PUT.search(clause):
        return False
    if _CONTENT_IN.search(clause):
        return True
    return bool(_WITHIN.search(clause)) and not _ANSWER.search(clause)


def _missing(tag: Tag) -> Hit:
    return Hit(
        *tag.span,
        f"The prompt sends the model to `<{tag.name}>`, which is not in it, so the model makes up what "
        "stands there: add it, or name the tag that is meant.",
    )


def _numbers(source: Source) -> Iterator[Hit]:
    numbers = {int(match[1]) for match in _NUMBERED.finditer(source.structure)}
    if len(numbers) < 2:
        return
    for match in _NUMBER_SPOKEN.finditer(source.prose):
        if int(match[1]) not in numbers and int(match[1]) > max(numbers):
            yield Hit(
                *match.span(),
                f"“{match[0]}” is not in the prompt, whose list ends at {max(numbers)}, so the model "
                "guesses what it says: correct the number.",
            )


def _examples(source: Source) -> Iterator[Hit]:
    spoken = _EXAMPLE_SPOKEN.search(source.prose) if _mentions(source, _EXAMPLE_WORDS) else None
    if spoken is None:
        return
    shown = (m for m in _EXAMPLE_SHOWN.finditer(source.text) if not _overlap(m, spoken))
    if next(shown, None) is None and not source.fences:
        yield Hit(
            *spoken.span(),
            f"“{spoken[0]}” points to an example that is not in the prompt, so the model imagines one: add "
            "it or take the words out.",
        )


def _overlap(a: re.Match[str], b: re.Match[str]) -> bool:
    return a.start() < b.end() and b.start() < a.end()


def _below(source: Source) -> Iterator[Hit]:
    spoken = list(_BELOW.finditer(source.prose)) if _mentions(source, _BELOW_WORDS) else []
    if not spoken:
        return
    last = spoken[-1]
    after = source.text[last.end() :]
    rest = after.partition("\n")[2].strip() or after.partition(":")[2].strip()
    if len(rest) < _LEAST_BELOW and not any(v.start > last.start() for v in source.variables):
        yield Hit(
            *last.span(),
            f"“{last[0]}” announces something that does not follow, so the model makes it up or asks for "
            "it: add it, or a variable for it.",
        )


def _sections(source: Source) -> Iterator[Hit]:
    if not _mentions(source, ("section",)):
        return
    headings = _headings(source)
    for match in _SECTION.finditer(source.structure):
        name = match["a"] or match["b"]
        start, end = match.span("a" if match["a"] else "b")
        line = headings.get(name.lower())
        if line is None or line == source.line_of(start):
            yield Hit(
                start,
                end,
                f"There is no section “{name}” in the prompt, so the model guesses what it says: add it "
                "or correct the name.",
            )


def _headings(source: Source) -> dict[str, int]:
    """Return the first words of each line, as a heading or a label would have them, with its number."""
    found: dict[str, int] = {}
    for number, line in enumerate(source.text.lower().split("\n")):
        words = re.findall(r"[\w-]+", line[:80].replace("_", " "))
        for count in range(1, _LONGEST_HEADING + 1):
            found.setdefault(" ".join(words[:count]), number)
    return found


RULE = Rule(
    id="A006",
    name="dangling-reference",
    level="warning",
    summary="A tag, example, numbered rule or section that the prompt speaks of and does not have.",
    why="The model makes up what is missing, differently each time.",
    bad="Answer with the facts given in <report>. Reply in one sentence.",
    good="Answer with the facts given in <report>. Reply in one sentence.\n<report>{{report}}</report>",
    check=_check,
)
