from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assay_nb.config import Config
from assay_nb.errors import VaultSealed
from assay_nb.vault.hierarchy import MasterKey
from assay_nb.vault.keystores import choose
from assay_nb.vault.keystores.choose import choose_keystore
from assay_nb.vault.keystores.key_file import KeyFile
from assay_nb.vault.keystores.os_keyring import OsKeyring
from tests.fakes.keyrings import MemoryKeyring, name_of

VAULT = b"v" * 16


@pytest.fixture
def said() -> list[str]:
    return []


def test_headless_machine_gets_a_key_file_and_one_line_about_it(
    tmp_path: Path, said: list[str]
) -> None:
    store = choose_keystore(Config(home=tmp_path), said.append)
    assert said == []

    store.put(VAULT, MasterKey.generate())

    assert store.describe() == f"the key file {tmp_path / 'master.key'}"
    assert len(said) == 1
    assert "\n" not in said[0]
    assert str(tmp_path / "master.key") in said[0]


def test_named_file_is_used_before_anything_else(tmp_path: Path, said: list[str]) -> None:
    named = tmp_path / "elsewhere" / "mk"
    named.parent.mkdir()

    store = choose_keystore(Config(home=tmp_path, master_key_file=named), said.append)
    store.put(VAULT, MasterKey.generate())

    assert named.exists()
    assert store.is_shared
    assert len(said) == 1


def test_key_file_of_before_is_used_though_a_keyring_works_now(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    KeyFile(tmp_path / "master.key").put(VAULT, MasterKey.generate())
    monkeypatch.setattr(choose, "_os_keyring", lambda: pytest.fail("asked the keyring"))

    assert isinstance(choose_keystore(Config(home=tmp_path), said.append), KeyFile)


def test_keyring_that_works_is_used(tmp_path: Path, said: list[str], monkeypatch) -> None:
    from assay_nb.vault.keystores import os_keyring

    monkeypatch.setitem(os_keyring.ALLOWED, name_of(MemoryKeyring), "test")
    monkeypatch.setattr(os_keyring, "_find_backend", lambda: MemoryKeyring.over({}))

    assert isinstance(choose_keystore(Config(home=tmp_path), said.append), OsKeyring)


def test_master_key_in_the_environment_is_refused(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_MASTER_KEY", "anbmk1.whatever")

    with pytest.raises(VaultSealed, match="ASSAY_MASTER_KEY is set") as caught:
        choose_keystore(Config(home=tmp_path), said.append)

    assert "whatever" not in str(caught.value)


@pytest.mark.slow
def test_key_file_needs_no_keyring_at_all(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from assay_nb.config import Config;"
        "from assay_nb.vault.keystores.choose import choose_keystore;"
        "choose_keystore(Config(home=Path('.'), master_key_file=Path('mk')), print);"
        "import assay_nb.vault.vault; print('keyring' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "False"
