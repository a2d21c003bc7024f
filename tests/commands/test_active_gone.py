"""Every command and magic of one's own vault, with the chosen workspace gone.

Nothing may fail but what names no workspace and needs one. Two kernels of one person share a vault: what the one
has chosen, the other can delete.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from assay_nb import cli
from assay_nb.config import LOCAL_USER, Config
from assay_nb.engine.session import Session, current_session, set_session
from assay_nb.errors import AssayError, WorkspaceNotFound, WrongUsage, workspace_gone
from assay_nb.magics.line_magic import assay_parser
from assay_nb.messages import PROVIDERS
from assay_nb.practice.server import MODEL
from tests.commands.walking import (
    CELLS,
    LINES,
    NOTEBOOK,
    PROMPT,
    carry_out,
    cells_of,
    leaves,
    lines_of,
    list_unnamed,
    unnamed,
    write_files,
)
from tests.fakes.practice import Practice
from tests.magics.shells import Shell, open_shell

REFUSED = {"env": WrongUsage, "member add": WrongUsage}
"""What one's own vault has not, whatever is active."""

NEEDS_NONE = {"models"}
"""What takes a workspace, and does without unless a provider is asked."""

_numbers = count(1)


@dataclass
class Two:
    """Two kernels on one vault.

    Attributes:
        kernel: The one whose chosen workspace is gone.
        other: The one that made it and deleted it.
    """

    kernel: Session
    other: Session
    practice: Practice
    files: dict[str, str]

    def lose(self) -> None:
        """Have the kernel choose a workspace, and the other one delete it."""
        name = f"doomed-{next(_numbers)}"
        control = self.other.control
        self.other.portal.call(control.create_workspace, name)
        self.kernel.portal.call(self.kernel.control.use_workspace, name)
        self.other.portal.call(control.delete_workspace, name)

    def make(self) -> str:
        """Return the name of a workspace with keys and a second owner; the vault has a platform key."""
        name = f"team-{next(_numbers)}"
        control: Any = self.other.control

        async def furnish() -> None:
            made = await control.create_workspace(name)
            for provider in PROVIDERS:
                key = bytearray(self.practice.key.encode())
                there = self.practice.endpoint(provider)
                await control.set_key(made.id, provider, key, endpoint=there, check=False)
            key = bytearray(self.practice.key.encode())
            there, kind = self.practice.endpoint("openai"), "openai-chat"
            await control.set_key(made.id, "spare", key, endpoint=there, check=False, kind=kind)
            await control.set_model(made.id, f"anthropic/{MODEL}")
            await control.add_member(made.id, "max", "owner")
            key, there = bytearray(self.practice.key.encode()), self.practice.endpoint("anthropic")
            await control.set_platform_key("anthropic", key, endpoint=there)

        self.other.portal.call(furnish)
        return name

    def fill(self, line: str, x: str) -> str:
        endpoint = self.practice.endpoint("openai")
        return line.format(x=x, new=f"new-{next(_numbers)}", endpoint=endpoint, **self.files)

    def run(self, command: str, line: str, x: str) -> Any:
        return carry_out(self.kernel, f"{command} {self.fill(line, x)}")

    @property
    def active(self) -> str | None:
        """What the kernel shows as the active one."""
        where = self.kernel.portal.call(self.kernel.control.standing).workspace
        return where and where.name


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gone")


@pytest.fixture(scope="module")
def practice() -> Iterator[Practice]:
    with Practice() as server:
        yield server


@pytest.fixture(scope="module")
def sessions(place: Path) -> Iterator[tuple[Session, Session]]:
    config = Config(home=place / "vault", master_key_file=place / "master.key")
    made = Session(config, lambda _: None), Session(config, lambda _: None)
    yield made
    for session in made:
        session.close()


@pytest.fixture
def two(sessions: tuple[Session, Session], practice: Practice, place: Path) -> Two:
    """The two kernels; what the first one had chosen is gone."""
    two = Two(*sessions, practice, write_files(place))
    two.lose()
    return two


def test_every_command_of_a_notebook_has_a_line() -> None:
    assert {name for name, _ in leaves(assay_parser())} == set(LINES)


@pytest.mark.slow
@pytest.mark.parametrize("command", LINES)
def test_command_that_names_a_workspace_is_carried_out(two: Two, command: str) -> None:
    x = two.make()
    if command in REFUSED:
        with pytest.raises(REFUSED[command]):
            two.run(command, LINES[command], x)
        return

    outcome = two.run(command, LINES[command], x)

    assert set(outcome._repr_mimebundle_()) >= {"text/plain", "text/html"}
    chosen = {"workspace use": x, "try": "practice"}
    assert two.active == chosen.get(command)


@pytest.mark.parametrize("command", list_unnamed())
def test_command_that_names_none_says_that_the_chosen_one_is_gone(two: Two, command: str) -> None:
    if command in NEEDS_NONE:
        assert two.run(command, unnamed(LINES[command]), "").data
        return
    kind = REFUSED.get(command, WorkspaceNotFound)

    with pytest.raises(kind) as caught:
        two.run(command, unnamed(LINES[command]), "")

    if command not in REFUSED:
        assert caught.value.to_dict() == workspace_gone().to_dict()
    assert two.active is None


def test_asking_the_providers_for_their_models_needs_a_workspace(two: Two) -> None:
    with pytest.raises(WorkspaceNotFound, match="is gone"):
        two.run("models", "--ask", "")

    assert two.run("models", "--ask -w {x}", two.make()).data


