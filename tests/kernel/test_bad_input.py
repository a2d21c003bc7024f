"""Bad input and bad surroundings: one clear line, nothing sent, nothing lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assay_nb import (
    AssayError,
    KeyPasted,
    ProviderKeyMissing,
    StoreUnavailable,
    VaultIntegrityError,
    VaultSealed,
    WorkspaceNotFound,
    WrongUsage,
)
from assay_nb.engine.session import set_session
from tests.canaries import make_canary
from tests.kernel.replies import PROMPT, critique
from tests.kernel.stage import Stage, open_stage
from tests.magics.shells import Ran, Shell, open_shell


@pytest.fixture
def stage(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A vault of this test's own: it will be damaged."""
    monkeypatch.setenv("ASSAY_HOME", str(home / "vault"))
    with open_stage(home / "vault") as stage:
        stage.fake.answers(critique())
        yield stage


@pytest.fixture
def shell(stage: Stage, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    with open_shell(capsys) as shell:
        set_session(stage.session(say=lambda line: print(line, file=sys.stderr), hasty=True))
        yield shell


def is_one_line(ran: Ran, kind: type[AssayError], words: str) -> bool:
    """Say whether a cell failed with one line that has these words, and says what to do."""
    error = ran.error
    assert isinstance(error, kind), repr(error)
    lines = [line for line in ran.shown.splitlines() if line.strip()]
    if lines[0].startswith("Asking "):  # progress, which a notebook takes away again
        lines = lines[1:]
    assert words in lines[-1]
    return len(lines) == 1


def reopened(stage: Stage) -> dict[str, str]:
    """Return the state of each key, as a process sees it that starts now."""
    session = stage.session()
    facts = session.portal.call(session.control.keys, None)
    session.close()
    return {fact.provider: fact.state for fact in facts}


ALL_READY = dict.fromkeys(("anthropic", "openai", "google"), "ready")


# --- what is typed ----------------------------------------------------------------------------------

TYPED = {
    "empty cell": ("%%critique\n\n \n", WrongUsage, "is empty"),
    "binary": ("%%critique\n\x00\x01\x02PNG\x00\x00\n", WrongUsage, "control characters"),
    "a file's bytes": ("%%rewrite\n" + "\x7fELF\x02\x01\x01" * 40, WrongUsage, "control characters"),
    "one MiB": ("%%critique\n" + "word " * 209_716, WrongUsage, "the limit is 200 kB"),
    "one MiB without a blank": ("%%improve\n" + "w" * (1 << 20), WrongUsage, "the limit is 200 kB"),
    "unknown flag": ("%%critique --workspce x\nhello", WrongUsage, "Did you mean --workspace?"),
    "unknown sub-command": ("%assay workspac", WrongUsage, "Did you mean workspace?"),
    "unknown provider": ("%assay keys test antropic", WrongUsage, "Did you mean anthropic?"),
    "unknown workspace": ("%%critique -w reserch\nhello", WorkspaceNotFound, "'reserch'"),
    "unknown connection": (
        "%%critique -m antropic/claude\nhello", ProviderKeyMissing, "Did you mean `anthropic/claude`?",
    ),
    "unknown model": ("%%critique -m sonnet\nhello", WrongUsage, "`anthropic/sonnet`"),
    "unknown variable": ("%critique drft", WrongUsage, "Did you mean draft?"),
    "pasted key": ("%%critique\nuse " + make_canary("openai"), KeyPasted, "revoke"),
    "pasted key on the line": ("%assay keys set openai " + make_canary("openai"), KeyPasted, "revoke"),
    "a workspace without a name": ("%assay workspace create ''", WrongUsage, "name"),
    "a workspace that is a path": ("%assay workspace create ../../etc", WrongUsage, "name"),
    "an endpoint in plain http": (
        "%assay keys set openai --endpoint http://example.com/v1",
        AssayError,
        "https",
    ),
    "a number that is none": ("%assay calls -n many", WrongUsage, "--limit"),
}  # fmt: skip


@pytest.mark.parametrize("what", TYPED)
def test_bad_input_is_one_line_and_nothing_is_sent(
    what: str, stage: Stage, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: stage.keys["openai"])
    shell.run("draft = 'Summarise.'")
    cell, kind, words = TYPED[what]

    ran = shell.run(cell)

    assert is_one_line(ran, kind, words)
    assert stage.fake.calls == []
    assert shell["draft"] == "Summarise."
    assert reopened(stage) == ALL_READY


def test_cell_of_nothing_at_all_fails_too(stage: Stage, shell: Shell) -> None:
    ran = shell.run("%%critique")

    assert ran.error is not None
    assert "empty" in ran.shown
    assert stage.fake.calls == []


# --- the vault --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_sealed_vault_says_so_and_opens_again_when_its_master_key_is_back(
    stage: Stage, shell: Shell
) -> None:
    away = stage.home.parent / "away.key"
    (stage.home / "master.key").rename(away)

    ran = shell.run(f"%%critique\n{PROMPT}")

    assert is_one_line(ran, VaultSealed, "master key")
    assert not (stage.home / "master.key").exists()
    assert stage.fake.calls == []
    assert "sealed" in shell.run("%assay").shown
    assert "sealed" in shell.run("%assay keys list").shown
    away.rename(stage.home / "master.key")
    assert shell.run(f"%%critique\n{PROMPT}").error is None


