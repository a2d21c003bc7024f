"""`workspace …` and `member …`: what they call a workspace, and what they promise."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assay_nb.commands import tree
from assay_nb.commands.keys import say_check
from assay_nb.commands.workspaces import name_workspace
from assay_nb.config import Config
from assay_nb.egress.origins import OperatorPolicy
from assay_nb.engine.control import KeyCheck, WorkspaceFacts
from assay_nb.engine.local.control import LocalControl
from assay_nb.engine.local.resources import Resources
from assay_nb.engine.local.solo import make_solo_engine
from assay_nb.engine.session import Session
from assay_nb.errors import ProviderKeyMissing, WrongUsage
from assay_nb.magics.line_magic import assay_parser
from tests.commands.walking import LINES, leaves, plain_words
from tests.kernel.steps import FixedDesk, run_command


@pytest.fixture
def session(home: Path) -> Iterator[Session]:
    session = Session(Config(home=home / "vault"), say=lambda _: None)
    yield session
    session.close()


def shown(session: Session, line: str) -> str:
    return plain_words(run_command(session, line))


def test_own_vault_adds_nobody(session: Session) -> None:
    run_command(session, "workspace create research")

    with pytest.raises(WrongUsage) as caught:
        run_command(session, "member add bob -w research")

    assert caught.value.message == "This vault is yours alone, so 'bob' could reach nothing in it."
    assert "JupyterHub" in (caught.value.hint or "")
    members = run_command(session, "member list -w research").data
    assert [member["user"] for member in members] == ["me"]


def test_workspaces_of_an_own_vault_promise_no_team(session: Session) -> None:
    said = [
        shown(session, line)
        for line in (
            "workspace create research",
            "workspace use research",
            "workspace list",
            "workspace show research",
            "status",
            "workspace rename research science",
        )
    ]

    assert said[0].startswith("✓ Workspace 'research' is made, for you alone.")
    assert said[1] == "You now work in workspace 'research'."
    assert said[4].startswith("You work in workspace 'research'. It has no model yet.")
    assert said[5] == "It is now workspace 'science'."
    assert not [line for line in said if "team" in line or "personal personal" in line]


def test_personal_workspace_is_called_so(session: Session) -> None:
    run_command(session, "model anthropic/claude-sonnet-4-6")

    assert (
        shown(session, "workspace use personal")
        == "You now work in your personal workspace. Its model is `anthropic/claude-sonnet-4-6`."
    )
    assert shown(session, "status").startswith("You work in your personal workspace. Its model is")


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("owner", "the team workspace 'my team', where you are an owner"),
        ("admin", "the team workspace 'my team', where you are an admin"),
        ("member", "the team workspace 'my team', where you are a member"),
    ],
)
def test_team_on_a_hub_is_named_with_the_persons_role(role: str, words: str) -> None:
    fact = WorkspaceFacts(id="1", name="my team", kind="team", role=role, model=None, active=True)

    parts = name_workspace(fact, "hub")

    assert "".join(part if isinstance(part, str) else part.text for part in parts) == words


@pytest.fixture
def hub(home: Path) -> Iterator[Session]:
    """A session that takes itself for a hub's, on a vault of its own that is told it were the gateway's."""
    config = Config(home=home / "vault")
    resources = Resources(config, lambda _: None, OperatorPolicy(frozenset()))
    session = Session(replace(config, gateway_url="http://127.0.0.1:1/services/assay"))
    session.__dict__["_seams"] = (make_solo_engine(resources), LocalControl(resources, "ada"))
    yield session
    session.close()


@pytest.mark.parametrize(
    "line", ["workspace create research", "keys list", "status", "keys list -w personal"]
)
def test_on_a_hub_keys_are_added_on_the_key_page(line: str, hub: Session) -> None:
    said = shown(hub, line)

    assert re.search(r"Open workspaces/[0-9a-f]{32} in a browser and (enter one|change keys)", said)
    assert "keys set" not in said


def test_on_a_hub_a_missing_key_is_added_on_the_key_page(hub: Session) -> None:
    with pytest.raises(ProviderKeyMissing) as caught:
        hub.portal.call(hub.control.test_key, None, "openai")

    assert re.fullmatch(
        r"Open workspaces/[0-9a-f]{32}/keys/openai in a browser and enter one\.",
        caught.value.hint or "",
    )


def test_team_on_a_hub_gets_members(hub: Session) -> None:
    run_command(hub, "workspace create research")

    assert shown(hub, "member add bob -w research --role admin") == "✓ 'bob' is now an admin."
    assert shown(hub, "member remove bob -w research") == "✓ 'bob' is no longer a member."


def test_missing_key_is_added_where_it_is_missing(session: Session) -> None:
    run_command(session, "workspace create 'my research'")

    with pytest.raises(ProviderKeyMissing) as caught:
        run_command(session, "keys test openai -w 'my research'")

    assert ", then `assay-nb keys set openai -w 'my research'`." in (caught.value.hint or "")


def test_hint_with_a_name_of_two_words_can_be_copied(session: Session) -> None:
    said = shown(session, "workspace create 'my research'")

    command = said.split("`")[1]
    assert command == "assay-nb keys set google -w 'my research'"
    words = shlex.split(command)[1:]
    parser, _ = tree.build_parser("assay-nb", "")
    assert parser.parse_words(words).workspace == "my research"


class Silent(FixedDesk):
    """Nobody to ask."""

    def confirm(self, question: str) -> bool:
        return False


ASKING = [name for name, parser in leaves(assay_parser()) if "--yes" in parser.flags()]


def test_what_destroys_asks() -> None:
    assert ASKING == ["workspace delete", "master purge"]


@pytest.mark.parametrize("command", ASKING)
def test_what_would_be_asked_says_how_to_answer_beforehand(command: str, session: Session) -> None:
    run_command(session, "workspace create research")
    line = f"{command} {LINES[command].format(x='research').replace('--yes', '')}"
    parser, _ = tree.build_parser("assay-nb", "")

    with pytest.raises(WrongUsage) as caught:
        tree.run(session, parser.parse_line(line), Silent())

    assert "--yes" in (caught.value.hint or "")
    assert "keys set" not in str(caught.value)


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (0, "The provider accepts it."),
        (1, "The provider accepts it, and lists 1 model for it."),
        (1200, "The provider accepts it, and lists 1,200 models for it."),
    ],
)
def test_models_that_a_key_lists_are_counted(models: int, words: str) -> None:
    check = KeyCheck(provider="openai", outcome="accepted", models=models)

    assert say_check(check) == words


def test_counts_of_one_are_singular(session: Session, canary: dict[str, str]) -> None:
    run_command(session, "keys set openai --unverified", canary["openai"])

    rotated = shown(session, "master rotate")
    purged = shown(session, "master purge --yes --older-than 0")

    assert "1 data key is under a new master key" in rotated
    assert purged == "● 1 retired master key is gone."
    assert "No master key was retired so long ago" in shown(session, "master purge --yes")
