"""The target of a request: what it asks a server for, read from its path and query as they were sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import dropwhile
from urllib.parse import unquote, unquote_plus, urlsplit

from assay_nb.errors import PermissionDenied, WrongUsage
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.responses import NoWebSocket
from assay_nb.gateway.policy import check_model, check_place, check_provider
from assay_nb.gateway.proxy.addresses import find_here, unfold
from assay_nb.gateway.proxy.named_models import clean, names_model
from assay_nb.gateway.settings import Settings
from assay_nb.messages import PROVIDERS, Destination

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_BODILESS = frozenset({"GET", "HEAD", "DELETE"})
_ADMINISTRATION = frozenset({"organization", "organizations"})
_CREDENTIALS = frozenset({
    "key", "api_key", "api-key", "apikey", "access_token", "oauth_token", "token", "x-api-key",
    "x-goog-api-key", "x-portkey-api-key", "subscription-key", "authorization", "auth",
})  # fmt: skip
_MODEL = re.compile(r"(?:^|/)(?:models?|tunedmodels|deployments|engines)/([^/:]+)", re.IGNORECASE)
"""How a path names a model: Google's way, Bedrock's, Azure's and OpenAI's first one. Azure's takes any case."""
_VERSION = re.compile(r"v[1-9][0-9]?(?:alpha|beta)?(?:[1-9][0-9]?)?")
_VERSIONS: Mapping[str, str] = {"anthropic": "v1", "gemini": "v1beta"}
"""The version that a protocol has in its paths, where a client leaves it out. OpenAI's is in its endpoint."""

_BEFORE_VERSION = frozenset({"upload", "download"})
"""What Google has before the version in a path."""

_ASKED_BEFORE = 512
"""Paths that are remembered: programs ask for few. At 8 KiB each, the longest that is read, they take 4 MiB."""

_UNSAFE = re.compile(r"[\x00-\x20\x7f/\\;]")


@dataclass(frozen=True, slots=True)
class Target:
    """What a request asks a server for.

    Attributes:
        connection: By which of the workspace's connections, by name.
        method: The HTTP method.
        path: Below the connection's endpoint, as it was written, without a leading slash.
        query: As it was written.
        models: The models that the path names; none where the method has no body, since it asks no model.
        find_here: Returns the gateway's address of the connection, as the client wrote it. Few replies need it.
    """

    connection: str
    method: str
    path: str
    query: str
    models: tuple[str, ...]
    find_here: Callable[[], str] = str

    @property
    def bodiless(self) -> bool:
        """Whether the method has no body: such a request asks no model."""
        return self.method in _BODILESS

    def url(self, destination: Destination) -> str:
        """Return the URL at a key's destination.

        Some SDKs take a base URL with the version in it and some without, and people try both. A version
        that stands there twice is written once; one that is missing is added where the protocol has one.
        """
        endpoint = destination.endpoint.rstrip("/")
        path = write_version(destination, self.path)
        return f"{endpoint}/{path}?{self.query}" if self.query else f"{endpoint}/{path}"


def read_target(context: RequestContext) -> Target:
    """Return what a request asks for, read from its path as it was sent.

    Raises:
        WrongUsage: If the path or the query could be read as something else on the way, or holds a key.
        PermissionDenied: If it is for the provider's administration, or the operator bars the provider.
    """
    request, connection = context.request, context.connection
    if connection in PROVIDERS:  # that it is barred is told before that it is missing
        check_provider(context.services.settings, connection)
    if "Upgrade" in request.headers:
        raise NoWebSocket(
            "Only plain HTTP requests are passed through, and no WebSockets.",
            hint="Ask in plain HTTP: clients that can do both fall back to it.",
        )
    if request.method not in _METHODS:
        raise WrongUsage(f"Only {', '.join(sorted(_METHODS))} requests are passed through.")
    if request.method in _BODILESS and request.body_exists:
        raise WrongUsage(
            f"A {request.method} request with a body is not passed through.",
            hint="Send it without, or as POST.",
        )
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise WrongUsage("A compressed request is not passed through.", hint="Send it as it is.")
    settings = context.services.settings
    raw = request.rel_url.raw_path
    if "/files/http" in raw:
        raw = unfold(raw, settings.prefix)
    path = _check_path(raw, settings.prefix)
    query = request.rel_url.raw_query_string
    if query:
        _check_query(query)
    named = () if request.method in _BODILESS else _find_models(path)
    here = partial(find_here, request.headers, raw, settings.prefix, settings.public_origin)
    return Target(connection, request.method, path, query, named, here)


@lru_cache(_ASKED_BEFORE)
def write_version(destination: Destination, path: str) -> str:
    """Return a path below a destination's endpoint with its version in it once, wherever clients put theirs."""
    segments = path.split("/")
    own = urlsplit(destination.endpoint).path.rstrip("/").rpartition("/")[2]
    if _VERSION.fullmatch(own):
        return "/".join(dropwhile(own.__eq__, segments))
    rest = [*dropwhile(_VERSION.fullmatch, segments)]
    usual = _VERSIONS.get(destination.kind)
    if len(rest) > 1 and rest[0] in _BEFORE_VERSION and _VERSION.fullmatch(rest[1]):
        return "/".join(rest)
    if len(rest) < len(segments):
        return "/".join([segments[-len(rest) - 1], *rest])
    return f"{usual}/{path}" if usual and path else path


def check_target(settings: Settings, target: Target, destination: Destination) -> None:
    """Refuse what the operator's lists do not have, as far as the address tells.

    Raises:
        PermissionDenied: If the connection leads to a provider, or path or query name a model, that they bar.
    """
    check_place(settings, destination)
    for model in (*target.models, *_read_query_models(target)):
        check_model(settings, destination, model)


def _read_query_models(target: Target) -> Iterator[str]:
    if target.bodiless or not target.query:
        return
    for pair in re.split("[&;]", target.query):
        name, _, value = pair.partition("=")
        if names_model(unquote_plus(name)):
            yield clean(unquote_plus(value))


@lru_cache(_ASKED_BEFORE)
def _find_models(path: str) -> tuple[str, ...]:
    return tuple(_MODEL.findall(unquote(path)))


@lru_cache(_ASKED_BEFORE)
def _check_path(raw: str, prefix: str) -> str:
    """Return the part of a path that is sent on.

    The router has matched as many slashes as there are before it, so they are counted, not compared.
    """
    segments = raw.split("/")[prefix.count("/") + 3 :]
    named = [_read_segment(segment) for segment in segments[:-1]]
    if segments and segments[-1]:  # a path may end in a slash
        named.append(_read_segment(segments[-1]))
    unversioned = [*dropwhile(_VERSION.fullmatch, named)]
    if not _ADMINISTRATION.isdisjoint(name.lower() for name in unversioned[:3]):
        raise PermissionDenied(
            "The provider's administration is not passed through.",
            hint="Use its own console.",
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
                "A key or a token does not belong in a URL, where logs keep it.",
                hint="Send the hub token in a header: `Authorization`, or the one that your SDK uses.",
            )
