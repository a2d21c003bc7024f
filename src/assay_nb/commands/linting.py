"""Lint reports for files: a card for each file, or what editors, hooks and CI read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from assay_nb.commands.outcome import Outcome
from assay_nb.errors import WrongUsage
from assay_nb.instruments.lint import LintReport
from assay_nb.instruments.lint.report import number_alike
from assay_nb.render.annotations import Annotation, to_github, to_junit, to_lines
from assay_nb.render.document import Block, Callout, Document, Heading, sentence

Written = Literal["text", "json", "github", "junit"]
"""The forms that programs read."""

MOST_LISTED = 20
"""Findings of one rule in one file that get a line each."""


@dataclass(frozen=True, slots=True)
class Linted:
    """A file, and what lint says about it or why it could not be checked."""

    file: str
    result: LintReport | WrongUsage

    def exit_status(self, *, strict: bool) -> int:
        """Return 0 where it is fine, 1 where lint found something, 2 where it could not be checked."""
        if isinstance(self.result, WrongUsage):
            return self.result.exit_status
        counts = self.result.counts
        bad = counts["error"] or (strict and (counts["warning"] or not self.result.text.strip()))
        return int(bool(bad))

    def to_dict(self) -> dict[str, Any]:
        if isinstance(self.result, WrongUsage):
            return {"file": self.file, "error": self.result.to_dict()}
        return {"file": self.file, **self.result.to_dict()}

    def blocks(self) -> list[Block]:
        """Return the file's card."""
        if isinstance(self.result, WrongUsage):
            return [Heading(self.file, 2), Callout("bad", sentence(str(self.result)))]
        return [Heading(self.file, 2), *self.result.to_document().blocks]

    def annotations(self) -> list[Annotation]:
        """Return one annotation for each finding, or the one that says why there is none."""
        if isinstance(self.result, WrongUsage):
            return [Annotation(self.file, 1, 1, "unchecked", "", self.result.message)]
        if not self.result.text.strip():
            return [Annotation(self.file, 1, 1, "warning", "", "The prompt is empty.")]
        return [
            Annotation(self.file, one.line, one.column, one.level, one.rule, one.message)
            for one in self.result.findings
        ]


def show_linted(linted: Sequence[Linted], *, strict: bool, cards: bool) -> Outcome:
    """Return what is shown of all files; the worst of them decides the exit status."""
    blocks = [block for one in linted for block in one.blocks()] if cards else []
    status = max(one.exit_status(strict=strict) for one in linted)
    return Outcome(Document(blocks), [one.to_dict() for one in linted], exit_status=status)


def write_linted(linted: Sequence[Linted], form: Written, *, strict: bool) -> str:
    """Return what lint says about all files, in a form that programs read."""
    if form == "json":
        data = [one.to_dict() for one in linted]
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    if form == "junit":
        return to_junit(
            [one.file for one in linted],
            [annotation for one in linted for annotation in one.annotations()],
            name="assay-nb lint",
            failing=("error", "warning") if strict else ("error",),
        )
    listed = (annotation for one in linted for annotation in _fold(one.annotations()))
    return to_github(listed) if form == "github" else to_lines(listed)


def _fold(annotations: Sequence[Annotation]) -> Iterator[Annotation]:
    """Yield a file's annotations: of each rule the first, then one that counts its others."""
    for number, group, one in number_alike(annotations, lambda a: (a.code, a.level)):
        if number < MOST_LISTED:
            yield one
        elif number == MOST_LISTED:
            more = len(group) - MOST_LISTED
            said = f"{more:,} more of this rule in this file (--format json lists all)"
            yield replace(one, message=said)
