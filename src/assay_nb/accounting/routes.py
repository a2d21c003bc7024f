"""Routes of providers, as far as money goes: which are free, which report tokens, and in which dialect.

A route is known by its path as the provider documents it, after a version or none. Whatever is not known here
counts as a call that may cost something.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from assay_nb.messages import Kind

Dialect: TypeAlias = Literal["anthropic", "responses", "chat", "gemini"]
Charge: TypeAlias = Literal["free", "tokens", "batch"]

_VERSION = re.compile(r"^(?:(?:openai|upload)/)?(?:v\d+(?:(?:alpha|beta)\d*)?/)?")
_ACTION = re.compile(r":([A-Za-z]+)$")

_FREE = re.compile(
    r"messages/count_tokens"
    r"|messages/batches/[^/]+/cancel"
    r"|responses/input_tokens(?:/count)?"
    r"|(?:responses|batches|uploads|fine_tuning/jobs)/[^/]+/cancel"
    r"|files|uploads|uploads/[^/]+/(?:parts|complete)"
    r"|moderations"
    r"|tokenize|detokenize"
)
"""What providers name as free, or what only stores something for a later call."""

_FREE_ACTIONS = frozenset({"countTokens", "computeTokens", "cancel", "register"})
_BATCHES = frozenset({"messages/batches", "batches"})
_BATCH_ACTIONS = frozenset({"batchGenerateContent", "asyncBatchEmbedContent"})
_EMBED_ACTIONS = frozenset({"embedContent", "batchEmbedContents"})

_UNSIZED = re.compile(r"(?:images|videos|audio|containers|fine_tuning|evals|vector_stores)(?:/.*)?")
_UNSIZED_ACTIONS = frozenset({"predict", "predictLongRunning"})
"""Work whose price is in pictures, seconds or hours: neither the request's bytes nor the reply's say how much."""

_DIALECTS: tuple[tuple[str, Dialect], ...] = (
    ("chat/completions", "chat"),
    ("completions", "chat"),
    ("embeddings", "chat"),
    ("responses", "responses"),
    ("responses/compact", "responses"),
    ("images/generations", "responses"),
    ("images/edits", "responses"),
    ("audio/speech", "responses"),
    ("audio/transcriptions", "responses"),
    ("audio/translations", "responses"),
    ("messages", "anthropic"),
)
_OF_KIND: dict[Kind, Dialect] = {
    "anthropic": "anthropic",
    "openai-responses": "responses",
    "openai-chat": "chat",
    "gemini": "gemini",
}


@dataclass(frozen=True, slots=True)
class MeteredRoute:
    """What a request asks for, as far as money goes.

    Attributes:
        charge: `"free"`; `"tokens"` where the reply tells them; `"batch"` where the work comes later, at half the
            price, and only its size is known.
        dialect: In which fields the reply tells tokens.
        writes: Whether the model writes a reply; embeddings do not.
        sized: Whether its bytes say something of what it costs, where the reply tells no tokens.
    """

    charge: Charge
    dialect: Dialect
    writes: bool = True
    sized: bool = True


@lru_cache(maxsize=1024)
def read_route(method: str, path: str, kind: Kind) -> MeteredRoute:
    """Return what a request asks for.

    Args:
        method: The HTTP method. Without a body nothing is asked of a model.
        path: Below the connection's endpoint, as it was written.
        kind: What the server speaks.
    """
    dialect = _OF_KIND[kind]
    if method in {"GET", "HEAD", "DELETE"}:
        return MeteredRoute("free", dialect)
    path = _VERSION.sub("", path.removesuffix("/"))
    action = _ACTION.search(path)
    if action is not None and kind == "gemini":
        return _read_action(action[1])
    if _FREE.fullmatch(path):
        return MeteredRoute("free", dialect)
    if path in _BATCHES:
        return MeteredRoute("batch", dialect)
    for end, spoken in _DIALECTS:
        if path == end or path.endswith(f"/{end}"):
            dialect = spoken
    return MeteredRoute(
        "tokens",
        dialect,
        writes=not path.endswith("embeddings"),
        sized=not _UNSIZED.fullmatch(path),
    )


def _read_action(action: str) -> MeteredRoute:
    if action in _FREE_ACTIONS:
        return MeteredRoute("free", "gemini")
    if action in _BATCH_ACTIONS:
        return MeteredRoute("batch", "gemini")
    return MeteredRoute(
        "tokens",
        "gemini",
        writes=action not in _EMBED_ACTIONS,
        sized=action not in _UNSIZED_ACTIONS,
    )
