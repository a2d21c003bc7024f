"""Placeholders that are not filled: what a template of another kind would fill, and the model would get as it is.

Only `{{name}}` is filled here. A prompt that was written for an f-string, a shell or Jinja looks much like
one of ours, and a placeholder that is left in it goes out with every row. So a run looks for two things:

- a placeholder of another syntax whose name is one of the data's columns: it is sent, with a note;
- what steers a template (`{% if … %}`, `{{#each …}}`): such a prompt is refused, since it has to be rendered.

Text is not a placeholder. Code fences, JSON examples, Markdown links and tags that are closed are left alone,
and template blocks in code are an example of a template as long as nothing is filled in there.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Literal, NamedTuple

from assay_nb.errors import WrongUsage
from assay_nb.text.english import count, cut, join
from assay_nb.text.templates import (
    INLINE_CODE,
    covers,
    find_delimited,
    find_fences,
    find_variables,
    is_ours,
    stands_in_code,
)

PlaceholderFamily = Literal[
    "Jinja",
    "Handlebars",
    "an f-string's braces",
    "a shell-style variable",
    "a dollar sign beside the braces",
    "triple braces",
    "angle brackets",
    "square brackets",
    "lenticular brackets",
]


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A placeholder that would reach the model as it is: `text == prompt[start:end]`, in code points.

    Attributes:
        text: The placeholder itself.
        start: Where it begins.
        end: Where it ends, exclusive.
        line: Its line, from 1.
        column: Its place in the line, from 1.
        family: Whose syntax it is, in words.
        write: What to write in its place, such as `{{label}}`; None where no column has its name.
        is_block: Whether it steers a template, and so stands for no value.
    """

    text: str
    start: int
    end: int
    line: int
    column: int
    family: PlaceholderFamily
    write: str | None = None
    is_block: bool = False


class _Hit(NamedTuple):
    start: int
    end: int
    family: PlaceholderFamily
    name: str = ""
    is_block: bool = False


_MOST_SHOWN = 3
_LONGEST = 60
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_SPACED_BRACES = re.compile(r"(?<!\$)\{([^{}\n]+)\}")
_DOLLAR_BRACES = re.compile(r"\$\{\{([^{}\n]+)\}\}|\{\{\s?\$([^{}\n]+)\}\}")
_DOLLAR_NAME = re.compile(r"(?<![\w$\\])\$([^\W\d]\w*)")
_FILTERED = re.compile(r"\{\{([^{}|\n]+)\|[^{}\n]*\}\}")
_TRIMMED = re.compile(r"\{\{~([^{}]*)\}\}")
_BRACKETS: tuple[tuple[PlaceholderFamily, re.Pattern[str]], ...] = (
    ("angle brackets", re.compile(r"(?<!\w)<([^<>\n]+)>")),
    ("square brackets", re.compile(r"(?<![\w\])])\[([^\[\]\n]+)\](?![(\[]|: ?http)")),
    ("lenticular brackets", re.compile(r"【([^【】\n]+)】")),
)
_CLOSING_TAG = re.compile(r"</([^<>\n]+)>")
_CHECKBOX = re.compile(r"^[ \t]*[-*+] \[\w\](?= )", re.MULTILINE)
_BRACE = re.compile(r"[{}]")
_OBJECT = re.compile(r"\{\s{0,40}[\"'][^\"'\n]{1,80}[\"']\s{0,9}:")
_SEPARATORS = re.compile(r"[\s_-]+")


def find_placeholders(prompt: str, columns: Iterable[str]) -> list[Placeholder]:
    """Return what looks like a placeholder and would reach the model as it is, in order; none overlap.

    A name counts as a column's whatever its case, with blanks, hyphens and underscores alike.
    """
    return list(_find(prompt, tuple(columns)))


@lru_cache(maxsize=16)  # a run asks before it begins, and again for its result
def _find(prompt: str, columns: tuple[str, ...]) -> tuple[Placeholder, ...]:
    text = _Text(prompt, columns)
    hits = chain(text.find_blocks(), text.find_expressions(), text.find_names())
    return tuple(text.describe(sorted(hits)))


def describe_placeholders(found: Sequence[Placeholder]) -> tuple[str, ...]:
    """Return a sentence for each distinct placeholder that is sent, at most three and then a count."""
    distinct = {one.text: one for one in reversed(found) if not one.is_block}
    first = list(reversed(distinct.values()))
    rest = len(first) - _MOST_SHOWN
    told = [_describe(one) for one in first[:_MOST_SHOWN]]
    if rest > 0:
        told.append(
            f"{count(rest, 'more placeholder')} {'is' if rest == 1 else 'are'} not filled either."
        )
    return tuple(told)


def check_blocks(prompt: str, *, given: bool = False) -> None:
    """Raise `WrongUsage` if a prompt that is filled in holds blocks of a template, which are not run.

    It is filled in if it has a variable of ours, or if values are `given` for it. Any other prompt says what
    it says, and may be about templates.
    """
    if given or any(map(is_ours, find_variables(prompt))):
        blocks = [one for one in find_placeholders(prompt, ()) if one.is_block]
        if blocks:
            raise refuse_blocks(blocks)


