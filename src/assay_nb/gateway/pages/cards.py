"""Cards: what the pages show of a connection, its key and where it leads."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from assay_nb.connections.keyway import page_of
from assay_nb.connections.presets import preset_of
from assay_nb.egress.origins import OFFICIAL
from assay_nb.engine.control import KeyFacts, Setup, WorkspaceFacts
from assay_nb.gateway.http.context import RequestContext
from assay_nb.messages import PROVIDERS

_SPOKEN = {
    "anthropic": "Anthropic Messages",
    "openai-responses": "OpenAI Responses",
    "openai-chat": "OpenAI Chat Completions",
    "gemini": "Google Gemini",
}

PLACED = {
    "bearer": "Authorization: Bearer",
    "x-api-key": "x-api-key",
    "api-key": "api-key",
    "x-goog-api-key": "x-goog-api-key",
    "x-portkey-api-key": "x-portkey-api-key",
}
"""How a key can be put on a request, as people know it from a server's manual."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a page shows of one connection.

    Attributes:
        key: What is known of its key.
        setup: What it is called, and how to get a key for it.
        service: Whose service it leads to; `""` for a server of somebody's own, whatever it is called.
    """

    key: KeyFacts
    setup: Setup
    service: str

    @property
    def was_there(self) -> bool:
        """Whether it is one of the three that every workspace has from the start."""
        return self.key.connection in PROVIDERS

    @property
    def who(self) -> str:
        """Who answers there: a connection by the name that it was given, one of the three by whose it is."""
        named = self.service if self.was_there else self.key.connection
        return named or urlsplit(self.key.endpoint).netloc

    @property
    def page(self) -> str:
        """Its page, below the workspace's."""
        return page_of(self.key.connection)

    @property
    def state(self) -> str:
        """The state in a word, for the eye and for the style sheet."""
        if self.key.state == "ready":
            return "ready" if self.key.verified or self.key.keyless else "untested"
        return self.key.state

    @property
    def words(self) -> str:
        """The state in words."""
        if self.key.keyless:
            return "No key needed"
        return {
            "ready": "Ready",
            "untested": "Ready, not tested yet",
            "unreadable": "Cannot be opened: enter it again",
            "sealed": "The vault is sealed: the operator has to open it",
            "missing": "No key",
        }[self.state]

    @property
    def endpoint(self) -> str:
        """Where it leads, unless that is what its name says: the provider's own address."""
        if self.was_there and self.key.endpoint == OFFICIAL[self.key.provider]:
            return ""
        return self.key.endpoint

    @property
    def spoken(self) -> str:
        """What the server speaks, for people."""
        return _SPOKEN.get(self.key.kind, self.key.kind)

    @property
    def placed(self) -> str:
        """Which header carries the key."""
        return PLACED.get(self.key.placement, self.key.placement)


async def cards_of(context: RequestContext, where: WorkspaceFacts) -> list[Card]:
    """Return a card for each connection that the operator's list of providers allows."""
    allowed = context.services.settings.allow_providers
    keys = await context.control.keys(where.id)
    return [_make_card(context, key) for key in keys if key.provider in allowed]


def _make_card(context: RequestContext, key: KeyFacts) -> Card:
    preset = preset_of(key.endpoint)
    if key.connection in PROVIDERS:
        setup = context.control.setup(key.provider)
        is_own = key.endpoint not in ("", OFFICIAL[key.provider])
        return Card(key, setup, (preset.label if preset else "") if is_own else setup.name)
    if preset is None:
        return Card(key, _set_up(key), "")
    setup = _set_up(key, preset.keys_url, preset.looks_like, preset.to_begin, preset.caution)
    return Card(key, setup, preset.label)


def _set_up(
    key: KeyFacts, keys_url: str = "", looks_like: str = "", cost: str = "", note: str = ""
) -> Setup:
    return Setup(
        provider=key.provider,
        name=key.connection,
        key_url=keys_url,
        revoke_url=keys_url,
        looks_like=looks_like,
        cost=cost,
        note=note,
    )
