"""The list of models, applied to a request's body: which bodies are read, how much of them, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Generator

from assay_nb.errors import AssayError, PermissionDenied
from assay_nb.gateway.http.responses import TooLarge
from assay_nb.gateway.policy import check_model, is_model_allowed
from assay_nb.gateway.proxy.named_in_forms import (
    MULTIPART,
    URLENCODED,
    read_form_models,
    read_urlencoded_models,
)
from assay_nb.gateway.proxy.named_models import NamedModels, UnreadableModels, read_json_models
from assay_nb.gateway.proxy.target import Target
from assay_nb.gateway.settings import Settings
from assay_nb.messages import Destination


def has_to_be_read(settings: Settings, destination: Destination) -> bool:
    """Say whether the operator's list of models needs bodies for a destination to be read."""
    return not is_model_allowed(settings, destination, "")


def largest_read(settings: Settings) -> int:
    """Return how many bytes a body may have that has to be read."""
    return min(settings.limits.checked_body, settings.limits.passthrough_body)


def too_large_to_read(most: int) -> AssayError:
    """Return the error for a body that is larger than what is read for its models."""
    return TooLarge(
        f"This hub has a list of models, so a request is read, up to {most:,} bytes.",
        hint="Send less at once, or ask the hub's operator to raise limits.checked_body.",
    )


async def check_body_models(
    settings: Settings, target: Target, destination: Destination, content_type: str, body: bytes
) -> tuple[str, ...]:
    """Refuse a body that names a model which the operator's list does not have.

    Reading gives way to others every few milliseconds.

    Args:
        settings: The list.
        target: What the request asks for.
        destination: Where it would be asked.
        content_type: The request's header, which is sent on.
        body: All of it.

    Returns:
        The models that the request names, its own first; none if only its path says so.

    Raises:
        PermissionDenied: If a model is not on the list, the request does not say which model it asks, or it
            cannot be read for that.
    """
    try:
        named = await _read_in_slices(body, content_type)
    except UnreadableModels as error:
        raise PermissionDenied(
            f"This hub has a list of models, and the request {error.reason}.",
            hint="Send UTF-8 JSON that names its `model`.",
        ) from None
    for model in named.models:
        check_model(settings, destination, model)
    if not (named.complete or _may_be_silent(target, destination)):
        raise PermissionDenied(
            "This hub has a list of models, and the request does not say which one it asks.",
            hint="Send JSON that names one `model`, and in a batch one for each request.",
        )
    return named.models


async def find_body_models(content_type: str, body: bytes) -> tuple[str, ...] | None:
    """Return the models that a body names; None where it cannot be read, or names some of them and not all."""
    try:
        named = await _read_in_slices(body, content_type)
    except UnreadableModels:
        return None
    return named.models if named.complete or not named.models else None


async def _read_in_slices(body: bytes, content_type: str) -> NamedModels:
    """Read the models that a body names, and give way to others every few milliseconds."""
    reading = _read_models(body, content_type)
    try:
        while True:
            next(reading)
            await asyncio.sleep(0)
    except StopIteration as end:
        return end.value


def _may_be_silent(target: Target, destination: Destination) -> bool:
    """Say whether a body need not name a model: only Gemini's protocol has it in the path alone.

    Elsewhere a server may go by the path or by the body, so both have to be on the list.
    """
    return target.bodiless or (bool(target.models) and destination.kind == "gemini")


def _read_models(body: bytes, content_type: str) -> Generator[None, None, NamedModels]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == MULTIPART:
        return (yield from read_form_models(body, content_type))
    if kind == URLENCODED:
        return (yield from read_urlencoded_models(body))
    return (yield from read_json_models(body))
