from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay_nb.errors import WrongUsage
from assay_nb.evaluation import PairedVerdict, paired_verdict

SCORES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.sampled_from([0.0, 0.3, 0.6, 1.0])),
    min_size=2,
    max_size=14,
)


def make_verdict(wins: int, losses: int, ties: int = 0, **options: object) -> PairedVerdict:
    old = [False] * wins + [True] * losses + [True] * ties
    new = [True] * wins + [False] * losses + [True] * ties
    return paired_verdict(old, new, **options)


@pytest.mark.parametrize(("wins", "losses"), [(6, 0), (8, 1), (9, 1), (10, 2), (12, 3), (13, 4)])
@pytest.mark.parametrize("ties", [0, 5, 40])
def test_fewest_significant_wins_are_improved(wins: int, losses: int, ties: int) -> None:
    result = make_verdict(wins, losses, ties)

    assert result.verdict == "improved"
    assert result.interval is not None
    assert result.interval[0] > 0


@pytest.mark.parametrize(("wins", "losses"), [(7, 2), (8, 2), (9, 3), (11, 4)])
def test_one_win_less_is_no_detectable_difference(wins: int, losses: int) -> None:
    assert make_verdict(wins, losses).verdict == "no detectable difference"


def test_five_wins_of_five_cannot_tell_and_show_no_p() -> None:
    result = make_verdict(5, 0, ties=10)

    assert result.verdict == "no detectable difference"
    assert "Cannot tell" in result.reason
    assert result.p is None


def test_rows_fixed_and_broken_are_named() -> None:
    result = paired_verdict([1, 0, None, 0, 1, 1], [1, 1, 0, 1, 0, 1])

    assert result.fixed == (1, 3)
    assert result.broken == (4,)
    assert result.errors == (2,)
    assert result.n == 5


@pytest.mark.slow
@settings(deadline=None)
@given(SCORES)
def test_swapping_old_and_new_mirrors_everything(pairs: list[tuple[float, float]]) -> None:
    old, new = map(list, zip(*pairs, strict=True))

    there, back = paired_verdict(old, new), paired_verdict(new, old)

    mirrored = {"improved": "regressed", "regressed": "improved"}
    assert back.verdict == mirrored.get(there.verdict, there.verdict)
    assert back.effect == pytest.approx(-there.effect, abs=1e-15)
    assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]), abs=1e-12)
    assert back.p == there.p
    assert (back.fixed, back.broken) == (there.broken, there.fixed)


@pytest.mark.parametrize("rows", [31, 80])
def test_swapping_mirrors_the_bootstrap_exactly(rows: int) -> None:
    rng = np.random.default_rng(rows)
    old, new = rng.random(rows), rng.random(rows) + 0.1

    there, back = paired_verdict(old, new), paired_verdict(new, old)

    assert back.interval == (-there.interval[1], -there.interval[0])
    assert back.p == there.p


@pytest.mark.slow
@settings(deadline=None)
@given(st.integers(0, 15), st.integers(0, 15), st.integers(0, 10), st.integers(1, 60))
def test_tied_rows_never_turn_no_difference_into_improved(
    wins: int, losses: int, ties: int, more: int
) -> None:
    if wins + losses + ties < 2:
        return
    before = make_verdict(wins, losses, ties)

    after = make_verdict(wins, losses, ties + more)

    assert before.p == after.p
    if before.verdict == "no detectable difference":
        assert after.verdict != "improved"


@settings(deadline=None)
@given(SCORES)
def test_improved_never_shows_an_interval_that_holds_zero(pairs: list[tuple[float, float]]) -> None:
    result = paired_verdict(*map(list, zip(*pairs, strict=True)))

    if result.verdict == "improved":
        assert result.p <= 0.025
        assert result.interval[0] > 0


@settings(deadline=None)
@given(SCORES)
def test_effect_lies_in_its_interval(pairs: list[tuple[float, float]]) -> None:
    result = paired_verdict(*map(list, zip(*pairs, strict=True)))

    assert result.interval[0] - 1e-12 <= result.effect <= result.interval[1] + 1e-12


def test_same_seed_gives_the_same_verdict() -> None:
    rng = np.random.default_rng(3)
    old, new = rng.random(50), rng.random(50) + 0.05

    assert paired_verdict(old, new, seed=4) == paired_verdict(old, new, seed=4)


# --- equivalence ------------------------------------------------------------------------------------


def test_equal_scores_are_equivalent_only_where_a_margin_was_given() -> None:
    scores = [True] * 60

    assert paired_verdict(scores, scores).verdict == "no detectable difference"
    assert paired_verdict(scores, scores, margin=0.1).verdict == "equivalent"


def test_few_equal_rows_are_not_equivalent() -> None:
    """Ten rows without a change leave a quarter of all rows free to change unseen."""
    assert make_verdict(0, 0, ties=10, margin=0.1).verdict == "no detectable difference"


def test_two_rows_that_happen_to_agree_are_not_equivalent() -> None:
    result = paired_verdict([0.1, 0.2], [0.101, 0.2011], margin=0.05)

    assert result.interval[1] < 0.05
    assert result.verdict == "no detectable difference"


def test_interval_that_reaches_over_the_margin_is_not_equivalent() -> None:
    assert make_verdict(8, 8, ties=44, margin=0.05).verdict == "no detectable difference"
    assert make_verdict(8, 8, ties=44, margin=0.3).verdict == "equivalent"


