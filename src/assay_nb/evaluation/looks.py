"""How often the same test rows may be asked, and what each time costs.

One chance in forty is for one look. Ten looks at .025 each give 14 to 17% false "improved". So a family of
looks shares one allowance: the first spends .02 of the .025, each later one half of what is left. However
many looks there are, and whatever they depend on, their shares add up to less than .025, so that the
chance of a single false "improved" among all of them stays below it (the union bound).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from assay_nb.evaluation.paired import fewest_discordant

_SHARES = (0.02, 0.0025, 0.00125, 0.000625, 0.0003125, 0.00015625)
FIRST_SHARE = _SHARES[0]
"""What a first look spends: every count that is enough at .025 (6 of 6, 8 of 9, 9 of 10) has p below it."""

MOST_LOOKS = len(_SHARES)
"""The seventh share, .00008, is less than the 9,999 draws of a permutation test can show."""

_ORDINALS = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth")
_Look = TypeVar("_Look")


def share_of_look(look: int) -> float | None:
    """Return the one-sided level of a look by its number, or None where the test set is used up.

    >>> [share_of_look(look) for look in (1, 2, 3, 7)]
    [0.02, 0.0025, 0.00125, None]
    """
    return _SHARES[look - 1] if look <= MOST_LOOKS else None


def find_family(rows: Iterable[str], looks: Sequence[tuple[_Look, Collection[str]]]) -> list[_Look]:
    """Return the looks that are connected with these rows: directly, or through rows that looks share.

    By row and not by set: a hundred rows and three more are still the rows that were looked at.

    Args:
        rows: The rows that are to be tested.
        looks: Earlier looks with the rows that each touched.
    """
    touched = set(rows)
    family: list[_Look] = []
    left = list(looks)
    while joined := [pair for pair in left if not touched.isdisjoint(pair[1])]:
        left = [pair for pair in left if touched.isdisjoint(pair[1])]
        family += [look for look, _ in joined]
        touched.update(*(names for _, names in joined))
    return family


def describe_looks(look: int, *, untested: int = 0) -> str | None:
    """Return what a reader should know about rows that were tested before; None on the first look.

    Args:
        look: The number of this look: 1 for the first.
        untested: How many rows of the data no earlier look has touched.
    """
    if look < 2:
        return None
    share = share_of_look(look)
    said = _describe_used_up() if share is None else _describe_share(look, share)
    return f"{said} {_describe_fresh(untested)}"


def _describe_share(look: int, share: float) -> str:
    earlier = "the first" if look == 2 else f"the {look - 1} before it"
    few, first = fewest_discordant(share), fewest_discordant(FIRST_SHARE)
    return (
        f"{_ORDINALS[look - 1]} look at these rows: {earlier} used most of the allowance, so {few} of {few} "
        f"changed rows are needed, not {first} of {first}."
    )


def _describe_used_up() -> str:
    return (
        f"This test set is used up: {MOST_LOOKS} looks at these rows, or at rows tested together with them, "
        "spent its allowance, and no further one can show an improvement."
    )


def _describe_fresh(untested: int) -> str:
    if not untested:
        return "Add rows that were never tested: rows='unseen' starts afresh on them."
    rows = "1 row was" if untested == 1 else f"{untested:,} rows were"
    return f"{rows} never tested: rows='unseen' starts afresh."
