"""Template variables: find them in every common syntax, fill in our own.

Prompts arrive in four families of placeholder. Only `{{name}}` is ours to fill; the others are found so
that lint can warn about a mixture and an edit can be checked to have left each one alone. What of them would
reach a model unfilled is the affair of `placeholders`.

The hard part is what is *not* a variable. Prompts are full of braces that mean something else: JSON
examples, code, LaTeX, dictionaries in an f-string. `{x}` counts only when it holds an identifier, and
within a code fence only when it stands on a line of its own.

Every scan is linear in the length of the text: no pattern can match the same stretch in two ways.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from assay_nb.errors import WrongUsage

Family = Literal["mustache", "brace", "dollar", "jinja"]
Kind = Literal["variable", "block"]


@dataclass(frozen=True, slots=True)
class Variable:
    """One placeholder as it stands in a text: `text == source[start:end]`, in code points.

    Attributes:
        name: The variable's name; of a block, its tag (`"for"`, `"endif"`, `"#each"`).
        family: `"mustache"` `{{x}}`, `"brace"` `{x}`, `"dollar"` `${x}`, or `"jinja"` (`{{ x|filter }}`
            and `{% … %}`). Plain `{{ x }}` is mustache, which Jinja reads the same.
        start: Where it begins.
        end: Where it ends, exclusive.
        text: The placeholder itself.
        kind: `"block"` for what steers the template (`{% if … %}`, `{{#each …}}`) and stands for no value.
        default: What `${Name:default}` gives after the colon.
    """

    name: str
    family: Family
    start: int
    end: int
    text: str
    kind: Kind = "variable"
    default: str | None = None


_NAME = r"[^\W\d]\w*"
_DOUBLE = re.compile(r"(?<!\$)\{\{([^{}]*)\}\}")
_SINGLE = re.compile(r"(\$?)\{([^{}\n]*)\}")
# Column names of a table may have spaces and hyphens, so ours may too.
_PLAIN = re.compile(rf"{_NAME}(?:[ .-]\w+)*")
_EXPRESSION = re.compile(
    rf"({_NAME})(?:\.{_NAME})*\s?(?:[|\[(+*/~<>=!-]|if\b|in\b|is\b|and\b|or\b)"
)
_FORMAT_FIELD = re.compile(
    rf"({_NAME}(?:\.{_NAME})*)(?:!\w)?(?::[<>=^+-]?\d*,?(?:\.\d+)?[a-zA-Z%]?)?"
)
_DOLLAR_FIELD = re.compile(rf"({_NAME}(?:[ .-]\w+)*)(?::(.*))?")
_BLOCK_TAG = re.compile(rf"[-+]?\s*({_NAME})")
INLINE_CODE = re.compile(r"`[^`\n]+`")
_FENCE_LINE = re.compile(
    r"^[ \t]{0,12}(?P<bullet>(?:[-*+]|\d{1,3}[.)])[ \t]{1,4})?(?P<marks>`{3,}|~{3,})", re.MULTILINE
)
_TEX_COMMAND = re.compile(r"\\[A-Za-z]+\*?$")
_CODE_PREFIX = re.compile(r"(?:\bimport |\bexport |\bfrom )$")
_FORMAT_STRING = re.compile(r"\b[fF][rR]?[\"']")
_LOOK_AROUND = 40


def find_variables(text: str) -> list[Variable]:
    """Return every template variable and block of `text`, in order; none overlap."""
    doubles = [*_find_doubles(text), *_find_jinja_blocks(text)]
    doubles.sort(key=lambda variable: variable.start)
    singles = list(_find_singles(text, doubles))
    return sorted([*doubles, *singles], key=lambda variable: variable.start)


def is_ours(variable: Variable) -> bool:
    """Whether a variable is filled here: `{{name}}`, and nothing else."""
    return variable.family == "mustache" and variable.kind == "variable"


def fill(text: str, values: Mapping[str, object]) -> str:
    """Return `text` with each `{{name}}` replaced by `str(values[name])`.

    Nothing else changes: single braces, JSON, Jinja and the last newline stay as they are, and a value
    that itself holds `{{…}}` is not filled again, so data cannot reach other variables.

    Raises:
        WrongUsage: If a variable has no value; the message lists all that are missing.
    """
    ours = [variable for variable in _find_doubles(text) if is_ours(variable)]
    missing = dict.fromkeys(v.name for v in ours if v.name not in values)
    if missing:
        raise _missing(list(missing), values)
    pieces: list[str] = []
    position = 0
    for variable in ours:
        pieces += [text[position : variable.start], str(values[variable.name])]
        position = variable.end
    return "".join([*pieces, text[position:]])


def _missing(names: list[str], values: Mapping[str, object]) -> WrongUsage:
    listed = ", ".join(f"{{{{{name}}}}}" for name in names)
    known = ", ".join(sorted(str(name) for name in values)[:12])
    return WrongUsage(
        f"The prompt's {'variable' if len(names) == 1 else 'variables'} {listed} "
        f"{'has' if len(names) == 1 else 'have'} no value.",
        hint=f"There are values for: {known}." if known else "No values were given.",
    )


def find_bound_names(text: str) -> frozenset[str]:
    """Return the names that the template's own blocks bind: loop, `set` and macro variables."""
    names: set[str] = set()
    for block in _find_jinja_blocks(text):
        head = block.text[2:-2].strip("-+ \t\r\n")[len(block.name) :]
        if block.name == "for":
            names.update(re.findall(_NAME, head.partition(" in ")[0]), {"loop"})
        elif block.name in {"set", "with"}:
            names.update(re.findall(_NAME, head.partition("=")[0]))
        elif block.name == "macro":
            names.update(re.findall(_NAME, head))
    return frozenset(names)


