"""A002: two ways to write a variable in one prompt, or two names for one."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import islice

from assay_nb.instruments.lint.names import is_slip
from assay_nb.instruments.lint.rule import Hit, LintFix, Rule
from assay_nb.instruments.lint.source import Source
from assay_nb.text.templates import Variable, covers, find_bound_names

_PATTERN_WORD = re.compile(
    r"(?i)\b(?:format|form|template|pattern|exactly|modèle|forme|vorlage|form|muster|plantilla|formato)\b"
)
_MOST_NAMES = 60
_SHORTEST_NAME = 4


def _check(source: Source) -> Iterator[Hit]:
    variables = [v for v in source.variables if v.kind == "variable"]
    ours = dict.fromkeys(v.name for v in variables if v.family in {"mustache", "jinja"})
    if ours:
        for variable in variables:
            if variable.family in {"brace", "dollar"} and _is_meant(source, variable, ours):
                yield _mixed(variable, ours)
    if source.bound is None:
        yield from _twins(source, variables)


def _is_meant(source: Source, variable: Variable, ours: Collection[str]) -> bool:
    """Whether it is meant to be filled in, rather than to show the model a pattern."""
    if variable.name in ours or variable.name in (source.bound or ()):
        return True
    if any(is_slip(variable.name, name) for name in islice(ours, _MOST_NAMES)):
        return True
    start, _ = source.line_span(variable.start)
    quoted = not source.prose[variable.start : variable.end].strip()
    above = source.text[max(0, start - 160) : variable.start]
    return not quoted and not _PATTERN_WORD.search(above)


def _mixed(variable: Variable, ours: Collection[str]) -> Hit:
    fix = None
    if variable.name in ours:
        fix = LintFix(variable.start, variable.end, f"{{{{{variable.name}}}}}")
    return Hit(
        variable.start,
        variable.end,
        f"`{variable.text}` is not filled in where `{{{{name}}}}` is, so the model gets it with its braces: "
        f"write `{{{{{variable.name}}}}}`.",
        fix,
    )


def _twins(source: Source, variables: list[Variable]) -> Iterator[Hit]:
    """Report the rarer of two names that differ by a slip of the finger."""
    own = find_bound_names(source.text)
    variables = [v for v in variables if v.name not in own and _is_named_with_care(source, v)]
    counts = Counter(v.name for v in variables)
    first = {v.name: v for v in reversed(variables)}
    for written, meant in _slips(list(counts)):
        rare, usual = sorted((written, meant), key=lambda name: (counts[name], -first[name].start))
        variable = first[rare]
        yield Hit(
            variable.start,
            variable.end,
            f"`{rare}` and `{usual}` look like one variable spelled in two ways, of which one would stay "
            "empty: use one name.",
        )


def _is_named_with_care(source: Source, variable: Variable) -> bool:
    """Whether a likeness of its name means something: `{tid}` in a code example is no slip of `{sid}`."""
    spoken_of = variable.family in {"brace", "dollar"} and covers(
        source.inline_code, variable.start
    )
    return len(variable.name) >= _SHORTEST_NAME and "." not in variable.name and not spoken_of


def _slips(names: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of names that differ by a slip.

    Sorted by length, a name is compared with its neighbours only: prompts have few variables, and a
    text that has thousands is no prompt.
    """
    ordered = sorted(names, key=lambda name: (len(name), name))
    lengths = [len(name) for name in ordered]
    for index, name in enumerate(ordered):
        last = min(bisect_right(lengths, len(name) + 1), index + 1 + _MOST_NAMES)
        for other in ordered[index + 1 : last]:
            if is_slip(other, name):
                yield other, name


RULE = Rule(
    id="A002",
    name="mixed-placeholder-syntax",
    level="error",
    summary="Two placeholder syntaxes in one prompt, or two names that differ by a slip.",
    why="Only one of them is filled in; the other reaches the model with its braces.",
    bad="Greet {{user}} and thank {user} for the order.",
    good="Greet {{user}} and thank {{user}} for the order.",
    check=_check,
)
