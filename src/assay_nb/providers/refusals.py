"""Refusals: what a provider's or a server's error means, read with a closed table.

The table is in `refusal_rules`. What decides is the status and the machine-readable words of the body; a
fixed phrase of its text only where nothing else tells causes apart. The dialect is read from the body and
not from the provider: a dozen services speak through the OpenAI adapter. A refusal that is not in the table
keeps the plain meaning of its status, which blames nothing that is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from assay_nb.providers.error_body import ErrorBody, read_error_body
from assay_nb.providers.meanings import CONSEQUENCES, Meaning, Then
from assay_nb.providers.refusal_rules import RULES

_OF_STATUS: Mapping[int, Meaning] = {
    401: Meaning.UNKNOWN_401,
    402: Meaning.BILLING,
    403: Meaning.UNKNOWN_403,
    404: Meaning.UNKNOWN_404,
    405: Meaning.PAGE_UNKNOWN,
    408: Meaning.DOWN,
    409: Meaning.DOWN,
    410: Meaning.MODEL_UNKNOWN,
    413: Meaning.CONTEXT,
    # Text-generation-inference's for an engine that failed, two for "not now", Groq's, and nginx's.
    **dict.fromkeys((424, 425, 498, 499), Meaning.DOWN),
    429: Meaning.RATE,
    451: Meaning.REGION,
    503: Meaning.BUSY,
    529: Meaning.BUSY,
}

_RETRIED = frozenset({408, 409, 425, 429, 498, 500, 502, 503, 504, 520, 529})


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal, understood.

    Attributes:
        meaning: What it means.
        status: The status that counts.
        body: What its body says.
        by_rule: Whether a line of the table fits it.
    """

    meaning: Meaning
    status: int
    body: ErrorBody = field(default_factory=ErrorBody)
    by_rule: bool = False

    @property
    def then(self) -> Then:
        """What may follow."""
        return CONSEQUENCES[self.meaning].then

    @property
    def is_known(self) -> bool:
        """Whether the table, or a status that the body tells, says what it means."""
        return self.by_rule or self.body.number is not None

    @property
    def again(self) -> bool:
        """Whether the very same request may be taken later."""
        return self.then is Then.WAIT and self.status in _RETRIED


def read_refusal(status: int | None, raw: object) -> Refusal:
    """Return what an error means.

    Args:
        status: HTTP's status; 200 for an error within a stream, None where no response came.
        raw: The error's body, as it was decoded.
    """
    body = read_error_body(raw)
    if status in {None, 200}:
        status = body.number or status
    rule = next((rule for rule in RULES if rule.fits(status, body)), None)
    if rule is None and status == 200:
        return Refusal(Meaning.UNKNOWN_ERROR, 500, body)
    if rule is None:
        plain = 500 if status is None or status < 400 else status
        meaning = _of_status(plain)
        return Refusal(meaning, CONSEQUENCES[meaning].status or plain, body)
    meaning = _told_apart(rule.meaning, body)
    fixed = rule.status or CONSEQUENCES[meaning].status
    plain = 400 if status is None or status < 400 else status
    return Refusal(meaning, fixed or plain, body, by_rule=True)


def _of_status(status: int) -> Meaning:
    return _OF_STATUS.get(status, Meaning.DOWN if status >= 500 else Meaning.UNKNOWN)


def _told_apart(meaning: Meaning, body: ErrorBody) -> Meaning:
    """Return the meaning that the body's own figures give: is it the prompt that fills the context?"""
    if meaning is not Meaning.CEILING or body.context is None or body.prompt is None:
        return meaning
    return Meaning.CONTEXT if body.prompt >= body.context else meaning


_KNOB_PARAMS: Mapping[str, frozenset[str]] = {
    "temperature": frozenset({"temperature"}),
    "top_p": frozenset({"top_p", "topp"}),
    "effort": frozenset(
        {"effort", "reasoning", "reasoning_effort", "thinking_config", "output_config"}
    ),
}


def names_knob(refusal: Refusal, knob: str) -> bool:
    """Return whether a refusal names this setting of the user's as what it does not take."""
    names = _KNOB_PARAMS[knob]
    if refusal.body.params:
        return not names.isdisjoint(refusal.body.params)
    return any(name in refusal.body.text for name in names - {"output_config", "reasoning"})


_CEILINGS = frozenset(
    {"max_tokens", "max_completion_tokens", "max_output_tokens", "maxoutputtokens"}
)
"""What the ceiling on a reply is called, in every dialect."""


def names_ceiling(refusal: Refusal) -> bool:
    """Return whether a refusal names the ceiling on the reply as what it does not take."""
    if refusal.body.params:
        return not _CEILINGS.isdisjoint(refusal.body.params)
    return any(name in refusal.body.text for name in _CEILINGS)
