"""`doctor`: each usual trouble is found, and what is well is said to be well."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay_nb.config import Config
from assay_nb.engine.control import Diagnosis
from assay_nb.engine.session import Session
from assay_nb.models.catalog import DEMO_MODEL, DEMO_SUCCESSOR
from assay_nb.models.retirements import RETIREMENTS, Retirement
from assay_nb.vault.keystores import os_keyring
from tests.fakes.providers import FakeProviders
from tests.kernel.stage import Stage, open_stage
from tests.kernel.steps import run_command
from tests.tools import unused_port


@pytest.fixture
def stage(home: Path) -> Iterator[Stage]:
    with open_stage(home / "vault") as stage:
        yield stage


def examine(stage: Stage, subject: str) -> list[Diagnosis]:
    session = stage.session(hasty=True)
    findings = session.portal.call(session.control.doctor)
    session.close()
    return [finding for finding in findings if finding.subject == subject]


def levels(stage: Stage, subject: str) -> list[str]:
    return [finding.level for finding in examine(stage, subject)]


# --- connections ------------------------------------------------------------------------------------


def test_reachable_provider_is_said_to_be(stage: Stage) -> None:
    (found,) = examine(stage, "connection")

    assert (found.level, found.text) == (
        "ok",
        f"{stage.fake.origin} can be reached. No key was sent.",
    )
    assert stage.fake.calls == []


def test_provider_that_does_not_listen_is_named(stage: Stage) -> None:
    session = stage.session()
    endpoint = f"http://127.0.0.1:{unused_port()}/v1"
    run_command(
        session, f"keys set openai --unverified --endpoint {endpoint}", stage.keys["openai"]
    )
    session.close()

    found = {finding.text: finding.level for finding in examine(stage, "connection")}

    assert sorted(found.values()) == ["ok", "warning"]
    assert any("nothing listens there" in text for text in found)


def test_endpoint_that_somebody_edited_is_not_contacted(stage: Stage) -> None:
    with FakeProviders() as evil:
        with closing(sqlite3.connect(stage.home / "vault.sqlite")) as other:
            other.execute(
                "UPDATE provider_keys SET origin = ?, endpoint = ?", (evil.origin, evil.origin)
            )
            other.commit()

        found = examine(stage, "connection")

        assert found == []
        assert evil.connections == set()


# --- the vault --------------------------------------------------------------------------------------


def test_other_processes_that_have_the_database_open_are_named(stage: Stage) -> None:
    import subprocess
    import sys

    script = "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute('SELECT 1 FROM calls'); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(stage.home / "vault.sqlite")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        texts = [finding.text for finding in examine(stage, "database")]
        other.communicate()

    assert any(f"({other.pid})" in text for text in texts)


def test_sealed_vault_is_a_problem_with_what_to_do(stage: Stage) -> None:
    (stage.home / "master.key").rename(stage.home / "away")

    (found,) = examine(stage, "vault")

    assert found.level == "problem"
    assert found.hint


def test_database_that_others_can_read_is_a_problem(stage: Stage) -> None:
    (stage.home / "vault.sqlite").chmod(0o644)
    session = stage.session()

    found = [f for f in session.portal.call(session.control.doctor) if f.level == "problem"]
    session.close()

    assert any("chmod" in finding.hint for finding in found)


def test_one_trouble_with_the_home_is_told_once(stage: Stage) -> None:
    stage.home.chmod(0o755)
    session = stage.session()

    found = [f for f in session.portal.call(session.control.doctor) if f.level == "problem"]
    session.close()

    (problem,) = found
    assert problem.subject == "database"
    assert "mode 0755" in problem.text
    assert problem.hint == f"Close it first: `chmod 700 {stage.home}`."


# --- what is protected from whom


def protection(stage: Stage) -> str:
    (found,) = examine(stage, "what is protected")
    return found.text


def test_key_file_beside_the_database_is_never_called_apart(stage: Stage) -> None:
    text = protection(stage)

    assert "apart" not in text
    assert "keyring" not in text
    assert f"the key file {stage.home / 'master.key'}, beside the database" in text
    assert "anyone who copies that directory can open them" in text
    assert "Code that runs as you" in text


@pytest.mark.parametrize(
    ("place", "beside"),
    [
        ("vault/keys/my.key", True),
        ("my.key", True),  # the database is in a folder below it
        ("link/my.key", True),
        ("elsewhere/my.key", False),
    ],
)
def test_key_file_elsewhere_is_called_beside_where_one_copy_takes_both(
    home: Path, place: str, beside: bool
) -> None:
    for name in ("vault", "vault/keys", "elsewhere"):
        (home / name).mkdir(mode=0o700)
    (home / "link").symlink_to(home / "vault")
    session = Session(Config(home=home / "vault", master_key_file=home / place), say=lambda _: None)

    found = session.portal.call(session.control.doctor)
    session.close()

    (text,) = [one.text for one in found if one.subject == "what is protected"]
    assert ("beside the database" in text) is beside
    assert ("anyone who gets that file and the database can open them" in text) is not beside
    assert not any("apart" in one.text for one in found)


def test_keyring_is_what_is_called_apart(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from assay_nb.engine.local.resources import Resources
    from assay_nb.vault.keystores.os_keyring import OsKeyring

    keyring = object.__new__(OsKeyring)
    keyring._label = "Secret Service"
    monkeypatch.setattr(Resources, "keystore", keyring)
    session = stage.session(hasty=True)
    session.close()

    from assay_nb.engine.local import doctor

    text = doctor._encryption(session.control._resources)  # type: ignore[attr-defined]
    assert text.endswith("the master key is in the OS keyring (Secret Service), apart from them.")


# --- why the master key is in a file


def reason(stage: Stage) -> str:
    (found,) = examine(stage, "master key")
    return found.text


def test_key_file_without_a_session_bus_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os_keyring, "_find_backend", lambda: None)

    assert "No OS keyring can be used here: there is no D-Bus session" in reason(stage)


def test_key_file_without_a_keyring_daemon_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    monkeypatch.setattr(os_keyring, "_find_backend", lambda: None)

    assert "no Secret Service, such as GNOME Keyring or KWallet, runs" in reason(stage)


def test_key_file_without_the_package_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os_keyring, "find_spec", lambda name: None)
    monkeypatch.setattr(os_keyring, "_find_backend", lambda: None)

    assert "the package `secretstorage` is not installed" in reason(stage)


def test_key_file_beside_a_refused_keyring_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")

    assert "PYTHON_KEYRING_BACKEND is set, so the OS keyring is not used." in reason(stage)


def test_key_file_that_is_there_goes_before_a_keyring(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os_keyring, "_find_backend", object)

    assert "One can be used now, but a key file that is there goes first." in reason(stage)


def test_key_file_that_was_chosen_is_named_with_its_setting(home: Path) -> None:
    config = Config(home=home / "vault", master_key_file=home / "my.key")
    session = Session(config, say=lambda _: None)

    found = [f for f in session.portal.call(session.control.doctor) if f.subject == "master key"]
    session.close()

    assert [f.text.partition(" A copy")[0] for f in found] == [
        f"Its place is the key file {home / 'my.key'}. It was chosen with ASSAY_MASTER_KEY_FILE."
    ]


def test_key_in_the_environment_is_pointed_out_without_being_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", stage.keys["anthropic"])

    (found,) = examine(stage, "environment")

    assert "ANTHROPIC_API_KEY" in found.text
    assert "--from-env ANTHROPIC_API_KEY" in found.hint
    assert stage.traces_in(repr(found)) == {}


def test_healthy_vault_has_no_problem_at_all(stage: Stage) -> None:
    session = stage.session()
    findings = session.portal.call(session.control.doctor)
    session.close()

    assert [finding for finding in findings if finding.level == "problem"] == []


@pytest.mark.parametrize(("days", "found"), [(59, 1), (61, 0)])
def test_end_of_the_demos_model_is_told_where_a_demo_is_offered(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, days: int, found: int
) -> None:
    day = datetime.now(UTC).date() + timedelta(days=days)
    end = Retirement(day=day, successor=None, source="the page", read=day)
    monkeypatch.setitem(RETIREMENTS, DEMO_MODEL, end)
    assert examine(stage, "model") == []

    session = stage.session(hasty=True)
    key = bytearray(stage.keys["anthropic"].encode())
    session.portal.call(session.control.set_platform_key, "anthropic", key)
    session.close()

    told = examine(stage, "model")
    assert len(told) == found
    assert all(DEMO_SUCCESSOR in one.hint for one in told)
