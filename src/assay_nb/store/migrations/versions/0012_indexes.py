"""Indexes for what grows: members, calls, usage, tokens, sessions and deleted workspaces.

A statement that looked through a whole table took as long as there were members, or calls.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

INDEXES = {
    "budgets_granted": ("budgets", ["granted"]),
    "calls_of_workspace": ("calls", ["workspace_id", "call_id"]),
    "ended_sessions_at": ("ended_sessions", ["ended_at"]),
    "members_user": ("members", ["user"]),
    "provider_keys_data_key": ("provider_keys", ["dek_id"]),
    "reservations_user": ("reservations", ["user"]),
    "run_tokens_expiry": ("run_tokens", ["expires_at"]),
    "run_tokens_of_member": ("run_tokens", ["workspace_id", "user"]),
    "usage_day": ("usage", ["day"]),
    "usage_sums_day": ("usage_sums", ["day"]),
    "usage_sums_of_member": ("usage_sums", ["workspace_id", "user", "day"]),
}
DELETED = sa.text("deleted_at IS NOT NULL")


def upgrade() -> None:
    """Make them; the calls of a workspace in their order take the place of the calls of a workspace."""
    op.drop_index("ix_calls_workspace_id", "calls")
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, columns)
    op.create_index(
        "workspaces_deleted",
        "workspaces",
        ["deleted_at"],
        sqlite_where=DELETED,
        postgresql_where=DELETED,
    )
