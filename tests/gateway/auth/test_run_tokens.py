"""Run tokens: what a worker may do with one, how long, and how it ends."""

from __future__ import annotations

import base64
import os
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.to_thread import run_sync
from sqlalchemy import text

from assay_nb.engine.call import Call
from assay_nb.engine.events import Delta, Finished
from assay_nb.engine.remote.client import GatewayClient
from assay_nb.engine.remote.connect import connect_worker
from assay_nb.engine.remote.run_tokens import Passes, RunPass, take_back
from assay_nb.engine.remote.run_tokens import lend as lend_pass
from assay_nb.errors import AssayError, PermissionDenied
from assay_nb.experiments.run.executors import answer_call
from assay_nb.gateway.auth.run_tokens import PREFIXES, RunTokens, forget_old
from assay_nb.gateway.auth.signing import Signer
from assay_nb.gateway.handlers.table import ROUTES
from assay_nb.gateway.http.responses import NotSignedIn
from assay_nb.gateway.process.housekeeping import clean_up
from assay_nb.gateway.services import make_services
from assay_nb.store.changes import Changes
from assay_nb.store.database import Database
from assay_nb.store.run_token_rows import Purpose
from tests.canaries import find_canary
from tests.gateway.stage import SECRET, Kernel, Stage

pytestmark = pytest.mark.anyio

PREFIX = PREFIXES["calls"]
WHERE = bytes(16)
HUB_TOKEN = "0123456789abcdef0123456789abcdef"
SIGNER = Signer(b"the secret of the replicas")


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    on_sqlite = request.param == "sqlite"
    where = tmp_path / "home" / "vault.db" if on_sqlite else request.getfixturevalue("postgres_url")
    opened = Database.open(where)
    yield opened
    opened.close()


@pytest.fixture
def tokens(any_database: Database) -> RunTokens:
    return RunTokens(any_database, SIGNER)


async def lend(kernel: Kernel, workspace: str | None = None, seconds: int = 60) -> RunPass:
    return await lend_pass(kernel.engine.client, workspace, seconds)


async def run(lent: RunPass, workspace: str | None = None) -> Any:
    """Make a call as a worker does, and return its result."""
    worker = connect_worker(lent)
    try:
        call = Call(instrument="playground", prompt="Hi.", workspace=workspace)
        *_, last = [event async for event in worker.run(call)]
    finally:
        await worker.aclose()
    assert isinstance(last, Finished)
    return last.result


# --- what is kept -----------------------------------------------------------------------------------


def test_a_token_stands_for_what_it_was_made_with(tokens: RunTokens) -> None:
    issued = tokens.issue("ada", WHERE, HUB_TOKEN, 60)

    found = tokens.find(issued.token)

    assert (found.user, found.workspace_id, found.hub_token) == ("ada", WHERE, HUB_TOKEN)


def test_the_database_holds_neither_the_run_token_nor_the_hub_token(
    tokens: RunTokens, any_database: Database
) -> None:
    issued = tokens.issue("ada", WHERE, HUB_TOKEN, 60)

    with any_database.read() as connection:
        (row,) = connection.execute(text("SELECT * FROM run_tokens")).all()
    kept = b"\n".join(v if isinstance(v, bytes) else str(v).encode() for v in row)

    assert b"ada" in kept  # the search finds what is there
    assert HUB_TOKEN.encode() not in kept
    assert issued.token.removeprefix(PREFIX).encode() not in kept


@pytest.mark.parametrize(
    "change",
    [
        "expires_at = expires_at + 3600",
        "\"user\" = 'eve'",
        "workspace_id = :other",
        "sealed = :other",
    ],
)
def test_a_row_that_somebody_edited_opens_nothing(
    tokens: RunTokens, any_database: Database, change: str
) -> None:
    issued = tokens.issue("ada", WHERE, HUB_TOKEN, 60)
    values = {"other": b"x" * 16} if ":other" in change else {}
    with any_database.write() as connection:
        connection.execute(text(f"UPDATE run_tokens SET {change}"), values)

    with pytest.raises(NotSignedIn):
        tokens.find(issued.token)


