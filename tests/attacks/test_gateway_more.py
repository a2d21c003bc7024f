"""Attacks on the gateway that take a second look: every place of an id, every spelling of an address."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from anyio.to_thread import run_sync
from packaging.requirements import Requirement
from sqlalchemy import event

from assay_nb.egress.origins import OperatorPolicy
from assay_nb.egress.resolver import make_vet
from assay_nb.errors import ProviderUnavailable, StoreUnavailable
from assay_nb.gateway.handlers.table import ROUTES
from assay_nb.gateway.http.app import WATCH_SECONDS
from assay_nb.gateway.proxy.upstream import Upstream, UpstreamRequest
from assay_nb.gateway.settings import load_settings
from assay_nb.messages import Destination
from assay_nb.providers.exchange import Limits
from assay_nb.providers.transport import Egress
from assay_nb.store import call_rows
from assay_nb.store.database import Database
from assay_nb.vault.keystores.key_file import KeyFile
from assay_nb.vault.vault import Vault
from tests.attacks.test_egress import REFUSED_URLS, ask, bad_contexts
from tests.attacks.test_gateway import RUN, make_team
from tests.canaries import find_canary, make_canary
from tests.fakes.hub import SCOPE
from tests.fakes.providers import FakeProviders, only
from tests.fakes.providers_client import make_credential
from tests.fakes.providers_tls import Authority
from tests.gateway.conftest import make_stage, stage
from tests.gateway.members import ask_raw, join, open_stream
from tests.gateway.stage import PREFIX, Stage
from tests.kernel.replies import PROMPT, critique
from tests.tools import until

__all__ = ["make_stage", "stage"]

pytestmark = pytest.mark.anyio

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


# --- who


@pytest.mark.parametrize(
    "scopes",
    [
        (),
        ("self",),
        ("inherit",),
        ("access:servers",),
        ("access:services!service=other",),
        ("access:services!service=assay2",),
        ("access:services!service=Assay",),
        ("read:services!service=assay",),
        ("admin:users", "admin:servers", "tokens"),
    ],
)
async def test_a055_token_for_something_else_opens_nothing(
    stage: Stage, fake: FakeProviders, scopes: tuple[str, ...]
) -> None:
    """A valid hub token without this service's scope, in any header → 403, nothing sent on."""
    member = await join(stage, "openai")
    token = stage.token("ada", scopes=scopes, admin=True)

    for header, before in (("Authorization", "token "), ("x-api-key", ""), ("x-goog-api-key", "")):
        url = f"{stage.url}providers/personal/openai/chat/completions"
        async with stage.http.post(url, json=CHAT, headers={header: before + token}) as response:
            assert response.status == 403
    for path in ("me", "workspaces", f"workspaces/{member.workspace}/keys"):
        assert (await stage.ask("GET", f"api/v1/{path}", token))[0] == 403
    assert (await stage.ask("POST", RUN.format("-"), token, body={"prompt": PROMPT}))[0] == 403

    assert fake.calls == []


@pytest.mark.parametrize("scope", [SCOPE, "access:services"])
async def test_a055_control_the_scope_lets_in(
    stage: Stage, fake: FakeProviders, scope: str
) -> None:
    """Positive control: the same requests with the scope are served."""
    await join(stage, "openai")
    token = stage.token("ada", scopes=(scope,))

    assert (await stage.ask("GET", "api/v1/me", token))[0] == 200
    status, _ = await stage.ask(
        "POST", "providers/personal/openai/chat/completions", token, body=CHAT
    )

    assert status == 200
    assert len(fake.calls) == 1


def _paths(workspace: str) -> list[tuple[str, str, str]]:
    """Return who, method and path of every route that names a workspace."""
    parts = {"workspace": workspace, "user": "mia", "provider": "anthropic", "path": "v1/messages"}
    parts["preset"] = "vllm"

    def fill(part: re.Match[str]) -> str:
        return parts.get(part.group(1), "critique")

    return [
        (
            route.who,
            "POST" if route.method == "*" else route.method,
            re.sub(r"\{(\w+)[^}]*\}", fill, route.path),
        )
        for route in ROUTES
        if "{workspace}" in route.path
    ]


BODIES: dict[str, Any] = {
    "instruments": {"prompt": PROMPT},
    "members": {"user": "eve"},
    "members/mia": {"role": "owner"},
    "owner": {"user": "eve"},
    "allowances": {"user": "eve", "calls_per_day": 1},
    "keys": {"key": "k" * 40, "check": False},
    "connections": {
        "key": "k" * 40,
        "kind": "openai-chat",
        "endpoint": "https://llm.example/v1",
        "check": False,
    },
    "prices": {"model": "openai/gpt-6-luna", "input": 1.0, "output": 2.0},
}


