"""Calls for many rows: which failure is one row's, which ends the run, and what is kept of either."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay_nb import (
    AssayError,
    BadReply,
    Batch,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    judge,
    playground,
)
from assay_nb.engine.call import Call
from assay_nb.errors import KeyPasted
from assay_nb.messages import Reply
from tests.experiments.simulated import Engine, Session
from tests.instruments.driving import make_choice, make_mark

PROMPT = "Repeat: {{ticket}}"
YES = make_mark("yes")


def make_rows(count: int) -> list[dict[str, Any]]:
    return [{"ticket": f"t{number}"} for number in range(count)]


def play(count: int, **settings: Any) -> Batch:
    batch = playground(PROMPT, data=make_rows(count), **settings)
    assert isinstance(batch, Batch)
    return batch


def failing(error: Callable[[], AssayError], *rows: str) -> Callable[[Call], str]:
    """Return a model that raises an error for these rows, or for all, and says "fine" for the others."""

    def task(call: Call) -> str:
        if not rows or call.options["values"]["ticket"] in rows:
            raise error()
        return "fine"

    return task


# --- one row, or all --------------------------------------------------------------------------------

OF_ONE_ROW: dict[str, Callable[[], AssayError]] = {
    "too long": lambda: ProviderError("It is too long.", hint="Shorten it.", status=413),
    "refused": lambda: ProviderError("It is against the rules.", hint="Change it.", status=400),
    "not processed": lambda: ProviderError("It cannot be read.", hint="Change it.", status=422),
    "rate limited": lambda: RateLimited("Too many.", hint="Wait.", status=429),
    "busy": lambda: ProviderUnavailable("It is busy.", hint="Wait.", status=503),
    "unavailable": lambda: ProviderUnavailable("It is down.", hint="Wait.", status=500),
    "unreachable": lambda: ProviderUnavailable("It cannot be reached.", hint="Wait."),
    "broken off": lambda: BadReply("It broke off.", hint="Retry.", stop="incomplete"),
    "secret": lambda: KeyPasted("It holds a key.", hint="Take it out."),
}


@pytest.mark.parametrize("kind", OF_ONE_ROW)
def test_what_concerns_one_row_is_its_error_and_the_others_go_on(
    session: Session, engine: Engine, kind: str
) -> None:
    engine.task = failing(OF_ONE_ROW[kind], "t3")

    batch = play(12, concurrency=1)

    assert (batch.failed, batch.done, batch.stopped) == ((3,), 11, None)
    assert batch.frame[3]["error"] == str(OF_ONE_ROW[kind]()), "with the step that helps"


@pytest.mark.parametrize("status", [401, 402, 403, 404, 418])
def test_another_status_ends_the_run_with_what_is_there(
    session: Session, engine: Engine, status: int
) -> None:
    engine.task = failing(lambda: ProviderError("No.", status=status), "t3")

    with pytest.raises(ProviderError) as caught:
        play(12, concurrency=1)

    assert (caught.value.partial.done, caught.value.partial.stopped) == (3, "failed")
    assert len(engine.calls) == 4


SURELY_ONE_ROWS = ("too long", "secret")
"""What says nothing of other rows, however many of the first ones it hits: data is often sorted."""
WAITED_FOR = ("rate limited", "busy")


@pytest.mark.parametrize(
    "kind", [kind for kind in OF_ONE_ROW if kind not in {*SURELY_ONE_ROWS, *WAITED_FOR}]
)
def test_eight_failures_without_a_success_end_the_run(
    session: Session, engine: Engine, kind: str
) -> None:
    engine.task = failing(OF_ONE_ROW[kind])

    with pytest.raises(AssayError):
        play(100, concurrency=1)

    assert len(engine.calls) == 8


@pytest.mark.parametrize("kind", SURELY_ONE_ROWS)
def test_a_table_that_begins_with_rows_that_cannot_be_answered_goes_on(
    session: Session, engine: Engine, kind: str
) -> None:
    engine.task = failing(OF_ONE_ROW[kind], *(f"t{n}" for n in range(20)))

    assert play(24, concurrency=1).ends == {"whole": 4, "failed": 20}


def test_eight_failures_after_a_success_do_not(session: Session, engine: Engine) -> None:
    bad = [f"t{n}" for n in range(1, 15)]
    engine.task = failing(OF_ONE_ROW["too long"], *bad)

    batch = play(16, concurrency=1)

    assert batch.ends == {"whole": 2, "failed": 14}


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_run_of_which_every_row_failed_raises(
    session: Session, engine: Engine, count: int
) -> None:
    engine.task = failing(OF_ONE_ROW["too long"])

    with pytest.raises(ProviderError, match="too long") as caught:
        play(count)

    assert caught.value.partial.ends == {"failed": count}


def test_rows_that_were_answered_earlier_are_a_result_beside_those_that_fail(
    session: Session, engine: Engine
) -> None:
    engine.task = lambda call: "fine"
    play(2)
    engine.task = failing(OF_ONE_ROW["too long"])

    assert play(4).ends == {"whole": 2, "failed": 2}


# --- what is kept -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", ["length", "filtered", "refusal", "empty"])
def test_a_reply_that_is_not_whole_is_not_kept(
    session: Session, engine: Engine, home: Path, stop: Any
) -> None:
    engine.task = lambda call: (
        Reply("half", stop) if call.options["values"]["ticket"] == "t1" else "fine"
    )
    play(3)
    kept = "".join(path.read_text() for path in (home / "vault" / "runs").glob("*.jsonl"))
    engine.calls.clear()
    engine.task = lambda call: "fine"

    again = play(3)

    assert "half" not in kept
    assert kept.count("fine") == 2

    assert [call.options["values"]["ticket"] for call in engine.calls] == ["t1"]
    assert again.ends == {"whole": 3}


OLD_LINES: dict[str, tuple[dict[str, Any], bool]] = {
    "whole": ({"payload": {"output": "kept", "stop": "end"}}, True),
    "cut": ({"payload": {"output": "half", "stop": "length"}}, False),
    "filtered": ({"payload": {"output": "half", "stop": "filtered"}}, False),
    "refused": ({"payload": {"output": "no", "stop": "refusal"}}, False),
    "blank": ({"payload": {"output": " \n", "stop": "end"}}, False),
    "blank, today's": ({"payload": {"output": ""}, "stop": "end"}, False),
    "cut, today's": ({"payload": {"output": "half"}, "stop": "length"}, False),
}


@pytest.mark.parametrize("kind", OLD_LINES)
def test_a_line_of_an_earlier_version_is_taken_only_if_its_reply_was_whole(
    session: Session, engine: Engine, home: Path, kind: str
) -> None:
    engine.task = lambda call: "asked"
    play(1)
    line, taken = OLD_LINES[kind]
    (path,) = (home / "vault" / "runs").glob("*.jsonl")
    (kept,) = [json.loads(one) for one in path.read_text().splitlines() if one]
    path.write_text(json.dumps({"name": kept["name"], **line}) + "\n")
    engine.calls.clear()

    batch = play(1)

    assert batch.outputs == play(1).outputs == ["kept" if taken else "asked"]
    assert len(engine.calls) == (0 if taken else 1), "and it is asked once only"


# --- judging ----------------------------------------------------------------------------------------


def test_an_error_that_ends_the_judging_carries_what_was_judged(
    session: Session, engine: Engine
) -> None:
    def judging(call: Call, request: Any) -> Any:
        if engine.count("judge") > 2:
            raise ProviderError("No credit.", status=402)
        return YES

    engine.task = lambda call: "fine"
    batch = play(5)
    engine.judge = judging

    with pytest.raises(ProviderError) as caught:
        judge(PROMPT, batch, rubric="- It is fine.", concurrency=1)

    partial = caught.value.partial
    assert (partial.scores, partial.stopped) == ([1.0, 1.0, None, None, None], "failed")
    assert "Stopped by an error" in repr(partial)


def test_a_reply_that_is_not_whole_gives_its_pair_no_preference(
    session: Session, engine: Engine
) -> None:
    engine.task = lambda call: (
        Reply("half", "length")
        if "Again" in call.prompt and call.options["values"]["ticket"] == "t1"
        else "fine"
    )
    new = playground("Again: {{ticket}}", data=make_rows(3))
    either = make_choice("tie")
    engine.judge = lambda call, request: either

    judged = judge(PROMPT, new, against=play(3), rubric="- It is fine.")  # type: ignore[arg-type]

    assert engine.count("judge") == 2
    assert judged.answers[1] is None  # type: ignore[union-attr]
    assert judged.lost == {"judged": {"length": 1}}  # type: ignore[union-attr]


def test_why_a_row_is_not_whole_marks_stands_in_the_frame(session: Session, engine: Engine) -> None:
    engine.task = lambda call: "fine"
    batch = play(2)
    no = make_mark("no", "It names no team.")
    engine.judge = lambda call, request: no if "t1" in str(request) else YES

    judged = judge(PROMPT, batch, rubric="- It names the team.")

    assert [row["why"] for row in judged.frame] == ["", "It names the team (no): It names no team."]  # type: ignore[union-attr]
    assert type(judged).from_dict(judged.to_dict()).why(1) == judged.why(1)  # type: ignore[union-attr]


def test_a_judgement_that_lacks_an_answer_is_a_row_that_failed_and_is_judged_again(
    session: Session, engine: Engine
) -> None:
    engine.task = lambda call: "fine"
    batch = play(2)
    engine.judge = lambda call, request: make_mark("yes")

    judged = judge(PROMPT, batch, rubric="- It is fine.\n- It is short.")
    again = judge(PROMPT, batch, rubric="- It is fine.\n- It is short.")

    assert judged.scores == [None, None]  # type: ignore[union-attr]
    assert judged.why(0) == ["No score: the judge answered 1 of 2 criteria."]  # type: ignore[union-attr]
    assert engine.count("judge") == 4
    assert not any(a and a.cached for a in again.answers)  # type: ignore[union-attr]
