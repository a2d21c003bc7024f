"""Who may come in by which route: every route of the table with every kind of caller.

Each route has a row here, by its method and path. A route without one fails, and so does a row
without a route. A row names what the caller of each kind gets; where rows are alike they share one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from anyio.to_thread import run_sync
from sqlalchemy import text

from assay_nb.errors import AssayError
from assay_nb.gateway.handlers.table import ROUTES
from assay_nb.gateway.http.route import Route
from tests.fakes.hub import FakeHub
from tests.fakes.providers import FakeProviders
from tests.gateway.stage import Stage, open_stage
from tests.kernel.replies import PROMPT, critique

pytestmark = pytest.mark.anyio

KINDS = (
    "none", "bad token", "revoked", "no scope", "service", "metrics service",
    "outsider", "hub admin", "foreign owner", "member", "admin", "owner",
    "page outsider", "page member", "page admin", "page owner",
    "page owner, no xsrf", "page owner, other origin", "page owner, null origin", "page owner, lookalike",
    "run", "run elsewhere", "run expired", "run of one taken out",
    "program", "program elsewhere", "program expired", "program of one taken out",
)  # fmt: skip

OK = "ok"


def row(*changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row: nobody without a token, nobody without the scope, no service, no forged page."""
    base: dict[str, Any] = dict.fromkeys(KINDS, OK)
    base |= {"none": 401, "bad token": 401, "revoked": 401, "no scope": 403}
    base |= {"service": 403, "metrics service": 403}
    base |= {kind: 403 for kind in KINDS if kind.startswith("page owner, ")}
    base |= {kind: 403 for kind in KINDS if kind.startswith(("run", "program"))}
    base |= {"run expired": 401, "program expired": 401}
    for change in changes:
        base |= change
    return base


def those(value: Any, kinds: list[str]) -> dict[str, Any]:
    return dict.fromkeys(kinds, value)


_FORGED = [kind for kind in KINDS if kind.startswith("page owner, ")]
_PAGES = [kind for kind in KINDS if kind.startswith("page") and kind not in _FORGED]
_TOKENS = ["outsider", "hub admin", "foreign owner", "member", "admin", "owner"]
_STRANGERS = ["outsider", "hub admin", "foreign owner", "page outsider"]

OPEN = dict.fromkeys(KINDS, OK)
OPERATOR = row(those(403, [*_TOKENS, *_PAGES, *_FORGED]), {"hub admin": OK, "metrics service": OK})
OWN = row(those(OK, _FORGED))
"""What everybody sees of their own; reading needs no XSRF token."""
CHANGE_OWN = row()
MEMBER = row(those(404, _STRANGERS), those(OK, _FORGED))
"""What a member sees of a workspace."""
MEMBER_ACTS = row(those(404, _STRANGERS))
ADMIN_SETS = row(those(404, _STRANGERS), {"member": 403, "page member": 403})
PAGE_OWN = row(those(403, _TOKENS))
PAGE_ADMIN = row(those(403, _TOKENS), {"page outsider": 404, "page member": 403})
PAGE_OWNER = row(those(403, _TOKENS), {"page outsider": 404, "page member": 403, "page admin": 403})
PAGE = row(those(403, _TOKENS), those(OK, _FORGED), {"none": OK})
"""A page to look at. Whoever has not signed in is sent to the hub to do so."""
PAGE_MEMBER = {**PAGE, "page outsider": 404}
FORM = row(those(403, _TOKENS), {"none": OK})
FORM_ADMIN = {**FORM, "page outsider": 404, "page member": 403}
WORKER_ACTS = {**MEMBER_ACTS, "run": OK, "run of one taken out": 404}
"""What the workers of a run may do: with an owner's run token too, this is all."""
PROGRAMS = row(
    those(404, _STRANGERS),
    those(403, [*_PAGES, *_FORGED]),
    {"program": OK, "program of one taken out": 404},
)

PAGE_SETS = {**PAGE, "page outsider": 404, "page member": 403}
"""A page that begins a change."""

