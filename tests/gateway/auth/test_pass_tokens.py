"""Tokens for the pass-through: what one opens, how long, how a kernel keeps it good, and how it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from anyio.to_thread import run_sync

from assay_nb.engine.remote.pass_tokens import (
    KeptTokens,
    PassToken,
    end_token,
    extend_token,
    issue_token,
)
from assay_nb.errors import AssayError, PermissionDenied
from assay_nb.gateway.auth.run_tokens import PREFIXES
from assay_nb.gateway.handlers.table import ROUTES
from tests.canaries import find_canary
from tests.fakes.providers import FakeProviders, only
from tests.gateway.members import STREAMED
from tests.gateway.stage import Kernel, Stage

pytestmark = pytest.mark.anyio

MODELS = "anthropic/v1/models"


async def issue(kernel: Kernel, workspace: str | None = None) -> PassToken:
    return await issue_token(kernel.engine.client, workspace)


async def look(stage: Stage, token: str, workspace: str = "-", **headers: str) -> int:
    """Return the status of a request that is passed through with a token."""
    given = headers or {"Authorization": f"Bearer {token}"}
    path = f"providers/{workspace}/{MODELS}"
    return (await stage.ask("GET", path, headers=given))[0]


# --- what it opens


@pytest.mark.parametrize("header", ["x-api-key", "x-goog-api-key", "api-key", "Authorization"])
async def test_program_passes_requests_through_on_the_workspaces_key(
    header: str, stage: Stage
) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    token = (await issue(ada)).token
    shown = f"Bearer {token}" if header == "Authorization" else token

    assert await look(stage, token, **{header: shown}) == 200

    assert only(stage.fake.calls).key == ada.key
    assert token not in str(stage.fake.calls[0].headers)


async def test_workspace_is_its_own_however_it_is_named(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    where = await ada.control.show_workspace(None)
    other = await ada.control.create_workspace("research")
    await stage.store_key(other.id)
    token = (await issue(ada, "personal")).token
    await ada.control.use_workspace("research")

    named = ["-", "personal", where.id, "research", other.id, "nowhere"]
    statuses = [await look(stage, token, name) for name in named]

    assert statuses == [200, 200, 200, 403, 403, 404]
    assert {call.key for call in stage.fake.calls} == {ada.key}


async def test_program_may_do_nothing_else(stage: Stage) -> None:
    """Every route but the pass-through → 403, for an owner's token too; the owner's hub token opens most of them."""
    ada = await stage.kernel("ada", key="anthropic")
    token = (await issue(ada)).token
    hub_token = next(one for one, person in stage.hub.people.items() if person["name"] == "ada")
    opened: dict[str, set[str]] = {token: set(), hub_token: set()}
    for route in ROUTES:
        parts = {
            "workspace": "-", "provider": "anthropic", "preset": "groq", "user": "x", "id": "0" * 64,
            "instrument": "playground", "name": "page.css",
        }  # fmt: skip
        path = route.path.replace("{path:.*}", "v1/messages").format(**parts)
        method = "POST" if route.method == "*" else route.method
        for shown, found in opened.items():
            status, _ = await stage.ask(method, path, shown, body={"prompt": "Hi."})
            if status != 403 and route.who != "open":
                found.add(route.path)

    assert opened[token] == {"providers/{workspace}/{provider}/{path:.*}"}
    assert len(opened[hub_token]) > 10


# --- how long


async def test_operator_says_how_long_it_lasts(make_stage: Callable[..., Any]) -> None:
    stage = await make_stage(limits={"passthrough_hours": 0.5})
    ada = await stage.kernel("ada")

    lasts = (await issue(ada)).expires_at - time.time()

    assert 1700 < lasts <= 1800
    for seconds, status in ((1800, 201), (1801, 400)):
        body = {"purpose": "pass-through", "seconds": seconds}
        path = "api/v1/workspaces/-/run-tokens"
        token = next(iter(stage.hub.people))
        assert (await stage.ask("POST", path, token, body=body))[0] == status


async def test_extending_it_helps_what_was_started_with_it(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    path, body = "api/v1/workspaces/-/run-tokens", {"purpose": "pass-through", "seconds": 60}
    hub_token = next(iter(stage.hub.people))
    lent = (await stage.ask("POST", path, hub_token, body=body))[1]

    later = await extend_token(ada.engine.client, lent["token"])

    assert (later.id, later.token) == (lent["id"], lent["token"])
    assert later.expires_at > lent["expires_at"] + 7 * 3600
    assert await look(stage, lent["token"]) == 200


async def test_nobody_extends_somebody_elses_or_a_runs(stage: Stage) -> None:
    ada, eve = await stage.kernel("ada", key="anthropic"), await stage.kernel("eve")
    token = (await issue(ada)).token
    path, hub_token = "api/v1/workspaces/-/run-tokens", next(iter(stage.hub.people))
    run_token = (await stage.ask("POST", path, hub_token, body={}))[1]["token"]

    for kernel, shown in ((eve, token), (ada, run_token), (ada, token[:-2] + "AA")):
        with pytest.raises(AssayError):
            await extend_token(kernel.engine.client, shown)


async def test_extension_hangs_on_the_hub_token_that_was_shown_last(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    token = (await issue(ada)).token
    first = next(iter(stage.hub.people))
    again = await stage.kernel("ada")
    await extend_token(again.engine.client, token)

    stage.hub.revoke(first)
    stage.services.identity.forget(first)

    assert await look(stage, token) == 200


# --- how it ends


async def test_stopped_server_ends_it(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    token, hub_token = (await issue(ada)).token, next(iter(stage.hub.people))
    assert await look(stage, token) == 200

    stage.hub.revoke(hub_token)
    stage.services.identity.forget(hub_token)

    assert await look(stage, token) == 401


@pytest.mark.parametrize("how", ["revoked", "taken out"])
async def test_what_runs_with_it_ends_too(how: str, stage: Stage, fake: FakeProviders) -> None:
    olga, max_ = await stage.kernel("olga"), await stage.kernel("max")
    team = await olga.control.create_workspace("research")
    await stage.store_key(team.id)
    workspaces, where = stage.services.resources.workspaces, bytes.fromhex(team.id)
    await run_sync(lambda: workspaces.add_member("olga", where, "max"))
    lent = await issue(max_, "research")
    fake.answers("early", "late", fault="stall", fault_after=1)
    headers = {"Authorization": f"Bearer {lent.token}"}
    url = f"{stage.url}providers/research/anthropic/v1/messages"

    async with stage.http.post(url, json=STREAMED, headers=headers) as response:
        seen = b""
        with anyio.fail_after(20):
            while b"early" not in seen:
                seen += await response.content.readany()
            if how == "revoked":
                assert await end_token(max_.engine.client, lent.token)
            else:
                await run_sync(workspaces.remove_member, "olga", where, "max")
            await stage.services.active_calls.look(stage.services.holds)
            seen += await response.content.read()

    assert b"permission_denied" in seen
    assert b"late" not in seen
    assert await look(stage, lent.token, "research") == 401


async def test_token_comes_into_no_log(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    token = (await issue(ada)).token
    await look(stage, token)
    await extend_token(ada.engine.client, token)
    await stage.ask("GET", "api/v1/me", token)

    log = "\n".join(stage.lines)

    assert "run token issued" in log
    assert token[:24] not in log
    assert not find_canary(log, ada.key)


# --- the kernel's side


class Lender:
    """A gateway whose tokens last for so long, on a clock that runs while somebody sleeps."""

    url = "http://gateway/"

    def __init__(self, lasts: float) -> None:
        self.lasts = lasts
        self.now = 1_000.0
        self.asked: list[str] = []
        self.refuses = 0
        self.refused = {"extend"}
        self.error = AssayError("not now")
        self.replaced: list[tuple[str, str]] = []

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        what = "issue" if "purpose" in body else path.rpartition("/")[2]
        self.asked.append(what)
        if what in self.refused and self.refuses:
            self.refuses -= 1
            raise self.error
        if what == "end":
            return {"ended": True}
        number = self.asked.count("issue")
        told = {"id": str(number), "workspace": "w", "expires_at": int(self.now + self.lasts)}
        return {**told, "token": f"{PREFIXES['pass-through']}{number}"}

    def replace(self, old: str, new: str) -> None:
        self.replaced.append((old, new))

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    def tokens(self) -> KeptTokens:
        return KeptTokens(self, lambda: self.now, self.sleep)  # type: ignore[arg-type]


async def keep_for(tokens: KeptTokens, lender: Lender, seconds: float) -> asyncio.Task[None]:
    """Keep a token until so much time has passed, and return what keeps it."""
    end = lender.now + seconds
    task = asyncio.create_task(tokens.keep("w", lender.replace))
    while lender.now < end and not task.done():  # noqa: ASYNC110 - time passes only while others run
        await asyncio.sleep(0)
    return task


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def test_token_is_extended_when_half_of_its_time_is_over() -> None:
    lender = Lender(lasts=8 * 3600)
    tokens = lender.tokens()
    assert await tokens.get("w") == ("assay-pass-1", True)

    task = await keep_for(tokens, lender, 21 * 3600)

    assert lender.asked == ["issue", *["extend"] * 5]
    assert not task.done()
    await end(task)
    assert lender.asked[-1] == "end"
    assert lender.replaced == []
    assert tokens.values == frozenset()


async def test_gateway_that_does_not_answer_is_asked_again() -> None:
    lender = Lender(lasts=3600)
    tokens = lender.tokens()
    await tokens.get("w")
    lender.refuses = 5

    task = await keep_for(tokens, lender, 3500)

    assert lender.asked == ["issue", *["extend"] * 6]
    assert not task.done()
    await end(task)


async def test_token_that_expired_in_a_suspended_machine_gets_a_successor() -> None:
    lender = Lender(lasts=3600)
    tokens = lender.tokens()
    await tokens.get("w")
    task = await keep_for(tokens, lender, 100)

    lender.now += 7200  # nobody's clock ran
    while not lender.replaced:  # noqa: ASYNC110 - time passes only while others run
        await asyncio.sleep(0)

    assert lender.asked == ["issue", "issue"]
    assert lender.replaced == [("assay-pass-1", "assay-pass-2")]
    assert tokens.values == {"assay-pass-2"}
    assert not task.done()
    await end(task)


@pytest.mark.parametrize("goes_on", [True, False])
async def test_successor_is_asked_for_again_unless_it_is_refused(goes_on: bool) -> None:
    lender = Lender(lasts=60)
    tokens = lender.tokens()
    await tokens.get("w")
    lender.refused, lender.refuses = {"extend", "issue"}, 100
    lender.error = AssayError("not now") if goes_on else PermissionDenied("not you")

    task = await keep_for(tokens, lender, 600)

    assert task.done() is not goes_on
    assert tokens.values == ({"assay-pass-1"} if goes_on else frozenset())
    assert lender.asked.count("issue") == (10 if goes_on else 2)
    assert lender.replaced == []
    await end(task)


async def test_token_that_was_given_back_is_extended_no_more() -> None:
    lender = Lender(lasts=3600)
    tokens = lender.tokens()
    await tokens.get("w")

    assert await tokens.give_back()
    asked = len(lender.asked)
    await tokens.keep("w", lender.replace)

    assert lender.asked[-1] == "end"
    assert len(lender.asked) == asked


async def test_token_that_could_not_be_ended_is_ended_by_the_next_try() -> None:
    lender = Lender(lasts=3600)
    tokens = lender.tokens()
    await tokens.get("w")
    lender.refused, lender.refuses = {"end"}, 1

    with pytest.raises(AssayError, match="not now"):
        await tokens.give_back()
    assert tokens.values == {"assay-pass-1"}

    assert await tokens.give_back()
    assert tokens.values == frozenset()
    assert not await tokens.give_back()


async def test_expired_token_is_refused_with_the_way_to_a_new_one(stage: Stage) -> None:
    """What a program was started with before the machine slept: its error says how it gets another."""
    ada = await stage.kernel("ada", key="anthropic")
    token = (await issue(ada)).token
    stage.services.run_tokens._now = lambda: time.time() + 24 * 3600

    path = f"providers/-/{MODELS}"
    status, told = await stage.ask("GET", path, headers={"x-api-key": token})

    assert status == 401
    assert "expired" in told["error"]["message"]
    assert "`assay-nb env`" in told["error"]["hint"]
    assert not stage.fake.calls


def test_token_is_not_in_what_shows_it() -> None:
    assert "assay-pass-x" not in repr(PassToken("1", "w", 5, "assay-pass-x"))