async def test_a058_every_route_denies_another_teams_id_like_one_that_is_not_there(
    stage: Stage, fake: FakeProviders
) -> None:
    """Each route with another team's id, name, or parts of it in its path → as if there were none."""
    team = await make_team(stage, "olga", "mia", name="secret-team")
    await stage.store_key(team)
    eve, page = stage.token("eve"), await stage.sign_in("eve")

    async def answer(who: str, method: str, path: str) -> tuple[int, str]:
        shown = {"headers": page} if who in {"session", "page"} else {"token": eve}
        end = path.partition("/" + path.split("/")[3 if path.startswith("api") else 1])[2].strip(
            "/"
        )
        body = next((BODIES[name] for name in (end, end.split("/")[0]) if name in BODIES), {})
        if method in {"GET", "DELETE"}:
            body = {"name": "secret-team"} if method == "DELETE" and not end else None
        if method == "PATCH" and end.startswith("connections/"):
            body = {"name": "new"}
        if who == "page" and method == "POST":
            of_a_key = "/keys/" in path or "/connections/" in path
            action = "remove" if of_a_key else "add" if "/add/" in path else "remove-member"
            form = {"action": action, "user": "mia", "_xsrf": page["X-XSRFToken"]}
            return await stage.ask(method, path, data=form, **shown)
        return await stage.ask(method, path, body=body, **shown)

    nowhere = "ab" * 16
    for there in (team, "secret-team", team.upper(), f"{team[:8]}-{team[8:]}"):
        for (who, method, path), (_, _, other) in zip(_paths(there), _paths(nowhere), strict=True):
            told, untold = await answer(who, method, path), await answer(who, method, other)
            assert told[0] == untold[0] == 404, (method, path, told)
            assert _same(told[1], there, "secret-team") == _same(untold[1], nowhere), path

    assert fake.calls == []
    assert len(await run_sync(stage.services.resources.workspaces.members, "olga", team)) == 2


def _same(told: Any, *names: str) -> str:
    text = json.dumps(told)
    for name in names:
        text = text.replace(name, "…")
    return re.sub(r'name=\\"_xsrf\\" value=\\"\w+|_xsrf[^>]*>', "", text)


async def test_a058_nothing_but_the_path_names_a_workspace(
    stage: Stage, fake: FakeProviders
) -> None:
    """Another team's id in body, header, query, cursor, idempotency key → refused, or of no effect."""
    team = await make_team(stage, "olga")
    key = await stage.store_key(team)
    eve = await join(stage, "anthropic", "eve")
    fake.answers(critique())
    olga = stage.token("olga")
    body = {"prompt": PROMPT, "idempotency_key": "cell-1"}
    assert (await stage.ask("POST", RUN.format(team), olga, body=body))[0] == 200
    (mine,) = fake.calls
    assert mine.key == key  # the control: it is a key that can be called with

    for name in ("workspace", "workspace_id", "team"):
        asked = {"prompt": PROMPT, name: team}
        status, _ = await stage.ask("POST", RUN.format("-"), eve.token, body=asked)
        assert status == 400
    headers = {"X-Workspace": team, "Assay-Workspace": team, "X-Assay-Workspace-Id": team}
    quiet = await stage.ask("POST", RUN.format("-"), eve.token, body=body, headers=headers)
    asked_for = f"{RUN.format('-')}?workspace={team}"
    await stage.ask("POST", asked_for, eve.token, body={"prompt": PROMPT})
    mixed = f"providers/personal/anthropic/v1/messages?workspace={team}"
    await stage.ask("POST", mixed, eve.token, body=CHAT, headers=headers)
    listed = [
        await stage.ask("GET", f"api/v1/workspaces/-/calls?{query}", eve.token)
        for query in (f"workspace={team}", f"cursor={team}", f"after={team}", f"before={team}")
    ]

    assert quiet[0] == 200
    assert {call.key for call in fake.calls[1:]} == {eve.key}
    assert team not in str(listed)
    assert "olga" not in str(listed)


async def test_a058_a_deleted_teams_name_is_nobody_elses_to_restore(stage: Stage) -> None:
    """A stranger restores a deleted workspace by its name or id → as for one that never was."""
    team = await make_team(stage, "olga", name="gone")
    owner, eve = await stage.sign_in("olga"), await stage.sign_in("eve")
    assert (await stage.ask("DELETE", f"api/v1/workspaces/{team}", headers=owner))[0] == 200

    told = [
        await stage.ask("POST", "api/v1/restored", headers=eve, body={"name": name})
        for name in ("gone", team, "never")
    ]

    assert {status for status, _ in told} == {404}
    texts = {
        str(text).replace("gone", "…").replace("never", "…").replace(team, "…") for _, text in told
    }
    assert len(texts) == 1
    restored = await stage.ask("POST", "api/v1/restored", headers=owner, body={"name": "gone"})
    assert restored[0] == 200  # the control


