"""Rule of refusals: one line of the closed table, and what fits it."""

from __future__ import annotations

from dataclasses import dataclass

from assay_nb.providers.error_body import ErrorBody
from assay_nb.providers.meanings import Meaning

_SAYS_LESS = frozenset({None, 200, 400})
"""Statuses under which a general word of the body says more: an error in a stream comes with 200, a bad
Google key as 400."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table.

    Attributes:
        meaning: What it means.
        on: The statuses under which the line holds; empty for any.
        words: Codes, types or reasons, one of which the body has.
        params: Parameters of the request, one of which the body names.
        phrases: Fixed phrases, one of which its text holds. Matched, and never shown.
        strict: Whether `on` holds within a stream too, where no status is told.
        general: Whether the word says no more than a status does. It counts where the status says less.
        status: The status that the word stands for; None takes the meaning's own.
    """

    meaning: Meaning
    on: frozenset[int] = frozenset()
    words: frozenset[str] = frozenset()
    params: frozenset[str] = frozenset()
    phrases: tuple[str, ...] = ()
    strict: bool = False
    general: bool = False
    status: int | None = None

    def fits(self, status: int | None, body: ErrorBody) -> bool:
        """Return whether the line holds for an error. In a stream every status comes as 200."""
        if self.general and status not in _SAYS_LESS:
            return False
        told = self.strict or status not in {None, 200}
        if self.on and told and status not in self.on:
            return False
        return (
            (not self.words or not self.words.isdisjoint(body.words))
            and (not self.params or not self.params.isdisjoint(body.params))
            and (not self.phrases or any(phrase in body.text for phrase in self.phrases))
        )


def words(meaning: Meaning, *known: str, on: tuple[int, ...] = ()) -> Rule:
    """Return the line for codes, types or reasons."""
    return Rule(meaning, frozenset(on), frozenset(known))


def says(meaning: Meaning, *phrases: str, on: tuple[int, ...] = ()) -> Rule:
    """Return the line for fixed phrases."""
    return Rule(meaning, frozenset(on), phrases=phrases)


def general(meaning: Meaning, status: int, *known: str) -> Rule:
    """Return the line for words that say no more than a status does."""
    return Rule(meaning, words=frozenset(known), general=True, status=status)
