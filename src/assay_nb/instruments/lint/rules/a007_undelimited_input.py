"""A007: a long text that runs into the instructions behind it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from assay_nb.instruments.lint.rule import Hit, LintFix, Rule
from assay_nb.instruments.lint.source import RULER, Source
from assay_nb.instruments.lint.tags import Region, find_innermost
from assay_nb.instruments.lint.vocabulary import ANY, word_set
from assay_nb.text.templates import Variable, covers, find_variables

_LONG = word_set(
    "article articles text texts document documents doc docs content contents email emails mail "
    "message messages "
    "ticket transcript transcripts review reviews body passage passages context contexts input "
    "comment comments "
    "page post report story essay conversation chat log logs code source sources resume cv "
    "contract letter "
    "abstract feedback paragraph paragraphs excerpt excerpts snippet snippets data paper "
    "interview minutes manual filing statement submission thread dialogue dialog history bio html "
    "webpage "
    "documentation markdown diff traceback summaries response responses "
    "texte textes courriel avis commentaire lettre contrat rapport réunion extrait extraits dialogue "
    "rezension bewertung nachricht nachrichten dokument dokumente brief vertrag bericht artikel "
    "protokoll "
    "auszug auszüge auszuege aussage beitrag kommentar gespräch eingabe meldung "
    "texto textos correo mensaje mensajes reseña resena comentario carta contrato informe artículo "
    "articulo "
    "documento documentos entrada conversación conversacion acta ficha transcripción transcripcion"
)
_SHORT = word_set(
    "id ids name title type kind date language lang url link count number length topic category "
    "label role index "
    "author sender recipient subject limit size format style tone nom titre langue titel sprache "
    "nombre key keys "
    "título titulo idioma address status instructions instruction rules task system prompt "
    "guidelines schema "
    "consignes règles tâche anweisungen regeln aufgabe instrucciones reglas tarea steps template "
    "image images "
    "tool tools path paths action actions category categories "
    "volume theme tag opening closing command commands persona personality character sample example examples demo demos"
)
_INSTRUCTIONS = word_set(
    "instructions instruction rules task system prompt guidelines role consignes règles tâche "
    "anweisungen "
    "regeln aufgabe instrucciones reglas tarea steps"
)
_FORMS = word_set(
    "str string text list content contents body block blocks chunk chunks section sections part md raw"
)
"""What a name may end in that says nothing of what it holds: `context_str`."""
_TASKS = frozenset({"input", "eingabe", "entrée", "entrada"})
"""A bare `{input}` is as often the question or the task itself, which is meant to be obeyed."""
_TASK = re.compile(
    r"(?i)\b(?:task|objective|goal|request|instructions?|aufgabe|tâche|tarea)[ \t]*[:：.]?[ \t\n*]*\Z"
)
_SPACE = re.compile(r"\s*")
_GLUED = re.compile(r"[^\W\d_]|\$?\{")
"""A piece that the calling code puts together with others, and that ends its own lines."""
_FEW_WORDS = frozenset({"code", "email", "mail"})
"""Behind a label, such a name may as well be a word: a postcode, an address."""
_ENOUGH = 120
_LEAST_WORDS = 3
_NAME_PARTS = re.compile(r"[\W_]+|(?<=[a-zß-ÿ])(?=[A-Z])")
_BRACKETS = frozenset(
    {"<>", "[]", "()", "{}", "«»", "“”", "【】", "「」", "**", "''", '""', "``", "||"}
)
_CLOSERS = frozenset("])}】」』»›")
_MEMBER = re.compile(r"[\"'][ \t]*:[ \t]*[\"'[]?\Z")
"""A key of JSON, whose value the text is."""
_TARGET = "|||"
"""Where a template ends and the expected answer begins, as PromptSource writes it."""
_LABEL = re.compile(
    r"[ \t]*(?:[-*#>]{1,6}[ \t]*|\d{1,2}[.)][ \t]+)?(?:\*\*)?[^\s:：.!?,;{}]{1,20}(?:[ \t][^\s:：.!?,;{}]{1,20}){0,2}"
    r"(?:\*\*)?[ \t]*[:：]|[ \t]*#{1,6}[ \t]|[ \t]*【[^】\n]{1,20}】|[ \t]*\[[^\]\n]{1,40}\][ \t\r]*$|"
    r"[ \t]*\*\*[^*\n]{1,60}\*\*[ \t\r]*$"
)
_BLOCK = re.compile(r"\{[%#]|\{\{[-~]?\s*[#/^>]|\{\{\s*(?:else|role)\b")
_OPTION = re.compile(r"[ \t]*[(\[]?[A-Ha-h1-9][.)\]][ \t]*\Z")
_PLACEHOLDER = re.compile(r"\$?\{\{?[^{}\n]{1,80}\}\}?")
_WORDS = re.compile(r"[^\W\d_]{2,}")
_WORD_BEFORE = re.compile(r"(?<!\b(?:text|page|body) of)(?<!con(?:text|tent) of)(?<=[^\W\d_])[ ]$")
_HEADING = re.compile(r"#{1,6}[ \t]")
_POLITE = frozenset({"please", "请", "bitte", "now", "then"})
_REFERS = re.compile(
    r"(?i)\b(?:above|(?:the|this) (?:text|article|passage|context|document|conversation|dialogue|summary|review|"
    r"content|message|information|code|contract|transcript|story|bill|tweet|email|paragraph|data|report|statement|"
    r"sentence|response|feedback|snippets?|chunks?|abstract|author|facts|documentation)|these|based on|"
    r"(?:dieser?|dieses|diesem|ce|cet|cette|este|esta|questo|questa) \w+|oben|ci-dessus|anterior)\b|上|以下|该|这|文"
)
"""Words that point back at the text."""
_LABELLED_VARIABLE = re.compile(
    r"[^\n]{0,200}[:：][ \t]*\n?\s{0,8}(?:[\"'“`]{1,3}|-{3,}\s|={3,}\s|<[\w-]{1,40}>)?\$?\{"
)


def _check(source: Source) -> Iterator[Hit]:
    variables = [v for v in source.variables if v.kind == "variable"]
    regions = find_innermost(source.tree.regions, [variable.start for variable in variables])
    end_of_prompt = source.text.find(_TARGET)
    for variable, region in zip(variables, regions, strict=True):
        if not _is_long(variable) or _holds_data(region):
            continue
        if covers(source.json_spans, variable.start):
            continue
        if (
            variable.name.partition(".")[0] in source.bound_in_blocks
            or 0 <= end_of_prompt < variable.start
        ):
            continue
        if variable.start >= source.front_matter and not _is_delimited(source, variable):
            yield Hit(
                variable.start,
                variable.end,
                f"Nothing marks where `{variable.text}` ends and the prompt goes on, so what is written in it "
                "can pass for an instruction: put it between tags.",
                _wrap(source, variable),
            )


def _holds_data(region: Region | None) -> bool:
    return region is not None and region.opening.name.lower() not in _INSTRUCTIONS


def _is_long(variable: Variable) -> bool:
    parts = [part.lower() for part in _NAME_PARTS.split(variable.name) if part]
    if not parts or _SHORT.intersection(parts) or variable.name.lower() in _TASKS:
        return False
    if "(" in variable.text.partition("|")[0] or variable.default is not None:
        return False  # what a call gives is not known, and a default is a few words
    if parts[-1].rstrip("0123456789") in _LONG:
        return True
    return parts[0] in _LONG and (parts[-1].isdecimal() or parts[-1] in _FORMS)


def _is_delimited(source: Source, variable: Variable) -> bool:
    """Whether something ends the text: marks around it, a label behind it, or the end of the prompt."""
    start, end = variable.start, variable.end
    before, after = _beside(source, start, end)
    lead = before.strip()
    return (
        source.in_fence(start)
        or covers(source.quoted, start)
        or covers(source.inline_code, start)
        or before[-1:] + after[:1] in _BRACKETS
        or after[:1] in _CLOSERS
        or bool(_MEMBER.search(before))
        or bool(_GLUED.match(after))
        or bool(_WORD_BEFORE.search(before) or _OPTION.fullmatch(before))
        or bool(lead and _NAME_PARTS.split(variable.name.lower())[-1] in _FEW_WORDS)
        or before.rstrip().endswith("}}")
        or _is_between_rulers(source, start, end)
        or _is_task(source, start)
        or (variable.name == "history" and "{{role" in source.text)
        or not _runs_on(source, end)
        or not _is_announced(source, start, end)
    )


def _runs_on(source: Source, end: int) -> bool:
    """Whether prose comes next, with neither a label nor a mark in between."""
    _, line_end = source.line_span(end - 1)
    rest = source.text[end : min(line_end, end + _ENOUGH)].strip(" \t.…,;")
    if rest:
        return bool(_WORDS.search(rest)) and not rest.startswith((_TARGET, "|", "<"))
    position, following = _next_line(source, line_end)
    if _BLOCK.match(following):
        return False
    if _PLACEHOLDER.match(following) and _PLACEHOLDER.sub("", following).startswith("<"):
        return False
    if _PLACEHOLDER.match(following) and not _WORDS.search(_PLACEHOLDER.sub("", following)):
        if _is_long_next(following):
            return True  # nobody can tell where the one ends and the other begins
        _, last = _next_line(source, position + len(following))
        return bool(last) and (
            _is_order(last) or last.startswith("Human:") or not _LABEL.match(last)
        )
    if following.startswith((_TARGET, "<", "|", "```")) or RULER.match(following):
        return False
    if _is_order(following):
        return True
    if _LABEL.match(following):
        return False
    if _LABELLED_VARIABLE.match(source.text, position):
        return False  # a long label: "Reasons for the verdict:", and the next variable behind it
    return bool(_WORDS.search(following))


def _is_announced(source: Source, start: int, end: int) -> bool:
    """Whether the prompt treats it as a text that is given: a label before it, or an order about it after it.

    What is not announced may be a piece of the prompt that the calling code puts in.
    """
    line_start, line_end = source.line_span(start)
    before = source.text[max(line_start, start - _ENOUGH) : start].rstrip()
    if not source.text[:start].strip() or before.endswith((":", "：")):
        return True
    rest = source.text[end:line_end].strip(" \t.…,;")
    following = rest[:_ENOUGH] or _next_line(source, line_end)[1]
    is_question = "?" in following or "？" in following
    if before:
        return is_question
    is_order = _is_order(following) or following.partition(" ")[0].lower() in _POLITE
    refers = bool(_REFERS.search(following))
    above = source.text[max(0, line_start - _ENOUGH) : line_start].rstrip(" \t\r\n*")
    if above.endswith((":", "：")):
        return is_order or is_question or refers or _is_long_next(following)
    title = above.rpartition("\n")[2]
    if _HEADING.match(title):
        return False
    return title.startswith("#") or is_question or (is_order and refers)


def _is_long_next(following: str) -> bool:
    return any(_is_long(variable) for variable in find_variables(following))


def _next_line(source: Source, position: int) -> tuple[int, str]:
    """Return the next line that is not blank, with its place; an empty one at the end of the prompt."""
    gap = _SPACE.match(source.text, position)
    start = gap.end() if gap else position
    return start, source.text[start : start + _ENOUGH].partition("\n")[0]


def _is_task(source: Source, start: int) -> bool:
    """Whether the words before it call it the task: then it is meant to be obeyed."""
    return bool(_TASK.search(source.text, max(0, start - _ENOUGH), start))


def _is_order(line: str) -> bool:
    """Whether it opens as an order does. "Note:" and "Follow Up Input:" are labels all the same."""
    label, colon, _ = line.partition(":")
    said = _WORDS.findall(label)
    if len(said) < _LEAST_WORDS or (colon and (label.istitle() or label.isupper())):
        return False
    return said[0].lower() in ANY.imperatives | ANY.openers


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


def _beside(source: Source, start: int, end: int) -> tuple[str, str]:
    """Return what stands before and after on the line, as much of it as matters."""
    line_start, line_end = source.line_span(start)
    before = source.text[max(line_start, start - _ENOUGH) : start]
    return before, source.text[end : min(line_end, end + _ENOUGH)]


def _wrap(source: Source, variable: Variable) -> LintFix | None:
    """Put tags around it where it has its line, or what is behind a label, to itself."""
    before, after = _beside(source, variable.start, variable.end)
    if after.strip() or (before.strip() and not before.rstrip().endswith((":", "："))):
        return None
    tag = "_".join(part.lower() for part in _NAME_PARTS.split(variable.name) if part)
    tag = unicodedata.normalize("NFKC", tag)
    if not tag.isidentifier() or tag in _INSTRUCTIONS or tag in source.tree.names:
        return None
    return LintFix(variable.start, variable.end, f"<{tag}>{variable.text}</{tag}>")


RULE = Rule(
    id="A007",
    name="undelimited-input",
    level="warning",
    summary="A variable for a long text that runs into the prompt behind it, with no tag, fence or label.",
    why="The model cannot tell data from instructions, and neither can the author of the data.",
    bad="Summarise: {{article}}\nName its author.",
    good="Summarise the article and name its author. <article>{{article}}</article>",
    check=_check,
)
