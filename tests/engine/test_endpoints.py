"""Which endpoints decide about keys themselves, and what an empty key would cost."""

from __future__ import annotations

from typing import Any

import pytest

from assay_nb.egress.origins import OFFICIAL
from assay_nb.engine.control import KeyFacts
from assay_nb.engine.endpoints import find_service, is_own_server, would_lose_key
from assay_nb.errors import EndpointRefused


@pytest.mark.parametrize(
    "url",
    [None, "", *OFFICIAL.values(), "https://API.openai.com/v1", "https://api.openai.com:443/x"],
)
def test_providers_own_endpoint_is_nobody_elses_however_it_is_written(url: str | None) -> None:
    assert not is_own_server("openai", url)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:11434/v1", "https://llm.example.org", "https://api.openai.com.example/v1"],
)
def test_any_other_server_is_somebodys_own(url: str) -> None:
    assert is_own_server("openai", url)


@pytest.mark.parametrize("url", ["http://llm.example.org/v1", "ftp://127.0.0.1/", "ollama"])
def test_endpoint_that_no_key_may_go_to_is_refused_before_a_key_is_asked_for(url: str) -> None:
    with pytest.raises(EndpointRefused):
        is_own_server("openai", url)


@pytest.mark.parametrize(
    ("endpoint", "service"),
    [
        (None, "openai"),
        ("https://API.openai.com:443/v1", "openai"),
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://mine.openai.azure.com/openai/v1/", "azure"),
        ("https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1", "bedrock"),
        ("https://api.groq.com.example/openai/v1", None),
        ("http://localhost:11434/v1", None),
    ],
)
def test_service_that_gives_out_keys_is_known_by_its_address(
    endpoint: str | None, service: str | None
) -> None:
    found = find_service("openai", endpoint)

    assert (found.name if found else None) == service


def test_connection_that_there_is_not_has_no_key_to_lose() -> None:
    held = KeyFacts(provider="openai", connection="work", state="ready", placement="bearer")

    assert would_lose_key([held], "work")
    assert not would_lose_key([held], "openai")


@pytest.mark.parametrize(
    ("about", "lost"),
    [
        ({"state": "missing"}, False),
        ({"state": "ready", "placement": "none"}, False),
        ({"state": "ready", "placement": "bearer"}, True),
        ({"state": "sealed", "placement": "bearer"}, True),
        ({"state": "unreadable", "placement": "none"}, True),  # it was edited, or is damaged
    ],
)
def test_key_is_lost_unless_it_is_proven_that_there_is_none(
    about: dict[str, Any], lost: bool
) -> None:
    facts = [KeyFacts(provider="google", state="missing"), KeyFacts(provider="openai", **about)]

    assert would_lose_key(facts, "openai") is lost
