"""Retirement days of models, which the list of models, the status, the doctor and the lint rules read.

Only what providers have announced is here, with the page or the SDK that says so and the day on which it was
read. Where the page itself was not read, the source begins with "reports of". A model that is not listed may be
retired all the same. The days are those of the provider's own API: clouds that resell a model keep schedules of
their own. A provider's list of models, asked with a key, goes before this table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

WARNING_DAYS = 60
"""Days before a shutdown on which warnings begin: the notice that Anthropic gives at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """The announced end of a model.

    Attributes:
        day: The day on which it is to be shut down. It can be moved, so a day in the past is overdue.
        successor: The model that its provider recommends instead; None where it names none.
        source: Who says so.
        read: The day on which they were read.
        is_earliest: Whether it is only the first day on which it may happen.
    """

    day: date
    successor: str | None
    source: str
    read: date
    is_earliest: bool = False

    def describe(self, model: str, today: date) -> str | None:
        """Return what to tell whoever uses the model, or None while there is time enough."""
        left = (self.day - today).days
        if left > WARNING_DAYS:
            return None
        if self.is_earliest:
            return f"{model} may be shut down from {self.day} on."
        if left < 0:
            return f"{model} was due to be shut down on {self.day}."
        return f"{model} is due to be shut down on {self.day}."

    @property
    def advice(self) -> str:
        """The next step, as a hint."""
        return f"Use {self.successor} instead." if self.successor else "Choose another model."


def _announced(
    source: str, read: date, models: dict[str, tuple[str, str | None]], *, is_earliest: bool = False
) -> dict[str, Retirement]:
    return {
        model: Retirement(
            day=date.fromisoformat(day),
            successor=successor,
            source=source,
            read=read,
            is_earliest=is_earliest,
        )
        for model, (day, successor) in models.items()
    }


_ANTHROPIC = "platform.claude.com/docs/en/about-claude/model-deprecations"
_ANTHROPIC_SDK = "Anthropic's SDK 2.14.0"
_OPENAI = "developers.openai.com/api/docs/deprecations"
_OPENAI_SDK = "OpenAI's SDK 3.57.0"
_GOOGLE = "ai.google.dev/gemini-api/docs/deprecations"
_GOOGLE_CHANGES = "ai.google.dev/gemini-api/docs/changelog"

