"""A001: a placeholder that nobody will fill."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from assay_nb.instruments.lint.gaps import find_bare_gaps, find_gaps
from assay_nb.instruments.lint.names import find_meant
from assay_nb.instruments.lint.rule import Hit, LintFix, Rule
from assay_nb.instruments.lint.source import Source
from assay_nb.text.english import cut
from assay_nb.text.templates import Variable


def _check(source: Source) -> Iterator[Hit]:
    if source.bound is not None:
        yield from _unbound(source, source.bound)
    for start, end in find_gaps(source):
        words = cut(source.text[start:end], 40)
        yield Hit(
            start,
            end,
            f"“{words}” is a gap in the draft that the model would read as it stands: fill it in or delete it.",
        )
    for start, end in find_bare_gaps(source):
        words = cut(source.text[start:end], 40)
        yield Hit(
            start,
            end,
            f"“{words}” looks like a gap in the draft, and the model gets the brackets as they stand: fill it "
            "in, or make it a variable.",
            level="warning",
        )


def _unbound(source: Source, bound: Collection[str]) -> Iterator[Hit]:
    known = {*bound, *source.bound_in_blocks}
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
        advice = "give it a value or delete it"
        fix = None
    else:
        advice = f"`{meant}` may be meant"
        ours = variable.family in {"mustache", "jinja"}
        fixed = variable.text.replace(variable.name, meant, 1) if ours else f"{{{{{meant}}}}}"
        fix = LintFix(variable.start, variable.end, fixed)
    message = f"`{variable.text}` has no value, so the braces would reach the model: {advice}."
    return Hit(variable.start, variable.end, message, fix)


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
