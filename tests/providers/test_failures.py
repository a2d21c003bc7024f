"""What SDKs raise becomes ours; a class that nobody has looked at fails here."""

from __future__ import annotations

import importlib
import inspect
import re

import httpx2
import pytest

from assay_nb.messages import PROVIDERS, ProviderId
from assay_nb.providers import anthropic, failures, google, openai
from assay_nb.providers.failures import Kind, describe_wait, kind_of

MODULES = {
    "anthropic": ("anthropic._exceptions", anthropic.KINDS),
    "openai": ("openai._exceptions", openai.KINDS),
    "google": ("google.genai.errors", google.KINDS),
}


def exceptions_of(module: str) -> list[type[Exception]]:
    package = module.split(".")[0]
    members = inspect.getmembers(importlib.import_module(module), inspect.isclass)
    found = [
        member
        for _, member in members
        if issubclass(member, Exception)
        and not issubclass(member, Warning)
        and member.__module__.split(".")[0] == package
    ]
    assert len(found) >= 7, "the SDK keeps its exceptions somewhere else by now"
    return found


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_exception_of_the_sdk_is_mapped(provider: ProviderId) -> None:
    module, kinds = MODULES[provider]

    unmapped = [
        kind.__name__
        for kind in exceptions_of(module)
        if kind.__name__ not in kinds and not _is_described(kind, kinds)
    ]

    assert unmapped == [], "the SDK has grown an exception: say in KINDS what it means"


def _is_described(kind: type[Exception], kinds: dict[str, Kind]) -> bool:
    """Whether an ancestor says what it means; that it is *some* error of the SDK's does not."""
    vague = {"AnthropicError", "OpenAIError", "APIError"}
    return any(ancestor.__name__ in kinds.keys() - vague for ancestor in kind.__mro__)


STATUS_NAMES = re.compile(
    r"(BadRequest|Authentication|PaymentRequired|PermissionDenied|NotFound|RequestTimeout|Conflict|"
    r"PreconditionFailed|ContentTooLarge|UnprocessableEntity|RateLimit|RequestHeaderFieldsTooLarge|"
    r"ClientClosedRequest|InternalServer|HTTPNotImplemented|ServiceUnavailable|GatewayTimeout|"
    r"Overloaded|APIStatus)Error"
)


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_exceptions_that_are_read_by_status_are_the_ones_we_know(provider: ProviderId) -> None:
    module, kinds = MODULES[provider]

    by_status = [
        kind.__name__
        for kind in exceptions_of(module)
        if kind_of(kind.__new__(kind), kinds) is Kind.STATUS and kind.__name__ != "APIError"
    ]

    assert [name for name in by_status if not STATUS_NAMES.fullmatch(name)] == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_table_names_no_exception_that_the_sdk_has_lost(provider: ProviderId) -> None:
    module, kinds = MODULES[provider]

    newer = {"ContinuationInterruptedError"}  # google-genai 3, for Python 3.11 and later
    assert set(kinds) - newer <= {kind.__name__ for kind in exceptions_of(module)}


def test_every_network_exception_is_mapped() -> None:
    kinds = [
        member
        for _, member in inspect.getmembers(httpx2, inspect.isclass)
        if issubclass(member, httpx2.RequestError)
    ]

    assert len(kinds) > 10
    for kind in kinds:
        assert kind_of(kind("x"), failures.NETWORK) is not Kind.UNUSED


def test_wait_is_told_in_words() -> None:
    assert describe_wait(1) == "1 second"
    assert describe_wait(20.2) == "21 seconds"
    assert re.fullmatch(r"3 minutes \(at \d\d:\d\d\)", describe_wait(180))
    assert describe_wait(6 * 3600) == "6 hours"
