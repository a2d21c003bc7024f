"""Pass-through: any SDK's own requests, with the workspace's key in the place of the hub token.

The caller's SDK is told this gateway's address for its base URL and a hub token for its key. What it
sends goes on byte by byte, and so does what comes back; in between the token is taken off and the
workspace's key is put on. Where it goes, the stored key says, and nothing in the request does.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, cast
from urllib.parse import unquote, unquote_plus, urlsplit

import aiohttp
from aiohttp import web
from anyio import CancelScope
from anyio.to_thread import run_sync

from assay_nb.accounting.allowances import EVERYBODY, Taken
from assay_nb.accounting.call_log import make_record
from assay_nb.egress.resolver import make_vet
from assay_nb.engine.local.credentials import make_credential
from assay_nb.engine.local.engine import key_missing
from assay_nb.errors import (
    AssayError,
    PermissionDenied,
    ProviderAuthError,
    ProviderError,
    ProviderUnavailable,
    WrongUsage,
)
from assay_nb.gateway.calls.inflight import ActiveCall
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.responses import TooLarge, add_safe_headers, error_answer
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.journal import SureJournal
from assay_nb.gateway.proxy.upstream import Upstream, UpstreamRequest, explain
from assay_nb.gateway.resources import check_model, check_provider
from assay_nb.gateway.services import SERVICES, Services
from assay_nb.messages import Destination, ProviderId
from assay_nb.providers.setup import label_of
from assay_nb.store.changes import Remembered
from assay_nb.store.workspace_rows import Workspace

INSTRUMENT = "pass-through"
"""What the calls log has in the place of an instrument."""

IDLE = 300.0
"""Seconds without a byte in either direction. A thinking model is silent for minutes."""

EVERY = 0.5
"""Seconds from one look for silent calls to the next."""

_SMALL = 64 * 1024
"""Bytes up to which a body is read whole: it is one write then, not several."""

_MOST_BACK = 512 * 1024 * 1024
"""Bytes of a response. An answer that never ends is ended here, if not by the time that calls have."""

_SENT = (
    "Accept",
    "Anthropic-Beta",
    "Anthropic-Version",
    "Content-Type",
    "Idempotency-Key",
    "OpenAI-Beta",
    "User-Agent",
    "X-Client-Request-Id",
    "X-Goog-Api-Client",
)
"""What goes on of a request's headers. None of them says who pays, or for whom the answer is."""

_BACK = frozenset({
    "content-disposition", "content-type", "openai-processing-ms", "openai-version", "request-id",
    "retry-after", "retry-after-ms", "x-request-id", "x-should-retry",
})  # fmt: skip
_BACK_BEGINNINGS = ("anthropic-ratelimit-", "x-ratelimit-")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_BODILESS = frozenset({"GET", "HEAD", "DELETE"})
_ADMINISTRATION = frozenset({"organization", "organizations"})
_CREDENTIALS = frozenset({
    "key", "api_key", "api-key", "apikey", "access_token", "oauth_token", "token", "x-api-key",
    "x-goog-api-key", "authorization", "auth",
})  # fmt: skip
_MODEL = re.compile(r"(?:^|/)(?:models|tunedModels)/([^/:]+)")
_UNSAFE = re.compile(r"[\x00-\x20\x7f/\\]")
_PAGES = frozenset({"text/html", "application/xhtml+xml"})


# --- the route


async def pass_through(incoming: RequestContext) -> web.StreamResponse:
    """Send a request on with the workspace's key, and stream what comes back."""
    services, caller = incoming.services, incoming.caller
    if caller.via != "token":
        raise PermissionDenied(
            "The pass-through is for programs, which show a hub token.",
            hint="Send `Authorization: Bearer TOKEN`, or give it to your SDK as its key.",
        )
    target = read_target(incoming)
    relay = incoming.request.app[RELAY]
    way = await relay.find_way(caller.user, incoming.workspace, target.provider)
    passing = ProxiedRequest(incoming, relay, target, way)
    try:
        with services.limiter.slot(caller.user):
            with services.running.hold(caller, way.workspace.id) as held:
                await passing.run(held)
            if held.ended_by is not None:
                await passing.fail(held.ended_by)
    except ProviderAuthError as error:
        response = error_answer(error)
        response.headers["X-Should-Retry"] = "false"  # SDKs would try a 502 again
        return response
    return passing.response


