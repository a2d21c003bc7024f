"""Operations: an endpoint that names one of them, and the base URL that is meant.

Manuals show the address of a request, `https://llm.example/v1/chat/completions`, and an SDK wants what comes
before it. With the whole address it asks for `/v1/chat/completions/chat/completions`, and a 404 is all one sees.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from assay_nb.messages import ProviderId, label_of

_OPERATIONS: tuple[tuple[ProviderId, re.Pattern[str]], ...] = (
    (
        "google",
        re.compile(r"(/models/[^/]+)?:(streamG|g)enerateContent$|(/models/[^/]+)?:countTokens$"),
    ),
    ("anthropic", re.compile(r"/messages(/count_tokens|/batches)?$|/complete$")),
    ("openai", re.compile(r"(/chat)?/completions$|/responses$|/embeddings$")),
)
"""What requests are addressed to, by the protocol that it belongs to: what a base URL never ends in."""

_NATIVE = re.compile(r"/api/(chat|generate|tags|embed|embeddings|show|ps|version)$")
"""Ollama's own protocol, which no SDK here speaks: what it has for OpenAI's is beside it, under `/v1`."""

_LISTING = re.compile(r"/models(/[^/:]+)?$")
"""The list of models, or one of it. After a version alone: `/models` itself is some servers' base."""

_ORIGIN = re.compile(r"^[a-z]+://[^/]*", re.IGNORECASE)
_VERSION = re.compile(r"/v\d\w*$")
_DEPLOYMENT = re.compile(r"/openai/deployments/[^/]+$")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation that an endpoint names.

    Attributes:
        operation: Its path, such as `/chat/completions`.
        advice: What to do, with the base URL that is meant.
    """

    operation: str
    advice: str


def find_operation(provider: ProviderId, endpoint: str) -> Operation | None:
    """Return the operation that an endpoint ends in, if it ends in one.

    Args:
        provider: Whose protocol the endpoint was named for.
        endpoint: A base URL, as it was typed.
    """
    address = re.split(r"[?#]", endpoint, maxsplit=1)[0].rstrip("/")
    path = _ORIGIN.sub("", address)  # by itself: what is not a URL at all is for others to refuse
    for owner, pattern in _OPERATIONS:
        if found := pattern.search(path):
            return _describe(provider, owner, address, found[0])
    if provider == "openai" and (found := _NATIVE.search(path)):
        return _describe(provider, "openai", address, found[0])
    listing = _LISTING.search(path)
    if listing and _VERSION.search(path[: listing.start()]):
        return _describe(provider, provider, address, listing[0])
    return None


def _describe(provider: ProviderId, owner: ProviderId, address: str, operation: str) -> Operation:
    base = _make_base(owner, address.removesuffix(operation))
    if owner == provider:
        return Operation(operation, f"Leave it out: {base}")
    speaks = f"Connect it as a server that speaks {label_of(owner)}'s protocol, at {base}"
    return Operation(operation, speaks)


def _make_base(owner: ProviderId, base: str) -> str:
    """Return a base URL as the owner's SDK wants it: with the version, or without where it adds that itself."""
    if owner != "openai":
        return _VERSION.sub("", base)
    # Azure's older form; its new one names the deployment as the model.
    if _DEPLOYMENT.search(base):
        return _DEPLOYMENT.sub("/openai/v1", base)
    return base if re.search(r"/v\d", _ORIGIN.sub("", base)) else f"{base}/v1"
