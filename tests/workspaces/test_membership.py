from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from assay_nb.errors import AssayError, PermissionDenied, WorkspaceNotFound, WrongUsage
from assay_nb.store.database import Database
from assay_nb.workspaces.membership import Workspaces


def _names(workspaces: Workspaces, user: str) -> list[str]:
    return [workspace.name for workspace in workspaces.list(user)]


# --- personal workspaces ----------------------------------------------------------------------------


def test_personal_workspace_is_made_once(any_database: Database):
    first = Workspaces(any_database).personal("ada")

    assert Workspaces(any_database).personal("ada") == first
    assert (first.name, first.kind, first.role, first.model) == (
        "personal",
        "personal",
        "owner",
        None,
    )
    assert len(first.id) == 16


def test_first_use_by_many_threads_makes_one_personal_workspace(any_database: Database):
    workspaces = Workspaces(any_database)

    with ThreadPoolExecutor(30) as pool:
        found = list(pool.map(lambda _: workspaces.personal("ada").id, range(30)))

    assert len(set(found)) == 1
    with any_database.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM members")) == 1


def test_two_people_have_two_personal_workspaces_of_the_same_name(workspaces: Workspaces):
    assert workspaces.personal("ada").id != workspaces.personal("Ada").id
    assert workspaces.get("ada", "personal").id == workspaces.personal("ada").id


@pytest.mark.parametrize(
    "act",
    [
        lambda w: w.delete("ada", "personal"),
        lambda w: w.leave("ada", "personal"),
        lambda w: w.rename("ada", "personal", "mine"),
        lambda w: w.transfer("ada", "personal", "bob"),
        lambda w: w.add_member("ada", "personal", "bob"),
        lambda w: w.remove_member("ada", "personal", "ada"),
        lambda w: w.set_role("ada", "personal", "ada", "member"),
        lambda w: w.bind_group("ada", "personal", "everybody"),
    ],
)
def test_personal_workspace_has_one_member_for_ever(workspaces: Workspaces, act):
    before = workspaces.personal("ada")

    with pytest.raises(PermissionDenied, match="Your personal workspace"):
        act(workspaces)

    assert workspaces.list("ada") == (before,)
    assert [m.user for m in workspaces.members("ada", "personal")] == ["ada"]


# --- finding ----------------------------------------------------------------------------------------


def test_created_workspace_is_found_by_name_by_id_and_by_bytes(workspaces: Workspaces):
    made = workspaces.create("research", "olga")

    assert workspaces.get("olga", "research") == made
    assert workspaces.get("olga", made.id.hex()) == made
    assert workspaces.get("olga", made.id) == made


def test_missing_and_foreign_workspaces_read_the_same(team: Workspaces):
    foreign = _error(lambda: team.get("zoe", "research"))
    team.delete("olga", "research")
    missing = _error(lambda: team.get("zoe", "research"))

    assert isinstance(foreign, WorkspaceNotFound)
    assert foreign.to_dict() == missing.to_dict()


def test_foreign_id_reads_like_a_random_one(team: Workspaces):
    identity = team.get("olga", "research").id
    foreign = _error(lambda: team.get("zoe", identity))
    random = _error(lambda: team.get("zoe", bytes(16)))

    assert str(foreign).replace(identity.hex(), "ID") == str(random).replace(bytes(16).hex(), "ID")


def test_suggestion_comes_only_from_ones_own_workspaces(team: Workspaces):
    team.create("reports", "zoe")

    assert "Did you mean 'research'?" in str(_error(lambda: team.get("olga", "reserach")))
    assert "Did you mean" not in str(_error(lambda: team.get("zoe", "researchh")))
    assert "Did you mean 'reports'?" in str(_error(lambda: team.get("zoe", "report")))


def test_taken_name_is_refused(team: Workspaces):
    with pytest.raises(WrongUsage, match="The name 'research' is taken"):
        team.create("research", "zoe")


