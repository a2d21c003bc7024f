"""Identity of a token's owner: the hub's answer, remembered for less than a minute.

A kernel shows the token that the hub gave its server; a browser shows our cookie, which holds a token that
the hub gave for our page. Only the hub knows whether either is still valid, so it is asked. Nobody is let in
anonymously, least of all while the hub does not answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, cast

import aiohttp

from assay_nb.errors import PermissionDenied
from assay_nb.gateway.http.responses import HubUnavailable, NotSignedIn

HubState: TypeAlias = Literal["unknown", "reached", "refused", "silent", "lost"]
"""Nobody has asked the hub yet; it answers; it answers, but does not know the service's token; it does not
answer; and it has not for so long that no remembered answer counts any more."""

_LOST_AFTER = 60.0
_REMEMBERED = 20_000
_LONGEST_TOKEN = 512
_STRANGERS = 16


@dataclass(frozen=True, slots=True)
class Person:
    """A person whom the hub knows, or one of its services.

    Attributes:
        name: The hub's canonical name, byte for byte.
        groups: The hub's groups.
        admin: Whether the hub says they are one of its admins.
        scopes: What the token may do.
    """

    name: str
    kind: Literal["user", "service"]
    groups: frozenset[str]
    admin: bool
    scopes: frozenset[str]


class Asks(Protocol):
    """Asks the hub whose a token is."""

    async def __call__(self, token: str) -> Mapping[str, Any] | None:
        """Return the hub's model of the token's owner; None when it knows no such token.

        Raises:
            HubUnavailable: If the hub gives no answer.
        """
        ...


@dataclass(slots=True)
class _Remembered:
    person: Person | None
    asked_at: float


class Identity:
    """Turns tokens into people.

    Args:
        ask: Asks the hub.
        service: The name that the hub has for this gateway.
        ended: Says whether a token was given to a browser whose person has signed out since.
        joined: Called with everybody whom the hub has just vouched for, before they are let in: their
            groups may have changed.
        fresh: Seconds that an answer is valid.
        longest: Seconds after which an answer is no longer valid, even while the hub is silent.
        refused: Seconds that a refusal is valid.
    """

    def __init__(
        self,
        ask: Asks,
        *,
        service: str = "assay",
        ended: Callable[[str], Awaitable[bool]] | None = None,
        joined: Callable[[Person], Awaitable[None]] | None = None,
        fresh: float = 30.0,
        longest: float = 60.0,
        refused: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._scope = f"access:services!service={service}"
        self._ended = ended
        self._joined = joined
        self._fresh, self._longest, self._refused = fresh, longest, refused
        self._clock = clock
        self._salt = os.urandom(32)
        self._known: OrderedDict[bytes, _Remembered] = OrderedDict()
        # Requests with made-up tokens must not hold up those with real ones.
        self._strangers = asyncio.Semaphore(_STRANGERS)
        self._asking: dict[bytes, asyncio.Task[Person | None]] = {}

    async def identify(self, token: str) -> Person:
        """Return whose token this is.

        Raises:
            NotSignedIn: If the hub does not know it, or no longer.
            PermissionDenied: If it may not use this service.
            HubUnavailable: If the hub gives no answer and no valid one is remembered.
        """
        if not _is_written_as_one(token):
            raise _unknown()
        person = await self._find(token)
        if person is None:
            raise _unknown()
        self._check_scope(person)
        return person

    def find_known(self, token: str) -> Person | None:
        """Return whose token this is if the hub has said so lately, and they may use this service.

        None for everything else: `identify` asks the hub, or says what is wrong.
        """
        if not _is_written_as_one(token):
            return None
        known = self._known.get(self._digest(token))
        if known is None or known.person is None or self._clock() - known.asked_at >= self._fresh:
            return None
        return known.person if self._scope_held(known.person) else None

    def forget(self, token: str) -> None:
        """Ask the hub again at the token's next use."""
        self._known.pop(self._digest(token), None)

    async def _find(self, token: str) -> Person | None:
        digest = self._digest(token)
        known = self._known.get(digest)
        age = self._clock() - known.asked_at if known else 0.0
        if known and age < (self._fresh if known.person else self._refused):
            return known.person
        try:
            # One question at a time for each token; a caller who hangs up does not cancel it for the others.
            return await asyncio.shield(self._asked(digest, token))
        except HubUnavailable:
            if known and known.person and age < self._longest:
                return known.person
            raise

    def _asked(self, digest: bytes, token: str) -> asyncio.Task[Person | None]:
        task = self._asking.get(digest)
        if task is None:
            task = asyncio.create_task(self._learn(digest, token))
            self._asking[digest] = task
            task.add_done_callback(lambda done: self._forget_question(digest, done))
        return task

    def _forget_question(self, digest: bytes, done: asyncio.Task[Person | None]) -> None:
        del self._asking[digest]
        if not done.cancelled():
            done.exception()  # those who waited have it; perhaps nobody did

    async def _learn(self, digest: bytes, token: str) -> Person | None:
        asked_at = self._clock()
        known = self._known.get(digest)
        async with nullcontext() if known and known.person else self._strangers:
            model = await self._ask(token)
        person = None if model is None else _read_person(model)
        if person is not None and self._ended is not None and await self._ended(token):
            person = None
        if person is not None and self._joined is not None and self._scope_held(person):
            await self._joined(person)
        self._known[digest] = _Remembered(person, asked_at)
        self._known.move_to_end(digest)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return person

    def _digest(self, token: str) -> bytes:
        return hashlib.blake2b(token.encode(), key=self._salt, digest_size=32).digest()

    def _scope_held(self, person: Person) -> bool:
        return self._scope in person.scopes or "access:services" in person.scopes

    def _check_scope(self, person: Person) -> None:
        if not self._scope_held(person):
            raise PermissionDenied(
                "This token may not use assay_nb.",
                hint="Ask the hub's operator to grant it with `configure_hub` in jupyterhub_config.py, then "
                "restart your server.",
            )


