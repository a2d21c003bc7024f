"""A provider's limit within a table: what is waited for, and what ends the run with the rows that are there."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

import pytest

from assay_nb import AssayError, BadReply, Batch, ProviderUnavailable, RateLimited, playground
from assay_nb.engine.call import Call
from assay_nb.engine.events import Event, Finished, Waiting
from assay_nb.errors import BROKEN_OFF, DAY_QUOTA, UNREACHED
from assay_nb.experiments.run.progress import Progress
from assay_nb.providers import retry
from tests.experiments.simulated import Engine, Session
from tests.fakes.providers import Answer
from tests.kernel.stage import Stage

PROMPT = "Repeat: {{ticket}}"


def play(count: int, **settings: Any) -> Batch:
    rows = [{"ticket": f"t{number}"} for number in range(count)]
    batch = playground(PROMPT, data=rows, **settings)
    assert isinstance(batch, Batch)
    return batch


def shown(batch: Batch) -> str:
    """Return what a person sees, in one line."""
    return " ".join(str(batch).replace("┃", "").split())


def once(error: AssayError, row: str) -> Callable[[Call], str]:
    """Return a model that refuses a row the first time."""
    left = [error]

    def task(call: Call) -> str:
        if call.options["values"]["ticket"] == row and left:
            raise left.pop()
        return "fine"

    return task


def never(error: AssayError, row: str) -> Callable[[Call], str]:
    """Return a model that refuses a row each time."""

    def task(call: Call) -> str:
        if call.options["values"]["ticket"] == row:
            raise error
        return "fine"

    return task


def always(error: AssayError, *, after: int = 0) -> Callable[[Call], str]:
    answered = 0

    def task(call: Call) -> str:
        nonlocal answered
        answered += 1
        if answered > after:
            raise error
        return "fine"

    return task


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("Slow down.", status=429, retry_after=46.0),
        ProviderUnavailable("Busy.", status=503, retry_after=46.0),
    ],
)
def test_wait_that_a_provider_asks_for_loses_no_row(
    error: AssayError, session: Session, engine: Engine, waits: list[float]
) -> None:
    engine.task = once(error, "t3")

    batch = play(12, concurrency=1)

    assert (batch.done, batch.failed, batch.stopped) == (12, (), None)
    assert sum(waits) == pytest.approx(46, abs=0.5)


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("Today's quota.", status=429, reason=DAY_QUOTA),
        RateLimited("Come back later.", status=429, retry_after=61.0),
    ],
)
def test_quota_that_outlasts_a_row_ends_the_run_with_what_is_there(
    error: RateLimited, session: Session, engine: Engine, waits: list[float]
) -> None:
    engine.task = always(error, after=5)

    batch = play(50, concurrency=1)

    assert (batch.done, batch.failed, batch.stopped) == (5, (), "quota")
    assert (len(engine.calls), waits) == (6, [])
    assert "quota is used up" in str(batch)


def test_quota_that_is_used_up_before_any_row_is_an_error(
    session: Session, engine: Engine, waits: list[float]
) -> None:
    engine.task = always(RateLimited("Today's quota.", status=429, reason=DAY_QUOTA))

    with pytest.raises(RateLimited):
        play(50, concurrency=1)

    assert len(engine.calls) == 1


def test_ended_run_goes_on_from_where_it_was(
    session: Session, engine: Engine, waits: list[float]
) -> None:
    engine.task = always(RateLimited("Today's quota.", status=429, reason=DAY_QUOTA), after=5)
    play(8, concurrency=1)
    engine.task = lambda call: "fine"
    engine.calls.clear()

    batch = play(8, concurrency=1)

    assert (batch.done, len(engine.calls)) == (8, 3)


# --- a limit of which nobody says when it opens


UNSTATED: dict[str, AssayError] = {
    "limit": RateLimited("Slow down.", status=429),
    "overload": ProviderUnavailable("Busy.", status=503),
    "overload of Anthropic's": ProviderUnavailable("Busy.", status=529),
}


@pytest.mark.parametrize("error", UNSTATED.values(), ids=list(UNSTATED))
@pytest.mark.parametrize("at_once", [1, 8])
def test_limit_that_opens_unannounced_loses_no_row(
    error: AssayError, at_once: int, session: Session, engine: Engine, waits: list[float]
) -> None:
    def task(call: Call) -> str:
        if len(engine.calls) > 4 and sum(waits) < 30:
            raise error
        return "fine"

    engine.task = task

    batch = play(30, concurrency=at_once)

    assert (batch.done, batch.failed, batch.stopped) == (30, (), None)
    assert 30 <= sum(waits) < 90


def test_waits_grow_and_are_waited_by_all_together(
    session: Session, engine: Engine, waits: list[float]
) -> None:
    engine.delay = 0.001
    engine.task = always(UNSTATED["limit"], after=8)

    batch = play(100, concurrency=8)

    assert (batch.done, batch.stopped) == (8, "quota")
    told = [round(seconds) for seconds in waits if seconds > 1]
    assert told[:6] == [2, 4, 8, 16, 32, 60]
    assert 600 <= sum(waits) < 700, "ten minutes in all, and not for each row"
    assert len(engine.calls) < 8 + 8 + 25, "one at a time after the first refusals"


def test_key_that_has_no_requests_at_all_is_told_so_after_a_minute(
    session: Session, engine: Engine, waits: list[float]
) -> None:
    engine.task = always(UNSTATED["limit"])

    with pytest.raises(RateLimited):
        play(100, concurrency=8)

    assert 60 < sum(waits) < 150
    assert len(engine.calls) < 25


@pytest.mark.parametrize(
    "error", [UNSTATED["limit"], RateLimited("Slow down.", status=429, retry_after=40.0)]
)
def test_row_that_is_refused_while_others_are_answered_fails_alone(
    error: AssayError, session: Session, engine: Engine, waits: list[float]
) -> None:
    engine.task = never(error, "t0")

    batch = play(12, concurrency=1)

    assert (batch.done, batch.failed, batch.stopped) == (11, (0,), None)
    assert len(engine.calls) == 11 + 2 + 3


def test_limit_that_never_opens_ends_the_run_after_ten_minutes(
    session: Session, engine: Engine, waits: list[float]
) -> None:
    engine.task = always(RateLimited("Slow down.", status=429, retry_after=50.0), after=1)

    batch = play(40, concurrency=1)

    assert (batch.done, batch.failed, batch.stopped) == (1, (), "quota")
    assert 500 < sum(waits) <= 600
    assert "39 rows were not tried" in shown(batch)


# --- what is told meanwhile


def test_progress_says_for_whom_it_waits_and_why(
    session: Session, engine: Engine, waits: list[float]
) -> None:
    engine.task = once(RateLimited("Slow down.", status=429, retry_after=46.0), "t2")
    seen: list[Progress] = []

    play(4, concurrency=1, on_progress=seen.append)

    words = "waiting 46 s for Anthropic: its limit is reached"
    assert [(one.done, one.waiting) for one in seen] == [
        (0, ""),
        (1, ""),
        (2, ""),
        (2, words),
        (3, ""),
        (4, ""),
    ]
    assert seen[3].line == f"rows: 2 of 4 · ≈ $0.0020 · {words}"
    assert words in str(seen[3])
    assert [one.to_dict().get("waiting") for one in seen] == [None, None, None, words, None, None]


def test_wait_within_a_call_holds_the_other_rows_and_is_told(
    session: Session, engine: Engine, waits: list[float]
) -> None:
    began: list[float] = []

    class Waits(Engine):
        async def run(self, call: Call) -> AsyncIterator[Event]:
            began.append(sum(waits))
            if call.options["values"]["ticket"] == "t1":
                yield Waiting(12.0, 2)
            async for event in super().run(call):
                yield event

    session.engine = Waits(task=lambda call: "fine")
    seen: list[Progress] = []

    play(4, concurrency=1, on_progress=seen.append)

    assert "waiting 12 s for Anthropic: it asks to wait" in [one.waiting for one in seen]
    assert began == [0.0, 0.0, 12.0, 12.0]


def test_stopping_ends_a_wait_at_once(session: Session, engine: Engine, true_time: None) -> None:
    engine.task = once(RateLimited("Slow down.", status=429, retry_after=46.0), "t2")
    kept: list[float] = []

    def stop(progress: Progress) -> None:
        if progress.waiting:
            kept.append(time.monotonic())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(4, concurrency=1, on_progress=stop)

    assert time.monotonic() - kept[0] < 23, "half of the wait"
    assert len(engine.calls) == 3


# --- a server that is gone


GONE = ProviderUnavailable("http://127.0.0.1:8080 is gone.", hint="Start it.", reason=UNREACHED)


@pytest.mark.parametrize("at_once", [1, 8])
def test_server_that_is_gone_ends_the_run_and_the_next_one_goes_on(
    at_once: int, session: Session, engine: Engine, waits: list[float]
) -> None:
    engine.task = always(GONE, after=8)

    seen: list[Progress] = []
    batch = play(60, concurrency=at_once, on_progress=seen.append)
    asked = len(engine.calls)
    engine.task = lambda call: "fine"
    again = play(60, concurrency=at_once)

    assert (batch.done, len(batch.failed), batch.stopped) == (8, 1, "unreachable")
    assert str(GONE) in shown(batch)
    told = [one.waiting for one in seen if one.waiting]
    assert told == [f"waiting {n} s for the server: it cannot be reached" for n in (2, 4, 8)]
    assert asked <= 8 + at_once + 5
    assert 14 <= sum(waits) < 20
    assert "51 rows were not tried" in shown(batch)
    assert (again.done, len(engine.calls) - asked) == (60, 52)


def test_server_that_restarts_loses_no_row(
    session: Session, engine: Engine, waits: list[float]
) -> None:
    def task(call: Call) -> str:
        if len(engine.calls) > 4 and sum(waits) < 5:
            raise GONE
        return "fine"

    engine.task = task

    batch = play(30)

    assert (batch.done, batch.failed, batch.stopped) == (30, (), None)


def test_server_that_never_was_there_is_an_error(
    session: Session, engine: Engine, waits: list[float]
) -> None:
    engine.task = always(GONE)

    with pytest.raises(ProviderUnavailable):
        play(60)

    assert (len(engine.calls) <= 16, waits) == (True, [])


# --- replies that break off


BROKEN: dict[str, AssayError] = {
    "stream that ended": BadReply("It ended.", stop="incomplete"),
    "connection that was closed": ProviderUnavailable("Closed.", status=200, reason=BROKEN_OFF),
}


@pytest.mark.parametrize("error", BROKEN.values(), ids=list(BROKEN))
def test_row_that_breaks_off_is_asked_once_more_alone_after_the_others(
    error: AssayError, session: Session, engine: Engine
) -> None:
    at_once: list[int] = []

    class Watched(Engine):
        async def run(self, call: Call) -> AsyncIterator[Event]:
            at_once.append(self.now)
            async with aclosing(super().run(call)) as events:
                async for event in events:
                    yield event

    session.engine = Watched(task=once(error, "t0"), delay=0.001)

    batch = play(12, concurrency=4)

    assert (batch.done, batch.failed) == (12, ())
    assert session.engine.calls[-1].options["values"] == {"ticket": "t0"}
    assert (len(session.engine.calls), at_once[-1]) == (13, 0)
    assert [answer.again for answer in batch.answers if answer] == [True, *[False] * 11]
    assert "1 row broke off and was asked once more" in shown(batch)
    assert Batch.from_dict(batch.to_dict()).to_dict()["rows"] == batch.to_dict()["rows"]


@pytest.mark.parametrize("error", BROKEN.values(), ids=list(BROKEN))
def test_row_that_breaks_off_again_has_failed(
    error: AssayError, session: Session, engine: Engine
) -> None:
    engine.task = never(error, "t0")

    batch = play(12, concurrency=4)

    assert (batch.done, batch.failed, len(engine.calls)) == (11, (0,), 13)
    assert batch.answers[0] is not None
    assert batch.answers[0].error == str(error)


def test_server_that_breaks_everything_off_is_not_asked_for_all_of_it_again(
    session: Session, engine: Engine
) -> None:
    def task(call: Call) -> str:
        if int(call.options["values"]["ticket"][1:]) % 2:
            raise BROKEN["stream that ended"]
        return "fine"

    engine.task = task

    batch = play(40, concurrency=1)

    assert (batch.done, len(batch.failed)) == (20, 20)
    assert len(engine.calls) == 40 + 3


def test_server_that_breaks_off_for_the_next_request_is_soon_asked_one_at_a_time(
    session: Session, engine: Engine
) -> None:
    class Hasty(Engine):
        """Breaks a reply off when another request comes, as some servers do."""

        async def run(self, call: Call) -> AsyncIterator[Event]:
            came = len(self.calls) + 1
            async for event in super().run(call):
                if isinstance(event, Finished) and len(self.calls) > came:
                    raise BROKEN["stream that ended"]
                yield event

    session.engine = Hasty(task=lambda call: "fine", delay=0.001)

    batch = play(60, concurrency=8)

    assert (batch.done, batch.failed) == (60, ())
    assert len(session.engine.calls) < 60 + 45  # each of the 60 would break off without it


# --- the same over a socket


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have calls retry at once."""
    monkeypatch.setattr(retry, "Retry", partial(retry.Retry, base=0.0))


def test_provider_that_refuses_for_a_while_without_a_time_loses_no_row(
    hasty: None, stage: Stage, waits: list[float]
) -> None:
    stage.fake.answer_by(
        lambda call: Answer(status=429) if 4 < len(stage.fake.calls) < 22 else Answer()
    )

    batch = play(12, concurrency=4)

    assert (batch.done, batch.failed, batch.stopped) == (12, (), None)
    assert waits[:2] == [2.0, 4.0]


def test_server_that_dies_within_a_table_ends_it_and_the_next_run_goes_on(
    hasty: None, stage: Stage, waits: list[float]
) -> None:
    stage.fake.answers("fine")

    def kill(progress: Progress) -> None:
        if progress.done == 3:
            stage.fake.__exit__()

    batch = play(24, concurrency=2, on_progress=kill)
    stage.fake.restart()
    arrived = len(stage.fake.calls)
    again = play(24, concurrency=2)

    assert (batch.stopped, again.stopped) == ("unreachable", None)
    assert 3 <= batch.done < 24
    assert "cannot be reached" in shown(batch)
    assert (again.done, len(stage.fake.calls) - arrived) == (24, 24 - batch.done)
