"""Names of connections: what stands before the slash of a model's name, and which kinds go with it."""

from __future__ import annotations

import re

from assay_nb.errors import WrongUsage
from assay_nb.messages import NO_KEY, PROVIDER_OF_KIND, PROVIDERS, Kind, ProviderId

PLACEMENTS = ("bearer", "x-api-key", "api-key", "x-goog-api-key", "x-portkey-api-key", NO_KEY)
"""Every way in which a key can be put on a request, or `none`."""

SPOKEN: dict[Kind, str] = {
    "anthropic": "Anthropic Messages",
    "openai-responses": "OpenAI Responses",
    "openai-chat": "OpenAI Chat Completions",
    "gemini": "Gemini",
}
"""What servers of each kind speak, for people."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")


def is_name(text: str) -> bool:
    """Say whether a connection may be named so."""
    return _NAME.fullmatch(text) is not None


def check_kind(connection: str, kind: Kind | None) -> ProviderId | None:
    """Return whose SDK speaks to a connection; None where nothing says so.

    Raises:
        WrongUsage: If it cannot be named so, or bears a provider's name and speaks another one's protocol.
    """
    first: ProviderId | None = next((one for one in PROVIDERS if one == connection), None)
    if kind is None:
        return first
    provider = PROVIDER_OF_KIND.get(kind)
    if provider is None:
        raise WrongUsage(
            f"There is no kind {kind[:40]!r}.", hint=f"Use one of {', '.join(PROVIDER_OF_KIND)}."
        )
    if first is not None and first != provider:
        raise WrongUsage(
            f"The connection '{connection}' speaks its provider's own protocol, not {kind}.",
            hint="Choose another name for this server.",
        )
    if first is None:
        _check_name(connection)
    return provider


def check_placement(placement: str | None) -> None:
    """Refuse a way of putting a key on a request that is not known here.

    Raises:
        WrongUsage: If it is none of `PLACEMENTS`.
    """
    if placement is not None and placement not in PLACEMENTS:
        raise WrongUsage(
            f"A key cannot be put on a request by {placement[:40]!r}.",
            hint=f"Use one of {', '.join(PLACEMENTS)}.",
        )


def check_new_name(connection: str, new_name: str) -> None:
    """Refuse a name that a connection cannot be given.

    Raises:
        WrongUsage: If it is not a name, or one of those that are there from the start: what these three speak
            is known, so none is given or taken.
    """
    if connection in PROVIDERS:
        raise WrongUsage(
            f"The connection '{connection}' keeps its name.",
            hint="Connect the server again under another name.",
        )
    if new_name in PROVIDERS:
        raise WrongUsage(
            f"The name '{new_name}' is that of a connection which is there from the start.",
            hint="Choose another name.",
        )
    _check_name(new_name)


def _check_name(name: str) -> None:
    if not is_name(name):
        near = re.sub(r"[^a-z0-9._-]+", "-", name.strip().lower()).strip("-._")[:32]
        such = f", such as {near}" if is_name(near) else ""
        raise WrongUsage(
            f"A connection cannot be named {name[:40]!r}.",
            hint=f"Use up to 32 lower-case letters, digits, dots, hyphens and underscores{such}.",
        )
