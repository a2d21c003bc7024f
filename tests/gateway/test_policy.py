"""The operator's lists, asked of where a connection leads and not of what an admin calls it."""

from __future__ import annotations

import pytest

from assay_nb.connections.presets import find_preset
from assay_nb.egress.origins import OperatorPolicy, parse_endpoint
from assay_nb.errors import PermissionDenied
from assay_nb.gateway.policy import check_model, check_place, is_model_allowed, is_preset_open
from assay_nb.gateway.settings import Settings
from assay_nb.messages import PROVIDER_OF_KIND, Destination, Kind

OWN = "https://llm.example.org/v1"
POLICY = OperatorPolicy.from_urls(["https://llm.example.org"])


def lead(connection: str, kind: Kind, endpoint: str | None = None) -> Destination:
    return parse_endpoint(
        PROVIDER_OF_KIND[kind], endpoint, policy=POLICY, connection=connection, kind=kind
    )


@pytest.mark.parametrize(
    ("there", "pattern", "model", "allowed"),
    [
        (lead("openai", "openai-responses"), "openai/gpt-mini", "gpt-mini", True),
        (lead("mini", "openai-responses"), "openai/gpt-mini", "gpt-mini", True),
        (lead("mini", "openai-responses"), "mini/*", "gpt-6", False),
        (lead("mini", "openai-responses", "https://API.openai.com:443/v1"), "mini/*", "m", False),
        (lead("x", "anthropic", "https://api.openai.com/v1"), "anthropic/*", "gpt-6", False),
        (lead("x", "anthropic", "https://api.openai.com/v1"), "openai/*", "gpt-6", True),
        (lead("local", "openai-chat", OWN), "local/llama*", "llama3.2", True),
        (lead("local", "openai-chat", OWN), "openai/llama*", "llama3.2", True),
        (lead("local", "openai-chat", OWN), "local/llama*", "mistral", False),
        (lead("local", "openai-chat", OWN), "anthropic/*", "llama3.2", False),
        (lead("openai", "openai-chat", OWN), "local/*", "llama3.2", False),
        (lead("local", "openai-chat", OWN), "local/*", "org/llama3.2", True),
    ],
)
def test_a_pattern_lists_a_model_by_where_it_is_asked(
    there: Destination, pattern: str, model: str, allowed: bool
) -> None:
    settings = Settings(allow_models=(pattern,))

    assert is_model_allowed(settings, there, model) is allowed
    if allowed:
        check_model(settings, there, model)
    else:
        with pytest.raises(PermissionDenied, match="does not allow the model"):
            check_model(settings, there, model)


@pytest.mark.parametrize(
    ("there", "allowed"),
    [
        (lead("mini", "openai-responses"), ("anthropic", "google")),
        (lead("x", "anthropic", "https://api.openai.com/v1"), ("anthropic",)),
        (lead("x", "anthropic", "https://api.openai.com/v1"), ("openai",)),
        (lead("local", "openai-chat", OWN), ("anthropic",)),
    ],
)
def test_a_provider_is_barred_under_any_name_and_by_any_protocol(
    there: Destination, allowed: tuple[str, ...]
) -> None:
    settings = Settings(allow_providers=allowed)

    with pytest.raises(PermissionDenied, match="does not allow the provider"):
        check_place(settings, there)
    assert not is_model_allowed(settings, there, "m")


@pytest.mark.parametrize(
    ("preset", "origins", "providers", "is_open"),
    [
        ("openai", (), ("openai",), True),
        ("openai", (), ("anthropic",), False),
        ("groq", (), ("openai",), False),
        ("groq", ("https://api.groq.com",), ("openai",), True),
        ("groq", ("https://api.groq.com",), ("google",), False),
        ("azure", ("https://team.openai.azure.com",), ("openai",), True),
        ("azure", ("https://openai.azure.com.evil.example",), ("openai",), False),
        ("ollama", (), ("openai",), False),
        ("ollama", ("http://127.0.0.1:11434",), ("openai",), True),
        ("openai-compatible", ("https://llm.example.org",), ("openai",), True),
    ],
)
def test_a_preset_is_offered_where_the_lists_are_open_to_it(
    preset: str, origins: tuple[str, ...], providers: tuple[str, ...], is_open: bool
) -> None:
    settings = Settings(allow_origins=origins, allow_providers=providers)

    assert is_preset_open(settings, find_preset(preset)) is is_open
