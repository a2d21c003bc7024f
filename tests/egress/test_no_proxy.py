"""Hosts that are reached without the proxy: every form of an entry, and look-alikes that are not meant."""

from __future__ import annotations

import pytest

from assay_nb.egress.no_proxy import parse_no_proxy


@pytest.mark.parametrize(
    ("text", "host", "port", "exempt"),
    [
        ("*", "llm.example", 443, True),
        ("llm.example", "llm.example", 443, True),
        ("LLM.Example", "llm.example", 443, True),
        ("example", "llm.example", 443, True),
        (".example", "llm.example", 443, True),
        ("*.example", "llm.example", 443, True),
        ("llm.example.", "llm.example", 443, True),
        ("llm.example", "llm.example.", 443, True),
        ("xample", "llm.example", 443, False),
        ("lm.example", "llm.example", 443, False),
        ("llm.example.org", "llm.example", 443, False),
        ("a.example,llm.example", "llm.example", 443, True),
        ("a.example llm.example", "llm.example", 443, True),
        (" a.example , llm.example ,", "llm.example", 443, True),
        ("llm.example:8443", "llm.example", 8443, True),
        ("llm.example:8443", "llm.example", 443, False),
        (".example:8443", "llm.example", 8443, True),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.0.0.5/8", "10.1.2.3", 443, True),
        ("10.1.2.3", "10.1.2.3", 443, True),
        ("10.1.2.3:8443", "10.1.2.3", 8443, True),
        ("10.1.2.3:8443", "10.1.2.3", 443, False),
        ("10.0.0.0/8", "10.example", 443, False),
        ("::1", "::1", 443, True),
        ("[::1]", "::1", 443, True),
        ("[::1]:8443", "::1", 8443, True),
        ("[::1]:8443", "::1", 443, False),
        ("fd00::/8", "fd12::1", 443, True),
        ("[fd00::]/8", "fe80::1", 443, False),
        ("", "llm.example", 443, False),
    ],
)
def test_entry_covers_what_is_meant_and_nothing_else(
    text: str, host: str, port: int, exempt: bool
) -> None:
    exemptions, _ = parse_no_proxy(text)

    assert any(exemption.covers(host, port) for exemption in exemptions) is exempt


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("https://llm.example", "https://llm.example"),
        ("10.0.0.0/99", "10.0.0.0/99"),
        ("llm.example:99999", "llm.example:99999"),
        ("llm.example:0", "llm.example:0"),
        ("llm.*.example", "llm.*.example"),
        ("l?m.example", "l?m.example"),
        (".", "."),
        ("[::1", "[::1"),
        ("[fd00::]/8", "[fd00::]/8"),
        ("http://ann:secret@proxy", "proxy"),
    ],
)
def test_entry_that_matches_nothing_is_returned_beside_those_that_do(
    text: str, unread: str
) -> None:
    exemptions, words = parse_no_proxy(f"good.example, {text}")

    assert words == (unread,)
    assert len(exemptions) == 1


def test_list_without_mistakes_has_no_unread_words() -> None:
    assert parse_no_proxy("localhost,127.0.0.1,::1,.corp,10.0.0.0/8,*.x.example:8443")[1] == ()
