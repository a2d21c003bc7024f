"""Attacks on the audit: lines edited, exchanged or taken out, also when the key that signed them is gone."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from tests.vault.builders import ANTHROPIC, OPENAI, RESEARCH, House
from tests.vault.test_connections import old

__all__ = ["old"]

EDITS = [
    "UPDATE audit SET actor = 'eve' WHERE sequence = {}",
    "UPDATE audit SET at = at + 1 WHERE sequence = {}",
    "UPDATE audit SET event = 'key_verified' WHERE sequence = {}",
    "UPDATE audit SET subject = 'nothing' WHERE sequence = {}",
    "UPDATE audit SET workspace_id = x'00' WHERE sequence = {}",
    "UPDATE audit SET mac = zeroblob(32) WHERE sequence = {}",
    "UPDATE audit SET mk_id = x'00' WHERE sequence = {}",
    "UPDATE audit SET previous = NULL WHERE sequence = {}",
    "UPDATE audit SET previous = zeroblob(32) WHERE sequence = {}",
    "DELETE FROM audit WHERE sequence = {}",
    "DELETE FROM audit WHERE sequence <= {}",
    "DELETE FROM audit WHERE sequence IN ({0}, {0} + 1)",
    (
        "INSERT INTO audit SELECT sequence + 100, at, 'eve', event, workspace_id, subject, mk_id, mac, previous "
        "FROM audit WHERE sequence = {}"
    ),
]


def purge(house: House) -> None:
    """Rotate twice, and destroy both master keys that all lines so far were signed with."""
    for _ in range(2):
        house.vault.rotate_master(actor="ada")
    assert len(house.vault.purge_master(timedelta(0), actor="ada")) == 2


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a vault whose lines 1 to 4 were signed with master keys that are gone."""
    house = House.migrated(tmp_path_factory.mktemp("audit") / "home")
    house.save(RESEARCH, ANTHROPIC)
    house.save(RESEARCH, OPENAI)
    house.vault.remove_key(RESEARCH, "openai", actor="ada")
    purge(house)
    house.database.close()
    return house.home


@pytest.fixture
def purged(made: Path, tmp_path: Path) -> House:
    """A copy of it."""
    house = House(shutil.copytree(made, tmp_path / "home"))
    assert house.vault.examine() == [], "nothing was changed yet"
    return house


def tell(house: House) -> str:
    return " ".join(house.open().examine())


@pytest.mark.parametrize("line", [1, 2, 4])
@pytest.mark.parametrize("edit", EDITS)
def test_a117_line_under_a_purged_master_key_cannot_be_changed(
    purged: House, edit: str, line: int
) -> None:
    """Purge, then edit, exchange or take out a line that no living key has signed → found."""
    before = purged.sql("SELECT * FROM audit")
    purged.sql(edit.format(line))

    assert purged.sql("SELECT * FROM audit") != before
    assert "audit was changed from outside" in tell(purged)


def test_a117_lines_exchanged_among_themselves_are_found(purged: House) -> None:
    """Exchange what two lines say, MACs and all → found."""
    purged.sql("UPDATE audit SET sequence = sequence + 1000 WHERE sequence IN (2, 3)")
    purged.sql("UPDATE audit SET sequence = 3 WHERE sequence = 1002")
    purged.sql("UPDATE audit SET sequence = 2 WHERE sequence = 1003")

    assert "audit was changed from outside" in tell(purged)


def test_a117_digests_written_anew_do_not_help(purged: House) -> None:
    """Edit a line and compute every digest after it again, as anybody can → a living key's MAC disagrees."""
    from assay_nb.store import vault_rows
    from assay_nb.vault import audit

    purged.sql("UPDATE audit SET actor = 'eve' WHERE sequence = 2")
    with purged.database.read() as connection:
        lines = vault_rows.list_audit(connection)
    so_far = b""
    for line in lines:
        purged.sql("UPDATE audit SET previous = ? WHERE sequence = ?", so_far, line.sequence)
        so_far = audit._digest(line, so_far)

    assert "audit was changed from outside" in tell(purged)


@pytest.mark.parametrize("edit", [EDITS[0], EDITS[9]])
def test_a117_lines_of_the_release_before_are_vouched_for_too(old: Path, edit: str) -> None:
    """Open a vault of an earlier release, go on, purge, and edit its first lines → found."""
    house = House(old)
    count = house.sql("SELECT count(*) FROM audit WHERE previous IS NULL")[0][0]
    assert count > 2
    assert house.vault.examine() == [], "old lines must still read as they were signed"
    purge(house)
    assert tell(house) == ""

    house.sql(edit.format(2))

    assert "audit was changed from outside" in tell(house)


@pytest.mark.parametrize("of_the_release_before", [False, True])
def test_a117_change_before_a_purge_is_noted_by_the_purge(
    tmp_path: Path, old: Path, of_the_release_before: bool
) -> None:
    """Edit a line and hope for a purge to take its MAC away → the purge writes down that it was changed."""
    house = House(old) if of_the_release_before else House.migrated(tmp_path / "home")
    house.save(RESEARCH, ANTHROPIC)
    house.vault.rotate_master(actor="ada")
    house.sql("UPDATE audit SET actor = 'eve' WHERE sequence = 2")

    house.open().purge_master(timedelta(0), actor="ada")

    assert "audit_changed" in house.events()
    assert "audit was changed from outside" in tell(house)


def test_a117_whole_audit_taken_out_seals_the_vault(purged: House) -> None:
    """Take out all lines → the vault's own signature names the last one."""
    connection = sqlite3.connect(purged.file)
    connection.execute("DELETE FROM audit")
    connection.commit()
    connection.close()

    assert purged.open().state().name == "sealed"


def test_a117_gap_among_lines_that_nothing_vouches_for_is_found(old: Path) -> None:
    """Take out a line of an earlier release whose key is gone, before any line with a digest → the gap shows."""
    from assay_nb.store import vault_rows
    from assay_nb.vault import audit

    house = House(old)
    with house.database.read() as connection:
        lines = vault_rows.list_audit(connection)
    assert {line.previous for line in lines} == {None}

    assert audit.find_break(lines, lambda _: None) is None
    assert audit.find_break([lines[0], *lines[2:]], lambda _: None) == lines[2].sequence
    assert audit.find_break(lines[1:], lambda _: None) == lines[1].sequence
