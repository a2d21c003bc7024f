"""Reading endpoints. What is refused stands in `attacks/test_egress.py`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_nb.egress.origins import (
    OperatorPolicy,
    SoloPolicy,
    check_destination,
    is_official,
    parse_endpoint,
    path_hint,
    vet_addresses,
)
from assay_nb.errors import EndpointRefused
from assay_nb.messages import PROVIDERS, ProviderId


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_url_means_the_providers_own_endpoint(provider: ProviderId) -> None:
    destination = parse_endpoint(provider)

    assert is_official(destination)
    assert destination.origin.startswith("https://")
    assert destination.origin.endswith(":443")


def test_google_takes_its_key_in_a_header_of_its_own() -> None:
    assert parse_endpoint("google").placement == "x-goog-api-key"
    assert parse_endpoint("anthropic").placement == parse_endpoint("openai").placement == "bearer"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://LLM.Example.org/v1", "https://llm.example.org:443"),
        ("https://llm.example.org:443/v1/", "https://llm.example.org:443"),
        ("HTTPS://llm.example.org:8443", "https://llm.example.org:8443"),
        ("http://localhost:11434/v1", "http://localhost:11434"),
        ("http://localhost", "http://localhost:80"),
        ("http://[::1]:8000/v1", "http://[::1]:8000"),
        ("http://[0:0:0:0:0:0:0:1]:8000/v1", "http://[::1]:8000"),
    ],
)
def test_origin_is_written_one_way(url: str, origin: str) -> None:
    assert parse_endpoint("openai", url).origin == origin


def test_endpoint_is_kept_as_it_was_written() -> None:
    assert parse_endpoint("openai", "https://LLM.example.org/V1/").endpoint == (
        "https://LLM.example.org/V1/"
    )


def test_pasted_blanks_around_a_url_are_no_attack() -> None:
    assert parse_endpoint("openai", "  https://llm.example.org/v1\n").endpoint == (
        "https://llm.example.org/v1"
    )


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        destination = parse_endpoint("openai", text or "x")
    except EndpointRefused:
        return
    assert destination.origin.isascii()


@given(st.from_regex(r"[a-z]{1,8}(\.[a-z]{2,5}){1,2}(:[2-9][0-9]{3})?", fullmatch=True))
def test_origin_of_an_origin_is_itself(host: str) -> None:
    origin = parse_endpoint("openai", f"https://{host}/v1").origin

    assert parse_endpoint("openai", origin).origin == origin


def test_operator_list_names_loopback_by_its_very_origin() -> None:
    policy = OperatorPolicy.from_urls(["http://127.0.0.1:9000"])

    assert parse_endpoint("openai", "http://127.0.0.1:9000/v1", policy=policy)
    with pytest.raises(EndpointRefused, match=r"127\.0\.0\.1:9001"):
        parse_endpoint("openai", "http://127.0.0.1:9001/v1", policy=policy)


def test_operator_list_takes_origins_and_no_paths() -> None:
    with pytest.raises(EndpointRefused):
        OperatorPolicy.from_urls(["https://llm.example.org/v1"])


def test_operator_list_takes_no_plain_http_beyond_this_machine() -> None:
    with pytest.raises(EndpointRefused):
        OperatorPolicy.from_urls(["http://llm.example.org"])


def test_listed_origin_may_be_inside_the_house_and_nowhere_worse() -> None:
    policy = OperatorPolicy.from_urls(["https://llm.corp.example"])
    origin = "https://llm.corp.example:443"

    assert vet_addresses(origin, "llm.corp.example", ["10.1.2.3"], policy=policy) == ["10.1.2.3"]
    for bad in ("169.254.169.254", "127.0.0.1", "fe80::1"):
        with pytest.raises(EndpointRefused):
            vet_addresses(origin, "llm.corp.example", [bad], policy=policy)


def test_official_hosts_are_public() -> None:
    policy = OperatorPolicy()
    origin = parse_endpoint("anthropic").origin

    assert vet_addresses(origin, "api.anthropic.com", ["160.79.104.10"], policy=policy)


def test_solo_may_use_the_house_network_but_not_metadata() -> None:
    origin = "https://llm.home:443"

    assert vet_addresses(origin, "llm.home", ["192.168.1.9"], policy=SoloPolicy())
    with pytest.raises(EndpointRefused):
        vet_addresses(origin, "llm.home", ["169.254.169.254"], policy=SoloPolicy())


def test_stored_endpoint_and_origin_must_belong_together() -> None:
    from dataclasses import replace

    destination = replace(parse_endpoint("openai"), origin="https://evil.example:443")

    with pytest.raises(EndpointRefused):
        check_destination(destination, SoloPolicy())


@pytest.mark.parametrize("provider", ["anthropic", "openai", "google"])
def test_providers_own_endpoint_is_never_called_without_a_key(provider: ProviderId) -> None:
    from dataclasses import replace

    official = parse_endpoint(provider)
    check_destination(official, SoloPolicy())
    check_destination(official, OperatorPolicy())

    with pytest.raises(EndpointRefused, match="needs a key"):
        check_destination(replace(official, placement="none"), SoloPolicy())


@pytest.mark.parametrize(
    ("provider", "url", "hint"),
    [
        ("openai", "http://localhost:11434", "http://localhost:11434/v1"),
        ("openai", "http://localhost:11434/", "http://localhost:11434/v1"),
        ("openai", "https://x.example/v1", None),
        ("anthropic", "https://x.example/v1", "https://x.example: the SDK"),
        ("google", "https://x.example/v1beta/", "https://x.example: the SDK"),
        ("anthropic", "https://x.example", None),
        ("openai", "https://api.deepseek.com", None),
        ("openai", "https://api.deepseek.com/", None),
        ("anthropic", "https://api.anthropic.com/v1", "https://api.anthropic.com: that is"),
        ("google", "https://api.groq.com/openai/v1", "--kind openai-chat"),
        ("openai", "https://api.groq.com", "https://api.groq.com/openai/v1: that is"),
        ("openai", "https://api.groq.com/v1", "https://api.groq.com/openai/v1: that is"),
        ("openai", "https://openrouter.ai.example/", "https://openrouter.ai.example/v1: OpenAI"),
    ],
)
def test_common_mistake_in_a_path_is_named(
    provider: ProviderId, url: str, hint: str | None
) -> None:
    said = path_hint(parse_endpoint(provider, url))

    assert (said is None) if hint is None else (said is not None and hint in said)


REFUSED = {
    "127.0.0.1:8000/v1": "http://127.0.0.1:8000/v1",
    "localhost:11434": "http://localhost:11434",
    "llm.example.org/v1": "https://llm.example.org/v1",
    "8000": "Write the whole base URL",
    "unix:///tmp/x.sock": "Write the whole base URL",
    "file:///etc/hosts": "Write the whole base URL",
    "http://": "Write the whole base URL",
    "https:/x/v1": "Write the whole base URL",
    "http://a b/v1": "Write the whole base URL",
    "http://[::1/v1": "Write the whole base URL",
    "https://u:p@llm.example/v1": "Leave it out: a key is entered by itself",
    "https://llm.example/v1?key=x": "Leave out what comes after",
    "https://llm.example/v1#x": "Leave out what comes after",
    "https://llm.example/../v1": "without `..`",
    "https://bücher.example/v1": "xn--",
    "http://127.1:8000/v1": "127.0.0.1",
    "http://0.0.0.0:8000/v1": "http://localhost:PORT",
    "http://[::]:8000/v1": "http://localhost:PORT",
    "http://169.254.169.254/v1": "own address",
    "http://192.168.1.20:11434/v1": "ssh -L PORT:localhost:PORT 192.168.1.20",
    "https://llm.example:99999/v1": "from 1 to 65535",
    "https://llm.example:22/v1": "from 1024 on",
}


@pytest.mark.parametrize("url", REFUSED)
def test_refused_endpoint_has_a_next_step(url: str) -> None:
    with pytest.raises(EndpointRefused) as caught:
        parse_endpoint("openai", url)

    assert REFUSED[url] in (caught.value.hint or "")
