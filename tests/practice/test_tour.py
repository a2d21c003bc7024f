"""Practising: in several processes at once, after a restart, and with a real key in the same vault."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay_nb.config import Config
from assay_nb.engine.call import Call
from assay_nb.engine.events import Finished
from assay_nb.engine.session import Session
from assay_nb.errors import (
    AssayError,
    ProviderKeyMissing,
    ProviderUnavailable,
    WorkspaceNotFound,
    WrongUsage,
)
from assay_nb.messages import PROVIDERS
from assay_nb.practice import tour
from assay_nb.practice.server import PracticeServer
from assay_nb.practice.tour import SAMPLE, WORKSPACE, run_tour, start_practice
from tests.kernel.steps import run_command

Open = Callable[[], Session]


@pytest.fixture
def open_session(home: Path) -> Iterator[Open]:
    """A factory of processes' sessions, all on one vault."""
    opened: list[Session] = []

    def open_one() -> Session:
        opened.append(Session(Config(home=home / "vault"), say=lambda _: None))
        return opened[-1]

    yield open_one
    for session in opened:
        end(session)


def end(session: Session) -> None:
    """End what a process ends with."""
    if session in tour._servers:
        tour._servers[session].close()
    session.close()


def ask(session: Session, workspace: str | None = None, model: str | None = None) -> Any:
    call = Call(instrument="critique", prompt=SAMPLE, workspace=workspace, model=model)
    with session.stream(call) as events:
        return next(event.result for event in events if isinstance(event, Finished))


def refusal(session: Session, act: Callable[[], Any]) -> AssayError:
    with pytest.raises(AssayError) as caught:
        act()
    return caught.value


def check_says_try(error: AssayError) -> None:
    """See that an error tells how to start practice, and asks for no real key."""
    said = str(error)
    assert "`%assay try` in a notebook" in said
    assert "`assay-nb try` in a terminal" in said
    for wrong in ("keys set", "https://", "doctor", "revoke"):
        assert wrong not in said


# --- beside each other


@pytest.mark.slow
def test_each_process_uses_its_own_server_whoever_starts_and_ends_another(
    open_session: Open,
) -> None:
    first, second = open_session(), open_session()
    start_practice(first)
    before = first.portal.call(first.control.keys, WORKSPACE)
    start_practice(second)

    assert ask(first).provenance.practice
    assert ask(second).provenance.practice
    end(second)
    assert ask(first).provenance.practice
    assert ask(first, WORKSPACE, "google/practice-1").provenance.practice
    now = first.portal.call(first.control.keys, WORKSPACE)
    assert [fact.endpoint for fact in now] == [fact.endpoint for fact in before]
    assert {fact.state for fact in now} == {"ready"}


@pytest.mark.slow
def test_tour_leaves_a_vault_that_practises_alone(open_session: Open) -> None:
    session, other = open_session(), open_session()
    start_practice(session)
    stored = other.portal.call(other.control.keys, WORKSPACE)

    shown = list(run_tour())

    assert len(shown) == 5
    assert other.portal.call(other.control.keys, WORKSPACE) == stored
    assert ask(session).provenance.practice
    assert ask(other, WORKSPACE).provenance.practice


