"""Tables on a real server with one slot: many rows at once, a row over the context, judging, a second run."""

from __future__ import annotations

import pytest

from assay_nb import Batch, judge, playground
from tests.servers.product import NAME, connect
from tests.servers.running import CONTEXT, Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
TEMPLATE = "Say one word about {{thing}}."


def play(rows: list[dict[str, str]], **settings: object) -> Batch:
    result = playground(TEMPLATE, data=rows, model=NAME, temperature=0, **settings)  # type: ignore[arg-type]
    assert isinstance(result, Batch)
    return result


def test_nothing_is_lost_of_forty_rows_that_ask_for_one_slot(connected: Server) -> None:
    rows = [{"thing": f"number {index}"} for index in range(40)]

    done = play(rows, concurrency=8, max_output_tokens=8)

    assert done.stopped is None
    assert done.failed == (), repr(done)
    assert len([output for output in done.outputs if output]) == 40
    assert set(done.stops) <= {"end", "length"}
    assert 40 <= done.provenance.requests < 80  # llama.cpp's closes connections that were kept open


def test_second_run_asks_again_only_what_was_cut(connected: Server) -> None:
    rows = [{"thing": thing} for thing in ("rain", "snow", "hail", "fog")]
    first = play(rows, max_output_tokens=48)

    second = play(rows, max_output_tokens=48)

    whole = [answer.whole for answer in first.answers if answer]
    assert any(whole)
    assert [answer.cached for answer in second.answers if answer] == whole


def test_row_over_the_context_fails_with_its_own_words_and_the_others_go_on(
    connected: Server,
) -> None:
    rows = [{"thing": "rain"}, {"thing": "lemon tree " * CONTEXT}, {"thing": "snow"}]

    done = play(rows, max_output_tokens=8)

    errors = [answer.error if answer else "not reached" for answer in done.answers]
    assert done.stopped is None
    assert (errors[0], errors[2]) == (None, None)
    assert (errors[1] or "").startswith("The prompt is longer than")
    assert done.outputs[0]
    assert done.outputs[2]


@pytest.mark.xdist_group("llama_cpp.server")
def test_reply_that_a_server_breaks_off_for_the_next_request_is_asked_for_again_alone(
    hasty_server: Server,
) -> None:
    connect(hasty_server)

    done = play([{"thing": f"number {index}"} for index in range(6)], max_output_tokens=24)

    answers = [answer for answer in done.answers if answer]
    assert (done.stopped, done.failed, len(answers)) == (None, (), 6)
    assert any(answer.again for answer in answers)
    assert {answer.stop for answer in answers} <= {"end", "length"}
    assert "asked once more, alone" in " ".join(str(done).split())


def test_price_of_a_model_of_ones_own_is_unknown_and_not_zero(connected: Server) -> None:
    done = play([{"thing": "rain"}], max_output_tokens=8)

    assert done.provenance.cost is None


def test_judge_scores_an_output(connected: Server) -> None:
    verdict = judge(
        "Say hello.",
        "Hello!",
        rubric="- It greets.",
        model=NAME,
        temperature=0,
        max_output_tokens=400,
    )

    assert 0 <= verdict.score <= 1
    assert [mark.criterion for mark in verdict.marks] == ["c1"]


def test_judge_goes_through_a_table(connected: Server) -> None:
    table = play([{"thing": "rain"}, {"thing": "snow"}], max_output_tokens=8)

    verdicts = judge(
        TEMPLATE, table, rubric="- It is one word.", model=NAME, count_cut=True, temperature=0,
        max_output_tokens=400,
    )  # fmt: skip

    assert verdicts.stopped is None
    assert [score in {0, 1} for score in verdicts.scores] == [True, True]