def test_same_name_at_once_is_given_to_one(any_database: Database):
    workspaces = Workspaces(any_database)

    def create(number: int) -> bool:
        return _error(lambda: workspaces.create("research", f"user{number}")) is None

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(create, range(10))) == 1


def test_user_names_that_look_alike_are_different_people(workspaces: Workspaces):
    workspaces.create("research", "alice")

    for other in ("Alice", "ａｌｉｃｅ", "alicé"):
        with pytest.raises(WorkspaceNotFound):
            workspaces.get(other, "research")


@pytest.mark.parametrize(
    "name", ["a'b", 'a"b', "a;DROP TABLE members--", "a%b", "a_b", "a?b", "a$1b"]
)
def test_sql_in_a_name_is_a_name(any_database: Database, name: str):
    workspaces = Workspaces(any_database)
    made = workspaces.create(name, name)
    workspaces.add_member(name, name, f"x{name}")

    assert workspaces.get(name, name) == made
    assert {m.user for m in workspaces.members(name, name)} == {name, f"x{name}"}
    with pytest.raises(WorkspaceNotFound):
        workspaces.get("axb", name)


# --- the active workspace ---------------------------------------------------------------------------


def test_personal_workspace_is_active_until_another_is_chosen(team: Workspaces):
    assert team.active("mia").name == "personal"

    team.use("mia", "research")

    assert team.active("mia").name == "research"
    assert team.active("olga").name == "personal"


def test_active_workspace_stays_so_under_a_new_name(team: Workspaces):
    team.use("mia", "research")
    team.rename("olga", "research", "science")

    assert team.active("mia").name == "science"


def _take_out(team: Workspaces) -> None:
    team.remove_member("olga", "research", "mia")


def _take_back(team: Workspaces) -> None:
    team.add_member("olga", "research", "mia")


def _delete(team: Workspaces) -> None:
    team.delete("olga", "research")


def _restore(team: Workspaces) -> None:
    team.restore("olga", "research")


def _leave_group(team: Workspaces) -> None:
    team.sync_groups("mia", [], {"physics": "research"})


def _join_group(team: Workspaces) -> None:
    team.sync_groups("mia", ["physics"], {"physics": "research"})


def _in_a_group(team: Workspaces) -> None:
    team.remove_member("olga", "research", "mia")
    team.bind_group("olga", "research", "physics")
    _join_group(team)


WAYS = {
    "taken out": (lambda team: None, _take_out, _take_back),
    "deleted by its owner": (lambda team: None, _delete, _restore),
    "out of the group": (_in_a_group, _leave_group, _join_group),
}


@pytest.mark.parametrize("way", WAYS)
def test_active_workspace_that_somebody_took_away_is_no_silent_change(team: Workspaces, way: str):
    begin, lose, _ = WAYS[way]
    begin(team)
    team.use("mia", "research")
    lose(team)

    with pytest.raises(WorkspaceNotFound, match="is gone"):
        team.active("mia")

    assert team.find_active("mia") is None
    assert _names(team, "mia") == ["personal"]


@pytest.mark.parametrize("way", WAYS)
def test_active_workspace_that_comes_back_is_the_active_one_again(team: Workspaces, way: str):
    begin, lose, bring_back = WAYS[way]
    begin(team)
    team.use("mia", "research")
    lose(team)
    bring_back(team)

    active = team.find_active("mia")

    assert active == team.active("mia")
    assert active.name == "research"


def test_workspace_that_was_purged_is_gone_until_another_is_chosen(team: Workspaces):
    team.use("mia", "research")
    gone = team.delete("olga", "research")
    team.purge(gone.id)

    before = team.find_active("mia")
    team.use("mia", "personal")

    assert before is None
    assert team.active("mia").name == "personal"


def test_gone_workspace_is_asked_for_by_id_as_if_there_were_none(team: Workspaces):
    gone = team.delete("olga", "research").id.hex()
    never = "0" * 32

    told, untold = (_error(lambda one=one: team.get("mia", one)) for one in (gone, never))

    assert told.to_dict() == json.loads(json.dumps(untold.to_dict()).replace(never, gone))


