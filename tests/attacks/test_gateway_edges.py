"""Attacks on the gateway's edges: what a request names, what a reply's head holds, who is still signed in."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from anyio.to_thread import run_sync

from assay_nb.engine.local.people import forget_person
from assay_nb.errors import PermissionDenied, ProviderUnavailable, StoreUnavailable, WrongUsage
from assay_nb.gateway.auth.ended_sessions import EndedSessions, forget_old_sessions
from assay_nb.gateway.handlers.table import ROUTES
from assay_nb.gateway.http.responses import NotSignedIn
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.proxy.model_list import check_body_models
from assay_nb.gateway.proxy.target import Target
from assay_nb.gateway.services import make_services
from assay_nb.gateway.settings import Settings
from assay_nb.messages import Destination
from assay_nb.providers.transport import Egress
from assay_nb.store import person_rows
from assay_nb.store.tables import metadata
from assay_nb.vault.secret import SecretBytes
from tests.attacks.test_egress import ask
from tests.canaries import find_canary, make_canary
from tests.fakes.providers import FakeProviders, only
from tests.fakes.providers_client import text_of
from tests.gateway.conftest import make_stage, stage
from tests.gateway.members import Member, join
from tests.gateway.stage import SECRET, Stage

__all__ = ["make_stage", "stage"]

pytestmark = pytest.mark.anyio

LISTED = ("openai/gpt-x", "anthropic/claude-haiku*", "google/gemini-x")


async def send(
    member: Member, provider: str, path: str, body: bytes, kind: str = "application/json"
) -> int:
    """Return the status of a request, sent byte by byte as it is given."""
    headers = {"Authorization": f"Bearer {member.token}", "Content-Type": kind}
    url = f"{member.base(provider)}/{path}"
    async with member.stage.http.post(url, data=BytesIO(body), headers=headers) as response:
        await response.read()
        return response.status


# --- a112: models beside the one that is looked at

FRAME = "multipart/form-data; boundary=frame"
LINES = b'{"custom_id": "1", "body": {"model": "%s"}}\n'


def batch_form(model: bytes) -> bytes:
    head = b"--frame\r\nContent-Disposition: form-data; "
    return (
        head
        + b'name="purpose"\r\n\r\nbatch\r\n'
        + head
        + b'name="file"; filename="b.jsonl"\r\n\r\n'
        + LINES % b"gpt-x"
        + LINES % model
        + b"\r\n--frame--\r\n"
    )


@pytest.mark.parametrize(
    ("provider", "path", "body"),
    [
        ("openai", "chat/completions", {"model": "gpt-x", "models": ["gpt-dear"]}),
        ("openai", "chat/completions", {"model": "gpt-x", "fallbacks": [{"model": "gpt-dear"}]}),
        ("openai", "responses", {"model": "gpt-x", "tools": [{"type": "t", "model": "gpt-dear"}]}),
        ("openai", "responses?model=gpt-dear", {"model": "gpt-x"}),
        ("openai", "chat/completions/models/gpt-x", {"model": "gpt-dear"}),
        ("openai", "batches", {"model": "gpt-x", "input_file_id": "file-1"}),
        ("openai", "batches", {"input_file_id": "file-1"}),
        (
            "anthropic",
            "v1/messages/batches",
            {"model": "claude-haiku-x", "requests": [{"params": {"model": "claude-opus"}}]},
        ),
        ("google", "v1beta/models/gemini-x:batchEmbed", {"requests": [{"model": "models/dear"}]}),
        ("google", "v1beta/openai/chat/completions/models/gemini-x", {"model": "gemini-dear"}),
    ],
)
async def test_a112_forbidden_model_beside_an_allowed_one_is_refused(
    provider: str, path: str, body: Any, make_stage: Any, fake: FakeProviders
) -> None:
    """A request names a forbidden model anywhere beside an allowed one → 403, nothing sent on."""
    member = await join(await make_stage(allow_models=LISTED), provider)

    status = await send(member, provider, path, json.dumps(body).encode())

    assert (status, fake.calls) == (403, [])


@pytest.mark.parametrize(
    ("provider", "path", "body"),
    [
        ("openai", "chat/completions", {"model": "gpt-x", "models": ["gpt-x"]}),
        ("openai", "responses", {"model": "gpt-x", "tools": [{"type": "t", "model": "gpt-x"}]}),
        (
            "anthropic",
            "v1/messages/batches",
            {"requests": [{"params": {"model": "claude-haiku-x"}}]},
        ),
        ("google", "v1beta/models/gemini-x:generateContent", {"contents": []}),
    ],
)
async def test_a112_control_the_same_request_for_listed_models_is_sent(
    provider: str, path: str, body: Any, make_stage: Any, fake: FakeProviders
) -> None:
    member = await join(await make_stage(allow_models=LISTED), provider)

    await send(member, provider, path, json.dumps(body).encode())

    assert only(fake.calls).body == body


@pytest.mark.parametrize(("model", "sent"), [(b"gpt-dear", 0), (b"gpt-x", 1)])
async def test_a112_file_of_requests_is_read_line_by_line(
    model: bytes, sent: int, make_stage: Any, fake: FakeProviders
) -> None:
    """A batch's file names a forbidden model in one line → refused; the control names none and is sent."""
    member = await join(await make_stage(allow_models=LISTED), "openai")

    status = await send(member, "openai", "files", batch_form(model), FRAME)

    assert len(fake.calls) == sent
    assert (status == 403) is (sent == 0)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a112_method_without_a_body_hides_no_model(
    method: str, make_stage: Any, fake: FakeProviders
) -> None:
    """A body whose meaning no standard states (RFC 9110, 9.3.1) is refused; the control has none and is sent."""
    member = await join(await make_stage(allow_models=LISTED), "openai")
    headers = {"Authorization": f"Bearer {member.token}"}
    url = member.base("openai") + "/responses/resp_1"

    statuses: list[int] = []
    for body in ({"model": "gpt-dear"}, None):
        asked = member.stage.http.request(method, url, json=body, headers=headers)
        async with asked as response:
            statuses.append(response.status)

    assert statuses[0] == 400
    assert not only(fake.calls).body


