"""A007: a long text that nothing sets apart from the instructions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from assay_nb.instruments.lint.rule import Hit, LintFix, Rule
from assay_nb.instruments.lint.source import LABEL, RULER, Source
from assay_nb.instruments.lint.tags import Region, find_innermost
from assay_nb.instruments.lint.vocabulary import word_set
from assay_nb.text.templates import Variable, covers

_LONG = word_set(
    "article text texts document documents doc docs content contents email mail message messages ticket "
    "transcript review reviews body passage passages context input comment comments page post report "
    "story essay conversation chat log logs code source sources resume cv contract letter note notes "
    "abstract description feedback paragraph paragraphs excerpt excerpts snippet snippets data paper "
    "interview minutes manual filing statement submission thread dialogue history bio html webpage "
    "texte textes courriel avis commentaire lettre contrat rapport réunion extrait extraits dialogue "
    "rezension bewertung nachricht nachrichten dokument dokumente brief vertrag bericht artikel protokoll "
    "auszug auszüge auszuege aussage beitrag kommentar gespräch eingabe meldung beschreibung "
    "texto textos correo mensaje mensajes reseña resena comentario carta contrato informe artículo articulo "
    "documento documentos entrada conversación conversacion acta ficha transcripción transcripcion"
)
_SHORT = word_set(
    "id ids name title type kind date language lang url link count number length topic category label "
    "author sender recipient subject limit size format style tone nom titre langue titel sprache nombre "
    "título titulo idioma address status"
)
_INSTRUCTIONS = word_set(
    "instructions instruction rules task system prompt guidelines role consignes règles tâche anweisungen "
    "regeln aufgabe instrucciones reglas tarea steps"
)
_ENOUGH = 120
_NAME_PARTS = re.compile(r"[\W_]+|(?<=[a-zß-ÿ])(?=[A-Z])")


def _check(source: Source) -> Iterator[Hit]:
    variables = source.variables
    regions = find_innermost(source.regions, [variable.start for variable in variables])
    for variable, region in zip(variables, regions, strict=True):
        if _is_long(variable) and not (_holds_data(region) or _is_delimited(source, variable)):
            yield Hit(
                variable.start,
                variable.end,
                f"Nothing marks where `{variable.text}` begins and ends, so what is written in it can pass "
                "for an instruction: put it between tags.",
                _wrap(source, variable),
            )


def _holds_data(region: Region | None) -> bool:
    return region is not None and region.opening.name.lower() not in _INSTRUCTIONS


def _is_long(variable: Variable) -> bool:
    parts = [part for part in _NAME_PARTS.split(variable.name) if part]
    parts = [part.lower() for part in parts]
    if variable.kind == "block" or not parts or _SHORT.intersection(parts):
        return False
    return parts[-1] in _LONG or parts[0] in _LONG


def _is_delimited(source: Source, variable: Variable) -> bool:
    start, end = variable.start, variable.end
    return (
        source.in_fence(start)
        or covers(source.quoted, start)
        or _is_between_rulers(source, start, end)
        or _is_last_part(source, start, end)
    )


def _is_between_rulers(source: Source, start: int, end: int) -> bool:
    line_start, line_end = source.line_span(start)
    before, after = _beside(source, start, end)
    if before.strip(" \t>|") or after.strip(" \t|"):
        return False
    if before.strip():
        return True  # a block quote or a table cell
    above = source.text[max(0, line_start - 200) : line_start].rstrip().rpartition("\n")[2]
    below = source.text[line_end : line_end + 200].lstrip().partition("\n")[0]
    return bool(RULER.match(above) and (not below or RULER.match(below)))


def _is_last_part(source: Source, start: int, end: int) -> bool:
    """Whether it ends the prompt, behind a label or on its own line, with no prose after it."""
    line_start, _ = source.line_span(start)
    before, after = _beside(source, start, end)
    labelled = not before.strip() or LABEL.fullmatch(before)
    return bool(labelled) and not after.strip() and line_start > source.last_prose_line


def _beside(source: Source, start: int, end: int) -> tuple[str, str]:
    """Return what stands before and after on the line, as much of it as matters."""
    line_start, line_end = source.line_span(start)
    before = source.text[max(line_start, start - _ENOUGH) : start]
    return before, source.text[end : min(line_end, end + _ENOUGH)]


def _wrap(source: Source, variable: Variable) -> LintFix | None:
    tag = "_".join(part.lower() for part in _NAME_PARTS.split(variable.name) if part)
    tag = unicodedata.normalize("NFKC", tag)
    if not tag.isidentifier() or tag in _INSTRUCTIONS or tag in source.tag_names:
        return None
    return LintFix(variable.start, variable.end, f"<{tag}>{variable.text}</{tag}>")


RULE = Rule(
    id="A007",
    name="undelimited-input",
    level="warning",
    summary="A variable for a long text without tags, a fence or quotes around it.",
    why="The model cannot tell data from instructions, and neither can the author of the data.",
    bad="Summarise: {{article}} and name the author.",
    good="Summarise the article and name its author. <article>{{article}}</article>",
    check=_check,
)