@contextlib.contextmanager
def statements_of(stage: Stage) -> Iterator[list[str]]:
    """Note what the gateway asks its database, without the values."""
    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    engine = stage.services.resources.database._engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_a058_time_does_not_tell_either(stage: Stage) -> None:
    """Another team's id is denied by the same work as one that is not there: the same look-ups, no vault.

    What could take longer are statements and keys that are opened. Seconds are not compared: a busy machine
    makes them differ.
    """
    team = await make_team(stage)
    await stage.store_key(team)
    eve, mine = stage.token("eve"), stage.token("olga")
    path = "api/v1/workspaces/{}/keys"
    for token, workspace in ((eve, team), (mine, team)):  # what is looked up once a process
        await stage.ask("GET", path.format(workspace), token)

    work: dict[str, list[str]] = {}
    for name, token, workspace in (
        ("there", eve, team), ("nowhere", eve, "ab" * 16), ("mine", mine, team),
    ):  # fmt: skip
        with statements_of(stage) as work[name]:
            status, _ = await stage.ask("GET", path.format(workspace), token)
        assert status == (200 if name == "mine" else 404)

    assert work["there"] == work["nowhere"] != []
    assert work["mine"] != work["there"]  # the control: what a key takes is seen


def test_a060_no_setting_lets_a_removed_member_stay_for_a_minute(tmp_path: Path) -> None:
    """The hub's word kept as long as can be set, and a look at running calls after it → within 60 s."""
    from assay_nb.errors import WrongUsage

    file = tmp_path / "gateway.toml"
    file.write_text("[hub]\ncache_seconds = 45")
    longest = load_settings({"config": str(file)}).hub.cache_seconds
    file.write_text("[hub]\ncache_seconds = 45.1")
    with pytest.raises(WrongUsage):
        load_settings({"config": str(file)})

    assert longest + WATCH_SECONDS < 60


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("{0}", {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}),
        ("{0}?_method=DELETE", {}),
        ("/{0}", {}),
        ("./{0}", {}),
        ("x/../{0}", {}),
        ("x/%2e%2e/{0}", {}),
        ("{0}%2f", {}),
        ("{0}/", {}),
        ("{0};x=1", {}),
        ("{0}%00", {}),
        ("%61pi/v1/workspaces/{1}/keys/anthropic", {}),
        ("{0}", {"X-Original-URL": PREFIX + "health", "X-Rewrite-URL": PREFIX + "health"}),
        ("{0}", {"X-Forwarded-Prefix": "/other", "X-Forwarded-Host": "evil.example"}),
        ("{0}", {"X-Forwarded-User": "olga", "X-Forwarded-For": "127.0.0.1"}),
        ("{0}", {"Host": "hub/#"}),
        ("{0}", {"Host": "evil.example", "Forwarded": "host=hub;proto=https"}),
        ("health/../{0}", {}),
        ("static/..%2f{0}", {}),
    ],
)
async def test_a062_no_spelling_of_a_request_gets_past_the_guard(
    stage: Stage, path: str, headers: dict[str, str]
) -> None:
    """Host, X-Forwarded-*, double slash, %2e%2e, method override → refused, or not there; never done."""
    team = await make_team(stage)
    await stage.store_key(team)
    line = path.format(f"api/v1/workspaces/{team}/keys/anthropic", team)

    for method, token in (
        ("DELETE", stage.token("olga")),
        ("DELETE", ""),
        ("GET", stage.token("olga")),
    ):
        answer = await by_hand(stage, f"{method} {PREFIX}{line} HTTP/1.1", token, headers)
        assert re.match(rb"HTTP/1.[01] 4\d\d", answer), answer[:200]

    assert len(await run_sync(stage.services.resources.vault.find_keys, bytes.fromhex(team))) == 1


async def by_hand(stage: Stage, line: str, token: str, headers: dict[str, str]) -> bytes:
    """Send a request exactly as it is written, and return the answer."""
    host, _, port = stage.origin.removeprefix("http://").partition(":")
    given = {"Host": f"{host}:{port}", "Connection": "close"} | headers
    if token:
        given["Authorization"] = f"Bearer {token}"
    head = line + "\r\n" + "".join(f"{name}: {value}\r\n" for name, value in given.items())
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"{head}\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return answer


async def test_a063_what_is_told_of_keys_does_not_show_that_two_are_equal(stage: Stage) -> None:
    """One key in two workspaces → what the API tells of them has the last four characters in common."""
    key = make_canary("anthropic")
    one, other = await make_team(stage, name="one"), await make_team(stage, name="other")
    told = []
    for team in (one, other):
        await stage.store_key(team, "anthropic", key)
        (facts,) = [
            one
            for one in (
                await stage.ask("GET", f"api/v1/workspaces/{team}/keys", stage.token("olga"))
            )[1]
            if one["provider"] == "anthropic"
        ]
        told.append(facts)

    assert "fingerprint" not in str(told)
    long = re.compile(r"[0-9a-zA-Z+/=_-]{16,}")
    assert not long.findall(str(told).replace(stage.fake.endpoint("anthropic"), ""))


