"""A hub's REST API, as far as the gateway uses it, and people whose tokens it knows."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

SCOPE = "access:services!service=assay"


@dataclass
class FakeHub:
    """Knows tokens. `add` makes one, `revoke` ends it, `down` answers nothing any more."""

    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    down: bool = False
    secret: str = "service-secret"
    server: TestServer | None = None

    def add(
        self,
        name: str,
        *,
        groups: tuple[str, ...] = (),
        admin: bool = False,
        kind: str = "user",
        scopes: tuple[str, ...] = (SCOPE,),
    ) -> str:
        token = secrets.token_hex(16)
        self.people[token] = {
            "kind": kind,
            "name": name,
            "groups": list(groups),
            "admin": admin,
            "scopes": [*scopes, f"read:users:name!user={name}"],
        }
        return token

    def revoke(self, token: str) -> None:
        del self.people[token]

    @property
    def api_url(self) -> str:
        assert self.server is not None
        return str(self.server.make_url("/hub/api"))

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/hub/api/user", self._user)
        app.router.add_post("/hub/api/oauth2/token", self._token)
        self.server = TestServer(app)
        await self.server.start_server()

    async def stop(self) -> None:
        if self.server is not None:
            await self.server.close()

    async def _user(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.down:
            return web.Response(status=503)
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        person = self.people.get(token) if kind == "token" else None
        return web.json_response(person) if person else web.json_response({}, status=403)

    async def _token(self, request: web.Request) -> web.Response:
        fields = await request.post()
        token = self.codes.pop(str(fields.get("code")), None)
        right = (
            fields.get("client_secret") == self.secret
            and fields.get("client_id") == "service-assay"
        )
        if token is None or not right:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response({"access_token": token, "token_type": "Bearer"})
