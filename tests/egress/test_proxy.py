"""Proxies: how an address is read, what is said of a wrong one, and which destinations go by it."""

from __future__ import annotations

import pytest

from assay_nb.egress.proxy import Proxies, Proxy, parse_proxy
from assay_nb.egress.setting_names import OPERATOR
from assay_nb.errors import WrongUsage
from assay_nb.messages import Destination

PASSWORD = "pa55-w0rd"


def to(origin: str) -> Destination:
    return Destination("openai", origin, origin, "bearer")


@pytest.mark.parametrize(
    ("text", "shown", "auth"),
    [
        ("proxy.corp:3128", "http://proxy.corp:3128", None),
        ("http://proxy.corp:3128", "http://proxy.corp:3128", None),
        ("HTTP://Proxy.Corp:3128/", "http://proxy.corp:3128", None),
        (" http://proxy.corp:3128\n", "http://proxy.corp:3128", None),
        ("https://proxy.corp", "https://proxy.corp:443", None),
        ("proxy_1", "http://proxy_1:80", None),
        ("10.0.0.1:8080", "http://10.0.0.1:8080", None),
        ("[::1]:8080", "http://[::1]:8080", None),
        ("http://[fd00:0::1]:8080", "http://[fd00::1]:8080", None),
        ("ann:x@proxy:1", "http://proxy:1", ("ann", "x")),
        ("http://ann@proxy:1", "http://proxy:1", ("ann", "")),
        ("http://corp%5Cann:p%40%2F%23@proxy:1", "http://proxy:1", ("corp\\ann", "p@/#")),
        ("http://ann:a@b@proxy:1", "http://proxy:1", ("ann", "a@b")),
    ],
)
def test_address_is_read_as_curl_reads_it(
    text: str, shown: str, auth: tuple[str, str] | None
) -> None:
    proxy = parse_proxy(text)

    assert (str(proxy), proxy.auth) == (shown, auth)
    assert parse_proxy(proxy.url) == proxy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://proxy:port", "port is not a number"),
        ("http://proxy:", "port is not a number"),
        ("http://proxy:0", "port is not a number"),
        ("http://proxy:99999", "port is not a number"),
        ("http:proxy:3128", "port is not a number"),
        ("http://::1:3128", "port is not a number"),
        ("socks://127.0.0.1:1080", "SOCKS"),
        ("socks4://127.0.0.1:1080", "SOCKS"),
        ("SOCKS5://127.0.0.1:1080", "SOCKS"),
        ("socks5h://127.0.0.1:1080", "SOCKS"),
        ("ftp://proxy:21", "does not begin with http"),
        ("quic://proxy:21", "does not begin with http"),
        ("://proxy:21", "does not begin with http"),
        ("http://", "names no host"),
        ("http://:3128", "names no host"),
        ("http://ann:x@", "names no host"),
        ("http://pro xy:3128", "space"),
        ("http://proxy:3128\x00", "space or a control character"),
        ("http://proxy:3128/proxy.pac", "a path"),
        ("http://proxy:3128?x=1", "a query"),
        ("http://proxy:3128/#x", "a fragment"),
        ("http://-proxy-:3128", "host is not written"),
        ("http://pröxy:3128", "host is not written"),
        ("http://[::1:3128", "host is not written"),
        ("http://[::zz]:3128", "host is not written"),
        (f"http://ann:{PASSWORD}#1@proxy:3128", "%23"),
        (f"http://ann:{PASSWORD}/1@proxy:3128", "%2F"),
        (f"http://ann:{PASSWORD}?1@proxy:3128", "%3F"),
        (f"http://ann:{PASSWORD}", "port is not a number"),
        (f"socks5://ann:{PASSWORD}@proxy:1080", "SOCKS"),
        (f"http://ann:{PASSWORD}@proxy:x", "port is not a number"),
    ],
)
@pytest.mark.parametrize("setting", ["HTTPS_PROXY", "`proxy`"])
def test_wrong_address_is_named_with_what_is_wrong_and_no_password(
    text: str, said: str, setting: str
) -> None:
    proxies = Proxies(text, names=OPERATOR) if setting == "`proxy`" else Proxies(text)

    with pytest.raises(WrongUsage) as caught:
        proxies.find(to("https://llm.example:443"))

    assert said in caught.value.message
    assert setting in caught.value.message
    assert "http://HOST:PORT" in str(caught.value.hint)
    assert PASSWORD not in str(caught.value)


def test_password_is_in_no_text_of_the_proxy() -> None:
    proxy = parse_proxy(f"http://ann:{PASSWORD}@proxy:3128")

    assert f"{proxy} {proxy!r}" == (
        "http://proxy:3128 Proxy(scheme='http', host='proxy', port=3128)"
    )


@pytest.mark.parametrize("origin", ["http://127.0.0.1:11434", "https://llm.corp:443"])
def test_wrong_address_does_not_concern_what_goes_directly(origin: str) -> None:
    proxies = Proxies("http://proxy:port", ".corp")

    assert proxies.find(to(origin)) is None


def test_blank_setting_is_none_at_all() -> None:
    assert Proxies("  ").find(to("https://llm.example:443")) is None


def test_https_goes_by_the_proxy_and_plain_http_does_not() -> None:
    proxies = Proxies("proxy:3128")

    assert proxies.find(to("https://llm.example:443")) == Proxy("http", "proxy", 3128)
    assert proxies.find(to("http://llm.example:80")) is None
