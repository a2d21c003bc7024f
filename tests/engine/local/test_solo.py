"""One person's engine: what is decided once for many calls, and when their log is written."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from assay_nb.accounting.call_log import CallLog
from assay_nb.engine.call import Call
from assay_nb.engine.events import NextRound
from assay_nb.engine.session import Session
from assay_nb.errors import ProviderAuthError, ProviderKeyMissing, StoreUnavailable
from assay_nb.experiments.playground import prepare
from assay_nb.messages import PROVIDERS, ProviderId
from assay_nb.models.catalog import DEFAULT_MODEL
from assay_nb.vault.transactions import Transactions
from assay_nb.workspaces.membership import Workspaces
from tests.fakes.providers import Answer, only
from tests.kernel.stage import Stage, open_stage, store_key

MODEL = "anthropic/claude-sonnet-4-6"


@pytest.fixture
def stage(home: Path) -> Iterator[Stage]:
    with open_stage(home / "vault") as stage:
        yield stage


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def session(stage: Stage, said: list[str]) -> Iterator[Session]:
    session = stage.session(say=said.append, hasty=True)
    yield session
    session.close()


def ask(session: Session, *, count: int = 1, model: str | None = MODEL) -> None:
    """Make so many calls at once."""
    session.portal.call(ask_together, session, count, model)


async def ask_together(session: Session, count: int, model: str | None = MODEL) -> None:
    calls = [Call(instrument="playground", prompt=f"Number {n}", model=model) for n in range(count)]
    await asyncio.gather(*(session.engine.ask(call) for call in calls))


def logged(stage: Stage) -> int:
    """How many calls the log on the disk has, as any other process sees it."""
    with closing(sqlite3.connect(stage.home / "vault.sqlite")) as other:
        return other.execute("SELECT count(*) FROM calls").fetchone()[0]


class Counted:
    """Counts the calls of a method."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
        self.count = 0
        method = getattr(owner, name)

        def counting(*args: Any, **more: Any) -> Any:
            self.count += 1
            return method(*args, **more)

        monkeypatch.setattr(owner, name, counting)


# --- deciding


