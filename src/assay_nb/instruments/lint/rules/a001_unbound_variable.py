"""A001: a placeholder that nobody will fill."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from assay_nb.instruments.lint.names import find_meant
from assay_nb.instruments.lint.rule import Hit, LintFix, Rule
from assay_nb.instruments.lint.source import Source
from assay_nb.text.english import cut
from assay_nb.text.templates import Variable, covers, find_bound_names

_BRACKETED = re.compile(
    r"[\[<](?:(?i:insert|fill in|add here|einfügen|einsetzen|insérer|insérez|à compléter|compléter|"
    r"insertar|inserte|rellenar|completar)\b|(?:YOUR|TODO|TBD|FIXME|IHR|IHRE|DEIN|VOTRE|SU|TU)\b)"
    r"[^\]>\n]{0,80}[\]>]"
)
_MARKER = re.compile(
    r"^[ \t]*(?:[-*#/]+[ \t]*)?(?:TODO|FIXME|TBD|XXX)\b(?:\([^)\n]{0,40}\))?(?::|[ \t\r]*$|[ \t]+[a-z])"
    r"|(?<=[:=(])[ \t]*(?:TODO|FIXME|TBD|XXX|\?\?\?)[ \t]*(?=[).;,\r]|$)",
    re.MULTILINE,
)
_FILLER = re.compile(r"\blorem ipsum dolor\b[^\n.]{0,200}", re.IGNORECASE)


def _check(source: Source) -> Iterator[Hit]:
    if source.bound is not None:
        yield from _unbound(source, source.bound)
    yield from _left_over(source)


def _unbound(source: Source, bound: Collection[str]) -> Iterator[Hit]:
    known = {*bound, *find_bound_names(source.text)}
    families = {v.family for v in source.variables if v.kind == "variable" and v.name in bound}
    for variable in source.variables:
        root = variable.name.partition(".")[0]
        if variable.kind == "block" or {variable.name, root} & known:
            continue
        meant = find_meant(variable.name, bound)
        if _is_filled(variable) or variable.family in families or meant:
            yield _hit(variable, meant)


def _is_filled(variable: Variable) -> bool:
    """Whether it is of the syntax that gets filled in; other braces may be meant as they stand."""
    has_default = variable.family == "jinja" and "default(" in variable.text
    return variable.family in {"mustache", "jinja"} and not has_default


def _hit(variable: Variable, meant: str | None) -> Hit:
    if meant is None:
        advice = "give it a value or take it out"
        fix = None
    else:
        advice = f"`{meant}` may be meant"
        fixed = variable.text.replace(variable.name, meant, 1)
        fix = LintFix(variable.start, variable.end, fixed)
    message = f"`{variable.text}` has no value, so the braces would reach the model: {advice}."
    return Hit(variable.start, variable.end, message, fix)


def _left_over(source: Source) -> Iterator[Hit]:
    # A gap such as <YOUR NAME> reads as a tag, which the prose leaves out.
    spoken_of = sorted([*source.quoted, *source.data_spans])
    brackets = (
        m for m in _BRACKETED.finditer(source.structure) if not covers(spoken_of, m.start())
    )
    for matches in (brackets, _MARKER.finditer(source.prose), _FILLER.finditer(source.prose)):
        for match in matches:
            start = match.start() + len(match[0]) - len(match[0].lstrip())
            words = source.structure[start : match.end()].rstrip()
            yield Hit(
                start,
                start + len(words),
                f"“{cut(words, 40)}” is a gap in the draft that the model would read as it stands: "
                "fill it in or take it out.",
            )


RULE = Rule(
    id="A001",
    name="unbound-variable",
    level="error",
    summary="A placeholder without a value, or a gap left over from the draft.",
    why="The model gets literal braces or “[INSERT NAME]”, and makes something up or repeats them.",
    bad="Write a reply to {{custmer}}. [INSERT COMPANY POLICY]",
    good="Write a reply to {{customer}}. Refunds are possible within 30 days.",
    check=_check,
)