async def test_a064_a_workspace_deleted_during_a_stream_takes_its_key_along(
    stage: Stage, fake: FakeProviders
) -> None:
    """Deleted while another SDK's stream runs → cut, told why; restored → the key is not there."""
    team = await make_team(stage, "olga", "mia")
    await stage.store_key(team)
    owner, token = await stage.sign_in("olga"), stage.token("mia")
    fake.answers("early", "late", fault="stall", fault_after=1)
    url = f"{stage.url}providers/{team}/anthropic/v1/messages"
    headers = {"x-api-key": token}

    async with stage.http.post(url, json={**CHAT, "stream": True}, headers=headers) as response:
        seen = b""
        while b"early" not in seen:
            seen += await asyncio.wait_for(response.content.readany(), 5)
        status, _ = await stage.ask("DELETE", f"api/v1/workspaces/{team}", headers=owner)
        rest = await asyncio.wait_for(response.content.read(), 5)
    after, _ = await stage.ask("POST", url.removeprefix(stage.url), token, body=CHAT)
    restored, _ = await stage.ask("POST", "api/v1/restored", headers=owner, body={"name": "team"})
    later, _ = await stage.ask("POST", url.removeprefix(stage.url), token, body=CHAT)

    assert status == restored == 200
    assert b"deleted" in rest
    assert await run_sync(only(fake.calls).closed.wait, 5)
    assert (after, later) == (404, 409)


async def test_a064_the_last_owner_cannot_become_less(stage: Stage) -> None:
    """The only owner steps down, is taken out by an admin, or hands over to a stranger → refused."""
    team = await make_team(stage, "olga", "adam")
    olga, adam = await stage.sign_in("olga"), await stage.sign_in("adam")
    members = f"api/v1/workspaces/{team}/members"
    raised = await stage.ask("PATCH", f"{members}/adam", headers=olga, body={"role": "admin"})
    assert raised[0] == 200

    tried = [
        await stage.ask("PATCH", f"{members}/olga", headers=olga, body={"role": "member"}),
        await stage.ask("DELETE", f"{members}/olga", headers=adam),
        await stage.ask("PATCH", f"{members}/olga", headers=adam, body={"role": "member"}),
        await stage.ask("PATCH", f"{members}/adam", headers=adam, body={"role": "owner"}),
        await stage.ask(
            "POST", f"api/v1/workspaces/{team}/owner", headers=olga, body={"user": "stranger"}
        ),
    ]

    assert all(400 <= status < 500 for status, _ in tried), tried
    found = await run_sync(stage.services.resources.workspaces.members, "olga", team)
    assert {one.user: one.role for one in found} == {"olga": "owner", "adam": "admin"}


_SQL = (
    "' OR '1'='1",
    "'; DROP TABLE provider_keys; --",
    "\\'; SELECT pg_sleep(9); --",
    "%27%20OR%201=1",
)


async def test_a065_sql_where_nobody_has_been_let_in_yet(stage: Stage) -> None:
    """Quotes and statements as tokens, cookies, states of a sign-in, hosts → 4xx, and all is there."""
    team = await make_team(stage)
    await stage.store_key(team)
    for text in _SQL:
        quoted = text.replace(" ", "%20").replace("'", "%27").replace(";", "%3B")
        answers = [
            await stage.ask("GET", "api/v1/me", headers={"Authorization": f"Bearer {text}"}),
            await stage.ask("GET", "api/v1/me", headers={"Authorization": text}),
            await stage.ask("GET", "api/v1/me", headers={"Cookie": f"assay-session={quoted}"}),
            await stage.ask("GET", f"oauth_callback?code={quoted}&state={quoted}"),
            await stage.ask("GET", f"static/{quoted}"),
            await stage.ask(
                "POST",
                f"providers/{quoted}/anthropic/v1/messages",
                body=CHAT,
                headers={"x-api-key": text},
            ),
        ]
        assert all(400 <= status < 500 for status, _ in answers), (text, answers)

    assert len(await run_sync(stage.services.resources.vault.find_keys, bytes.fromhex(team))) == 1


# --- where to


_STEERING = (
    "base_url",
    "api_base",
    "extra_body",
    "user_config",
    "litellm_embedding_config",
    "headers",
)


