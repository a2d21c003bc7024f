"""A browser without scripts: it keeps cookies, fills in forms and follows redirects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.gateway.stage import PREFIX, Stage


@dataclass
class Page:
    """What came of a request."""

    path: str
    status: int
    headers: Mapping[str, str]
    text: str


@dataclass
class Browser:
    """Somebody who has signed in. Paths are below the service's prefix."""

    stage: Stage
    token: str
    cookies: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def sign_in(cls, stage: Stage, user: str, **about: Any) -> Browser:
        before = set(stage.hub.people)
        headers = await stage.sign_in(user, **about)
        token = next(iter(set(stage.hub.people) - before))
        name, _, value = headers["Cookie"].partition("=")
        said = {
            "Origin": stage.origin,
            "Sec-Fetch-Dest": "document",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Site": "same-origin",
        }
        return cls(stage, token, {name: value}, said)

    async def open(self, path: str, *, status: int = 200, **headers: str) -> Page:
        """Go to a page."""
        page = await self._request("GET", path, headers=headers)
        assert page.status == status, (page.status, page.text)
        return page

    async def send(
        self, path: str, *, headers: Mapping[str, str] | None = None, **fields: str
    ) -> Page:
        """Send a form with the session's token, and return the answer itself."""
        form = await self._request("GET", "")
        match = re.search(r'name="_xsrf" value="([^"]+)"', form.text)
        assert match is not None
        return await self._request(
            "POST", path, data={"_xsrf": match.group(1), **fields}, headers=headers or {}
        )

    async def submit(self, path: str, **fields: str) -> Page:
        """Send a form and return the page that follows."""
        answer = await self.send(path, **fields)
        assert answer.status == 303, (answer.status, answer.text)
        return await self.open(answer.headers["Location"].removeprefix(PREFIX))

    async def make_team(self, name: str) -> str:
        """Make a team workspace; return the path of its page."""
        page = await self.submit("", action="create", name=name)
        return page.path

    async def _request(self, method: str, path: str, **more: Any) -> Page:
        headers = {
            **self.said,
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            **more.pop("headers", {}),
        }
        async with self.stage.http.request(
            method, self.stage.url + path, headers=headers, allow_redirects=False, **more
        ) as response:
            for name, morsel in response.cookies.items():
                self.cookies[name] = morsel.value
                if not morsel.value:
                    del self.cookies[name]
            return Page(path, response.status, response.headers, await response.text())
