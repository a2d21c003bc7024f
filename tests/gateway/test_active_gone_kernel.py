"""Every command and magic of a hub's kernel, with the workspace gone that it, or its person, had chosen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from assay_nb import cli
from assay_nb.config import load_config
from assay_nb.engine.session import Session, set_session
from assay_nb.errors import PermissionDenied, WorkspaceNotFound, WrongUsage, workspace_gone
from tests.commands.walking import (
    CELLS,
    LINES,
    NOTEBOOK,
    PROMPT,
    carry_out,
    cells_of,
    lines_of,
    list_unnamed,
    write_files,
)
from tests.commands.walking import unnamed as without_name
from tests.fakes.practice import Practice
from tests.gateway.losing import TEAMS, Member
from tests.gateway.threaded import Hub, open_hub
from tests.magics.shells import Shell, open_shell

REFUSED: dict[str, type[Exception]] = {
    **dict.fromkeys((name for name in LINES if name.startswith(("master", "platform-key"))), PermissionDenied),
    **dict.fromkeys(("keys set", "keys test", "keys remove", "connect"), PermissionDenied),
    **dict.fromkeys((f"connections {word}" for word in ("test", "remove")), PermissionDenied),
    "connections rename": WrongUsage,  # there is none of that name
    **dict.fromkeys(("member add", "member remove", "member role"), PermissionDenied),
    **dict.fromkeys(("workspace delete", "workspace leave"), PermissionDenied),
    "try": WrongUsage,
}  # fmt: skip
"""What a kernel on a hub may not do, whatever is active."""

ABOUT_KEYS = {name for name in REFUSED if name.startswith(("keys ", "connect"))}
"""Of these, what tells on which page it is done, or who does it there: that depends on the workspace."""

NEEDS_NONE = {"models"}
"""What takes a workspace, and does without unless a provider is asked."""

KERNELS = {
    "chosen here, out of the group": ("hub group", True),
    "chosen elsewhere, removed": ("removed", False),
    "chosen here, deleted": ("deleted", True),
}

_numbers = count(1)


@dataclass
class Case:
    """A kernel whose active workspace is gone."""

    hub: Hub
    member: Member
    kernel: Session
    way: str
    chosen_here: bool
    files: dict[str, str]

    @property
    def control(self) -> Any:
        return self.kernel.control

    def lose(self) -> None:
        self.control.selected = None
        choose = self.choose if self.chosen_here else None
        self.hub.wait(self.member.lose(self.way, choose))

    def choose(self, name: str) -> None:
        self.kernel.portal.call(self.control.use_workspace, name)

    def make(self) -> str:
        """Return the name of a workspace of this person's, with a key."""
        practice: Any = self.hub.stage.fake
        return self.hub.wait(self.member.make(practice.key))[1]

    def run(self, command: str, line: str, x: str = "") -> Any:
        filled = line.format(
            x=x, new=f"fresh-{next(_numbers)}", endpoint=self.hub.stage.url, **self.files
        )
        return carry_out(self.kernel, f"{command} {filled}")

    @property
    def active(self) -> str | None:
        """What the kernel shows as the active one."""
        where = self.kernel.portal.call(self.control.standing).workspace
        return where and where.name


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gone")


@pytest.fixture(scope="module")
def hub(place: Path) -> Iterator[Hub]:
    limits = {"calls_per_minute": 100_000, "calls_at_once": 64}
    with Practice() as practice, open_hub(place, practice, limits=limits, teams=TEAMS) as hub:
        yield hub


def _cases() -> list[Any]:
    """The first kernel takes a few seconds; the others ask the same of a gateway that walks all ways too."""
    first, *others = KERNELS
    return [first, *(pytest.param(name, marks=pytest.mark.slow) for name in others)]


@pytest.fixture(scope="module", params=_cases())
def whole_case(hub: Hub, place: Path, request: pytest.FixtureRequest) -> Iterator[Case]:
    way, here = KERNELS[request.param]
    user = f"{way.replace(' ', '-')}-in-a-kernel"
    member = Member(hub.stage, user, hub.stage.token(user))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_GATEWAY_URL", hub.stage.url)
        patch.setenv("JUPYTERHUB_API_TOKEN", member.token)
        kernel = Session(load_config())
        assert kernel.control.mode == "hub"
    yield Case(hub, member, kernel, way, here, write_files(place))
    kernel.close()


@pytest.fixture
def case(whole_case: Case, monkeypatch: pytest.MonkeyPatch) -> Case:
    """The kernel, with its active workspace gone once more."""
    monkeypatch.setenv("ASSAY_GATEWAY_URL", whole_case.hub.stage.url)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", whole_case.member.token)
    whole_case.lose()
    return whole_case


