"""Addresses in replies: which of them become the gateway's, in whatever pieces a reply comes, and back again."""

from __future__ import annotations

import json

import pytest

from assay_nb.egress.origins import parse_endpoint
from assay_nb.gateway.proxy.addresses import (
    AddressReader,
    AddressWriter,
    carries_addresses,
    find_here,
    hands_back,
    is_json,
    unfold,
    write_headers,
)
from assay_nb.messages import Destination

HERE = "http://hub/services/assay/providers/w/c"
PREFIX = "/services/assay/"
ANTHROPIC = parse_endpoint("anthropic")
OPENAI = parse_endpoint("openai")
GOOGLE = parse_endpoint("google")
OWN = Destination("anthropic", "http://[::1]:8080/a", "http://[::1]:8080", "bearer", "own")
SIZES = (1, 2, 3, 7, 64, 10_000)


def write(destination: Destination, body: bytes, size: int = 10_000) -> bytes:
    writer = AddressWriter(destination, HERE)
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(map(writer.feed, pieces)) + writer.flush()


def read(body: bytes, size: int = 10_000) -> bytes:
    reader = AddressReader(GOOGLE, PREFIX)
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(map(reader.feed, pieces)) + reader.flush()


@pytest.mark.parametrize(
    ("destination", "address", "written"),
    [
        (ANTHROPIC, "https://api.anthropic.com/v1/x", f"{HERE}/v1/x"),
        (ANTHROPIC, "https://api.anthropic.com", HERE),
        (ANTHROPIC, "https://api.anthropic.com?page=2", f"{HERE}?page=2"),
        (ANTHROPIC, "https://api.anthropic.com:443/v1/x", f"{HERE}/v1/x"),
        (ANTHROPIC, "HTTPS://API.Anthropic.Com/v1/X", f"{HERE}/v1/X"),
        (OPENAI, "https://api.openai.com/v1/files/f", f"{HERE}/files/f"),
        (OPENAI, "https://api.openai.com/v1", HERE),
        (OPENAI, "https://api.openai.com/v1beta/f", f"{HERE}/v1beta/f"),
        (OPENAI, "https://api.openai.com/other", f"{HERE}/other"),
        (OWN, "http://[::1]:8080/a/v1/x", f"{HERE}/v1/x"),
        (OWN, "https://api.anthropic.com/v1/x", f"{HERE}/v1/x"),
        # Another server's, and what only begins alike.
        (ANTHROPIC, "http://api.anthropic.com/v1/x", None),
        (ANTHROPIC, "https://api.anthropic.com.evil.example/x", None),
        (ANTHROPIC, "https://api.anthropic.com:4430/x", None),
        (ANTHROPIC, "https://api.anthropic.com@evil.example/x", None),
        (ANTHROPIC, "https://api.openai.com/v1/x", None),
        (ANTHROPIC, "see https://api.anthropic.com/v1/x", None),
        (ANTHROPIC, '"https://api.anthropic.com/v1/x"', None),
        (OWN, "http://[::1]:80801/a", None),
    ],
)
@pytest.mark.parametrize("size", SIZES)
def test_address_of_the_server_becomes_the_gateways(
    destination: Destination, address: str, written: str | None, size: int
) -> None:
    around = {"id": "x", "empty": "", "back": "\\", "list": ["h", {"of": 1}], "umlaut": "ü ☂"}
    body = {**around, "url": address, "urls": [address, "t"]}

    passed = write(destination, json.dumps(body).encode(), size)

    told = written or address
    assert json.loads(passed) == {**around, "url": told, "urls": [told, "t"]}


@pytest.mark.parametrize(
    "text",
    [
        r"https:\/\/api.anthropic.com\/v1\/x",
        r"\u0068ttps://api.anthropic.com\u002fv1/x",
        r"https:\u002F\u002Fapi.anthropic.com/v1/x",
    ],
)
@pytest.mark.parametrize("size", SIZES)
def test_address_with_escapes_is_known_too(text: str, size: int) -> None:
    passed = write(ANTHROPIC, b'{"url": "%s"}' % text.encode(), size)

    assert json.loads(passed) == {"url": f"{HERE}/v1/x"}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a": "ht', b'{"a": "\\', b"not JSON", b'{"a": "\xff\xfe"}', b'"https://']
)
def test_what_holds_no_address_passes_byte_by_byte(body: bytes, size: int) -> None:
    assert write(ANTHROPIC, body, size) == body