# --- a113: bodies that take long to read


async def test_a113_body_that_has_to_be_read_is_bounded(
    make_stage: Any, fake: FakeProviders
) -> None:
    """26 MiB of numbers under a list → refused from its length alone; without a list it is passed on."""
    body = b'{"model":"gpt-x","a":[' + b"1e9," * 6_500_000 + b"1]}"
    member = await join(await make_stage(allow_models=LISTED), "openai")

    assert await send(member, "openai", "responses", body) == 413
    assert fake.calls == []


async def test_a113_control_without_a_list_the_same_body_is_passed_on(
    stage: Stage, fake: FakeProviders
) -> None:
    member = await join(stage, "openai")
    body = b'{"model":"gpt-x","a":[' + b"1e9," * 6_500_000 + b"1]}"

    await send(member, "openai", "responses", body)

    assert len(fake.calls) == 1


async def test_a113_body_without_a_length_is_bounded_as_it_comes(
    make_stage: Any, fake: FakeProviders
) -> None:
    member = await join(
        await make_stage(allow_models=LISTED, limits={"checked_body": 1_000}), "openai"
    )

    async def pieces() -> Any:
        for _ in range(50):
            yield b" " * 100

    with_length = await send(member, "openai", "responses", b" " * 1_001)
    headers = {"Authorization": f"Bearer {member.token}", "Content-Type": "application/json"}
    url = member.base("openai") + "/responses"
    async with member.stage.http.post(url, data=pieces(), headers=headers) as response:
        assert (with_length, response.status) == (413, 413)
    assert fake.calls == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"model":"gpt-x","a":[' + b"1e9," * 900_000 + b"1]}", id="numbers"),
        pytest.param(b'{"model":"gpt-x","a":' + b"[" * 3_000_000, id="depth"),
        pytest.param(b'{"model":"gpt-x","a":[' + b'{"b":"c"},' * 20_000 + b"1]}", id="names"),
    ],
)
async def test_a113_others_have_their_turn_while_a_body_is_read(body: bytes) -> None:
    """Reading megabytes gives way again and again, so nobody waits for the end of it."""
    settings = Settings(allow_models=LISTED)
    there = Destination(
        "openai", "https://api.openai.com/v1", "https://api.openai.com:443", "bearer"
    )
    target = Target("openai", "POST", "responses", "", ())
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    with suppress(PermissionDenied):
        await check_body_models(settings, target, there, "application/json", body)
    counting.cancel()

    assert turns >= len(body) // 65_536


