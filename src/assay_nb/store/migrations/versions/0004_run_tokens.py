"""Tokens for the workers of one run.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the table of run tokens, guarded on PostgreSQL as the other tables of workspaces are."""
    op.create_table(
        "run_tokens",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("workspace_id", sa.LargeBinary(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("expires_at", BIG, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        sqlite_strict=True,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE run_tokens ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE run_tokens FORCE ROW LEVEL SECURITY")
        op.execute(
            "CREATE POLICY one_workspace ON run_tokens USING ("
            "coalesce(current_setting('assay.workspace', true), '') "
            "IN ('', encode(workspace_id, 'hex')))"
        )
