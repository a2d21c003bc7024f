"""Noticing a key in a stream of bytes, however the stream is cut."""

from __future__ import annotations

import base64
import itertools
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_nb.egress.echo import EchoScanner
from tests.canaries import make_canary
from tests.tools import at_most

KEY = make_canary("anthropic").encode()


def scan(data: bytes, cuts: list[int], key: bytes = KEY) -> bytes | None:
    """Feed `data` in pieces; return what was passed on, or None when the key was noticed."""
    scanner = EchoScanner()
    scanner.arm(key)
    passed = b""
    edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    for start, end in itertools.pairwise(edges):
        piece = scanner.feed(data[start:end])
        if piece is None:
            return None
        passed += piece
    return passed + scanner.flush()


FORMS = {
    "raw": KEY,
    "base64": base64.b64encode(KEY),
    "base64, shifted by one": base64.b64encode(b"x" + KEY),
    "base64, shifted by two": base64.b64encode(b"xy" + KEY),
    "base64 for URLs": base64.urlsafe_b64encode(KEY),
    "hex": KEY.hex().encode(),
    "percent": "".join(f"%{byte:02X}" for byte in KEY).encode(),
    "URL-quoted": quote(KEY).encode(),
    "hex with spaces": KEY.hex(" ").upper().encode(),
    "hex with colons": KEY.hex(":").encode(),
    "hex with backslashes": "".join(f"\\x{byte:02x}" for byte in KEY).encode(),
    "hex numbers": ", ".join(f"0x{byte:02X}" for byte in KEY).encode(),
    "HTML entities": "".join(f"&#{byte};" for byte in KEY).encode(),
    "hex HTML entities": "".join(f"&#x{byte:x};" for byte in KEY).encode(),
    "long HTML entities": "".join(f"&#x{byte:04X};" for byte in KEY).encode(),
    "a list of numbers": json.dumps(list(KEY)).encode(),
    "a list on lines": json.dumps(list(KEY), indent=4).encode(),
    "UTF-16": KEY.decode().encode("utf-16-le"),
    "UTF-16, big end first": KEY.decode().encode("utf-16-be"),
    "UTF-32": KEY.decode().encode("utf-32"),
    "JSON": "".join(f"\\u{byte:04x}" for byte in KEY).encode(),
    "reversed halves": KEY[40:] + KEY[:40],
    "first two thirds": KEY[:72],
    "last third": KEY[-36:],
}


@pytest.mark.parametrize("form", FORMS)
@given(
    before=st.binary(max_size=60),
    after=st.binary(max_size=60),
    cuts=st.lists(st.integers(0, 900), max_size=12),
)
def test_key_is_noticed_in_every_form_and_however_it_is_cut(
    form: str, before: bytes, after: bytes, cuts: list[int]
) -> None:
    assert scan(before + FORMS[form] + after, cuts) is None


@given(data=st.binary(max_size=400), cuts=st.lists(st.integers(0, 400), max_size=12))
def test_anything_else_passes_unchanged(data: bytes, cuts: list[int]) -> None:
    assert scan(data, cuts) == data


@given(cut=st.integers(1, len(KEY) - 1))
def test_three_secret_characters_at_most_have_passed_when_the_key_is_noticed(cut: int) -> None:
    scanner = EchoScanner()
    scanner.arm(KEY)
    passed = scanner.feed(b"key: " + KEY[:cut])
    if passed is None:
        return
    rest = scanner.feed(KEY[cut:] + b".")

    assert rest is None
    assert len(passed) <= len(b"key: sk-ant-api03-") + 3


@given(text=st.text(alphabet=KEY.decode() + " .", max_size=30))
def test_text_lags_behind_by_no_more_than_a_likely_beginning(text: str) -> None:
    scanner = EchoScanner()
    scanner.arm(KEY)
    passed = scanner.feed(text.encode())

    if passed is not None:
        held = text.encode()[len(passed) :]
        assert held == b"" or 4 <= len(held) < 12


@pytest.mark.parametrize(
    "form",
    [KEY.hex(" "), KEY.hex(), "".join(f"&#x{byte:x};" for byte in KEY), str(list(KEY))],
    ids=["separated", "hexadecimal", "entities", "decimal"],
)
@given(cut=st.integers(0, 400))
def test_numbers_of_five_characters_at_most_have_passed_when_the_key_is_noticed(
    form: str, cut: int
) -> None:
    scanner = EchoScanner()
    scanner.arm(KEY)
    data, secret = form.encode(), len("sk-ant-api03-")
    each = len(form) / len(KEY)
    passed = scanner.feed(data[:cut])
    if passed is None:
        return

    assert scanner.feed(data[cut:]) is None
    assert len(passed) <= each * (secret + 5)


def test_text_that_ends_like_no_key_is_not_held_back() -> None:
    scanner = EchoScanner()
    scanner.arm(KEY)

    assert scanner.feed(b'data: {"text": "hello"}\n\n') == b'data: {"text": "hello"}\n\n'


def test_key_that_is_made_of_words_may_stand_in_a_reply() -> None:
    assert scan(b"This is the practice provider.", [], b"practice-key-not-a-secret") is not None


@pytest.mark.parametrize(
    "key", ["correcthorsebatterystaplexyz", "QWERTYUIOPASDFGHJKLZXC", "314159265358979323846264"]
)
def test_key_of_one_kind_of_characters_is_noticed_all_the_same(key: str) -> None:
    assert scan(b"Authorization: Bearer " + key.encode(), [], key.encode()) is None


def test_part_from_between_the_two_looked_for_passes() -> None:
    """What the page says is not found, so that it is not taken for a promise."""
    assert scan(KEY[30:70], []) == KEY[30:70]


def test_dummy_key_of_a_local_server_may_stand_in_a_reply() -> None:
    assert scan(b"I am ollama, at your service.", [], b"ollama") is not None


@pytest.mark.parametrize("provider", ["anthropic", "openai", "google"])
def test_scanner_keeps_no_key(provider: str) -> None:
    key = make_canary(provider).encode()
    scanner = EchoScanner()
    scanner.arm(key)

    longest = max(len(needle) for needle in scanner._needles if needle in key)
    assert longest <= 12


def test_scan_takes_linear_time_on_a_text_made_to_slow_it_down() -> None:
    scanner = EchoScanner()
    scanner.arm(KEY)
    nearly = (KEY[13:24] + b"?") * 90_000

    with at_most(2):
        for at in range(0, len(nearly), 4096):
            assert scanner.feed(nearly[at : at + 4096]) is not None


def test_scanner_armed_with_no_key_lets_everything_pass() -> None:
    scanner = EchoScanner()
    scanner.arm(b"")

    assert scanner.feed(b"Authorization: none at all") == b"Authorization: none at all"
    assert not scanner.has_echo(b"")


def test_scanner_that_is_armed_like_another_notices_the_same_key_and_forgets_by_itself() -> None:
    first, second = EchoScanner(), EchoScanner()
    first.arm(KEY)
    second.arm_like(first)
    first.disarm()

    assert second.feed(b"data: " + KEY) is None
    assert first.feed(b"data: " + KEY) == b"data: " + KEY