def refuse_blocks(blocks: Sequence[Placeholder]) -> WrongUsage:
    """Return the refusal of a prompt for these blocks, with the name of their language."""
    language = blocks[0].family
    alike = dict.fromkeys(_quote(one.text) for one in blocks if one.family == language)
    shown = ", ".join([*list(alike)[:_MOST_SHOWN], *(["…"] if len(alike) > _MOST_SHOWN else [])])
    return WrongUsage(
        f"The prompt has {language} blocks from line {blocks[0].line} on ({shown}), which are not run here.",
        hint="Render the template first, or take the blocks out. A block that is only shown goes between "
        "backticks or into a code fence.",
    )


def refuse_unfilled(prompt: str, columns: Sequence[str]) -> WrongUsage:
    """Return the refusal of a prompt without a variable of ours, with the names of those that it has."""
    found = find_placeholders(prompt, columns)
    if blocks := [one for one in found if one.is_block]:
        return refuse_blocks(blocks)
    texts = list(dict.fromkeys(_quote(one.text) for one in found))
    if not texts:  # no column has such a name
        others = [v.text for v in find_variables(prompt) if v.kind == "variable"]
        texts = list(dict.fromkeys(map(_quote, others)))
    write = list(dict.fromkeys(one.write for one in found if one.write))[:_MOST_SHOWN]
    column = columns[0] if columns else "name"
    hint = f"Write {join(write)}." if write else f"Put a column into it: {{{{{column}}}}}."
    same = "so every row would be the same call."
    if found and found[0].family == "Jinja":
        return WrongUsage(f"{texts[0]} is Jinja, which is not run here, {same}", hint=hint)
    if not texts:
        return WrongUsage(f"The prompt has no variable, {same}", hint=hint)
    listed = join(texts) if len(texts) <= _MOST_SHOWN else f"{', '.join(texts[:_MOST_SHOWN])}, …"
    is_ = "is" if len(texts) == 1 else "are"
    return WrongUsage(f"{listed} {is_} not filled in here, {same}", hint=hint)


def _describe(one: Placeholder) -> str:
    place = f" in line {one.line}" if one.line > 1 else ""
    text = f"{_quote(one.text)}{place}"
    if one.family == "triple braces":
        return f"{text} keeps its outer braces: write `{one.write}` to put the column there alone."
    instead = f": write `{one.write}` to put the column there" if one.write else ""
    if one.family in {"Jinja", "Handlebars"}:
        return f"{text} is {one.family}, which is not run here, and is sent as it stands{instead}."
    return f"{text} is sent as it stands{instead}."


def _quote(text: str) -> str:
    return f"`{cut(' '.join(text.split()), _LONGEST)}`"


