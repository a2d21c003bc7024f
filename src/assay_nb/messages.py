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
_LABELS = {"anthropic": "Anthropic", "openai": "OpenAI", "google": "Google"}

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
        max_output_tokens: The ceiling on the reply, thinking included.
        knobs: Sampling parameters that the *user* set, by the field's names (`temperature`, `top_p`,
            `effort`). Empty by default, and nothing is sent that is not in it: current models
            refuse them even at their default values.
    """

    messages: tuple[Message, ...]
    system: str | None = None
    schema: Mapping[str, Any] | None = None
    schema_name: str = "reply"
    max_output_tokens: int = 16_000
    knobs: Mapping[str, Any] = field(default_factory=dict[str, Any])


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


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Some more of the reply's text."""

    text: str


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
        thought: Whether thoughts came, whose text is never shown.
    """

    reason: StopReason
    model: str | None = None
    request_id: str | None = None
    thought: bool = False


ProviderEvent: TypeAlias = TextDelta | UsageReport | Stopped

NO_KEY = "none"
"""The placement of a destination that is called without a key."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a key may be sent, and how. All of it is sealed together with the key.

    Attributes:
        provider: The provider whose wire protocol is spoken there.
        endpoint: The SDK's base URL, verbatim.
        origin: Its canonical `scheme://host:port`, ASCII and lower case, port always written.
        placement: How the key is put on a request: `"bearer"` (`Authorization: Bearer …`),
            `"x-goog-api-key"` (a header of that name), or `"none"` for a server that needs no key. Never
            a query string.
    """

    provider: ProviderId
    endpoint: str
    origin: str
    placement: str

    @property
    def keyless(self) -> bool:
        """Whether it is called without a key."""
        return self.placement == NO_KEY


def label_of(provider: str) -> str:
    """Return the provider's name, for people; the id itself where it is not one of `PROVIDERS`."""
    return _LABELS.get(provider, provider)