@pytest.mark.slow
@pytest.mark.parametrize("command", LINES)
def test_command_that_names_a_workspace_is_carried_out(case: Case, command: str) -> None:
    x = case.make()
    if command in REFUSED:
        with pytest.raises(REFUSED[command]):
            case.run(command, LINES[command], x)
        assert case.active is None
        return

    outcome = case.run(command, LINES[command], x)

    assert set(outcome._repr_mimebundle_()) >= {"text/plain", "text/html"}
    assert case.active == (x if command == "workspace use" else None)


@pytest.mark.parametrize("command", list_unnamed())
def test_command_that_names_none_says_that_the_chosen_one_is_gone(case: Case, command: str) -> None:
    line = without_name(LINES[command])
    if command in NEEDS_NONE:
        assert case.run(command, line).data
        return

    refused = {} if command in ABOUT_KEYS else REFUSED
    with pytest.raises(refused.get(command, WorkspaceNotFound)) as caught:
        case.run(command, line)

    if command not in refused:
        assert caught.value.to_dict() == workspace_gone().to_dict()  # type: ignore[attr-defined]
    assert case.active is None


def test_status_tells_what_is_gone_and_what_there_is(case: Case) -> None:
    x = case.make()

    outcome = case.run("status", "")
    shown = " ".join(str(outcome).split())

    assert workspace_gone().message in shown
    assert "%assay workspace use NAME" in shown
    assert x in shown
    assert "personal" in shown
    assert case.member.doomed not in shown
    assert f"hub, as {case.member.user}" in shown
    assert "vault open" in shown
    assert outcome.data["workspace"] is None
    assert set(outcome.data["budget"]) == {"granted", "left"}


def test_list_marks_no_other_workspace_as_active(case: Case) -> None:
    listed = case.run("workspace list", "").data

    assert "personal" in [fact["name"] for fact in listed]
    assert not any(fact["active"] for fact in listed)


def test_doctor_finds_it(case: Case) -> None:
    findings = case.run("doctor", "").data

    assert ("warning", workspace_gone().message) in [
        (one["level"], one["text"]) for one in findings
    ]
    assert case.member.user in findings[0]["text"]


def test_what_this_kernel_has_chosen_is_what_it_marks(case: Case) -> None:
    """Another kernel of the same person has chosen another one since, which is the stored default."""
    here, there = case.make(), case.make()
    case.choose(here)
    case.hub.wait(case.member.ask("PATCH", there, {"active": True}))

    shown = {name: case.run("workspace show", "{x}", name).data["active"] for name in (here, there)}

    assert shown == {here: True, there: False}
    assert case.active == here


def test_workspace_that_comes_back_is_the_active_one_again(case: Case) -> None:
    case.hub.wait(case.member.get_back(case.way))

    assert case.active == case.member.doomed
    assert case.run("member list", "").data


def test_another_kernels_choice_does_not_move_this_one(case: Case) -> None:
    """Where this kernel had chosen for itself, the stored default is somebody's other work."""
    case.hub.wait(case.member.ask("PATCH", "personal", {"active": True}))

    assert case.active == (None if case.chosen_here else "personal")


# --- magics and the terminal


@pytest.fixture
def shell(case: Case, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    """A notebook in the kernel."""
    with open_shell(capsys) as shell:
        set_session(case.kernel)
        shell.run(NOTEBOOK)
        yield shell


@pytest.mark.parametrize("magic", CELLS)
def test_magic_that_names_a_workspace_runs_in_it(case: Case, shell: Shell, magic: str) -> None:
    x = case.make()

    ran = [shell.run(cell) for cell in cells_of(magic, x)]

    assert [one.error for one in ran] == [None] * len(ran)
    assert (case.run("calls", "-w {x}", x).data == []) is (magic == "lint")
    assert case.active is None


@pytest.mark.parametrize("magic", sorted(CELLS.keys() - {"lint"}))
def test_magic_that_names_none_sends_nothing(case: Case, shell: Shell, magic: str) -> None:
    shell.run(f"prompt = {PROMPT!r}")

    errors = [shell.run(typed).error for typed in (*cells_of(magic), *lines_of(magic))]

    assert {str(error) for error in errors} == {str(workspace_gone())}


def test_notebook_gets_out_by_the_hint(case: Case, shell: Shell) -> None:
    before = shell.run(f"%%critique\n{PROMPT}")
    assert "`%assay workspace use NAME`" in str(before.error)

    shell.run(f"%assay workspace use {case.make()}")

    assert shell.run(f"%%critique\n{PROMPT}").error is None


def test_terminal_gets_out_by_the_hint(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    def type_in(*words: str) -> tuple[int, str, str]:
        set_session(None)
        capsys.readouterr()
        return cli.main(words), *capsys.readouterr()

    status, told, _ = type_in()
    assert status == 0
    assert "assay-nb workspace use NAME" in told
    status, _, error = type_in("calls")
    assert status == 1
    assert "`assay-nb workspace use NAME`" in error
    assert type_in("workspace", "use", "personal")[0] == 0
    assert type_in("calls")[0] == 0
    set_session(None)