_ONE = "api/v1/workspaces/{workspace}"
NAMED = "local"
"""A connection that every workspace here has beside its provider's."""

ROWS: dict[str, Mapping[str, Any]] = {
    "GET health": OPEN,
    "GET api/openapi.json": OPEN,
    "GET metrics": OPERATOR,
    "GET api/v1/me": OWN,
    "GET api/v1/providers": OWN,
    "GET api/v1/workspaces": OWN,
    "POST api/v1/workspaces": CHANGE_OWN,
    f"GET {_ONE}": MEMBER,
    f"GET {_ONE}/standing": MEMBER,
    f"PATCH {_ONE}": ADMIN_SETS,
    f"DELETE {_ONE}": PAGE_OWNER,
    "POST api/v1/restored": row(those(403, _TOKENS), those(404, _PAGES), {"page owner": OK}),
    f"POST {_ONE}/owner": PAGE_OWNER,
    f"GET {_ONE}/members": MEMBER,
    f"POST {_ONE}/members": PAGE_ADMIN,
    f"PATCH {_ONE}/members/{{user}}": PAGE_ADMIN,
    f"DELETE {_ONE}/members/{{user}}": PAGE_ADMIN,
    f"GET {_ONE}/models": MEMBER,
    f"GET {_ONE}/listing": MEMBER,
    f"GET {_ONE}/calls": MEMBER,
    f"PUT {_ONE}/prices": ADMIN_SETS,
    f"GET {_ONE}/allowances": MEMBER,
    f"GET {_ONE}/usage": MEMBER,
    f"PUT {_ONE}/allowances": PAGE_ADMIN,
    f"GET {_ONE}/keys": MEMBER,
    f"GET {_ONE}/keyway": MEMBER,
    f"PUT {_ONE}/keys/{{provider}}": PAGE_ADMIN,
    f"DELETE {_ONE}/keys/{{provider}}": PAGE_ADMIN,
    f"POST {_ONE}/keys/{{provider}}/test": PAGE_ADMIN,
    "GET api/v1/presets": OWN,
    f"GET {_ONE}/connections": MEMBER,
    f"PUT {_ONE}/connections/{{name}}": PAGE_ADMIN,
    f"PATCH {_ONE}/connections/{{name}}": PAGE_ADMIN,
    f"DELETE {_ONE}/connections/{{name}}": PAGE_ADMIN,
    f"POST {_ONE}/connections/{{name}}/test": PAGE_ADMIN,
    f"POST {_ONE}/instruments/{{instrument}}": WORKER_ACTS,
    f"POST {_ONE}/run-tokens": MEMBER_ACTS,
    f"DELETE {_ONE}/run-tokens/{{id}}": MEMBER_ACTS,
    "POST api/v1/run-tokens/extend": {
        **row(those(404, [*_TOKENS, *_PAGES])),
        "owner": OK,
        "page owner": OK,
    },
    "POST api/v1/run-tokens/end": {
        **row(those(404, [*_TOKENS, *_PAGES])),
        "owner": OK,
        "page owner": OK,
    },
    "* providers/{workspace}/{provider}/{path:.*}": PROGRAMS,
    "GET oauth_callback": dict.fromkeys(KINDS, 403),  # nobody has begun to sign in
    "POST api/v1/sign-out": PAGE_OWN,
    "GET ": PAGE,
    "POST ": FORM,
    "GET workspaces/{workspace}": PAGE_MEMBER,
    "POST workspaces/{workspace}": FORM_ADMIN,
    "GET workspaces/{workspace}/keys/{provider}": PAGE_MEMBER,
    "POST workspaces/{workspace}/keys/{provider}": FORM_ADMIN,
    "GET workspaces/{workspace}/connections/{name}": PAGE_MEMBER,
    "POST workspaces/{workspace}/connections/{name}": FORM_ADMIN,
    "GET workspaces/{workspace}/add": PAGE_SETS,
    "GET workspaces/{workspace}/add/{preset}": PAGE_SETS,
    "POST workspaces/{workspace}/add/{preset}": FORM_ADMIN,
    "POST sign-out": FORM,
    "GET static/{name}": OPEN,
}