# --- a115 and a116: what an upstream puts into its answer


class RawServer:
    """A provider that answers with the bytes that `answer` makes of the key it was shown."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.answer = answer
        self.keys: list[bytes] = []

    async def __aenter__(self) -> RawServer:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.origin = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"(?i)bearer ([^\r]+)", head)
        assert found is not None
        self.keys.append(found[1])
        with suppress(ConnectionError):
            writer.write(self.answer(found[1]))
            await writer.drain()
        writer.close()


def whole(body: bytes, head: bytes = b"") -> bytes:
    start = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return start + head + b"Content-Length: %d\r\n\r\n" % len(body) + body


async def pass_to(server: RawServer, make_stage: Any) -> tuple[str, int, bytes]:
    """Pass one request to the server; return its key, and the status and every byte of the answer."""
    stage: Stage = await make_stage(allow_origins=(server.origin,))
    token, key = stage.token("ada"), make_canary("openai")
    workspace = (await stage.ask("GET", "api/v1/me", token))[1]["workspaces"][0]["id"]
    there = Destination("openai", server.origin, server.origin, "bearer")

    def save() -> None:
        with SecretBytes(key.encode()) as secret:
            stage.services.resources.vault.save_key(
                bytes.fromhex(workspace), there, secret, added_by="ada", verified=True
            )

    await run_sync(save)
    url = f"{stage.url}providers/-/openai/chat/completions"
    headers = {"Authorization": f"Bearer {token}"}
    async with stage.http.post(url, json={"model": "m"}, headers=headers) as response:
        heard = b"".join(b"%s: %s\n" % pair for pair in response.raw_headers)
        with suppress(aiohttp.ClientError):
            heard += await response.read()
    return key, response.status, heard


HELD: dict[str, Callable[[bytes], bytes]] = {
    "in a header's name": lambda key: whole(b"{}", b"x-ratelimit-%s: 1\r\n" % key),
    "in a header": lambda key: whole(b"{}", b"x-ratelimit-left: %s\r\n" % key),
    "in hex with spaces": lambda key: whole(key.hex(" ").encode()),
    "in hex with colons": lambda key: whole(key.hex(":").upper().encode()),
    "in HTML entities": lambda key: whole("".join(f"&#{byte};" for byte in key).encode()),
    "in hex entities": lambda key: whole("".join(f"&#x{byte:x};" for byte in key).encode()),
    "in UTF-16": lambda key: whole(key.decode().encode("utf-16")),
    "in numbers": lambda key: whole(json.dumps({"key": list(key)}).encode()),
}


@pytest.mark.parametrize("place", HELD)
async def test_a115_key_is_cut_off_in_every_form_that_the_page_names(
    place: str, make_stage: Any
) -> None:
    """The key comes back in a header's name, in separated hex, entities, UTF-16 → nothing of it is relayed."""
    async with RawServer(HELD[place]) as server:
        key, status, heard = await pass_to(server, make_stage)

    assert server.keys == [key.encode()]
    assert status == 502
    assert b"held the key itself" in heard
    assert not find_canary(heard, key)


