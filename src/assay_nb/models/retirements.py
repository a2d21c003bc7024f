"""Retirement dates of models, which the list of models and the lint rules both read.

Only what providers have announced is here. A model that is not listed may be retired all the same.
"""

from __future__ import annotations

from datetime import date

RETIREMENTS: dict[str, date] = {
    "gpt-5": date(2026, 12, 11),
    "gpt-5-mini": date(2026, 12, 11),
    "gpt-5-nano": date(2026, 12, 11),
    "o3": date(2026, 12, 11),
    "gpt-4.1": date(2027, 1, 14),
    "gpt-4.1-mini": date(2027, 1, 14),
    "gpt-4o": date(2027, 1, 14),
    "gpt-4o-mini": date(2027, 1, 14),
    "gpt-5.1": date(2027, 4, 1),
    "gpt-5.4-nano": date(2027, 4, 1),
    "gpt-4.1-nano": date(2026, 10, 23),
    "gpt-3.5-turbo": date(2026, 10, 23),
    "gpt-4-turbo": date(2026, 10, 23),
    "o1": date(2026, 10, 23),
    "o4-mini": date(2026, 10, 23),
}
"""Shutdown dates of models that people still use by habit."""


def find_retirement(model: str | None) -> date | None:
    """Return the day on which a model is, or was, shut down; None when none is known.

    A dated snapshot (`gpt-4o-2024-08-06`) goes with its family.
    """
    name, _, _ = (model or "").partition("-20")
    return RETIREMENTS.get(name)
