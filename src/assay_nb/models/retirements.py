"""Retirement days of models, which the list of models, the status, the doctor and the lint rules read.

Only what providers have announced is here, with the page that says so and the day on which it was read. A
model that is not listed may be retired all the same. The days are those of the provider's own API: clouds that
resell a model keep schedules of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

WARNING_DAYS = 60
"""Days before a shutdown on which warnings begin. Anthropic gives this much notice; the others give more."""


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
        if left < 0:
            return f"{model} was due to be shut down on {self.day}."
        if self.is_earliest:
            return f"{model} may be shut down from {self.day} on."
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
_OPENAI = "developers.openai.com/api/docs/deprecations"
_GOOGLE = "ai.google.dev/gemini-api/docs/deprecations"

RETIREMENTS: dict[str, Retirement] = {
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
        },
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
            "gpt-5.1": ("2027-04-01", None),
            "gpt-5.4-nano": ("2027-04-01", None),
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
            "gpt-4.1-nano": ("2026-10-23", None),
            "o1": ("2026-10-23", "gpt-5.6-sol"),
            "o1-pro": ("2026-10-23", "gpt-5.6-sol"),
            "o3-mini": ("2026-10-23", "gpt-5.6-sol"),
            "o4-mini": ("2026-10-23", "gpt-5.6-terra"),
        },
    ),
    **_announced(
        _GOOGLE,
        date(2026, 11, 10),
        {
            "gemini-2.5-pro": ("2026-12-01", "gemini-3.8-flash"),
            "gemini-2.5-flash": ("2026-12-01", "gemini-3.5-flash-lite"),
        },
    ),
    # A page of before: these days are past, or the first possible ones.
    **_announced(
        _GOOGLE,
        date(2026, 9, 15),
        {
            "gemini-2.0-flash": ("2026-06-01", None),
            "gemini-2.0-flash-lite": ("2026-06-01", None),
            "gemini-3-pro-preview": ("2026-03-09", "gemini-3.1-pro-preview"),
            "gemini-3.1-flash-lite-preview": ("2026-05-25", "gemini-3.1-flash-lite"),
        },
    ),
    **_announced(
        _GOOGLE,
        date(2026, 9, 15),
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
