"""Looks: which one this is, what it may spend, and what of earlier ones belongs to it.

A look is a verdict on replies that were not seen before. Running the same cell again, from the cache, is
not a look: it shows the same verdict. Asking the same two prompts again is one, and its scores are averaged with
the earlier ones', row by row. Asking only what was lost continues the look that lost it: a claim has to
hold whatever the lost replies would have been, so nothing is spent when they come.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from assay_nb.errors import WrongUsage
from assay_nb.evaluation import (
    MOST_LOOKS,
    PairedVerdict,
    describe_looks,
    find_family,
    share_of_look,
)
from assay_nb.experiments.measure.ledger import Ledger, Look, Pair

UNCOUNTED = (
    "No ledger is kept, so looks at these rows are not counted: this is tested as if it were the first. "
    "Repeated looks make a lucky result likely."
)


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What a verdict is about to be given on.

    Attributes:
        pair: As in `Look`.
        legacy: The pair as entries of earlier versions name it.
        prompts: As in `Look`.
        terms: As in `Look`.
        unseen: As in `Look`.
        practice: As in `Look`.
        rows: As in `Look`.
        inputs: As in `Look`.
        scores: As in `Look`.
        kept: Per row, of old and new, whether the reply (and the judgement) came from the cache.
    """

    pair: str
    legacy: str
    prompts: str
    terms: str
    unseen: bool
    practice: bool
    rows: tuple[str, ...]
    inputs: tuple[str, ...]
    scores: tuple[Pair, ...]
    kept: tuple[tuple[bool, bool], ...]

    @cached_property
    def by_row(self) -> Mapping[str, Pair]:
        """The scores by row."""
        return dict(zip(self.rows, self.scores, strict=True))


@dataclass(frozen=True)
class Glance:
    """A look that is about to be made, or that is shown again.

    Attributes:
        look: The look.
        earlier: Per row, the scores of earlier runs to average with.
        is_new: Whether it has to be written down before the verdict shows.
    """

    look: Look
    earlier: tuple[tuple[Pair, ...], ...]
    is_new: bool

    @property
    def alpha(self) -> float:
        """The level of the test. Of a test set that is used up, the last look's: it claims nothing."""
        share = share_of_look(min(self.look.number, MOST_LOOKS))
        assert share is not None
        return share

    def finish(self, paired: PairedVerdict) -> PairedVerdict:
        """Return the verdict with what a reader should know about this look."""
        said = describe_looks(self.look.number)
        if said is None:
            return paired
        if share_of_look(self.look.number) is None:
            return replace(paired, verdict="invalid", reason=said)
        return replace(paired, notes=(*paired.notes, said))


def prepare_look(ledger: Ledger | None, sight: Sight) -> Glance:
    """Return which look at these rows this is; without a ledger, as if it were the first."""
    past = ledger.looks(practice=sight.practice) if ledger else []
    mine = [look for look in past if look.pair in {sight.pair, sight.legacy}]
    if again := _find_again(mine, sight):
        return _show_again(again, sight, past)
    family = _find_family(past, (*sight.rows, *sight.inputs))
    runs = [look for look in mine if not look.touched.isdisjoint(_hashes(sight.rows))]
    look = Look(
        id=secrets.token_hex(16),
        at=_now(),
        pair=sight.pair,
        prompts=sight.prompts,
        terms=sight.terms,
        number=1 + len(family),
        alpha=share_of_look(1 + len(family)),
        averaged=tuple(run.id for run in runs),
        repeats=tuple(_find_repeats(sight, runs)),
        unseen=sight.unseen,
        practice=sight.practice,
        rows=sight.rows,
        inputs=sight.inputs,
        scores=sight.scores,
    )
    return Glance(look, _gather(look, runs), is_new=True)


def count_looks(past: Sequence[Look], rows: Sequence[Collection[str]]) -> int:
    """Return which look at these rows the next one would be; each row is given by its hashes."""
    return 1 + len(_find_family(past, [name for names in rows for name in names]))


def forecast(
    past: Sequence[Look], rows: Sequence[Collection[str]], data: Sequence[Collection[str]]
) -> str | None:
    """Return what to know before money is spent: which look at these rows the next one would be.

    Args:
        past: The looks that were made.
        rows: The rows to be tested, each by its hashes.
        data: All rows that might be.
    """
    look = count_looks(past, rows)
    untested = find_unseen(past, data) if look > 1 else []
    return describe_looks(look, untested=len(untested))


