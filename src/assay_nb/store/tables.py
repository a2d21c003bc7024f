"""The tables, as one list to read. Alembic's migrations create them; a test compares the two.

Ids are 16 random bytes (uuid4), made in code: a row's id is part of what its key is sealed to, so it
must exist before the row does. Times are UTC, whole seconds since 1970. Text that people type
(workspace names) is stored as typed.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

Big = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits everywhere; SQLite's STRICT tables know only INTEGER, which is that."""

vault = Table(
    "vault",
    metadata,
    Column("vault_id", LargeBinary, primary_key=True),
    Column("epoch", Big, nullable=False),
    Column("created_at", Big, nullable=False),
    sqlite_strict=True,
)

master_keys = Table(
    "master_keys",
    metadata,
    Column("mk_id", LargeBinary, primary_key=True),
    Column("check_value", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("retired_at", Big),
    CheckConstraint("state IN ('active', 'retired')", name="master_key_state"),
    sqlite_strict=True,
)

workspaces = Table(
    "workspaces",
    metadata,
    Column("workspace_id", LargeBinary, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("personal_of", Text, unique=True),
    Column("hub_group", Text, unique=True),
    Column("model", Text),
    Column("created_at", Big, nullable=False),
    Column("deleted_at", Big),
    CheckConstraint("kind IN ('personal', 'team')", name="workspace_kind"),
    CheckConstraint(
        "(kind = 'personal') = (personal_of IS NOT NULL)", name="personal_has_a_person"
    ),
    sqlite_strict=True,
)

members = Table(
    "members",
    metadata,
    Column("workspace_id", LargeBinary, ForeignKey("workspaces.workspace_id"), nullable=False),
    Column("user", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("added_at", Big, nullable=False),
    PrimaryKeyConstraint("workspace_id", "user"),
    CheckConstraint("role IN ('owner', 'admin', 'member')", name="member_role"),
    CheckConstraint("source IN ('hand', 'group')", name="member_source"),
    sqlite_strict=True,
)

hub_teams = Table(
    "hub_teams",
    metadata,
    Column("hub_group", Text, primary_key=True),
    Column("workspace", Text, nullable=False, unique=True),
    Column("added_at", Big, nullable=False),
    sqlite_strict=True,
)

hub_owners = Table(
    "hub_owners",
    metadata,
    Column("hub_group", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("added_at", Big, nullable=False),
    PrimaryKeyConstraint("hub_group", "user"),
    sqlite_strict=True,
)

preferences = Table(
    "preferences",
    metadata,
    Column("user", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("user", "name"),
    sqlite_strict=True,
)

data_keys = Table(
    "data_keys",
    metadata,
    Column("dek_id", LargeBinary, primary_key=True),
    Column("workspace_id", LargeBinary, nullable=False),
    Column("generation", Big, nullable=False),
    Column("mk_id", LargeBinary, ForeignKey("master_keys.mk_id"), nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", Big, nullable=False),
    UniqueConstraint("workspace_id", "generation"),
    sqlite_strict=True,
)

provider_keys = Table(
    "provider_keys",
    metadata,
    Column("row_id", LargeBinary, primary_key=True),
    Column("workspace_id", LargeBinary, nullable=False),
    Column("provider", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("placement", Text, nullable=False),
    Column("dek_id", LargeBinary, ForeignKey("data_keys.dek_id"), nullable=False),
    Column("row_version", Big, nullable=False),
    Column("last4", Text, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("verified", Text, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("added_at", Big, nullable=False),
    Column("connection", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("bound_as", Big, nullable=False),
    UniqueConstraint("workspace_id", "connection", "mode", name="one_key_per_connection"),
    CheckConstraint("provider IN ('anthropic', 'openai', 'google')", name="known_provider"),
    CheckConstraint("mode IN ('byok', 'demo')", name="key_mode"),
    CheckConstraint("verified IN ('yes', 'no', 'doubted')", name="key_verified"),
    sqlite_strict=True,
)

manifests = Table(
    "manifests",
    metadata,
    Column("workspace_id", LargeBinary, primary_key=True),
    Column("mk_id", LargeBinary, ForeignKey("master_keys.mk_id"), nullable=False),
    Column("epoch", Big, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    sqlite_strict=True,
)

budgets = Table(
    "budgets",
    metadata,
    Column("user", Text, primary_key=True),
    Column("granted", Big, nullable=False),
    Column("spent", Big, nullable=False),
    CheckConstraint("spent >= 0 AND spent <= granted", name="never_over"),
    sqlite_strict=True,
)

reservations = Table(
    "reservations",
    metadata,
    Column("reservation_id", LargeBinary, primary_key=True),
    Column("user", Text, ForeignKey("budgets.user"), nullable=False),
    Column("idempotency_key", Text, unique=True),
    Column("state", Text, nullable=False),
    Column("made_at", Big, nullable=False),
    CheckConstraint("state IN ('reserved', 'spent', 'returned')", name="reservation_state"),
    sqlite_strict=True,
)

allowances = Table(
    "allowances",
    metadata,
    Column("workspace_id", LargeBinary, nullable=False),
    Column("scope", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("calls_per_day", Big),
    Column("micros_per_day", Big),
    Column("calls_per_month", Big),
    Column("micros_per_month", Big),
    PrimaryKeyConstraint("workspace_id", "scope", "user", "model"),
    CheckConstraint("scope IN ('each', 'together')", name="allowance_scope"),
    CheckConstraint("calls_per_day >= 0", name="calls_not_negative"),
    CheckConstraint("micros_per_day >= 0", name="micros_not_negative"),
    CheckConstraint("calls_per_month >= 0", name="month_calls_not_negative"),
    CheckConstraint("micros_per_month >= 0", name="month_micros_not_negative"),
    sqlite_strict=True,
)

usage = Table(
    "usage",
    metadata,
    Column("workspace_id", LargeBinary, nullable=False),
    Column("user", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("day", Big, nullable=False),
    Column("calls", Big, nullable=False),
    Column("micros", Big, nullable=False),
    Column("reserved", Big, nullable=False),
    PrimaryKeyConstraint("workspace_id", "user", "model", "period", "day"),
    CheckConstraint("period IN ('day', 'month')", name="usage_period"),
    sqlite_strict=True,
)

run_tokens = Table(
    "run_tokens",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("workspace_id", LargeBinary, nullable=False),
    Column("user", Text, nullable=False),
    Column("expires_at", Big, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("purpose", Text, nullable=False),
    sqlite_strict=True,
)

ended_sessions = Table(
    "ended_sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("ended_at", Big, nullable=False),
    sqlite_strict=True,
)

connection_facts = Table(
    "connection_facts",
    metadata,
    Column("workspace_id", LargeBinary, nullable=False),
    Column("connection", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("fact", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("day", Big, nullable=False),
    PrimaryKeyConstraint("workspace_id", "connection", "model", "fact"),
    sqlite_strict=True,
)

calls = Table(
    "calls",
    metadata,
    Column("call_id", LargeBinary, primary_key=True),
    Column("workspace_id", LargeBinary, nullable=False),
    Column("user", Text, nullable=False),
    Column("at", Big, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("funding", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("input_tokens", Big),
    Column("output_tokens", Big),
    Column("cost_micros", Big),
    Column("milliseconds", Big),
    Column("cached_tokens", Big),
    Column("counted_micros", Big),
    CheckConstraint("funding IN ('workspace', 'demo')", name="call_funding"),
    sqlite_strict=True,
)

Index(
    "calls_running",
    calls.c.call_id,
    sqlite_where=text("status = 'running'"),
    postgresql_where=text("status = 'running'"),
)

call_writers = Table(
    "call_writers",
    metadata,
    Column("process", LargeBinary, primary_key=True),
    Column("seen_at", Big, nullable=False),
    sqlite_strict=True,
)

usage_sums = Table(
    "usage_sums",
    metadata,
    Column("workspace_id", LargeBinary, nullable=False),
    Column("day", Big, nullable=False),
    Column("user", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("funding", Text, nullable=False),
    Column("calls", Big, nullable=False),
    Column("unmetered", Big, nullable=False),
    Column("unpriced", Big, nullable=False),
    Column("input_tokens", Big, nullable=False),
    Column("output_tokens", Big, nullable=False),
    Column("cached_tokens", Big, nullable=False),
    Column("cost_micros", Big, nullable=False),
    Column("counted_micros", Big, nullable=False),
    PrimaryKeyConstraint("workspace_id", "day", "user", "connection", "model", "funding"),
    sqlite_strict=True,
)

audit = Table(
    "audit",
    metadata,
    Column("sequence", Big, primary_key=True, autoincrement=False),
    Column("at", Big, nullable=False),
    Column("actor", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("workspace_id", LargeBinary),
    Column("subject", Text),
    Column("mk_id", LargeBinary),
    Column("mac", LargeBinary, nullable=False),
    Column("previous", LargeBinary),
    sqlite_strict=True,
)

# What is looked for otherwise than by its key. Without these, a statement takes as long as there are rows.
Index("budgets_granted", budgets.c.granted)
Index("calls_of_workspace", calls.c.workspace_id, calls.c.call_id)
Index("ended_sessions_at", ended_sessions.c.ended_at)
Index("members_user", members.c.user)
Index("provider_keys_data_key", provider_keys.c.dek_id)
Index("reservations_user", reservations.c.user)
Index("run_tokens_expiry", run_tokens.c.expires_at)
Index("run_tokens_of_member", run_tokens.c.workspace_id, run_tokens.c.user)
Index("usage_day", usage.c.day)
Index("usage_sums_day", usage_sums.c.day)
Index("usage_sums_of_member", usage_sums.c.workspace_id, usage_sums.c.user, usage_sums.c.day)
Index(
    "workspaces_deleted",
    workspaces.c.deleted_at,
    sqlite_where=text("deleted_at IS NOT NULL"),
    postgresql_where=text("deleted_at IS NOT NULL"),
)