@pytest.mark.parametrize("place", [len(PREFIX), len(PREFIX) + 20, -1])
def test_a_token_with_another_letter_is_not_known(tokens: RunTokens, place: int) -> None:
    token = tokens.issue("ada", WHERE, HUB_TOKEN, 60).token
    letters = list(token)
    letters[place] = "B" if letters[place] == "A" else "A"

    with pytest.raises(NotSignedIn):
        tokens.find("".join(letters))


@pytest.mark.parametrize("made_up", ["", "A" * 43, "A" * 42, "é" * 43, "A" * 10_000, "=" * 43])
def test_a_token_that_was_never_made_is_not_known(tokens: RunTokens, made_up: str) -> None:
    with pytest.raises(NotSignedIn):
        tokens.find(PREFIX + made_up)


def test_a_made_up_token_costs_no_look_at_the_database() -> None:
    tokens = RunTokens(None, SIGNER)  # type: ignore[arg-type]

    for size in (0, 31, 32, 48, 64, 10_000):
        made_up = base64.urlsafe_b64encode(os.urandom(size)).decode()
        with pytest.raises(NotSignedIn):
            tokens.find(PREFIX + made_up)


def test_a_token_ends_with_its_time(any_database: Database) -> None:
    now = 1_000_000.0
    tokens = RunTokens(any_database, SIGNER, lambda: now)
    issued = tokens.issue("ada", WHERE, HUB_TOKEN, 60)
    now += 59
    tokens.find(issued.token)

    now += 1

    with pytest.raises(NotSignedIn, match="expired"):
        tokens.find(issued.token)


def test_a_remembered_token_ends_with_its_time_too(tmp_path: Path) -> None:
    """What was found is remembered while nobody changes the database, and the clock changes nothing there."""
    database, clock = Database.open(tmp_path / "home" / "vault.db"), [1_000.0]
    changes = Changes(database)
    tokens = RunTokens(database, SIGNER, now=lambda: clock[0], changes=changes)
    issued = tokens.issue("ada", WHERE, HUB_TOKEN, 60)
    found = tokens.find(issued.token)

    clock[0] += 59
    assert tokens.recall(issued.token) == found
    clock[0] += 2
    assert tokens.recall(issued.token) is None
    with pytest.raises(NotSignedIn):
        tokens.find(issued.token)
    changes.close()
    database.close()


def test_no_token_outlives_an_hour(any_database: Database) -> None:
    issued = RunTokens(any_database, SIGNER, lambda: 0.0).issue("ada", WHERE, HUB_TOKEN, 10**9)

    assert issued.expires_at == 3600


def test_what_expired_long_ago_is_deleted(any_database: Database) -> None:
    now = 1_000_000.0
    tokens = RunTokens(any_database, SIGNER, lambda: now)
    digest = bytes.fromhex(tokens.issue("ada", WHERE, HUB_TOKEN, 60).id)
    forget_old(any_database, lambda: now)
    assert tokens.is_kept(digest)

    forget_old(any_database, lambda: now + 2 * 3600)

    assert not tokens.is_kept(digest)


def test_nobody_revokes_somebody_elses(tokens: RunTokens) -> None:
    issued = tokens.issue("ada", WHERE, HUB_TOKEN, 60)

    tokens.revoke("eve", WHERE, bytes.fromhex(issued.id))
    tokens.revoke("ada", b"x" * 16, bytes.fromhex(issued.id))

    assert tokens.find(issued.token).user == "ada"


def test_nothing_that_holds_a_token_shows_it(tokens: RunTokens) -> None:
    issued = tokens.issue("ada", WHERE, HUB_TOKEN, 60)
    lent = RunPass("http://gateway/", issued.id, issued.expires_at, issued.token)

    shown = f"{issued} {tokens.find(issued.token)!r} {lent!r} {lent} {connect_worker(lent)!r}"

    assert "RunPass" in shown
    assert issued.token not in shown
    assert HUB_TOKEN not in shown


