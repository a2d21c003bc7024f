"""The ladder: in which forms a request goes out, from the best one down to the plainest.

A form is made of features that are independent of each other: how the schema travels, what the ceiling on
the reply is called, whether token counts are asked for, whether reasoning is turned down, whether the reply
is streamed, where the system text stands. After a refusal, exactly the feature that it names changes; where
it names none, one feature goes one rung down. A refusal costs nothing, but each form is sent once at most,
and not more than eight of them.

Two things that are not refusals step down as well: a stream in which nothing came is asked for whole, since
some servers tell no error in a stream, and a provider that goes on failing gets the schema in the prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from assay_nb.messages import Request
from assay_nb.providers.meanings import Meaning, Then
from assay_nb.providers.refusals import Refusal, names_ceiling, names_knob

MOST_FORMS = 8

SchemaForm = Literal["json_schema", "json_object_schema", "json_object", "prompt"]
"""How a schema travels: as a parameter, within JSON mode (llama-cpp-python's server), beside JSON mode, or
in the prompt alone."""

Feature = Literal["schema", "usage", "tuned", "ceiling", "streamed", "system"]


@dataclass(frozen=True, slots=True)
class Shape:
    """One form of a request.

    Attributes:
        schema: How the schema travels; `prompt` also where there is none.
        usage: Token counts are asked for (Chat Completions).
        tuned: Reasoning is turned down.
        ceiling: What the ceiling on the reply is called; `none` where none is sent.
        streamed: The reply comes piece by piece.
        system: Where the system text stands: `apart`, or `within` the first user's turn.
        most: Output tokens that the model gives at most, as far as it told.
    """

    schema: SchemaForm = "prompt"
    usage: bool = False
    tuned: bool = False
    ceiling: str = "max_tokens"
    streamed: bool = True
    system: Literal["apart", "within"] = "apart"
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Rungs:
    """The values of each feature for one request, the best one first.

    Attributes:
        values: By feature; a feature that is left out does not change.
        order: What goes down, in this order, where a refusal names nothing.
    """

    values: Mapping[Feature, Sequence[Any]]
    order: tuple[Feature, ...] = ("tuned", "schema")

    @property
    def best(self) -> Shape:
        """The form that is tried first."""
        return replace(Shape(), **{name: values[0] for name, values in self.values.items()})

    def below(self, shape: Shape, feature: Feature) -> Shape | None:
        """Return the form in which one feature is a rung lower, or None at its end."""
        values = self.values.get(feature, ())
        now = getattr(shape, feature)
        if now not in values or (rung := values.index(now) + 1) >= len(values):
            return None
        return replace(shape, **{feature: values[rung]})


_PARAMETERS: Mapping[str, Feature] = {
    "response_format": "schema",
    "json_schema": "schema",
    "json_object": "schema",
    "text": "schema",
    "output_format": "schema",
    "output_config": "schema",
    "response_schema": "schema",
    "response_json_schema": "schema",
    "responsejsonschema": "schema",
    "response_mime_type": "schema",
    "stream_options": "usage",
    "include_usage": "usage",
    "reasoning": "tuned",
    "reasoning_effort": "tuned",
    "effort": "tuned",
    "thinking": "tuned",
    "thinking_config": "tuned",
    "thinkingconfig": "tuned",
    "thinking_level": "tuned",
    "max_tokens": "ceiling",
    "max_completion_tokens": "ceiling",
    "max_output_tokens": "ceiling",
    "maxoutputtokens": "ceiling",
    "stream": "streamed",
    "schema": "schema",
    "grammar": "schema",
}
"""Which feature a parameter belongs to, in every dialect."""

_IN_TEXT = re.compile(
    r"\b("
    + "|".join(
        name for name in _PARAMETERS if name not in {"text", "stream", "effort", "reasoning"}
    )
    + r")\b"
)
"""Parameters as a server's sentence names them. Words that are ordinary English are left out."""

_CONTENT = frozenset({"model", "messages", "input", "instructions", "contents", "prompt", "system"})
"""Parameters that carry what was asked. No other form changes them."""

_STEPS_AT = frozenset({400, 422})
_MAY_BE_SCHEMA = frozenset({500, 501})
"""Failures with which some servers answer a schema that they do not take. 502 to 504 are never one."""

_ONE_FEATURE: Mapping[Meaning, Feature] = {
    Meaning.STREAM_UNVERIFIED: "streamed",
    Meaning.STREAM: "streamed",
    Meaning.SYSTEM: "system",
}
"""Meanings that concern one feature alone."""

_WHEN_NAMED = frozenset(_ONE_FEATURE.values())
"""Features that no other refusal changes: a reply that comes whole, and a system text that is none, cost
something."""


class Ladder:
    """The way down for one request.

    Attributes:
        shape: The form that is sent first.
        remembered: Whether that form was remembered, is not the best one, and has not been refused.
        is_guess: Whether a form was tried after failures that need not have been the form's. It is sent once, and
            what came of it is not remembered.
    """

    def __init__(
        self, rungs: Rungs, request: Request, *, official: bool, known: Mapping[str, Any]
    ) -> None:
        """Begin with the best form, or with what is known to be taken.

        Args:
            rungs: What there is.
            request: What is asked.
            official: Whether the provider's own service is asked.
            known: What was learned earlier, as `learned` says it.
        """
        self._rungs = rungs
        self._request = request
        self._official = official
        self._fits_prompt_only = False
        self.shape = self._recall(known)
        self.remembered = self.shape != rungs.best
        self._tried = {self.shape}
        self._whole_for: dict[Shape, Shape] = {}
        self.is_guess = False

    def after(self, shape: Shape, refusal: Refusal) -> Shape | None:
        """Return the form to send after a refusal, or None where none would be taken."""
        # What a blank stream hid, the whole reply says of it: what follows is streamed again.
        shape = self._whole_for.get(shape, shape)
        lower = self._lower(shape, refusal)
        disproved = lower is not None and self.remembered and shape == self.shape
        if disproved:
            lower = self._rungs.best  # what was learned does not hold any more
        while lower is not None and lower in self._tried:
            lower = self._lower(lower, refusal)
        lower = self._add(lower)
        self.remembered = self.remembered and not (disproved and lower)
        return lower

    def after_blank(self, shape: Shape) -> Shape | None:
        """Return the form to send after a stream in which nothing came: the same, not streamed. None after that."""
        whole = self._add(self._rungs.below(shape, "streamed"))
        if whole is not None:
            self._whole_for[whole] = shape
        return whole

    def after_retries(self, shape: Shape, refusal: Refusal) -> Shape | None:
        """Return the form to send where a provider has failed as often as it is retried; None for no other.

        Official services fail with 500 when they are overloaded, and at a schema that they cannot compile.
        """
        if not self._official or refusal.status not in _MAY_BE_SCHEMA or self.is_guess:
            return None
        if refusal.meaning is not Meaning.DOWN or shape.schema == "prompt":
            return None
        lower = self._add(self._rungs.below(shape, "schema"))
        self.is_guess = lower is not None
        return lower

    def _add(self, shape: Shape | None) -> Shape | None:
        """Return a form that may be sent now, and count it; None for one that was sent, or is one too many."""
        if shape is None or shape in self._tried or len(self._tried) >= MOST_FORMS:
            return None
        self._tried.add(shape)
        return shape

    def learned(self, shape: Shape) -> dict[str, Any]:
        """Return what is worth remembering of the form that was taken: how it differs from the best."""
        if self.is_guess:
            return {}
        best = self._rungs.best
        facts: dict[str, Any] = {
            self._name(feature): getattr(shape, feature)
            for feature in self._rungs.values
            if getattr(shape, feature) != getattr(best, feature)
        }
        if self._official and shape in self._whole_for:
            facts.pop("streamed")  # a provider's own service streams, but for a slip
        if shape.most is not None and not self._fits_prompt_only:
            facts["most"] = shape.most
        return facts

    def _recall(self, known: Mapping[str, Any]) -> Shape:
        shape = self._rungs.best
        for feature, values in self._rungs.values.items():
            if (value := known.get(self._name(feature))) in values:
                shape = replace(shape, **{feature: value})
        most = known.get("most")
        return replace(shape, most=most) if isinstance(most, int) and most > 0 else shape

    def _name(self, feature: Feature) -> str:
        """Return the name under which a feature is remembered: one schema is taken where another is not."""
        return f"schema:{self._request.schema_name}" if feature == "schema" else feature

    def _lower(self, shape: Shape, refusal: Refusal) -> Shape | None:
        if refusal.meaning in {Meaning.CEILING, Meaning.CONTEXT}:
            return self._with_less_output(shape, refusal)
        if only := _ONE_FEATURE.get(refusal.meaning):
            return self._rungs.below(shape, only)
        allowed = self._may_change(shape, refusal)
        if not allowed or any(names_knob(refusal, knob) for knob in self._named_knobs(refusal)):
            return None
        named: list[Feature] = [
            feature for feature in self._named(shape, refusal) if feature in allowed
        ]
        unnamed: list[Feature] = [feature for feature in self._rungs.order if feature in allowed]
        if "ceiling" in allowed and self._is_ceiling_refused(shape, refusal):
            return self._with_less_output(shape, refusal)
        for feature in named or unnamed:
            if lower := self._rungs.below(shape, feature):
                return lower
        return None

    def _may_change(self, shape: Shape, refusal: Refusal) -> Sequence[Feature]:
        """Return the features that a refusal lets one change."""
        schema: Sequence[Feature] = ("schema",) if shape.schema != "prompt" else ()
        if refusal.meaning is Meaning.SCHEMA:
            return schema
        if refusal.meaning is Meaning.UNKNOWN_404:
            return schema
        if refusal.meaning in {Meaning.DOWN, Meaning.UNKNOWN_ERROR}:
            # A server of somebody's own that answers so may not know the schema; a provider is just down.
            return schema if refusal.status in _MAY_BE_SCHEMA and not self._official else ()
        if refusal.then is not Then.STEP or refusal.status not in _STEPS_AT:
            return ()
        if refusal.body.params and refusal.body.params <= _CONTENT:
            return ()
        return tuple(feature for feature in self._rungs.values if feature not in _WHEN_NAMED)

    def _named_knobs(self, refusal: Refusal) -> Iterable[str]:
        return self._request.knobs if refusal.meaning is Meaning.PARAMETER else ()

    def _named(self, shape: Shape, refusal: Refusal) -> Iterable[Feature]:
        """Yield the features that a refusal names and that the form has, as it names them."""
        names = [*refusal.body.params, *_IN_TEXT.findall(refusal.body.text)]
        for name in names:
            feature = _PARAMETERS.get(name)
            if feature == "schema" and shape.schema == "prompt":
                continue
            if feature == "ceiling" and name != shape.ceiling.casefold():
                continue  # a sentence that says which other name to use
            if feature is not None and feature != "streamed":
                yield feature

    def _is_ceiling_refused(self, shape: Shape, refusal: Refusal) -> bool:
        """Return whether a refusal names the ceiling, under whichever name, and no other name is left to try."""
        if shape.most is not None or self._rungs.below(shape, "ceiling") is not None:
            return False
        return shape.ceiling != "none" and names_ceiling(refusal)

    def _with_less_output(self, shape: Shape, refusal: Refusal) -> Shape | None:
        """Return the form with a lower ceiling: what the refusal says, else half of it once, else none."""
        if shape.ceiling == "none":
            return None
        body = refusal.body
        now = min(self._request.ceiling, shape.most or self._request.ceiling)
        if body.most_output is not None and 0 < body.most_output < now:
            return replace(shape, most=body.most_output)
        if body.context and body.prompt and 0 < body.context - body.prompt < now:
            # It holds for this prompt alone, so it is not remembered.
            self._fits_prompt_only = True
            return replace(shape, most=body.context - body.prompt)
        if refusal.meaning is Meaning.CONTEXT:
            return None
        if shape.most is None and now > 1:
            return replace(shape, most=now // 2)
        values = self._rungs.values.get("ceiling", ())
        return replace(shape, ceiling="none", most=None) if "none" in values else None
