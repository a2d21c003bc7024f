"""Attacks by what everybody knows: a default, an empty or a made-up master key, passphrase or token."""

from __future__ import annotations

import ast
import base64
import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import assay_nb
from assay_nb.config import HubEnvironment, load_config
from assay_nb.errors import AssayError, VaultSealed, WrongUsage
from assay_nb.gateway.process.hardening import read_api_token
from assay_nb.gateway.process.main import make_master_key
from assay_nb.gateway.settings import HubSettings, Settings
from assay_nb.vault.hierarchy import MasterKey, parse_master_key
from assay_nb.vault.keystores.choose import choose_keystore
from assay_nb.vault.keystores.key_file import KeyFile
from assay_nb.vault.keystores.os_keyring import OsKeyring
from assay_nb.vault.secret import SecretBytes
from tests.vault.builders import ANTHROPIC, RESEARCH, House

SOURCE = Path(assay_nb.__file__).parent


def written(secret: bytes) -> bytes:
    return bytes(MasterKey(SecretBytes(secret)).write().reveal())


MADE_UP: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "a line end": lambda: b"\n",
    "blanks": lambda: b"  \n\n",
    "zeros": lambda: written(bytes(32)),
    "ones": lambda: written(b"\xff" * 32),
    "one letter": lambda: written(b"a" * 32),
    "two in turn": lambda: written(b"ab" * 16),
    "a short word again and again": lambda: written(b"secret!!" * 4),
    "a passphrase": lambda: b"correct horse battery staple",
    "base64 of a passphrase": lambda: base64.b64encode(b"password" * 4),
    "the prefix alone": lambda: b"anbmk1..",
}


@pytest.mark.parametrize("content", MADE_UP)
def test_a129_key_file_with_nothing_or_something_made_up_is_refused(
    tmp_path: Path, content: str
) -> None:
    """Leave the key file empty, or write what anybody would guess → sealed, and no key is made over it."""
    house = House.migrated(tmp_path / "home")
    house.key_file.touch(mode=0o600)
    house.key_file.write_bytes(MADE_UP[content]())
    before = house.key_file.read_bytes()

    with pytest.raises(VaultSealed):
        house.save(RESEARCH, ANTHROPIC)

    assert house.key_file.read_bytes() == before
    assert house.sql("SELECT * FROM provider_keys") == []


def test_a129_control_generated_key_is_taken(tmp_path: Path) -> None:
    """The control: the same file with a generated master key opens, and each one is another."""
    house = House.migrated(tmp_path / "home")
    KeyFile(house.key_file).put(b"", MasterKey.generate())
    house.save(RESEARCH, ANTHROPIC)
    assert house.read() == house.keys[RESEARCH, "anthropic"]

    made = [tmp_path / "one", tmp_path / "other"]
    for path in made:
        make_master_key(path)
    first, second = (parse_master_key(path.read_bytes().strip()).mk_id for path in made)
    assert first != second


def test_a129_two_vaults_share_no_master_key_and_no_data_key(tmp_path: Path) -> None:
    """Open one fresh vault with what another one's installation made → nothing in common."""
    houses = [House.migrated(tmp_path / name) for name in ("one", "other")]
    for house in houses:
        house.save(RESEARCH, ANTHROPIC)
    kept = [set(KeyFile(house.key_file).list_ids(b"")) for house in houses]
    data = [{row for (row,) in house.sql("SELECT dek_id FROM data_keys")} for house in houses]

    assert not kept[0] & kept[1]
    assert not data[0] & data[1]


@pytest.mark.parametrize("name", ["ASSAY_MASTER_KEY", "ASSAY_MASTER_KEY_FILE"])
@pytest.mark.parametrize("value", ["", " "])
def test_a129_empty_setting_is_no_master_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    """Set the variables to nothing → a key of one's own is generated, or the setting is refused."""
    monkeypatch.setattr(OsKeyring, "connect", classmethod(_no_keyring))
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, value)
    try:
        store = choose_keystore(load_config(), lambda _: None)
        store.put(b"v" * 16, MasterKey.generate())
        (mk_id,) = store.list_ids(b"v" * 16)
    except AssayError:
        return
    assert mk_id not in {MasterKey(SecretBytes(bytes([n]) * 32)).mk_id for n in range(256)}


def _no_keyring(cls: type[OsKeyring]) -> OsKeyring:
    raise VaultSealed("There is no keyring here.")


@pytest.mark.parametrize("token", ["", " ", "\n", "x", "secret", "changeme", "0" * 15])
@pytest.mark.parametrize("by_file", [False, True])
def test_a129_gateway_starts_with_no_empty_or_short_token(
    tmp_path: Path, token: str, by_file: bool
) -> None:
    """Leave the service's token empty, which signs sessions → the gateway does not start."""
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text(token)
    settings = Settings(hub=HubSettings(api_token_file=path if by_file else None))

    with pytest.raises(WrongUsage):
        read_api_token(settings, HubEnvironment(api_token=None if by_file else token))


def test_a129_no_source_carries_a_key() -> None:
    """Look for a master key or a secret of 16 to 64 bytes written into the program → none."""
    found: list[str] = []
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            constant = node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value
            if name in {"SecretBytes", "MasterKey", "SealingKey", "DataKey", "Signer"} and constant:
                found.append(f"{path.name}:{node.lineno}")
    assert found == []
    whole = re.compile(r"anbmk1\.[A-Za-z0-9_-]{43}\.")
    assert [path.name for path in SOURCE.rglob("*.py") if whole.search(path.read_text())] == []
    assert whole.search(written(os.urandom(32)).decode()), "the control"


def test_a129_no_function_has_a_key_for_a_default() -> None:
    """Call the vault without a secret → there is no default to fall back to."""
    for function in (MasterKey.__init__, parse_master_key, KeyFile.put):
        for parameter in inspect.signature(function).parameters.values():
            assert not isinstance(parameter.default, bytes | bytearray | str)
