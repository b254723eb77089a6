"""The whole schema in one place. `migrations/` brings a database here step by step; a test shows that both agree.

Times are milliseconds since the epoch (`*_at`). Ids are UUIDv7 made by the server. Every owned table carries `owner_id`
or hangs on one that does; on Postgres row-level security enforces it (see the first migration).
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""SQLite numbers rows by itself only in a column that is spelled INTEGER."""


class now_ms(GenericFunction[int]):  # noqa: N801  # spelled as in SQL
    """The database's clock in milliseconds since the epoch: leases of several machines are compared by it."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(now_ms, "sqlite")
def _now_sqlite(_element: now_ms, _compiler: SQLCompiler, **_: object) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(now_ms, "postgresql")
def _now_postgresql(_element: now_ms, _compiler: SQLCompiler, **_: object) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"


chat = sa.Table(
    "chat",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("alias", sa.String(200), comment="the id that an AI SDK client made; private to the owner"),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("status", sa.String(16), nullable=False, comment="idle, streaming, completed, error"),
    sa.Column("model", sa.String(200)),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("system_prompt", sa.Text),
    sa.Column("context_window", sa.Integer),
    sa.Column("leaf_id", Id, comment="the last message of the chosen path"),
    sa.Column("message_count", sa.Integer, nullable=False, server_default="0", comment="kept by triggers"),
    sa.Column("total_tokens", Big, nullable=False, server_default="0", comment="kept by triggers"),
    sa.Column("last_message_at", Big, comment="kept by triggers"),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("updated_at", Big, nullable=False),
    sa.UniqueConstraint("owner_id", "alias"),
    sa.CheckConstraint("status IN ('idle', 'streaming', 'completed', 'error')", name="status"),
    sa.Index("ix_chat_owner_id_updated_at_id", "owner_id", "updated_at", "id"),
)

message = sa.Table(
    "message",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("chat_id", Id, sa.ForeignKey("chat.id", ondelete="CASCADE"), nullable=False),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("parent_id", Id, comment="the message it follows; none for the first"),
    sa.Column("depth", sa.Integer, nullable=False, comment="0 for the first; order comes from here, not from clocks"),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("client_id", sa.String(200), comment="the sender's own id: a repeated send finds the first"),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("parts", sa.JSON, nullable=False, comment="AI SDK message parts"),
    sa.Column("text", sa.Text, nullable=False, comment="the readable text of the parts"),
    sa.Column("model", sa.String(200)),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("finish_reason", sa.String(32)),
    sa.Column("input_tokens", sa.Integer),
    sa.Column("output_tokens", sa.Integer),
    sa.Column("error_code", sa.String(64)),
    sa.Column("error_message", sa.Text),
    sa.Column("error_retryable", sa.Boolean),
    sa.Column("run_id", Id, comment="the latest run that wrote it"),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("first_token_at", Big),
    sa.Column("completed_at", Big),
    sa.UniqueConstraint("owner_id", "client_id"),
    sa.CheckConstraint("role IN ('user', 'assistant')", name="role"),
    sa.CheckConstraint(
        "status IN ('pending', 'streaming', 'completed', 'stopped', 'failed', 'interrupted')", name="status"
    ),
    sa.Index("ix_message_chat_id_parent_id", "chat_id", "parent_id"),
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False, comment="what handles it: answer"),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("chat_id", Id, sa.ForeignKey("chat.id", ondelete="CASCADE"), nullable=False),
    sa.Column("message_id", Id, sa.ForeignKey("message.id", ondelete="CASCADE"), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="0", comment="counts claims; fences older workers"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0", comment="claims that were not handed over"),
    sa.Column("worker", sa.String(64), comment="the process that holds the lease"),
    sa.Column("lease_until", Big, comment="by the database's clock"),
    sa.Column("stop_requested", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("started_at", Big),
    sa.Column("ended_at", Big),
    sa.CheckConstraint(
        "status IN ('queued', 'running', 'completed', 'stopped', 'failed', 'interrupted')", name="status"
    ),
    sa.Index(
        "uq_run_live_chat",
        "chat_id",
        unique=True,
        sqlite_where=sa.text("status IN ('queued', 'running')"),
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    ),
    sa.Index(
        "ix_run_due",
        "created_at",
        sqlite_where=sa.text("status IN ('queued', 'running')"),
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    ),
    sa.Index("ix_run_message_id", "message_id"),
)

stream = sa.Table(
    "stream",
    metadata,
    sa.Column("id", Big, sa.Identity(), primary_key=True),
    sa.Column("path", sa.String(500), nullable=False, unique=True),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("content_type", sa.String(200), nullable=False),
    sa.Column("tail", Big, nullable=False, server_default="0", comment="position after the last unit"),
    sa.Column("closed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("ttl", Big, comment="seconds since the last read or write; none: as long as expires_at says"),
    sa.Column("expires_at", Big, comment="none: never"),
    sa.Column("sequence", sa.Text, comment="the last Stream-Seq"),
    sa.Column("deleted", sa.Boolean, nullable=False, server_default=sa.false(), comment="kept for its forks only"),
    sa.Column("forked_from", Big, sa.ForeignKey("stream.id"), comment="holds what comes before forked_at"),
    sa.Column("forked_at", Big, nullable=False, server_default="0"),
    sa.Index("ix_stream_forked_from", "forked_from"),
    sa.Index(
        "ix_stream_expires_at",
        "expires_at",
        sqlite_where=sa.text("expires_at IS NOT NULL"),
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    ),
    # Ids are never used again: readers and caches that still know a deleted stream must not take another one for it.
    sqlite_autoincrement=True,
)

stream_batch = sa.Table(
    "stream_batch",
    metadata,
    sa.Column("stream_id", Big, sa.ForeignKey("stream.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("position", Big, primary_key=True, comment="of the first unit"),
    sa.Column("units", sa.Integer, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False, comment="JSON streams: one message a line"),
    sa.Column("marks", sa.LargeBinary, comment="of a compacted row: where merged messages begin"),
    sqlite_with_rowid=False,
)

subscription = sa.Table(
    "subscription",
    metadata,
    sa.Column("id", Big, sa.Identity(), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("demand", sa.JSON, nullable=False, comment="what was asked for"),
    sa.Column("pattern", sa.String(500), comment="of paths, as in demand"),
    sa.Column("base_url", sa.Text, nullable=False, comment="how the subscriber reaches this server"),
    sa.Column("generation", Big, nullable=False, server_default="0", comment="counts wakes; fences older holders"),
    sa.Column("wake", sa.JSON(none_as_null=True), comment="id, snapshot, holder; none while it sleeps"),
    sa.Column("lease_until", Big),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0", comment="calls in vain, one after the other"),
    sa.Column("next_attempt_at", Big),
    sa.Column("created_at", Big, nullable=False),
)

subscription_stream = sa.Table(
    "subscription_stream",
    metadata,
    sa.Column("subscription_id", Big, sa.ForeignKey("subscription.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("path", sa.String(500), primary_key=True, comment="there need not be such a stream"),
    sa.Column("is_explicit", sa.Boolean, nullable=False, comment="named by its path; else found by the pattern"),
    sa.Column("acked", Big, nullable=False, comment="position; -1 before the first unit"),
    sa.Index("ix_subscription_stream_path", "path"),
    sqlite_with_rowid=False,
)

producer = sa.Table(
    "producer",
    metadata,
    sa.Column("stream_id", Big, sa.ForeignKey("stream.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("producer_id", sa.String(200), primary_key=True),
    sa.Column("epoch", Big, nullable=False),
    sa.Column("sequence", Big, nullable=False, comment="of the last accepted append; -1 before the first"),
    sqlite_with_rowid=False,
)
