from __future__ import annotations

import math

import pytest

from assay_nb.evaluation import (
    MOST_LOOKS,
    describe_looks,
    find_family,
    paired_verdict,
    share_of_look,
)
from assay_nb.evaluation.paired import ALPHA, fewest_discordant, sign_test


def test_shares_of_all_looks_stay_within_one_in_forty() -> None:
    shares = [share_of_look(look) for look in range(1, MOST_LOOKS + 1)]

    assert shares == [0.02, 0.0025, 0.00125, 0.000625, 0.0003125, 0.00015625]
    assert sum(share for share in shares if share) < ALPHA


def test_the_seventh_look_has_no_share() -> None:
    assert share_of_look(7) is None


@pytest.mark.parametrize(("wins", "losses"), [(6, 0), (8, 1), (9, 1), (10, 2), (12, 3)])
def test_a_first_look_loses_none_of_the_fewest_counts_that_are_enough(
    wins: int, losses: int
) -> None:
    old, new = [0] * wins + [1] * losses, [1] * wins + [0] * losses

    assert paired_verdict(old, new, alpha=0.02).verdict == "improved"


@pytest.mark.parametrize("alpha", [0.025, 0.02, 0.0025, 0.00125, 0.00015625])
def test_fewest_rows_that_can_be_significant_are_so_and_one_less_is_not(alpha: float) -> None:
    few = fewest_discordant(alpha)

    assert sign_test(few, 0) <= alpha < sign_test(few - 1, 0)
    assert paired_verdict([0] * 40, [1] * few + [0] * (40 - few), alpha=alpha).p is not None
    assert paired_verdict([0] * 40, [1] * (few - 1) + [0] * (41 - few), alpha=alpha).p is None


def test_the_interval_is_at_the_level_of_the_test() -> None:
    old, new = [0.0] * 20, [0.1 * n - 0.6 for n in range(20)]

    widths = [
        (lambda ends: ends[1] - ends[0])(paired_verdict(old, new, alpha=alpha).interval)
        for alpha in (0.025, 0.02, 0.0025)
    ]

    assert widths == sorted(widths)
    assert "96% interval" in repr(paired_verdict(old, new, alpha=0.02))
    assert "95% interval" in repr(paired_verdict(old, new))


def test_smallest_detectable_difference_grows_with_each_look() -> None:
    old, new = [0.0] * 20, [0.1 * n - 0.6 for n in range(20)]

    first, second = (paired_verdict(old, new, alpha=alpha) for alpha in (0.02, 0.0025))

    assert first.smallest_detectable < second.smallest_detectable


@pytest.mark.parametrize("alpha", [0, -0.1, 0.5, math.nan])
def test_a_level_that_is_none_is_refused(alpha: float) -> None:
    from assay_nb.errors import WrongUsage

    with pytest.raises(WrongUsage, match="alpha"):
        paired_verdict([0], [1], alpha=alpha)


# --- families ---------------------------------------------------------------------------------------


def test_a_hundred_rows_and_three_more_are_the_same_family() -> None:
    hundred = {f"r{n}" for n in range(100)}
    looks = [("first", hundred)]

    assert find_family([*hundred, "a", "b", "c"], looks) == ["first"]
    assert find_family(["a", "b", "c"], looks) == []


def test_looks_are_connected_through_rows_that_other_looks_share() -> None:
    looks = [("far", {"a", "b"}), ("bridge", {"b", "c"}), ("near", {"c", "d"}), ("other", {"x"})]

    assert set(find_family(["d"], looks)) == {"far", "bridge", "near"}


# --- words ------------------------------------------------------------------------------------------


def test_a_second_look_says_what_it_takes() -> None:
    assert describe_looks(1) is None
    assert describe_looks(2, untested=40) == (
        "Second look at these rows: the first used most of the allowance, so 9 of 9 changed rows are "
        "needed, not 6 of 6. 40 rows were never tested: rows='unseen' starts afresh."
    )


def test_a_third_look_takes_ten_rows_and_a_seventh_finds_the_set_used_up() -> None:
    assert "10 of 10 changed rows" in (describe_looks(3) or "")
    assert "This test set is used up" in (describe_looks(7) or "")
    assert "rows='unseen'" in (describe_looks(7) or "")