@pytest.mark.parametrize(
    ("path", "carries"),
    [
        ("v1/messages/batches", True),
        ("v1/messages/batches/b1", True),
        ("v1/messages/batches/b1/cancel", True),
        ("batches/b1", True),
        ("v1beta/batches/b1", True),
        ("files", True),
        ("v1beta/files/f1", True),
        ("v1beta/models/v:predictLongRunning", True),
        ("v1beta/models/v/operations/o1", True),
        ("videos/v1", True),
        ("v1/jobs", True),
        ("v1/messages", False),
        ("v1/messages/count_tokens", False),
        ("v1/messages/batches/b1/results", False),
        ("responses/r1", False),
        ("chat/completions", False),
        ("files/f1/content", False),
        ("v1beta/files/f1:download", False),
        ("v1beta/models/m:generateContent", False),
        ("v1beta/models/m:streamGenerateContent", False),
        ("conversations/c/items", False),
        ("v1beta/interactions", False),
        ("v1beta/interactions/i1", False),
        ("vector_stores/v1/search", False),
        ("v1beta/corpora/c1:query", False),
        ("evals/e1/runs/r1/output_items", False),
    ],
)
def test_reply_that_somebody_has_written_is_not_looked_at(path: str, carries: bool) -> None:
    assert carries_addresses(path) is carries


def test_headers_that_lead_on_lead_here_or_nowhere() -> None:
    given = [
        ("Location", "https://api.anthropic.com/v1/x"),
        ("Operation-Location", "https://evil.example/x"),
        ("Content-Location", "/v1/y"),
        ("Link", '<https://api.anthropic.com/v1/m?a=1>; rel="next", <https://api.anthropic.com/z>'),
        ("Refresh", "0; url=https://api.anthropic.com/v1/x"),
    ]

    assert write_headers(given, ANTHROPIC, HERE) == {
        "Location": f"{HERE}/v1/x",
        "Content-Location": "/v1/y",
        "Link": f'<{HERE}/v1/m?a=1>; rel="next", <{HERE}/z>',
    }
    assert write_headers([("Link", "<https://evil.example/x>")], ANTHROPIC, HERE) == {}


# --- where the client is


@pytest.mark.parametrize(
    ("headers", "public_url", "here"),
    [
        ({"Host": "127.0.0.1:8790"}, None, "http://127.0.0.1:8790"),
        ({"Host": "hub.example.org"}, "https://hub.example.org", "https://hub.example.org"),
        ({"Host": "10.0.0.1:8790"}, "https://hub.example.org", "http://10.0.0.1:8790"),
        ({"Host": "h", "X-Forwarded-Proto": "https, http"}, None, "https://h"),
        ({"Host": "h", "X-Forwarded-Proto": "javascript"}, None, "http://h"),
        ({"Host": 'evil"/'}, None, ""),
        ({}, None, ""),
    ],
)
def test_address_is_the_one_that_the_client_has_used(
    headers: dict[str, str], public_url: str | None, here: str
) -> None:
    path = f"{PREFIX}providers/w%C3%A4/google/v1beta/files"

    assert find_here(headers, path, PREFIX, public_url) == f"{here}{PREFIX}providers/w%C3%A4/google"


# --- back again


@pytest.mark.parametrize("size", SIZES)
def test_address_that_a_client_hands_back_is_the_providers_again(size: int) -> None:
    """In as many bytes as before: the length was stated already."""
    own = "https://generativelanguage.googleapis.com/v1beta/files/abc"
    given = {
        "fileUri": "http://127.0.0.1:8790/services/assay/providers/w/google/v1beta/files/abc",
        "text": 'say "http://127.0.0.1:8790/services/assay/providers/w/google/v1beta/files/abc"',
        "other": "http://127.0.0.1:8790/services/assay/providers/w/openai/v1/files/abc",
        "data": "A" * 5_000,
    }
    body = json.dumps(given).encode()

    sent = read(body, size)

    assert len(sent) == len(body)
    assert json.loads(sent) == {**given, "fileUri": own}


def test_address_that_would_grow_stays() -> None:
    far = f"https://{'far.' * 20}example/g"
    there = Destination("google", far, f"{far}:443", "bearer", "g")
    reader = AddressReader(there, PREFIX)
    body = b'{"u": "http://h/services/assay/providers/w/g/v1beta/f"}'

    assert reader.feed(body) + reader.flush() == body


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("http://h:1/services/assay/providers/w/google/v1beta/files/f1:download", "f1:download"),
        ("http://h:1/services/assay/providers/w/google/files/f1:download", "f1:download"),
        ("http://h:1/elsewhere/files/f1", None),
        ("f1:download", None),
    ],
)
def test_address_in_the_place_of_a_files_name_is_its_name(name: str, told: str | None) -> None:
    path = f"{PREFIX}providers/w/google/v1beta/files/"

    assert unfold(path + name, PREFIX) == path + (told or name)


@pytest.mark.parametrize(
    ("destination", "content_type", "does"),
    [
        (GOOGLE, "application/json", True),
        (GOOGLE, "Application/JSON; charset=utf-8", True),
        (GOOGLE, "application/octet-stream", False),
        (ANTHROPIC, "application/json", False),
    ],
)
def test_only_googles_protocol_hands_addresses_back(
    destination: Destination, content_type: str, does: bool
) -> None:
    assert hands_back(destination, content_type) is does


@pytest.mark.parametrize(
    ("content_type", "json_like"),
    [("application/vnd.x+json", True), ("text/event-stream", False), ("", False)],
)
def test_json_is_told_by_its_type(content_type: str, json_like: bool) -> None:
    assert is_json(content_type) is json_like
