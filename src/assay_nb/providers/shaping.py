"""Shaping of a request: which forms it can have, how it looks in one of them, and which settings it carries."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from assay_nb.egress.credential import Credential
from assay_nb.egress.origins import is_official
from assay_nb.errors import WrongUsage
from assay_nb.messages import Message, Request
from assay_nb.models.catalog import find_model
from assay_nb.models.parameters import refused_knobs
from assay_nb.providers.exchange import Exchange
from assay_nb.providers.ladder import Rungs, Shape

SAMPLING = ("temperature", "top_p")
KNOBS = frozenset({"effort", *SAMPLING})

SYSTEM_PLACES = ("apart", "within")
"""Where a request's system text may stand, the best place first."""


def plain_rungs(request: Request, *, tuned: bool, ceiling: str = "max_tokens") -> Rungs:
    """Return the forms at a service that takes a schema or does not, and has one name for the ceiling.

    Args:
        request: What is asked.
        tuned: Whether reasoning is turned down in the best form.
        ceiling: What the ceiling is called. Where it is not Anthropic's, which wants one, and nobody set
            it, it can be left out.
    """
    droppable = ceiling != "max_tokens" and request.max_output_tokens is None
    return Rungs(
        {
            "tuned": (True, False) if tuned else (False,),
            "schema": ("json_schema", "prompt") if request.schema is not None else ("prompt",),
            "ceiling": (ceiling, "none") if droppable else (ceiling,),
            "streamed": (True, False),
            "system": SYSTEM_PLACES,
        }
    )


def fit_to_shape(request: Request, shape: Shape) -> Request:
    """Return the request as it goes out in this form: its schema or system text in the prompt, its ceiling lowered.

    JSON mode wants the word JSON in the prompt, and shows a model no schema.
    """
    if request.schema is not None and shape.schema != "json_schema":
        told = with_schema_in_prompt(request)
        request = told if shape.schema == "prompt" else replace(told, schema=request.schema)
    if shape.system == "within":
        request = with_system_in_prompt(request)
    if shape.most is not None and shape.most < request.ceiling:
        request = replace(request, max_output_tokens=shape.most)
    return request


def with_schema_in_prompt(request: Request) -> Request:
    """Return the request with its schema written out, for models that take none."""
    if request.schema is None:
        return request
    demand = (
        "Reply with one JSON object and nothing else: no introduction, no code fence. "
        f"It follows this JSON Schema:\n{json.dumps(request.schema)}"
    )
    system = f"{request.system}\n\n{demand}" if request.system else demand
    return replace(request, system=system, schema=None)


def with_system_in_prompt(request: Request) -> Request:
    """Return the request with its system text before the first user's, for models that take none (Gemma)."""
    if not request.system:
        return request
    first, *rest = request.messages
    if first.role == "user":
        turns = (replace(first, text=f"{request.system}\n\n{first.text}"), *rest)
    else:
        turns = (Message("user", request.system), *request.messages)
    return replace(request, system=None, messages=turns)


def check_knobs(request: Request, model: str, *, official: bool) -> None:
    """Raise `WrongUsage` for a setting that is unknown, or that the model is known to refuse."""
    if unknown := set(request.knobs) - KNOBS:
        raise WrongUsage(
            f"There is no setting {min(unknown)!r}.",
            hint=f"Use one of {', '.join(sorted(KNOBS))}.",
        )
    known = find_model(model) if official else None
    if known is None:
        return
    # Where sampling needs effort `none`, the adapter sends it along.
    if refused := refused_knobs(known.id, {**request.knobs, "effort": "none"}):
        raise WrongUsage(
            f"{model} takes no {' and no '.join(sorted(refused))}.",
            hint="Leave it out; `effort` is what current models are steered with.",
        )


def effort_for(request: Request, model: str, exchange: Exchange) -> str | None:
    """Return the effort to ask for: what the user set, or little where the model is known to think.

    A model that thinks unasked takes its thoughts from the same `max_output_tokens`, on the same bill.
    """
    if "effort" in request.knobs:
        return str(request.knobs["effort"])
    known = find_model(model) if is_official(exchange.destination) else None
    return "low" if known and known.parameters.reasons else None


def is_tunable(model: str, credential: Credential) -> bool:
    """Say whether parameters beyond the plainest are sent: the model and its endpoint are known."""
    return is_official(credential.destination) and find_model(model) is not None


def sampling_of(request: Request) -> dict[str, float]:
    """Return the sampling parameters that are set, as numbers."""
    return {
        name: _as_float(name, request.knobs[name]) for name in SAMPLING if name in request.knobs
    }


def _as_float(name: str, value: Any) -> float:
    """Return a knob as a number, or raise `WrongUsage`."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise WrongUsage(f"The setting {name} is not a number: {str(value)[:40]!r}.") from None