class Hub:
    """The hub's REST API, as far as identity needs it."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        api_url: str,
        api_token: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._api = api_url.rstrip("/")
        self._token = api_token
        self._clock = clock
        self._answered_at: float | None = None
        self._is_silent = False
        self._is_refused = False

    @property
    def state(self) -> HubState:
        """How the hub answered last. It is lost when nobody's token can be checked any more."""
        if self._is_silent:
            since = self._answered_at
            return "lost" if since is None or self._clock() - since > _LOST_AFTER else "silent"
        if self._answered_at is None:
            return "unknown"
        return "refused" if self._is_refused else "reached"

    async def check(self) -> HubState:
        """Ask the hub whether it is there and takes the service's token, and return its state then."""
        with suppress(HubUnavailable):
            self._is_refused = await self.ask(self._token) is None
        return self.state

    async def ask(self, token: str) -> Mapping[str, Any] | None:
        """Return the hub's model of a token's owner; None when it knows no such token."""
        try:
            model = await self._ask(token)
        except HubUnavailable:
            self._is_silent = True
            raise
        self._is_silent, self._answered_at = False, self._clock()
        return model

    async def _ask(self, token: str) -> Mapping[str, Any] | None:
        headers = {"Authorization": f"token {token}", "Accept": "application/json"}
        try:
            async with self._session.get(
                f"{self._api}/user", headers=headers, allow_redirects=False
            ) as response:
                if response.status in {401, 403, 404}:
                    return None
                if response.status != 200:
                    raise _silent()
                return cast("Mapping[str, Any]", await response.json())
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise _silent() from None

    async def exchange(self, code: str, redirect_uri: str, client_id: str) -> str | None:
        """Return the token for a code that a browser brought back from the hub; None if it is refused."""
        fields = {
            "client_id": client_id,
            "client_secret": self._token,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
        }
        try:
            async with self._session.post(
                f"{self._api}/oauth2/token", data=fields, allow_redirects=False
            ) as response:
                if 400 <= response.status < 500:
                    return None
                if response.status != 200:
                    raise _silent()
                answer = cast("Mapping[str, Any]", await response.json())
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise _silent() from None
        token = answer.get("access_token")
        return token if isinstance(token, str) else None


def _is_written_as_one(token: str) -> bool:
    return token.isascii() and token.isprintable() and 0 < len(token) <= _LONGEST_TOKEN


def _read_person(model: Mapping[str, Any]) -> Person | None:
    """Return the person in the hub's answer; None if it does not name one as expected."""
    name, kind = model.get("name"), model.get("kind")
    if not isinstance(name, str) or not name or kind not in ("user", "service"):
        return None
    return Person(
        name,
        kind,
        frozenset(map(str, model.get("groups") or ())),
        model.get("admin") is True,
        frozenset(map(str, model.get("scopes") or ())),
    )


def check_person(person: Person) -> Person:
    """Return a person who can be a member of workspaces, or refuse a service.

    Raises:
        PermissionDenied: If the token belongs to a service of the hub.
    """
    if person.kind != "user":
        raise PermissionDenied(
            "This token belongs to a service, and only people are members of workspaces.",
            hint="Use a person's token.",
        )
    return person


def parse_authorization(header: str) -> str:
    """Return the token of an `Authorization` header: `token`, as the hub writes it, or `Bearer`.

    Raises:
        NotSignedIn: If it has another scheme.
    """
    kind, _, token = header.strip().partition(" ")
    if kind.lower() not in {"token", "bearer"} or not token.strip():
        raise NotSignedIn(
            "The scheme of the Authorization header is not supported.",
            hint="Send `Authorization: Bearer TOKEN`.",
        )
    return token.strip()


def _unknown() -> NotSignedIn:
    return NotSignedIn(
        "The hub does not know this token.",
        hint="Restart your server from the hub's control panel: the token may have expired.",
    )


def _silent() -> HubUnavailable:
    return HubUnavailable(
        "The hub does not answer, so your token cannot be checked.", hint="Try again in a minute."
    )
