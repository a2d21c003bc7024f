"""Teams that the operator adds and owners that the operator names, without a restart of anything."""

from __future__ import annotations

import pytest

from assay_nb.errors import PermissionDenied, WorkspaceNotFound, WrongUsage
from assay_nb.store.database import Database
from assay_nb.workspaces.membership import Workspaces
from assay_nb.workspaces.teams import Teams

BINDINGS = {"nlp": "language"}
OWNERS = {"nlp": ("prof",)}


@pytest.fixture
def teams(any_database: Database) -> Teams:
    return Teams(any_database, BINDINGS, OWNERS)


@pytest.fixture
def hub(any_database: Database):
    """A person comes to the gateway, and the groups are theirs."""
    workspaces = Workspaces(any_database)

    def come(user: str, *groups: str, admin: bool = False) -> dict[str, str]:
        found = workspaces.sync_groups(user, groups, BINDINGS, hub_admin=admin, owners=OWNERS)
        return {one.name: one.role for one in found}

    return come


def test_owner_of_the_file_owns_it_once_in_the_group(hub) -> None:
    assert hub("carol", "nlp") == {"language": "member"}
    assert hub("prof") == {}
    assert hub("prof", "nlp") == {"language": "owner"}
    assert hub("carol", "nlp") == {"language": "member"}


def test_member_who_is_named_later_is_an_owner_at_once(hub, teams: Teams) -> None:
    hub("carol", "nlp")

    assert teams.name_owner("language", "carol") == ("language", "nlp", "now")
    assert teams.name_owner("language", "carol") == ("language", "nlp", "already")
    assert hub("carol", "nlp") == {"language": "owner"}


@pytest.mark.parametrize("first", ["nobody", "carol"])
def test_named_owner_who_is_not_in_the_group_waits(hub, teams: Teams, first: str) -> None:
    hub(first, "nlp")

    assert teams.name_owner("language", "dean") == ("language", "nlp", "later")
    assert hub("dean") == {}
    assert next(w.awaited for w in teams.list_workspaces()) == ("prof", "dean")
    assert hub("dean", "nlp") == {"language": "owner"}
    assert hub("dean") == {}, "who leaves the group leaves the workspace, named or not"


def test_owner_can_be_named_before_anybody_has_come(hub, teams: Teams) -> None:
    assert teams.list_workspaces() == ()
    assert teams.name_owner("language", "dean")[2] == "later"
    assert hub("dean", "nlp") == {"language": "owner"}


def test_owner_of_a_workspace_made_by_hand_becomes_a_member(
    any_database: Database, teams: Teams
) -> None:
    workspaces = Workspaces(any_database)
    workspaces.create("shared", "olga")

    assert teams.name_owner("shared", "dean") == ("shared", None, "added")
    assert workspaces.get("dean", "shared").role == "owner"


def test_owner_is_taken_back_and_one_remains(hub, teams: Teams) -> None:
    hub("prof", "nlp")
    hub("carol", "nlp")
    teams.name_owner("language", "carol")

    with pytest.raises(WrongUsage, match="configuration file names 'prof'"):
        teams.take_owner("language", "prof")
    assert teams.take_owner("language", "carol") == ("language", True)
    assert hub("carol", "nlp") == {"language": "member"}
    with pytest.raises(WrongUsage, match="not an owner"):
        teams.take_owner("language", "carol")


def test_last_owner_stays(any_database: Database, teams: Teams) -> None:
    Workspaces(any_database).create("shared", "olga")

    with pytest.raises(PermissionDenied, match="would have no owner"):
        teams.take_owner("shared", "olga")


def test_awaited_owner_is_taken_back_before_they_come(hub, teams: Teams) -> None:
    teams.name_owner("language", "dean")

    assert teams.take_owner("language", "dean") == ("language", False)
    assert hub("dean", "nlp") == {"language": "member"}


