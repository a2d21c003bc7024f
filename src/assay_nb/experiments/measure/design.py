"""Design of a measurement: the prompts, the rows, which of them are tested, and what was tested before."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

from assay_nb.errors import WrongUsage
from assay_nb.evaluation import (
    PairedVerdict,
    Split,
    row_key,
    share_of_look,
    split_rows,
)
from assay_nb.evaluation.splits import MIN_ROWS
from assay_nb.experiments.data.rows import (
    Rows,
    check_columns,
    find_notes,
    leave_out_blank,
    read_rows,
    values_for,
)
from assay_nb.experiments.measure.ledger import Ledger, Look, name_keys
from assay_nb.experiments.measure.looks import (
    choose_unseen,
    count_looks,
    forecast,
)
from assay_nb.experiments.measure.settings import Settings, check_settings, find_ledger
from assay_nb.experiments.run.cache import digest

NOISE_ROWS = 12
"""Rows that the old prompt is run on twice: enough to see noise, and little beside the test."""


class Design:
    """Design of one measurement.

    Attributes:
        settings: How to measure.
        old: The prompt as it is.
        new: The prompt to test; None until one was found.
        rows: The rows that are used.
        left_out: The rows that are not, since they have nothing for a variable, by number.
        notes: What to know of the prompts before the first call: placeholders that nothing fills.
        keys: A key for each row's content.
        names: The same, told apart where rows are equal.
        clusters: What each row belongs to; None where rows are independent.
        ledger: The record of earlier runs; None without one.
        practice: Whether the practice provider answers: its looks do not count.
        split: The rows for choosing, and those for the test, once `choose_rows` has run.
    """

    split: Split

    def __init__(self, old: str, new: str | None, data: Any, settings: Settings) -> None:
        self.settings = settings
        self.old, self.new = old, new
        self.rows: Rows = settings.limits.choose(read_rows(data, old))
        for prompt in (old, new):
            if prompt is not None:
                check_columns(prompt, self.rows)
        self.notes = find_notes((old, new), self.rows)
        self.left_out: tuple[int, ...] = ()
        if not settings.keep_empty:
            self.rows, self.left_out = leave_out_blank(old, self.rows)
        check_settings(settings)
        self.ledger = (
            None if settings.ledger in (None, False) else Ledger(find_ledger(settings.ledger))
        )
        self.keys = [row_key(row) for row in self.rows]
        self.names = name_keys(self.keys)
        self.clusters = self._find_clusters()
        self.practice = False

    def choose_rows(self, *, practice: bool) -> None:
        """Decide which rows are for choosing and which for the test."""
        self.practice = practice
        self.split = self._make_split()

    def _find_clusters(self) -> list[Hashable] | None:
        name = self.settings.cluster
        if name is None:
            return None
        if any(name not in row for row in self.rows):
            raise WrongUsage(f"The data has no column '{name}' to cluster by.")
        return [str(row[name]) for row in self.rows]

    def _make_split(self) -> Split:
        split = split_rows(self.keys, clusters=self.clusters)
        chosen_here = self.ledger and self.new and self.ledger.proposed(self.new)
        if self.new is not None and not self.settings.holdout and not chosen_here:
            split = self._make_test(tuple(range(len(self.rows))), ())
        if self.settings.rows == "all":
            return split
        names = [self.names[row] for row in split.test]
        hashes = [self.hashes(row) for row in split.test]
        chosen = choose_unseen(self.past, self.prompts, names, hashes)
        unseen = self._make_test(tuple(split.test[index] for index in chosen), split.dev)
        return replace(unseen, exploratory=split.exploratory or unseen.exploratory)

    def _make_test(self, rows: tuple[int, ...], dev: tuple[int, ...]) -> Split:
        """Return a split whose test rows are these."""
        name = digest(sorted(self.keys[row] for row in rows))[:16]
        return Split(dev, rows, len(rows) < MIN_ROWS, name)

    def hashes(self, row: int) -> list[str]:
        """Return what tells a row when it comes again: its hash, and those of what the prompts are filled with."""
        filled = [values_for(p, self.rows[row]) for p in (self.old, self.new) if p is not None]
        return list(dict.fromkeys([self.names[row], *(digest(one)[:16] for one in filled)]))

    @property
    def past(self) -> list[Look]:
        """The looks at these data so far."""
        return self.ledger.looks(practice=self.practice) if self.ledger else []

    @property
    def prompts(self) -> str:
        """Names the two prompts."""
        return digest(digest(self.old), self.new and digest(self.new))

    @property
    def noise_rows(self) -> tuple[int, ...]:
        """The rows that the old prompt is run on twice."""
        return (self.split.dev or self.split.test)[:NOISE_ROWS]

    @property
    def next_share(self) -> float | None:
        """What a next look at the test rows may spend; None where they are used up."""
        return share_of_look(count_looks(self.past, [self.hashes(row) for row in self.split.test]))

    def forecast(self) -> str | None:
        """Return what to know of these rows before money is spent on another look at them."""
        every = range(len(self.rows))
        candidates = self.split.test if self.split.dev else every
        return forecast(
            self.past,
            [self.hashes(row) for row in self.split.test],
            [self.hashes(row) for row in candidates],
        )

    def on_rows(self, paired: PairedVerdict, rows: tuple[int, ...]) -> PairedVerdict:
        """Return the verdict with rows by their number in the data, not among the test rows."""
        numbers = [self.rows.number(row) for row in rows]
        changes = [replace(change, row=numbers[change.row]) for change in paired.changes]
        return replace(
            paired,
            changes=tuple(sorted(changes, key=lambda change: change.row)),
            errors=tuple(sorted(numbers[row] for row in paired.errors)),
        )