def test_whoever_leaves_the_active_workspace_is_back_in_their_own(team: Workspaces):
    team.use("mia", "research")
    team.leave("mia", "research")

    assert team.active("mia").name == "personal"


# --- who may do what --------------------------------------------------------------------------------

ACTS = {
    "rename": lambda w, who: w.rename(who, "research", "renamed"),
    "delete": lambda w, who: w.delete(who, "research"),
    "transfer": lambda w, who: w.transfer(who, "research", "mia"),
    "add member": lambda w, who: w.add_member(who, "research", "new"),
    "add admin": lambda w, who: w.add_member(who, "research", "new", "admin"),
    "add owner": lambda w, who: w.add_member(who, "research", "new", "owner"),
    "remove member": lambda w, who: w.remove_member(who, "research", "mia"),
    "remove owner": lambda w, who: w.remove_member(who, "research", "otto"),
    "promote": lambda w, who: w.set_role(who, "research", "mia", "admin"),
    "make owner": lambda w, who: w.set_role(who, "research", "mia", "owner"),
    "demote owner": lambda w, who: w.set_role(who, "research", "otto", "member"),
    "members": lambda w, who: w.members(who, "research"),
    "model": lambda w, who: w.set_model(who, "research", "anthropic/claude-sonnet-4-6"),
    "bind": lambda w, who: w.bind_group(who, "research", "group"),
    "keys": lambda w, who: w.authorize(who, "research", "manage_keys"),
    "call": lambda w, who: w.authorize(who, "research", "call"),
    "leave": lambda w, who: w.leave(who, "research"),
}
OWNER_ONLY = {
    "rename",
    "delete",
    "transfer",
    "add owner",
    "remove owner",
    "make owner",
    "demote owner",
    "bind",
}
ADMIN_TOO = {"add member", "add admin", "remove member", "promote", "model", "keys"}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("who", ["olga", "adam", "max", "zoe"])
def test_acts_by_role(team: Workspaces, who: str, act: str):
    team.add_member("olga", "research", "otto", "owner")
    team.add_member("olga", "research", "max")
    expected: type[AssayError] | None = None
    if who == "zoe":
        expected = WorkspaceNotFound
    elif (who == "adam" and act in OWNER_ONLY) or (who == "max" and act in OWNER_ONLY | ADMIN_TOO):
        expected = PermissionDenied
    before = team.members("olga", "research")

    error = _error(lambda: ACTS[act](team, who))

    assert type(error) is (expected or type(None))
    if error:
        assert team.members("olga", "research") == before


def test_member_may_remove_themselves_and_nobody_else(team: Workspaces):
    with pytest.raises(PermissionDenied):
        team.remove_member("mia", "research", "adam")

    team.remove_member("mia", "research", "mia")

    assert [m.user for m in team.members("olga", "research")] == ["adam", "olga"]


@pytest.mark.parametrize(
    "act",
    [
        lambda w: w.leave("olga", "research"),
        lambda w: w.remove_member("olga", "research", "olga"),
        lambda w: w.set_role("olga", "research", "olga", "admin"),
    ],
)
def test_last_owner_stays_one(team: Workspaces, act):
    with pytest.raises(PermissionDenied, match="would have no owner"):
        act(team)

    team.add_member("olga", "research", "otto", "owner")
    act(team)

    assert [m.user for m in team.members("otto", "research") if m.role == "owner"] == ["otto"]


def test_two_owners_who_leave_at_once_leave_one(any_database: Database):
    workspaces = Workspaces(any_database)
    for number in range(5):
        name = f"team{number}"
        workspaces.create(name, "a")
        workspaces.add_member("a", name, "b", "owner")

        with ThreadPoolExecutor(2) as pool:
            left = list(
                pool.map(
                    lambda who, name=name: _error(lambda: workspaces.leave(who, name)) is None, "ab"
                )
            )

        assert sorted(left) == [False, True]


