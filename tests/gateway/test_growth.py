"""Nothing grows with members: what each request asks of the database, and how the database finds it.

The plan that SQLite makes for a statement says whether it looks through a whole table. What may be looked
through has a row for the vault, for each master key, gateway or running call, and not for each member,
workspace or call that was made.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from anyio.to_thread import run_sync
from sqlalchemy import event

from assay_nb.accounting.allowances import Allowance
from assay_nb.gateway.auth.caller import Caller
from assay_nb.gateway.handlers.table import ROUTES
from assay_nb.gateway.process.housekeeping import clean_up
from assay_nb.gateway.teams import Team
from tests.gateway.stage import Kernel, Stage

pytestmark = pytest.mark.anyio

MODEL = "anthropic/claude-haiku-5-5"
PEOPLE, TEAMS = 400, 100

SMALL = (
    "SCAN vault",
    "SCAN master_keys",
    "SCAN calls USING INDEX calls_running",
    "SCAN call_writers",
    "SCAN hub_teams",  # those that the operator has added
    "SCAN audit",  # from its end, for one line: the statements say LIMIT 1
    "SCAN CONSTANT ROW",
    "SCAN (subquery-",
)


LOGGING = ("INTO calls ", "INTO call_writers ", "INTO usage_sums ")
"""Statements of the calls log, which is written when its time has come."""


@dataclass
class World:
    """A gateway with one team, whose member asks."""

    stage: Stage
    mia: Kernel
    token: str
    browser: dict[str, str]
    team: str
    asked: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def file(self) -> str:
        return str(self.stage.services.resources.database.path)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Note the statements that are sent within the block."""

        def note(_: Any, __: Any, statement: str, values: Any, ___: Any, many: bool) -> None:
            if not statement.startswith(("PRAGMA", "BEGIN")):
                self.asked.append((statement, values[0] if many else values))

        engine = self.stage.services.resources.database._engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield
        finally:
            event.remove(engine, "before_cursor_execute", note)

    async def ask(self, act: Act) -> list[str]:
        """Do something once the database was changed, and return its statements but for the calls log's."""
        resources = self.stage.services.resources
        await (
            resources.calls.flush()
        )  # a line that waits is made when it is written, with a look at the prices
        await run_sync(resources.workspaces.create, f"other-{time.time_ns()}", "zoe")
        resources.changes.look()  # what looks once in some milliseconds has looked
        self.asked.clear()
        with self.listening():
            await act(self)
            await resources.calls.flush()
        assert self.asked
        asked = [statement for statement, _ in self.asked]
        return [one for one in asked if not any(part in one for part in LOGGING)]

    def scans(self) -> list[str]:
        """Return the whole tables that the statements looked through."""
        found: list[str] = []
        with closing(sqlite3.connect(self.file)) as connection:
            for statement, values in self.asked:
                for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values):
                    if step.startswith("SCAN") and not step.startswith(SMALL):
                        found.append(f"{step}: {statement}")
        return found


Act = Callable[[World], Awaitable[Any]]


@pytest.fixture
async def world(make_stage: Callable[..., Any]) -> World:
    stage: Stage = await make_stage(teams={"physics": Team("physics-lab")})
    stage.fake.answers("yes")
    mia = await stage.kernel("mia", groups=("physics",))
    (token,) = stage.hub.people
    team = (await mia.control.show_workspace("physics-lab")).id
    await stage.store_key(team)
    browser = await stage.sign_in("mia", groups=("physics",))
    await run_sync(stage.services.resources.vault.state)  # as at every start
    return World(stage, mia, token, browser, team)


