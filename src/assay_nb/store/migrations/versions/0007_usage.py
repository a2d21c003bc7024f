"""What calls use and cost: sums by day, running calls, and limits by month, by model and for all together.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
RUNNING = sa.text("status = 'running'")


_GUARD = (
    "ALTER TABLE %(name)s ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE %(name)s FORCE ROW LEVEL SECURITY",
    """
    CREATE POLICY one_workspace ON %(name)s USING (
        coalesce(current_setting('assay.workspace', true), '') IN ('', encode(workspace_id, 'hex'))
    )
    """,
)


def upgrade() -> None:
    """Add the columns and tables. Limits keep their meaning, and what was used today stays used."""
    op.add_column("calls", sa.Column("cached_tokens", BIG))
    op.add_column("calls", sa.Column("counted_micros", BIG))
    op.create_index(
        "calls_running", "calls", ["call_id"], sqlite_where=RUNNING, postgresql_where=RUNNING
    )
    op.create_table(
        "call_writers",
        sa.Column("process", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("process"),
        sqlite_strict=True,
    )
    _make_sums()
    _widen_allowances()
    _widen_usage()
    for name in ("usage_sums", "allowances", "usage"):
        _guard(name)


def _make_sums() -> None:
    counts = (
        "calls",
        "unmetered",
        "unpriced",
        "input_tokens",
        "output_tokens",
        "cached_tokens",
        "cost_micros",
        "counted_micros",
    )
    op.create_table(
        "usage_sums",
        sa.Column("workspace_id", sa.LargeBinary(), nullable=False),
        sa.Column("day", BIG, nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("funding", sa.Text(), nullable=False),
        *(sa.Column(name, BIG, nullable=False) for name in counts),
        sa.PrimaryKeyConstraint("workspace_id", "day", "user", "connection", "model", "funding"),
        sqlite_strict=True,
    )
    # The calls that are in the log already. What they counted against a limit was not written down.
    op.execute(
        'INSERT INTO usage_sums SELECT workspace_id, at / 86400, "user", provider, model, funding, count(*), '
        "sum(CASE WHEN input_tokens IS NULL THEN 1 ELSE 0 END), "
        "sum(CASE WHEN cost_micros IS NULL THEN 1 ELSE 0 END), "
        "coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0), 0, "
        "coalesce(sum(cost_micros), 0), coalesce(sum(cost_micros), 0) "
        'FROM calls GROUP BY workspace_id, at / 86400, "user", provider, model, funding'
    )


def _widen_allowances() -> None:
    op.rename_table("allowances", "old_allowances")
    op.create_table(
        "allowances",
        sa.Column("workspace_id", sa.LargeBinary(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("calls_per_day", BIG),
        sa.Column("micros_per_day", BIG),
        sa.Column("calls_per_month", BIG),
        sa.Column("micros_per_month", BIG),
        sa.CheckConstraint("scope IN ('each', 'together')", name="allowance_scope"),
        sa.CheckConstraint("calls_per_day >= 0", name="calls_not_negative"),
        sa.CheckConstraint("micros_per_day >= 0", name="micros_not_negative"),
        sa.CheckConstraint("calls_per_month >= 0", name="month_calls_not_negative"),
        sa.CheckConstraint("micros_per_month >= 0", name="month_micros_not_negative"),
        # PostgreSQL keeps the renamed table's index under the name that this one would get.
        sa.PrimaryKeyConstraint("workspace_id", "scope", "user", "model", name="allowances_key"),
        sqlite_strict=True,
    )
    op.execute(
        "INSERT INTO allowances SELECT workspace_id, 'each', \"user\", '', calls_per_day, "
        "micros_per_day, NULL, NULL FROM old_allowances"
    )
    op.drop_table("old_allowances")


def _widen_usage() -> None:
    op.rename_table("usage", "old_usage")
    op.create_table(
        "usage",
        sa.Column("workspace_id", sa.LargeBinary(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("day", BIG, nullable=False),
        sa.Column("calls", BIG, nullable=False),
        sa.Column("micros", BIG, nullable=False),
        sa.Column("reserved", BIG, nullable=False),
        sa.CheckConstraint("period IN ('day', 'month')", name="usage_period"),
        sa.PrimaryKeyConstraint("workspace_id", "user", "model", "period", "day", name="usage_key"),
        sqlite_strict=True,
    )
    op.execute(
        "INSERT INTO usage SELECT workspace_id, \"user\", '', 'day', day, calls, micros, 0 "
        "FROM old_usage"
    )
    op.drop_table("old_usage")


def _guard(table: str) -> None:
    """On PostgreSQL, let what is read for one workspace see no other's rows, as 0003 says."""
    if op.get_bind().dialect.name == "postgresql":
        for statement in _GUARD:
            op.execute(sa.DDL(statement, context={"name": table}))