def test_transfer_makes_the_giver_an_admin(team: Workspaces):
    team.transfer("olga", "research", "mia")

    roles = {m.user: m.role for m in team.members("mia", "research")}
    assert roles == {"olga": "admin", "adam": "admin", "mia": "owner"}


def test_transfer_to_oneself_changes_nothing(team: Workspaces):
    assert team.transfer("olga", "research", "olga").role == "owner"
    assert team.get("olga", "research").role == "owner"


def test_transfer_to_a_stranger_is_refused(team: Workspaces):
    with pytest.raises(WrongUsage, match="'zoe' is not a member of 'research'"):
        team.transfer("olga", "research", "zoe")


def test_second_entry_of_a_member_is_refused_and_changes_nothing(team: Workspaces):
    with pytest.raises(WrongUsage, match="'mia' is in 'research' already"):
        team.add_member("olga", "research", "mia", "owner")

    assert team.get("mia", "research").role == "member"


def test_unknown_role_is_refused(team: Workspaces):
    with pytest.raises(WrongUsage, match="'root' is not a role"):
        team.set_role("olga", "research", "mia", "root")  # type: ignore[arg-type]


def test_member_who_was_removed_finds_nothing(team: Workspaces):
    team.remove_member("olga", "research", "mia")

    with pytest.raises(WorkspaceNotFound):
        team.authorize("mia", "research", "call")


# --- rename, delete, model --------------------------------------------------------------------------


def test_rename_keeps_the_id_and_frees_the_old_name(team: Workspaces):
    before = team.get("olga", "research")

    after = team.rename("olga", "research", "science")

    assert (after.id, after.name) == (before.id, "science")
    assert team.create("research", "zoe").id != before.id


def test_rename_to_a_taken_name_is_refused(team: Workspaces):
    team.create("science", "zoe")

    with pytest.raises(WrongUsage, match="is taken"):
        team.rename("olga", "research", "science")


def test_rename_to_its_own_name_is_fine(team: Workspaces):
    assert team.rename("olga", "research", "research").name == "research"


def test_deleted_workspace_frees_its_name_and_can_be_restored(team: Workspaces):
    before = team.delete("olga", "research")
    assert _names(team, "mia") == ["personal"]
    replacement = team.create("research", "zoe")

    with pytest.raises(WrongUsage, match="is taken"):
        team.restore("olga", "research")
    team.rename("zoe", replacement.id, "other")

    assert team.restore("olga", "research") == before
    assert team.get("mia", "research").id == before.id


def test_restoring_is_for_owners(team: Workspaces):
    team.delete("olga", "research")

    for who in ("adam", "mia", "zoe"):
        with pytest.raises(WorkspaceNotFound):
            team.restore(who, "research")


def test_purge_takes_only_what_was_deleted(team: Workspaces, monkeypatch: pytest.MonkeyPatch):
    alive = team.create("alive", "olga")
    gone = team.delete("olga", "research")
    assert team.list_expired() == ()
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 31 * 86_400)

    expired = team.list_expired()
    team.purge(gone.id)
    team.purge(alive.id)

    assert [(d.id, d.name) for d in expired] == [(gone.id, "research")]
    assert team.list_expired() == ()
    assert _names(team, "olga") == ["personal", "alive"]


def test_model_is_kept_per_workspace(team: Workspaces):
    team.set_model("adam", "research", "openai/gpt-5.2")

    assert team.model(team.get("mia", "research")) == "openai/gpt-5.2"
    assert team.get("mia", "research").model == "openai/gpt-5.2"
    assert team.personal("mia").model is None
    assert team.set_model("adam", "research", None).model is None


def test_model_of_the_personal_workspace_can_be_the_first_thing_one_sets(workspaces: Workspaces):
    assert workspaces.set_model("ada", "personal", "google/gemini-3-pro").role == "owner"
    assert workspaces.active("ada").model == "google/gemini-3-pro"


def _error(act) -> AssayError | None:
    try:
        act()
    except AssayError as error:
        return error
    return None
