"""The limit on a call's requests, counted where they arrive: retries, plainer shapes and repairs included."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay_nb.engine.call import Call
from assay_nb.engine.session import Session
from assay_nb.errors import AssayError, BadReply, ProviderUnavailable, WrongUsage
from assay_nb.experiments.batch import Batch
from assay_nb.experiments.playground import prepare
from assay_nb.providers import retry
from tests.fakes.providers import Answer
from tests.kernel.stage import Stage, open_stage

MODEL = "anthropic/claude-sonnet-4-6"
PRICE = (3.0, 15.0)
"""Dollars per million tokens; the fake is at an endpoint of its own, so nobody knows its price."""


@pytest.fixture
def stage(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(retry, "Retry", partial(retry.Retry, base=0.0))
    with open_stage(home / "vault") as stage:
        yield stage


@pytest.fixture
def session(stage: Stage) -> Iterator[Session]:
    session = stage.session(hasty=True)
    yield session
    session.close()


def ask(session: Session, instrument: str, max_requests: int | None, **options: Any) -> Any:
    call = Call(
        instrument=instrument,
        prompt="Say something.",
        model=MODEL,
        options=options,
        max_requests=max_requests,
    )
    return session.portal.call(session.engine.ask, call)


@pytest.mark.parametrize(("most", "arrived"), [(1, 1), (2, 2), (None, 3)])
def test_retries_count(stage: Stage, session: Session, most: int | None, arrived: int) -> None:
    stage.fake.answers(status=529)

    with pytest.raises(ProviderUnavailable):
        ask(session, "playground", most)

    assert len(stage.fake.calls) == arrived


def test_a_retry_that_the_limit_allows_is_made_and_counted(stage: Stage, session: Session) -> None:
    stage.fake.queue(Answer(status=529))

    run = ask(session, "playground", 2)

    assert (run.output, run.provenance.requests) == ("A reply.", 2)


@pytest.mark.parametrize(("most", "arrived"), [(1, 1), (2, 2)])
def test_plainer_shapes_count(stage: Stage, session: Session, most: int, arrived: int) -> None:
    stage.fake.refuse_schema = True

    with pytest.raises(AssayError):
        ask(session, "critique", most)

    assert len(stage.fake.calls) == arrived
    stage.fake.refuse_schema = False


def test_a_repair_counts_and_the_error_says_what_to_raise(stage: Stage, session: Session) -> None:
    stage.fake.answers("This is not JSON.")

    with pytest.raises(
        BadReply, match="takes another request, and its limit of 1 is reached"
    ) as caught:
        ask(session, "critique", 1)

    assert len(stage.fake.calls) == 1
    assert "max_calls" in (caught.value.hint or "")


def test_a_comparison_makes_no_more_requests_than_it_may(stage: Stage, session: Session) -> None:
    with pytest.raises(BadReply, match="its limit of 1 is reached"):
        ask(session, "judge", 1, output="a", against="b")

    assert len(stage.fake.calls) <= 1


def test_an_order_that_is_refused_ends_the_other_one(stage: Stage, session: Session) -> None:
    refused = Answer(status=400)
    stage.fake.answer_by(
        lambda call: refused if call is stage.fake.calls[0] else Answer(chunks=("a", "b"), pause=20)
    )

    with pytest.raises(AssayError):
        ask(session, "judge", None, output="a", against="b")

    other = stage.fake.calls[-1]
    assert len(stage.fake.calls) == 1 or other.closed.wait(2)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3"])
def test_a_limit_that_is_none_is_refused_where_a_call_is_read(value: Any) -> None:
    fields = {"instrument": "playground", "prompt": "Hi.", "max_requests": value}

    with pytest.raises(WrongUsage, match="max_requests"):
        Call.from_dict(fields)


def test_a_limit_travels_with_its_call() -> None:
    call = Call(instrument="playground", prompt="Hi.", max_requests=3)

    assert Call.from_dict(json.loads(json.dumps(call.to_dict()))) == call


# --- many calls -------------------------------------------------------------------------------------

FATES = st.sampled_from(
    [
        Answer(chunks=("fine",), input_tokens=20, output_tokens=5),
        Answer(chunks=("fine",), input_tokens=20, output_tokens=90),
        Answer(chunks=("no count",), input_tokens=None, output_tokens=None),
        Answer(status=429),
        Answer(status=500),
        Answer(status=400),
        Answer(chunks=("half", "of it"), fault="cut"),
        Answer(chunks=("half", "of it"), fault="eof"),
    ]
)


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    fates=st.lists(FATES, min_size=1, max_size=12),
    max_calls=st.none() | st.integers(0, 14),
    budget=st.none() | st.floats(0, 0.02),
    concurrency=st.sampled_from([1, 3, 8]),
)
def test_over_the_wire_too_a_run_stays_within_its_limits(
    stage: Stage,
    session: Session,
    fates: list[Answer],
    max_calls: int | None,
    budget: float | None,
    concurrency: int,
) -> None:
    stage.reset()
    stage.fake.queue(*fates)
    playing = prepare(
        session, "Row {{n}}.", None, data=[{"n": n} for n in range(12)], model=MODEL, fresh=True,
        max_calls=max_calls, budget=budget, concurrency=concurrency, price_in=PRICE[0],
        price_out=PRICE[1], options={"max_output_tokens": 100},
    )  # fmt: skip

    with suppress(AssayError):  # eight failures before any answer end a run
        session.portal.call(playing.run)

    batch = playing.result()
    assert isinstance(batch, Batch)
    costs = [answer.cost for answer in batch.answers if answer and answer.cost is not None]
    assert max_calls is None or len(stage.fake.calls) <= max_calls
    surprise = 20 * PRICE[0] / 1e6  # as many tokens go in, and 2 are likely; 100 out are both
    assert budget is None or sum(costs) <= budget + surprise
    assert budget != 0 or not stage.fake.calls
