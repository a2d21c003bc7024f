"""Attacks on the gateway from its clients: other people's things, names, floods, races and money."""

from __future__ import annotations

import asyncio
import io
import json
import tracemalloc
from typing import Any

import pytest
from anyio.to_thread import run_sync

from assay_nb.accounting.allowances import Allowance
from assay_nb.engine.call import Call
from assay_nb.engine.events import Delta
from assay_nb.errors import AssayError, LimitReached, PermissionDenied
from assay_nb.gateway.auth.identity import Identity
from assay_nb.gateway.teams import Team
from tests.canaries import find_canary
from tests.fakes.hub import SCOPE
from tests.fakes.providers import Answer
from tests.gateway.conftest import make_stage, stage
from tests.gateway.stage import Stage
from tests.kernel.replies import PROMPT, critique
from tests.tools import until

__all__ = ["make_stage", "stage"]

pytestmark = pytest.mark.anyio

RUN = "api/v1/workspaces/{}/instruments/critique"


async def make_team(stage: Stage, owner: str = "olga", *members: str, name: str = "team") -> str:
    workspaces = stage.services.resources.workspaces

    def make() -> str:
        made = workspaces.create(name, owner)
        for member in members:
            workspaces.add_member(owner, made.id, member)
        return made.id.hex()

    return await run_sync(make)


async def store_platform_key(stage: Stage) -> str:
    return await stage.store_key("00" * 16, "anthropic", mode="demo")


# --- who


async def test_a056_a_kernels_token_makes_calls_and_manages_no_key(stage: Stage) -> None:
    """The server's token on each key route → 403 that says where; on a call → the call."""
    ada = await stage.kernel("ada", key="anthropic")
    stage.fake.answers(critique())
    token = stage.token("ada")

    tried = [
        await stage.ask(method, f"api/v1/workspaces/-/keys/anthropic{rest}", token, body={})
        for method, rest in (("PUT", ""), ("DELETE", ""), ("POST", "/test"))
    ]

    assert [status for status, _ in tried] == [403, 403, 403]
    assert all("browser" in answer["error"]["message"] for _, answer in tried)
    assert await ada.run("critique", PROMPT)


async def test_a057_a_forged_page_changes_nothing(stage: Stage) -> None:
    """No XSRF token, another session's, a foreign, null or lookalike origin, a cross-site fetch → 403."""
    team = await make_team(stage)
    olga, another = await stage.sign_in("olga"), await stage.sign_in("olga")
    body = {"user": "eve", "role": "owner"}
    forged: list[dict[str, str]] = [
        {name: value for name, value in olga.items() if name != "X-XSRFToken"},
        olga | {"X-XSRFToken": another["X-XSRFToken"]},
        olga | {"X-XSRFToken": ""},
        olga | {"Origin": "null"},
        olga | {"Origin": "https://evil.example"},
        olga | {"Origin": f"{stage.origin}.evil.example"},
        olga | {"Origin": stage.origin.replace("127.0.0.1", "127.0.0.1@evil.example")},
        olga | {"Sec-Fetch-Site": "cross-site"},
        olga | {"Sec-Fetch-Site": "same-site"},
        {"Cookie": "assay-session=e30=.00", "X-XSRFToken": "00"},
    ]

    for headers in forged:
        status, _ = await stage.ask(
            "POST", f"api/v1/workspaces/{team}/members", headers=headers, body=body
        )
        assert status in (401, 403)

    assert len(await run_sync(stage.services.resources.workspaces.members, "olga", team)) == 1
    status, _ = await stage.ask(
        "POST", f"api/v1/workspaces/{team}/members", headers=olga, body=body
    )
    assert status == 201  # the control: the page itself may


async def test_a057_a_form_cannot_stand_in_for_json(stage: Stage) -> None:
    """A cross-site form is sent without a preflight → no route that takes JSON takes it."""
    team = await make_team(stage)
    headers = await stage.sign_in("olga")

    async with stage.http.post(
        f"{stage.url}api/v1/workspaces/{team}/members",
        data=json.dumps({"user": "eve"}),
        headers=headers | {"Content-Type": "text/plain"},
    ) as response:
        assert response.status == 400