@pytest.mark.parametrize("place", HELD)
async def test_a115_control_the_same_of_another_key_is_relayed(place: str, make_stage: Any) -> None:
    other = make_canary("openai").encode()
    async with RawServer(lambda _: HELD[place](other)) as server:
        _, status, heard = await pass_to(server, make_stage)

    body = HELD[place](other).partition(b"\r\n\r\n")[2]
    assert status == 200
    assert heard.endswith(body)
    assert (other in heard) is ("header" in place)


SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"
ODD = b"HTTP/1.1 199 Odd\r\n\r\n"


@pytest.mark.parametrize(
    ("before", "status"), [(SWITCHED, 502), (EARLY, 200), (ODD, 200), (EARLY + SWITCHED, 502)]
)
async def test_a116_status_that_is_not_final_is_never_passed_on(
    before: bytes, status: int, make_stage: Any
) -> None:
    """Upstream answers 101 unasked → refused; any other 1xx → skipped, and the answer after it passed on."""
    async with RawServer(lambda _: before + whole(b'{"whole": true}')) as server:
        _, told, heard = await pass_to(server, make_stage)

    assert told == status
    assert (b'{"whole": true}' in heard) is (status == 200)
    assert b"Upgrade" not in heard
    assert b"preload" not in heard


@pytest.mark.parametrize("before", [b"", EARLY, SWITCHED])
async def test_a116_sdk_hears_of_no_switched_protocol(
    before: bytes, egress: Egress, fake: FakeProviders
) -> None:
    """The same under an SDK: 101 ends the call, 103 is skipped, as in the control without either."""
    reply = json.dumps({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]})
    async with RawServer(lambda _: before + whole(reply.encode())) as server:
        there = Destination("openai", server.origin, server.origin, "bearer")
        events = await ask("openai-chat", egress, fake, make_canary("openai"), there)

    assert isinstance(events[-1], ProviderUnavailable) is (before == SWITCHED)
    assert ("hi" in text_of([one for one in events if not isinstance(one, Exception)])) is (
        before != SWITCHED
    )


# --- a119: what is left of a session after its end


def hub_token_in(headers: dict[str, str]) -> str:
    """Return the hub token that whoever has a copy of the cookie can read in it."""
    packed = headers["Cookie"].partition("=")[2].partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(packed))["token"])


@pytest.mark.parametrize("way", ["api/v1/sign-out", "sign-out"])
async def test_a119_cookie_copied_before_sign_out_opens_nothing_after_it(
    way: str, stage: Stage
) -> None:
    """A copied cookie, and the hub token in it, after sign-out → refused, here and at another replica."""
    session, other = await stage.sign_in("ada"), await stage.sign_in("ada")
    copied = {"Cookie": session["Cookie"]}
    token = hub_token_in(session)
    before = [
        (await stage.ask("GET", "api/v1/me", headers=copied))[0],
        (await stage.ask("GET", "api/v1/me", token))[0],
    ]

    form: Any = {"data": {"_xsrf": session["X-XSRFToken"]}} if way == "sign-out" else {}
    ended, _ = await stage.ask("POST", way, headers=session, **form)
    after = [
        (await stage.ask("GET", "api/v1/me", headers=copied))[0],
        (await stage.ask("GET", "api/v1/me", token))[0],
        (await stage.ask("GET", "api/v1/me", headers={"Cookie": other["Cookie"]}))[0],
    ]
    replica = make_services(stage.services.settings, stage.asking, SECRET)
    try:
        assert await replica.has_session_ended(token)
        with pytest.raises(NotSignedIn):
            await replica.identity.identify(token)
    finally:
        await run_sync(replica.resources.database.close)

    assert before == [200, 200]
    assert ended in {200, 303}
    assert after == [401, 401, 200]


async def test_a119_end_of_a_session_holds_no_token(stage: Stage) -> None:
    session = await stage.sign_in("ada")

    await stage.ask("POST", "api/v1/sign-out", headers=session)

    assert stage.services.settings.home is not None
    for file in stage.services.settings.home.glob("vault.sqlite*"):
        assert hub_token_in(session).encode() not in file.read_bytes()


