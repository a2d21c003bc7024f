"""Looks at test rows, counted as they happen: what is one, what it spends, and what is shown again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assay_nb import WrongUsage, measure
from assay_nb.engine.call import Call
from assay_nb.experiments.run.target import Target
from assay_nb.messages import Reply
from tests.experiments.simulated import (
    GAIN,
    NULL,
    OLD,
    Engine,
    Session,
    is_good,
    make_rows,
)

NEW = f"{OLD} {GAIN}"
OTHER = f"{OLD} {NULL}"
ROWS = make_rows(60)


@pytest.fixture
def looks(home: Path) -> Any:
    """Return a function that reads the look files, oldest first."""

    def read() -> list[dict[str, Any]]:
        paths = (home / "assay-ledger" / "looks").glob("*.json")
        found = [json.loads(path.read_text()) for path in paths]
        return sorted(found, key=lambda look: look["at"])

    return read


# --- what is a look ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_fresh_repeat_is_a_look_and_replaces_none(
    session: Session, home: Path, looks: Any
) -> None:
    numbers = [measure(OLD, NEW, ROWS, is_good, fresh=True).looks for _ in range(3)]

    assert numbers == [1, 2, 3]
    assert [(look["number"], look["alpha"]) for look in looks()] == [
        (1, 0.02), (2, 0.0025), (3, 0.00125),
    ]  # fmt: skip
    assert len(list((home / "assay-ledger").glob("*.json"))) == 3


def test_running_a_cell_again_shows_the_same_verdict_and_is_no_look(
    session: Session, looks: Any
) -> None:
    first = measure(OLD, NEW, ROWS, is_good)

    again = measure(OLD, NEW, ROWS, is_good)

    assert (again.looks, again.paired) == (1, first.paired)
    assert len(looks()) == 1


@pytest.mark.slow
def test_a_cell_run_again_after_other_looks_still_shows_its_own_verdict(
    session: Session, looks: Any
) -> None:
    first = measure(OLD, NEW, ROWS, is_good)
    measure(OLD, OTHER, ROWS, is_good)
    measure(OLD, NEW, ROWS, is_good, fresh=True)

    again = measure(OLD, NEW, ROWS, is_good)

    assert again.paired == first.paired
    assert len(looks()) == 3


def test_rows_in_another_order_show_the_same_verdict_and_are_no_look(
    session: Session, looks: Any
) -> None:
    scores = {row["ticket"]: len(row["ticket"]) / 100 for row in ROWS}

    def score(row: Any, output: str) -> float:
        return scores[row["ticket"]] * (output == "good")

    first = measure(OLD, NEW, ROWS, score)
    again = measure(OLD, NEW, ROWS[::-1], score)
    assert first.paired is not None
    assert again.paired is not None

    assert (again.looks, len(looks())) == (1, 1)
    assert (again.paired.p, again.paired.interval) == (first.paired.p, first.paired.interval)
    assert again.fixed == tuple(sorted(59 - row for row in first.fixed))


def test_rows_that_were_added_do_not_make_a_new_test_set(session: Session) -> None:
    measure(OLD, NEW, ROWS, is_good)

    assert measure(OLD, OTHER, [*ROWS, *make_rows(3, seed=9)], is_good).looks == 2


def test_a_column_more_does_not_make_other_rows_of_them(session: Session) -> None:
    measure(OLD, NEW, ROWS, is_good)
    wider = [{**row, "note": number} for number, row in enumerate(ROWS)]

    assert measure(OLD, OTHER, wider, is_good).looks == 2
    with pytest.raises(WrongUsage, match="none is unseen"):
        measure(OLD, NEW, wider, is_good, rows="unseen")


def test_other_rows_are_another_family(session: Session) -> None:
    measure(OLD, NEW, ROWS, is_good)

    assert measure(OLD, NEW, make_rows(60, seed=9), is_good).looks == 1


def test_looks_are_joined_by_a_look_that_shares_rows_with_both(session: Session) -> None:
    measure(OLD, NEW, make_rows(30, seed=1), is_good)
    measure(OLD, NEW, make_rows(30, seed=2), is_good)

    both = measure(OLD, OTHER, [*make_rows(30, seed=1), *make_rows(30, seed=2)], is_good)

    assert both.looks == 3


def test_another_metric_is_another_look(session: Session) -> None:
    measure(OLD, NEW, ROWS, lambda row, output: "good" in output)

    assert measure(OLD, NEW, ROWS, lambda row, output: "goo" in output).looks == 2
    assert measure(OLD, NEW, ROWS, lambda row, output: "good" in output).looks == 1  # again


def test_another_seed_is_another_look(session: Session) -> None:
    measure(OLD, NEW, ROWS, is_good)

    assert measure(OLD, NEW, ROWS, is_good, seed=1).looks == 2


def test_a_look_stands_in_the_ledger_before_its_verdict_is_shown(
    session: Session, looks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay_nb.experiments.measure.ledger import Ledger

    monkeypatch.setattr(Ledger, "write", lambda *_: pytest.fail("killed before the run's record"))
    with pytest.raises(pytest.fail.Exception):
        measure(OLD, NEW, ROWS, is_good)
    monkeypatch.undo()

    assert len(looks()) == 1


def test_a_run_that_could_compare_nothing_is_no_look(
    session: Session, engine: Engine, looks: Any
) -> None:
    engine.task = lambda call: Reply("go", "length") if GAIN in call.prompt else "good"

    result = measure(OLD, NEW, ROWS, is_good)

    assert (result.verdict, looks()) == ("invalid", [])
    engine.task = lambda call: "good"
    assert measure(OLD, NEW, ROWS, is_good, max_output_tokens=900).looks == 1


def test_a_look_holds_hashes_and_scores_and_no_row(session: Session, home: Path) -> None:
    measure(OLD, NEW, ROWS, is_good)

    (path,) = (home / "assay-ledger" / "looks").glob("*.json")
    text = path.read_text()
    assert not any(row["ticket"] in text for row in ROWS)
    assert OLD not in text
    assert len(json.loads(text)["scores"]) == 60


# --- what it spends ---------------------------------------------------------------------------------


def decided(wins: int, prompt: str = NEW) -> Any:
    """Return a model under which the new prompt wins so many rows, and changes no other."""
    good = {row["ticket"] for row in ROWS[:wins]}

    def task(call: Call) -> str:
        is_won = call.options["values"]["ticket"] in good and call.prompt == prompt
        return "good" if is_won else "bad"

    return task


def test_six_rows_of_six_are_enough_at_the_first_look_and_nine_at_the_second(
    session: Session, engine: Engine
) -> None:
    engine.task = decided(6)
    first = measure(OLD, NEW, ROWS, is_good)
    engine.task = decided(8, OTHER)
    second = measure(OLD, OTHER, ROWS, is_good)
    assert second.paired is not None

    assert (first.verdict, second.verdict) == ("improved", "no detectable difference")
    assert (second.looks, second.paired.alpha) == (2, 0.0025)
    assert "9 of 9 changed rows are needed, not 6 of 6" in " ".join(second.paired.notes)
    assert "99.5% interval" in repr(second)


def test_nine_rows_of_nine_are_enough_at_the_second_look(session: Session, engine: Engine) -> None:
    measure(OLD, NEW, ROWS, is_good)
    engine.task = decided(9, OTHER)

    assert measure(OLD, OTHER, ROWS, is_good, fresh=True).verdict == "improved"


@pytest.mark.slow
def test_after_six_looks_the_test_set_is_used_up(session: Session, engine: Engine) -> None:
    for number in range(6):
        measure(OLD, f"{OLD} {number}", ROWS, is_good)
    engine.task = lambda call: "good" if call.prompt == NEW else "bad"

    result = measure(OLD, NEW, ROWS, is_good, fresh=True)

    assert (result.looks, result.verdict, result.text) == (7, "invalid", OLD)
    assert "This test set is used up" in result.reason
    assert measure(OLD, NEW, make_rows(60, seed=9), is_good).verdict == "improved"  # control


def test_no_candidate_is_paid_for_where_the_test_set_is_used_up(
    session: Session, engine: Engine
) -> None:
    for number in range(6):
        measure(OLD, f"{OLD} {number}", ROWS, is_good)
    before = len(engine.calls)

    result = measure(OLD, None, ROWS, is_good)

    assert (result.stopped_at, result.verdict) == ("looks", None)
    assert "This test set is used up" in result.reason
    assert len(engine.calls) == before


def test_fresh_repeats_are_averaged_row_by_row(session: Session, engine: Engine) -> None:
    engine.task = decided(12)
    measure(OLD, NEW, ROWS, is_good, fresh=True)
    engine.task = decided(0)

    second = measure(OLD, NEW, ROWS, is_good, fresh=True)

    assert second.paired is not None
    assert (second.paired.runs, second.paired.n, second.paired.effect) == (2, 60, 0.1)
    assert "averages of 2 runs" in " ".join(second.paired.notes)


def test_a_reply_from_the_cache_is_averaged_only_once(session: Session, engine: Engine) -> None:
    engine.task = decided(12)
    measure(OLD, NEW, ROWS, is_good)

    more = measure(OLD, NEW, [*ROWS, *make_rows(40, seed=9)], is_good)

    assert more.paired is not None
    assert (more.looks, more.paired.runs, more.paired.effect) == (2, 1, 0.12)


def test_another_prompt_is_not_averaged_with(session: Session, engine: Engine) -> None:
    measure(OLD, NEW, ROWS, is_good)

    second = measure(OLD, OTHER, ROWS, is_good)

    assert second.paired is not None
    assert second.paired.runs == 1


def test_asking_again_only_what_was_lost_continues_the_same_look(
    session: Session, engine: Engine, looks: Any
) -> None:
    lost = {row["ticket"] for row in ROWS[50:53]}

    def cut(call: Call) -> Any:
        if call.options["values"]["ticket"] not in lost:
            return decided(6)(call)
        return Reply("go", "length") if call.prompt == NEW else "good"

    engine.task = cut
    first = measure(OLD, NEW, ROWS, is_good)
    engine.task = lambda call: "good"
    second = measure(OLD, NEW, ROWS, is_good)

    assert (first.verdict, second.verdict) == ("invalid", "improved")
    assert (first.looks, second.looks) == (1, 1)
    assert [look["continues"] for look in looks()] == [None, looks()[0]["id"]]
    assert measure(OLD, OTHER, ROWS, is_good).looks == 2  # the two count as one


def test_looks_at_the_practice_provider_are_counted_apart(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as practising:
        practising.setattr(Target, "practice", True)
        numbers = [measure(OLD, NEW, ROWS, is_good, fresh=True).looks for _ in range(2)]

    assert numbers == [1, 2]
    assert measure(OLD, NEW, ROWS, is_good, rows="unseen").looks == 1


# --- unseen rows ------------------------------------------------------------------------------------


def test_unseen_rows_are_those_that_no_look_has_touched(session: Session) -> None:
    rows = [*ROWS, *make_rows(40, seed=9)]
    measure(OLD, OTHER, ROWS, is_good)

    result = measure(OLD, NEW, rows, is_good, rows="unseen")

    assert (result.looks, result.test) == (1, tuple(range(60, 100)))
    again = measure(OLD, NEW, rows, is_good, rows="unseen")
    assert (again.looks, again.paired) == (1, result.paired)


def test_a_further_look_says_how_many_rows_were_never_tested_before_money_is_spent(
    session: Session, engine: Engine
) -> None:
    told: list[str] = []
    measure(OLD, OTHER, ROWS, is_good)

    measure(
        OLD,
        NEW,
        [*ROWS, *make_rows(40, seed=9)],
        is_good,
        on_progress=lambda p: told.append(p.step),
    )

    assert "40 rows were never tested: rows='unseen' starts afresh" in told[0]


def test_without_an_unseen_row_it_says_what_to_do(session: Session, engine: Engine) -> None:
    measure(OLD, OTHER, ROWS, is_good)
    before = len(engine.calls)

    with pytest.raises(WrongUsage, match="none is unseen"):
        measure(OLD, NEW, ROWS, is_good, rows="unseen")
    assert len(engine.calls) == before


def test_unseen_rows_need_a_ledger(session: Session) -> None:
    with pytest.raises(WrongUsage, match="ledger"):
        measure(OLD, NEW, ROWS, is_good, rows="unseen", ledger=False)


def test_fewer_than_twenty_unseen_rows_are_exploratory(session: Session, engine: Engine) -> None:
    measure(OLD, OTHER, ROWS, is_good)
    engine.task = lambda call: "good" if GAIN in call.prompt else "bad"

    result = measure(OLD, NEW, [*ROWS, *make_rows(15, seed=9)], is_good, rows="unseen")

    assert (result.exploratory, result.verdict) == (True, "no detectable difference")


# --- ledgers ----------------------------------------------------------------------------------------


def test_without_a_ledger_the_verdict_says_that_looks_are_not_counted(session: Session) -> None:
    result = measure(OLD, NEW, ROWS, is_good, ledger=False)

    assert "looks at these rows are not counted" in " ".join(repr(result).split())
    assert "not counted" not in repr(measure(OLD, NEW, ROWS, is_good))


def forget_looks(home: Path) -> None:
    """Make the ledger one of the version before looks were written."""
    for path in (home / "assay-ledger" / "looks").glob("*.json"):
        path.unlink()
    for path in (home / "assay-ledger").glob("*.json"):
        entry = json.loads(path.read_text())
        del entry["look"]
        path.write_text(json.dumps(entry))


def test_runs_of_the_version_before_count_as_one_look_each(session: Session, home: Path) -> None:
    measure(OLD, NEW, ROWS, is_good)
    measure(OLD, OTHER, ROWS, is_good)
    forget_looks(home)

    assert measure(OLD, f"{OLD} Third.", ROWS, is_good).looks == 3


def test_a_run_of_the_version_before_is_shown_again_as_the_same_look(
    session: Session, home: Path
) -> None:
    first = measure(OLD, NEW, ROWS, is_good)
    forget_looks(home)

    assert measure(OLD, NEW, ROWS, is_good).paired == first.paired
    assert measure(OLD, OTHER, ROWS, is_good).looks == 2  # shown twice, it is one look


def test_a_look_whose_file_is_gone_still_counts_by_its_run(session: Session, home: Path) -> None:
    measure(OLD, NEW, ROWS, is_good)
    (path,) = (home / "assay-ledger" / "looks").glob("*.json")
    path.unlink()

    assert measure(OLD, OTHER, ROWS, is_good).looks == 2


def test_a_file_that_is_no_look_is_passed_over(session: Session, home: Path) -> None:
    measure(OLD, NEW, ROWS, is_good)
    (home / "assay-ledger" / "looks" / "cut.json").write_text("<<<<<<< ours")
    (home / "assay-ledger" / "looks" / "edited.json").write_text('{"schema": "assay.look.v1"}')

    assert measure(OLD, OTHER, ROWS, is_good).looks == 2


def test_a_ledger_that_cannot_be_written_is_an_error_of_one_line(
    session: Session, home: Path
) -> None:
    (home / "taken").write_text("a file")

    with pytest.raises(WrongUsage, match="ledger cannot be written"):
        measure(OLD, NEW, ROWS, is_good, ledger=str(home / "taken"))
