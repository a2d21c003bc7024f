"""What is checked of a key before it is sealed, whoever it is for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assay_nb.errors import WrongUsage
from assay_nb.vault.sealed_keys import accept_key, check_placed, last4_of
from tests.vault.builders import OPENAI, secret

NONE = replace(
    OPENAI,
    endpoint="http://127.0.0.1:11434/v1",
    origin="http://127.0.0.1:11434",
    placement="none",
)


def accepted(typed: bytes) -> bytes:
    with accept_key(secret(typed)) as key:
        return bytes(key.reveal())


@pytest.mark.parametrize("length", [1, 19, 20, 512, 513, 8191, 8192])
def test_key_of_any_length_that_a_header_takes_is_accepted(length: int) -> None:
    assert accepted(b"k" * length) == b"k" * length


@pytest.mark.parametrize("length", [8193, 65_536])
def test_key_that_no_server_would_read_is_refused(length: int) -> None:
    with pytest.raises(WrongUsage, match="not a key") as caught:
        accept_key(secret(b"k" * length))

    assert "8,192 characters" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "key", [b"ollama", b"EMPTY", b"lm-studio", b"token-abc123", b"none", b"!~"]
)
def test_key_that_a_manual_tells_people_to_type_is_accepted(key: bytes) -> None:
    assert accepted(b" \t" + key + b"\r\n") == key


@pytest.mark.parametrize("typed", [b"", b"\n", b" \t\r\n"])
def test_blanks_alone_are_no_key(typed: bytes) -> None:
    assert accepted(typed) == b""


@pytest.mark.parametrize(
    "typed", [b"two words", b"a\nb", b"\x00", b"\x7f", b"caf\xc3\xa9", b"\xff", b"\x0b", b" a b "]
)
def test_key_that_cannot_stand_in_a_header_is_refused(typed: bytes) -> None:
    with pytest.raises(WrongUsage, match="not a key"):
        accept_key(secret(typed))


@pytest.mark.parametrize("kind", ["sk-ant-admin", "sk-ant-oat", "sk-ant-ort", "sk-admin-"])
@pytest.mark.parametrize("more", ["", "01-" + "k" * 30])
def test_key_that_is_not_for_calls_is_refused_whatever_its_length(kind: str, more: str) -> None:
    with pytest.raises(WrongUsage, match="manages an account"):
        accept_key(secret(f" {kind}{more}\n"))


@pytest.mark.parametrize(
    "typed",
    ['"sk-abc"', "'sk-abc'", "`sk-abc`", ' "sk-abc"\n', "OPENAI_API_KEY=sk-abc", "HF_TOKEN=hf_abc"],
)
def test_what_was_copied_along_with_a_key_is_refused_by_name(typed: str) -> None:
    with pytest.raises(WrongUsage, match="more than a key") as caught:
        accept_key(secret(typed))
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize("key", ["sk=abc", "key=abc", 'abc"def', "a=b=="])
def test_key_with_such_a_letter_within_is_a_key(key: str) -> None:
    assert bytes(accept_key(secret(key)).reveal()) == key.encode()


def test_empty_key_belongs_to_a_destination_that_takes_none_and_to_no_other() -> None:
    check_placed(NONE, secret(""))
    check_placed(OPENAI, secret("ollama"))
    for destination, key in ((NONE, "ollama"), (OPENAI, "")):
        with pytest.raises(WrongUsage):
            check_placed(destination, secret(key))


@pytest.mark.parametrize("key", ["", "a", "ollama", "k" * 23])
def test_nothing_is_shown_of_a_short_key(key: str) -> None:
    assert last4_of(secret(key)) == ""