@pytest.mark.slow
def test_tour_makes_nothing_in_the_persons_vault(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(home / "vault"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    list(run_tour())

    assert not (home / "vault").exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_practising_twice_keeps_the_server(open_session: Open) -> None:
    session = open_session()
    start_practice(session)
    server = tour._servers[session]

    run_command(session, "workspace use personal")
    start_practice(session)

    assert tour._servers[session] is server
    assert ask(session).provenance.practice


@pytest.mark.slow
def test_another_process_uses_the_stored_keys_while_the_server_runs(open_session: Open) -> None:
    first, other = open_session(), open_session()
    start_practice(first)

    assert ask(other, WORKSPACE).provenance.practice


KERNEL = """
import sys
from assay_nb.engine.call import Call
from assay_nb.engine.session import current_session
from assay_nb.practice.tour import start_practice
session = current_session()
for word in sys.stdin:
    try:
        if word.strip() == "try":
            start_practice(session)
        else:
            session.portal.call(session.engine.ask, Call(instrument="critique", prompt="Be brief.", workspace="practice"))
        print("done", flush=True)
    except Exception as error:
        print(repr(error), flush=True)
"""


class Process:
    """A kernel of its own, told what to do word by word."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", KERNEL],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def tell(self, word: str) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(f"{word}\n")
        self._child.stdin.flush()

    def hear(self) -> str:
        assert self._child.stdout is not None
        return self._child.stdout.readline().strip()

    def do(self, word: str) -> str:
        self.tell(word)
        return self.hear()

    def close(self) -> None:
        self._child.communicate(timeout=30)


@pytest.mark.slow
def test_processes_that_practise_at_once_do_not_meet(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(home / "vault"))
    kernels = [Process() for _ in range(3)]
    for kernel in kernels:
        kernel.tell("try")

    assert [kernel.hear() for kernel in kernels] == ["done"] * 3
    assert [kernel.do("call") for kernel in kernels] == ["done"] * 3
    kernels[0].close()
    kernels[2].close()
    command = [sys.executable, "-m", "assay_nb.cli", "try"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert kernels[1].do("call") == "done"
    kernels[1].close()


# --- what every error says


def test_practice_that_was_never_started_is_said_to_be_so(open_session: Open) -> None:
    session = open_session()

    for act in (
        lambda: ask(session, WORKSPACE),
        lambda: run_command(session, f"keys list -w {WORKSPACE}"),
        lambda: run_command(session, f"workspace use {WORKSPACE}"),
        lambda: run_command(session, f"workspace show {WORKSPACE}"),
        lambda: run_command(session, f"models --ask -w {WORKSPACE}"),
    ):
        error = refusal(session, act)
        assert isinstance(error, WorkspaceNotFound)
        check_says_try(error)


def test_another_name_is_not_taken_for_practice(open_session: Open) -> None:
    session = open_session()

    error = refusal(session, lambda: ask(session, "practise"))

    assert "You are in no workspace 'practise'." in str(error)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_server_that_has_ended_is_told_at_once(open_session: Open, provider: str) -> None:
    """As after a restart of the kernel: the keys are stored, and nothing listens."""
    gone, session = open_session(), open_session()
    start_practice(gone)
    waited: list[object] = []
    end(gone)

    call = Call(
        instrument="critique", prompt=SAMPLE, workspace=WORKSPACE, model=f"{provider}/practice-1"
    )

    def act() -> None:
        with session.stream(call) as events:
            waited.extend(type(event).__name__ for event in events)

    error = refusal(session, act)

    assert isinstance(error, ProviderUnavailable)
    assert "The practice provider has ended" in str(error)
    check_says_try(error)
    assert "Waiting" not in waited


def test_commands_say_that_the_server_has_ended(open_session: Open) -> None:
    gone, session = open_session(), open_session()
    start_practice(gone)
    end(gone)

    errors = [
        refusal(session, lambda line=line: run_command(session, line))
        for line in ("keys test google -w practice", "models --ask -w practice")
    ]

    for error in errors:
        check_says_try(error)


def test_port_that_another_server_has_by_now_means_the_same(open_session: Open) -> None:
    """Another practice server refuses the key, and that is no reason to enter a real one."""
    gone, session = open_session(), open_session()
    start_practice(gone)
    tour._servers[gone].key = "another"
    gone.close()
    with PracticeServer() as other:
        control: Any = session.control

        async def lead_there() -> None:
            key, there = bytearray(b"practice-of-before-0123456789"), other.endpoint("openai")
            await control.set_key(WORKSPACE, "openai", key, endpoint=there, check=False)

        session.portal.call(lead_there)
        error = refusal(session, lambda: ask(session, WORKSPACE, "openai/practice-1"))
    end(gone)

    assert isinstance(error, ProviderUnavailable)
    check_says_try(error)


def test_practice_workspace_without_its_keys_asks_for_no_real_one(open_session: Open) -> None:
    session = open_session()
    session.portal.call(session.control.create_workspace, WORKSPACE)

    for act in (
        lambda: ask(session, WORKSPACE),
        lambda: ask(session, WORKSPACE, "openai/gpt-6-luna"),
        lambda: run_command(session, f"keys test openai -w {WORKSPACE}"),
        lambda: run_command(session, f"keys remove openai -w {WORKSPACE}"),
    ):
        error = refusal(session, act)
        assert isinstance(error, ProviderKeyMissing)
        check_says_try(error)


@pytest.mark.slow
def test_practice_workspace_that_was_deleted_elsewhere_can_be_had_again(
    open_session: Open,
) -> None:
    session, other = open_session(), open_session()
    start_practice(session)
    run_command(other, f"workspace delete {WORKSPACE} --yes")

    check_says_try(refusal(session, lambda: ask(session)))
    check_says_try(refusal(session, lambda: run_command(session, "keys list")))
    start_practice(session)

    assert ask(session).provenance.practice


def test_status_of_an_empty_practice_workspace_says_how_to_start(open_session: Open) -> None:
    session = open_session()
    session.portal.call(session.control.create_workspace, WORKSPACE)
    run_command(session, f"workspace use {WORKSPACE}")

    shown = " ".join(str(run_command(session, "status")).replace("┃", "").split())

    assert "Start it: `%assay try` in a notebook" in shown
    assert "keys set" not in shown


@pytest.mark.slow
def test_practice_costs_nothing_in_the_log(open_session: Open) -> None:
    session = open_session()
    start_practice(session)
    ask(session)

    (call,) = session.portal.call(session.control.calls, None, 5)

    assert call.cost == 0
    assert ", $0." in " ".join(str(run_command(session, "calls")).split())


# --- a real key


def test_practice_replaces_no_real_key(open_session: Open, canary: dict[str, str]) -> None:
    session = open_session()
    session.portal.call(session.control.create_workspace, WORKSPACE)
    run_command(session, f"keys set openai --unverified -w {WORKSPACE}", canary["openai"])

    with pytest.raises(WrongUsage, match="holds a key of yours") as caught:
        start_practice(session)

    assert caught.value.hint == "Rename it first: `%assay workspace rename practice NAME`."
    (kept,) = [
        fact
        for fact in session.portal.call(session.control.keys, WORKSPACE)
        if fact.state != "missing"
    ]
    assert kept.endpoint == "https://api.openai.com/v1"


@pytest.mark.slow
def test_real_key_that_is_stored_while_practising_is_used(
    open_session: Open, canary: dict[str, str]
) -> None:
    session = open_session()
    start_practice(session)

    run_command(session, f"keys set openai --unverified -w {WORKSPACE}", canary["openai"])

    endpoints = {
        fact.provider: fact.endpoint
        for fact in session.portal.call(session.control.keys, WORKSPACE)
    }
    assert endpoints["openai"] == "https://api.openai.com/v1"
    assert endpoints["google"].startswith("http://127.0.0.1:")


@pytest.mark.slow
def test_removed_practice_key_is_gone_and_names_nothing_to_revoke(open_session: Open) -> None:
    session = open_session()
    start_practice(session)

    removed = run_command(session, f"keys remove openai -w {WORKSPACE}")

    assert removed.data["revoke_url"] == ""
    states = {
        fact.provider: fact.state for fact in session.portal.call(session.control.keys, WORKSPACE)
    }
    assert states == {"anthropic": "ready", "openai": "missing", "google": "ready"}