ROUTES = (
    Route(
        method="*",
        path="providers/{workspace}/{provider}/{path:.*}",
        who="member",
        action="call",
        handler=pass_through,
        summary="Any SDK's own requests, with the workspace's key in the place of the hub token",
        token_headers=("x-api-key", "x-goog-api-key"),
        errors=(409, 413, 429, 502, 503),
        listed=False,
    ),
)


# --- what is asked for


@dataclass(frozen=True, slots=True)
class Target:
    """What a request asks a provider for.

    Attributes:
        provider: Which provider.
        method: The HTTP method.
        path: Below the provider's endpoint, as it was written, without a leading slash.
        query: As it was written.
        model: The model that the path names, if it names one.
    """

    provider: ProviderId
    method: str
    path: str
    query: str
    model: str | None

    def url(self, destination: Destination) -> str:
        """Return the URL at a key's destination.

        Some SDKs take a base URL with the version in it and some without, and people try both; a
        version that stands on both sides is not doubled.
        """
        path, endpoint = self.path, destination.endpoint.rstrip("/")
        version = endpoint.rpartition("/")[2]
        if path.startswith(f"{version}/") and urlsplit(endpoint).path.count("/"):
            path = path[len(version) + 1 :]
        return f"{endpoint}/{path}?{self.query}" if self.query else f"{endpoint}/{path}"


def read_target(incoming: RequestContext) -> Target:
    """Return what a request asks for, read from its path as it was sent.

    Raises:
        WrongUsage: If the path or the query could be read as something else on the way, or holds a key.
        PermissionDenied: If the operator's lists do not have it.
    """
    request, settings = incoming.request, incoming.services.settings
    provider = incoming.provider
    check_provider(settings, provider)
    if request.method not in _METHODS or "Upgrade" in request.headers:
        raise WrongUsage("Only plain HTTP requests are passed through, and no WebSockets.")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise WrongUsage("A compressed request is not passed through.", hint="Send it as it is.")
    path = _check_path(request.rel_url.raw_path, settings.prefix)
    query = request.rel_url.raw_query_string
    if query:
        _check_query(query)
    model = None
    if request.method not in _BODILESS and (match := _MODEL.search(unquote(path))):
        model = match.group(1)
        check_model(settings, provider, model)
    return Target(provider, request.method, path, query, model)


def _check_path(raw: str, prefix: str) -> str:
    """Return the part of a path that goes on.

    The router has matched as many slashes as there are before it, so they are counted, not compared.
    """
    segments = raw.split("/")[prefix.count("/") + 3 :]
    named = [_read_segment(segment) for segment in segments[:-1]]
    if segments and segments[-1]:  # a path may end in a slash
        named.append(_read_segment(segments[-1]))
    if not _ADMINISTRATION.isdisjoint(name.lower() for name in named[:3]):
        raise PermissionDenied(
            "The provider's administration is not passed through.",
            hint="Its own console has it.",
        )
    return "/".join(segments)


def _read_segment(segment: str) -> str:
    text = unquote(segment) if "%" in segment else segment
    if text in {"", ".", ".."} or _UNSAFE.search(text) or "%" in text:
        raise WrongUsage("This path could be read in more than one way.", hint="Write it plainly.")
    return text


def _check_query(query: str) -> None:
    for pair in re.split("[&;]", query):
        name = unquote_plus(pair.partition("=")[0]).strip().lower()
        if name in _CREDENTIALS or name.startswith("$"):
            raise WrongUsage(
                "A key or a token never stands in a URL, where logs keep it.",
                hint="Send the hub token in a header: `Authorization`, `x-api-key` or `x-goog-api-key`.",
            )