async def test_a119_ends_of_sessions_are_forgotten_when_the_hub_has_ended_them_too(
    stage: Stage,
) -> None:
    database, later = stage.services.resources.database, 61 * 86_400
    await stage.services.has_session_ended("x")
    ended = EndedSessions(database)
    await run_sync(ended.end, "token")
    await run_sync(forget_old_sessions, database)
    assert await run_sync(ended.has_ended, "token")

    await run_sync(forget_old_sessions, database, lambda: time.time() + later)
    assert not await run_sync(ended.has_ended, "token")


# --- a120: a name that is given again


async def give_again(stage: Stage, name: str) -> tuple[dict[str, Any], int, list[dict[str, Any]]]:
    """Return what somebody new finds under a name: their facts, a call's status, and the team's calls log."""
    token = stage.token(name)
    me = (await stage.ask("GET", "api/v1/me", token))[1]
    path = "providers/personal/anthropic/v1/messages"
    status, _ = await stage.ask("POST", path, token, body={"model": "m"})
    return (
        me,
        status,
        (await stage.ask("GET", "api/v1/workspaces/lab/calls", stage.token("olga")))[1],
    )


async def leave_things_behind(stage: Stage, fake: FakeProviders) -> str:
    """Let ada have a key, a team, a limit, a run token and a call; return her hub token's workspace id."""
    member = await join(stage, "anthropic")
    owner = await stage.sign_in("olga")
    _, lab = await stage.ask("POST", "api/v1/workspaces", headers=owner, body={"name": "lab"})
    await stage.store_key(lab["id"], "anthropic")
    await stage.ask(
        "POST",
        "api/v1/workspaces/lab/members",
        headers=owner,
        body={"user": "ada", "role": "owner"},
    )
    await stage.ask("PATCH", "api/v1/workspaces/lab", member.token, body={"active": True})
    await stage.ask(
        "POST", "providers/lab/anthropic/v1/messages", member.token, body={"model": "m"}
    )
    await until_logged(stage, lab["id"])
    stage.hub.revoke(member.token)
    return member.workspace


async def until_logged(stage: Stage, workspace: str) -> None:
    token = stage.token("olga")
    for _ in range(500):
        found = (await stage.ask("GET", f"api/v1/workspaces/{workspace}/calls", token))[1]
        if found and all(one["status"] != "running" for one in found):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("no call was logged")


async def test_a120_name_given_again_inherits_nothing_after_forgetting(
    stage: Stage, fake: FakeProviders
) -> None:
    """The hub gives ada's name to somebody else, after `person forget` → no key, team, choice or history."""
    old = await leave_things_behind(stage, fake)
    resources = stage.services.resources
    done = await run_sync(lambda: forget_person(resources, "ada", actor="(operator)"))

    me, status, calls = await give_again(stage, "ada")

    assert (done.personal, done.teams, done.without_owner, done.calls) == (True, ["lab"], [], 1)
    assert [one["name"] for one in me["workspaces"]] == ["personal"]
    assert me["workspaces"][0]["id"] != old
    assert status == 409
    assert {one["user"] for one in calls} == {done.former}
    stored = await run_sync(lambda: resources.vault.list_keys(bytes.fromhex(old)))
    assert stored == []
    with pytest.raises(WrongUsage):
        await run_sync(lambda: forget_person(resources, "somebody", actor="(operator)"))


async def test_a120_control_without_forgetting_the_name_inherits(
    stage: Stage, fake: FakeProviders
) -> None:
    """What the page warns of: the gateway knows people by their names."""
    old = await leave_things_behind(stage, fake)

    me, status, calls = await give_again(stage, "ada")

    assert {one["name"] for one in me["workspaces"]} == {"personal", "lab"}
    assert old in {one["id"] for one in me["workspaces"]}
    assert status == 200
    assert {one["user"] for one in calls} == {"ada"}


