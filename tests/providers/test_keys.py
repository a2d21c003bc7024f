"""Which keys go where, and what stands in the header."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assay_nb.connections.presets import PRESETS, maker_of
from assay_nb.egress.origins import OFFICIAL, SoloPolicy, check_destination, parse_endpoint
from assay_nb.errors import EndpointRefused, WrongUsage
from assay_nb.messages import PROVIDERS, Destination, ProviderId
from assay_nb.providers.keys import place_key

OFFICIAL_WRITTEN = [
    *OFFICIAL.values(),
    "https://API.OpenAI.com/v1",
    "https://api.openai.com:443/v1/",
    "https://api.openai.com/another/path",
    "HTTPS://api.anthropic.com:443",
]


def own_server(provider: ProviderId) -> Destination:
    return parse_endpoint(provider, "http://127.0.0.1:11434/v1")


@pytest.mark.parametrize("url", OFFICIAL_WRITTEN)
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("length", [0, 1, 19, 513, 8192])
def test_providers_own_endpoint_takes_no_key_of_another_length(
    length: int, provider: ProviderId, url: str
) -> None:
    with pytest.raises(WrongUsage, match="not a key"):
        place_key(parse_endpoint(provider, url), b"k" * length)


@pytest.mark.parametrize("url", OFFICIAL_WRITTEN)
@pytest.mark.parametrize("length", [20, 512])
def test_providers_own_endpoint_takes_a_key_of_its_length(length: int, url: str) -> None:
    there = parse_endpoint("openai", url)

    assert place_key(there, b"k" * length) == there


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("length", [1, 6, 19, 20, 513, 8192])
def test_own_server_takes_a_key_of_any_length(length: int, provider: ProviderId) -> None:
    assert place_key(own_server(provider), b"k" * length) == own_server(provider)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_own_server_without_a_key_has_a_placement_that_says_so(provider: ProviderId) -> None:
    there = place_key(own_server(provider), b"")

    assert there == replace(own_server(provider), placement="none")
    assert there.keyless
    assert not own_server(provider).keyless


@pytest.mark.parametrize("provider", PROVIDERS)
def test_stored_destination_that_would_call_a_provider_without_a_key_is_refused(
    provider: ProviderId,
) -> None:
    there = parse_endpoint(provider)

    check_destination(there, SoloPolicy())
    check_destination(place_key(own_server(provider), b""), SoloPolicy())
    with pytest.raises(EndpointRefused, match="needs a key"):
        check_destination(replace(there, placement="none"), SoloPolicy())


KEYS = {
    "anthropic": "sk-ant-api03-", "openai": "sk-proj-", "google": "AIza", "groq": "gsk_",
    "openrouter": "sk-or-v1-", "xai": "xai-", "huggingface": "hf_",
}  # fmt: skip


def place_of(preset: str) -> Destination:
    return parse_endpoint(PRESETS[preset].provider, PRESETS[preset].endpoint, connection=preset)


@pytest.mark.parametrize("preset", KEYS)
def test_key_of_one_service_is_not_told_to_another(preset: str) -> None:
    for maker, beginning in KEYS.items():
        key = beginning.encode() + b"k" * 40
        if maker == preset:
            assert place_key(place_of(preset), key) == place_of(preset)
            continue
        with pytest.raises(
            WrongUsage, match=f"a key of {PRESETS[maker].label} and not of"
        ) as caught:
            place_key(place_of(preset), memoryview(key))
        assert "k" * 8 not in str(caught.value)


@pytest.mark.parametrize("beginning", [*KEYS.values(), "sk-", "k"])
def test_key_of_any_shape_goes_to_a_server_of_ones_own(beginning: str) -> None:
    key = beginning.encode() + b"k" * 40

    assert place_key(own_server("openai"), key) == own_server("openai")
    assert maker_of(b"sk-" + b"k" * 40) is None