def test_new_key_is_not_sealed_under_a_new_master_key_while_the_old_one_is_away(
    stage: Stage, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: stage.keys["openai"])
    (stage.home / "master.key").rename(stage.home / "away")

    ran = shell.run(f"%assay keys set openai --endpoint {stage.fake.endpoint('openai')}")

    assert isinstance(ran.error, VaultSealed)
    (stage.home / "away").rename(stage.home / "master.key")
    assert reopened(stage) == ALL_READY


@pytest.mark.slow
def test_damaged_row_is_not_used_and_entering_the_keys_again_mends_it(
    stage: Stage, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(stage, "UPDATE provider_keys SET envelope = x'00ff' WHERE provider = 'anthropic'")

    ran = shell.run(f"%%critique -m anthropic/some-model\n{PROMPT}")

    assert isinstance(ran.error, VaultIntegrityError)
    assert "cannot be opened" in ran.shown
    assert stage.fake.calls == []
    assert '"state": "unreadable"' in shell.run("%assay keys list --json").shown
    for name in stage.keys:
        monkeypatch.setattr("getpass.getpass", lambda prompt, key=stage.keys[name]: key)
        shell.run(f"%assay keys set {name} --endpoint {stage.fake.endpoint(name)}")
    assert reopened(stage) == ALL_READY


def test_locked_database_is_one_line_and_works_once_it_is_free(stage: Stage, shell: Shell) -> None:
    with closing(sqlite3.connect(stage.home / "vault.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        ran = shell.run("%assay workspace create research")
        other.rollback()

    assert is_one_line(ran, StoreUnavailable, "is locked")
    assert shell.run("%assay workspace create research").error is None


def test_locked_database_does_not_lose_a_reply_that_was_paid_for(
    stage: Stage, shell: Shell
) -> None:
    shell.run(f"%%critique\n{PROMPT}")
    with closing(sqlite3.connect(stage.home / "vault.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        ran = shell.run(f"%%critique -o review\n{PROMPT}")
        other.rollback()

    assert ran.error is None
    assert shell["review"].score == 5.0
    assert "not in the log of calls" in ran.err


def change(stage: Stage, *statements: str) -> None:
    """Do to the database what nobody should."""
    with closing(sqlite3.connect(stage.home / "vault.sqlite")) as other:
        for statement in statements:
            other.execute(statement)
        other.commit()


HALF_MIGRATED = {
    "a table is missing": ("does not have the tables it should", "DROP TABLE calls"),
    "the version is missing": (
        "does not have the tables it should",
        "DELETE FROM alembic_version",
    ),
    "a migration was cut short": (
        "does not have the tables it should",
        "DROP TABLE manifests",
        "DROP TABLE audit",
        "DELETE FROM alembic_version",
    ),
    "it is from the future": (
        "made by a newer assay_nb",
        "UPDATE alembic_version SET version_num = '9999'",
    ),
}


@pytest.mark.parametrize("how", HALF_MIGRATED)
def test_half_written_migration_is_one_line_and_the_file_stays_as_it_is(
    how: str, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    words, *statements = HALF_MIGRATED[how]
    change(stage, *statements)
    before = dump(stage)

    with open_shell(capsys) as shell:
        ran = shell.run(f"%%critique\n{PROMPT}")

    assert is_one_line(ran, StoreUnavailable, words)
    assert dump(stage) == before
    assert stage.fake.calls == []


DAMAGED = {
    "zeros at its start": lambda data: bytes(4096) + data[4096:],
    "cut in half": lambda data: data[: len(data) // 2],
    "cut to nearly nothing": lambda data: data[:100],
    "another file": lambda data: b"%PDF-1.7\n" + os.urandom(20_000),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_damaged_database_is_one_line_and_is_not_begun_anew(
    how: str, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    path = stage.home / "vault.sqlite"
    change(stage, "PRAGMA wal_checkpoint(TRUNCATE)")
    damaged = DAMAGED[how](path.read_bytes())
    path.write_bytes(damaged)
    for side in ("-wal", "-shm"):
        path.with_name(path.name + side).unlink(missing_ok=True)

    with open_shell(capsys) as shell:
        ran = shell.run(f"%%critique\n{PROMPT}")

    assert is_one_line(ran, StoreUnavailable, "damaged")
    assert path.read_bytes()[:4096] == damaged[:4096]
    assert stage.fake.calls == []


def dump(stage: Stage) -> list[str]:
    with closing(sqlite3.connect(stage.home / "vault.sqlite")) as other:
        return list(other.iterdump())


# --- the disk ---------------------------------------------------------------------------------------


def assay(*words: str, before: tuple[str, ...] = (), **options: object):
    """Run `assay-nb` in a process of its own, and return how that went."""
    command = [*before, sys.executable, "-m", "assay_nb.cli", *words]
    return subprocess.run(command, capture_output=True, timeout=100, check=False, **options)  # type: ignore[call-overload]


def is_short_complaint(done: subprocess.CompletedProcess[bytes], words: str) -> bool:
    assert done.returncode == 1, done.stderr
    assert words in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return len(done.stderr.splitlines()) <= 2


@pytest.fixture
def bound() -> tuple[str, ...]:
    """What to put before a command so that permissions hold for it, also when root runs the tests."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip(
            "As root, permissions hold only for a process without capabilities: needs setpriv."
        )
    return ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


def close_down(stage: Stage) -> None:
    """Make the vault read-only, as a wrong chmod or a read-only mount does."""
    change(stage, "PRAGMA wal_checkpoint(TRUNCATE)")
    for path in stage.home.iterdir():
        path.chmod(0o400)
    stage.home.chmod(0o500)


@pytest.mark.slow
@pytest.mark.parametrize("words", [("workspace", "create", "x"), ("keys", "remove", "openai")])
def test_read_only_home_is_one_line_and_nothing_changes(
    words: tuple[str, ...], stage: Stage, bound: tuple[str, ...]
) -> None:
    close_down(stage)

    done = assay(*words, before=bound)

    stage.home.chmod(0o700)
    for path in stage.home.iterdir():
        path.chmod(0o600)
    assert is_short_complaint(done, "ASSAY_HOME")
    assert reopened(stage) == ALL_READY


@pytest.mark.slow
def test_home_that_cannot_be_made_is_one_line(
    home: Path, bound: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "closed").mkdir(mode=0o500)
    monkeypatch.setenv("ASSAY_HOME", str(home / "closed" / "vault"))

    done = assay("workspace", "list", before=bound)

    assert is_short_complaint(done, "Permission denied")


FULL = """
set -e
mount -t tmpfs -o size={size}k tmpfs "$1"
chmod 700 "$1"
cp -p "$2"/* "$1"/
dd if=/dev/zero of="$1/filler" bs=4k 2>/dev/null || true
shift 2
"$@" || status=$?
cp -p "$0"/* "$BACK"/
rm -f "$BACK/filler"
exit "${{status:-0}}"
"""


@pytest.mark.slow
def test_full_disk_is_one_line_and_every_key_is_still_there(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rm", "true"], capture_output=True).returncode:
        pytest.skip(
            "A full disk needs a small file system, and this machine does not let us mount one."
        )
    small, back = tmp_path / "small", tmp_path / "back"
    small.mkdir()
    back.mkdir()
    monkeypatch.setenv("ASSAY_HOME", str(small))
    monkeypatch.setenv("BACK", str(back))
    key = make_canary("openai")
    stage.fake.keys = {*stage.keys.values(), key}
    script = FULL.format(size=512)

    done = assay(
        "keys", "set", "openai", "--endpoint", stage.fake.endpoint("openai"),
        before=(unshare, "-rm", "sh", "-c", script, str(small), str(small), str(stage.home)),
        input=key.encode(),
    )  # fmt: skip

    assert is_short_complaint(done, "disk")
    assert find(back, "vault.sqlite")
    assert reopened(Stage(stage.fake, back, stage.keys)) == ALL_READY


def find(folder: Path, name: str) -> bool:
    folder.chmod(0o700)
    return (folder / name).is_file()
