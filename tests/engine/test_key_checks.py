"""What is said of a key that failed its test, by whom was asked."""

from __future__ import annotations

import pytest

from assay_nb.egress.origins import parse_endpoint
from assay_nb.engine.key_checks import not_stored
from assay_nb.errors import ProviderAuthError
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
