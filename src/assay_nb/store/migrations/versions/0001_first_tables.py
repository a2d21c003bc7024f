"""The first tables.

Revision ID: 0001
Revises: nothing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create every table of the first release."""
    op.create_table(
        "audit",
        sa.Column("sequence", BIG, autoincrement=False, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.LargeBinary(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("mk_id", sa.LargeBinary(), nullable=True),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sqlite_strict=True,
    )
    op.create_table(
        "budgets",
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("granted", BIG, nullable=False),
        sa.Column("spent", BIG, nullable=False),
        sa.CheckConstraint("spent >= 0 AND spent <= granted", name="never_over"),
        sa.PrimaryKeyConstraint("user"),
        sqlite_strict=True,
    )
    op.create_table(
        "calls",
        sa.Column("call_id", sa.LargeBinary(), nullable=False),
        sa.Column("workspace_id", sa.LargeBinary(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("funding", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("input_tokens", BIG, nullable=True),
        sa.Column("output_tokens", BIG, nullable=True),
        sa.Column("cost_micros", BIG, nullable=True),
        sa.Column("milliseconds", BIG, nullable=True),
        sa.CheckConstraint("funding IN ('workspace', 'demo')", name="call_funding"),
        sa.PrimaryKeyConstraint("call_id"),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_calls_workspace_id"), "calls", ["workspace_id"], unique=False)
    op.create_table(
        "master_keys",
        sa.Column("mk_id", sa.LargeBinary(), nullable=False),
        sa.Column("check_value", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("retired_at", BIG, nullable=True),
        sa.CheckConstraint("state IN ('active', 'retired')", name="master_key_state"),
        sa.PrimaryKeyConstraint("mk_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "preferences",
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("user", "name"),
        sqlite_strict=True,
    )
    op.create_table(
        "vault",
        sa.Column("vault_id", sa.LargeBinary(), nullable=False),
        sa.Column("epoch", BIG, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("vault_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "workspaces",
        sa.Column("workspace_id", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("personal_of", sa.Text(), nullable=True),
        sa.Column("hub_group", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("deleted_at", BIG, nullable=True),
        sa.CheckConstraint(
            "(kind = 'personal') = (personal_of IS NOT NULL)", name="personal_has_a_person"
        ),
        sa.CheckConstraint("kind IN ('personal', 'team')", name="workspace_kind"),
        sa.PrimaryKeyConstraint("workspace_id"),
        sa.UniqueConstraint("hub_group"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("personal_of"),
        sqlite_strict=True,
    )
    op.create_table(
        "data_keys",
        sa.Column("dek_id", sa.LargeBinary(), nullable=False),
        sa.Column("workspace_id", sa.LargeBinary(), nullable=False),
        sa.Column("generation", BIG, nullable=False),
        sa.Column("mk_id", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.ForeignKeyConstraint(["mk_id"], ["master_keys.mk_id"]),
        sa.PrimaryKeyConstraint("dek_id"),
        sa.UniqueConstraint("workspace_id", "generation"),
        sqlite_strict=True,
    )
    op.create_table(
        "manifests",
        sa.Column("workspace_id", sa.LargeBinary(), nullable=False),
        sa.Column("mk_id", sa.LargeBinary(), nullable=False),
        sa.Column("epoch", BIG, nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["mk_id"], ["master_keys.mk_id"]),
        sa.PrimaryKeyConstraint("workspace_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "members",
        sa.Column("workspace_id", sa.LargeBinary(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("added_at", BIG, nullable=False),
        sa.CheckConstraint("role IN ('owner', 'admin', 'member')", name="member_role"),
        sa.CheckConstraint("source IN ('hand', 'group')", name="member_source"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.workspace_id"]),
        sa.PrimaryKeyConstraint("workspace_id", "user"),
        sqlite_strict=True,
    )
    op.create_table(
        "reservations",
        sa.Column("reservation_id", sa.LargeBinary(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_at", BIG, nullable=False),
        sa.CheckConstraint("state IN ('reserved', 'spent', 'returned')", name="reservation_state"),
        sa.ForeignKeyConstraint(["user"], ["budgets.user"]),
        sa.PrimaryKeyConstraint("reservation_id"),
        sa.UniqueConstraint("idempotency_key"),
        sqlite_strict=True,
    )
    op.create_table(
        "provider_keys",
        sa.Column("row_id", sa.LargeBinary(), nullable=False),
        sa.Column("workspace_id", sa.LargeBinary(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("placement", sa.Text(), nullable=False),
        sa.Column("dek_id", sa.LargeBinary(), nullable=False),
        sa.Column("row_version", BIG, nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("verified", sa.Text(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_at", BIG, nullable=False),
        sa.CheckConstraint("mode IN ('byok', 'demo')", name="key_mode"),
        sa.CheckConstraint("provider IN ('anthropic', 'openai', 'google')", name="known_provider"),
        sa.CheckConstraint("verified IN ('yes', 'no', 'doubted')", name="key_verified"),
        sa.ForeignKeyConstraint(["dek_id"], ["data_keys.dek_id"]),
        sa.PrimaryKeyConstraint("row_id"),
        sa.UniqueConstraint("workspace_id", "provider", "mode"),
        sqlite_strict=True,
    )