@pytest.mark.parametrize("depth", range(1, 6))
@pytest.mark.parametrize("field", _STEERING)
async def test_a066_no_field_of_a_call_chooses_where_it_goes(
    stage: Stage, fake: FakeProviders, field: str, depth: int
) -> None:
    """An address in an instrument's body, one to five deep → an unknown field; nobody is called."""
    await stage.kernel("ada", key="anthropic")
    with FakeProviders() as evil:
        value: Any = {"x-api-key": "x"} if field == "headers" else evil.origin
        body: dict[str, Any] = {field: value}
        for _ in range(depth - 1):
            body = {"extra": body}
        sent = {"prompt": PROMPT, **body} if depth == 1 else {"prompt": PROMPT, "options": body}

        status, answer = await stage.ask("POST", RUN.format("-"), stage.token("ada"), body=sent)

        assert status == 400, answer
        assert evil.connections == set()
        assert fake.calls == []


@pytest.mark.parametrize("url", REFUSED_URLS)
async def test_a067_gateway_stores_no_key_for_a_url_that_reads_two_ways(
    stage: Stage, fake: FakeProviders, url: str
) -> None:
    """The whole table of URLs, by the API and by the page → refused, and nothing is stored."""
    team, olga = await make_team(stage), await stage.sign_in("olga")
    if url.endswith("\n"):
        url += "x"  # ends are stripped, as a paste from a page has them
    body = {"key": make_canary("openai"), "endpoint": url, "check": False}

    status, answer = await stage.ask(
        "PUT", f"api/v1/workspaces/{team}/keys/openai", headers=olga, body=body
    )

    assert 400 <= status < 500, answer
    assert not find_canary(str(answer) + "".join(stage.lines), body["key"])
    assert await run_sync(stage.services.resources.vault.find_keys, bytes.fromhex(team)) == []


async def test_a067_control_a_listed_url_is_stored(stage: Stage, fake: FakeProviders) -> None:
    """Positive control: the same request with an origin on the operator's list."""
    team, olga = await make_team(stage), await stage.sign_in("olga")
    body = {"key": make_canary("openai"), "endpoint": fake.endpoint("openai"), "check": False}

    path = f"api/v1/workspaces/{team}/keys/openai"
    assert (await stage.ask("PUT", path, headers=olga, body=body))[0] == 200


async def test_a070_another_endpoint_takes_the_key_anew(stage: Stage, fake: FakeProviders) -> None:
    """A base URL without a key → refused, the old one stays; with one → the old envelope is gone."""
    team, olga = await make_team(stage), await stage.sign_in("olga")
    old, new = await stage.store_key(team, "openai"), make_canary("openai")
    path, vault = f"api/v1/workspaces/{team}/keys/openai", stage.services.resources.vault

    def envelope() -> bytes:
        from sqlalchemy import text

        with stage.services.resources.database.read() as connection:
            return connection.execute(text("SELECT envelope FROM provider_keys")).scalar_one()

    before = await run_sync(envelope)
    elsewhere = fake.endpoint("openai") + "/other"
    for body in ({"endpoint": elsewhere}, {"endpoint": elsewhere, "key": ""}):
        assert (await stage.ask("PUT", path, headers=olga, body=body))[0] == 400
    assert await run_sync(envelope) == before

    body = {"endpoint": elsewhere, "key": new, "check": False}
    assert (await stage.ask("PUT", path, headers=olga, body=body))[0] == 200
    with await run_sync(vault.open_key, bytes.fromhex(team), "openai") as opened:
        assert bytes(opened.secret.reveal()).decode() == new != old
    file = stage.services.settings.home / "vault.sqlite"
    await run_sync(partial(vault.remove_key, bytes.fromhex(team), "openai", actor="olga"))
    kept = b"".join(part.read_bytes() for part in file.parent.glob("vault.sqlite*"))
    assert before not in kept


async def test_a071_old_tls_fails_before_the_key_is_opened(tmp_path: Path) -> None:
    """TLS 1.1 on the way of the pass-through → error, and the key stays sealed."""
    authority = Authority(tmp_path)
    contexts = bad_contexts(authority)
    if "TLS 1.1" not in contexts:
        pytest.skip("This OpenSSL cannot serve TLS 1.1.")
    with FakeProviders(tls=contexts["TLS 1.1"]) as listener:
        policy = OperatorPolicy.from_urls([listener.origin])
        origin = listener.origin
        upstream = Upstream(
            policy=policy,
            vet=make_vet(policy),
            egress=Egress(ca_file=authority.file),
            connections=1,
        )
        await upstream.open()
        errand = UpstreamRequest(
            make_credential(Destination("openai", f"{origin}/v1", origin, "bearer"))
        )
        try:
            with pytest.raises(ProviderUnavailable):
                await upstream.send(errand, "GET", f"{origin}/v1/models", headers={}, body=None)
        finally:
            await upstream.close()

        assert not errand.sent
        assert listener.calls == []


