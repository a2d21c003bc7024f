"""Endpoints that name an operation: each is refused with the base URL that is meant, and bases are left alone."""

from __future__ import annotations

import pytest

from assay_nb.egress.origins import (
    SoloPolicy,
    check_destination,
    parse_endpoint,
    path_hint,
)
from assay_nb.errors import EndpointRefused
from assay_nb.messages import Destination, ProviderId


@pytest.mark.parametrize(
    ("provider", "url", "advice"),
    [
        ("openai", "https://x.example/v1/chat/completions", "out: https://x.example/v1"),
        ("openai", "https://x.example/v1/chat/completions/", "out: https://x.example/v1"),
        ("openai", "https://x.example/v1/completions", "out: https://x.example/v1"),
        ("openai", "https://x.example/v1/responses", "out: https://x.example/v1"),
        ("openai", "https://x.example/v1/embeddings", "out: https://x.example/v1"),
        ("openai", "https://x.example/v1/models", "out: https://x.example/v1"),
        ("openai", "https://x.example/v1/models/m", "out: https://x.example/v1"),
        ("openai", "http://localhost:11434/chat/completions", "http://localhost:11434/v1"),
        ("openai", "https://x.example/api/v1/chat/completions?a=1", "https://x.example/api/v1"),
        (
            "openai",
            "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=1",
            "out: https://r.openai.azure.com/openai/v1",
        ),
        ("anthropic", "https://x.example/v1/messages", "out: https://x.example"),
        ("anthropic", "https://x.example/v1/messages/count_tokens", "https://x.example"),
        ("anthropic", "https://x.example/a/v1/messages", "out: https://x.example/a"),
        ("anthropic", "https://x.example/v1/models", "out: https://x.example"),
        ("google", "https://x.example/v1beta/models/g-1:generateContent", "https://x.example"),
        ("google", "https://x.example/v1beta/models/g:streamGenerateContent?alt=sse", "out: https://x.example"),
        ("google", "https://x.example/v1beta/models", "out: https://x.example"),
        ("openai", "https://x.example/v1/messages", "Anthropic's protocol, at https://x.example"),
        ("anthropic", "https://x.example/v1/responses", "OpenAI's protocol, at https://x.example/v1"),
        ("anthropic", "https://x.example/chat/completions", "OpenAI's protocol, at https://x.example/v1"),
        ("openai", "https://x.example/v1beta/models/g:generateContent", "Google's protocol, at https://x.example"),
        ("openai", "http://localhost:11434/api/chat", "out: http://localhost:11434/v1"),
        ("openai", "http://localhost:11434/api/tags", "out: http://localhost:11434/v1"),
    ],
)  # fmt: skip
def test_operation_is_refused_with_the_base_that_is_meant(
    provider: ProviderId, url: str, advice: str
) -> None:
    with pytest.raises(EndpointRefused, match="one operation") as caught:
        parse_endpoint(provider, url)

    assert str(caught.value.hint).endswith(advice)


@pytest.mark.parametrize(
    ("provider", "url"),
    [
        ("openai", "https://x.example/v1"),
        ("openai", "https://r.services.ai.example/models"),
        ("openai", "https://x.example/chat"),
        ("openai", "https://completions.example/v1"),
        ("anthropic", "https://messages.example"),
        ("anthropic", "https://x.example/messages/v2"),
        ("google", "https://x.example/models"),
        ("google", "https://x.example/gemini"),
    ],
)
def test_base_url_is_left_alone(provider: ProviderId, url: str) -> None:
    assert parse_endpoint(provider, url).endpoint == url


def test_endpoint_that_was_stored_before_still_opens_and_is_told_after_a_404() -> None:
    origin = "https://x.example:443"
    stored = Destination("openai", "https://x.example/v1/chat/completions", origin, "bearer")

    check_destination(stored, SoloPolicy())

    assert str(path_hint(stored)) == "Leave it out: https://x.example/v1"
