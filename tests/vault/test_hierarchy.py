from __future__ import annotations

import pytest

from assay_nb.errors import VaultSealed
from assay_nb.vault.aad import DataKeyContext
from assay_nb.vault.envelope import CannotOpen
from assay_nb.vault.hierarchy import DataKey, MasterKey, parse_master_key
from assay_nb.vault.secret import SecretBytes
from tests.vault.builders import RESEARCH, SUPPORT, secret

MASTER = MasterKey(SecretBytes(b"m" * 32))


def written(master: MasterKey) -> bytes:
    return bytes(master.write().reveal())


def context(**change: object) -> DataKeyContext:
    parts = {"vault_id": b"v" * 16, "workspace_id": RESEARCH, "dek_id": b"d" * 16}
    return DataKeyContext(**{**parts, "generation": 1, "mk_id": MASTER.mk_id, **change})  # type: ignore[arg-type]


def test_master_key_reads_back_as_it_was_written() -> None:
    master = MasterKey.generate()

    assert parse_master_key(written(master)).mk_id == master.mk_id
    assert written(parse_master_key(written(master))) == written(master)


def test_id_of_a_master_key_follows_from_the_key() -> None:
    assert MasterKey(SecretBytes(b"m" * 32)).mk_id == MASTER.mk_id
    assert MasterKey(SecretBytes(b"n" * 32)).mk_id != MASTER.mk_id


def test_id_and_check_value_have_nothing_of_the_key() -> None:
    assert b"m" * 4 not in MASTER.mk_id + MASTER.check_value
    assert not MASTER.check_value.startswith(MASTER.mk_id)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: value[:-1],
        lambda value: value[:30],
        lambda value: b"",
        lambda value: value + b"\n",
        lambda value: b" " + value,
        lambda value: value.replace(b"anbmk1", b"anbmk2"),
        lambda value: value.upper(),
        lambda value: value[:-8] + b"00000000",
        lambda value: value[:10] + (b"A" if value[10:11] != b"A" else b"B") + value[11:],
    ],
)
def test_spoilt_master_key_is_refused_without_being_quoted(spoil) -> None:
    value = spoil(written(MASTER))

    with pytest.raises(VaultSealed) as caught:
        parse_master_key(value)

    assert value[7:20].decode() not in str(caught.value) or len(value) < 20


def test_data_key_unwraps_under_the_master_key_that_wrapped_it() -> None:
    data_key = DataKey(b"d" * 16, SecretBytes(b"k" * 32))

    unwrapped = MASTER.unwrap(context(), data_key.wrap_under(MASTER, context()))

    sealed = data_key.seal(secret("something"), b"bound")
    assert bytes(unwrapped.open(sealed, b"bound").reveal()) == b"something"


@pytest.mark.parametrize(
    "change",
    [
        {"vault_id": b"V" * 16},
        {"workspace_id": SUPPORT},
        {"dek_id": b"D" * 16},
        {"generation": 2},
        {"mk_id": b"M" * 16},
    ],
)
def test_data_key_wrapped_for_one_place_does_not_unwrap_for_another(change) -> None:
    wrapped = DataKey(b"d" * 16, SecretBytes(b"k" * 32)).wrap_under(MASTER, context())

    with pytest.raises(CannotOpen):
        MASTER.unwrap(context(**change), wrapped)


def test_wrapped_message_of_another_length_is_no_data_key() -> None:
    with pytest.raises(CannotOpen):
        MASTER.unwrap(context(), MASTER.wrap(context(), secret("short")))


def test_manifest_and_audit_are_signed_with_different_keys() -> None:
    assert MASTER.sign_manifest(b"record") != MASTER.sign_audit(b"record")


def test_fingerprint_is_equal_for_equal_keys_of_one_workspace() -> None:
    data_key = DataKey.generate()

    assert data_key.fingerprint(RESEARCH, "openai", secret("k")) == data_key.fingerprint(
        RESEARCH, "openai", secret("k")
    )


def test_fingerprint_does_not_show_equality_elsewhere() -> None:
    one, other = DataKey.generate(), DataKey.generate()
    seen = {
        one.fingerprint(RESEARCH, "openai", secret("k")),
        one.fingerprint(RESEARCH, "google", secret("k")),
        one.fingerprint(SUPPORT, "openai", secret("k")),
        other.fingerprint(RESEARCH, "openai", secret("k")),
    }

    assert len(seen) == 4
    assert {len(fingerprint) for fingerprint in seen} == {8}