async def test_a072_test_route_is_limited_and_quotes_nobody(make_stage: Any) -> None:
    """The API's test of a key: the same client, no body of the provider's, as often as calls."""
    stage: Stage = await make_stage(limits={"calls_per_minute": 3})
    team, olga = await make_team(stage), await stage.sign_in("olga")
    key = await stage.store_key(team, "openai")
    path = f"api/v1/workspaces/{team}/keys/openai/test"
    told: list[tuple[int, Any]] = []
    for fault in ("echo_error", "html", "echo_header", None):
        stage.fake.answers("x", fault=fault)
        told.append(await stage.ask("POST", path, headers=olga, body={}))

    assert len(stage.fake.calls) == 3
    assert told[-1][0] == 429
    assert {call.key for call in stage.fake.calls} == {key}
    assert not find_canary(str(told) + "".join(stage.lines), key)
    assert "guest network" not in str(told)


# --- how much


class EndlessHeaders:
    """A provider that begins to answer and never comes to the end of its headers."""

    async def __aenter__(self) -> EndlessHeaders:
        self.server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self.sent = 0
        self.closed = asyncio.Event()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                line = b"X-%d: %s\r\n" % (self.sent, b"y" * 1000)
                writer.write(line)
                await writer.drain()
                self.sent += len(line)
        self.closed.set()
        writer.close()


async def test_a081_headers_without_end_are_cut(make_stage: Any) -> None:
    """A response whose headers never end → cut after some, the slot is free, for every way out."""
    async with EndlessHeaders() as evil:
        stage: Stage = await make_stage(allow_origins=(evil.origin,))
        token = stage.token("ada")
        workspace = (await stage.ask("GET", "api/v1/me", token))[1]["workspaces"][0]["id"]
        vault = stage.services.resources.vault
        destination = Destination("anthropic", evil.origin, evil.origin, "bearer")

        def save() -> None:
            from assay_nb.vault.secret import SecretBytes

            with SecretBytes(make_canary("anthropic").encode()) as secret:
                vault.save_key(
                    bytes.fromhex(workspace), destination, secret, added_by="ada", verified=True
                )

        await run_sync(save)
        began = evil.sent

        passed = await asyncio.wait_for(
            stage.ask("POST", "providers/-/anthropic/v1/messages", token, body=CHAT), 20
        )
        after_passing = evil.sent - began
        asked = await asyncio.wait_for(
            stage.ask("POST", RUN.format("-"), token, body={"prompt": PROMPT}), 20
        )

        assert passed[0] in {502, 503}
        assert "provider_unavailable" in str(asked)
        assert after_passing < 2**22
        assert stage.services.limiter.running == 0
        assert len(stage.services.active_calls) == 0


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["gzip_bomb", "flood", "drip", "stall", "stall_headers"])
async def test_a081_what_never_ends_is_cut_and_its_slot_is_free(
    make_stage: Any, fake: FakeProviders, fault: str
) -> None:
    """Gzip bomb, endless SSE, a drip, silence, silence before the headers → cut, passed through or asked."""
    stage: Stage = await make_stage(limits={"call_seconds": 1})
    member = await join(stage, "anthropic")
    fake.answers("x", fault=fault)

    async def listen() -> None:
        with contextlib.suppress(Exception):
            async with open_stream(member, "anthropic") as response:
                async for _ in response.content.iter_any():
                    pass

    await asyncio.wait_for(listen(), 10)
    await until(lambda: stage.services.limiter.running == 0)
    answer = await asyncio.wait_for(
        stage.ask("POST", RUN.format("-"), member.token, body={"prompt": PROMPT}), 15
    )

    assert "finished" not in str(answer)
    assert stage.services.limiter.running == 0
    assert len(stage.services.active_calls) == 0


async def test_a081_headers_without_end_are_cut_for_the_sdks_too() -> None:
    """The same server behind an SDK → an error, not memory without end."""
    async with EndlessHeaders() as evil, Egress(limits=Limits(idle=5, connect=2)) as egress:
        with FakeProviders() as unused:
            destination = Destination("anthropic", evil.origin, evil.origin, "bearer")
            events = await asyncio.wait_for(
                ask("anthropic", egress, unused, make_canary("anthropic"), destination), 20
            )

        assert isinstance(events[-1], ProviderUnavailable)
        await asyncio.wait_for(evil.closed.wait(), 5)
        assert evil.sent < 2**22


def has_room(stage: Stage) -> bool:
    """Say whether the log of calls takes another call."""
    try:
        stage.services.resources.calls.check_room()
    except StoreUnavailable:
        return False
    return True