class _Text:
    """A prompt with what tells a placeholder from text: what is filled, what is code, what is JSON."""

    def __init__(self, prompt: str, columns: Sequence[str]) -> None:
        self._prompt = prompt
        self._names = frozenset(columns)
        self._columns = {_normalise(name): name for name in reversed(columns) if _is_fillable(name)}
        self._variables = find_variables(prompt)
        self._ours = [variable for variable in self._variables if is_ours(variable)]
        self._filled = {_normalise(variable.name) for variable in self._ours}
        self._doubles = [
            (v.start, v.end) for v in self._variables if v.text.startswith(("{{", "{%"))
        ]
        self._fences = find_fences(prompt)
        self._code = [match.span() for match in INLINE_CODE.finditer(prompt)]
        self._objects = _find_objects(prompt)
        self._closed = {_normalise(match[1]) for match in _CLOSING_TAG.finditer(prompt)}
        self._boxes = {match.end() - 3 for match in _CHECKBOX.finditer(prompt)}
        self._examples = [self._unfilled(self._fences), self._unfilled(self._code)]
        self._shapes = self._unfilled(self._objects)

    def _unfilled(self, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return the spans without a variable of ours: nobody fills in what only shows something."""
        starts = [variable.start for variable in self._ours]
        return [
            (start, end)
            for start, end in spans
            if bisect_left(starts, start) == bisect_left(starts, end)
        ]

    def describe(self, hits: Iterable[_Hit]) -> Iterator[Placeholder]:
        """Yield the hits with their places, the first of those that overlap."""
        lines = [match.start() for match in re.finditer("\n", self._prompt)]
        position = 0
        for hit in hits:
            if hit.start < position:
                continue
            position = hit.end
            line = bisect_left(lines, hit.start)
            column = hit.start - (lines[line - 1] if line else -1)
            name = self._find_column(hit.name)
            yield Placeholder(
                self._prompt[hit.start : hit.end],
                hit.start,
                hit.end,
                line + 1,
                column,
                hit.family,
                None if name is None else f"{{{{{name}}}}}",
                hit.is_block,
            )

    def find_blocks(self) -> Iterator[_Hit]:
        """Yield what steers a template, unless it is an example in code."""
        for v in self._variables:
            if self._is_example(v.start):
                continue
            if v.kind == "block" and v.family == "jinja":
                yield _Hit(v.start, v.end, "Jinja", is_block=True)
            elif v.kind == "block" or (v.name == "else" and v.family == "jinja"):
                yield _Hit(v.start, v.end, "Handlebars", is_block=True)
        for start, end in find_delimited(self._prompt, "{#", "#}"):
            escaped = self._prompt[start - 1 : start] == "{"
            if not escaped and not self._is_example(start):
                yield _Hit(start, end, "Jinja", is_block=True)

    def find_expressions(self) -> Iterator[_Hit]:
        """Yield expressions of a template language, and braces that filling would leave around a value."""
        for v in self._variables:
            if v.kind == "block" or v.name == "else" or self._is_example(v.start):
                continue
            is_attribute = is_ours(v) and "." in v.name and v.name not in self._names
            if v.family == "jinja" or is_attribute:
                yield _Hit(v.start, v.end, "Jinja", v.name)
            elif is_ours(v) and self._has_outer_braces(v.start, v.end):
                yield _Hit(v.start - 1, v.end + 1, "triple braces", v.name)
        for match in _TRIMMED.finditer(self._prompt):
            inner = match[1].strip("~ ")
            if inner and not self._is_example(match.start()):
                is_block = inner[0] in "#/^>!" or inner.startswith("else")
                yield _Hit(*match.span(), "Handlebars", "" if is_block else inner, is_block)

    def find_names(self) -> Iterator[_Hit]:
        """Yield columns' names in another syntax than ours."""
        for hit in self._find_candidates():
            if self._find_column(hit.name) is not None and not covers(self._fences, hit.start):
                yield hit

    def _find_candidates(self) -> Iterator[_Hit]:
        for v in self._variables:
            if v.family in {"brace", "dollar"} and not covers(self._shapes, v.start):
                dollar = v.family == "dollar"
                family = "a shell-style variable" if dollar else "an f-string's braces"
                yield _Hit(v.start, v.end, family, v.name)
        for match in _SPACED_BRACES.finditer(self._prompt):
            # An identifier alone was judged by `find_variables`.
            if not _IDENTIFIER.fullmatch(match[1]) and self._is_outside(match.start()):
                yield _Hit(*match.span(), "an f-string's braces", match[1])
        for match in _DOLLAR_BRACES.finditer(self._prompt):
            yield _Hit(*match.span(), "a dollar sign beside the braces", match[1] or match[2])
        for match in _DOLLAR_NAME.finditer(self._prompt):
            is_formula = self._prompt.startswith("$", match.end())
            if not is_formula and self._is_outside(match.start()):
                yield _Hit(*match.span(), "a shell-style variable", match[1])
        for match in _FILTERED.finditer(self._prompt):  # a name with blanks, which Jinja has not
            if not covers(self._doubles, match.start()) and not self._is_example(match.start()):
                yield _Hit(*match.span(), "Jinja", match[1])
        yield from self._find_bracketed()

    def _find_bracketed(self) -> Iterator[_Hit]:
        """Yield names in brackets, where they neither mark the column's own place nor show a reply."""
        for family, pattern in _BRACKETS:
            for match in pattern.finditer(self._prompt):
                start, name = match.start(), _normalise(match[1])
                is_tag = family == "angle brackets" and name in self._closed
                is_label = name in self._filled or is_tag or start in self._boxes
                is_code = covers(self._code, start) or covers(self._objects, start)
                if not is_label and not is_code and "." not in name:
                    yield _Hit(*match.span(), family, match[1])

    def _find_column(self, name: str) -> str | None:
        """Return the column that a name stands for, or that an attribute of it is asked for."""
        return self._columns.get(_normalise(name)) or self._columns.get(
            _normalise(name.partition(".")[0])
        )

    def _is_outside(self, start: int) -> bool:
        """Whether a place is in no variable that was found, no JSON example and no code."""
        taken = covers(self._doubles, start) or covers(self._shapes, start)
        return not taken and not stands_in_code(self._prompt, start)

    def _is_example(self, start: int) -> bool:
        return any(covers(spans, start) for spans in self._examples)

    def _has_outer_braces(self, start: int, end: int) -> bool:
        around = self._prompt[start - 1 : start] + self._prompt[end : end + 1]
        is_text = covers(self._objects, start) or stands_in_code(self._prompt, start - 1)
        return around == "{}" and not is_text


def _normalise(name: str) -> str:
    return _SEPARATORS.sub(" ", name.strip()).casefold()


def _is_fillable(name: str) -> bool:
    """Whether `{{name}}` would be filled."""
    text = f"{{{{{name}}}}}"
    return [(v.text, is_ours(v)) for v in find_variables(text)] == [(text, True)]


def _find_objects(text: str) -> list[tuple[int, int]]:
    """Return the outermost JSON objects. Doubled braces are a template's, and what is in them is filled."""
    spans: list[tuple[int, int]] = []
    opened: list[int] = []
    for match in _BRACE.finditer(text):
        if match[0] == "{":
            opened.append(match.start())
        elif opened:
            start = opened.pop()
            if text[start - 1 : start] != "{" and _OBJECT.match(text, start):
                while spans and spans[-1][0] > start:
                    spans.pop()
                spans.append((start, match.end()))
    return spans
