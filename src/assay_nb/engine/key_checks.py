"""Key checks: what came of testing a key, or a server that needs none, before and after it is stored."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from assay_nb.engine.control import KeyCheck
from assay_nb.engine.endpoints import find_service
from assay_nb.errors import ProviderAuthError, ProviderError
from assay_nb.messages import Destination


def untested(there: Destination) -> KeyCheck:
    """Return what is known of a key that is stored without asking anybody."""
    detail = "The server was not asked." if there.keyless else "It was stored untested."
    return KeyCheck(provider=there.provider, outcome="unchecked", detail=detail)


def accepted(there: Destination, models: int) -> KeyCheck:
    """Return what it means that the models were listed.

    Without a key it means that the server is there, and no more: some list their models to anybody.
    """
    if not there.keyless:
        return KeyCheck(provider=there.provider, outcome="accepted", models=models)
    detail = "The server answers without a key; the first call shows whether it needs one."
    return KeyCheck(provider=there.provider, outcome="keyless", models=models, detail=detail)


@contextmanager
def not_stored(there: Destination) -> Generator[None]:
    """Say of what was just entered, and failed its test, that it was not stored."""
    try:
        yield
    except ProviderAuthError as error:
        raise _alike(error, *_refused(there)) from None
    except ProviderError as error:
        what = "the key could not be tested, and was not stored"
        if there.keyless:
            what = "the server could not be tested, and nothing was stored"
        hint = "Try again, or store it untested with `--unverified`."
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


def _alike(error: ProviderError, message: str, hint: str) -> ProviderError:
    return type(error)(
        message,
        hint=hint,
        provider=error.provider,
        status=error.status,
        request_id=error.request_id,
        retry_after=error.retry_after,
    )