async def test_a059_lists_tell_a_stranger_nothing_not_even_how_many(stage: Stage) -> None:
    """Another team's lists → the same 404 as for a team that is not there."""
    team = await make_team(stage)
    await stage.store_key(team)
    eve = stage.token("eve")

    for rest in (
        "",
        "/keys",
        "/members",
        "/calls",
        "/models",
        "/listing",
        "/allowances",
        "/standing",
    ):
        there = await stage.ask("GET", f"api/v1/workspaces/{team}{rest}", eve)
        nowhere = await stage.ask("GET", f"api/v1/workspaces/{'ab' * 16}{rest}", eve)
        assert there[0] == nowhere[0] == 404
        assert str(there[1]).replace(team, "") == str(nowhere[1]).replace("ab" * 16, "")


async def test_a060_a_removed_member_is_out_at_once_and_their_stream_is_cut(stage: Stage) -> None:
    """Removed while a reply streams → the stream ends with the reason, the next call is refused."""
    team = await make_team(stage, "olga", "mia")
    await stage.store_key(team)
    mia = await stage.kernel("mia")
    stage.fake.answers("a", "b", "c", pause=5)
    owner = await stage.sign_in("olga")
    seen = asyncio.Event()

    async def read() -> None:
        async for event in mia.engine.run(
            Call(instrument="critique", prompt=PROMPT, workspace=team)
        ):
            if isinstance(event, Delta):
                seen.set()

    reading = asyncio.create_task(read())
    await asyncio.wait_for(seen.wait(), 10)
    status, _ = await stage.ask("DELETE", f"api/v1/workspaces/{team}/members/mia", headers=owner)

    assert status == 200
    with pytest.raises(PermissionDenied, match="no longer a member"):
        await asyncio.wait_for(reading, 2)
    assert await run_sync(stage.fake.calls[-1].closed.wait, 2)
    with pytest.raises(AssayError):
        await mia.run("critique", PROMPT, workspace=team)


@pytest.mark.parametrize("how", ["membership", "group", "token"])
async def test_a060_what_ends_elsewhere_ends_a_stream_within_a_look(
    make_stage: Any, how: str
) -> None:
    """Taken out by another replica, out of the hub's group, or the token revoked → cut at the next look."""
    stage: Stage = await make_stage(
        teams={"physics": Team("physics-lab")}, hub={"cache_seconds": 0.01}
    )
    mia = await stage.kernel("mia", groups=("physics",))
    team = (await mia.control.show_workspace("physics-lab")).id
    if how == "membership":
        team = await make_team(stage, "olga", "mia")
    await stage.store_key(team)
    stage.fake.answers("a", "b", pause=5)
    seen = asyncio.Event()

    async def read() -> None:
        async for event in mia.engine.run(
            Call(instrument="critique", prompt=PROMPT, workspace=team)
        ):
            if isinstance(event, Delta):
                seen.set()

    reading = asyncio.create_task(read())
    await asyncio.wait_for(seen.wait(), 10)
    (token,) = [t for t, person in stage.hub.people.items() if person["name"] == "mia"]
    if how == "membership":
        await run_sync(stage.services.resources.workspaces.remove_member, "olga", team, "mia")
    elif how == "group":
        stage.hub.people[token]["groups"] = []
    else:
        stage.hub.revoke(token)
    async with asyncio.timeout(60):
        while not reading.done():  # a gateway looks from time to time
            await stage.services.active_calls.look(stage.services.holds)
            await asyncio.sleep(0.01)

    with pytest.raises(AssayError):
        await reading
    assert await run_sync(stage.fake.calls[-1].closed.wait, 30)


async def test_a061_names_that_look_alike_are_different_people(stage: Stage) -> None:
    """`Alice`, `alice`, fullwidth and accented forms → each their own; a name with a space around it → refused."""
    names = [
        "alice",
        "Alice",
        "ALICE",
        "ａlice",
        "a\u0301lice",
        "\u00e1lice",
        "alice%20",
        "al\u0131ce",
    ]
    ids = set()
    for name in names:
        status, me = await stage.ask("GET", "api/v1/me", stage.token(name))
        assert (status, me["user"]) == (200, name)
        ids.add(me["workspaces"][0]["id"])
    for name in ("alice ", " alice", "alice\n", "alice\u200b"):
        status, _ = await stage.ask("GET", "api/v1/me", stage.token(name))
        assert status == 400

    assert len(ids) == len(names)


