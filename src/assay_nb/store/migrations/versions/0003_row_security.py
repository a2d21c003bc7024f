"""On PostgreSQL: what is read for one workspace sees no other's rows.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

_GUARD = """
DO $do$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY
        ARRAY['allowances', 'calls', 'data_keys', 'manifests', 'provider_keys', 'usage']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', guarded);  -- for its owner too
        EXECUTE format($policy$
            CREATE POLICY one_workspace ON %I USING (
                coalesce(current_setting('assay.workspace', true), '')
                IN ('', encode(workspace_id, 'hex')))
        $policy$, guarded);
    END LOOP;
END
$do$
"""


def upgrade() -> None:
    """Let the server itself leave out other workspaces' rows, where a transaction names one.

    Every statement has its own `WHERE`. This is the second net, for the day when one is forgotten.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_GUARD)