def find_fences(text: str) -> list[tuple[int, int]]:
    """Return the spans of the fenced code blocks, fence lines included.

    A fence closes with the same character, at least as long and with nothing behind it. One that never
    closes runs to the end, as Markdown has it.
    """
    fences: list[tuple[int, int]] = []
    opened: re.Match[str] | None = None
    for match in _FENCE_LINE.finditer(text):
        line_end = _line_end(text, match.end())
        if opened is None:
            if "`" not in text[match.end() : line_end]:
                opened = match
        elif _closes(opened, match, text[match.end() : line_end]):
            fences.append((opened.start(), line_end))
            opened = None
    return [*fences, (opened.start(), len(text))] if opened else fences


def _closes(opened: re.Match[str], match: re.Match[str], rest: str) -> bool:
    opening, closing = opened["marks"], match["marks"]
    alike = opening[0] == closing[0] and len(closing) >= len(opening)
    return alike and not match["bullet"] and not rest.strip("`~ \t\r")


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _find_doubles(text: str) -> Iterator[Variable]:
    for match in _DOUBLE.finditer(text):
        read = _read_double(match[1])
        if read is not None:
            name, family, kind = read
            yield Variable(name, family, match.start(), match.end(), match[0], kind)


def _read_double(inner: str) -> tuple[str, Family, Kind] | None:
    """Read what stands between `{{` and `}}`; None when it is no variable (escaped JSON, say)."""
    stripped = inner.strip()
    if stripped[:1] in {"#", "/", "^", ">", "!"} and stripped[1:].strip():
        return stripped[0] + stripped[1:].split()[0], "mustache", "block"
    if stripped == "else":
        return "else", "mustache", "block"
    body = stripped.strip("-").strip()
    words = body.split(" ")
    if _PLAIN.fullmatch(body) and not {"if", "is", "in", "not"} & set(words[1:]):
        return body, "jinja" if body != stripped else "mustache", "variable"
    expression = _EXPRESSION.match(body)
    return (expression[1], "jinja", "variable") if expression else None


def _find_jinja_blocks(text: str) -> Iterator[Variable]:
    for start, end in find_delimited(text, "{%", "%}"):
        if tag := _BLOCK_TAG.match(text, start + 2, end - 2):
            yield Variable(tag[1], "jinja", start, end, text[start:end], "block")


def find_delimited(text: str, opening: str, closing: str) -> Iterator[tuple[int, int]]:
    """Yield the spans from the last `opening` before each `closing`, both included."""
    position = 0
    while (close := text.find(closing, position)) >= 0:
        start = text.rfind(opening, position, close)
        position = close + len(closing)
        if start >= 0:
            yield start, position


def _find_singles(text: str, doubles: list[Variable]) -> Iterator[Variable]:
    """Find `{x}` and `${x}` outside the doubles, code and LaTeX."""
    taken = [(double.start, double.end) for double in doubles]
    fences = find_fences(text)
    tex_end = -1
    for match in _SINGLE.finditer(text):
        start, end = match.span()
        if covers(taken, start):
            continue
        if not match[1] and (start == tex_end or _follows_tex(text, start)):
            tex_end = end  # \frac{a}{b}: the second group belongs to the command too
            continue
        variable = _read_single(match)
        if variable is None or _is_escaped(text, start, end) or _is_code(text, start):
            continue
        if not covers(fences, start) or _is_alone_on_its_line(text, start, end):
            yield variable


def covers(spans: Sequence[tuple[int, int]], position: int) -> bool:
    """Whether one of the `spans` (in order, none overlapping) holds `position`."""
    index = bisect_right(spans, (position, sys.maxsize)) - 1
    return index >= 0 and position < spans[index][1]


def _read_single(match: re.Match[str]) -> Variable | None:
    if match[1]:
        field = _DOLLAR_FIELD.fullmatch(match[2])
        family: Family = "dollar"
    else:
        field = _FORMAT_FIELD.fullmatch(match[2])
        family = "brace"
    if field is None:
        return None
    default = field[2] if match[1] else None
    return Variable(field[1], family, *match.span(), match[0], default=default)


def _is_escaped(text: str, start: int, end: int) -> bool:
    """Whether the braces are doubled on either side: `{{x}` and `{x}}` name nothing."""
    return text[start - 1 : start] == "{" and text[end : end + 1] == "}"


def stands_in_code(text: str, start: int) -> bool:
    """Whether the brace at `start` belongs to LaTeX or to a line of code."""
    return _follows_tex(text, start) or _is_code(text, start)


def _follows_tex(text: str, start: int) -> bool:
    before = text[max(0, start - _LOOK_AROUND) : start]
    if before.endswith(("^", "\\")) or _TEX_COMMAND.search(before):
        return True
    # x_{i} is a subscript, user_{id} a variable: mathematics names things with one letter.
    return before.endswith("_") and not before[-3:-2].isalnum()


def _is_code(text: str, start: int) -> bool:
    before = _line_before(text, start)
    return bool(_CODE_PREFIX.search(before) or _FORMAT_STRING.search(before))


def _is_alone_on_its_line(text: str, start: int, end: int) -> bool:
    after = text[end : end + _LOOK_AROUND].partition("\n")[0]
    return not _line_before(text, start).strip() and not after.strip()


def _line_before(text: str, position: int) -> str:
    """Return the line up to `position`, at most a few words of it.

    A look at the whole line, for each variable on it, would be quadratic.
    """
    return text[max(0, position - _LOOK_AROUND) : position].rpartition("\n")[2]