async def test_a064_the_last_owner_cannot_leave_and_a_deleted_workspaces_call_ends(
    stage: Stage,
) -> None:
    """The last owner leaves → 403. Deleted while a call runs → the call ends, the key is gone."""
    team = await make_team(stage, "olga", "mia")
    await stage.store_key(team)
    owner, mia = await stage.sign_in("olga"), await stage.kernel("mia")
    status, _ = await stage.ask("DELETE", f"api/v1/workspaces/{team}/members/olga", headers=owner)
    assert status == 403
    stage.fake.answers("a", "b", pause=5)
    seen = asyncio.Event()

    async def read() -> None:
        async for event in mia.engine.run(
            Call(instrument="critique", prompt=PROMPT, workspace=team)
        ):
            if isinstance(event, Delta):
                seen.set()

    reading = asyncio.create_task(read())
    await asyncio.wait_for(seen.wait(), 10)
    status, _ = await stage.ask("DELETE", f"api/v1/workspaces/{team}", headers=owner)

    assert status == 200
    with pytest.raises(AssayError, match="deleted"):
        await asyncio.wait_for(reading, 2)
    assert await run_sync(stage.services.resources.vault.find_keys, bytes.fromhex(team)) == []


_INJECTIONS = (
    "' OR 1=1 --",
    "'; DROP TABLE members; --",
    '"',
    "\\",
    "%",
    "x'00'",
    "$(id)",
    "{{7*7}}",
    "\u2019",
)


async def test_a065_sql_in_any_string_is_a_string(stage: Stage) -> None:
    """Quotes and statements in names, ids, roles, models, cursors and tokens → no effect, no 5xx."""
    ada, olga = stage.token("ada"), await stage.sign_in("olga")
    team = await make_team(stage)
    for text in _INJECTIONS:
        quoted = "".join(f"%{byte:02x}" for byte in text.encode())
        statuses = [
            (await stage.ask("GET", "api/v1/me", text if text.isascii() else "x"))[0],
            (await stage.ask("GET", f"api/v1/workspaces/{quoted}", ada))[0],
            (
                await stage.ask(
                    "GET", f"api/v1/workspaces/{team}/calls?limit={quoted}", headers=olga
                )
            )[0],
            (await stage.ask("POST", "api/v1/workspaces", ada, body={"name": text}))[0],
            (await stage.ask("PATCH", "api/v1/workspaces/-", ada, body={"model": text}))[0],
            (
                await stage.ask(
                    "POST",
                    f"api/v1/workspaces/{team}/members",
                    headers=olga,
                    body={"user": text, "role": text},
                )
            )[0],
            (
                await stage.ask(
                    "POST", RUN.format("-"), ada, body={"prompt": text, "idempotency_key": text}
                )
            )[0],
        ]
        assert all(status < 500 for status in statuses), (text, statuses)

    assert len(await run_sync(stage.services.resources.workspaces.members, "olga", team)) == 1


# --- how much


@pytest.mark.slow
async def test_a080_bodies_that_nobody_needs_are_refused_before_they_are_built(
    stage: Stage,
) -> None:
    """10 MiB, 10⁴ deep, 10⁵ fields, a name twice, NaN, Infinity, a huge integer → 4xx, memory flat."""
    ada = stage.token("ada")
    bodies: dict[str, bytes] = {
        "large": json.dumps({"prompt": "x" * 10 * 2**20}).encode(),
        "deep": b'{"prompt": "x", "options": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
        "brackets": b'{"prompt": ' + b"[" * 100_000,
        "wide": json.dumps(
            {"prompt": "x", "options": {str(i): i for i in range(100_000)}}
        ).encode(),
        "twice": b'{"prompt": "x", "prompt": "y"}',
        "nan": b'{"prompt": "x", "options": {"temperature": NaN}}',
        "infinite": b'{"prompt": "x", "options": {"temperature": -Infinity}}',
        "overflow": b'{"prompt": "x", "options": {"temperature": 1e999}}',
        "digits": b'{"prompt": "x", "options": {"temperature": ' + b"9" * 5_000 + b"}}",
        "no json": b"prompt=x",
        "no object": b'["prompt"]',
        "no utf-8": b'{"prompt": "\xff"}',
        "gzip": b"\x1f\x8b\x08\x00",
    }
    headers = {"Authorization": f"token {ada}", "Content-Type": "application/json"}
    tracemalloc.start()
    try:
        for name, body in bodies.items():
            more = {"Content-Encoding": "gzip"} if name == "gzip" else {}
            async with stage.http.post(
                stage.url + RUN.format("-"), data=io.BytesIO(body), headers=headers | more
            ) as response:
                assert 400 <= response.status < 500, name
            del body
        bodies.clear()
        assert tracemalloc.get_traced_memory()[0] < 20 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.slow
