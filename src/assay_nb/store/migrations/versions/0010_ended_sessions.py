"""Browsers' sessions that people have ended, so that a copy of their cookie opens nothing.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the table. It belongs to no workspace."""
    op.create_table(
        "ended_sessions",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("ended_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        sqlite_strict=True,
    )
