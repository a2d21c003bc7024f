"""Named connections: a workspace's three keys become its first three connections.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_NAME = """
UPDATE provider_keys SET connection = provider, bound_as = 1, kind =
    CASE provider WHEN 'anthropic' THEN 'anthropic' WHEN 'google' THEN 'gemini' ELSE
    CASE origin WHEN 'https://api.openai.com:443' THEN 'openai-responses' ELSE 'openai-chat' END END
"""
_COPY = """
INSERT INTO named_keys (
    row_id, workspace_id, provider, mode, endpoint, origin, placement, dek_id, row_version, last4, envelope,
    fingerprint, verified, added_by, added_at, connection, bound_as, kind
) SELECT
    row_id, workspace_id, provider, mode, endpoint, origin, placement, dek_id, row_version, last4, envelope,
    fingerprint, verified, added_by, added_at, provider, 1,
    CASE provider WHEN 'anthropic' THEN 'anthropic' WHEN 'google' THEN 'gemini' ELSE
    CASE origin WHEN 'https://api.openai.com:443' THEN 'openai-responses' ELSE 'openai-chat' END END
FROM provider_keys
"""


def upgrade() -> None:
    """Name each key's connection after its provider. No envelope changes, so nothing is entered again."""
    if op.get_bind().dialect.name == "postgresql":
        _alter()
    else:
        _copy()


def _alter() -> None:
    """Change the table where it stands; what guards its rows stays on it."""
    for column in (
        sa.Column("connection", sa.Text()),
        sa.Column("kind", sa.Text()),
        sa.Column("bound_as", sa.BigInteger()),
    ):
        op.add_column("provider_keys", column)
    op.execute(_NAME)
    for name in ("connection", "kind", "bound_as"):
        op.alter_column("provider_keys", name, nullable=False)
    op.drop_constraint("provider_keys_workspace_id_provider_mode_key", "provider_keys")
    op.create_unique_constraint(
        "one_key_per_connection", "provider_keys", ["workspace_id", "connection", "mode"]
    )


def _copy() -> None:
    """Copy the rows to a new table: SQLite cannot drop a constraint."""
    op.create_table(
        "named_keys",
        sa.Column("row_id", sa.LargeBinary(), nullable=False),
        sa.Column("workspace_id", sa.LargeBinary(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("placement", sa.Text(), nullable=False),
        sa.Column("dek_id", sa.LargeBinary(), nullable=False),
        sa.Column("row_version", BIG, nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("verified", sa.Text(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_at", BIG, nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("bound_as", BIG, nullable=False),
        sa.CheckConstraint("provider IN ('anthropic', 'openai', 'google')", name="known_provider"),
        sa.CheckConstraint("mode IN ('byok', 'demo')", name="key_mode"),
        sa.CheckConstraint("verified IN ('yes', 'no', 'doubted')", name="key_verified"),
        sa.ForeignKeyConstraint(["dek_id"], ["data_keys.dek_id"]),
        sa.PrimaryKeyConstraint("row_id"),
        sa.UniqueConstraint("workspace_id", "connection", "mode", name="one_key_per_connection"),
        sqlite_strict=True,
    )
    op.execute(_COPY)
    op.drop_table("provider_keys")
    op.rename_table("named_keys", "provider_keys")