def parse_model(body: bytes) -> str | None:
    """Return the model that a JSON body names, or None if it names none or more than one.

    Only for an operator's list of models; without one, no body is read.
    """
    try:
        pairs: Any = json.loads(body, object_pairs_hook=lambda found: tuple(found))
    except (ValueError, RecursionError):
        return None
    if not isinstance(pairs, tuple):
        return None
    named = [
        pair for pair in cast("tuple[tuple[str, Any], ...]", pairs) if pair[0].lower() == "model"
    ]
    if len(named) != 1 or named[0][0] != "model" or not isinstance(named[0][1], str):
        return None
    return named[0][1].removeprefix("models/")


# --- one request


class ProxiedRequest:
    """One request on its way to a provider, and the response on its way back."""

    def __init__(
        self, incoming: RequestContext, relay: ReverseProxy, target: Target, way: Grant
    ) -> None:
        self._relay = relay
        self._user = incoming.user
        self._request = incoming.request
        self._services = incoming.services
        self._seconds = incoming.services.settings.limits.call_seconds
        self._target = target
        self._way = way
        self._model = target.model
        self._errand: UpstreamRequest | None = None
        self._status = 0
        self.response: web.StreamResponse = web.StreamResponse()

    async def run(self, held: ActiveCall) -> None:
        """Send the request, stream the response, and note the call.

        Raises:
            AssayError: If nothing has been answered yet. Later failures end what is being sent.
        """
        began, status = time.monotonic(), "stopped"
        self._relay.journal.check_room()
        counts = self._way.limited and self._target.method not in _BODILESS
        taken = await self._relay.take(self._way, self._user) if counts else None
        try:
            with self._relay.watches.watch(held, self._seconds) as watch:
                status = await self._pass(watch)
        except AssayError as error:
            status = error.code
            await self.fail(error)
        finally:
            if held.ended_by is not None:
                status = held.ended_by.code
            self._note(status, time.monotonic() - began)
            if taken is not None:
                await self._relay.settle(taken, 0.0 if self._was_refused else None)

    @property
    def _was_refused(self) -> bool:
        """Whether the provider has answered that it did nothing, or was never asked."""
        return self._errand is None or not self._errand.sent or self._status >= 400

    async def fail(self, error: AssayError) -> None:
        """Say what went wrong, if there is still a way to: raise it, or end the stream with it."""
        if not self.response.prepared:
            raise error
        if self.response.content_type == "text/event-stream":
            frame = {"type": "error", "error": {"type": error.code, **error.to_dict()}}
            text = f"\n\nevent: error\ndata: {json.dumps(frame)}\n\n"
            try:
                await self.response.write_eof(text.encode())
                return
            except (ConnectionError, RuntimeError):
                pass
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _pass(self, watch: Watch) -> str:
        body = await self._body(watch)
        errand = self._errand = self._relay.make_errand(self._way)
        upstream, url = self._relay.upstream, self._target.url(errand.destination)
        response = await upstream.send(
            errand, self._target.method, url, headers=self._headers(), body=body
        )
        try:
            self._status = response.status
            watch.touch()
            headers = _kept(response)
            if errand.echo.has_echo("\n".join(headers.values()).encode("utf-8", "surrogateescape")):
                raise _echoed(errand.destination)
            self._check(errand, response)
            await self._answer(errand, response, headers, watch)
            return _status_of(response.status)
        finally:
            upstream.end(errand, response)

    # --- on the way out

    def _headers(self) -> dict[str, str]:
        sent = self._request.headers
        headers = {name: sent[name] for name in _SENT if name in sent}
        headers["Accept-Encoding"] = "identity"
        length = self._request.content_length
        if length is not None and self._request.body_exists:
            headers["Content-Length"] = str(length)
        return headers

    async def _body(self, watch: Watch) -> Any:
        """Return the body to send: what has come whole, or a stream of what is still coming."""
        request, most = self._request, self._services.settings.limits.passthrough_body
        if not request.body_exists:
            return None
        length = request.content_length
        if length is not None and length > most:
            raise _too_large(most)
        if self._must_name_model():
            body = await _read(request, most, watch)
            await self._check_body_model(body)
            return _pieces(body)
        if length is not None and length <= _SMALL:
            return await request.content.read()
        return self._stream(most, watch)

    def _must_name_model(self) -> bool:
        """Say whether the operator's list of models needs a body to be read."""
        target, settings = self._target, self._services.settings
        return (
            bool(settings.allow_models)
            and target.model is None
            and target.method not in _BODILESS
            and not settings.is_model_allowed(target.provider, "")
        )

    async def _check_body_model(self, body: bytes) -> None:
        self._model = await run_sync(parse_model, body)
        if self._model is None:
            raise PermissionDenied(
                "This hub has a list of models, and the request does not name one.",
                hint="Only JSON with one `model` is passed through here.",
            )
        check_model(self._services.settings, self._target.provider, self._model)

    async def _stream(self, most: int, watch: Watch) -> AsyncIterator[bytes]:
        left = most
        async for piece in self._request.content.iter_any():
            watch.touch()
            left -= len(piece)
            if left < 0:
                error = _too_large(most)
                if self._errand is not None:
                    self._errand.failure = error
                raise error
            yield piece

    # --- on the way back

    def _check(self, errand: UpstreamRequest, response: aiohttp.ClientResponse) -> None:
        """Refuse what is no answer of a provider's, before anything of it is passed on."""
        destination, status = errand.destination, response.status
        refuse = partial(_refuse, destination, status, response.headers)
        if 300 <= status < 400:
            raise refuse(
                ProviderError,
                f"{destination.origin} answered with a redirect, which a key does not follow.",
                "If the endpoint moved, an admin saves the key again with its new address.",
            )
        if status == 401 and destination.keyless:
            raise refuse(
                ProviderAuthError,
                f"{destination.origin} asks for a key, and '{self._way.workspace.name}' has none for it.",
                "An owner or admin enters one on the hub's page for keys.",
            )
        if status == 401:
            # Providers quote keys in these, and the caller would take it for a word about their token.
            label = label_of(destination.provider)
            raise refuse(
                ProviderAuthError,
                f"{label} does not accept the key of '{self._way.workspace.name}'.",
                "An owner or admin replaces it on the hub's page for keys.",
            )
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise refuse(
                ProviderUnavailable,
                "The response is compressed in a way that was not asked for.",
                "A proxy in between may do that.",
            )
        if response.content_type in _PAGES and "Content-Type" in response.headers:
            raise refuse(
                ProviderUnavailable,
                f"{destination.origin} answered with a web page instead of a model's reply.",
                "A network log-in page or a proxy may stand in between.",
            )

    async def _answer(
        self,
        errand: UpstreamRequest,
        response: aiohttp.ClientResponse,
        headers: dict[str, str],
        watch: Watch,
    ) -> None:
        length = response.content_length
        try:
            if length is not None and length <= _SMALL:
                await self._answer_whole(errand, response, headers)
            else:
                await self._answer_stream(errand, response, headers, watch)
        except (TimeoutError, aiohttp.ClientError) as error:
            raise explain(errand.destination, error) from None

    async def _answer_whole(
        self, errand: UpstreamRequest, response: aiohttp.ClientResponse, headers: dict[str, str]
    ) -> None:
        body = await response.read()
        if errand.echo.has_echo(body):
            raise _echoed(errand.destination)
        self.response = web.Response(body=body, status=response.status, headers=headers)

    async def _answer_stream(
        self,
        errand: UpstreamRequest,
        response: aiohttp.ClientResponse,
        headers: dict[str, str],
        watch: Watch,
    ) -> None:
        out = self.response = web.StreamResponse(status=response.status, headers=headers)
        if response.content_length is not None:
            out.content_length = response.content_length
        if out.content_type == "text/event-stream":
            out.headers["X-Accel-Buffering"] = "no"
        add_safe_headers(out)
        await out.prepare(self._request)
        left = _MOST_BACK
        async for piece in response.content.iter_any():
            passed = errand.echo.feed(piece)
            left -= len(piece)
            if passed is None:
                raise _echoed(errand.destination)
            if left < 0:
                raise ProviderUnavailable(
                    "The answer is longer than any that is passed through.",
                    provider=errand.destination.provider,
                )
            if passed:
                await out.write(passed)
            watch.touch()
        if rest := errand.echo.flush():
            await out.write(rest)

    def _note(self, status: str, seconds: float) -> None:
        if self._errand is None or not self._errand.sent:
            return
        provider = self._target.provider
        self._services.metrics.calls.labels(INSTRUMENT, provider, "workspace", status).inc()
        self._relay.journal.add(
            make_record(
                workspace_id=self._way.workspace.id,
                user=self._user,
                instrument=INSTRUMENT,
                provider=provider,
                model=self._model or "",
                funding="workspace",
                status=status,
                milliseconds=round(seconds * 1000),
            )
        )