def test_added_team_works_at_the_next_look(hub, teams: Teams) -> None:
    assert hub("ann", "art") == {}
    assert teams.add("art", "  painting ", ["ann"]) == "painting"
    assert [(t.group, t.source, t.state) for t in teams.list_teams()] == [
        ("art", "command", "waiting"),
        ("nlp", "file", "waiting"),
    ]

    assert hub("ann", "art", "nlp") == {"painting": "owner", "language": "member"}
    assert {t.state for t in teams.list_teams()} == {"ready"}


def test_removed_team_is_left_at_once_and_can_be_given_to_somebody(
    any_database: Database, hub, teams: Teams
) -> None:
    teams.add("art", "painting")
    hub("ann", "art")
    ended = teams.remove("art")

    assert (ended.workspace, ended.gone, ended.remaining) == ("painting", 1, 0)
    with pytest.raises(WorkspaceNotFound):
        Workspaces(any_database).get("ann", "painting")
    assert hub("ann", "art") == {}
    assert teams.name_owner("painting", "dean")[2] == "added"


def test_workspace_that_nobody_is_in_is_bound_again(hub, teams: Teams) -> None:
    teams.add("art", "painting")
    hub("ann", "art")
    before = teams.list_workspaces()[0].id
    teams.remove("art")
    teams.add("artists", "painting")

    assert hub("ann", "artists") == {"painting": "member"}
    assert teams.list_workspaces()[0].id == before


@pytest.mark.parametrize(
    ("group", "workspace", "said"),
    [
        ("nlp", "other", "'nlp' is bound to 'language' already"),
        ("art", "language", "'language' is bound to the hub group 'nlp' already"),
        ("art", "shared", "was made by hand, and belongs to olga"),
        ("dance", "painting", "'painting' is bound to the hub group 'added' already"),
        ("added", "steps", "'added' is bound to 'painting' already"),
        ("art", "a/b", "cannot be a workspace's name"),
        ("art", "personal", "everybody's own workspace"),
        (" art", "painting2", "not the name of a hub group"),
    ],
)
def test_team_that_cannot_be_is_refused_with_what_stands_in_its_way(
    any_database: Database, teams: Teams, group: str, workspace: str, said: str
) -> None:
    Workspaces(any_database).create("shared", "olga")
    teams.add("added", "painting")

    with pytest.raises(WrongUsage, match=said):
        teams.add(group, workspace)
    assert {t.group for t in teams.list_teams()} == {"nlp", "added"}


def test_team_of_the_file_is_removed_there(teams: Teams) -> None:
    with pytest.raises(WrongUsage, match="configuration file binds the hub group 'nlp'"):
        teams.remove("nlp")
    with pytest.raises(WrongUsage, match="bound to no workspace"):
        teams.remove("art")


def test_name_that_was_taken_by_hand_is_said(any_database: Database, hub, teams: Teams) -> None:
    Workspaces(any_database).create("language", "mallory")

    assert hub("carol", "nlp") == {}
    assert [t.state for t in teams.list_teams()] == ["taken"]


def test_renamed_workspace_is_found_by_its_new_name_alone(
    any_database: Database, hub, teams: Teams
) -> None:
    hub("prof", "nlp")
    Workspaces(any_database).rename("prof", "language", "words")

    assert teams.name_owner("words", "dean")[:2] == ("words", "nlp")
    assert [t.workspace for t in teams.list_teams()] == ["words"]
    with pytest.raises(WorkspaceNotFound, match="no team workspace 'language'"):
        teams.name_owner("language", "dean")


def test_second_look_of_a_named_owner_writes_nothing(
    hub, teams: Teams, monkeypatch: pytest.MonkeyPatch
) -> None:
    teams.add("art", "painting", ["ann"])
    before = hub("ann", "art", "nlp"), hub("prof", "nlp")
    monkeypatch.setattr(Workspaces, "_join_and_part", None)

    assert (hub("ann", "art", "nlp"), hub("prof", "nlp")) == before