def fill(file: str) -> None:
    """Add members, workspaces, calls and what was used: other people's, and of long ago."""
    teams = [os.urandom(16) for _ in range(TEAMS)]
    people = [f"person-{number}" for number in range(PEOPLE)]
    now = int(time.time())
    with closing(sqlite3.connect(file)) as connection, connection:
        add = connection.executemany
        add(
            "INSERT INTO workspaces (workspace_id, name, kind, created_at, deleted_at) "
            "VALUES (?, ?, 'team', ?, ?)",
            [
                (one, f"deleted:{one.hex()}:x", now, now)
                if i % 9 == 0
                else (one, one.hex(), now, None)
                for i, one in enumerate(teams)
            ],
        )
        add(
            "INSERT INTO members VALUES (?, ?, 'member', 'hand', ?)",
            [(teams[i % TEAMS], one, now) for i, one in enumerate(people)],
        )
        add(
            "INSERT INTO calls (call_id, workspace_id, user, at, instrument, provider, model, funding, status) "
            "VALUES (?, ?, ?, ?, 'critique', 'openai', 'm', 'workspace', 'ok')",
            [(os.urandom(16), teams[i % TEAMS], one, now) for i, one in enumerate(people)],
        )
        add(
            "INSERT INTO usage VALUES (?, ?, '', 'day', ?, 1, 1, 0)",
            [(teams[i % TEAMS], one, now // 86_400) for i, one in enumerate(people)],
        )
        add(
            "INSERT INTO usage_sums VALUES (?, ?, ?, 'openai', 'm', 'workspace', 1, 0, 0, 1, 1, 0, 1, 1)",
            [(teams[i % TEAMS], now // 86_400, one) for i, one in enumerate(people)],
        )
        add(
            "INSERT INTO run_tokens VALUES (?, ?, ?, ?, x'00', 'calls')",
            [(os.urandom(32), teams[i % TEAMS], one, now + 900) for i, one in enumerate(people)],
        )
        add("INSERT INTO budgets VALUES (?, 7, 0)", [(one,) for one in people])


async def call(world: World) -> None:
    await world.mia.run("playground", "Say yes.", workspace=world.team, model=MODEL)


async def call_in_active(world: World) -> None:
    await world.mia.run("playground", "Say yes.", workspace=None, model=MODEL)


async def call_limited(world: World) -> None:
    allowance = Allowance("mia", calls_per_day=1_000, micros_per_month=10**9)
    resources = world.stage.services.resources
    await run_sync(resources.allowances.set, bytes.fromhex(world.team), allowance)
    world.asked.clear()
    await call(world)


async def pass_through(world: World) -> None:
    body = {"model": "claude-haiku-5-5", "max_tokens": 9, "messages": []}
    path = f"providers/{world.team}/anthropic/v1/messages"
    status, _ = await world.stage.ask("POST", path, world.token, body=body)
    assert status == 200


async def identify(world: World) -> None:
    """Ask the hub anew, as each member's first request within half a minute does."""
    world.stage.services.identity.forget(world.token)
    await world.stage.ask("GET", "api/v1/workspaces", world.token)


async def look_at_active_calls(world: World) -> None:
    services = world.stage.services
    person = await services.identity.identify(world.token)
    caller = Caller(person, "token", world.token)
    with services.active_calls.hold(caller, bytes.fromhex(world.team)):
        await services.active_calls.look(services.holds)


async def keep_house(world: World) -> None:
    resources = world.stage.services.resources
    await run_sync(clean_up, resources)
    await run_sync(resources.calls.settle_cut_off)
    await run_sync(resources.calls.delete_before, 1)


async def come_and_go(world: World) -> None:
    workspaces = world.stage.services.resources.workspaces
    name = f"mine-{time.time_ns()}"
    await run_sync(workspaces.create, name, "mia")
    await run_sync(workspaces.add_member, "mia", name, "bo")
    await run_sync(workspaces.use, "bo", name)
    await run_sync(workspaces.remove_member, "mia", name, "bo")
    await run_sync(workspaces.rename, "mia", name, f"{name}-2")
    await run_sync(workspaces.delete, "mia", f"{name}-2")
    await run_sync(workspaces.restore, "mia", f"{name}-2")


async def spend_demo_call(world: World) -> None:
    budget = world.stage.services.resources.budget
    await run_sync(budget.settle, await run_sync(budget.reserve, "mia", None))


ACTS: dict[str, Act] = {
    one.__name__: one
    for one in (
        call,
        call_in_active,
        call_limited,
        pass_through,
        identify,
        look_at_active_calls,
        keep_house,
        come_and_go,
        spend_demo_call,
    )
}


def _reading() -> Iterator[tuple[str, str]]:
    """Yield what can be read of a team: the path's pattern, and who may."""
    for route in ROUTES:
        parts = route.path.replace("{workspace}", "").replace("{name}", "")
        if route.method == "GET" and "{" not in parts and route.who in {"member", "page", "open"}:
            yield route.path, route.who


@pytest.mark.parametrize("name", ACTS)
async def test_act_looks_through_no_table_of_members(world: World, name: str) -> None:
    if name == "call_in_active":
        await run_sync(world.stage.services.resources.workspaces.use, "mia", world.team)
    act = ACTS[name]
    await act(world)  # what is asked once in a process
    few = await world.ask(act)
    await run_sync(fill, world.file)

    many = await world.ask(act)

    assert world.scans() == []
    assert len(many) == len(few)


@pytest.mark.parametrize(("path", "who"), list(_reading()))
async def test_reading_looks_through_no_table_of_members(world: World, path: str, who: str) -> None:
    where = path.replace("{workspace}", world.team).replace("{name}", "anthropic")

    async def read(world: World) -> None:
        if who == "page":
            await world.stage.ask("GET", where, headers=world.browser)
        else:
            await world.stage.ask("GET", where, None if who == "open" else world.token)

    await read(world)
    try:
        few = await world.ask(read)
    except AssertionError:
        return  # it asks the database nothing
    await run_sync(fill, world.file)

    many = await world.ask(read)

    assert world.scans() == []
    assert len(many) == len(few)


@pytest.mark.parametrize(
    ("index", "name", "table"),
    [
        ("members_user", "call", "members"),
        ("workspaces_deleted", "keep_house", "workspaces"),
        ("usage_day", "keep_house", "usage"),
        ("run_tokens_of_member", "come_and_go", "run_tokens"),
    ],
)
async def test_scan_is_found_where_an_index_is_missing(
    world: World, index: str, name: str, table: str
) -> None:
    """Positive control."""
    with closing(sqlite3.connect(world.file)) as connection:
        connection.execute(f"DROP INDEX {index}")

    await world.ask(ACTS[name])

    assert any(one.startswith(f"SCAN {table}") for one in world.scans())
