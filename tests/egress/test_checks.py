"""Checks of a response's head, which both transports share."""

from __future__ import annotations

import pytest

from assay_nb.egress.checks import ResponseHead
from assay_nb.egress.echo import EchoScanner
from assay_nb.egress.origins import parse_endpoint
from assay_nb.errors import ProviderError, ProviderUnavailable
from tests.canaries import make_canary


def head(status: int = 200, **headers: str) -> ResponseHead:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ResponseHead(parse_endpoint("openai"), status, named)


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 399])
def test_redirect_is_refused(status: int) -> None:
    with pytest.raises(ProviderError, match="redirect") as caught:
        head(status, x_request_id="r1").check_redirect("Save it again.")

    assert caught.value.status == status
    assert caught.value.request_id == "r1"
    assert caught.value.hint == "Save it again."


@pytest.mark.parametrize("status", [100, 101, 103, 199])
def test_status_that_is_not_final_is_refused(status: int) -> None:
    with pytest.raises(ProviderUnavailable, match=f"the status {status}"):
        head(status).check_redirect("")


@pytest.mark.parametrize("status", [200, 204, 400, 401, 500])
def test_another_status_is_no_redirect(status: int) -> None:
    head(status).check_redirect("")


@pytest.mark.parametrize(
    ("content_type", "is_page"),
    [
        ("text/html", True),
        ("Text/HTML; charset=utf-8", True),
        ("application/xhtml+xml", True),
        ("application/json", False),
        ("text/event-stream", False),
        ("", False),
    ],
)
def test_page_is_told_by_its_media_type(content_type: str, is_page: bool) -> None:
    assert head(content_type=content_type).is_page is is_page


def test_response_of_another_kind_is_named_but_not_quoted_at_length() -> None:
    assert "a web page" in head(content_type="text/html").not_a_reply("Look.").message
    error = head(content_type="image/" + "x" * 500).not_a_reply("Look.")

    assert isinstance(error, ProviderUnavailable)
    assert len(error.message) < 200


@pytest.mark.parametrize(
    ("value", "encoding"), [("identity", ""), ("", ""), (" GZIP ", "gzip"), ("br", "br")]
)
def test_encoding_is_empty_where_nothing_is_compressed(value: str, encoding: str) -> None:
    assert head(content_encoding=value).encoding == encoding
    assert head().encoding == ""


def test_key_in_a_header_is_an_error_and_another_is_not() -> None:
    key = make_canary("openai").encode()
    echo = EchoScanner()
    echo.arm(key)

    with pytest.raises(ProviderError, match="held the key itself"):
        head().check_echo(echo, [(b"x-request-id", b"r1"), (b"x-debug", b"Bearer " + key)])
    with pytest.raises(ProviderError, match="held the key itself"):
        head().check_echo(echo, [(b"x-ratelimit-" + key, b"1")])
    head().check_echo(echo, [(b"x-debug", make_canary("openai").encode())])


def test_page_at_an_address_without_its_path_is_answered_with_the_path() -> None:
    there = parse_endpoint("openai", "http://localhost:3000")
    page = ResponseHead(there, 200, {"content-type": "text/html"})

    assert "http://localhost:3000/v1" in (page.not_a_reply("Log in.").hint or "")
    assert head(content_type="text/html").not_a_reply("Log in.").hint == "Log in."