def test_a120_every_table_that_names_people_is_looked_at() -> None:
    """A table with a person's name in it is deleted from or renamed in; a new one has to be put on a list."""
    naming = {table for table in metadata.tables.values() if "user" in table.c}

    assert naming == {*person_rows._OWN, *person_rows._HISTORY}


# --- a128: every route, by somebody who has no business there

OPEN_ROUTES = {"health", "oauth_callback", "static/{name}"}
"""What answers everybody: whether it runs, where the hub sends a browser back to, and the pages' style."""

MEMBERS_OF_ANOTHER = {
    "{workspace}": "lab",
    "{user}": "olga",
    "{provider}": "anthropic",
    "{name}": "anthropic",
}
WALKED = [
    pytest.param(route, method, id=f"{method} {route.path}")
    for route in ROUTES
    for method in (("GET", "POST", "DELETE") if route.method == "*" else (route.method,))
]


def fill_path(path: str) -> str:
    for hole, value in MEMBERS_OF_ANOTHER.items():
        path = path.replace(hole, value)
    return re.sub(r"{\w+(?::[^}]*)?}", "x", path)


@pytest.fixture
async def lab(stage: Stage, fake: FakeProviders) -> str:
    """A team of olga's with a key, which ada is not in; returns the key."""
    owner = await stage.sign_in("olga")
    _, made = await stage.ask("POST", "api/v1/workspaces", headers=owner, body={"name": "lab"})
    return await stage.store_key(made["id"], "anthropic")


@pytest.mark.parametrize(("route", "method"), WALKED)
async def test_a128_route_is_refused_without_authorisation_and_to_another_workspaces_member(
    route: Route, method: str, lab: str, stage: Stage, fake: FakeProviders
) -> None:
    """Nobody; a member of another workspace, by token and by browser → nothing of the team's, and nothing done."""
    path = fill_path(route.path)
    body: Any = {} if method in {"POST", "PUT", "PATCH"} else None
    browser = await stage.sign_in("ada") | {
        "Sec-Fetch-Dest": "document",
        "Sec-Fetch-Mode": "navigate",
    }

    nobody, _ = await stage.ask(method, path, body=body)
    foreign = [
        await stage.ask(method, path, stage.token("ada"), body=body),
        await stage.ask(method, path, headers=browser, body=body),
    ]

    if route.who == "open":
        assert route.path in OPEN_ROUTES or route.path.startswith("api/openapi")
        return
    assert nobody in ({401, 302, 303} if route.who == "page" else {401})
    if "{workspace}" in route.path:
        # A form without a button is answered with a notice, on the way back to the page that is not theirs.
        notice = {303} if route.who == "page" and method == "POST" else set[int]()
        assert {status for status, _ in foreign} <= {400, 403, 404, 405} | notice
    assert not find_canary(json.dumps([told for _, told in foreign]), lab)
    assert "olga" not in str(foreign)
    assert fake.calls == []
    kept = await stage.ask("GET", "api/v1/workspaces/lab", stage.token("olga"))
    assert kept[0] == 200


# --- health, while every call is refused


async def test_health_fails_while_the_calls_log_takes_no_line(
    stage: Stage, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: calls are refused, and a load balancer hears of it; both end by themselves."""
    member = await join(stage, "anthropic")
    path, calls = "providers/personal/anthropic/v1/messages", stage.services.resources.calls

    def full(records: Any) -> None:
        raise StoreUnavailable("The disk is full.")

    async def health() -> tuple[int, str]:
        status, told = await stage.ask("GET", "health")
        return status, told["log"]

    async def becomes(wanted: tuple[int, str]) -> bool:
        for _ in range(500):
            if await health() == wanted:
                return True
            await asyncio.sleep(0.02)
        return False

    before = await health()
    with monkeypatch.context() as patched:
        patched.setattr(calls, "record_all", full)
        await stage.ask("POST", path, member.token, body={"model": "m"})
        assert await becomes((503, "failing"))
        refused, _ = await stage.ask("POST", path, member.token, body={"model": "m"})

    assert before == (200, "ok")
    assert refused == 503
    assert await becomes((200, "ok"))