FORMS: dict[str, dict[str, str]] = {
    "POST ": {"action": "create", "name": "{fresh}"},
    "POST workspaces/{workspace}": {"action": "add-member", "user": "nora"},
    "POST workspaces/{workspace}/keys/{provider}": {"action": "remove"},
    "POST workspaces/{workspace}/connections/{name}": {"action": "rename", "name": "other"},
    "POST workspaces/{workspace}/add/{preset}": {
        "action": "add",
        "name": "added",
        "key": "{key}",
        "endpoint": "{endpoint}",
        "untested": "1",
    },
}

BODIES: dict[str, Any] = {
    "POST api/v1/workspaces": {"name": "{fresh}"},
    f"PATCH {_ONE}": {"model": None},
    "POST api/v1/restored": {"name": "{name}"},
    f"POST {_ONE}/owner": {"user": "mia"},
    f"POST {_ONE}/members": {"user": "nora"},
    f"PATCH {_ONE}/members/{{user}}": {"role": "member"},
    f"PUT {_ONE}/prices": {"model": "openai/gpt-6-luna", "input": 1, "output": 2.5},
    f"PUT {_ONE}/allowances": {"user": "mia", "calls_per_day": 1000},
    f"PUT {_ONE}/keys/{{provider}}": {"key": "{key}", "endpoint": "{endpoint}", "check": False},
    f"PUT {_ONE}/connections/{{name}}": {"key": "{key}", "check": False},
    f"PATCH {_ONE}/connections/{{name}}": {"name": "other"},
    f"POST {_ONE}/instruments/{{instrument}}": {"prompt": PROMPT},
    f"POST {_ONE}/run-tokens": {"seconds": 60},
    "POST api/v1/run-tokens/extend": {"token": "{program}"},
    "POST api/v1/run-tokens/end": {"token": "{program}"},
    "* providers/{workspace}/{provider}/{path:.*}": {
        "model": "claude-sonnet-4-6",
        "max_tokens": 10,
        "messages": [{"role": "user", "content": "Hello"}],
    },
}


