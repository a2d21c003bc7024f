"""The vault's state, found without reading a row for each workspace."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event

from assay_nb.errors import VaultIntegrityError, VaultSealed
from tests.vault.builders import GOOGLE, RESEARCH, SUPPORT, House


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House.migrated(tmp_path / "house")


def statements(house: House, act: Callable[[], object]) -> list[str]:
    """Return what is asked of the database."""
    asked: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(statement)

    engine = house.database._engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return [one for one in asked if one.startswith("SELECT")]


def reads_all(house: House) -> bool:
    """Say whether finding the state reads every manifest."""
    asked = statements(house, house.vault.find_state)
    return any("FROM manifests" in one and "WHERE" not in one for one in asked)


def test_all_of_it_is_read_once_and_then_again_after_a_change(house: House) -> None:
    house.save()
    house.open()
    assert house.vault.find_state().name == "open"

    assert not reads_all(house)
    assert len(statements(house, house.vault.find_state)) == 2
    House(house.home, house.keys).save(SUPPORT, GOOGLE)  # another process
    assert reads_all(house)
    assert not reads_all(house)


def test_first_look_reads_all_of_it(house: House) -> None:
    house.save()
    house.open()

    assert reads_all(house)


def test_empty_vault_is_empty(house: House) -> None:
    assert house.vault.find_state().name == house.vault.find_state().name == "empty"


OWN = "WHERE workspace_id = (SELECT vault_id FROM vault)"


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE vault SET epoch = epoch - 1",
        "UPDATE vault SET epoch = epoch + 1",
        "UPDATE vault SET vault_id = randomblob(16)",
        f"UPDATE manifests SET mac = randomblob(32) {OWN}",
        f"DELETE FROM manifests {OWN}",
        "DELETE FROM vault",
    ],
)
def test_tampering_with_the_vaults_own_rows_is_noticed(house: House, tampering: str) -> None:
    house.save()
    house.save()
    assert house.vault.find_state().name == "open"

    house.sql(tampering)

    for _ in range(2):
        assert house.vault.find_state().name == house.vault.state().name == "sealed"


def test_older_database_that_is_put_back_is_noticed(house: House) -> None:
    house.save()
    house.database.close()
    older = shutil.copy(house.file, house.home / "older")
    house.open()
    house.save(RESEARCH, GOOGLE)
    assert house.vault.find_state().name == "open"

    house.database.close()
    shutil.copy(older, house.file)

    assert house.vault.find_state().name == "sealed"


def test_tampering_with_one_workspaces_rows_is_noticed_where_they_are_read(house: House) -> None:
    house.save()
    house.save(SUPPORT, GOOGLE)
    assert house.vault.find_state().name == "open"

    house.sql("UPDATE manifests SET mac = randomblob(32) WHERE workspace_id = ?", SUPPORT)

    assert house.vault.find_state().name == "open"
    assert house.read() == house.keys[RESEARCH, "anthropic"]
    with pytest.raises((VaultIntegrityError, VaultSealed)):
        house.read(SUPPORT, "google")
    assert house.vault.state().name == "sealed"
