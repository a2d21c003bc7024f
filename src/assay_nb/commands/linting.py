"""Lint reports for files: a card for each file, or a line for each finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assay_nb.commands.outcome import Outcome
from assay_nb.errors import WrongUsage
from assay_nb.instruments.lint import LintReport
from assay_nb.render.document import Block, Callout, Document, Heading, sentence


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

    def lines(self) -> list[str]:
        """Return one line for each finding, in the form that compilers have made known."""
        if isinstance(self.result, WrongUsage):
            return [f"{self.file}:1:1: error: {self.result.message}"]
        if not self.result.text.strip():
            return [f"{self.file}:1:1: warning: The prompt is empty."]
        return [f"{self.file}:{finding}" for finding in self.result.findings]


def show_linted(linted: Sequence[Linted], *, strict: bool, cards: bool) -> Outcome:
    """Return what is shown of all files; the worst of them decides the exit status."""
    blocks = [block for one in linted for block in one.blocks()] if cards else []
    status = max(one.exit_status(strict=strict) for one in linted)
    return Outcome(Document(blocks), [one.to_dict() for one in linted], exit_status=status)
