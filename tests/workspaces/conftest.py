from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay_nb.store.database import Database
from assay_nb.workspaces.membership import Workspaces
from tests.fakes.migrated import put_migrated


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    sqlite = request.param == "sqlite"
    where = (
        put_migrated(tmp_path / "vault.db") if sqlite else request.getfixturevalue("postgres_url")
    )
    opened = Database.open(where)
    yield opened
    opened.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(put_migrated(tmp_path / "vault.db"))
    yield opened
    opened.close()


@pytest.fixture
def workspaces(database: Database) -> Workspaces:
    return Workspaces(database)


@pytest.fixture
def team(workspaces: Workspaces) -> Workspaces:
    """A workspace `research`: Olga owns it, Adam is an admin, Mia a member. Zoe is a stranger."""
    workspaces.create("research", "olga")
    workspaces.add_member("olga", "research", "adam", "admin")
    workspaces.add_member("olga", "research", "mia")
    return workspaces
