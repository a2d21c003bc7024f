"""Selection of edits: those that keep the invariants, each alone and all together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from assay_nb.instruments.exchange.parsing import clean
from assay_nb.instruments.findings import Finding, Operation
from assay_nb.instruments.improve.result import DroppedEdit, Risk
from assay_nb.instruments.invariants.checks import Breach, Invariants, Revision
from assay_nb.text.anchors import Anchor
from assay_nb.text.edits import Edit, apply_edits


@dataclass(frozen=True, slots=True)
class LocatedEdit:
    """An edit whose words have been found."""

    finding: Finding
    op: Operation
    before: Anchor
    edit: Edit
    risk: Risk


Checked: TypeAlias = tuple[LocatedEdit, list[Breach]]


def order(candidates: Sequence[LocatedEdit]) -> list[Checked]:
    """Return the edits in the order of the text, with nothing said against them."""
    ordered = sorted(candidates, key=lambda c: (c.edit.start, c.edit.end))
    return [(candidate, []) for candidate in ordered]


class Selection:
    """Lets through the edits that keep the invariants, each alone and all together."""

    def __init__(self, prompt: str) -> None:
        self._prompt = prompt
        self._invariants = Invariants(prompt)

    def choose(self, candidates: Sequence[LocatedEdit]) -> tuple[list[Checked], list[DroppedEdit]]:
        """Return the edits that hold, in the order of the text, and those that break something."""
        if not candidates:
            return [], []
        # Edits do not overlap, so an edit whose text raises a lint error raises it in company
        # too. Lint is the slow part: one look at all edits spares one for each.
        together = self._find_breaches(candidates)
        no_lint = all(breach.check != "I12" for breach in together)
        alone = [(c, self._find_breaches([c], skip_lint=no_lint)) for c, _ in order(candidates)]
        good = [checked for checked in alone if not _errors(checked[1])]
        dropped = [self._refuse(c, breaches, "") for c, breaches in alone if _errors(breaches)]
        if len(good) > 1 and _errors(self._check_all(good, candidates, together)):
            good, clashing = self._choose_together(good)
            dropped += clashing
        return good, dropped

    def _check_all(
        self,
        good: Sequence[Checked],
        candidates: Sequence[LocatedEdit],
        together: list[Breach],
    ) -> list[Breach]:
        same = len(good) == len(candidates)
        return together if same else self._find_breaches([c for c, _ in good])

    def _choose_together(self, good: Sequence[Checked]) -> tuple[list[Checked], list[DroppedEdit]]:
        """Add the edits one by one, and leave out each that breaks something with those before."""
        kept: list[Checked] = []
        dropped: list[DroppedEdit] = []
        for checked in good:
            breaches = self._find_breaches([*(c for c, _ in kept), checked[0]])
            if _errors(breaches):
                dropped.append(self._refuse(checked[0], breaches, "together with other edits, "))
            else:
                kept.append(checked)
        return kept, dropped

    def _find_breaches(
        self, candidates: Sequence[LocatedEdit], *, skip_lint: bool = False
    ) -> list[Breach]:
        evidence = [
            (c.finding.kind, (a.start, a.end)) for c in candidates for a in c.finding.evidence
        ]
        return self._invariants.find_breaches(
            Revision(
                after=apply_edits(self._prompt, [candidate.edit for candidate in candidates]),
                inserted=[candidate.edit.text for candidate in candidates],
                about=[span for _, span in evidence],
                settled=[span for kind, span in evidence if kind == "conflict"],
            ),
            skip_lint=skip_lint,
        )

    def _refuse(self, candidate: LocatedEdit, breaches: Sequence[Breach], lead: str) -> DroppedEdit:
        errors = _errors(breaches)
        return DroppedEdit(
            candidate.op,
            clean(candidate.before.exact),
            clean(candidate.edit.text),
            lead + "; ".join(breach.message for breach in errors),
            tuple(dict.fromkeys(breach.check for breach in errors)),
        )


def _errors(breaches: Sequence[Breach]) -> list[Breach]:
    return [breach for breach in breaches if breach.level == "error"]
