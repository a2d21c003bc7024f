"""Tokens for programs whose requests are passed through, beside those for the workers of a run.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Say of each run token what it is good for.

    The table is made anew and empty: its tokens last for an hour, and a gateway that is upgraded ends their calls.
    """
    op.drop_table("run_tokens")
    op.create_table(
        "run_tokens",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("workspace_id", sa.LargeBinary(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("expires_at", BIG, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
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
