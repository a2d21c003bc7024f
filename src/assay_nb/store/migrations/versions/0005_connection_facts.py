"""What is known of connections and of the models that they serve.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the table of facts, guarded on PostgreSQL as the other tables of workspaces are."""
    op.create_table(
        "connection_facts",
        sa.Column("workspace_id", sa.LargeBinary(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("fact", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("day", BIG, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "connection", "model", "fact"),
        sqlite_strict=True,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE connection_facts ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE connection_facts FORCE ROW LEVEL SECURITY")
        op.execute(
            "CREATE POLICY one_workspace ON connection_facts USING ("
            "coalesce(current_setting('assay.workspace', true), '') "
            "IN ('', encode(workspace_id, 'hex')))"
        )