def choose_unseen(
    past: Sequence[Look], prompts: str, names: Sequence[str], rows: Sequence[Collection[str]]
) -> list[int]:
    """Return which of these rows, by index, to test where only unseen ones were asked for.

    Those that no look has touched. If all were touched, those of the last look that these prompts had at
    unseen rows: a cell that is run again finds its own rows touched, and is to show the same verdict.

    Args:
        past: The looks that were made.
        prompts: As in `Look`.
        names: The rows by their names in the ledger.
        rows: The same rows, each by its hashes.

    Raises:
        WrongUsage: If every row was tested.
    """
    found = find_unseen(past, rows) or _find_own_rows(past, prompts, names)
    if not found:
        raise WrongUsage(
            f"Each of the {len(names):,} rows was tested before, so none is unseen.",
            hint="Add rows, or leave rows='unseen' out: that is one more look at these.",
        )
    return found


def find_unseen(past: Iterable[Look], rows: Sequence[Collection[str]]) -> list[int]:
    """Return which of these rows, by index, no look has touched."""
    touched = {name for look in past for name in look.touched}
    return [index for index, names in enumerate(rows) if touched.isdisjoint(_hashes(names))]


def _find_own_rows(past: Sequence[Look], prompts: str, names: Sequence[str]) -> list[int]:
    places = {name: index for index, name in enumerate(names)}
    for look in reversed(past):
        if look.unseen and look.prompts == prompts and all(row in places for row in look.rows):
            return sorted(places[row] for row in look.rows)
    return []


def _find_family(past: Sequence[Look], names: Iterable[str]) -> list[Look]:
    """Return the looks connected with these rows; one that continues another does not count again."""
    family = find_family(_hashes(names), [(look, look.touched) for look in past])
    return [look for look in family if look.continues is None]


def _hashes(rows: Iterable[str]) -> set[str]:
    return {name.partition("#")[0] for name in rows}


def _find_again(mine: Sequence[Look], sight: Sight) -> Look | None:
    """Return the look that saw just these replies; else the last that saw some of them and lost the others."""
    found = [look for look in mine if _is_again(look, sight)]
    same = [look for look in found if look.by_row == sight.by_row]
    return same[0] if same else found[-1] if found else None


def _is_again(look: Look, sight: Sight) -> bool:
    """Whether a look saw the same replies: all it had are there again, from the cache."""
    if look.by_row.keys() != sight.by_row.keys() or (look.terms and look.terms != sight.terms):
        return False
    return all(
        then is None or (now == then and is_kept)
        for row, pair, kept in zip(sight.rows, sight.scores, sight.kept, strict=True)
        for then, now, is_kept in zip(look.by_row[row], pair, kept, strict=True)
    )


def _show_again(look: Look, sight: Sight, past: Sequence[Look]) -> Glance:
    """Return a look that is shown again, or continued where replies came that were lost then."""
    runs = [run for run in past if run.id in look.averaged]
    before = [one for one in past if (one.at, one.id) < (look.at, look.id)]
    number = look.number or 1 + len(_find_family(before, look.touched))
    is_new = look.by_row != sight.by_row
    look = replace(look, number=number, rows=sight.rows, scores=sight.scores)
    if not is_new:
        return Glance(look, _gather(look, runs), is_new=False)
    more = replace(
        look,
        id=secrets.token_hex(16),
        at=_now(),
        pair=sight.pair,
        terms=sight.terms,
        alpha=share_of_look(number),
        continues=look.continues or look.id,
    )
    return Glance(more, _gather(more, runs), is_new=True)


def _find_repeats(sight: Sight, runs: Sequence[Look]) -> Iterable[str]:
    """Yield rows whose replies an earlier look at this pair has seen: they do not count as a second observation."""
    for row, pair, kept in zip(sight.rows, sight.scores, sight.kept, strict=True):
        if all(kept) and any(run.by_row.get(row) == pair for run in runs):
            yield row


def _gather(look: Look, runs: Sequence[Look]) -> tuple[tuple[Pair, ...], ...]:
    """Return per row the scores of earlier runs, each reply once."""
    final = {
        run.continues or run.id: run for run in runs
    }  # of a look that was continued, its last state
    gathered: list[tuple[Pair, ...]] = []
    for row, now in zip(look.rows, look.scores, strict=True):
        found = [
            run.by_row[row]
            for run in final.values()
            if row in run.by_row and row not in run.repeats
        ]
        if row in look.repeats and now in found:
            found.remove(now)
        gathered.append(tuple(found))
    return tuple(gathered)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