async def test_a082_one_person_with_500_calls_is_slowed_and_nobody_else(make_stage: Any) -> None:
    """500 calls at once by one person → throttled with a time to come back; another's are served."""
    stage: Stage = await make_stage(limits={"calls_at_once": 4, "calls_per_minute": 60})
    await stage.kernel("mallory", key="anthropic")
    ada = await stage.kernel("ada", key="anthropic")
    stage.fake.answers(critique(), delay=0.2)
    mallory = stage.token("mallory")

    flood = [
        asyncio.create_task(stage.ask("POST", RUN.format("-"), mallory, body={"prompt": PROMPT}))
        for _ in range(500)
    ]
    await until(lambda: stage.fake.calls != [])
    assert await ada.run("critique", PROMPT)
    answers = await asyncio.gather(*flood)

    refused = [answer for status, answer in answers if status == 429]
    assert len(refused) >= 440
    assert all(answer["error"]["code"] == "limit_reached" for answer in refused)


async def test_a084_a_flood_of_bad_tokens_leaves_a_line_a_minute(stage: Stage) -> None:
    """1,000 requests with tokens that nobody has → 401 each, and the log hardly grows."""
    before = len(stage.lines)

    for batch in range(10):
        asking = [stage.ask("GET", "api/v1/me", f"guess-{batch}-{i}") for i in range(100)]
        assert {status for status, _ in await asyncio.gather(*asking)} == {401}

    assert len(stage.lines) - before <= 2
    assert "guess-" not in "".join(stage.lines)


async def test_a085_a_silent_hub_lets_in_whom_it_has_just_named_and_nobody_else() -> None:
    """The hub goes down → known people for at most 60 seconds in all, strangers never, then 503."""
    now, down, asked = [0.0], [False], [0]

    async def ask(token: str) -> dict[str, Any]:
        from assay_nb.gateway.http.responses import HubUnavailable

        asked[0] += 1
        if down[0]:
            raise HubUnavailable("silent")
        return {"kind": "user", "name": "ada", "groups": [], "admin": False, "scopes": [SCOPE]}

    identity = Identity(ask, clock=lambda: now[0])
    assert (await identity.identify("known")).name == "ada"
    down[0] = True

    now[0] = 59.0
    assert (await identity.identify("known")).name == "ada"
    with pytest.raises(AssayError) as stranger:
        await identity.identify("unknown")
    now[0] = 60.0
    with pytest.raises(AssayError) as known:
        await identity.identify("known")

    assert {stranger.value.code, known.value.code} == {"hub_unavailable"}


async def test_a085_a_silent_hub_is_a_503_and_not_an_anonymous_welcome(stage: Stage) -> None:
    """The hub answers nothing → 503 for whoever is not known."""
    token = stage.token("ada")
    stage.hub.down = True

    status, answer = await stage.ask("GET", "api/v1/me", token)

    assert (status, answer["error"]["code"]) == (503, "hub_unavailable")


# --- money


@pytest.mark.slow
@pytest.mark.parametrize("funding", ["demo", "own key"])
async def test_a088_fifty_calls_with_one_idempotency_key_are_one_call(
    make_stage: Any, funding: str
) -> None:
    """The same key 50 times at once, and once more after → one call at the provider, 51 equal answers."""
    stage: Stage = await make_stage(limits={"calls_at_once": 50})
    ada = await stage.kernel("ada", key="anthropic" if funding == "own key" else None)
    await store_platform_key(stage)
    token = stage.token("ada")
    stage.fake.answers(critique(), delay=0.2)
    body = {"prompt": PROMPT, "idempotency_key": "cell-1"}

    asking = [stage.ask("POST", RUN.format("-"), token, body=body) for _ in range(50)]
    answers = await asyncio.gather(*asking)
    answers.append(await stage.ask("POST", RUN.format("-"), token, body=body))

    assert len(stage.fake.calls) == 1
    assert stage.fake.calls[0].key == ada.key or funding == "demo"
    assert {status for status, _ in answers} == {200}
    assert len({text for _, text in answers}) == 1
    assert "event: finished" in answers[0][1]
    spent = 7 - await run_sync(stage.services.resources.budget.left, "ada")
    assert spent == (1 if funding == "demo" else 0)


