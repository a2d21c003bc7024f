"""What an operator copies from `examples/hub`, run as it stands: only its places are other ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assay_nb.errors import VaultSealed
from assay_nb.store.database import Database
from assay_nb.vault.keystores.key_file import KeyFile
from assay_nb.vault.vault import Vault
from tests.canaries import make_canary
from tests.vault.builders import ANTHROPIC, RESEARCH, secret

EXAMPLES = Path(__file__).parents[2] / "examples" / "hub"

# Who is root may not be here, and what systemd starts is not there.
STUBS = {
    "chown": "#!/bin/sh\n",
    "systemctl": '#!/bin/sh\necho "$@" >> "$STUBS_LOG"\n',
    "runuser": '#!/bin/sh\nshift 3\nexec "$@"\n',
    "install": '#!/bin/sh\nwhile [ "$1" != -m ]; do shift 2; done\ncp "$3" "$4" && chmod "$2" "$4"\n',
    "assay-nb": f'#!/bin/sh\nexec {sys.executable} -m assay_nb.cli "$@"\n',
}

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A directory with `etc`, with `var` where a vault with one key is, and with what the script calls."""
    for name in ("etc", "var", "bin"):
        (tmp_path / name).mkdir(mode=0o700)
    for name, text in STUBS.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


@pytest.fixture
def key(machine: Path) -> str:
    key = make_canary("anthropic")
    database = Database.open(machine / "var" / "vault.sqlite")
    store = KeyFile(machine / "etc" / "master.key", mark_path=machine / "var" / "master.epoch")
    vault = Vault.open(database, store)
    vault.save_key(RESEARCH, ANTHROPIC, secret(key), added_by="ada", verified=True)
    database.close()
    return key


@pytest.fixture
def run(machine: Path) -> Run:
    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        text = (EXAMPLES / "assay-nb-master").read_text()
        for here, there in (
            ("/etc/assay-nb", machine / "etc"),
            ("/var/lib/assay-nb", machine / "var"),
            ("/opt/assay-nb/bin", machine / "bin"),
        ):
            text = text.replace(here, str(there))
        return subprocess.run(
            ["/bin/sh", "-s", *words],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={
                "PATH": f"{machine / 'bin'}:/usr/bin:/bin",
                "LANG": "C.UTF-8",
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                "STUBS_LOG": str(machine / "log"),
                **environment,
            },
        )

    return run


def read(machine: Path) -> str:
    database = Database.open(machine / "var" / "vault.sqlite")
    store = KeyFile(machine / "etc" / "master.key", mark_path=machine / "var" / "master.epoch")
    try:
        with Vault.open(database, store).open_key(RESEARCH, "anthropic") as opened:
            return bytes(opened.secret.reveal()).decode()
    finally:
        database.close()


@pytest.mark.slow
def test_rotation_of_a_credential_leaves_the_new_key_in_its_place(
    machine: Path, key: str, run: Run
) -> None:
    before = (machine / "etc" / "master.key").read_bytes()

    done = run("rotate")

    assert done.returncode == 0, done.stderr
    assert (machine / "etc" / "master.key").read_bytes() != before
    assert read(machine) == key
    assert [path.name for path in (machine / "etc").glob("master.*") if path.is_dir()] == []
    assert (machine / "log").read_text() == "restart assay-nb-gateway\n"


@pytest.mark.slow
def test_database_from_before_the_rotation_is_noticed(machine: Path, key: str, run: Run) -> None:
    file = machine / "var" / "vault.sqlite"
    backup = file.read_bytes()
    assert run("rotate").returncode == 0

    file.write_bytes(backup)

    with pytest.raises(VaultSealed, match="older"):
        read(machine)


def test_rotation_that_fails_changes_nothing(machine: Path, key: str, run: Run) -> None:
    before = (machine / "etc" / "master.key").read_bytes()
    (machine / "bin" / "runuser").write_text("#!/bin/sh\nexit 1\n")

    assert run("rotate").returncode != 0

    assert (machine / "etc" / "master.key").read_bytes() == before
    assert not (machine / "log").exists()
    assert read(machine) == key


@pytest.mark.parametrize("name", ["assay-nb-master", "assay-nb-operator"])
def test_scripts_and_unit_name_the_same_places(name: str) -> None:
    script, unit = ((EXAMPLES / one).read_text() for one in (name, "assay-nb-gateway.service"))

    assert "/etc/assay-nb" in script
    assert "LoadCredential=assay-master-key:/etc/assay-nb/master.key" in unit
    assert "/opt/assay-nb/bin/" in script
    assert "ExecStart=/opt/assay-nb/bin/" in unit
    assert "/var/lib/assay-nb" in script
    assert "StateDirectory=assay-nb" in unit
