"""Which keys go where, and what stands in the header."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assay_nb.egress.echo import EchoScanner
from assay_nb.egress.origins import OFFICIAL, SoloPolicy, check_destination, parse_endpoint
from assay_nb.errors import EndpointRefused, WrongUsage
from assay_nb.messages import PROVIDERS, Destination, ProviderId
from assay_nb.providers.keys import check_header_safe, header_for, place_key
from tests.canaries import make_canary

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


@pytest.mark.parametrize(
    ("provider", "header"),
    [
        ("anthropic", (b"Authorization", b"Bearer ollama")),
        ("openai", (b"Authorization", b"Bearer ollama")),
        ("google", (b"x-goog-api-key", b"ollama")),
    ],
)
def test_key_stands_in_its_providers_header(
    provider: ProviderId, header: tuple[bytes, bytes]
) -> None:
    for key in (b"ollama", bytearray(b"ollama"), memoryview(b"ollama")):
        assert header_for(own_server(provider), key) == header


def test_without_a_key_there_is_no_header() -> None:
    assert header_for(place_key(own_server("openai"), b""), b"") is None


@pytest.mark.parametrize(
    ("placement", "key"), [("none", b"ollama"), ("bearer", b""), ("x-api-key", b"ollama")]
)
def test_key_and_placement_that_do_not_belong_together_are_not_sent(
    placement: str, key: bytes
) -> None:
    with pytest.raises(EndpointRefused):
        header_for(replace(own_server("openai"), placement=placement), key)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_stored_destination_that_would_call_a_provider_without_a_key_is_refused(
    provider: ProviderId,
) -> None:
    there = parse_endpoint(provider)

    check_destination(there, SoloPolicy())
    check_destination(place_key(own_server(provider), b""), SoloPolicy())
    with pytest.raises(EndpointRefused, match="needs a key"):
        check_destination(replace(there, placement="none"), SoloPolicy())


@pytest.mark.parametrize("key", [b"", b"a b", b"a\n", b"\xc3\xa9", b"a\x7f", b"a\x00"])
def test_key_with_a_character_that_no_header_takes_is_refused(key: bytes) -> None:
    with pytest.raises(EndpointRefused):
        check_header_safe(key)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_real_looking_key_is_accepted(provider: ProviderId) -> None:
    check_header_safe(make_canary(provider).encode())


def test_scanner_armed_with_no_key_lets_everything_pass() -> None:
    scanner = EchoScanner()
    scanner.arm(b"")

    assert scanner.feed(b"Authorization: none at all") == b"Authorization: none at all"
    assert not scanner.has_echo(b"")
