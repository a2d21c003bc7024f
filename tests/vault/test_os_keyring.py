from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay_nb.errors import VaultSealed
from assay_nb.vault.hierarchy import MasterKey
from assay_nb.vault.keystores import os_keyring
from assay_nb.vault.keystores.os_keyring import ALLOWED, OsKeyring
from tests.fakes import keyrings
from tests.fakes.keyrings import (
    ForgetfulKeyring,
    GarblingKeyring,
    HangingKeyring,
    LockedKeyring,
    MemoryKeyring,
    name_of,
)
from tests.tools import require_tool

VAULT = b"v" * 16


@pytest.fixture(autouse=True)
def _trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in vars(keyrings).values():
        if isinstance(kind, type) and issubclass(kind, MemoryKeyring):
            monkeypatch.setitem(ALLOWED, name_of(kind), "test")


@pytest.fixture
def hanging() -> Iterator[OsKeyring]:
    HangingKeyring.over_now.clear()
    HangingKeyring.asked = 0
    yield OsKeyring(HangingKeyring.over({}), time_limit=0.1)
    HangingKeyring.over_now.set()


def test_keyring_that_keeps_nothing_is_noticed_when_a_key_is_put() -> None:
    with pytest.raises(VaultSealed, match="does not read back"):
        OsKeyring(ForgetfulKeyring.over({})).put(VAULT, MasterKey.generate())


def test_keyring_that_cuts_values_short_is_noticed_when_a_key_is_put() -> None:
    with pytest.raises(VaultSealed, match="does not read back"):
        OsKeyring(GarblingKeyring.over({})).put(VAULT, MasterKey.generate())


def test_locked_keyring_is_not_taken_for_an_empty_one() -> None:
    with pytest.raises(VaultSealed, match="KeyringLocked"):
        OsKeyring(LockedKeyring.over({})).find(VAULT, b"m" * 16)


def test_keyring_that_hangs_is_given_up_and_not_asked_again(hanging: OsKeyring) -> None:
    for _ in range(3):
        with pytest.raises(VaultSealed, match="did not answer"):
            hanging.find(VAULT, b"m" * 16)

    assert HangingKeyring.asked == 1


def test_keyring_that_answers_late_is_asked_again(hanging: OsKeyring) -> None:
    with pytest.raises(VaultSealed):
        hanging.find(VAULT, b"m" * 16)
    HangingKeyring.over_now.set()
    waiting = hanging._waiting
    assert waiting is not None
    waiting.join(5)

    assert hanging.find(VAULT, b"m" * 16) is None


def test_error_of_a_backend_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, service: str, username: str, password: str) -> None:
        raise RuntimeError(f"cannot store {password}")

    monkeypatch.setattr(MemoryKeyring, "set_password", refuse)
    master = MasterKey.generate()

    with pytest.raises(VaultSealed) as caught:
        OsKeyring(MemoryKeyring.over({})).put(VAULT, master)

    assert bytes(master.write().reveal()).decode() not in str(caught.value)
    assert caught.value.__suppress_context__


def test_entry_that_holds_another_key_than_it_says_is_refused() -> None:
    entries: dict[tuple[str, str], str] = {}
    store = OsKeyring(MemoryKeyring.over(entries))
    one, other = MasterKey.generate(), MasterKey.generate()
    store.put(VAULT, one)
    store.put(VAULT, other)
    name = "assay_nb", f"{VAULT.hex()}.{one.mk_id.hex()}"
    entries[name] = entries["assay_nb", f"{VAULT.hex()}.{other.mk_id.hex()}"]

    with pytest.raises(VaultSealed, match="another key"):
        store.find(VAULT, one.mk_id)


def test_property_from_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYRING_PROPERTY_PREFERRED_COLLECTION", "/org/somebody/else")

    with pytest.raises(VaultSealed, match="KEYRING_PROPERTY"):
        OsKeyring(MemoryKeyring.over({}))


def test_machine_without_a_keyring_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in ALLOWED if name.startswith("tests.")]:
        monkeypatch.delitem(ALLOWED, name)

    with pytest.raises(VaultSealed, match="No OS keyring can be used here: "):
        OsKeyring.connect()


def test_trusted_backends_exist_under_their_names() -> None:
    from importlib import import_module

    for name in os_keyring.ALLOWED:
        module, _, qualname = name.partition(":")
        if module.startswith("keyring."):
            assert hasattr(import_module(module), qualname)


SECRET_SERVICE = """
    from assay_nb.vault.hierarchy import MasterKey
    from assay_nb.vault.keystores.os_keyring import OsKeyring

    vault, master = b"v" * 16, MasterKey.generate()
    store = OsKeyring.connect()
    assert store.describe() == "the OS keyring (Secret Service)", store.describe()
    store.put(vault, master)
    store.raise_mark(vault, 5)
    again = OsKeyring.connect()
    assert again.find(vault, master.mk_id).check_value == master.check_value
    assert (again.list_ids(vault), again.find_mark(vault)) == ([master.mk_id], 5)
    again.delete(vault, master.mk_id)
    assert (again.find(vault, master.mk_id), again.list_ids(vault)) == (None, [])
    print("round trip")
"""


@pytest.mark.slow
def test_real_secret_service_keeps_and_returns_a_master_key(tmp_path: Path) -> None:
    bus, daemon = require_tool("dbus-run-session"), require_tool("gnome-keyring-daemon")
    program = tmp_path / "round_trip.py"
    program.write_text(textwrap.dedent(SECRET_SERVICE))
    session = (
        f'echo pw | "{daemon}" --unlock --components=secrets >/dev/null 2>&1 && exec "$0" "$1"'
    )

    done = subprocess.run(
        [bus, "--", "sh", "-c", session, sys.executable, str(program)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.strip() == "round trip", done.stderr
