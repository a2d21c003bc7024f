"""Workspaces that are bound to JupyterHub groups."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from assay_nb.errors import PermissionDenied, WorkspaceNotFound
from assay_nb.store.database import Database
from assay_nb.workspaces.membership import Workspaces

BINDINGS = {"nlp": "language", "vision": "pictures"}


def test_members_of_a_group_are_members_of_its_workspace(workspaces: Workspaces):
    (language,) = workspaces.sync_groups("ada", ["nlp", "unbound"], BINDINGS)

    assert (language.name, language.role, language.hub_group) == ("language", "member", "nlp")
    assert workspaces.sync_groups("bob", ["nlp"], BINDINGS)[0].id == language.id
    assert [w.name for w in workspaces.list("ada")] == ["personal", "language"]


def test_second_look_writes_nothing(workspaces: Workspaces, monkeypatch: pytest.MonkeyPatch):
    before = workspaces.sync_groups("ada", ["nlp"], BINDINGS)
    monkeypatch.setattr(Workspaces, "_join_and_part", None)

    assert workspaces.sync_groups("ada", ["nlp"], BINDINGS) == before
    assert workspaces.sync_groups("nobody", [], BINDINGS) == ()


def test_whoever_leaves_the_group_leaves_the_workspace(workspaces: Workspaces):
    workspaces.sync_groups("ada", ["nlp", "vision"], BINDINGS)
    workspaces.sync_groups("ada", ["vision"], BINDINGS)

    assert [w.name for w in workspaces.list("ada")] == ["personal", "pictures"]
    with pytest.raises(WorkspaceNotFound):
        workspaces.authorize("ada", "language", "call")


def test_binding_that_the_operator_took_back_ends_the_memberships(workspaces: Workspaces):
    workspaces.sync_groups("ada", ["nlp"], BINDINGS)
    workspaces.sync_groups("ada", ["nlp"], {})

    assert [w.name for w in workspaces.list("ada")] == ["personal"]


def test_hub_admin_in_the_group_owns_its_workspace(workspaces: Workspaces):
    workspaces.sync_groups("ada", ["nlp"], BINDINGS)
    workspaces.sync_groups("root", ["nlp"], BINDINGS, hub_admin=True)
    workspaces.set_role("root", "language", "ada", "admin")

    assert workspaces.sync_groups("ada", ["nlp"], BINDINGS)[0].role == "admin"


def test_member_who_becomes_a_hub_admin_becomes_an_owner(workspaces: Workspaces):
    workspaces.sync_groups("ada", ["nlp"], BINDINGS)

    assert workspaces.sync_groups("ada", ["nlp"], BINDINGS, hub_admin=True)[0].role == "owner"


def test_hub_admin_outside_the_group_gets_nothing(workspaces: Workspaces):
    workspaces.sync_groups("ada", ["nlp"], BINDINGS)

    assert workspaces.sync_groups("root", [], BINDINGS, hub_admin=True) == ()


def test_workspace_made_by_hand_is_not_taken_over_by_its_name(workspaces: Workspaces):
    """Whoever guessed the name would own the workspace in which the whole group works."""
    squatter = workspaces.create("language", "mallory")

    assert workspaces.sync_groups("ada", ["nlp"], BINDINGS) == ()
    assert [m.user for m in workspaces.members("mallory", squatter.id)] == ["mallory"]
    assert workspaces.list_conflicts(BINDINGS) == ("language",)


def test_owner_binds_a_workspace_made_by_hand(workspaces: Workspaces):
    workspaces.create("language", "olga")
    workspaces.bind_group("olga", "language", "nlp")

    assert workspaces.sync_groups("ada", ["nlp"], BINDINGS)[0].name == "language"
    assert workspaces.list_conflicts(BINDINGS) == ()
    assert workspaces.get("olga", "language").role == "owner"


def test_member_by_hand_stays_when_they_leave_the_group(workspaces: Workspaces):
    workspaces.create("language", "olga")
    workspaces.bind_group("olga", "language", "nlp")
    workspaces.sync_groups("olga", ["nlp"], BINDINGS)
    workspaces.sync_groups("olga", [], BINDINGS)

    assert workspaces.get("olga", "language").role == "owner"


def test_member_through_a_group_is_not_removed_by_hand(workspaces: Workspaces):
    workspaces.sync_groups("ada", ["nlp"], BINDINGS)
    workspaces.sync_groups("root", ["nlp"], BINDINGS, hub_admin=True)

    with pytest.raises(PermissionDenied, match="through a hub group"):
        workspaces.remove_member("root", "language", "ada")
    with pytest.raises(PermissionDenied, match="through a hub group"):
        workspaces.leave("ada", "language")


def test_workspace_of_a_group_is_not_deleted_while_it_is_bound(workspaces: Workspaces):
    workspaces.sync_groups("root", ["nlp"], BINDINGS, hub_admin=True)

    with pytest.raises(PermissionDenied, match="belongs to the hub group 'nlp'"):
        workspaces.delete("root", "language")


def test_renamed_workspace_stays_bound(workspaces: Workspaces):
    workspaces.sync_groups("root", ["nlp"], BINDINGS, hub_admin=True)
    workspaces.rename("root", "language", "words")

    assert workspaces.sync_groups("ada", ["nlp"], BINDINGS)[0].name == "words"
    assert workspaces.list_conflicts(BINDINGS) == ()


def test_first_members_of_a_group_at_once_meet_in_one_workspace(any_database: Database):
    workspaces = Workspaces(any_database)

    def join(number: int) -> bytes:
        return workspaces.sync_groups(f"user{number}", ["nlp"], BINDINGS)[0].id

    with ThreadPoolExecutor(10) as pool:
        assert len(set(pool.map(join, range(10)))) == 1
