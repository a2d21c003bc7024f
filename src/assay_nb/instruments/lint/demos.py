"""Demonstrations in a prompt: few-shot examples, sample replies and the turns of a sample chat.

What is shown is not what is asked for: rules about instructions leave it out.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import chain, pairwise

_WORDS = (
    r"(?:examples?|few[- ]?shots?|samples?|demonstrations?|exemples?|beispiele?|ejemplos?|esempi[oi]?|"
    r"exemplos?|voorbeeld(?:en)?|örnek(?:ler)?|пример(?:ы)?|例子|示例|範例|案例|例|예시|예)"
)
_HEADING = re.compile(r"^[ \t]{0,3}(?P<marks>#{1,6})[ \t]*(?P<title>[^\n]{0,120})$", re.MULTILINE)
_SHOWS = re.compile(rf"(?i)(?<!\w){_WORDS}(?!\w)|{_WORDS}[ \t]*\d")
_LABEL = re.compile(
    rf"(?im)^[ \t]*(?:[-*>]+[ \t]+)?(?:\*\*|<)?(?:[^\W\d]+ ){{0,3}}{_WORDS}(?: [^\W\d]+){{0,3}}"
    r"[ \t]*[#\d]{0,3}[ \t]*(?:\([^)\n]{0,40}\))?(?:\*\*)?[ \t]*(?::|：)(?:\*\*)?"
)
_TITLE = re.compile(
    r"^[ \t]*(?:[A-Z0-9][A-Z0-9 /&-]{0,40} )?(?:EXAMPLES?|SAMPLES?)(?: [A-Z0-9][A-Z0-9 /&()-]{0,40})?[ \t\r]*$",
    re.MULTILINE,
)
_INTRODUCES = re.compile(
    r"(?im)^[^\n]{0,200}\b(?:for example|e\.g\.|for instance|like this|as follows|(?:this|following|"
    r"exact)"
    r"(?: \w+){0,2} (?:format|template|form|structure|way)|format is|format should be|zum beispiel|"
    r"par exemple|por ejemplo|per esempio|por exemplo)[^\n.]{0,24}[:：][ \t\r*]*$"
)
_END = re.compile(r"(?im)^[ \t#*-]*end(?: of)?(?: the)?(?: \w+)? (?:examples?|samples?)\b[^\n]*$")
_PARAGRAPH = re.compile(r"\n[ \t\r]*\n")
_LABELLED = re.compile(
    r"[ \t]*(?:[-*>#]+[ \t]*|\d{1,3}[.)][ \t]*)?(?:\*\*)?[^\n:：.!?]{1,40}(?::|：)|[ \t]{2,}\S|"
    r"[ \t]*[<{\[\"'`“|>-]"
)
_ROLE = re.compile(
    r"(?im)^[ \t]*(?:#{1,3}[ \t]*)?(?P<role>system|developer|user|assistant|human|ai|function|"
    r"tool)[ \t]*:[ \t]*$"
)
_TURN = re.compile(
    r"(?im)^[ \t]*(?:[-*>#]+[ \t]*)?(?:\*\*)?(?P<label>q|question|input|user|human|student|customer|"
    r"text|review|tweet|"
    r"sentence|frage|eingabe|pregunta|entrada|entrée|问题|输入|問|"
    r"(?P<reply>a|answer|output|assistant|ai|bot|label|sentiment|response|antwort|ausgabe|respuesta|"
    r"salida|"
    r"réponse|sortie|答案|输出|回答|答))[ \t]*\d{0,3}(?:\*\*)?[ \t]*(?::|：)(?:\*\*)?(?P<said>[^\n]*)$"
)
_FEWEST_PAIRS = 2


def find_demos(text: str) -> list[tuple[int, int]]:
    """Return the stretches that show rather than ask, in order; they may touch, none overlap."""
    found = [*_headed(text), *_labelled(text), *_turns(text), *_pairs(text)]
    return _merge(found)


def _merge(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return merged


def _headed(text: str) -> Iterator[tuple[int, int]]:
    """Yield what stands under a heading that speaks of examples, to the next of its level."""
    headings = list(_HEADING.finditer(text))
    ends = _starts(_END, text)
    waiting: list[re.Match[str]] = []
    for heading in headings:
        level = len(heading["marks"])
        while waiting and len(waiting[-1]["marks"]) >= level:
            yield _until(waiting.pop().end(), heading.start(), ends)
        if _SHOWS.search(heading["title"]):
            waiting.append(heading)
    for heading in waiting:
        yield _until(heading.end(), len(text), ends)


def _until(start: int, end: int, ends: list[int]) -> tuple[int, int]:
    return start, min(_next(ends, start, end), end)


def _starts(pattern: re.Pattern[str], text: str) -> list[int]:
    return [match.start() for match in pattern.finditer(text)]


def _next(places: list[int], position: int, otherwise: int) -> int:
    """Return the first of the ascending `places` that is not before `position`."""
    index = bisect_left(places, position)
    return places[index] if index < len(places) else otherwise


def _labelled(text: str) -> Iterator[tuple[int, int]]:
    """Yield what follows `Example:`, to an end marker or the first paragraph that reads as prose."""
    after = -1
    ends, headings = _starts(_END, text), _starts(_HEADING, text)
    starts = sorted(
        chain.from_iterable(kind.finditer(text) for kind in (_LABEL, _INTRODUCES, _TITLE)),
        key=lambda m: m.start(),
    )
    for match in starts:
        if match.start() < after:
            continue
        position = match.end()
        end = _next(ends, position, len(text))
        heading = _next(headings, position, len(text))
        after = end if end < heading else _end_of_shown(text, position, heading)
        yield match.end(), after


def _end_of_shown(text: str, start: int, most: int) -> int:
    position = start
    shown = False
    for gap in _PARAGRAPH.finditer(text, start, most):
        shown = shown or bool(text[position : gap.start()].strip())
        if shown and not _LABELLED.match(text, gap.end()):
            return gap.start()
        position = gap.end()
    return most


def _turns(text: str) -> Iterator[tuple[int, int]]:
    """Yield sample turns of a chat: what the assistant said, and what was said to it before."""
    marks = list(_ROLE.finditer(text))
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    turns = [
        (mark["role"].lower(), mark.end(), end) for mark, end in zip(marks, ends, strict=False)
    ]
    replied = False  # whether the next turn is a reply that says something
    for role, start, end in reversed(turns):
        says, is_reply = bool(text[start:end].strip()), role in {"assistant", "ai"}
        if says and (is_reply or (role in {"user", "human"} and replied)):
            yield start, end
        replied = says and is_reply


def _pairs(text: str) -> Iterator[tuple[int, int]]:
    """Yield labelled questions with their answers, where there are several: `Q: …`, `A: …`."""
    turns = list(_TURN.finditer(text))
    gaps = _starts(_PARAGRAPH, text)
    pairs = [
        (asked, replied)
        for asked, replied in pairwise(turns)
        if not asked["reply"] and replied["reply"]
    ]
    answered = [
        (asked.start(), _next(gaps, replied.end(), len(text)))
        for asked, replied in pairs
        if replied["said"].strip() or text[replied.end() : replied.end() + 2].strip()
    ]
    if len(answered) >= _FEWEST_PAIRS:
        yield from answered