# --- at the gateway ---------------------------------------------------------------------------------


async def test_a_worker_makes_calls_as_the_person_in_the_workspace(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    stage.fake.answers("fine")

    result = await run(await lend(ada))

    assert result.output == "fine"
    (call,) = await ada.control.calls(None, 10)
    assert (call.user, call.instrument, call.status) == ("ada", "playground", "ok")
    assert [one.key for one in stage.fake.calls] == [ada.key]


async def test_a_worker_names_the_workspace_or_leaves_it_out(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    where = await ada.control.show_workspace(None)
    lent = await lend(ada)

    for named in (None, where.id, where.name):
        assert (await run(lent, named)).output


async def test_leaving_it_out_means_the_tokens_workspace_and_not_the_active_one(
    stage: Stage,
) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    lent = await lend(ada)
    other = await ada.control.create_workspace("research")
    await ada.control.use_workspace("research")

    await run(lent)

    assert await ada.control.calls(other.id, 10) == []
    assert len(await ada.control.calls("personal", 10)) == 1


async def test_another_workspace_of_the_same_person_is_refused(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    other = await ada.control.create_workspace("research")
    await stage.store_key(other.id)

    with pytest.raises(PermissionDenied, match="another workspace"):
        await run(await lend(ada), "research")

    assert stage.fake.calls == []


async def test_a_run_token_does_nothing_but_call(stage: Stage) -> None:
    """Every listed route but one → 403, for an owner's run token too."""
    ada = await stage.kernel("ada", key="anthropic")
    lent = await lend(ada)
    reached = []
    for route in ROUTES:
        parts = {
            "workspace": "-", "provider": "anthropic", "preset": "groq",
            "user": "x", "id": "0" * 64,
        }  # fmt: skip
        path = route.path.replace("{path:.*}", "v1/messages").format(
            **parts, instrument="playground", name="page.css"
        )
        method = "POST" if route.method == "*" else route.method
        status, _ = await stage.ask(method, path, lent.token, body={"prompt": "Hi."})
        if status != 403:
            reached.append((route.who, path))

    assert {path for who, path in reached if who != "open"} == {
        "api/v1/workspaces/-/instruments/playground"
    }


async def test_an_sdks_header_takes_no_run_token(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    lent = await lend(ada)

    for header in ("x-api-key", "x-goog-api-key"):
        status, _ = await stage.ask(
            "POST", "providers/-/anthropic/v1/messages", headers={header: lent.token}, body={}
        )
        assert status == 403

    assert stage.fake.calls == []


async def test_a_token_that_was_given_back_is_refused(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    lent = await lend(ada)

    await take_back(ada.engine.client, None, lent)

    with pytest.raises(AssayError, match="unknown"):
        await run(lent)


async def test_what_runs_with_a_token_that_is_given_back_is_ended(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    stage.fake.answers("a", "b", "c", pause=30)
    lent = await lend(ada)
    worker = connect_worker(lent)
    events: Any = worker.run(Call(instrument="playground", prompt="Hi."))

    async for event in events:
        if isinstance(event, Delta):
            break
    await take_back(ada.engine.client, None, lent)
    await stage.services.active_calls.look(stage.services.holds)

    with pytest.raises(PermissionDenied, match="revoked"):
        async for _ in events:
            pass
    await worker.aclose()


@pytest.mark.slow
async def test_a_call_of_the_kernel_goes_on_when_a_run_token_ends(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    stage.fake.answers("a", "b", pause=1)
    lent = await lend(ada)
    events: Any = ada.engine.run(Call(instrument="playground", prompt="Hi."))
    async for event in events:
        if isinstance(event, Delta):
            break

    await take_back(ada.engine.client, None, lent)
    await stage.services.active_calls.look(stage.services.holds)

    assert isinstance([event async for event in events][-1], Finished)


async def test_whoever_is_taken_out_of_a_workspace_has_no_run_there(stage: Stage) -> None:
    olga, max_ = await stage.kernel("olga"), await stage.kernel("max")
    team = await olga.control.create_workspace("research")
    await stage.store_key(team.id)
    workspaces = stage.services.resources.workspaces
    where = bytes.fromhex(team.id)
    await run_sync(lambda: workspaces.add_member("olga", where, "max"))
    lent = await lend(max_, "research")
    assert (await run(lent)).output

    await run_sync(workspaces.remove_member, "olga", where, "max")

    with pytest.raises(AssayError, match="unknown or has expired"):
        await run(lent)


@pytest.mark.parametrize("purpose", PREFIXES)
async def test_whoever_comes_back_into_a_workspace_gets_no_old_token_back(
    stage: Stage, purpose: Purpose
) -> None:
    olga = await stage.kernel("olga")
    where = bytes.fromhex((await olga.control.create_workspace("research")).id)
    workspaces, tokens = stage.services.resources.workspaces, stage.services.run_tokens
    await run_sync(lambda: workspaces.add_member("olga", where, "max"))
    issued = await run_sync(tokens.issue, "max", where, HUB_TOKEN, 60, purpose)
    assert await run_sync(tokens.find, issued.token)

    await run_sync(workspaces.remove_member, "olga", where, "max")
    await run_sync(lambda: workspaces.add_member("olga", where, "max"))

    with pytest.raises(NotSignedIn):
        await run_sync(tokens.find, issued.token)


async def test_a_server_that_the_hub_has_stopped_has_no_workers_left(stage: Stage) -> None:
    """The hub token behind it is revoked → 401, once the hub's last word is too old to count."""
    ada = await stage.kernel("ada", key="anthropic")
    lent = await lend(ada)
    token = next(token for token, person in stage.hub.people.items() if person["name"] == "ada")
    stage.hub.revoke(token)

    stage.services.identity.forget(token)

    status, _ = await stage.ask("POST", "api/v1/workspaces/-/instruments/playground", lent.token)
    assert status == 401


async def test_a_hub_that_is_down_lets_no_worker_in(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    lent = await lend(ada)
    stage.hub.down = True
    for token in stage.hub.people:
        stage.services.identity.forget(token)

    status, _ = await stage.ask("POST", "api/v1/workspaces/-/instruments/playground", lent.token)

    assert status == 503


async def test_another_replica_takes_it(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    lent = await lend(ada)

    def find(api_token: str) -> str:
        replica = make_services(stage.services.settings, stage.asking, api_token)
        try:
            return replica.run_tokens.find(lent.token).user
        finally:
            replica.resources.database.close()

    assert await run_sync(find, SECRET) == "ada"
    with pytest.raises(NotSignedIn):
        await run_sync(find, "another service's token")


@pytest.mark.parametrize("seconds", [0, -1, 3601, 10**30, True, "60"])
async def test_a_length_that_is_none_is_refused(stage: Stage, seconds: Any) -> None:
    token = stage.token("ada")

    status, _ = await stage.ask(
        "POST", "api/v1/workspaces/-/run-tokens", token, body={"seconds": seconds}
    )

    assert status == 400


async def test_neither_token_comes_into_the_log(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    lent = await lend(ada)
    await run(lent)
    await stage.ask("GET", "api/v1/me", lent.token)
    await stage.ask("GET", "api/v1/me", lent.token + "x")
    await take_back(ada.engine.client, None, lent)

    log = "\n".join(stage.lines)

    assert "run token issued" in log
    assert '"via": "run"' in log
    assert lent.token[:20] not in log
    assert not any(token in log for token in stage.hub.people)
    assert not find_canary(log, ada.key)


async def test_a_call_that_was_answered_counts_as_running_no_more(stage: Stage) -> None:
    """Whoever makes as many at once as they may can begin the next when one is answered."""
    ada = await stage.kernel("ada", key="anthropic")
    lent = await lend(ada)

    for _ in range(5):
        await run(lent)
        assert stage.services.limiter.running == 0


async def test_housekeeping_deletes_old_ones(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(database: Database) -> None:
        forget_old(database, lambda: time.time() + 3 * 3600)

    ada = await stage.kernel("ada")
    lent = await lend(ada)
    resources, digest = stage.services.resources, bytes.fromhex(lent.id)
    await run_sync(clean_up, resources)
    assert await run_sync(stage.services.run_tokens.is_kept, digest)

    monkeypatch.setattr("assay_nb.gateway.process.housekeeping.forget_old", late)
    await run_sync(clean_up, resources)

    assert not await run_sync(stage.services.run_tokens.is_kept, digest)


# --- the kernel's side ------------------------------------------------------------------------------


class Lender:
    """A gateway that lends passes which end when it says."""

    url = "http://gateway/"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.lent = 0
        self.back: list[str] = []

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        if method == "DELETE":
            return self.back.append(path.rpartition("/")[2])
        self.lent += 1
        ends = int(time.time() + self.seconds)
        return {"id": str(self.lent - 1), "expires_at": ends, "token": "assay-run-x"}


async def test_one_pass_does_for_a_workspace_while_it_is_good_for_long() -> None:
    lender = Lender(1800)
    passes = Passes(lender)  # type: ignore[arg-type]

    got = [await passes.get(workspace) for workspace in ("a", "a", "b", "a")]

    assert [one.id for one in got] == ["0", "0", "1", "0"]


async def test_a_pass_that_ends_soon_is_replaced() -> None:
    lender = Lender(60)
    passes = Passes(lender)  # type: ignore[arg-type]

    assert (await passes.get("a")).id != (await passes.get("a")).id


async def test_every_pass_is_given_back_in_the_end() -> None:
    lender = Lender(60)
    passes = Passes(lender)  # type: ignore[arg-type]
    for workspace in ("a", "a", "b"):
        await passes.get(workspace)

    await passes.give_back()

    assert lender.back == ["0", "1", "2"]


def test_a_pass_travels_whole() -> None:
    lent = RunPass("http://gateway/", "1", 5, "assay-run-x")

    assert pickle.loads(pickle.dumps(lent)) == lent


async def test_two_peoples_runs_in_one_worker_keep_apart(stage: Stage) -> None:
    """One process, calls of two runs by turns and at once → each under its own person, with its own key."""
    kernels = [await stage.kernel(user, key="anthropic") for user in ("ada", "bob")]
    lent = [await lend(kernel) for kernel in kernels]
    call = Call(instrument="playground", prompt="Hi.").to_dict()

    told: list[Any] = []
    async with anyio.create_task_group() as group:
        for number in range(12):
            group.start_soon(keep, told, answer_call, call, lent[number % 2])

    assert ["error" in one for one in told] == [False] * 12
    for kernel, user in zip(kernels, ("ada", "bob"), strict=True):
        assert {one.user for one in await kernel.control.calls(None, 50)} == {user}
        assert [one.key for one in stage.fake.calls].count(kernel.key) == 6


async def keep(told: list[Any], function: Any, *args: Any) -> None:
    told.append(await run_sync(function, *args))


async def test_a_hub_token_that_is_not_there_gives_no_pass(stage: Stage) -> None:
    with pytest.raises(AssayError, match="hub token"):
        await lend_pass(GatewayClient(stage.url, None), None, 60)


def test_every_route_that_takes_run_tokens_names_a_workspace() -> None:
    taking = [route for route in ROUTES if route.run_tokens]

    assert {route.handler.__name__: route.run_tokens for route in taking} == {
        "run_instrument": "calls",
        "pass_through": "pass-through",
    }
    assert all("{workspace}" in route.path for route in taking)
