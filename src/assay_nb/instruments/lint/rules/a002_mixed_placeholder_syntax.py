"""A002: one variable written in two ways."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from assay_nb.instruments.lint.rule import Hit, LintFix, Rule
from assay_nb.instruments.lint.source import Source
from assay_nb.text.templates import Variable, covers

_SHORTEST_NAME, _LONGEST_NAME = 3, 60
_FEWEST_NAMES = 2
_REACH = 40
_LABELS = re.compile(r"[ \t]*[:=：][ \t]*\$?\{")
_TAKES = re.compile(r"(?:\\[A-Za-z]+|[_^}]|\w\()\Z")


def _check(source: Source) -> Iterator[Hit]:
    placeholders = list(_placeholders(source))
    yield from _mixed(source, placeholders)
    yield from _two_ways(source, placeholders)
    yield from _cased(source, placeholders)


def _placeholders(source: Source) -> Iterator[Variable]:
    """Yield the variables that are meant to be filled in, without those that the prompt shows or explains."""
    shown = {
        v.name
        for v in source.variables
        if v.family in {"brace", "dollar"}
        and (covers(source.quoted, v.start) or _is_code(source, v))
    }
    for variable in source.variables:
        name = variable.name
        if (
            variable.kind == "block"
            or name in source.bound_in_blocks | shown
            or variable.start < source.front_matter
        ):
            continue
        shown_there = covers(source.json_spans, variable.start) or covers(
            source.demos, variable.start
        )
        if not (shown_there or _is_argument(source, variable) or _is_label(source, variable)):
            yield variable


def _is_label(source: Source, variable: Variable) -> bool:
    """Whether it names what is filled in behind it: `{answer}: {{ answer }}`."""
    return bool(_LABELS.match(source.text, variable.end))


def _is_argument(source: Source, variable: Variable) -> bool:
    """Whether it is what a call or a TeX command takes: `save({path})`, or a fraction in doubled braces."""
    return bool(_TAKES.search(source.text, max(0, variable.start - _REACH), variable.start))


def _is_code(source: Source, variable: Variable) -> bool:
    return source.in_fence(variable.start) or covers(source.inline_code, variable.start)


def _mixed(source: Source, placeholders: list[Variable]) -> Iterator[Hit]:
    """Report `{user}` where `{{user}}` or `${user}` is there as well: only one of the two is filled in."""
    doubles = {v.name for v in placeholders if v.family in {"mustache", "jinja"}}
    doubles.update(source.bound or ())
    dollars = {v.name for v in placeholders if v.family == "dollar"}
    for variable in placeholders:
        if variable.family in {"brace", "dollar"} and variable.name in doubles:
            yield _hit(variable, f"{{{{{variable.name}}}}}")
        elif variable.family == "brace" and variable.name in dollars:
            yield _hit(variable, f"${{{variable.name}}}")


def _two_ways(source: Source, placeholders: list[Variable]) -> Iterator[Hit]:
    """Report the first `{country}` beside `${user}`: whatever fills in one leaves the other."""
    if source.bound is not None or any(v.family in {"mustache", "jinja"} for v in source.variables):
        return
    in_prose = [v for v in placeholders if source.prose[v.start : v.end].strip()]
    dollars = [v for v in in_prose if v.family == "dollar" and not v.name.isupper()]
    braces = [v for v in in_prose if v.family == "brace"]
    names = {v.name for v in dollars}, {v.name for v in braces}
    if names[0] & names[1] or min(map(len, names)) < _FEWEST_NAMES:
        return  # one alone is as likely a pattern that is shown
    rarer, other = sorted((dollars, braces), key=len)
    yield Hit(
        rarer[0].start,
        rarer[0].end,
        f"`{rarer[0].text}` and `{other[0].text}` are two ways to write a variable, and whatever fills in one "
        "leaves the other as it is: write both alike.",
        level="warning",
    )


def _hit(variable: Variable, wanted: str) -> Hit:
    return Hit(
        variable.start,
        variable.end,
        f"`{variable.text}` is not filled in where `{wanted}` is, so the model gets it with its braces: write "
        f"`{wanted}`.",
        LintFix(variable.start, variable.end, wanted),
    )


def _cased(source: Source, placeholders: list[Variable]) -> Iterator[Hit]:
    """Report the rarer of two names that differ in capitals alone, such as `{Name}` and `{name}`."""
    if source.bound is not None:
        return
    first: dict[tuple[str, str], Variable] = {}
    uses: defaultdict[str, int] = defaultdict(int)
    spellings: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for variable in placeholders:
        uses[variable.name] += 1
        family = "mustache" if variable.family == "jinja" else variable.family
        is_name = _SHORTEST_NAME <= len(variable.name) <= _LONGEST_NAME
        if first.setdefault((family, variable.name), variable) is variable and is_name:
            spellings[family, variable.name.lower()].append(variable.name)
    for (family, _), names in spellings.items():
        usual, *others = sorted(names, key=lambda name: (-uses[name], first[family, name].start))
        for rare in others:
            yield Hit(
                first[family, rare].start,
                first[family, rare].end,
                f"`{rare}` and `{usual}` differ in capitals alone, and one of the two stays empty: write "
                f"`{usual}`.",
            )


RULE = Rule(
    id="A002",
    name="mixed-placeholder-syntax",
    level="error",
    summary="One variable in two placeholder syntaxes, or with and without capitals.",
    why="Only one of them is filled in; the other reaches the model with its braces.",
    bad="Greet {{user}} and thank {user} for the order.",
    good="Greet {{user}} and thank {{user}} for the order.",
    check=_check,
)
