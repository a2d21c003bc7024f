"""A reply that runs on: its stream is closed where no answer can be as long, and what it used is unknown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay_nb.engine.call import Call
from assay_nb.engine.session import Session
from assay_nb.errors import BadReply
from assay_nb.instruments.improve import Improvement
from tests.kernel.stage import Stage, open_stage

MODEL = "anthropic/claude-sonnet-4-6"
PROMPT = "Summarise {{ticket}} in two sentences."
EDIT = (
    '{"edit_1": {"before": "two sentences", "problem": "Which of the two matters is left open.",'
    ' "dimension": "output", "severity": "minor", "op": "replace", "text": "two short sentences",'
    ' "risk": "low"}, "edit_2": {"before": "'
)
RUNS_ON = ["and so on " * 500] * 40
"""Of 5,000 characters each, 200,000 together."""


@pytest.fixture
def stage(home: Path) -> Iterator[Stage]:
    with open_stage(home / "vault") as stage:
        yield stage


@pytest.fixture
def session(stage: Stage) -> Iterator[Session]:
    session = stage.session(hasty=True)
    yield session
    session.close()


def improve(session: Session) -> Improvement:
    call = Call(instrument="improve", prompt=PROMPT, model=MODEL)
    return session.portal.call(session.engine.ask, call)


def test_stream_is_closed_long_before_its_end(stage: Stage, session: Session) -> None:
    stage.fake.answers(EDIT, *RUNS_ON, hold=True)  # its last piece waits until the client has gone

    improved = improve(session)

    assert [edit.edit.text for edit in improved.edits] == ["two short sentences"]
    assert improved.cut


def test_what_a_closed_stream_used_is_unknown_and_not_nothing(
    stage: Stage, session: Session
) -> None:
    stage.fake.answers(EDIT, *RUNS_ON, hold=True)

    provenance = improve(session).provenance

    assert (provenance.usage.output_tokens, provenance.cost) == (None, None)


def test_reply_without_anything_of_use_says_what_happened(stage: Stage, session: Session) -> None:
    stage.fake.answers('{"edit_1": {"before": "', *RUNS_ON, hold=True)

    with pytest.raises(BadReply, match="ran on and was stopped"):
        improve(session)

    assert len(stage.fake.calls) == 1  # another one would cost as much again


def test_reply_of_a_playground_may_be_as_long_as_it_likes(stage: Stage, session: Session) -> None:
    stage.fake.answers(*RUNS_ON)
    call = Call(instrument="playground", prompt="Write on.", model=MODEL)

    assert len(session.portal.call(session.engine.ask, call).output) == 200_000
