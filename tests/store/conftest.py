from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay_nb.store.database import Database


@pytest.fixture
def vault_file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "vault.db"


@pytest.fixture
def database(vault_file: Path) -> Iterator[Database]:
    opened = Database.open(vault_file, busy_timeout=5)
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request: pytest.FixtureRequest, vault_file: Path) -> Iterator[Database]:
    where = vault_file if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    opened = Database.open(where, busy_timeout=15)
    yield opened
    opened.close()