def test_status_tells_what_is_gone_and_what_there_is(two: Two) -> None:
    x = two.make()

    outcome = two.run("status", "", "")
    shown = " ".join(str(outcome).split())

    assert workspace_gone().message in shown
    assert "%assay workspace use NAME" in shown
    assert x in shown
    assert "personal" in shown
    assert "vault open" in shown
    assert (outcome.data["workspace"], outcome.data["keys"], outcome.data["model"]) == (
        None,
        [],
        None,
    )
    assert outcome.data["user"] == LOCAL_USER


def test_list_marks_no_other_workspace_as_active(two: Two) -> None:
    listed = two.run("workspace list", "", "").data

    assert "personal" in [fact["name"] for fact in listed]
    assert not any(fact["active"] for fact in listed)


def test_shown_workspace_is_not_the_active_one(two: Two) -> None:
    x = two.make()

    assert two.run("workspace show", "{x}", x).data["active"] is False
    assert two.run("workspace use", "{x}", x).data["active"] is True
    assert two.run("workspace show", "{x}", x).data["active"] is True


def test_doctor_finds_it(two: Two) -> None:
    def about_it() -> list[str]:
        findings = two.run("doctor", "", "").data
        return [one["level"] for one in findings if one["text"] == workspace_gone().message]

    gone = about_it()
    two.run("workspace use", "personal", "")

    assert (gone, about_it()) == (["warning"], [])


def test_after_another_choice_calls_go_there(two: Two) -> None:
    two.run("workspace use", "personal", "")

    assert two.run("member list", "", "").data == [
        {"user": LOCAL_USER, "role": "owner", "source": "hand"}
    ]
    assert two.active == "personal"


def test_restored_workspace_is_the_chosen_one_again(two: Two) -> None:
    control: Any = two.other.control
    two.other.portal.call(control.create_workspace, "phoenix")
    two.run("workspace use", "phoenix", "")
    two.other.portal.call(control.delete_workspace, "phoenix")
    before = two.active

    control._resources.workspaces.restore(LOCAL_USER, "phoenix")

    assert (before, two.active) == (None, "phoenix")
    assert two.run("member list", "", "").data


def test_whoever_deletes_or_leaves_what_they_chose_is_back_in_their_own(two: Two) -> None:
    for command, more in (("workspace delete", "--yes"), ("workspace leave", "")):
        x = two.make()
        two.run("workspace use", "{x}", x)

        two.run(command, f"{{x}} {more}", x)

        assert two.active == "personal"


# --- magics -----------------------------------------------------------------------------------------


@pytest.fixture
def shell(two: Two, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    """A notebook in the kernel whose chosen workspace is gone."""
    with open_shell(capsys) as shell:
        set_session(two.kernel)
        shell.run(NOTEBOOK)
        yield shell
        # The kernel is the module's, and `set_session` would end its loop, which begins again by itself.


def test_every_magic_has_a_cell() -> None:
    from assay_nb.magics.extension import MAGICS

    assert set(CELLS) == set(MAGICS)


@pytest.mark.parametrize("magic", CELLS)
def test_magic_that_names_a_workspace_runs_in_it(two: Two, shell: Shell, magic: str) -> None:
    x = two.make()

    ran = [shell.run(cell) for cell in cells_of(magic, x)]

    assert [one.error for one in ran] == [None] * len(ran)
    calls = two.run("calls", "-w {x}", x).data
    assert (calls == []) is (magic == "lint")
    assert two.active is None


@pytest.mark.parametrize("magic", sorted(CELLS.keys() - {"lint"}))
def test_magic_that_names_none_sends_nothing(two: Two, shell: Shell, magic: str) -> None:
    shell.run(f"prompt = {PROMPT!r}")

    errors = [shell.run(typed).error for typed in (*cells_of(magic), *lines_of(magic))]

    assert all(isinstance(error, AssayError) for error in errors), errors
    assert {str(error) for error in errors} == {str(workspace_gone())}


def test_completion_offers_the_workspaces_that_there_are(two: Two, shell: Shell) -> None:
    x = two.make()

    assert {"personal", x} <= set(shell.complete("%assay workspace use "))
    assert {"personal", x} <= set(shell.complete("%%critique -w "))


def test_notebook_gets_out_by_the_hint(two: Two, shell: Shell) -> None:
    before = shell.run(f"%%critique\n{PROMPT}")
    assert before.error is not None
    assert "`%assay workspace use NAME`" in str(before.error)

    shell.run(f"%assay workspace use {two.make()}")

    assert shell.run(f"%%critique\n{PROMPT}").error is None


# --- the terminal, which follows what is stored ------------------------------------------------------


@pytest.mark.slow
def test_terminal_gets_out_by_the_hint(
    two: Two, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    """Somebody else's workspace in one's own vault: a vault that was a team's before."""
    control: Any = two.other.control
    workspaces = control._resources.workspaces
    workspaces.create("theirs", "olga")
    workspaces.add_member("olga", "theirs", LOCAL_USER)
    workspaces.use(LOCAL_USER, "theirs")
    workspaces.delete("olga", "theirs")
    monkeypatch.setenv("ASSAY_HOME", str(place / "vault"))
    monkeypatch.setenv("ASSAY_MASTER_KEY_FILE", str(place / "master.key"))
    set_session(None)

    def type_in(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        return cli.main(words), *capsys.readouterr()

    assert current_session().portal.call(current_session().control.standing).workspace is None
    assert type_in("status")[0] == 0
    assert "assay-nb workspace use NAME" in type_in()[1]
    assert type_in("calls")[0] == 1
    assert "`assay-nb workspace use NAME`" in type_in("calls")[2]
    assert type_in("workspace", "use", "personal")[0] == 0
    assert type_in("calls")[0] == 0
    set_session(None)
