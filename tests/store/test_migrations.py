from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, create_engine, text

from assay_nb.errors import StoreUnavailable
from assay_nb.store import migrations
from assay_nb.store.database import Connection, Database
from assay_nb.store.tables import metadata

KEY = {"k": bytes(16)}


def test_migrated_tables_are_those_of_the_list(any_database: Database):
    with any_database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, metadata) == []


def test_comparison_notices_a_difference(any_database: Database):
    with any_database.write() as connection:
        connection.execute(text("ALTER TABLE calls ADD COLUMN surprise TEXT"))

    with any_database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) != []


def test_every_table_is_strict_and_checked_as_in_the_list(database: Database):
    """Autogenerate looks at neither, so the tables are compared as SQLite wrote them down."""
    with database.read() as connection:
        strict = _pairs(connection, "SELECT name, strict FROM pragma_table_list")
        sql = _pairs(connection, "SELECT name, sql FROM sqlite_master")

    for table in metadata.sorted_tables:
        assert strict[table.name] == 1
        checks = {str(c.sqltext) for c in table.constraints if isinstance(c, CheckConstraint)}
        assert sql[table.name].count("CHECK (") == len(checks)
        assert all(f"CHECK ({check})" in sql[table.name] for check in checks)


def _pairs(connection: Connection, query: str) -> dict[str, Any]:
    return {row[0]: row[1] for row in connection.execute(text(query))}


def test_head_is_the_newest_revision():
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))

    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


def test_database_of_a_newer_release_is_left_alone_to_the_byte(vault_file: Path):
    Database.open(vault_file).close()
    with closing(sqlite3.connect(vault_file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("CREATE TABLE from_the_future (x)")
    before = hashlib.sha256(vault_file.read_bytes()).digest()

    with pytest.raises(StoreUnavailable, match="made by a newer assay_nb"):
        Database.open(vault_file)

    assert hashlib.sha256(vault_file.read_bytes()).digest() == before


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM alembic_version",
        "DROP TABLE alembic_version",
        "INSERT INTO alembic_version VALUES ('0000')",
        "DROP TABLE members",
    ],
)
def test_half_written_migration_is_said_and_left_alone(vault_file: Path, damage: str):
    Database.open(vault_file).close()
    with closing(sqlite3.connect(vault_file)) as connection, connection:
        connection.execute(damage)
    before = vault_file.read_bytes()

    with pytest.raises(StoreUnavailable, match="does not have the tables it should"):
        Database.open(vault_file)

    assert vault_file.read_bytes() == before


def test_another_programs_database_is_left_alone(vault_file: Path):
    vault_file.parent.mkdir(mode=0o700)
    vault_file.touch(mode=0o600)
    with closing(sqlite3.connect(vault_file)) as connection, connection:
        connection.execute("CREATE TABLE history (line TEXT)")

    with pytest.raises(StoreUnavailable, match="another program's"):
        Database.open(vault_file)


def test_failed_migration_leaves_an_empty_database(
    vault_file: Path, monkeypatch: pytest.MonkeyPatch
):
    real = migrations.upgrade

    def fail_at_the_end(connection: object) -> None:
        real(connection)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(migrations, "upgrade", fail_at_the_end)
    with pytest.raises(KeyboardInterrupt):
        Database.open(vault_file)
    monkeypatch.undo()

    with closing(sqlite3.connect(vault_file)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    Database.open(vault_file).close()


def test_percent_sign_in_the_directory_of_the_package_is_no_interpolation(tmp_path: Path):
    """Alembic's configuration expands `%(here)s`, and a home directory may be called `100%`."""
    home = tmp_path / "100%(x)s"

    Database.open(home / "vault.db").close()

    assert (home / "vault.db").exists()


def test_keys_of_before_are_named_after_their_providers_on_postgresql(postgres_url: str):
    """SQLite's way is proven on a vault of that release, in tests/vault/test_connections.py."""
    engine = create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        connection.execute(text("INSERT INTO master_keys VALUES (:k, :k, 'active', 1, NULL)"), KEY)
        connection.execute(text("INSERT INTO data_keys VALUES (:k, :k, 1, :k, :k, 1)"), KEY)
        for number, (provider, origin) in enumerate(
            [
                ("anthropic", "https://api.anthropic.com:443"),
                ("openai", "https://api.openai.com:443"),
                ("google", "https://gemini.example:443"),
            ]
        ):
            connection.execute(
                text(
                    "INSERT INTO provider_keys VALUES (:row, :k, :provider, 'byok', '', :origin, 'bearer', :k, 1, "
                    "'', :k, :k, 'yes', 'ada', 1)"
                ),
                {**KEY, "row": bytes([number]), "provider": provider, "origin": origin},
            )
    engine.dispose()

    database = Database.open(postgres_url)

    with database.read() as connection:
        rows = connection.execute(
            text("SELECT connection, kind, bound_as FROM provider_keys ORDER BY row_id")
        ).all()
    database.close()
    assert [tuple(row) for row in rows] == [
        ("anthropic", "anthropic", 1),
        ("openai", "openai-responses", 1),
        ("google", "gemini", 1),
    ]


def test_limits_and_what_was_used_of_them_are_kept(any_database_url: str):
    """What an admin has set for a day holds as before, and what was used today stays used."""
    engine = create_engine(any_database_url)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
        connection.execute(text("INSERT INTO allowances VALUES (:k, 'ada', 3, NULL)"), KEY)
        connection.execute(text("INSERT INTO usage VALUES (:k, 'ada', 20000, 2, 500)"), KEY)
        connection.execute(
            text(
                "INSERT INTO calls VALUES (:k, :k, 'ada', 86400, 'lint', 'openai', 'm', 'workspace', 'ok', "
                "7, 2, 90, 5)"
            ),
            KEY,
        )
        command.upgrade(config, "0007")
        found = {
            name: [tuple(row)[1:] for row in connection.execute(text(f"SELECT * FROM {name}"))]
            for name in ("allowances", "usage", "usage_sums")
        }
    engine.dispose()

    assert found == {
        "allowances": [("each", "ada", "", 3, None, None, None)],
        "usage": [("ada", "", "day", 20000, 2, 500, 0)],
        "usage_sums": [(1, "ada", "openai", "m", "workspace", 1, 0, 0, 7, 2, 0, 90, 90)],
    }


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'old.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url.replace("postgresql://", "postgresql+psycopg://")
