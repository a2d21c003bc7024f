"""Writing what nobody remembers: `look` sees no change by it, and every change that somebody else makes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assay_nb.errors import StoreUnavailable
from assay_nb.store import changes as changes_module
from assay_nb.store.changes import Changes, Remembered
from assay_nb.store.database import Connection, Database


@pytest.fixture
def changes(database: Database) -> Iterator[Changes]:
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE lines (line TEXT)")
    changes = Changes(database)
    yield changes
    changes.close()


def insert(connection: Connection) -> None:
    connection.exec_driver_sql("INSERT INTO lines VALUES ('ours')")


def commit_elsewhere(file: Path) -> None:
    with closing(sqlite3.connect(file)) as other:
        other.execute("INSERT INTO lines VALUES ('theirs')")
        other.commit()


def count_lines(database: Database) -> int:
    with database.read() as connection:
        return len(connection.exec_driver_sql("SELECT 1 FROM lines").all())


def test_line_of_ones_own_is_written_and_no_change(database: Database, changes: Changes) -> None:
    before = changes.look()

    for _ in range(3):
        changes.write_unnoticed(insert)

    assert changes.look() == changes.look_lately() == before
    assert count_lines(database) == 3


def test_own_write_is_seen_at_once_by_who_looks_now_and_then(
    database: Database, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit elsewhere is seen some milliseconds later; the control: it is seen by `look` at once."""
    monkeypatch.setattr(changes_module, "_LATELY", 3_600.0)
    before = changes.look()
    assert database.path is not None
    commit_elsewhere(database.path)
    late = changes.look_lately()
    with database.write() as connection:
        insert(connection)

    assert late == before
    assert changes.look_lately() != before
    assert changes.look_lately() == changes.look()


def test_ordinary_write_is_a_change(database: Database, changes: Changes) -> None:
    before = changes.look()
    changes.write_unnoticed(insert)

    with database.write() as connection:
        insert(connection)

    assert changes.look() != before


@pytest.mark.parametrize("when", ["before", "after the commit", "later"])
def test_change_of_somebody_elses_is_seen_whenever_it_comes(
    changes: Changes, vault_file: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    before = changes.look()
    looks: list[Callable[[], int | None]] = [changes.look]

    def look() -> int | None:
        """Let another process commit between our commit and the look that follows it."""
        if len(looks) == 2:
            commit_elsewhere(vault_file)
        looks.append(changes.look)
        return looks[0]()

    if when == "before":
        commit_elsewhere(vault_file)
    if when == "after the commit":
        monkeypatch.setattr(changes, "look", look)
    changes.write_unnoticed(insert)
    monkeypatch.undo()
    if when == "later":
        commit_elsewhere(vault_file)

    assert changes.look() != before
    assert len(looks) == (3 if when == "after the commit" else 1)


def test_change_that_comes_after_the_look_and_before_the_count_is_seen(
    changes: Changes, vault_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = changes.look()
    look, looks = changes.look, 0

    def look_and_let_others() -> int | None:
        nonlocal looks
        looks += 1
        number = look()
        if looks == 2:  # ours is committed
            commit_elsewhere(vault_file)
        return number

    monkeypatch.setattr(changes, "look", look_and_let_others)
    changes.write_unnoticed(insert)
    monkeypatch.undo()

    assert changes.look() != before


def test_what_is_remembered_outlives_lines_and_not_changes(
    changes: Changes, vault_file: Path
) -> None:
    remembered: Remembered[str, int] = Remembered(changes)
    read = iter((1, 2))
    seen: list[int] = []

    seen.append(remembered.get("x", lambda: next(read)))
    changes.write_unnoticed(insert)
    seen.append(remembered.get("x", lambda: next(read)))
    commit_elsewhere(vault_file)
    seen.append(remembered.get("x", lambda: next(read)))

    assert seen == [1, 1, 2]


def test_line_that_cannot_be_written_leaves_everything_as_it_was(
    database: Database, changes: Changes
) -> None:
    def fail(connection: Connection) -> None:
        insert(connection)
        raise StoreUnavailable("full")

    before = changes.look()
    with pytest.raises(StoreUnavailable):
        changes.write_unnoticed(fail)

    assert count_lines(database) == 0
    changes.write_unnoticed(insert)
    assert changes.look() == before


@pytest.mark.parametrize("answers", [[], [1]])
def test_line_is_written_although_nobody_can_look(
    database: Database, changes: Changes, monkeypatch: pytest.MonkeyPatch, answers: list[int]
) -> None:
    left = list(answers)

    def look() -> int | None:
        if not left:
            raise StoreUnavailable("gone")
        return left.pop()

    monkeypatch.setattr(changes, "look", look)
    changes.write_unnoticed(insert)

    assert count_lines(database) == 1


def test_database_without_numbers_is_written_all_the_same(
    request: pytest.FixtureRequest,
) -> None:
    with closing(Database.open(request.getfixturevalue("postgres_url"))) as database:
        with database.write() as connection:
            connection.exec_driver_sql("CREATE TABLE lines (line TEXT)")
        changes = Changes(database)

        changes.write_unnoticed(insert)

        assert changes.look() is None
        assert count_lines(database) == 1
