"""Teams that the operator adds, and the owners that the operator names, beside those of the TOML file.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add both tables. A group's rows are there before its workspace is, so neither names a workspace's id."""
    op.create_table(
        "hub_teams",
        sa.Column("hub_group", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("added_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("hub_group"),
        sa.UniqueConstraint("workspace"),
        sqlite_strict=True,
    )
    op.create_table(
        "hub_owners",
        sa.Column("hub_group", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("added_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("hub_group", "user"),
        sqlite_strict=True,
    )
