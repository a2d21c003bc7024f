"""The request context: what a handler is given, with the caller, the services and the parsed request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.connections.names import is_name
from assay_nb.errors import WrongUsage
from assay_nb.gateway.http.responses import TooLarge
from assay_nb.gateway.http.strict_json import parse_json_object
from assay_nb.messages import PROVIDERS, ProviderId

if TYPE_CHECKING:
    from assay_nb.engine.local.control import LocalControl
    from assay_nb.gateway.auth.caller import Caller
    from assay_nb.gateway.services import Services

_LARGE = 64 * 1024

ACTIVE = "-"
"""Means the caller's active workspace in a path. No workspace's name begins with a hyphen."""


class RequestContext:
    """A request whose caller was let in.

    Attributes:
        request: aiohttp's own.
        services: The parts of the gateway.
    """

    def __init__(self, request: web.Request, services: Services, caller: Caller | None) -> None:
        self.request = request
        self.services = services
        self._caller = caller

    @property
    def caller(self) -> Caller:
        """The person who asks. Only an open route has none."""
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
        """The workspace in the path, by name or id; None for the active one. A run token has only its own."""
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
        raise WrongUsage("There is no such provider.", hint=f"Use one of {', '.join(PROVIDERS)}.")

    @property
    def connection(self) -> str:
        """The connection in the path, by name; the workspace may not have it."""
        parts = self.request.match_info
        named = parts["name"] if "name" in parts else parts["provider"]
        if not is_name(named):
            raise WrongUsage(
                "No connection has such a name.",
                hint="Use up to 32 lower-case letters, digits, dots, hyphens and underscores.",
            )
        return named

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
        """Return the fields that are present in a JSON body.

        Args:
            fields: Each field's name and type; a tuple with None says that it may be null or left out:
                `await context.json(name=str, model=(str, None))`.

        Raises:
            WrongUsage: If a field is unknown, missing or of another type.
        """
        if self.request.content_type != "application/json":
            raise WrongUsage(
                "The body must be JSON.", hint="Send `Content-Type: application/json`."
            )
        body = await self.body()
        if len(body) > _LARGE:  # some milliseconds, in which no other stream would move
            return check_fields(await run_sync(parse_json_object, body), fields)
        return check_fields(parse_json_object(body), fields)

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
        raise WrongUsage("The body has an unknown field.", hint=f"Use only these: {named}.")
    for name, wanted in fields.items():
        kinds = cast("tuple[Any, ...]", wanted) if isinstance(wanted, tuple) else (wanted,)
        if not _is_one_of(found.get(name), kinds):
            raise WrongUsage(f"The field '{name}' is missing or has the wrong type.")
    return dict(found)


def _is_one_of(value: Any, kinds: tuple[Any, ...]) -> bool:
    if value is None:
        return None in kinds
    if isinstance(value, bool):
        return bool in kinds
    return any(kind is not None and isinstance(value, kind) for kind in kinds)