class Watch:
    """Notes when a call last moved, and when it must be over.

    Noting costs next to nothing, and no timer is set: `Watches` looks at all of them now and then.
    """

    __slots__ = ("_clock", "_held", "end", "last")

    def __init__(self, held: ActiveCall, total: float) -> None:
        self._held = held
        self._clock = asyncio.get_running_loop().time
        self.last = self._clock()
        self.end = self.last + total

    def touch(self) -> None:
        """Note that something has passed."""
        self.last = self._clock()

    def look(self, idle: float) -> None:
        """End the call if it was silent for too long, or lasts too long, in whichever direction."""
        now = self._clock()
        if now - self.last < idle and now < self.end:
            return
        why = "was silent for too long" if now < self.end else "took longer than a call may"
        self._held.end(ProviderUnavailable(f"The call {why}, so its connection was closed."))


class Watches:
    """All calls that run, for ending those that are stuck."""

    def __init__(self) -> None:
        self._running: set[Watch] = set()

    @contextmanager
    def watch(self, held: ActiveCall, total: float) -> Generator[Watch]:
        """Watch over a call while the block lasts."""
        watch = Watch(held, total)
        self._running.add(watch)
        try:
            yield watch
        finally:
            self._running.discard(watch)

    async def run(self) -> None:
        """Look at every call again and again, for ever."""
        while True:
            await asyncio.sleep(EVERY)
            for watch in list(self._running):
                watch.look(IDLE)


