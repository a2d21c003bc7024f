"""The search for leaks is itself tested: a search that finds nothing proves nothing."""

from __future__ import annotations

import base64
import json
import os
import socket
import urllib.parse
from collections.abc import Callable

import pytest

from tests.canaries import core_of, find_canary, find_in_tree, forms_of, make_canary

DISGUISES: dict[str, Callable[[str], bytes]] = {
    "as it is": lambda key: key.encode(),
    "in a header": lambda key: b"Authorization: Bearer " + key.encode() + b"\r\n",
    "reversed": lambda key: key[::-1].encode(),
    "hex": lambda key: key.encode().hex().encode(),
    "upper-case hex": lambda key: key.encode().hex().upper().encode(),
    "percent-encoded": lambda key: "".join(f"%{byte:02X}" for byte in key.encode()).encode(),
    "quoted": lambda key: urllib.parse.quote(key).encode(),
    "JSON": lambda key: json.dumps({"key": key}).encode(),
    "JSON escapes": lambda key: "".join(f"\\u{ord(char):04x}" for char in key).encode(),
    "UTF-16": lambda key: key.encode("utf-16-le"),
    "masked but for the end": lambda key: b"****" + key[-16:].encode(),
    "masked but for the start": lambda key: key[:-14].encode() + b"****",
    "cut in the middle": lambda key: key.encode().replace(core_of(key)[10:12].encode(), b"..."),
}


@pytest.mark.parametrize("provider", ["anthropic", "openai", "google"])
@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_disguised_key_is_found(provider: str, disguise: str) -> None:
    key = make_canary(provider)

    assert find_canary(b"before " + DISGUISES[disguise](key) + b" after", key)


@pytest.mark.parametrize("before", range(7))
def test_a_key_within_base64_is_found_at_every_alignment(before: int) -> None:
    key = make_canary("openai")

    assert find_canary(base64.b64encode(b"x" * before + key.encode() + b"y"), key)
    assert find_canary(base64.urlsafe_b64encode(b"x" * before + key.encode() + b"yy"), key)


def test_another_key_is_not_found() -> None:
    assert find_canary(make_canary("google"), make_canary("google")) == []


def test_the_last_four_characters_are_no_leak() -> None:
    key = make_canary("anthropic")

    assert find_canary(f"ends in {key[-4:]}", key) == []


def test_every_form_differs_from_the_others() -> None:
    forms = forms_of(make_canary("anthropic"))

    assert len(set(forms.values())) == len(forms)


def test_a_planted_file_is_found_in_a_tree(tmp_path) -> None:
    key = make_canary("google")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "core.bin").write_bytes(b"\0" * 99 + key.encode()[::-1])
    (tmp_path / "clean.txt").write_text("nothing here")

    assert find_in_tree(tmp_path, key) == {"deep/core.bin": ["reversed"]}


def test_another_machine_cannot_be_reached(blocked_calls: list[str]) -> None:
    with pytest.raises(OSError, match="this machine only"):
        socket.create_connection(("192.0.2.1", 443), timeout=1)

    assert blocked_calls == ["socket.getaddrinfo '192.0.2.1'"]
    blocked_calls.clear()


def test_another_name_is_not_even_looked_up(blocked_calls: list[str]) -> None:
    with pytest.raises(OSError, match="this machine only"):
        socket.getaddrinfo("api.example.com", 443)

    blocked_calls.clear()


def test_this_machine_can_be_reached() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as client,
    ):
        assert client.getpeername() == server.getsockname()


def test_no_variable_of_a_provider_reaches_a_test() -> None:
    hostile = {"ANTHROPIC_API_KEY", "OPENAI_BASE_URL", "HTTPS_PROXY", "ASSAY_HOME"}

    assert not hostile & set(os.environ)
