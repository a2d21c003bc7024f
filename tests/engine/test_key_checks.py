"""What is said of a key that failed its test, by whom was asked."""

from __future__ import annotations

import pytest

from assay_nb.egress.origins import parse_endpoint
from assay_nb.engine.key_checks import lacks_listing, not_stored, unproven
from assay_nb.errors import ProviderAuthError, ProviderError
from assay_nb.messages import NO_KEY

REFUSED = {
    "a provider": (
        None, None, "OpenAI does not accept this key, so it was not stored.", "https://platform.openai.com/api-keys",
    ),
    "another service": (
        "https://api.groq.com/openai/v1", None, "Groq does not accept this key, so it was not stored.",
        "https://console.groq.com/keys",
    ),
    "a server of somebody's own": (
        "http://127.0.0.1:8000/v1", None, "http://127.0.0.1:8000 does not accept this key, so it was not stored.",
        "That server's manual",
    ),
    "a server that was called without a key": (
        "http://127.0.0.1:8000/v1", NO_KEY, "http://127.0.0.1:8000 asks for a key, so nothing was stored.",
        "Enter the key",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_key_is_said_not_to_be_stored(case: str) -> None:
    endpoint, placement, message, hint = REFUSED[case]
    there = parse_endpoint("openai", endpoint, placement=placement)

    with pytest.raises(ProviderAuthError) as caught, not_stored(there):
        raise ProviderAuthError("The provider's own words.", status=401)

    assert caught.value.message == message
    assert hint in (caught.value.hint or "")
    assert caught.value.status == 401


@pytest.mark.parametrize(
    ("models", "public", "said"),
    [
        (3, True, "lists its models without a key too, so the key counts as untested"),
        (
            3,
            False,
            "does not say whether its list of models needs a key, so the key counts as untested",
        ),
        (0, True, "lists no models, so the key counts as untested"),
    ],
)
def test_no_more_is_said_of_a_listing_than_what_it_shows(
    models: int, public: bool, said: str
) -> None:
    check = unproven(parse_endpoint("openai", "http://127.0.0.1:8000/v1"), models, public=public)

    assert said in check.detail
    assert (check.outcome, check.models) == ("unchecked", models)


@pytest.mark.parametrize(
    ("endpoint", "status", "lacks"),
    [
        ("http://127.0.0.1:8000/v1", 405, True),
        ("http://127.0.0.1:8000/v1", 501, True),
        ("http://127.0.0.1:8000/v1", 404, False),  # a slip in the address is likelier
        ("http://127.0.0.1:8000/v1", 400, False),
        ("http://127.0.0.1:8000/v1", None, False),
        ("https://api.fireworks.ai/inference/v1", 404, True),
        ("https://api.fireworks.ai/inference/v1", 500, False),
        (None, 404, False),
        (None, 405, False),
    ],
)
def test_server_without_a_listing_is_told_from_a_wrong_address(
    endpoint: str | None, status: int | None, lacks: bool
) -> None:
    error = ProviderError("It said no.", status=status)

    assert lacks_listing(parse_endpoint("openai", endpoint), error) is lacks
