"""A connection that a workspace does not have: what was probably meant, and how to make it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from assay_nb.connections.keyway import Keyway
from assay_nb.connections.presets import PRESETS
from assay_nb.messages import PROVIDERS

_ALIKE = 0.75
"""How alike two names are before one is taken for a slip of the other: `antropic` is, `llama` is not `ollama`'s."""
_NAMED = 2
"""How many ways to write a model's name are shown; more are a list and not an answer."""


def _find_alike(connection: str, known: Iterable[str]) -> str | None:
    near = difflib.get_close_matches(connection, list(known), n=1, cutoff=_ALIKE)
    return near[0] if near else None


def explain_missing(
    connection: str,
    known: Iterable[str],
    way: Keyway,
    *,
    asked: str = "",
    servers: Iterable[str] = (),
) -> str:
    """Return the next step where a workspace has no connection of this name.

    Args:
        connection: The name.
        known: The names of the connections that there are.
        way: How connections are made here.
        asked: What was written for a model, such as `Qwen/Qwen3-8B`: many names of models hold a slash, and
            what stands before it is then not a connection. Empty where no model was named.
        servers: The connections whose models may have such names.
    """
    if near := _find_alike(connection, dict.fromkeys([*known, *PROVIDERS])):
        model = asked.partition("/")[2]
        return f"Did you mean `{near}/{model}`?" if model else f"Did you mean {near}?"
    whole = [f"`{one}/{asked}`" for one in list(servers)[:_NAMED]]
    preset = _find_alike(connection, PRESETS)
    if asked and whole and connection != preset:
        return f"If that is the model's whole name, put the connection before it: {' or '.join(whole)}."
    if preset or way.mode == "hub":
        return way.say("connect", preset or "")
    if asked:
        return (
            "Connect the server that has this model: `assay-nb connect` lists what can be connected. "
            f"Then write NAME/{asked}."
        )
    return (
        f"Make it: `assay-nb connect PRESET {connection}`; `assay-nb connect` lists what can be connected, "
        "`assay-nb connections` what is."
    )


def explain_unnamed(asked: str, known: Iterable[str], servers: Iterable[str]) -> str | None:
    """Return the next step where only a connection, or only a model, was named; None where that is not clear.

    Args:
        asked: What was written for a model, such as `llama3.2` or `local`.
        known: The names of the connections.
        servers: Those whose models may have such names.
    """
    alone = asked.strip().rstrip("/")
    if alone.lower() in known:
        return f"Add one of its models: {alone.lower()}/MODEL; `assay-nb models --ask` lists them."
    whole = [f"`{one}/{alone}`" for one in list(servers)[:_NAMED]]
    return f"Put the connection before it: {' or '.join(whole)}." if alone and whole else None
