"""What a server turned out not to take: kept with the connection, for the next process as well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from assay_nb.engine.call import Call
from assay_nb.engine.session import Session
from tests.fakes.providers import Answer, FakeProviders
from tests.kernel.replies import PROMPT, critique
from tests.kernel.stage import Stage, open_stage

ENDPOINT = "openai"


@pytest.fixture
def stage(home: Any) -> Iterator[Stage]:
    with open_stage(home / "vault", empty=True) as stage:
        stage.fake.keys = None
        yield stage


def connect(session: Session, name: str, endpoint: str) -> None:
    async def run() -> None:
        await session.control.set_key(
            None, name, bytearray(), endpoint=endpoint, check=False, kind="openai-chat"
        )

    session.portal.call(run)


def ask(session: Session, model: str) -> Any:
    call = Call(instrument="critique", prompt=PROMPT, model=model)

    async def run() -> Any:
        return await session.engine.ask(call)

    return session.portal.call(run)


def refuse_schemas(fake: FakeProviders) -> None:
    """Answer as a server does that takes no schema in any form."""

    def answer(seen: Any) -> Any:
        if "response_format" in json.loads(seen.text):
            body = {"error": {"message": "no", "param": "response_format"}}
            return Answer(status=400, body=body)
        return critique()

    fake.answer_by(answer)


def forms(fake: FakeProviders) -> list[bool]:
    """Return which of the requests carried a schema."""
    return ["response_format" in json.loads(call.text) for call in fake.calls]


def test_the_next_process_asks_in_the_form_that_was_taken(stage: Stage) -> None:
    refuse_schemas(stage.fake)
    with closing(stage.session()) as first:
        connect(first, "local", stage.fake.endpoint("openai"))
        ask(first, "local/m")
    assert forms(stage.fake)[0]
    assert not forms(stage.fake)[-1]
    stage.fake.calls.clear()

    with closing(stage.session()) as second:
        ask(second, "local/m")

    assert forms(stage.fake) == [False]


def test_another_connection_model_or_endpoint_is_asked_in_the_best_form(stage: Stage) -> None:
    refuse_schemas(stage.fake)
    there = stage.fake.endpoint("openai")
    with closing(stage.session()) as session:
        connect(session, "local", there)
        connect(session, "other", there)
        ask(session, "local/m")
        for model in ("local/n", "other/m"):
            stage.fake.calls.clear()
            ask(session, model)
            assert forms(stage.fake)[0]
        connect(session, "local", f"{there}/")
        stage.fake.calls.clear()
        ask(session, "local/m")
        assert forms(stage.fake)[0]


def test_what_was_learned_goes_with_the_connection_and_follows_its_name(stage: Stage) -> None:
    refuse_schemas(stage.fake)
    there = stage.fake.endpoint("openai")
    with closing(stage.session()) as session:
        connect(session, "local", there)
        ask(session, "local/m")
        session.portal.call(session.control.rename_connection, None, "local", "lab")
        stage.fake.calls.clear()
        ask(session, "lab/m")
        assert forms(stage.fake) == [False]

        session.portal.call(session.control.remove_key, None, "lab")
        connect(session, "lab", there)
        stage.fake.calls.clear()
        ask(session, "lab/m")
        assert forms(stage.fake)[0]