# --- what all requests share


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person's requests to a provider go by, in one of their workspaces.

    Attributes:
        workspace: On whose account.
        destination: Where its key may be sent.
        limited: Whether an admin has limited what the person may use.
    """

    workspace: Workspace
    destination: Destination
    limited: bool


_WayKey: TypeAlias = "tuple[str, str | None, ProviderId]"


class ReverseProxy:
    """What requests that are passed through share: the connections, and the way to keys and log.

    Who is a member, where a key goes and whether somebody is limited is read once, and again when the
    database was changed.

    Attributes:
        upstream: The connections to providers.
        journal: What writes the calls log.
        watches: What ends calls that are stuck.
    """

    def __init__(self, services: Services) -> None:
        settings, backing = services.settings, services.backing
        self._services = services
        self._backing = backing
        self._changes = backing.changes
        self._ways: Remembered[_WayKey, Grant] = Remembered(self._changes)
        self._reading: dict[_WayKey, asyncio.Task[Grant]] = {}
        self.journal = SureJournal(backing.calls.record_all, backing.tell_unwritten)
        self.watches = Watches()
        services.metrics.running.set_function(lambda: len(services.running))
        self.upstream = Upstream(
            policy=backing.policy,
            vet=make_vet(backing.policy),
            egress=backing.egress,
            connections=settings.limits.streams,
            proxy=settings.proxy,
            ca_file=None if settings.ca_file is None else str(settings.ca_file),
        )

    async def find_way(self, user: str, name: str | None, provider: ProviderId) -> Grant:
        """Return how a person's requests go: by a workspace's name or id, or by their active one.

        Raises:
            WorkspaceNotFound: If they are in none such.
            ProviderKeyMissing: If the workspace has no key. Nobody else's is taken instead.
        """
        key: _WayKey = (user, name, provider)
        # Who is out may be so a few milliseconds later. The key is another matter: see `CachedVault`.
        way = self._ways.find(key, self._changes.look_lately())
        if way is not None:
            return way
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(self._read_way(key))
            reading.add_done_callback(lambda done: self._forget_reading(key, done))
        # One look at the database for all who ask the same; one who hangs up does not take it from the rest.
        return await asyncio.shield(reading)

    async def _read_way(self, key: _WayKey) -> Grant:
        user, name, provider = key
        number = self._changes.look()
        workspace = await self._services.authorize(user, name, "call")
        way = await run_sync(self._look_up, workspace, user, provider)
        self._ways.keep(key, number, way)
        return way

    def _forget_reading(self, key: _WayKey, done: asyncio.Task[Grant]) -> None:
        del self._reading[key]
        if not done.cancelled():
            done.exception()  # whoever waited for it has it; nobody may have

    def make_errand(self, way: Grant) -> UpstreamRequest:
        """Return the errand of a workspace's key. It is opened when the connection stands.

        If the key was replaced by one for another place meanwhile, it is not sent to this one.
        """
        credential = make_credential(
            self._backing.vault, way.workspace.id, way.destination, mode="byok"
        )
        return UpstreamRequest(credential, off_loop=not self._changes.are_known)

    async def take(self, way: Grant, user: str) -> Taken:
        """Count a call against what an admin lets a member use.

        Raises:
            LimitReached: If it is used up.
        """
        return await run_sync(self._backing.allowances.take, way.workspace.id, user)

    def _look_up(self, workspace: Workspace, user: str, provider: ProviderId) -> Grant:
        stored = self._backing.vault.find_key(workspace.id, provider)
        if stored is None:
            raise key_missing(workspace.name, provider, hub=True)
        listed = self._backing.allowances.list(workspace.id)
        limited = any(one.user in (EVERYBODY, user) for one in listed)
        return Grant(workspace, stored.destination, limited)

    async def settle(self, taken: Taken, dollars: float | None) -> None:
        """Add what a counted call has cost; None where that is not known."""
        settle = partial(
            self._backing.allowances.settle,
            taken,
            dollars,
            unknown=self._services.settings.limits.unpriced_call,
        )
        with CancelScope(shield=True):
            await run_sync(settle)


async def open_relay(app: web.Application) -> AsyncIterator[None]:
    """Open the connections when the application starts, and close them when it ends."""
    services = app[SERVICES]
    await run_sync(lambda: services.backing.database)
    relay = app[RELAY] = ReverseProxy(services)
    await relay.upstream.open()
    watching = asyncio.create_task(relay.watches.run())
    yield
    watching.cancel()
    await asyncio.wait({watching})
    await relay.upstream.close()
    await relay.journal.close()


RELAY = web.AppKey("relay", ReverseProxy)


# --- in our own words


def _kept(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {
        name: value
        for name, value in response.headers.items()
        if (lower := name.lower()) in _BACK or lower.startswith(_BACK_BEGINNINGS)
    }


def _status_of(status: int) -> str:
    if status < 400:
        return "ok"
    if status == 429:
        return "rate_limited"
    if status == 403:
        return "provider_auth"
    return "provider_unavailable" if status >= 500 else "provider_error"


def _refuse(
    destination: Destination,
    status: int,
    headers: Any,
    kind: type[ProviderError],
    message: str,
    hint: str,
) -> ProviderError:
    request_id = headers.get("request-id") or headers.get("x-request-id")
    return kind(
        message,
        hint=hint,
        provider=destination.provider,
        status=status,
        request_id=request_id,
    )


def _echoed(destination: Destination) -> ProviderError:
    return ProviderError(
        f"The answer from {destination.origin} held the key itself, so it was cut off there.",
        hint="Revoke the key at the provider and find out what stands in between: "
        "something on the way shows keys.",
        provider=destination.provider,
    )


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The request is larger than {most:,} bytes.")


async def _read(request: web.Request, most: int, watch: Watch) -> bytes:
    found = bytearray()
    async for piece in request.content.iter_any():
        watch.touch()
        found += piece
        if len(found) > most:
            raise _too_large(most)
    return bytes(found)


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _SMALL):
        yield body[start : start + _SMALL]