RETIREMENTS: dict[str, Retirement] = {
    # The first two are in Anthropic's SDK too, with the same days.
    **_announced(
        _ANTHROPIC,
        date(2026, 11, 26),
        {
            "claude-opus-4-5": ("2027-01-22", "claude-opus-5-5"),
            "claude-sonnet-4-5": ("2026-11-30", "claude-sonnet-5-5"),
            "claude-opus-4-1": ("2026-08-05", "claude-opus-4-8"),
            "claude-opus-4": ("2026-06-15", "claude-opus-4-8"),
            "claude-opus-4-0": ("2026-06-15", "claude-opus-4-8"),
            "claude-sonnet-4": ("2026-06-15", "claude-sonnet-4-6"),
            "claude-sonnet-4-0": ("2026-06-15", "claude-sonnet-4-6"),
            "claude-3-7-sonnet": ("2026-02-19", None),
            "claude-3-5-haiku": ("2026-02-19", "claude-haiku-4-5"),
            "claude-3-haiku": ("2026-04-20", "claude-haiku-4-5"),
            "claude-3-opus": ("2026-01-05", None),
            "claude-3-5-sonnet": ("2025-10-28", None),
        },
    ),
    # Anthropic's page names no day for it; on 2026-09-17 it named this successor.
    **_announced(
        _ANTHROPIC_SDK,
        date(2026, 11, 30),
        {"claude-mythos-preview": ("2026-06-30", "claude-mythos-5")},
    ),
    **_announced(
        _OPENAI,
        date(2026, 11, 22),
        {
            "gpt-5": ("2026-12-11", "gpt-6.1-sol"),
            "gpt-5-mini": ("2026-12-11", "gpt-6.1-terra"),
            "gpt-5-nano": ("2026-12-11", "gpt-6-luna"),
            "gpt-5-pro": ("2026-12-11", "gpt-6.1-sol"),
            "o3": ("2026-12-11", "gpt-6.1-sol"),
            "o3-pro": ("2026-12-11", "gpt-6.1-sol"),
            "gpt-4.1": ("2027-01-14", "gpt-6-luna"),
            "gpt-4.1-mini": ("2027-01-14", "gpt-6-luna"),
            "gpt-4o": ("2027-01-14", "gpt-6-luna"),
            "gpt-4o-mini": ("2027-01-14", "gpt-6-luna"),
        },
    ),
    **_announced(
        _OPENAI,
        date(2026, 10, 15),
        {
            "gpt-3.5-turbo": ("2026-10-23", "gpt-5.6-terra"),
            "gpt-4": ("2026-10-23", "gpt-5.6-sol"),
            "gpt-4-turbo": ("2026-10-23", "gpt-5.6-sol"),
            "gpt-4o-2024-05-13": ("2026-10-23", "gpt-5.6-sol"),
            "o1": ("2026-10-23", "gpt-5.6-sol"),
            "o1-pro": ("2026-10-23", "gpt-5.6-sol"),
            "o3-mini": ("2026-10-23", "gpt-5.6-sol"),
            "o4-mini": ("2026-10-23", "gpt-5.6-terra"),
        },
    ),
    **_announced(
        _OPENAI,
        date(2026, 10, 4),
        {
            "gpt-5.1": ("2027-04-01", "gpt-6-sol"),
            "gpt-5.4-nano": ("2027-04-01", "gpt-6-luna"),
            "gpt-5.3-codex": ("2027-04-01", None),
            "gpt-4.1-nano": ("2026-10-23", "gpt-5.6-luna"),
            "gpt-4-1106-preview": ("2026-10-23", "gpt-5.6-sol"),
            "gpt-3.5-turbo-1106": ("2026-09-28", "gpt-5.6-terra"),
            "gpt-5.2-chat-latest": ("2026-08-10", "gpt-5.5"),
            "gpt-5.3-chat-latest": ("2026-08-10", "gpt-5.5"),
        },
    ),
    # Long past; what was named as their successor has mostly ended itself.
    **_announced(
        _OPENAI_SDK,
        date(2026, 11, 30),
        {
            "gpt-5.1-codex": ("2026-07-23", None),
            "gpt-5.1-chat-latest": ("2026-07-23", None),
            "gpt-5-chat-latest": ("2026-07-23", None),
            "gpt-4o-search-preview": ("2026-07-23", None),
            "gpt-4o-mini-search-preview": ("2026-07-23", None),
            "gpt-4-0125-preview": ("2026-03-26", None),
            "gpt-4-turbo-preview": ("2026-03-26", None),
            "gpt-4-0314": ("2026-03-26", None),
            "chatgpt-4o-latest": ("2026-02-17", None),
            "codex-mini-latest": ("2026-02-12", None),
            "o1-mini": ("2025-10-27", None),
            "o1-preview": ("2025-07-28", None),
            "gpt-4-32k": ("2025-06-06", None),
            "gpt-4-vision-preview": ("2024-12-06", None),
            "gpt-3.5-turbo-16k": ("2024-09-13", None),
            "gpt-3.5-turbo-0301": ("2024-09-13", None),
            "gpt-3.5-turbo-0613": ("2024-09-13", None),
        },
    ),
    # Reports of the page; Google answers calls to these with the successor from that day on.
    **_announced(
        f"reports of {_GOOGLE}",
        date(2026, 11, 10),
        {
            "gemini-2.5-pro": ("2026-12-01", "gemini-3.8-flash"),
            "gemini-2.5-flash": ("2026-12-01", "gemini-3.5-flash-lite"),
        },
    ),
    # Replaced on that day: since then, the successor has answered their calls.
    **_announced(
        _GOOGLE_CHANGES,
        date(2026, 10, 8),
        {
            "gemini-3.7-flash": ("2026-10-08", "gemini-3.8-flash"),
            "gemini-3.5-flash": ("2026-10-08", "gemini-3.6-flash"),
        },
    ),
    **_announced(
        _GOOGLE,
        date(2026, 9, 17),
        {
            "gemini-2.0-flash": ("2026-06-01", "gemini-3.6-flash"),
            "gemini-2.0-flash-lite": ("2026-06-01", "gemini-3.1-flash-lite"),
            "gemini-3-pro-preview": ("2026-03-09", "gemini-3.1-pro-preview"),
            "gemini-3.1-flash-lite-preview": ("2026-05-25", "gemini-3.1-flash-lite"),
        },
    ),
    **_announced(
        _GOOGLE,
        date(2026, 9, 18),
        {"gemini-3.1-flash-lite": ("2027-05-07", "gemini-3.5-flash-lite")},
        is_earliest=True,
    ),
}
"""Announced ends of models, by the name of the family or of the one version that it is about."""

_PINNED = re.compile(r"-(?:20\d\d-\d\d-\d\d|20\d{6}|\d{3,4}|latest)$")
"""What a version adds to its family's name: `gpt-4o-2024-08-06`, `gemini-2.0-flash-001`, `gpt-4-0613`."""


def find_retirement(model: str | None) -> Retirement | None:
    """Return the announced end of a model of a provider's own API; None where none is known.

    A pinned version goes with its family, unless it has a day of its own.
    """
    name = model or ""
    return RETIREMENTS.get(name) or RETIREMENTS.get(_PINNED.sub("", name))
