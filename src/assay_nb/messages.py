"""The values that travel between instruments and providers. No behaviour, no I/O.

An instrument makes a `Request` and reads a `Reply`. A provider turns the one into a stream of
`ProviderEvent`s, and the engine folds those back into the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

ProviderId = Literal["anthropic", "openai", "google"]
PROVIDERS: tuple[ProviderId, ...] = ("anthropic", "openai", "google")
"""The providers, which are also the names of the connections that every workspace has from the start."""

Kind = Literal["anthropic", "openai-responses", "openai-chat", "gemini"]
"""What a server speaks: a wire protocol, which one of the three SDKs knows."""

PROVIDER_OF_KIND: dict[Kind, ProviderId] = {
    "anthropic": "anthropic",
    "openai-responses": "openai",
    "openai-chat": "openai",
    "gemini": "google",
}
"""Whose SDK speaks each kind."""

OPENAI_ORIGIN = "https://api.openai.com:443"
"""Where the connection `openai` speaks Responses; at every other address it speaks Chat Completions."""
_LABELS = {"anthropic": "Anthropic", "openai": "OpenAI", "google": "Google"}

DEFAULT_CEILING = 16_000
"""Tokens of a reply at most, where nobody set a ceiling and the provider wants one."""

Role = Literal["user", "assistant"]
StopReason = Literal["end", "length", "refusal", "filtered", "incomplete", "empty", "stopped"]
"""Why a reply ended.

`end` is the only complete one. `length`: the token limit. `refusal`: the model declined. `filtered`: the
provider's filter. `incomplete`: the stream ended without a terminal marker, which every SDK reports as
success, or with a word that is not known to mean a whole reply. `empty`: it ended well, and holds no text.
`stopped`: the person interrupted.
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What an instrument asks of a model, in no provider's own terms.

    Attributes:
        messages: The turns so far, ending with a user turn.
        system: Standing instructions, kept apart from the turns.
        schema: A JSON Schema in the subset that each provider, and each server that takes schemas,
            accepts: objects, arrays, strings and enums of strings; every object closed, every property
            required, and listed in the order of `properties`; no unions and no null (nothing is `none`
            or an empty text), no `$ref`, and no limits on lengths, numbers or patterns. At most 64
            properties, five levels and 4 kB. What a member means is in the prompt: some servers do not
            show the schema to the model. None asks for plain text.
        schema_name: A short identifier for the schema; OpenAI requires one.
        max_output_tokens: The ceiling on the reply that the *user* set, thinking included. None where
            nobody set one: a server that is not known is then sent none.
        longest: Characters of the reply's text beyond which it is of no use: the connection is then closed, and
            the reply counts as one that reached its limit. Thoughts do not count. None for any length.
        knobs: Sampling parameters that the *user* set, by the field's names (`temperature`, `top_p`,
            `effort`). Empty by default, and nothing is sent that is not in it: current models
            refuse them even at their default values.
    """

    messages: tuple[Message, ...]
    system: str | None = None
    schema: Mapping[str, Any] | None = None
    schema_name: str = "reply"
    max_output_tokens: int | None = None
    longest: int | None = None
    knobs: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def ceiling(self) -> int:
        """The ceiling on the reply, in tokens: the user's, or the default."""
        return DEFAULT_CEILING if self.max_output_tokens is None else self.max_output_tokens


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; None where it did not say.

    `input_tokens` is the total, cached tokens included.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            _sum(self.input_tokens, other.input_tokens),
            _sum(self.output_tokens, other.output_tokens),
            _sum(self.cached_tokens, other.cached_tokens),
        )


def _sum(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else a + b


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered, whole."""

    text: str
    stop: StopReason
    usage: Usage = Usage()
    model: str | None = None
    request_id: str | None = None
    thought: bool = False
    """Whether the model thought first: an empty reply then used its tokens up on thoughts."""
    thoughts: str = ""
    """What the model thought, as far as the provider shows it. It is not a part of `text`."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Some more of the reply's text."""

    text: str


@dataclass(frozen=True, slots=True)
class ThoughtDelta:
    """Some more of the model's thoughts, which are not a part of the reply's text.

    Attributes:
        text: The words; empty where the provider keeps them to itself.
        so_far: Whether all text that came before it was thought too, as a closing tag without an opening one
            says. It takes back what was handed on as text.
    """

    text: str
    so_far: bool = False


@dataclass(frozen=True, slots=True)
class UsageReport:
    """The provider's token count so far. Cumulative: a later report replaces an earlier one."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Stopped:
    """The reply ended. Always the last event, and always present: no marker means `incomplete`.

    Attributes:
        reason: Why, in the vocabulary above.
        model: The model that the provider says answered, which may be more exact than the one asked.
        request_id: The provider's id of the request.
        thought: Whether the model thought first, also where no word of it was shown.
    """

    reason: StopReason
    model: str | None = None
    request_id: str | None = None
    thought: bool = False


ProviderEvent: TypeAlias = TextDelta | ThoughtDelta | UsageReport | Stopped

NO_KEY = "none"
"""The placement of a destination that is called without a key."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a key may be sent, and how. All of it is sealed together with the key.

    Attributes:
        provider: The provider whose SDK speaks the server's protocol.
        endpoint: The SDK's base URL, verbatim.
        origin: Its canonical `scheme://host:port`, ASCII and lower case, port always written.
        placement: How the key is put on a request: `"bearer"` (`Authorization: Bearer …`), the name of a
            header that holds it alone (`"x-api-key"`, …), or `"none"` for a server that needs no key.
            Never a query string.
        connection: The connection's name in its workspace; the provider's where none is given.
        kind: What the server speaks; of a connection that was there from the start, what the provider
            speaks at this origin.
    """

    provider: ProviderId
    endpoint: str
    origin: str
    placement: str
    connection: str = ""
    kind: Kind = ""  # type: ignore[assignment]  # filled in below: it is never empty

    def __post_init__(self) -> None:
        if not self.connection:
            object.__setattr__(self, "connection", self.provider)
        if not self.kind:
            object.__setattr__(self, "kind", first_kind(self.provider, self.origin))

    @property
    def keyless(self) -> bool:
        """Whether it is called without a key."""
        return self.placement == NO_KEY


def first_kind(provider: ProviderId, origin: str) -> Kind:
    """Return what the connection that bears a provider's own name speaks at an origin."""
    if provider == "openai":
        return "openai-responses" if origin == OPENAI_ORIGIN else "openai-chat"
    return "anthropic" if provider == "anthropic" else "gemini"


def label_of(provider: str) -> str:
    """Return the provider's name, for people; the name itself of any other connection."""
    return _LABELS.get(provider, provider)