def test_a_run_of_calls_is_decided_and_noted_a_few_times_at_most(
    stage: Stage, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Counted(monkeypatch, Workspaces, "active")
    writes = Counted(monkeypatch, CallLog, "record_all")

    ask(session, count=50)

    assert logged(stage) == 50
    assert writes.count <= 10  # one a second, and the first and the last
    assert looks.count <= 1 + writes.count


def test_warm_call_reads_nothing_from_the_database_and_writes_its_line(
    stage: Stage, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(session)  # the first one is decided, and its key's row is read and proven
    decisions = Counted(monkeypatch, Workspaces, "active")
    rows = Counted(monkeypatch, Transactions, "load_unchecked")
    said: list[str] = []

    def note(*args: Any) -> None:
        said.append(str(args[2]).split()[0])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        ask(session)
        ask(session)
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    assert (decisions.count, rows.count) == (0, 0)
    assert set(said) == {"BEGIN", "INSERT"}
    assert said.count("INSERT") == 2 * 2  # a line, and the day's sums
    assert logged(stage) == 3


def test_a_key_that_another_process_replaced_is_used_by_the_next_call(
    stage: Stage, session: Session
) -> None:
    ask(session)
    other = stage.session()
    stage.fake.keys = {"sk-ant-api03-another-key-of-the-workspace"}
    (key,) = stage.fake.keys
    store_key(other, "anthropic", key, stage.fake.endpoint("anthropic"))
    other.close()

    ask(session)

    assert len(stage.fake.calls) == 2


def test_a_key_that_another_process_removed_is_used_no_more(stage: Stage, session: Session) -> None:
    ask(session)
    other = stage.session()
    other.portal.call(other.control.remove_key, None, "anthropic")
    other.close()

    with pytest.raises(ProviderKeyMissing):
        ask(session)

    assert len(stage.fake.calls) == 1


def test_what_another_process_chose_holds_for_the_next_call(stage: Stage, session: Session) -> None:
    ask(session, model=None)
    other = stage.session()
    other.portal.call(other.control.set_model, None, "google/gemini-3-flash-preview")
    ask(session, model=None)
    other.portal.call(other.control.create_workspace, "team")
    other.portal.call(other.control.use_workspace, "team")
    other.close()

    with pytest.raises(ProviderKeyMissing, match="team"):
        ask(session, model=None)

    assert [call.path.split("/")[1] for call in stage.fake.calls] == ["anthropic", "google"]


def test_a_session_that_was_closed_notices_what_changed_meanwhile(
    stage: Stage, session: Session
) -> None:
    ask(session)
    session.close()
    other = stage.session()
    other.portal.call(other.control.remove_key, None, "anthropic")
    other.close()

    with pytest.raises(ProviderKeyMissing):
        ask(session)


# --- noting


@pytest.mark.slow
def test_calls_that_end_while_another_runs_are_in_the_log_within_seconds(stage: Stage) -> None:
    stage.fake.answer_by(
        lambda call: Answer(chunks=("x",), delay=60 if "Number 0" in call.text else 0)
    )
    session = stage.session()
    task = session.portal._start(ask_together, session, 3)

    end = time.monotonic() + 30
    while logged(stage) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    is_running = not task.ended.is_set()
    task.cancel()
    session.close()

    assert is_running
    assert logged(stage) == 3


def test_calls_of_a_run_that_was_stopped_are_all_in_the_log(stage: Stage) -> None:
    stage.fake.answers("a", "b", pause=60)
    session = stage.session()
    rows = [{"n": str(n)} for n in range(20)]
    playing = prepare(session, "Number {{n}}", None, data=rows, model=MODEL, concurrency=8)
    steps = playing.steps()
    next(steps)
    end = time.monotonic() + 30
    while len(stage.fake.calls) < 8:
        assert time.monotonic() < end
        time.sleep(0.01)

    steps.close()

    with closing(sqlite3.connect(stage.home / "vault.sqlite")) as other:
        statuses = other.execute("SELECT status FROM calls").fetchall()
    session.close()
    assert statuses == [("stopped",)] * 8


def test_calls_that_cannot_be_noted_are_told_of_and_lose_no_reply(
    stage: Stage, session: Session, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: CallLog, records: Sequence[Any]) -> None:
        raise StoreUnavailable("The disk is full.")

    monkeypatch.setattr(CallLog, "record_all", full)

    ask(session)
    alone = list(said)
    said.clear()
    ask(session, count=20)

    assert alone == ["This call is not in the log of calls. The disk is full."]
    assert all(line.endswith("not in the log of calls. The disk is full.") for line in said)
    assert any(line.split()[0].isdigit() for line in said)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # the test is about fork
def test_forked_child_uses_no_connection_of_its_parents(stage: Stage) -> None:
    from assay_nb.store.changes import Changes
    from assay_nb.store.database import Database

    database = Database.open(stage.home / "vault.sqlite")
    changes = Changes(database)
    before = changes.look()
    with database.read() as connection:
        parents = connection.connection.dbapi_connection
    child = os.fork()
    if child == 0:
        with database.read() as connection:
            own = connection.connection.dbapi_connection
        os._exit(10 if own is not parents and changes.look() != before else 11)
    _, status = os.waitpid(child, 0)
    after = changes.look()
    changes.close()
    database.close()

    assert os.waitstatus_to_exitcode(status) == 10
    assert after == before


@pytest.mark.parametrize("provider", PROVIDERS)
def test_asking_that_is_cancelled_closes_the_connection_and_is_noted(
    provider: ProviderId, stage: Stage, session: Session
) -> None:
    stage.fake.answers("a", "b", pause=10)
    model = f"{provider}/{DEFAULT_MODEL[provider]}"
    task = session.portal._start(
        session.engine.ask, Call(instrument="playground", prompt="Hi", model=model)
    )
    assert stage.fake.arrived.wait(5)

    task.cancel()

    assert task.ended.is_set()
    assert stage.fake.calls[0].closed.wait(5)
    with closing(sqlite3.connect(stage.home / "vault.sqlite")) as other:
        assert other.execute("SELECT status FROM calls").fetchall() == [("stopped",)]


# --- what the log knows of a call that did not come to its end


def log_of(session: Session) -> tuple[str, int | None, int | None]:
    (call,) = session.portal.call(session.control.calls, None, 5)
    return call.status, call.input_tokens, call.output_tokens


async def stop_in_second_round(session: Session) -> None:
    """Stop a critique whose first reply did not fit its form, when it has asked again."""
    call = Call(instrument="critique", prompt="Be brief.", model=MODEL)
    async with aclosing(session.engine.run(call)) as events:  # type: ignore[type-var]
        async for event in events:
            if isinstance(event, NextRound):
                return


def test_a_call_that_was_stopped_has_no_known_use(stage: Stage, session: Session) -> None:
    """What the first request used is not what the call used: the second one was under way."""
    stage.fake.queue(Answer(chunks=("no JSON",)), Answer(chunks=("x",), fault="stall_headers"))

    session.portal.call(stop_in_second_round, session)

    assert log_of(session) == ("stopped", None, None)


def test_a_request_that_was_refused_adds_nothing_to_what_is_known(
    stage: Stage, session: Session
) -> None:
    stage.fake.queue(Answer(chunks=("no JSON",)), Answer(status=401))

    with pytest.raises(ProviderAuthError):
        session.portal.call(
            session.engine.ask, Call(instrument="critique", prompt="Be brief.", model=MODEL)
        )

    assert log_of(session) == ("provider_auth", 12, 5)


def test_a_call_that_ended_has_its_use(stage: Stage, session: Session) -> None:
    ask(session)

    status, read, written = log_of(session)
    assert status == "ok"
    assert read
    assert written


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_more_output_is_asked_for_than_the_model_gives(
    stage: Stage, session: Session, provider: ProviderId
) -> None:
    model = f"{provider}/{DEFAULT_MODEL[provider]}"
    options = {"max_output_tokens": 999_999}
    call = Call(instrument="playground", prompt="Hello?", model=model, options=options)

    session.portal.call(session.engine.ask, call)

    assert "999999" not in only(stage.fake.calls).text
