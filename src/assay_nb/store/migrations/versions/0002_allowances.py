"""What an admin allows the members of a team.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables of allowances and of what was used of them."""
    op.create_table(
        "allowances",
        sa.Column("workspace_id", sa.LargeBinary(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("calls_per_day", BIG, nullable=True),
        sa.Column("micros_per_day", BIG, nullable=True),
        sa.CheckConstraint("calls_per_day >= 0", name="calls_not_negative"),
        sa.CheckConstraint("micros_per_day >= 0", name="micros_not_negative"),
        sa.PrimaryKeyConstraint("workspace_id", "user"),
        sqlite_strict=True,
    )
    op.create_table(
        "usage",
        sa.Column("workspace_id", sa.LargeBinary(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("day", BIG, nullable=False),
        sa.Column("calls", BIG, nullable=False),
        sa.Column("micros", BIG, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "user", "day"),
        sqlite_strict=True,
    )
