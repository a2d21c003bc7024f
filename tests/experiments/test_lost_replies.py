"""Replies that are not whole, on the way from the model to the verdict; and what a result shows of its rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assay_nb import Measurement, measure
from assay_nb.engine.call import Call
from assay_nb.messages import Reply
from tests.experiments.measure.test_measure import judge_by
from tests.experiments.simulated import GAIN, OLD, Engine, Session, is_good, make_rows

NEW = f"{OLD} {GAIN}"
ROWS = make_rows(60)


def cut_on(count: int, stop: Any = "length", prompt: str = NEW) -> Any:
    """Return a model that gets better under the new prompt, whose first replies are lost."""
    lost = {row["ticket"] for row in ROWS[:count]}

    def task(call: Call) -> str | Reply:
        if call.prompt == prompt and call.options["values"]["ticket"] in lost:
            return Reply("go", stop)
        return "good" if GAIN in call.prompt else "bad"

    return task


@pytest.mark.parametrize("stop", ["length", "filtered", "refusal"])
def test_a_metric_never_sees_a_reply_that_is_not_whole(
    session: Session, engine: Engine, stop: str
) -> None:
    engine.task = cut_on(4, stop)
    seen: list[str] = []

    def metric(row: Any, output: str) -> bool:
        seen.append(str(output))
        return output == "good"

    result = measure(OLD, NEW, ROWS, metric)

    assert set(seen) == {"good", "bad"}
    assert result.paired is not None
    assert (result.paired.errors, result.paired.lost) == ((0, 1, 2, 3), {"new": {stop: 4}})


def test_a_reply_that_is_not_whole_counts_where_that_was_asked_for(
    session: Session, engine: Engine
) -> None:
    engine.task = cut_on(4)
    seen: list[str] = []

    result = measure(
        OLD,
        NEW,
        ROWS,
        lambda row, output: seen.append(str(output)) or output == "good",
        count_cut=True,
    )

    assert "go" in seen
    assert result.paired is not None
    assert (result.paired.n, result.paired.lost) == (60, {})


def test_a_lost_reply_may_have_had_the_best_possible_score(
    session: Session, engine: Engine
) -> None:
    engine.task = cut_on(6, prompt=OLD)

    def points(row: Any, output: str) -> float:
        return 3.0 if output == "good" else 2.5 + len(row["ticket"]) % 2 / 10

    assert measure(OLD, NEW, ROWS, points).verdict == "improved"
    assert measure(OLD, NEW, ROWS, points, top=10).verdict == "invalid"


def test_a_judge_never_sees_a_reply_that_is_not_whole(session: Session, engine: Engine) -> None:
    engine.task = cut_on(4)
    engine.judge = judge_by("truth")

    result = measure(OLD, NEW, ROWS, rubric="- It is good.")

    compared = [call for call in engine.calls if call.instrument == "judge"]
    assert len(compared) == 12 + 56  # the noise, and the test without four rows
    assert all("go" not in (c.options["output"], c.options["against"]) for c in compared)
    assert result.paired is not None
    assert result.paired.lost == {"new": {"length": 4}}


def test_the_result_says_how_many_replies_were_lost_on_each_side(
    session: Session, engine: Engine
) -> None:
    engine.task = cut_on(3)

    shown = " ".join(repr(measure(OLD, NEW, ROWS, is_good)).split())

    assert "New: 3 replies cut at the token limit; old: none." in shown


def test_a_cut_reply_is_not_shown_to_a_proposer_as_a_wrong_answer(
    session: Session, engine: Engine
) -> None:
    whole = cut_on(30, prompt=OLD)
    engine.task = lambda call: whole(call) if call.options["values"]["ticket"] else ""

    measure(OLD, None, ROWS, is_good)

    feedback = [str(c.options["feedback"]) for c in engine.calls if c.instrument == "improve"]
    assert feedback
    assert all("“bad”" in text and "“go”" not in text for text in feedback)


def test_rows_that_the_old_prompt_lost_do_not_count_against_a_candidate(
    session: Session, engine: Engine
) -> None:
    engine.task = cut_on(10, prompt=OLD)
    engine.judge = judge_by("truth")

    result = measure(OLD, None, ROWS, rubric="- It is good.")

    assert set(result.dev) & set(range(10))  # some of them were screened
    assert max(c.gain or 0 for c in result.candidates) == 1.0


# --- rows in a result -------------------------------------------------------------------------------


def changed(wins: int, losses: int) -> Any:
    better = {row["ticket"] for row in ROWS[:wins]}
    worse = {row["ticket"] for row in ROWS[wins : wins + losses]}

    def task(call: Call) -> str:
        ticket, is_new = call.options["values"]["ticket"], call.prompt == NEW
        if ticket in better:
            return "good" if is_new else "bad"
        return "bad" if ticket in worse and is_new else "good"

    return task


def test_rows_fixed_and_broken_show_their_input_both_outputs_and_the_reason(
    session: Session, engine: Engine
) -> None:
    engine.task = changed(12, 2)

    result = measure(OLD, NEW, ROWS, is_good)

    broken, fixed = result.cards[0], result.cards[2]
    assert (broken.row, broken.old, broken.new, broken.why) == (12, "good", "bad", "expected good")
    assert (fixed.row, fixed.is_fixed, fixed.why) == (0, True, "expected good")
    assert fixed.values == {"ticket": ROWS[0]["ticket"]}
    shown = " ".join(repr(result).split())
    assert f"[12] ✕ broken — 1 → 0 ticket: {ROWS[12]['ticket']} old: good new: bad why:" in shown


def test_ten_rows_broken_and_ten_fixed_are_shown_and_the_worst_first(
    session: Session, engine: Engine
) -> None:
    places = {row["ticket"]: number for number, row in enumerate(ROWS)}
    engine.task = lambda call: f"{places[call.options['values']['ticket']]} {GAIN in call.prompt}"

    def score(row: Any, output: str) -> float:
        place, is_new = output.split()
        return 0.5 + (int(place) - 30) / 100 * (is_new == "True")

    result = measure(OLD, NEW, ROWS, score)

    assert [card.row for card in result.cards] == [*range(10), *range(59, 49, -1)]


def test_cards_survive_json_and_stand_in_no_ledger(
    session: Session, engine: Engine, home: Path
) -> None:
    engine.task = changed(12, 2)

    result = measure(OLD, NEW, ROWS, is_good)

    again = Measurement.from_dict(json.loads(json.dumps(result.to_dict())))
    assert again.cards == result.cards
    for path in (home / "assay-ledger").rglob("*.json"):
        text = path.read_text()
        assert "cards" not in json.loads(text)
        assert not any(row["ticket"] in text for row in ROWS)


def test_a_judges_reason_stands_on_the_card(session: Session, engine: Engine) -> None:
    engine.task = changed(12, 2)
    truth = judge_by("truth")

    def judge(call: Call, request: Any) -> Any:
        said = truth(call, request)
        said["c1_reason"] = "The label is right."
        return said

    engine.judge = judge

    result = measure(OLD, NEW, ROWS, rubric="- It is good.")

    assert result.cards[0].why == "The judge, who saw the old one first: The label is right."