@pytest.mark.parametrize("margin", [0, -0.1, math.nan, math.inf])
def test_margin_that_is_no_positive_number_is_refused(margin: float) -> None:
    with pytest.raises(WrongUsage, match="margin"):
        paired_verdict([1, 0], [0, 1], margin=margin)


# --- invalid ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ([1, 0], [1], "each row needs both"),
        ([], [], "no rows"),
        ([None] * 8, [1] * 8, "No row has a score"),
        ([1, None, None] + [0] * 7, [1] * 9 + [None], "3 of 10 rows lack a score"),
        ([1.0, math.nan], [1.0, 0.5], "infinite or not a number"),
        ([1.0, 0.5], [1.0, math.inf], "infinite or not a number"),
        ([1], [0], "single row"),
    ],
)
def test_scores_that_say_nothing_are_invalid(old: list, new: list, reason: str) -> None:
    result = paired_verdict(old, new)

    assert result.verdict == "invalid"
    assert reason in result.reason
    assert result.p is None
    assert result.interval is None


def test_clusters_of_another_length_are_invalid() -> None:
    assert paired_verdict([1, 0], [0, 1], clusters=["a"]).verdict == "invalid"


@pytest.mark.parametrize("score", ["0.7", b"1", object(), (0.7, "missed the id")])
def test_score_that_is_no_number_is_refused(score: object) -> None:
    with pytest.raises(WrongUsage, match="old score of row 1"):
        paired_verdict([1, score], [1, 1])


# --- errors, clusters, exploration ------------------------------------------------------------------


def test_prompt_that_fails_on_its_hard_rows_is_not_improved() -> None:
    old = [0.2] * 6 + [0.5, 0.52, 0.55] * 6 + [0.9] * 5
    new = [0.3] * 6 + [0.55, 0.56, 0.57] * 6 + [None] * 5

    result = paired_verdict(old, new)

    assert result.verdict == "invalid"
    assert "5 replies failed" in result.reason
    assert paired_verdict(old[:-5], new[:-5]).verdict == "improved"


def test_failures_that_change_nothing_do_not_undo_an_improvement() -> None:
    assert paired_verdict([0] * 20 + [None], [1] * 20 + [1]).verdict == "improved"


def test_rows_of_few_clusters_are_not_as_many_rows() -> None:
    old, new = [0] * 20, [1] * 20

    assert paired_verdict(old, new).verdict == "improved"
    assert paired_verdict(old, new, clusters=[r // 5 for r in range(20)]).p is None


def test_exploratory_rows_are_never_improved() -> None:
    result = make_verdict(15, 0, exploratory=True)

    assert result.verdict == "no detectable difference"
    assert any("Exploratory" in note for note in result.notes)


def test_undetected_difference_names_more_rows_than_there_are() -> None:
    result = make_verdict(6, 3, ties=11)

    assert result.rows_needed[0] > 20
    assert result.smallest_detectable > 0


def test_rows_needed_are_a_range_and_without_an_end_where_the_effect_may_be_none() -> None:
    clear, unclear = make_verdict(9, 3, ties=28), make_verdict(5, 4, ties=31)

    assert clear.rows_needed == (43, 1_425)
    assert "about 43 to 1,500 rows" in repr(clear).replace("\n", " ")
    assert unclear.rows_needed[1] is None
    assert "no upper end can be given" in repr(unclear).replace("\n", " ")


def test_an_equal_outcome_has_no_rows_to_plan_for() -> None:
    assert make_verdict(4, 4, ties=30).rows_needed is None


def test_columns_of_a_data_frame_are_read_in_their_order() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"old": [False] * 8, "new": [True] * 8, "document": list("aabbccdd")}, index=range(50, 58)
    )

    result = paired_verdict(frame["old"], frame["new"], clusters=frame["document"])

    assert result.fixed == tuple(range(8))
    assert result.discordant == 4


def test_plan_reckons_with_six_rows_that_differ() -> None:
    low, _ = make_verdict(5, 0, ties=1).rows_needed

    assert low >= 8  # of 8 rows, five in six are more than 6


# --- showing ----------------------------------------------------------------------------------------


def test_verdict_survives_json() -> None:
    result = paired_verdict([0, 0, 1, 1, None] * 8, [1, 1, 0, 1, 1] * 8, margin=0.01)

    assert PairedVerdict.from_dict(json.loads(json.dumps(result.to_dict()))) == result
    assert result.to_dict()["schema"] == "assay.verdict.v1"


def test_invalid_verdict_survives_json() -> None:
    result = paired_verdict([1], [])

    assert PairedVerdict.from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_notebook_and_terminal_show_the_verdict_first() -> None:
    result = make_verdict(9, 1)

    bundle, _ = result._repr_mimebundle_()

    assert repr(result).startswith("Improved: +0.80 per row")
    assert "application/vnd.assay.verdict.v1+json" in bundle
    assert "Improved" in bundle["text/html"]


def test_invalid_verdict_shows_its_reason() -> None:
    assert "each row needs both" in repr(paired_verdict([1], []))


def test_long_lists_of_rows_are_cut_and_say_so() -> None:
    assert "30 more" in repr(make_verdict(50, 0))


def test_importing_the_room_imports_no_numpy() -> None:
    code = "import sys, assay_nb.evaluation; print({'numpy', 'scipy'} & set(sys.modules))"

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert out.stdout.strip() == "set()"
