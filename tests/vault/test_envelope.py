from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_nb.vault import envelope
from assay_nb.vault.envelope import MAX_PLAINTEXT, CannotOpen, Cause, SealingKey
from assay_nb.vault.secret import SecretBytes
from tests.vault.builders import secret

BOUND = b"what it belongs to"
ID = b"i" * 16
KEY = SealingKey(ID, SecretBytes(b"k" * 32))


def opened(sealed: bytes, key: SealingKey = KEY, bound: bytes = BOUND) -> bytes:
    return bytes(key.open(sealed, bound).reveal())


@given(st.binary(max_size=MAX_PLAINTEXT), st.binary(min_size=1, max_size=200))
def test_what_was_sealed_opens(plaintext: bytes, bound: bytes) -> None:
    assert opened(KEY.seal(secret(plaintext), bound), bound=bound) == plaintext


def test_envelope_is_as_long_as_its_layout_says() -> None:
    sealed = KEY.seal(secret(b"12345"), BOUND)

    assert len(sealed) == 97 + 5 + 16
    assert sealed.startswith(b"ANB1\x01" + ID)


def test_sealing_twice_gives_nothing_in_common() -> None:
    one, other = KEY.seal(secret(b"12345"), BOUND), KEY.seal(secret(b"12345"), BOUND)

    assert one[21:53] != other[21:53]
    assert one[65:97] != other[65:97]
    assert one[97:] != other[97:]


@pytest.mark.parametrize("length", [0, 1, MAX_PLAINTEXT])
def test_shortest_and_longest_message_open(length: int) -> None:
    assert opened(KEY.seal(secret(b"x" * length), BOUND)) == b"x" * length


def test_message_of_too_many_bytes_is_not_sealed() -> None:
    with pytest.raises(ValueError):
        KEY.seal(secret(b"x" * (MAX_PLAINTEXT + 1)), BOUND)


@pytest.mark.parametrize("bound", [b"something else", b"what it belongs to "])
def test_message_of_no_bytes_proves_where_it_belongs(bound: bytes) -> None:
    sealed = KEY.seal(secret(b""), BOUND)

    assert opened(sealed) == b""
    with pytest.raises(CannotOpen):
        opened(sealed, bound=bound)


@pytest.mark.parametrize("position", [*range(97), 97, -1])
def test_message_of_no_bytes_opens_with_no_byte_changed(position: int) -> None:
    sealed = bytearray(KEY.seal(secret(b""), BOUND))
    sealed[position] ^= 1

    with pytest.raises(CannotOpen):
        opened(bytes(sealed))


@pytest.mark.parametrize(
    ("key", "bound", "cause"),
    [
        (SealingKey(b"j" * 16, SecretBytes(b"k" * 32)), BOUND, Cause.OTHER_KEY),
        (SealingKey(ID, SecretBytes(b"K" * 32)), BOUND, Cause.COMMITMENT),
        (KEY, b"something else", Cause.COMMITMENT),
    ],
)
def test_other_key_or_other_place_does_not_open(key, bound, cause) -> None:
    sealed = KEY.seal(secret(b"12345"), BOUND)

    with pytest.raises(CannotOpen) as caught:
        opened(sealed, key, bound)

    assert caught.value.cause is cause
    assert str(caught.value) == ""


def test_commitment_is_compared_before_anything_is_decrypted(monkeypatch) -> None:
    sealed = KEY.seal(secret(b"12345"), BOUND)
    monkeypatch.setattr(envelope, "AESGCM", None)

    with pytest.raises(CannotOpen):
        opened(sealed, bound=b"something else")


@pytest.mark.parametrize(("key_id", "length"), [(b"i" * 15, 32), (b"i" * 16, 31), (b"", 0)])
def test_key_of_another_size_is_refused(key_id: bytes, length: int) -> None:
    with pytest.raises(ValueError):
        SealingKey(key_id, SecretBytes(b"k" * length))


def test_older_cryptography_without_buffers_gives_the_same(monkeypatch) -> None:
    sealed = KEY.seal(secret(b"12345"), BOUND)
    monkeypatch.setattr(envelope, "_HAS_INTO", False)

    assert opened(sealed) == b"12345"
    assert opened(KEY.seal(secret(b"67890"), BOUND)) == b"67890"
    assert opened(KEY.seal(secret(b""), BOUND)) == b""


def test_derived_key_is_overwritten_after_use(monkeypatch) -> None:
    derived: list[SecretBytes] = []
    real = envelope.derive
    monkeypatch.setattr(
        envelope, "derive", lambda *a, **k: derived.append(real(*a, **k)) or derived[-1]
    )

    opened(KEY.seal(secret(b"12345"), BOUND))

    assert [one.is_wiped for one in derived] == [True, True]