@pytest.mark.slow
async def test_a084_no_call_begins_while_the_log_of_calls_cannot_be_written(
    stage: Stage, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk takes nothing more → calls are refused on every way; when it does, nothing is missing."""
    member = await join(stage, "anthropic")
    fake.answers(critique())
    write = call_rows.write_calls

    def full(connection: Any, *what: Any) -> None:
        raise StoreUnavailable("The database cannot be written: the disk is full.")

    async def calls() -> list[tuple[int, str]]:
        answers = await asyncio.gather(
            stage.ask("POST", RUN.format("-"), member.token, body={"prompt": PROMPT}),
            ask_raw(member, "anthropic", "v1/messages", {"model": "m"}),
        )
        return [(status, str(text)) for status, text in answers]

    async def written(number: int) -> list[str]:
        listed: list[str] = []
        async with asyncio.timeout(60):
            while len(listed) < number:
                _, log = await stage.ask("GET", "api/v1/workspaces/-/calls", member.token)
                listed = sorted(one["instrument"] for one in log)
        return listed

    monkeypatch.setattr(call_rows, "write_calls", full)
    first = await calls()  # begun before anybody knows; their records wait
    await until(lambda: sum("CallsUnwritten" in line for line in stage.lines) >= 2)
    refused = await calls()
    made = len(fake.calls)
    monkeypatch.setattr(call_rows, "write_calls", write)
    await written(2)
    await until(lambda: has_room(stage))  # the lines are there a moment before the gateway knows
    last = await calls()
    listed = await written(4)

    assert [status for status, _ in first + last] == [200] * 4
    assert [status for status, _ in refused] == [503, 503]
    assert all("calls log cannot be written" in text for _, text in refused)
    assert made == 2
    assert listed == ["critique", "critique", "pass-through", "pass-through"]


# --- keys that change meanwhile


async def test_a097_rotation_fails_no_call_that_runs_through_the_gateway(
    make_stage: Any, fake: FakeProviders
) -> None:
    """Two master rotations by another process's vault while 100 callers call → every call is answered."""
    stage: Stage = await make_stage(limits={"calls_per_minute": 10_000, "calls_at_once": 1_000})
    member = await join(stage, "openai")
    resources = stage.services.resources

    def rotate() -> None:
        database = Database.open(stage.services.settings.home / "vault.sqlite")
        vault = Vault.open(database, KeyFile(stage.services.settings.home / "master.key"))
        vault.rotate_master()
        vault.rotate_master()
        database.close()

    async def call() -> int:
        return (await ask_raw(member, "openai", "responses", {"model": "m"}))[0]

    async def calls() -> list[int]:
        found: list[int] = []
        for _ in range(10):
            found += await asyncio.gather(*(call() for _ in range(10)))
        return found

    statuses, _ = await asyncio.gather(calls(), run_sync(rotate))

    assert statuses == [200] * 100
    assert {one.key for one in fake.calls} == {member.key}
    states = [one.state for one in await run_sync(resources.vault.master_status)]
    assert states.count("active") == 1


# --- what it is made of


LOADED = """
import asyncio, sys
before = set(sys.modules)
import assay_nb.gateway.process.main, assay_nb.gateway.process.server, assay_nb.gateway.http.app
import assay_nb.gateway.proxy.handler, assay_nb.gateway.proxy.upstream, assay_nb.gateway.handlers.table
print([name for name in sys.modules if name.split(".")[0] in
    {"anthropic", "openai", "google", "litellm", "langchain", "IPython", "ipywidgets", "jupyterhub"}])
"""


@pytest.mark.slow
def test_a105_the_gateway_is_imported_without_any_sdk() -> None:
    """`import` of the service with all its routes → no provider's SDK, no litellm, no IPython."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=60
    )

    assert json.loads(done.stdout.replace("'", '"')) == []


ALLOWED_PTH: frozenset[str] = frozenset()
"""Files that Python runs at every start, of what the gateway needs: there are none."""


@pytest.mark.slow
def test_a105_nothing_that_the_gateway_needs_runs_at_every_start_of_python() -> None:
    """A dependency that brings a `.pth` file, as a credential stealer once did → noticed here."""
    needed = _needed("assay-nb", "hub")

    assert {"aiohttp", "cryptography", "sqlalchemy", "uvloop", "prometheus-client"} <= needed
    assert not {"litellm", "langchain", "langchain-core"} & needed
    assert _pth_files(needed) == ALLOWED_PTH


def test_a105_control_a_pth_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Positive control: a distribution that has one."""
    planted = tmp_path / "evil-1.0.dist-info"
    planted.mkdir()
    (planted / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (planted / "RECORD").write_text("evil_init.pth,,\nevil-1.0.dist-info/METADATA,,\n")
    (tmp_path / "evil_init.pth").touch()
    monkeypatch.syspath_prepend(str(tmp_path))

    assert _pth_files({"evil"}) == {"evil_init.pth"}


LOCK = Path(__file__).parents[2] / "examples" / "hub" / "requirements.lock"


def test_a105_the_lock_file_has_a_hash_for_all_that_the_gateway_needs() -> None:
    """A dependency that is not in the lock file, or in a version that does not fit → noticed here."""
    locked = _locked(LOCK.read_text())
    unfit = [
        str(one)
        for one in _requirements("assay-nb", "hub")
        if not one.specifier.contains(locked.get(_normal(one.name), "0"), prereleases=True)
    ]

    assert len(locked) > 100
    assert unfit == []


def test_a105_control_an_entry_without_a_hash_counts_as_missing() -> None:
    """Positive control: an entry whose hash was taken out, and one for another system."""
    text = (
        "a==1 \\\n    --hash=sha256:" + "0" * 64 + "\n"
        "b==2\n"
        "c==3 ; sys_platform == 'plan9' \\\n    --hash=sha256:" + "0" * 64 + "\n"
    )

    assert _locked(text) == {"a": "1"}


def _locked(text: str) -> dict[str, str]:
    """Return the versions that a lock file has for this interpreter, of entries that have a hash."""
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=[a-z])", text):
        head, *hashes = entry.replace("\\\n", "\n").split("\n    ")
        if not head[:1].isalpha():
            continue
        one = Requirement(head.strip())
        proven = hashes and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}\s*", h) for h in hashes)
        if proven and (one.marker is None or one.marker.evaluate()):
            (pin,) = one.specifier
            found[_normal(one.name)] = pin.version
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _needed(name: str, extra: str) -> set[str]:
    """Return the names of all distributions that one needs, with an extra of its own."""
    return {_normal(one.name) for one in _requirements(name, extra)}


