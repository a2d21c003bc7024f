"""Audit lines that bind all lines before them: a running digest beside each MAC.

Lines that are there stay as they are, without one; the first new line takes them all into its own.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column. No MAC changes, so what was signed stays signed."""
    op.add_column("audit", sa.Column("previous", sa.LargeBinary()))
