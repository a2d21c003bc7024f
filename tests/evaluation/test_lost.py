"""Replies that are not whole: counted, said, and never what a verdict rests on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assay_nb.errors import WrongUsage
from assay_nb.evaluation import PairedVerdict, paired_verdict, pairwise_verdict

ROWS = 60


def make_sides(better: int, lost_old: int = 0, lost_new: int = 0) -> tuple[list[Any], list[Any]]:
    """So many rows that get better; beside them rows that lost their old or their new reply."""
    same = ROWS - better - lost_old - lost_new
    old = [0] * better + [1] * same + [None] * lost_old + [1] * lost_new
    return old, [1] * better + [1] * same + [0] * lost_old + [None] * lost_new


def test_lost_replies_are_counted_by_side_and_reason() -> None:
    old, new = make_sides(20, 1, 4)
    why = [None] * (ROWS - 5) + ["refusal"] + [None] * 4
    cut = [None] * (ROWS - 4) + ["length"] * 3 + ["filtered"]

    result = paired_verdict(old, new, lost=(why, cut))

    assert result.lost == {"old": {"refusal": 1}, "new": {"length": 3, "filtered": 1}}
    assert "New: 3 replies cut at the token limit, 1 filtered; old: 1 reply declined." in repr(
        result
    ).replace("\n", " ")


def test_a_side_without_lost_replies_says_none() -> None:
    result = paired_verdict(*make_sides(20, 0, 1))

    assert "New: 1 reply failed; old: none." in result.notes[0]


@pytest.mark.parametrize(("lost_old", "lost_new"), [(0, 4), (4, 0), (2, 2)])
def test_a_gain_that_lost_rows_could_undo_is_invalid(lost_old: int, lost_new: int) -> None:
    old, new = make_sides(6, lost_old, lost_new)

    result = paired_verdict(
        old, new, lost=([None] * ROWS, ["length" if s is None else None for s in new])
    )

    assert result.verdict == "invalid"
    assert "decide" in result.reason
    assert result.fixed == tuple(range(6))  # what was seen is still shown


def test_a_gain_that_lost_rows_cannot_undo_stays() -> None:
    assert paired_verdict(*make_sides(20, 2, 2)).verdict == "improved"
    assert paired_verdict(*make_sides(6)).verdict == "improved"  # control


def test_old_replies_that_were_cut_are_not_a_gain() -> None:
    """The old prompt was cut on rows where it may have been right: that speaks for neither."""
    old = [None] * 10 + [0] * 6 + [1] * 44
    new = [0] * 10 + [1] * 50

    assert paired_verdict(old, new).verdict == "invalid"


def test_a_loss_that_lost_rows_could_undo_is_invalid() -> None:
    old, new = make_sides(6, 2, 2)

    assert paired_verdict(new, old).verdict == "invalid"
    assert paired_verdict(*reversed(make_sides(6))).verdict == "regressed"  # control


def test_equivalence_has_to_hold_whichever_way_lost_rows_went() -> None:
    scores = [1] * ROWS

    assert paired_verdict(scores, scores, margin=0.12).verdict == "equivalent"
    assert paired_verdict([None] * 6 + scores[6:], scores, margin=0.12).verdict == "invalid"
    assert paired_verdict(scores, [None] * 6 + scores[6:], margin=0.12).verdict == "invalid"


def test_lost_rows_count_as_the_worst_that_is_possible_and_not_that_was_seen() -> None:
    old, new = [0.5] * 30, [0.56] * 15 + [0.55] * 10 + [None] * 5

    assert paired_verdict(old, new).verdict == "invalid"
    assert paired_verdict(old, new, bounds=(0.5, 0.6)).verdict == "improved"


def test_clusters_of_lost_rows_count_against_a_claim_too() -> None:
    clusters = [row // 2 for row in range(ROWS)]
    old, new = make_sides(14, 0, 4)

    assert paired_verdict(old, new, clusters=clusters).verdict == "invalid"
    assert paired_verdict(old[:-4], new[:-4], clusters=clusters[:-4]).verdict == "improved"


def test_nothing_detected_stays_so_and_says_what_was_lost() -> None:
    result = paired_verdict(*make_sides(2, 0, 3))

    assert result.verdict == "no detectable difference"
    assert result.notes[0].startswith("New: 3 replies failed")


def test_the_next_step_is_against_the_most_frequent_reason() -> None:
    old, new = make_sides(6, 0, 4)
    cut = ["length" if score is None else None for score in new]

    assert "max_output_tokens" in paired_verdict(old, new, lost=([None] * ROWS, cut)).reason
    assert "max_output_tokens" not in paired_verdict(old, new).reason


def test_more_than_a_fifth_lost_is_invalid_and_says_why() -> None:
    old, new = make_sides(20, 0, 13)

    result = paired_verdict(
        old, new, lost=([None] * ROWS, ["length" if s is None else None for s in new])
    )

    assert (result.verdict, result.n) == ("invalid", 0)
    assert "13 replies cut at the token limit" in result.reason


def test_a_verdict_that_was_written_before_lost_replies_were_counted_still_loads() -> None:
    fields = paired_verdict([0, 0, 1, 1] * 8, [1, 1, 0, 1] * 8).to_dict()
    for name in ("lost", "alpha", "runs"):
        del fields[name]
    fields["rows_needed"] = 321

    result = PairedVerdict.from_dict(json.loads(json.dumps(fields)))

    assert (result.lost, result.runs, result.rows_needed) == ({}, 1, (321, 321))


# --- a judge ----------------------------------------------------------------------------------------


def judged(wins: int, lost: int) -> tuple[list[Any], list[Any]]:
    old_first = ["second"] * wins + ["tie"] * (ROWS - wins - lost) + [None] * lost
    new_first = ["first"] * wins + ["tie"] * (ROWS - wins - lost) + [None] * lost
    return old_first, new_first


def test_pairs_without_a_judgement_count_as_losses_of_the_claim() -> None:
    assert pairwise_verdict(*judged(6, 0)).verdict == "improved"
    assert pairwise_verdict(*judged(6, 3)).verdict == "invalid"
    assert pairwise_verdict(*judged(20, 3)).verdict == "improved"


def test_pairs_are_lost_by_a_side_or_by_the_judge() -> None:
    old = [None] * (ROWS - 3) + ["length", None, None]
    new = [None] * (ROWS - 2) + ["filtered", None]

    result = pairwise_verdict(*judged(20, 3), lost=(old, new))

    assert result.lost == {"old": {"length": 1}, "new": {"filtered": 1}, "judge": {"failed": 1}}
    assert "without a judgement: 1" in result.notes[0]


def test_a_cut_reply_that_was_judged_is_not_lost() -> None:
    cut = [None] * (ROWS - 1) + ["length"]

    assert pairwise_verdict(*judged(20, 0), lost=(cut, [None] * ROWS)).lost == {}
    assert paired_verdict(*make_sides(20), lost=(cut, [None] * ROWS)).lost == {}


# --- averages of several runs -----------------------------------------------------------------------


def test_a_repeated_run_is_averaged_row_by_row_and_never_another_row() -> None:
    old, new = [0] * 30, [1] * 6 + [0] * 24
    earlier = [[(0, 0)]] * 6 + [[(0, 1)]] * 6 + [[(0, 0)]] * 18

    result = paired_verdict(old, new, earlier=earlier)

    assert (result.n, result.runs, result.discordant) == (30, 2, 12)
    assert result.effect == pytest.approx(0.2)
    assert {change.new for change in result.changes} == {0.5}
    assert "averages of 2 runs" in repr(result).replace("\n", " ")


def test_a_reply_lost_in_one_of_two_runs_counts_half_against_the_claim() -> None:
    old, new = [0] * 24 + [1] * 6, [1] * 6 + [0] * 18 + [None] * 6
    earlier = [[(0, 1)]] * 6 + [[(0, 0)]] * 18 + [[(1, 1)]] * 6

    result = paired_verdict(old, new, earlier=earlier)

    assert (result.n, result.errors, result.lost) == (30, (), {"new": {"failed": 6}})
    assert result.verdict == "invalid"
    assert paired_verdict(old[:24], new[:24], earlier=earlier[:24]).verdict == "improved"


@pytest.mark.parametrize(
    "given", [{"lost": ([None], [None, None])}, {"lost": ([None, None], [])}, {"earlier": [[]]}]
)
def test_reasons_and_earlier_runs_are_one_per_row(given: dict[str, Any]) -> None:
    with pytest.raises(WrongUsage, match="rows, and the scores have 2"):
        paired_verdict([0, 1], [1, 1], **given)
