"""Gaps that a draft left open: `[INSERT NAME]`, `TODO: …`, `[topic]`, 【填写主题】.

The same brackets are how people write the slots of a reply ("answer in the form: Score: [score]"),
so a gap counts only where no format is being laid out and nobody speaks of the brackets themselves.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from assay_nb.instruments.lint.source import Source
from assay_nb.text.templates import covers

_INSERT = re.compile(
    r"(?<!!)\[(?:(?i:please )?(?i:insert|fill in (?:the|your|here|blank)|add your|add here|"
    r"enter your|paste|replace with|einfügen|einsetzen|"
    r"insérer|insérez|à compléter|compléter|insertar|inserte|rellenar|completar|inserisci|inserir|"
    r"insira)\b(?! \w\])|"
    r"(?:YOUR|IHR|IHRE|DEIN|VOTRE|SU|TU)\b|(?:TODO|TBD|FIXME)[:\]]|"
    r"请?(?:填写|填入|插入|输入|替换|粘贴)|此处|在这里)[^\]\n]{0,80}\]?(?<=[^:：]\])(?!\()"
    r"|<(?:(?i:insert|add|enter|paste|fill in) (?:[\w'’-]+ ){1,8}here|(?:YOUR|TODO|TBD)[A-Z _-]{0,40}|"
    r"INSERT [A-Z _-]{3,40})>"
    r"|【请?(?:填写|填入|插入|输入|替换|粘贴|在此|此处)[^】\n]{0,60}】",
)
_MARKER = re.compile(
    r"^[ \t]*(?:[-*#/]+[ \t]*)?(?:TODO|FIXME|TBD|XXX)\b(?:\([^)\n]{0,40}\))?(?::|[ \t\r]*$)"
    r"|(?<=[:=(])[ \t]*(?:TODO|FIXME|TBD|XXX|\?\?\?)[ \t]*(?=[).;,\r]|$)"
    r"|(?<=[.!?] )TODO:[^\n]{0,80}"
    r"|^[ \t]*(?:[-*]|\d{1,2}[.)])[ \t]+(?:\w+, )?(?:x{3,4}|X{3,4})[ \t\r]*$",
    re.MULTILINE,
)
_FILLER = re.compile(r"\blorem ipsum dolor\b[^\n.]{0,200}", re.IGNORECASE)
_BARE = re.compile(
    r"(?<=[^\W\d_\u3040-\u30ff\u4e00-\u9fff][ ])\[(?P<words>[^\W\d_]{3,20}(?:[ /_-][^\W\d_]{2,20}){0,3})\](?![(:\[\w*`]|[ ]?=|[ ](?:tags?|markers?|tokens?|placeholders?)\b)"
)
_LAST_LINE = re.compile(r"(?<=[:：])[ \t]*\n\s*(?P<gap>\[[A-Z][A-Z _]{2,30}\])\s*\Z")
_LONGEST_TEMPLATE = 3_000
"""In a longer text a bracketed word is a slot of a sample far more often than a gap of the author's."""
_FORMAT = re.compile(
    r"(?i)\b(?:format|template|structure|layout|outline|formatted|fields?|as follows|following|like this|"
    r"pattern|output|respond|reply|response|sections?|schema|begin with|start with|end with|say|"
    r"title|headings?|header|"
    r"modèle|vorlage|plantilla|formato|formato)\b|格式|模板|输出|结构"
)
_NAMES_INPUT = re.compile(r"(?i)\b(?:the|each|any) \[[^\]\n]{3,40}\]")
"""With "the [topic]" a prompt speaks of what it is given under that name."""
_BRACKETS_EXPLAINED = re.compile(
    r"(?i)\b(?:square |curly |angle )?brackets?\b|\bbracketed\b|\bplaceholders?\b|\bvariables?\b|"
    r"方括号|括号|占位符|klammern|"
    r"crochets|corchetes"
)
_MENTIONED = re.compile(
    r"(?i)\b(?:hi|hello|dear|hallo|bonjour|hola|include|contain|containing|use|using|say|avoid|"
    r"without|like|called|named|marked|tag|tagged|write|"
    r"output|print|return|no|not|never|e\.g\.,?|labell?ed|as|the|are|is|word|words|types?|each|any|"
    r"every|mark|emit|append|add|type|press|click|"
    r"cite|citation|source|command|key|button|action|state|status|role)[ ]+(?:the |a |an )?[\"“'`]?$"
    r"|(?i:\bmark\b)[^.\n]{0,24}$"
)
_SECTION = re.compile(r"(?m)^[ \t#*]*\[(?P<name>[^\]\n]{2,60})\][ \t*:\r]*$")
_LABEL = re.compile(r"[ \t]*(?:[-*>]+[ \t]+|\d{1,2}[.)][ \t]+)?[^\n:：\[]{1,30}[:：]")
_SCAFFOLD = 3
_DIGITS = re.compile(r"\d+(?:st|nd|rd|th)?")
_SLOT = re.compile(r"\[[^\W\d_][^\]\n]{2,80}\](?!\()")
_FORM = 400
_PROGRAM = re.compile(r"\[(?:PROMPT|TARGETLANGUAGE|/[a-z]+)\]")
"""What a well-known program fills in, and markup."""
_EXPLAINED = re.compile(
    r"(?m)^[ \t>*-]*\[?(?P<name>[^\W\d_][^\n=:：\[\]]{1,40}?)\]?[ \t]*(?:\*\*)?[=:：]"
)
"""A line that gives the name a value, or says what it is."""
_USAGE = re.compile(r"[ \t`*>-]*(?:#{1,6}[ \t]|/\w|\$[ ]|(?i:usage|command|syntax)\b)")
_BEFORE = 260


