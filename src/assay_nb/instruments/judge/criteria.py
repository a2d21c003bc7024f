"""Criteria that an output is judged by: weighted, each answered by itself.

A criterion is answered yes or no, or on a scale from 1 to 5 where a matter of degree is meant. The total
is made by code from the answers; a model is never asked for one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias, cast

from assay_nb.errors import WrongUsage
from assay_nb.instruments.base import Line

Scale = Literal["yes/no", "1-5"]
ANSWERS: Mapping[Scale, tuple[str, ...]] = {"yes/no": ("yes", "no"), "1-5": tuple("12345")}
MOST_CRITERIA = 20

_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+")
_MARK = re.compile(r"^\[\s*(must|\d{1,3}(?:\.\d{1,3})?)\s*\]\s*", re.IGNORECASE)
_DEGREE = re.compile(r"\s*\(\s*1\s*[-–]\s*5\s*\)\s*[.]?$")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Criterion(Line):
    """One thing that a good output does.

    Attributes:
        id: `c1`, `c2` and so on.
        text: A statement that holds of a good output.
        weight: How much it counts.
        scale: Answered yes or no, or from 1 to 5.
        must: An output that fails it scores 0, whatever else it does.
    """

    id: str
    text: str
    weight: float = 1.0
    scale: Scale = "yes/no"
    must: bool = False

    def __str__(self) -> str:
        marks = (f"[{self.weight:g}] " if self.weight != 1 else "") + (
            "[must] " if self.must else ""
        )
        return f"{self.id}: {marks}{self.text}"

    def value_of(self, answer: str) -> float:
        """Return an answer as a share from 0 to 1."""
        return float(answer == "yes") if self.scale == "yes/no" else (int(answer) - 1) / 4

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


RubricLike: TypeAlias = "str | Sequence[str | Mapping[str, Any] | Criterion]"

DEFAULT_RUBRIC = """\
- [2] It does the task that was set, whole, and not another one.
- Everything that it states follows from the material it was given, or is common knowledge.
- It has the form, the length and the language that were asked for.
"""


def parse_rubric(rubric: RubricLike) -> tuple[Criterion, ...]:
    """Return the criteria of a rubric.

    As text it has one criterion a line: `- [2] It names the order id.` counts double, `[must]` makes
    the whole output fail with it, and `(1-5)` at the end asks for a degree. As a list it has such lines,
    or mappings with `text` and, if they matter, `weight`, `scale` and `must`.

    Raises:
        WrongUsage: If there is no criterion in it, or one that cannot be read.
    """
    given = rubric.splitlines() if isinstance(rubric, str) else list(rubric)
    lines = [line for line in given if not (isinstance(line, str) and _is_aside(line))]
    if not lines:
        raise WrongUsage(
            "The rubric has no criteria.", hint="One a line: `- [2] It names the order id.`"
        )
    if len(lines) > MOST_CRITERIA:
        raise WrongUsage(
            f"The rubric has {len(lines)} criteria; {MOST_CRITERIA} at most are judged."
        )
    return tuple(_read(f"c{number}", line) for number, line in enumerate(lines, 1))


def _is_aside(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _read(name: str, line: object) -> Criterion:
    if isinstance(line, Criterion):
        return _check(replace(line, id=name))
    if isinstance(line, str):
        return _check(_read_line(name, line))
    if isinstance(line, Mapping):
        fields = dict(cast("Mapping[str, Any]", line))
        fields["id"] = name
        try:
            return _check(Criterion(**fields))
        except TypeError:
            pass
    raise WrongUsage(
        f"Criterion {name[1:]} of the rubric cannot be read.",
        hint="It is a line of text, or a mapping with text, weight, scale and must.",
    )


def _read_line(name: str, line: str) -> Criterion:
    text = _BULLET.sub("", line, count=1)
    weight, must = 1.0, False
    while mark := _MARK.match(text):
        must = must or mark[1].lower() == "must"
        weight = weight if mark[1].lower() == "must" else float(mark[1])
        text = text[mark.end() :]
    scale: Scale = "1-5" if _DEGREE.search(text) else "yes/no"
    return Criterion(
        id=name, text=_DEGREE.sub("", text).strip(), weight=weight, scale=scale, must=must
    )


def _check(criterion: Criterion) -> Criterion:
    known = criterion.scale in ANSWERS
    if not known or not criterion.text.strip() or not criterion.weight > 0:
        raise WrongUsage(
            f"Criterion {criterion.id[1:]} of the rubric needs words, a weight above 0, and the scale "
            "yes/no or 1-5."
        )
    return criterion