class Cast:
    """One gateway, and a caller of every kind."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.headers: dict[str, dict[str, str]] = {}
        self.made = 0
        self.owner = self.max = ""

    async def set_up(self) -> None:
        stage, hub = self.stage, self.stage.hub
        revoked = hub.add("olga")
        tokens = {
            "bad token": "no-such-token",
            "revoked": revoked,
            "no scope": hub.add("olga", scopes=()),
            "service": hub.add("cull", kind="service"),
            "metrics service": hub.add(
                "prometheus",
                kind="service",
                scopes=("access:services!service=assay", "read:metrics"),
            ),
            "outsider": hub.add("otto"),
            "hub admin": hub.add("hugo", admin=True),
            "foreign owner": hub.add("fred"),
            "member": hub.add("mia"),
            "admin": hub.add("adam"),
            "owner": hub.add("olga"),
        }
        self.owner, self.max = tokens["owner"], hub.add("max")
        hub.revoke(revoked)
        self.headers = {kind: {"Authorization": f"Bearer {t}"} for kind, t in tokens.items()}
        self.headers["none"] = {}
        workspaces = stage.services.resources.workspaces
        await run_sync(workspaces.create, "elsewhere", "fred")

    async def show_session(self, kind: str) -> dict[str, str]:
        """Return the headers of a browser that has just signed in: one of the routes ends its session."""
        user = {"outsider": "otto", "member": "mia", "admin": "adam", "owner": "olga"}
        who, _, about = kind.removeprefix("page ").partition(", ")
        headers = await self.stage.sign_in(user[who])
        if about == "no xsrf":
            del headers["X-XSRFToken"]
        elif about:
            headers["Origin"] = {
                "other origin": "https://evil.example",
                "null origin": "null",
                "lookalike": f"{self.stage.origin}.evil.example",
            }[about]
        return headers

    async def make_workspace(self) -> tuple[str, str, str]:
        """Return the id, the name and the key of a workspace with an owner, an admin and a member."""
        self.made += 1
        name = f"team-{self.made}"
        workspaces = self.stage.services.resources.workspaces

        def make() -> str:
            made = workspaces.create(name, "olga")
            workspaces.add_member("olga", made.id, "adam", "admin")
            workspaces.add_member("olga", made.id, "mia")
            workspaces.add_member("olga", made.id, "max")
            return made.id.hex()

        workspace = await run_sync(make)
        await self.stage.store_key(workspace, connection=NAMED)
        return workspace, name, await self.stage.store_key(workspace)

    def clear(self, workspace: str) -> None:
        """Put a workspace out of the way: a page that lists a thousand of them is a slow one."""
        with suppress(AssayError):
            self.stage.services.resources.workspaces.delete("olga", workspace)

    async def show_run_token(self, kind: str, workspace: str) -> dict[str, str]:
        """Return the headers of a worker or a program with a run token; but for the last kind, the owner's."""
        services = self.stage.services

        def make() -> str:
            workspaces, where = services.resources.workspaces, bytes.fromhex(workspace)
            user, shown = "olga", self.owner
            if kind.endswith("elsewhere"):
                where = workspaces.active("olga").id
            if kind.endswith("of one taken out"):
                user, shown = "max", self.max
                workspaces.remove_member("olga", where, "max")
            seconds = 0 if kind.endswith("expired") else 60
            purpose = "calls" if kind.startswith("run") else "pass-through"
            return services.run_tokens.issue(user, where, shown, seconds, purpose).token

        return {"Authorization": f"Bearer {await run_sync(make)}"}

    async def issue_program(self, workspace: str) -> str:
        """Return a token of the owner's for programs."""
        issue, where = self.stage.services.run_tokens.issue, bytes.fromhex(workspace)
        return (await run_sync(issue, "olga", where, self.owner, 60, "pass-through")).token

    async def state_of(self, workspace: str) -> list[Any]:
        """Return all that is stored of a workspace, for telling whether anything was changed."""
        resources = self.stage.services.resources
        where = bytes.fromhex(workspace)

        def look() -> list[Any]:
            with resources.database.read() as connection:
                return [
                    tuple(row)
                    for name in (
                        "workspaces",
                        "members",
                        "provider_keys",
                        "allowances",
                        "connection_facts",
                    )
                    for row in connection.execute(text(f"SELECT * FROM {name} ORDER BY 1, 2"))
                    if where in row
                ]

        return await run_sync(look)

    async def come_in(self, route: Route, kind: str) -> int:
        workspace, name, key = await self.make_workspace()
        path = path_of(route, workspace)
        values = {
            "fresh": f"new-{self.made}",
            "name": name,
            "key": key,
            "endpoint": self.stage.fake.endpoint("anthropic"),
            "program": await self.issue_program(workspace),
        }
        body, form = (fill(sent.get(name_of(route)), values) for sent in (BODIES, FORMS))
        method = "POST" if route.method == "*" else route.method
        if kind.startswith(("run", "program")):
            headers = await self.show_run_token(kind, workspace)
        elif kind.startswith("page"):
            headers = await self.show_session(kind)
        else:
            headers = self.headers[kind]
        if route.path == "api/v1/restored":
            services = self.stage.services
            await run_sync(services.resources.workspaces.delete, "olga", workspace)
        status, _ = await self.stage.ask(method, path, headers=headers, body=body, data=form)
        await run_sync(self.clear, workspace)
        return status


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


def path_of(route: Route, workspace: str) -> str:
    """Return a route's path, with something that exists, or might, for each of its other parts."""
    parts = {
        "workspace": workspace,
        "user": "max",
        "provider": "anthropic",
        "instrument": "critique",
        "name": "page.css" if route.path.startswith("static/") else NAMED,
        "preset": "anthropic-compatible",
        "id": "0" * 64,
    }
    return route.path.replace("{path:.*}", "v1/messages").format(**parts)