async def test_a088_an_idempotency_key_is_one_persons_and_one_calls(stage: Stage) -> None:
    """Another person's key, or one's own on another prompt → another call, or a refusal; no answer of others."""
    ada, eve = (
        await stage.kernel("ada", key="anthropic"),
        await stage.kernel("eve", key="anthropic"),
    )
    stage.fake.answers(critique())

    async def ask(user: str, prompt: str) -> tuple[int, Any]:
        body = {"prompt": prompt, "idempotency_key": "cell-1"}
        return await stage.ask("POST", RUN.format("-"), stage.token(user), body=body)

    assert (await ask("ada", PROMPT))[0] == 200
    assert (await ask("eve", PROMPT))[0] == 200
    status, refused = await ask("ada", f"{PROMPT} Be brief.")

    assert [call.key for call in stage.fake.calls] == [ada.key, eve.key]
    assert status == 400
    assert "was used for another call" in refused["error"]["message"]


async def test_a088_a_repeated_call_ends_with_its_last_listener(stage: Stage) -> None:
    """The one who began hangs up → who repeated it hears the rest; all hang up → the connection is closed."""
    await stage.kernel("ada", key="anthropic")
    token = stage.token("ada")
    stage.fake.answers("a", "b", fault="stall", fault_after=1)
    body = {"prompt": PROMPT, "idempotency_key": "cell-1"}

    def listen() -> asyncio.Task[Any]:
        return asyncio.create_task(stage.ask("POST", RUN.format("-"), token, body=body))

    first, second = listen(), listen()
    assert await run_sync(stage.fake.arrived.wait, 5)
    await until(lambda: stage.services.limiter.running == 2)
    first.cancel()
    await asyncio.wait({first})
    await until(lambda: stage.services.limiter.running == 1)
    assert not stage.fake.calls[0].closed.is_set()
    second.cancel()

    assert await run_sync(stage.fake.calls[0].closed.wait, 2)
    assert len(stage.fake.calls) == 1
    assert len(stage.services.idempotency) == 0


@pytest.mark.parametrize("moment", ["before the headers", "in the middle", "at the end"])
async def test_a089_a_client_that_hangs_up_has_spent_its_demo_call(
    stage: Stage, moment: str
) -> None:
    """The client disconnects at any moment after sending → spent, never free."""
    await store_platform_key(stage)
    ada = await stage.kernel("ada")
    whole = critique()
    if moment == "before the headers":
        stage.fake.answers(whole, delay=3)
    else:
        stage.fake.answers(whole[:20], whole[20:], pause=3 if moment == "in the middle" else 0)

    events = ada.engine.run(Call(instrument="critique", prompt=PROMPT))
    seen = 0
    async for _ in events:
        seen += 1
        if moment == "before the headers" or seen == 2:
            break
    await run_sync(stage.fake.arrived.wait, 5)
    await events.aclose()  # type: ignore[attr-defined]
    await asyncio.wait_for(stage.services.active_calls.idle(), 5)

    assert await run_sync(stage.services.resources.budget.left, "ada") == 6


async def test_a089_a_call_that_the_provider_refused_is_given_back(stage: Stage) -> None:
    """The provider refuses before it generates → the demo call is given back, and the log says what happened."""
    await store_platform_key(stage)
    ada = await stage.kernel("ada")
    stage.fake.answers(status=400)

    with pytest.raises(AssayError):
        await ada.run("critique", PROMPT)

    assert await run_sync(stage.services.resources.budget.left, "ada") == 7


async def test_a090_a_price_that_is_none_counts_as_the_set_maximum(stage: Stage) -> None:
    """No usage, a model of unknown price, NaN, a negative or an endless cost → charged as unknown."""
    team = bytes.fromhex(await make_team(stage, "olga", "mia"))
    allowances = stage.services.resources.allowances

    def spend(dollars: float | None) -> int:
        allowances.set(team, Allowance("mia", micros_per_day=10**9))
        before = allowances.used(team, "mia").micros
        allowances.settle(allowances.reserve(team, "mia"), dollars, unknown=1.0)
        return allowances.used(team, "mia").micros - before

    for cost in (None, float("nan"), float("inf"), -5.0):
        assert await run_sync(spend, cost) == 1_000_000
    assert await run_sync(spend, 0.25) == 250_000


