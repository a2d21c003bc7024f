"""What calls through the gateway share: decided once until the database is changed, and noted together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from anyio._backends._asyncio import AsyncIOBackend
from anyio.to_thread import run_sync
from sqlalchemy import event

from assay_nb.accounting.allowances import Allowance
from assay_nb.engine.call import Call
from assay_nb.engine.events import Delta, Event, Finished, Started
from assay_nb.errors import LimitReached, ProviderKeyMissing, StoreUnavailable, WorkspaceNotFound
from tests.canaries import make_canary
from tests.fakes.providers_wire import Answer
from tests.gateway.stage import Kernel, Stage

pytestmark = pytest.mark.anyio

MODEL = "anthropic/claude-haiku-5-5"


class Work:
    """Threads that were asked for something, and statements that were sent to the database."""

    def __init__(self) -> None:
        self.hops: list[str] = []
        self.statements: list[str] = []


@contextmanager
def watch(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """Count what is done within the block."""
    work = Work()
    really = AsyncIOBackend.run_sync_in_worker_thread

    async def hop(_: Any, function: Callable[..., Any], *args: Any, **more: Any) -> Any:
        work.hops.append(getattr(function, "__qualname__", repr(function)))
        return await really(function, *args, **more)

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        work.statements.append(statement)

    engine = stage.services.resources.database._engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(AsyncIOBackend, "run_sync_in_worker_thread", classmethod(hop))
            yield work
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def play(kernel: Kernel, prompt: str = "Say yes.", **call: Any) -> list[Event]:
    return await kernel.run("playground", prompt, **{"model": MODEL, **call})


async def begin(kernel: Kernel, prompt: str) -> asyncio.Task[None]:
    """Begin a call, and return when its reply has begun."""
    began = asyncio.Event()

    async def read() -> None:
        async for one in kernel.engine.run(
            Call(instrument="playground", prompt=prompt, model=MODEL)
        ):
            if isinstance(one, Delta):
                began.set()

    reading = asyncio.create_task(read())
    await asyncio.wait_for(began.wait(), 30)
    return reading


def answer(stage: Stage) -> None:
    """Have the provider answer at once, or begin and never end."""

    def choose(call: Any) -> Answer:
        endless = "for ever" in call.text
        return Answer(chunks=("yes", "no"), pause=600.0 if endless else 0.0)

    stage.fake.answer_by(choose)


async def test_call_like_the_one_before_takes_no_thread_and_no_statement(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(stage)
    ada = await stage.kernel("ada", key="anthropic")
    stage.services.resources.calls._every = 600.0  # lines wait for the end
    other = await begin(ada, "Talk for ever.")
    for _ in range(2):  # the first of these begins a batch of lines
        await play(ada)
    await stage.services.resources.calls.flush()  # and no thread is writing them by now

    with watch(stage, monkeypatch) as warm:
        for _ in range(3):
            await play(ada)
    await run_sync(stage.services.resources.workspaces.create, "another", "ada")
    with watch(stage, monkeypatch) as changed:  # positive control
        await play(ada)

    assert (warm.hops, warm.statements) == ([], [])
    assert changed.hops
    assert any("FROM workspaces" in one for one in changed.statements)
    other.cancel()
    await asyncio.wait({other})


async def make_team(stage: Stage) -> tuple[Kernel, str]:
    answer(stage)
    mia = await stage.kernel("mia")
    workspaces = stage.services.resources.workspaces
    team = await run_sync(workspaces.create, "team", "olga")
    await run_sync(workspaces.add_member, "olga", "team", "mia")
    await stage.store_key(team.id.hex())
    return mia, team.id.hex()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("taken out", WorkspaceNotFound),
        ("deleted", WorkspaceNotFound),
        ("key removed", ProviderKeyMissing),
        ("limited", LimitReached),
    ],
)
async def test_change_holds_from_the_next_call_on(
    stage: Stage, change: str, error: type[Exception]
) -> None:
    mia, team = await make_team(stage)
    resources = stage.services.resources
    where = bytes.fromhex(team)
    changes: dict[str, Callable[[], object]] = {
        "taken out": lambda: resources.workspaces.remove_member("olga", team, "mia"),
        "deleted": lambda: resources.workspaces.delete("olga", team),
        "key removed": lambda: resources.vault.remove_key(where, "anthropic", actor="olga"),
        "limited": lambda: resources.allowances.set(where, Allowance("mia", calls_per_day=0)),
    }
    for _ in range(2):
        await play(mia, workspace=team)
    before = len(stage.fake.calls)

    await run_sync(changes[change])

    with pytest.raises(error):
        await play(mia, workspace=team)
    assert len(stage.fake.calls) == before == 2


async def test_next_call_has_the_new_key_and_the_new_model(stage: Stage) -> None:
    mia, team = await make_team(stage)
    workspaces = stage.services.resources.workspaces
    await run_sync(workspaces.set_model, "olga", team, MODEL)
    first = (await play(mia, workspace=team, model=None))[0]

    key = await stage.store_key(team, key=make_canary("anthropic") + "New1")
    await run_sync(workspaces.set_model, "olga", team, "anthropic/claude-sonnet-4-6")
    second = (await play(mia, workspace=team, model=None))[0]

    assert isinstance(first, Started)
    assert isinstance(second, Started)
    assert (first.model, second.model) == ("claude-haiku-5-5", "claude-sonnet-4-6")
    assert stage.fake.calls[0].key != stage.fake.calls[1].key == key


async def test_another_member_does_not_get_a_members_plan(stage: Stage) -> None:
    mia, team = await make_team(stage)
    eve = await stage.kernel("eve")
    await play(mia, workspace=team)

    for name in (team, "team"):
        with pytest.raises(WorkspaceNotFound):
            await play(eve, workspace=name)


def count_lines(stage: Stage) -> int:
    resources = stage.services.resources
    where = resources.workspaces.personal("ada").id
    return len(resources.calls.recent(where, 100))


async def test_line_of_a_lone_call_is_written_when_its_result_is_there(stage: Stage) -> None:
    answer(stage)
    ada = await stage.kernel("ada", key="anthropic")
    stage.services.resources.calls._every = 600.0

    for number in range(3):
        assert isinstance((await play(ada))[-1], Finished)
        assert await run_sync(count_lines, stage) == number + 1


async def test_lines_of_calls_at_once_are_written_when_the_last_has_ended(stage: Stage) -> None:
    answer(stage)
    ada = await stage.kernel("ada", key="anthropic")
    stage.services.resources.calls._every = 600.0
    other = await begin(ada, "Talk for ever.")
    await play(ada)
    for _ in range(4):
        await play(ada)
    assert await run_sync(count_lines, stage) < 6  # the first begin a batch, the rest wait

    other.cancel()
    await asyncio.wait({other})
    await asyncio.wait_for(stage.services.active_calls.idle(), 30)

    assert await run_sync(count_lines, stage) == 6


async def test_call_that_cannot_be_settled_has_a_line_all_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(stage)
    ada = await stage.kernel("ada", key="anthropic")
    resources = stage.services.resources
    where = (await run_sync(resources.workspaces.personal, "ada")).id
    await run_sync(resources.allowances.set, where, Allowance("ada", calls_per_day=5))

    def settle(*_: object, **__: object) -> None:
        raise StoreUnavailable("The database is locked.")

    monkeypatch.setattr(resources.allowances, "settle", settle)
    last = (await play(ada))[-1]

    assert isinstance(last, Finished)
    assert await run_sync(count_lines, stage) == 1
