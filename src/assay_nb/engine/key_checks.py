"""Key checks: what came of testing a key, or a server that needs none, before and after it is stored."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from assay_nb.egress.origins import is_official, path_hint
from assay_nb.engine.control import STORE_UNTESTED, KeyCheck
from assay_nb.engine.endpoints import find_service
from assay_nb.errors import ProviderAuthError, ProviderError
from assay_nb.messages import Destination
from assay_nb.providers.meanings import Meaning

_PLAIN_REFUSALS = frozenset({None, Meaning.KEY_REFUSED, Meaning.UNKNOWN_401, Meaning.UNKNOWN_403})
"""Refusals that say no more than that the key is not taken; every other has a sentence of its own."""

_SHOWS_NOTHING = frozenset({408, 409, 429})

_NOT_OFFERED = frozenset({405, 501})
"""Statuses of a server that knows the page, and offers no list there."""


def untested(there: Destination) -> KeyCheck:
    """Return what is known of a key that is stored without asking anybody: its endpoint's look, at most."""
    detail = "The server was not asked." if there.keyless else "It was stored untested."
    if hint := path_hint(there):
        detail = f"{detail} {hint}"
    return KeyCheck(provider=there.provider, outcome="unchecked", detail=detail)


def accepted(there: Destination, models: int) -> KeyCheck:
    """Return what it means that the models were listed.

    Without a key it means that the server is there, and no more: some list their models to anybody.
    """
    if not there.keyless:
        return KeyCheck(provider=there.provider, outcome="accepted", models=models)
    detail = "The server answers without a key; the first call shows whether it needs one."
    return KeyCheck(provider=there.provider, outcome="keyless", models=models, detail=detail)


def unproven(there: Destination, models: int, *, public: bool) -> KeyCheck:
    """Return what is known of a key whose server lists its models, which does not prove the key.

    Args:
        there: Where the key leads.
        models: How many models were listed.
        public: Whether they are listed to anybody, and not only perhaps.
    """
    if not models:
        return without_listing(there, "lists no models")
    if public:
        return without_listing(there, "lists its models without a key too", models)
    return without_listing(there, "does not say whether its list of models needs a key", models)


def without_listing(there: Destination, what: str, models: int = 0) -> KeyCheck:
    """Return what is known where no listing proves anything.

    Args:
        there: What was asked.
        what: What it does instead, as the middle of a sentence.
        models: How many models were listed all the same.
    """
    so = "the first call shows whether it answers"
    if not there.keyless:
        so = "the key counts as untested; the first call shows whether it works"
    detail = f"{there.origin} {what}, so {so}."
    return KeyCheck(provider=there.provider, outcome="unchecked", models=models, detail=detail)


def lacks_listing(there: Destination, error: ProviderError) -> bool:
    """Return whether an error means that a server has no list of models, and not that its address is wrong.

    A page that is not there means so at a known service alone, whose address was not typed.
    """
    if is_official(there):
        return False
    known = find_service(there.provider, there.endpoint) is not None
    return error.status in _NOT_OFFERED or (error.status == 404 and known)


def proves_key(error: ProviderError) -> bool:
    """Return whether what a listing without the key ended in shows that one is needed.

    A refusal does, in whichever way a server says it. No answer, a limit or a failure shows nothing.
    """
    status = error.status
    return status is not None and 400 <= status < 500 and status not in _SHOWS_NOTHING


@contextmanager
def not_stored(there: Destination) -> Generator[None]:
    """Say of what was just entered, and failed its test, that it was not stored."""
    try:
        yield
    except ProviderAuthError as error:
        if there.keyless or error.reason in _PLAIN_REFUSALS:
            raise _alike(error, *_refused(there)) from None
        raise _alike(error, f"{error.message} So it was not stored.", error.hint) from None
    except ProviderError as error:
        what = "the key could not be tested, and was not stored"
        if there.keyless:
            what = "the server could not be tested, and nothing was stored"
        hint = f"{error.hint or 'Try again.'} {STORE_UNTESTED}"
        raise _alike(error, f"{error.message} So {what}.", hint) from None


def _refused(there: Destination) -> tuple[str, str]:
    """Return message and hint for a refusal by whom was asked."""
    if there.keyless:
        return (
            f"{there.origin} asks for a key, so nothing was stored.",
            "Enter the key that it takes.",
        )
    service = find_service(there.provider, there.endpoint)
    if service is None:
        message = f"{there.origin} does not accept this key, so it was not stored."
        return message, "Copy it again, whole. That server's manual says what its keys look like."
    message = f"{service.label} does not accept this key, so it was not stored."
    return message, f"Copy it again, whole, or make another: {service.keys_url}"


def _alike(error: ProviderError, message: str, hint: str | None) -> ProviderError:
    return type(error)(
        message,
        hint=hint,
        provider=error.provider,
        status=error.status,
        request_id=error.request_id,
        retry_after=error.retry_after,
        reason=error.reason,
    )
