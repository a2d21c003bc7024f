"""Which form of a reply a model is asked for, and what is kept of a call whose second request fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from assay_nb.egress.origins import parse_endpoint
from assay_nb.engine.call import Call
from assay_nb.engine.local.planner import CallPlan
from assay_nb.engine.session import Session
from assay_nb.errors import RateLimited
from assay_nb.messages import ProviderId
from assay_nb.providers import retry
from tests.fakes.providers import Answer
from tests.instruments.driving import make_answers, make_plain_critique, make_slot
from tests.kernel.stage import Stage, open_stage

MODEL = "anthropic/claude-sonnet-4-6"
PROMPT = "Summarise {{ticket}} briefly."


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


def critique(session: Session, **fields: Any) -> Any:
    call = Call(instrument="critique", prompt=PROMPT, model=MODEL, **fields)
    return session.portal.call(session.engine.ask, call)


@pytest.mark.parametrize(
    ("provider", "url", "model", "ends"),
    [
        ("anthropic", None, "claude-sonnet-4-6", True),
        ("anthropic", None, "claude-sonnet-5-5-20260915", True),
        ("openai", None, "gpt-6.2-sol", True),
        ("google", None, "gemini-3.8-flash", True),
        ("openai", None, "gpt-of-tomorrow", False),
        ("openai", "http://127.0.0.1:8080/v1", "gpt-6.2-sol", False),
        ("openai", "https://models.example.com/v1", "gpt-6.2-sol", False),
        ("openai", "http://127.0.0.1:8080/practice/openai/v1", "practice-1", True),
    ],
)
def test_lists_are_for_known_models_at_their_own_provider(
    provider: ProviderId, url: str | None, model: str, ends: bool
) -> None:
    destination = parse_endpoint(provider, url)

    nothing = cast("Any", None)
    assert CallPlan(nothing, model, destination, nothing).ends_lists is ends


def test_a_server_of_ones_own_is_asked_for_no_list(stage: Stage, session: Session) -> None:
    stage.fake.answers(json.dumps(make_plain_critique(make_slot())))

    result = critique(session)

    assert (len(result.findings), result.provenance.requests) == (1, 1)
    assert '"array"' not in stage.fake.calls[0].text


@pytest.mark.parametrize("failing", [Answer(status=429), Answer(status=529)])
def test_what_the_first_request_brought_is_kept_where_the_second_fails(
    stage: Stage, session: Session, failing: Answer
) -> None:
    few = make_plain_critique(make_slot(), answers={"action": "yes"})
    stage.fake.queue(Answer(chunks=(json.dumps(few),)))
    stage.fake.answer_by(lambda call: failing)

    result = critique(session)

    assert (result.answered, len(result.findings)) == (1, 1)


def test_what_the_first_request_brought_is_kept_where_no_second_may_be_made(
    stage: Stage, session: Session
) -> None:
    answers = make_answers()
    del answers["edge"]
    stage.fake.answers(json.dumps(make_plain_critique(answers=answers)))

    result = critique(session, max_requests=1)

    assert (result.answered, result.provenance.requests, len(stage.fake.calls)) == (23, 1, 1)


def test_a_first_request_that_fails_fails_the_call(stage: Stage, session: Session) -> None:
    stage.fake.answer_by(lambda call: Answer(status=429))

    with pytest.raises(RateLimited):
        critique(session)


def test_a_reply_that_reached_its_limit_is_a_critique_all_the_same(
    stage: Stage, session: Session
) -> None:
    text = json.dumps(make_plain_critique(make_slot(), make_slot("Summarise")))
    stage.fake.answer_by(lambda call: Answer(chunks=(text[:-400],), stop="length"))

    result = critique(session)

    assert (result.answered, result.consistency.cut) == (24, 1)
    assert result.provenance.requests == 1
