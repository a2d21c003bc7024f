"""One request, as its handler meets it: read, identified and with everything at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.errors import WrongUsage
from assay_nb.gateway.auth.identity import Person
from assay_nb.gateway.http.responses import TooLarge
from assay_nb.gateway.http.strict_json import parse_json_object
from assay_nb.messages import PROVIDERS, ProviderId

if TYPE_CHECKING:
    from assay_nb.engine.local.control import LocalControl
    from assay_nb.gateway.auth.run_tokens import RunToken
    from assay_nb.gateway.auth.sessions import Session
    from assay_nb.gateway.http.route import Route
    from assay_nb.gateway.services import Services

_LARGE = 64 * 1024

ACTIVE = "-"
"""Stands for the caller's active workspace in a path. No workspace's name begins with a hyphen."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A person who is let in.

    Attributes:
        person: Whom the hub vouches for.
        via: `"token"` for whatever shows a hub token, `"browser"` for our session cookie, `"run"` for a
            worker that shows a run token.
        token: The hub token, to ask the hub again while a stream runs. It is never shown or kept.
        session: The browser's session, for its XSRF token.
        run: The run token that stood for the hub token.
    """

    person: Person
    via: Literal["token", "browser", "run"]
    token: str
    session: Session | None = None
    run: RunToken | None = None

    @property
    def user(self) -> str:
        return self.person.name

    def __repr__(self) -> str:
        return f"Caller({self.person.name!r}, via={self.via!r})"


class RequestContext:
    """A request that has been let in.

    Attributes:
        request: aiohttp's own.
        services: What the gateway works with.
        route: The entry of the table that it came in by.
    """

    def __init__(
        self, request: web.Request, services: Services, route: Route, caller: Caller | None
    ) -> None:
        self.request = request
        self.services = services
        self.route = route
        self._caller = caller

    @property
    def caller(self) -> Caller:
        """Who is asking. Only a handler of an open route has nobody."""
        assert self._caller is not None, "an open route has no caller"
        return self._caller

    @property
    def user(self) -> str:
        return self.caller.user

    @cached_property
    def control(self) -> LocalControl:
        """Keys, members, workspaces, models and budget, as this caller may see and change them."""
        return self.services.control(self.user)

    @property
    def workspace(self) -> str | None:
        """The workspace in the path, by name or id; None for the active one. A run token has one alone."""
        if self._caller is not None and self._caller.run is not None:
            return self._caller.run.workspace_id.hex()
        name = self.part("workspace")
        return None if name == ACTIVE else name

    @property
    def provider(self) -> ProviderId:
        """The provider in the path."""
        named = self.part("provider")
        for provider in PROVIDERS:
            if provider == named:
                return provider
        raise WrongUsage("There is no such provider.", hint=f"There are {', '.join(PROVIDERS)}.")

    def part(self, name: str) -> str:
        """Return a named part of the path."""
        return self.request.match_info[name]

    async def body(self) -> bytes:
        """Return the request's body, if it is not larger than the API's limit."""
        most = self.services.settings.limits.body
        found = bytearray()
        if (self.request.content_length or 0) <= most:
            async for piece in self.request.content.iter_any():
                found += piece
                if len(found) > most:
                    break
            else:
                return bytes(found)
        raise TooLarge(f"The request is larger than {most:,} bytes.")

    async def json(self, **fields: Any) -> dict[str, Any]:
        """Return the fields of a JSON body, as many as were sent.

        Args:
            fields: Each field's name and type; a tuple with None says that it may be null or left out:
                `await incoming.json(name=str, model=(str, None))`.

        Raises:
            WrongUsage: If a field is unknown, missing or of another type.
        """
        if self.request.content_type != "application/json":
            raise WrongUsage(
                "The body must be JSON.", hint="Send `Content-Type: application/json`."
            )
        body = await self.body()
        if len(body) > _LARGE:  # some milliseconds, in which streams of others would stand still
            return check_fields(await run_sync(parse_json_object, body), fields)
        return check_fields(parse_json_object(body), fields)

    def flag(self, name: str) -> bool:
        """Return a `true` or `false` from the query; false by default."""
        text = self.request.query.get(name, "false")
        if text not in {"true", "false"}:
            raise WrongUsage(f"'{name}' must be true or false.")
        return text == "true"

    def number(self, name: str, *, default: int, most: int) -> int:
        """Return a whole number from the query."""
        text = self.request.query.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
            raise WrongUsage(f"'{name}' must be a whole number from 1 to {most}.")
        return int(text)


def check_fields(found: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that were found, if all of them are known and of their type."""
    unknown = sorted(set(found) - set(fields))
    if unknown:
        named = ", ".join(fields) or "none"
        raise WrongUsage("The body has a field that is not known here.", hint=f"Known: {named}.")
    for name, wanted in fields.items():
        kinds = cast("tuple[Any, ...]", wanted) if isinstance(wanted, tuple) else (wanted,)
        if not _is_one_of(found.get(name), kinds):
            raise WrongUsage(f"The field '{name}' is missing, or of another type than it must be.")
    return dict(found)


def _is_one_of(value: Any, kinds: tuple[Any, ...]) -> bool:
    if value is None:
        return None in kinds
    if isinstance(value, bool):
        return bool in kinds
    return any(kind is not None and isinstance(value, kind) for kind in kinds)
