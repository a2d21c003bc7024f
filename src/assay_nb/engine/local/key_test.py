"""Key test: asking for the list of models, which is free, and what it proves of a key."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from assay_nb.egress.credential import Credential
from assay_nb.egress.origins import is_official
from assay_nb.engine.control import KeyCheck
from assay_nb.engine.key_checks import (
    accepted,
    lacks_listing,
    proves_key,
    unproven,
    without_listing,
)
from assay_nb.engine.local.practice import explained, is_practice
from assay_nb.errors import ProviderAuthError, ProviderError
from assay_nb.messages import NO_KEY, Destination
from assay_nb.providers import get_provider

if TYPE_CHECKING:
    from assay_nb.engine.local.resources import Resources
    from assay_nb.providers.base import ListedModel


_SHOWN = 5
"""How many models of a server's listing are named when a key is stored."""


async def check_key(
    resources: Resources, credential: Credential
) -> tuple[KeyCheck, list[ListedModel]]:
    """Ask for the list of models; return what that proves of the key, and the list.

    Some servers list their models to anybody, so a foreign one is asked a second time without the key.
    Where no key is stored, a listing proves that the server is there, and no more.

    Raises:
        ProviderAuthError: If the provider refuses the key itself, or asks for one. Nothing is stored then.
    """
    there = credential.destination
    try:
        listed = await list_models(resources, credential)
    except ProviderAuthError as error:
        if error.status != 403 or there.keyless:
            raise
        return KeyCheck(provider=there.provider, outcome="limited", detail=error.message), []
    except ProviderError as error:
        if not lacks_listing(there, error):
            raise
        return without_listing(there, "has no list of models"), []
    is_known = is_official(there) or is_practice(there) or there.keyless
    proven = True if is_known else await _refuses_strangers(resources, there)
    outcome = accepted(there, len(listed))
    if not proven:
        outcome = unproven(there, len(listed), public=proven is False)
    return replace(outcome, names=tuple(one.id for one in listed[:_SHOWN])), listed


async def list_models(
    resources: Resources, credential: Credential, *, attempts: int | None = None
) -> list[ListedModel]:
    """Return the models that a server lists for a credential.

    Args:
        resources: The connections to it.
        credential: The right to ask.
        attempts: How often it is asked at most; as often as in a call by default.
    """
    from assay_nb.providers.retry import Retry

    there = credential.destination
    attempts = 1 if is_practice(there) else attempts
    retry = None if attempts is None else Retry(attempts=attempts)
    provider = await get_provider(there.provider, resources.egress, retry=retry)
    with explained(there, has_practice=resources.has_practice):
        return await provider.list_models(credential)


async def _refuses_strangers(resources: Resources, there: Destination) -> bool | None:
    """Return whether a server refuses to list its models to somebody without a key; None if that is not clear."""
    nobody = Credential(replace(there, placement=NO_KEY), lambda: nullcontext(b""))
    try:
        await list_models(resources, nobody, attempts=1)
    except ProviderError as error:
        return proves_key(error) or None
    return False
