"""PostgreSQL's own rows-by-workspace rule: the second net, for the day when a `WHERE` is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from assay_nb.store.database import Database
from assay_nb.store.tables import allowances, calls, provider_keys

A, B = b"a" * 16, b"b" * 16
GUARDED = {
    "allowances", "calls", "connection_facts", "data_keys", "manifests", "provider_keys",
    "run_tokens", "usage", "usage_sums",
}  # fmt: skip


@pytest.fixture
def database(postgres_server: Path) -> Iterator[Database]:
    """A database whose role is no superuser: those are above the rule."""
    import psycopg

    with psycopg.connect(
        f"host={postgres_server} user=test dbname=postgres", autocommit=True
    ) as one:
        one.execute("DROP DATABASE IF EXISTS plain")
        one.execute("DROP ROLE IF EXISTS plain")
        one.execute("CREATE ROLE plain LOGIN")
        one.execute("CREATE DATABASE plain OWNER plain")
    database = Database.open(f"postgresql://plain@/plain?host={postgres_server}")
    yield database
    database.close()


def fill(database: Database) -> None:
    with database.write() as connection:
        for workspace in (A, B):
            key = {"workspace_id": workspace, "scope": "each", "user": "ada", "model": ""}
            connection.execute(insert(allowances).values({**key, "calls_per_day": 1}))


def test_a_statement_without_a_where_sees_one_workspace(database: Database) -> None:
    fill(database)

    with database.read(workspace=A) as connection:
        seen = connection.execute(text("SELECT workspace_id FROM allowances")).scalars().all()

    assert [bytes(one) for one in seen] == [A]


def test_a_transaction_about_all_of_them_sees_all(database: Database) -> None:
    fill(database)
    with database.read(workspace=A) as connection:
        connection.execute(text("SELECT 1"))

    with database.read() as connection:  # on the same pooled connection
        assert connection.execute(text("SELECT count(*) FROM allowances")).scalar() == 2


def test_every_table_of_workspaces_own_rows_is_guarded(database: Database) -> None:
    query = "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
    with database.read() as connection:
        guarded = set(connection.execute(text(query)).scalars())

    assert guarded == GUARDED
    assert {provider_keys.name, calls.name} <= guarded
