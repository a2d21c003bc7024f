"""What an operator copies from `examples/hub`, run as it stands: only its places are other ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from assay_nb.errors import VaultSealed, WrongUsage
from assay_nb.gateway.process.examples import write_examples
from assay_nb.store.database import Database
from assay_nb.vault.keystores.key_file import KeyFile
from assay_nb.vault.vault import Vault
from tests.canaries import make_canary
from tests.vault.builders import ANTHROPIC, RESEARCH, secret

EXAMPLES = Path(__file__).parents[2] / "examples" / "hub"

# What systemd does with the options that the script gives: the credential's file, and the command after them.
SYSTEMD_RUN = """#!/bin/sh
while [ "${1#--}" != "$1" ]; do
    case "$1" in
        --property=LoadCredential=*) file=${1##*:} ;;
        --setenv=*) exit 9 ;;
    esac
    shift
done
if [ -d "$STUBS_LOG.credentials" ]; then chmod 0700 "$STUBS_LOG.credentials" && rm -r "$STUBS_LOG.credentials"; fi
mkdir "$STUBS_LOG.credentials" && cp "$file" "$STUBS_LOG.credentials/assay-master-key"
chmod 0400 "$STUBS_LOG.credentials/assay-master-key" && chmod 0500 "$STUBS_LOG.credentials"
CREDENTIALS_DIRECTORY="$STUBS_LOG.credentials" exec "$@"
"""

# Who is root may not be here, and what systemd starts is not there.
STUBS = {
    "chown": "#!/bin/sh\n",
    "systemctl": '#!/bin/sh\necho "$@" >> "$STUBS_LOG"\n',
    "runuser": '#!/bin/sh\nshift 3\nexec "$@"\n',
    "systemd-run": SYSTEMD_RUN,
    "install": '#!/bin/sh\nwhile [ "$1" != -m ]; do shift 2; done\ncp "$3" "$4" && chmod "$2" "$4"\n',
    "assay-nb": f'#!/bin/sh\nexec {sys.executable} -m assay_nb.cli "$@"\n',
}

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A directory with `etc`, with `var` where a vault with one key is, and with what the script calls."""
    for name in ("etc", "var", "bin"):
        (tmp_path / name).mkdir(mode=0o700)
    (tmp_path / "etc" / "gateway.toml").write_text(f'home = "{tmp_path / "var"}"\n')
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
    def run(
        *words: str, script: str = "assay-nb-master", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        text = (EXAMPLES / script).read_text()
        for here, there in (
            ("/etc/assay-nb", machine / "etc"),
            ("/var/lib/assay-nb", machine / "var"),
            ("/opt/assay-nb/bin", machine / "bin"),
        ):
            text = text.replace(here, str(there))
        return subprocess.run(
            ["/bin/sh", "-s", "--", *words],
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


@pytest.mark.slow
def test_operators_commands_act_on_the_database_that_the_configuration_names(
    machine: Path, key: str, run: Run
) -> None:
    """Both scripts used SQLite in `/var/lib/assay-nb`, whatever `database_url` said."""
    elsewhere = machine / "elsewhere.sqlite"
    elsewhere.write_bytes((machine / "var" / "vault.sqlite").read_bytes())
    elsewhere.chmod(0o600)
    config = machine / "etc" / "gateway.toml"
    config.write_text(f'home = "{machine / "var"}"\ndatabase_url = "sqlite:///{elsewhere}"\n')
    before = (machine / "var" / "vault.sqlite").read_bytes()

    added = run("team", "add", "art", "painting", "--owner", "ann", script="assay-nb-operator")
    listed = run("team", "list", "--json", script="assay-nb-operator")
    rotated = run("rotate")
    status = run("master", "status", "--json", script="assay-nb-operator")

    assert [done.returncode for done in (added, listed, rotated, status)] == [0, 0, 0, 0], (
        added.stderr + listed.stderr + rotated.stderr + status.stderr
    )
    assert json.loads(listed.stdout)[0]["workspace"] == "painting"
    assert {one["state"] for one in json.loads(status.stdout)} == {"active", "retired"}
    assert (machine / "var" / "vault.sqlite").read_bytes() == before


@pytest.mark.slow
def test_scripts_take_another_configuration(machine: Path, key: str, run: Run) -> None:
    other = machine / "etc" / "second.toml"
    (machine / "etc" / "gateway.toml").rename(other)

    assert run("team", "list", script="assay-nb-operator").returncode != 0
    listed = run("--config", str(other), "team", "list", script="assay-nb-operator")
    rotated = run("--config", str(other), "rotate")

    assert (listed.returncode, rotated.returncode) == (0, 0), listed.stderr + rotated.stderr
    assert read(machine) == key


@pytest.mark.parametrize("name", ["assay-nb-master", "assay-nb-operator"])
def test_scripts_and_unit_name_the_same_places(name: str) -> None:
    script, unit = ((EXAMPLES / one).read_text() for one in (name, "assay-nb-gateway.service"))

    assert "/etc/assay-nb" in script
    assert "LoadCredential=assay-master-key:/etc/assay-nb/master.key" in unit
    assert "/opt/assay-nb/bin/" in script
    assert "ExecStart=/opt/assay-nb/bin/" in unit
    assert "/etc/assay-nb/gateway.toml" in script
    assert "--config /etc/assay-nb/gateway.toml" in unit
    assert "StateDirectory=assay-nb" in unit
    assert 'home = "/var/lib/assay-nb"' in (EXAMPLES / "gateway.toml").read_text()


def test_examples_are_written_whole_and_never_over_a_file(tmp_path: Path) -> None:
    names = write_examples(tmp_path / "new")

    assert sorted(names) == sorted(one.name for one in EXAMPLES.iterdir())
    for name in names:
        there, here = tmp_path / "new" / name, EXAMPLES / name
        assert there.read_bytes() == here.read_bytes()
        assert os.access(there, os.X_OK) == os.access(here, os.X_OK)
    with pytest.raises(WrongUsage, match="is there already"):
        write_examples(tmp_path / "new")


def test_installed_examples_are_written_without_what_pip_made_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "installed"
    (installed / "__pycache__").mkdir(parents=True)
    (installed / "gateway.toml").write_text("# a setting")
    monkeypatch.setattr("assay_nb.gateway.process.examples._find_examples", lambda: installed)

    assert write_examples(tmp_path / "new") == ["gateway.toml"]


def test_examples_are_in_the_wheel_and_in_the_source() -> None:
    build = tomllib.loads((EXAMPLES.parents[1] / "pyproject.toml").read_text())["tool"]["hatch"][
        "build"
    ]

    assert build["targets"]["wheel"]["force-include"]["examples/hub"] == "assay_nb/examples/hub"
    assert "/examples" in build["targets"]["sdist"]["include"]