def _requirements(name: str, extra: str) -> list[Requirement]:
    """Return what a distribution with an extra requires, and what that requires in turn."""
    found: set[tuple[str, str]] = set()
    requirements: list[Requirement] = []
    waiting = [(name, extra)]
    while waiting:
        name, extra = waiting.pop()
        normal = _normal(name)
        if (normal, extra) in found:
            continue
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            required = importlib.metadata.requires(name) or []
            found.add((normal, extra))
            for one in map(Requirement, required):
                if one.marker is None or one.marker.evaluate({"extra": extra}):
                    requirements.append(one)
                    waiting += [(one.name, more) for more in (one.extras or {""})]
    return requirements


def _pth_files(names: set[str]) -> set[str]:
    files = (importlib.metadata.files(name) or [] for name in names)
    return {file.name for group in files for file in group if file.suffix == ".pth"}


async def test_a106_a_database_on_a_network_file_system_is_refused(
    make_stage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`home` on NFS → the gateway does not come up, and says that this is why."""
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"31 25 0:40 / {tmp_path} rw - nfs4 server:/export rw\n")
    monkeypatch.setattr("assay_nb.store.files._MOUNTINFO", mountinfo)

    with pytest.raises(StoreUnavailable, match="network file system"):
        await make_stage()


async def test_a046_a_sealed_vault_does_not_say_where_its_key_would_be(
    stage: Stage, fake: FakeProviders
) -> None:
    """A master key that the gateway does not have → `vault_sealed`, without a place of the gateway's."""
    member = await join(stage, "anthropic")
    home = stage.services.settings.home

    def rotate_elsewhere() -> None:
        (home / "other.key").write_bytes((home / "master.key").read_bytes())
        (home / "other.key").chmod(0o600)
        database = Database.open(home / "vault.sqlite")
        Vault.open(database, KeyFile(home / "other.key")).rotate_master()
        database.close()

    await run_sync(rotate_elsewhere)

    answers = [
        await stage.ask("POST", RUN.format("-"), member.token, body={"prompt": PROMPT}),
        await ask_raw(member, "anthropic", "v1/messages", {"model": "m"}),
    ]

    assert all("vault_sealed" in str(answer) for _, answer in answers)
    assert str(home) not in str(answers)
    assert fake.calls == []


def test_a041_the_unit_hands_its_secrets_over_as_files() -> None:
    """`systemctl show`, D-Bus, the unit's text → names of files, and no secret or variable for one."""
    unit = (Path(__file__).parents[2] / "examples/hub/assay-nb-gateway.service").read_text()

    assert "LoadCredential=assay-master-key:" in unit
    assert "LoadCredential=assay-hub-token:" in unit
    for line in unit.splitlines():
        if line.startswith(("Environment", "PassEnvironment", "SetCredential")):
            assert not re.search(r"KEY=|TOKEN=|SetCredential", line), line


def test_every_attack_on_the_gateway_has_a_test() -> None:
    numbers = [
        15, *range(38, 42), 44, *range(46, 49), *range(55, 73), *range(80, 95), *range(96, 99),
        *range(100, 107),
    ]  # fmt: skip
    tests = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))

    assert [n for n in numbers if f"def test_a{n:03d}_" not in tests] == []