async def test_a090_a_provider_that_reports_no_usage_is_no_way_around_a_limit(
    make_stage: Any,
) -> None:
    """A member with $1.50 a day, a provider that never counts → two calls of unknown price, no third."""
    stage: Stage = await make_stage(limits={"unpriced_call": 1.0})
    team = await make_team(stage, "olga", "mia")
    await stage.store_key(team)
    olga, mia = await stage.sign_in("olga"), await stage.kernel("mia")
    stage.fake.answers(critique(), input_tokens=None)
    limit = {"user": "mia", "dollars_per_day": 1.5}
    status, _ = await stage.ask(
        "PUT", f"api/v1/workspaces/{team}/allowances", headers=olga, body=limit
    )
    assert status == 200

    for _ in range(2):
        await mia.run("critique", PROMPT, workspace=team)
    with pytest.raises(LimitReached, match=r"\$1\.50 for today"):
        await mia.run("critique", PROMPT, workspace=team)

    assert len(stage.fake.calls) == 2


async def test_a092_a_failing_own_key_never_falls_back_to_the_demo(stage: Stage) -> None:
    """The workspace's key is refused, limited or broken → its error, no demo call, no other key."""
    await store_platform_key(stage)
    ada = await stage.kernel("ada", key="anthropic")
    for answer in (Answer(status=401), Answer(status=403), Answer(status=400)):
        stage.fake.queue(answer)
        with pytest.raises(AssayError):
            await ada.run("critique", PROMPT)

    assert {call.key for call in stage.fake.calls} == {ada.key}
    assert await run_sync(stage.services.resources.budget.left, "ada") == 7


async def test_a094_a_clock_that_jumps_gives_no_extra_calls(stage: Stage) -> None:
    """The clock jumps a day forward, back, and forward again → each day's allowance once."""
    from assay_nb.accounting.allowances import Allowances

    team = bytes.fromhex(await make_team(stage, "olga", "mia"))
    clock = [20_000 * 86_400.0]
    allowances = Allowances(stage.services.resources.database, now=lambda: clock[0])

    def made() -> int:
        count = 0
        while True:
            try:
                allowances.reserve(team, "mia")
            except LimitReached:
                return count
            count += 1

    await run_sync(allowances.set, team, Allowance("mia", calls_per_day=3))
    counts = []
    for jump in (0, 86_400, -86_400, -86_400, 86_400, 86_400):
        clock[0] += jump
        counts.append(await run_sync(made))

    assert counts == [3, 3, 0, 3, 0, 0]


# --- what is told


async def test_a046_what_the_gateway_tells_of_itself_holds_no_key(stage: Stage) -> None:
    """OpenAPI, health, metrics, me, keys, standing, providers and the log → no form of the key."""
    ada = await stage.kernel("ada", key="anthropic")
    stage.fake.answers(critique())
    await ada.run("critique", PROMPT)
    token, operator = stage.token("ada"), stage.token("hugo", admin=True)

    about_all = ("health", "api/openapi.json", "api/v1/me", "api/v1/providers", "api/v1/workspaces")
    rests = ("", "/keys", "/members", "/calls", "/models", "/listing", "/allowances", "/standing")
    paths = [*about_all, *(f"api/v1/workspaces/-{rest}" for rest in rests)]
    told = [str(await stage.ask("GET", path, token)) for path in paths]
    told.append(str(await stage.ask("GET", "metrics", operator)))

    assert all("200" in one[:5] for one in told)
    assert not find_canary("".join([*told, *stage.lines]), ada.key)
    assert find_canary("".join([*told, ada.key]), ada.key)  # the control


async def test_a046_the_log_holds_neither_prompts_nor_tokens(stage: Stage) -> None:
    """Calls, refusals, errors of our own → names, numbers and codes in the log, and nothing else."""
    ada = await stage.kernel("ada", key="anthropic")
    token = stage.token("ada")
    stage.fake.answers(critique())
    await ada.run("critique", "a prompt that nobody is to read")
    await stage.ask("GET", "api/v1/workspaces/a-name-that-is-nobodys", token)

    log = "".join(stage.lines)

    assert "nobody" not in log
    assert not any(t in log for t in stage.hub.people)
    assert all(json.loads(line)["event"] for line in stage.lines)
