"""On PostgreSQL: what is read for one workspace sees no other's rows.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

_TABLES = ("allowances", "calls", "data_keys", "manifests", "provider_keys", "usage")


def upgrade() -> None:
    """Let the server itself leave out other workspaces' rows, where a transaction names one.

    Every statement has its own `WHERE`. This is the second net, for the day when one is forgotten.
    """
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")  # for its owner too
        op.execute(
            f"CREATE POLICY one_workspace ON {table} USING ("
            "coalesce(current_setting('assay.workspace', true), '') "
            "IN ('', encode(workspace_id, 'hex')))"
        )