def find_gaps(source: Source) -> Iterator[tuple[int, int]]:
    """Yield the gaps that say themselves that they are to be filled in."""
    spoken_of = sorted([*source.quoted, *source.tree.data_spans, *source.demos])
    gaps = list(_INSERT.finditer(source.structure))
    open_tasks = sum(match[0].startswith("[TODO") for match in gaps)
    if open_tasks + bool(source.variables) >= _SCAFFOLD:
        return  # a skeleton for texts that are still to be written
    numbered = Counter(_DIGITS.sub("0", match[0]) for match in gaps)
    for match in gaps:
        if numbered[_DIGITS.sub("0", match[0])] > 1 and not _is_value(source, match.start()):
            continue  # slots of a list or a form that the model fills in
        if match[0].startswith("<") and _has_label(source, match.start()):
            continue
        line_start = source.line_start(match.start())
        alone = not source.text[line_start : match.start()].strip(" \t*>")
        last = alone and not source.text[match.end() :].strip(" \t\r\n*")
        if _is_in_form(source, match):
            continue
        if last or not (covers(spoken_of, match.start()) or _is_shown(source, match.start())):
            yield match.span()
    for pattern in (_MARKER, _FILLER):
        for match in pattern.finditer(source.prose):
            start = match.start() + len(match[0]) - len(match[0].lstrip())
            words = source.structure[start : match.end()].rstrip()
            if words and not (pattern is _MARKER and _lays_out(source, start)):
                yield start, start + len(words)
                if "xxx" in words.lower():
                    break  # one line says it for a whole skeleton of a prompt


def _is_value(source: Source, position: int) -> bool:
    """Whether the line gives a name a value, which is the author's to write: `Product = [Insert here]`."""
    line_start = source.line_start(position)
    return source.text[line_start:position].rstrip().endswith("=")


def _is_in_form(source: Source, match: re.Match[str]) -> bool:
    """Whether other brackets around it are slots of a form, which the model fills in all of them."""
    if _is_value(source, match.start()):
        return False
    around = _SLOT.finditer(source.text, max(0, match.start() - _FORM), match.end() + _FORM)
    others = (slot for slot in around if not match.start() <= slot.start() < match.end())
    return any(not _INSERT.match(source.text, slot.start()) for slot in others)


def find_bare_gaps(source: Source) -> Iterator[tuple[int, int]]:
    """Yield bracketed words in running text, such as `[topic]`, that nothing explains.

    Where the prompt has variables of its own, lays out a format or speaks of brackets, they may be meant
    as they stand, and nothing is said.
    """
    if len(source.text) > _LONGEST_TEMPLATE or any(v.kind == "variable" for v in source.variables):
        return
    if _BRACKETS_EXPLAINED.search(source.text) or _NAMES_INPUT.search(source.prose):
        return
    if _PROGRAM.search(source.text):
        return
    sections = {match["name"] for match in _SECTION.finditer(source.text)}
    explained = {match["name"].lower() for match in _EXPLAINED.finditer(source.text)}
    for match in _BARE.finditer(source.prose):
        words = match["words"]
        if words in sections or explained & {*words.lower().split("/"), words.lower()}:
            continue
        if _INSERT.match(match[0]):
            continue
        if _has_label(source, match.start()) or _is_usage(source, match.start()):
            continue
        if not _is_shown(source, match.start()):
            yield match.span()
    last = _LAST_LINE.search(source.prose)
    if last and not _INSERT.match(last["gap"]):
        yield last.span("gap")


def _is_usage(source: Source, position: int) -> bool:
    """Whether the line is a heading or shows how a command is called: `/research [topic]`."""
    line_start = source.line_start(position)
    return bool(_USAGE.match(source.text, line_start, position))


def _has_label(source: Source, position: int) -> bool:
    """Whether the line is labelled, as in a form or a transcript ("Customer: It's [ORDER NUMBER]")."""
    line_start = source.line_start(position)
    return bool(_LABEL.match(source.text, line_start, position))


def _is_shown(source: Source, position: int) -> bool:
    line_start = source.line_start(position)
    before = source.text[max(line_start, position - 40) : position]
    return bool(_MENTIONED.search(before)) or _lays_out(source, position)


def _lays_out(source: Source, position: int) -> bool:
    """Whether a format is being laid out there: the line or one shortly above announces it."""
    line_start = source.line_start(position)
    if _FORMAT.search(source.text, max(line_start, position - _BEFORE), position):
        return True
    above = source.text[max(0, line_start - _BEFORE) : line_start].rstrip().split("\n")
    return any(
        _FORMAT.search(line) and line.rstrip().endswith((":", "：", "**")) for line in above[-6:]
    )