def fill(body: Any, values: Mapping[str, str]) -> Any:
    if isinstance(body, dict):
        return {name: fill(value, values) for name, value in body.items()}
    return (
        body.format(**values)
        if isinstance(body, str) and body.startswith("{") and body[1:-1] in values
        else body
    )


@pytest.fixture(scope="module")
async def cast(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cast]:
    directory = Path(tmp_path_factory.mktemp("matrix"))
    with FakeProviders() as fake:
        fake.answers(critique())
        stage = await open_stage(directory, fake, FakeHub(), limits={"calls_per_minute": 100_000})
        whole = Cast(stage)
        await whole.set_up()
        yield whole
        await stage.close()


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert {name_of(route) for route in ROUTES} == set(ROWS)


def test_every_row_names_every_kind() -> None:
    assert all(tuple(found) == KINDS for found in ROWS.values())


@pytest.mark.slow
@pytest.mark.parametrize("route", ROUTES, ids=name_of)
async def test_a055_each_kind_of_caller_gets_what_its_row_says(cast: Cast, route: Route) -> None:
    """Every route × every kind of caller → the row, checked in full."""
    expected = ROWS[name_of(route)]

    found = {kind: await cast.come_in(route, kind) for kind in KINDS}

    assert {k: OK if v in (200, 201, 302, 303) else v for k, v in found.items()} == dict(expected)


ROLES: dict[str, tuple[dict[str, str], frozenset[str]]] = {
    "rename": ({"name": "renamed-{made}"}, frozenset({"owner"})),
    "transfer": ({"user": "max"}, frozenset({"owner"})),
    "delete": ({"name": "{name}"}, frozenset({"owner"})),
    "add-member": ({"user": "nora", "role": "member"}, frozenset({"owner", "admin"})),
    "change-role": ({"user": "max", "role": "admin"}, frozenset({"owner", "admin"})),
    "remove-member": ({"user": "max"}, frozenset({"owner", "admin"})),
    "allow": ({"user": "max", "calls": "5"}, frozenset({"owner", "admin"})),
    "model": ({"model": "anthropic/claude-haiku-5-5"}, frozenset({"owner", "admin"})),
    "save": (
        {"key": "{key}", "endpoint": "{endpoint}", "untested": "1"},
        frozenset({"owner", "admin"}),
    ),
    "remove": ({}, frozenset({"owner", "admin"})),
    "rename a connection": ({"name": "other"}, frozenset({"owner", "admin"})),
    "add": (
        {"name": "added", "key": "{key}", "endpoint": "{endpoint}", "untested": "1"},
        frozenset({"owner", "admin"}),
    ),
}

FORM_PAGES = {
    "save": "/keys/anthropic",
    "remove": "/keys/anthropic",
    "rename a connection": f"/connections/{NAMED}",
    "add": "/add/anthropic-compatible",
}


@pytest.mark.parametrize("action", ROLES)
@pytest.mark.parametrize("role", ["outsider", "member", "admin", "owner"])
async def test_forms_do_what_the_role_allows(cast: Cast, action: str, role: str) -> None:
    workspace, name, key = await cast.make_workspace()
    values = {
        "made": str(cast.made),
        "name": name,
        "key": key + "x",
        "endpoint": cast.stage.fake.endpoint("anthropic"),
    }
    fields, roles = ROLES[action]
    path = f"workspaces/{workspace}{FORM_PAGES.get(action, '')}"
    before = await cast.state_of(workspace)

    sent = {name: value.format(**values) for name, value in fields.items()}
    async with cast.stage.http.post(
        cast.stage.url + path,
        data={"action": action.partition(" ")[0], **sent},
        headers=await cast.show_session(f"page {role}"),
        allow_redirects=False,
    ) as response:
        assert (response.status == 303) is (role in roles)

    assert (await cast.state_of(workspace) != before) is (role in roles)
