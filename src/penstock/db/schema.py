"""The whole schema in one place. `migrations/` brings a database here step by step; a test shows that both agree.

Times are milliseconds since the epoch (`*_at`). Ids are UUIDv7 made by the server. Every owned table carries `owner_id`
or hangs on one that does; on Postgres row-level security enforces it (see the first migration).
"""

from typing import Any

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


class json_holds(GenericFunction[bool]):  # noqa: N801  # spelled as in SQL
    """Whether a column holds a JSON array with this text in it."""

    type = sa.Boolean()
    inherit_cache = True


@compiles(json_holds, "sqlite")
def _holds_sqlite(element: json_holds, compiler: SQLCompiler, **options: Any) -> str:
    array, text = (compiler.process(each, **options) for each in element.clauses)
    return f"EXISTS (SELECT 1 FROM json_each({array}) WHERE value = {text})"  # noqa: S608  # both are compiled: a column and a parameter


@compiles(json_holds, "postgresql")
def _holds_postgresql(element: json_holds, compiler: SQLCompiler, **options: Any) -> str:
    array, text = (compiler.process(each, **options) for each in element.clauses)
    return f"jsonb_exists(CAST({array} AS JSONB), {text})"


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
    sa.Column(
        "origin",
        sa.String(16),
        comment="completion: made for a program; project: it builds; temporary: it is not kept; these are in no list;"
        " none: a person's",
    ),
    sa.Column("folder_id", Id, comment="where it is kept"),
    sa.Column("tags", sa.JSON(none_as_null=True), comment="names, sorted"),
    sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("archived", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("source_digest", sa.LargeBinary(32), comment="of what was brought in: the same is known again"),
    sa.Column(
        "title_open",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="nobody has named it: its title is its first message's, and a model may find a better one",
    ),
    sa.UniqueConstraint("owner_id", "alias"),
    sa.CheckConstraint("status IN ('idle', 'streaming', 'completed', 'error')", name="status"),
    sa.Index("ix_chat_owner_id_updated_at_id", "owner_id", "updated_at", "id"),
    sa.Index("ix_chat_owner_id_source_digest", "owner_id", "source_digest"),
    sa.Index(
        "ix_chat_temporary_updated_at",
        "updated_at",
        sqlite_where=sa.text("origin = 'temporary'"),
        postgresql_where=sa.text("origin = 'temporary'"),
    ),
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
    sa.Column("record", sa.JSON(none_as_null=True), comment="who was really asked, why, and what it took"),
    sa.Column("jump_id", Id, comment="an ancestor far up; none: go by the parent"),
    sa.Column("reactions", sa.JSON(none_as_null=True), comment="emoji"),
    sa.Column("rating", sa.String(4), comment="up, down"),
    sa.Column("rating_reason", sa.Text),
    sa.Column("beside_id", Id, comment="the answer of another model that was asked for with it"),
    sa.Column(
        "is_temporary",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="what it says stands in streams only; parts and text stay empty",
    ),
    sa.UniqueConstraint("owner_id", "client_id"),
    sa.CheckConstraint("role IN ('user', 'assistant')", name="role"),
    sa.CheckConstraint(
        "status IN ('pending', 'streaming', 'completed', 'stopped', 'failed', 'interrupted')", name="status"
    ),
    sa.Index("ix_message_chat_id_parent_id", "chat_id", "parent_id"),
)

kept_file = sa.Table(
    "kept_file",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True, comment="in the store of attachments; never used twice"),
    sa.Column("created_at", Big, nullable=False, comment="before it was written"),
    sqlite_with_rowid=False,
)

attachment = sa.Table(
    "attachment",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column(
        "message_id", Id, sa.ForeignKey("message.id", ondelete="CASCADE"), comment="none: uploaded and not sent yet"
    ),
    sa.Column("position", sa.Integer, nullable=False, comment="in its message"),
    sa.Column("file", sa.String(100), nullable=False, comment="that of kept_file; several may have the same"),
    sa.Column("name", sa.String(200), nullable=False, comment="as people see it"),
    sa.Column("media_type", sa.String(32), nullable=False),
    sa.Column("size", Big, nullable=False, comment="bytes"),
    sa.Column("width", sa.Integer, comment="pixels of a picture"),
    sa.Column("height", sa.Integer),
    sa.Column("created_at", Big, nullable=False),
    sa.Index("ix_attachment_owner_id", "owner_id"),
    sa.Index("ix_attachment_message_id", "message_id"),
    sa.Index("ix_attachment_file", "file"),
)

message_search = sa.Table(
    "message_search",
    metadata,
    sa.Column("number", Big, sa.Identity(), primary_key=True, comment="later messages have greater ones"),
    sa.Column("message_id", Id, sa.ForeignKey("message.id", ondelete="CASCADE"), nullable=False, unique=True),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column(
        "grams",
        sa.Text().with_variant(postgresql.TSVECTOR(), "postgresql"),
        comment="on Postgres; SQLite has them in message_grams",
    ),
    sa.Index("ix_message_search_owner_id_number", "owner_id", "number"),
    sa.Index(
        "ix_message_search_grams",
        "grams",
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": "256"},
    ).ddl_if(dialect="postgresql"),
)

folder = sa.Table(
    "folder",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("parent_id", Id, comment="the folder that it is in"),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("created_at", Big, nullable=False),
    sa.Index("ix_folder_owner_id", "owner_id"),
)

template = sa.Table(
    "template",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("text", sa.Text, nullable=False, comment="with {{variables}}"),
    sa.Column("variables", sa.JSON, nullable=False, comment="name, kind, default, choices"),
    sa.Column("is_house", sa.Boolean, nullable=False, comment="everybody may use it"),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("updated_at", Big, nullable=False),
    sa.Index("ix_template_owner_id", "owner_id"),
)

import_job = sa.Table(
    "import_job",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("status", sa.String(16), nullable=False, comment="checking, storing, completed, failed"),
    sa.Column("source", sa.String(16), comment="what has made the file"),
    sa.Column("size", Big, nullable=False, comment="bytes"),
    sa.Column("total", sa.Integer, comment="chats in the file; none until all of it was looked at"),
    sa.Column("done", sa.Integer, nullable=False, comment="of them, so far"),
    sa.Column("created", sa.Integer, nullable=False, comment="of these, new ones"),
    sa.Column("error_code", sa.String(64)),
    sa.Column("error_message", sa.Text),
    sa.Column("error_entry", sa.String(250)),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("ended_at", Big),
    sa.CheckConstraint("status IN ('checking', 'storing', 'completed', 'failed')", name="status"),
    sa.Index("ix_import_job_owner_id", "owner_id"),
)

share = sa.Table(
    "share",
    metadata,
    sa.Column("id", Id, primary_key=True, comment="names it to its owner; opens nothing"),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("chat_id", Id, sa.ForeignKey("chat.id", ondelete="CASCADE"), nullable=False),
    sa.Column("secret_hash", sa.LargeBinary(32), nullable=False, unique=True, comment="SHA-256"),
    sa.Column("hint", sa.String(8), nullable=False, comment="the last characters of the link"),
    sa.Column("password_hash", sa.Text, comment="argon2id; none: the link is enough"),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("message_count", sa.Integer, nullable=False),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("expires_at", Big, comment="none: never"),
    sa.Index("ix_share_owner_id", "owner_id"),
    sa.Index("ix_share_chat_id", "chat_id"),
)

share_message = sa.Table(
    "share_message",
    metadata,
    sa.Column("share_id", Id, sa.ForeignKey("share.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, comment="from 0"),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("model", sa.String(200)),
    sa.Column("is_whole", sa.Boolean, nullable=False),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("files", sa.JSON(none_as_null=True), comment="its attachments, as they were then"),
    sqlite_with_rowid=False,
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
    sa.Column("compacted_at", Big, comment="since then its log is small"),
    sa.Column("swept_at", Big, comment="since then its log is gone"),
    sa.Column("place", sa.Integer, nullable=False, server_default="0", comment="in the line of its chat's live runs"),
    sa.Column("lane", sa.Integer, nullable=False, server_default="0", comment="1: of two in one place the second"),
    sa.CheckConstraint(
        "status IN ('queued', 'running', 'completed', 'stopped', 'failed', 'interrupted')", name="status"
    ),
    sa.Index(
        "uq_run_live_chat",
        "chat_id",
        "place",
        "lane",
        unique=True,
        sqlite_where=sa.text("status IN ('queued', 'running')"),
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    ),
    sa.Index(
        "uq_run_running_chat",
        "chat_id",
        "lane",
        unique=True,
        # One that is to be stopped ends without a look at the model: it need not wait for its turn.
        sqlite_where=sa.text("status = 'running' AND NOT stop_requested"),
        postgresql_where=sa.text("status = 'running' AND NOT stop_requested"),
    ),
    sa.Index(
        "ix_run_due",
        "created_at",
        sqlite_where=sa.text("status IN ('queued', 'running')"),
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    ),
    sa.Index("ix_run_message_id", "message_id"),
    *(
        sa.Index(
            f"ix_run_not_{column}",
            "ended_at",
            sqlite_where=sa.text(f"ended_at IS NOT NULL AND {column} IS NULL"),
            postgresql_where=sa.text(f"ended_at IS NOT NULL AND {column} IS NULL"),
        )
        for column in ("compacted_at", "swept_at")
    ),
)

aside = sa.Table(
    "aside",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("chat_id", Id, sa.ForeignKey("chat.id", ondelete="CASCADE"), nullable=False),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False, comment="title, summary"),
    sa.Column("message_id", Id, nullable=False, comment="the answer after it; of a summary, the last that it covers"),
    sa.Column("model", sa.String(200), nullable=False, comment="whom to ask; who was asked"),
    sa.Column("status", sa.String(16), nullable=False, comment="owed, done, failed"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0", comment="counts claims"),
    sa.Column("due_at", Big, nullable=False, comment="by the database's clock; later while somebody is at it"),
    sa.Column("first_depth", sa.Integer, comment="of the first message that a summary covers"),
    sa.Column("text", sa.Text, comment="what came of it"),
    sa.Column("input_tokens", sa.Integer),
    sa.Column("output_tokens", sa.Integer),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("ended_at", Big),
    sa.CheckConstraint("kind IN ('title', 'summary')", name="kind"),
    sa.CheckConstraint("status IN ('owed', 'done', 'failed')", name="status"),
    sa.Index("ix_aside_chat_id", "chat_id"),
    *(
        sa.Index(
            f"{'ix' if name == 'due' else 'uq'}_aside_{name}",
            *columns,
            unique=name != "due",
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
        for name, columns, condition in (
            ("due", ("due_at",), "status = 'owed'"),
            ("owed", ("chat_id", "kind"), "status = 'owed'"),
            ("title", ("chat_id",), "kind = 'title'"),
            ("summary", ("message_id",), "kind = 'summary' AND status = 'done'"),
        )
    ),
)

run_step = sa.Table(
    "run_step",
    metadata,
    sa.Column("run_id", Id, sa.ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("step", sa.String(16), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True, comment="counts repairs: 0 is the first"),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False, comment="of whoever did it"),
    sa.Column("data", sa.JSON, nullable=False, comment="what came of it"),
    sa.Column("done_at", Big, nullable=False),
    sqlite_with_rowid=False,
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

error_event = sa.Table(
    "error_event",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("fingerprint", sa.String(32), nullable=False, unique=True, comment="of the same error again"),
    sa.Column("kind", sa.String(200), nullable=False),
    sa.Column("message", sa.Text, nullable=False, comment="without secrets"),
    sa.Column("trace", sa.Text, nullable=False, comment="places in the code, no values"),
    sa.Column("request_id", sa.String(64)),
    sa.Column("count", Big, nullable=False),
    sa.Column("first_at", Big, nullable=False),
    sa.Column("last_at", Big, nullable=False),
)

quota = sa.Table(
    "quota",
    metadata,
    sa.Column("day", Big, primary_key=True, comment="days since the epoch, by the database's clock"),
    sa.Column("subject", sa.String(64), primary_key=True, comment="an identity, or an address"),
    sa.Column("used", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

quota_charge = sa.Table(
    "quota_charge",
    metadata,
    sa.Column("message_id", Id, sa.ForeignKey("message.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("day", Big, nullable=False),
    sa.Column("address", sa.String(64), comment="counted as well, for whoever has no account of their own"),
    sa.Index("ix_quota_charge_owner_id", "owner_id"),
    sqlite_with_rowid=False,
)

rate_window = sa.Table(
    "rate_window",
    metadata,
    sa.Column("key", sa.String(128), primary_key=True, comment="what is limited, and for whom"),
    sa.Column("hits", sa.JSON().with_variant(postgresql.ARRAY(sa.BigInteger()), "postgresql"), nullable=False),
    sa.Column("expires_at", Big, nullable=False),
    sa.Index("ix_rate_window_expires_at", "expires_at"),
    sqlite_with_rowid=False,
)

producer = sa.Table(
    "producer",
    metadata,
    sa.Column("stream_id", Big, sa.ForeignKey("stream.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("producer_id", sa.String(200), primary_key=True),
    sa.Column("epoch", Big, nullable=False),
    sa.Column("sequence", Big, nullable=False, comment="of the last accepted append; -1 before the first"),
    sa.Column("memo", sa.Text, comment="what the producer needs to go on behind that append; only it knows the form"),
    sqlite_with_rowid=False,
)

chore = sa.Table(
    "chore",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("due_at", Big, nullable=False, comment="by the database's clock"),
    sqlite_with_rowid=False,
)

account = sa.Table(
    "account",
    metadata,
    sa.Column("id", Id, primary_key=True, comment="the identity that owns chats, streams and all else"),
    sa.Column("kind", sa.String(16), nullable=False, comment="owner, regular, guest"),
    sa.Column("email", sa.String(254), unique=True, comment="in its one spelling; none of a guest"),
    sa.Column("password_hash", sa.Text, comment="argon2id; none of a guest and of who signs in elsewhere"),
    sa.Column("name", sa.String(200)),
    sa.Column("disabled_at", Big),
    sa.Column("created_at", Big, nullable=False),
    sa.CheckConstraint("kind IN ('owner', 'regular', 'guest')", name="kind"),
    sa.Index(
        "uq_account_owner",
        "kind",
        unique=True,
        sqlite_where=sa.text("kind = 'owner'"),
        postgresql_where=sa.text("kind = 'owner'"),
    ),
)

session = sa.Table(
    "session",
    metadata,
    sa.Column("id", Id, primary_key=True, comment="names it to its owner; opens nothing"),
    sa.Column("account_id", Id, sa.ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    sa.Column("secret_hash", sa.LargeBinary(32), nullable=False, unique=True, comment="SHA-256"),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("seen_at", Big, nullable=False, comment="to the minute"),
    sa.Column("expires_at", Big, nullable=False),
    sa.Column("user_agent", sa.String(300), nullable=False),
    sa.Column("address", sa.String(64), nullable=False),
    sa.Index("ix_session_account_id", "account_id"),
)

api_token = sa.Table(
    "api_token",
    metadata,
    sa.Column("id", Id, primary_key=True, comment="names it to its owner; opens nothing"),
    sa.Column("account_id", Id, sa.ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    sa.Column("secret_hash", sa.LargeBinary(32), nullable=False, unique=True, comment="SHA-256"),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("hint", sa.String(8), nullable=False, comment="its last characters"),
    sa.Column("scopes", sa.JSON, nullable=False, comment="read, chat"),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("used_at", Big, comment="to the minute"),
    sa.Column("expires_at", Big, comment="none: never"),
    sa.Column("revoked_at", Big),
    sa.Index("ix_api_token_account_id", "account_id"),
)

oidc_link = sa.Table(
    "oidc_link",
    metadata,
    sa.Column("issuer", sa.String(500), primary_key=True),
    sa.Column("subject", sa.String(255), primary_key=True, comment="who it is, by the issuer's own name"),
    sa.Column("account_id", Id, sa.ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    sa.Column("created_at", Big, nullable=False),
    sa.Index("ix_oidc_link_account_id", "account_id"),
)

oidc_attempt = sa.Table(
    "oidc_attempt",
    metadata,
    sa.Column("state_hash", sa.LargeBinary(32), primary_key=True, comment="SHA-256; used once"),
    sa.Column("owner_id", Id, nullable=False, comment="the visitor whose browser went to sign in elsewhere"),
    sa.Column("nonce", sa.String(64), nullable=False),
    sa.Column("verifier", sa.String(128), nullable=False, comment="PKCE"),
    sa.Column("return_to", sa.String(2000), nullable=False),
    sa.Column("expires_at", Big, nullable=False),
)

provider_key = sa.Table(
    "provider_key",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("provider", sa.String(32), nullable=False),
    sa.Column("base_url", sa.Text, nullable=False, comment="of the server that it is for; it is shown to no other"),
    sa.Column("sealed", sa.LargeBinary, nullable=False, comment="see keys/vault.py"),
    sa.Column("hint", sa.String(8), nullable=False, comment="its last characters"),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("tested_at", Big, nullable=False, comment="when the provider last took it"),
    sa.UniqueConstraint("owner_id", "provider"),
)

project = sa.Table(
    "project",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("chat_id", Id, sa.ForeignKey("chat.id", ondelete="CASCADE"), nullable=False, unique=True),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("stack", sa.String(16), nullable=False, comment="python, node"),
    sa.Column("head_id", Id, comment="the version that the next one follows"),
    sa.Column("good_id", Id, comment="the last head that was ready"),
    sa.Column("rev", sa.Integer, nullable=False, server_default="0", comment="counts the moves of the head"),
    sa.Column("last_ordinal", sa.Integer, nullable=False, server_default="0", comment="none is given twice"),
    sa.Column("garbage_at", Big, comment="since then it may hold what nothing needs any more"),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("updated_at", Big, nullable=False),
    sa.Index("ix_project_owner_id_updated_at_id", "owner_id", "updated_at", "id"),
    sa.Index(
        "ix_project_garbage_at",
        "garbage_at",
        sqlite_where=sa.text("garbage_at IS NOT NULL"),
        postgresql_where=sa.text("garbage_at IS NOT NULL"),
    ),
)

blob = sa.Table(
    "blob",
    metadata,
    sa.Column("id", Big, sa.Identity(), primary_key=True),
    sa.Column("project_id", Id, sa.ForeignKey("project.id", ondelete="CASCADE"), nullable=False),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("is_binary", sa.Boolean, nullable=False),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False, comment="zlib"),
    sa.UniqueConstraint("project_id", "sha256"),
    sqlite_autoincrement=True,
)

manifest = sa.Table(
    "manifest",
    metadata,
    sa.Column("id", Big, sa.Identity(), primary_key=True),
    sa.Column("project_id", Id, sa.ForeignKey("project.id", ondelete="CASCADE"), nullable=False),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False, comment="of all paths with the hashes of their contents"),
    sa.Column("file_count", sa.Integer, nullable=False),
    sa.Column("size", sa.Integer, nullable=False, comment="bytes of all files"),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False, comment="zlib: a path and the id of a blob a line"),
    sa.UniqueConstraint("project_id", "sha256"),
    sqlite_autoincrement=True,
)

version = sa.Table(
    "version",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("project_id", Id, sa.ForeignKey("project.id", ondelete="CASCADE"), nullable=False),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("parent_id", Id, comment="the version whose files it begins with"),
    sa.Column("base_rev", sa.Integer, nullable=False, comment="of the project, when it was begun"),
    sa.Column("origin", sa.String(16), nullable=False, comment="prompt, regenerate, retry, repair, restore"),
    sa.Column("source_id", Id, comment="the version that it makes anew, goes on with, repairs or restores"),
    sa.Column("run_id", Id, unique=True, comment="none of a restored one"),
    sa.Column("message_id", Id, comment="the answer that tells of it"),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("manifest_id", Big, comment="none until its files are all there"),
    sa.Column("chain", sa.Integer, comment="patches behind the last snapshot; none: not derived yet"),
    sa.Column("title", sa.String(200)),
    sa.Column("note", sa.Text),
    sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("model", sa.String(200)),
    sa.Column("error_code", sa.String(64)),
    sa.Column("error_message", sa.Text),
    sa.Column("error_retryable", sa.Boolean),
    sa.Column("idempotency_key", sa.String(200)),
    sa.Column("fingerprint", sa.String(64), comment="of what was asked for under that key"),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("committed_at", Big, comment="since then its files are all there"),
    sa.Column("ended_at", Big, comment="since then nothing of it changes"),
    sa.UniqueConstraint("project_id", "ordinal"),
    sa.UniqueConstraint("owner_id", "idempotency_key"),
    sa.CheckConstraint("origin IN ('prompt', 'regenerate', 'retry', 'repair', 'restore')", name="origin"),
    sa.CheckConstraint(
        "status IN ('generating', 'validating', 'ready', 'ready_with_errors', 'not_validated', 'failed', 'stopped')",
        name="status",
    ),
    sa.Index(
        "ix_version_underived",
        "project_id",
        "ordinal",
        sqlite_where=sa.text("chain IS NULL AND ended_at IS NOT NULL AND manifest_id IS NOT NULL"),
        postgresql_where=sa.text("chain IS NULL AND ended_at IS NOT NULL AND manifest_id IS NOT NULL"),
    ),
)

version_change = sa.Table(
    "version_change",
    metadata,
    sa.Column("version_id", Id, sa.ForeignKey("version.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("path", sa.String(300), primary_key=True),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("kind", sa.String(8), nullable=False, comment="added, modified, deleted, renamed"),
    sa.Column("old_path", sa.String(300)),
    sa.Column("additions", sa.Integer, comment="lines; none of a binary file"),
    sa.Column("deletions", sa.Integer),
    sqlite_with_rowid=False,
)

version_patch = sa.Table(
    "version_patch",
    metadata,
    sa.Column("version_id", Id, sa.ForeignKey("version.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("base_id", Id, comment="the version that it changes; none: a snapshot, which stands alone"),
    sa.Column("sha256", sa.String(64), nullable=False, comment="of the data"),
    sa.Column("data", sa.LargeBinary, nullable=False, comment="see projects/patches.py"),
)

version_check = sa.Table(
    "version_check",
    metadata,
    sa.Column("version_id", Id, sa.ForeignKey("version.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True, comment="counts repairs: 0 is the first"),
    sa.Column("stage", sa.String(16), primary_key=True, comment="static, install, boot, contract, probe, test"),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("status", sa.String(16), nullable=False, comment="running, passed, failed, skipped, error"),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("data", sa.JSON, nullable=False, comment="diagnostics and what else was found"),
    sa.Column("manifest_id", Big, comment="what was checked: the same files need it once"),
    sa.Column("started_at", Big, nullable=False),
    sa.Column("ended_at", Big),
    sa.Index("ix_version_check_manifest_id", "manifest_id"),
)

preview = sa.Table(
    "preview",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True, comment="its name, which may be seen"),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("version_id", Id, sa.ForeignKey("version.id", ondelete="CASCADE"), nullable=False),
    sa.Column("door", sa.String(32), nullable=False, unique=True, comment="its other name, which lets people in"),
    sa.Column("process", sa.Text, nullable=False, comment="address of the process that runs it; empty: it has none"),
    sa.Column("ends_at", sa.BigInteger, nullable=False, comment="unless its process says otherwise before"),
    sa.Index("ix_preview_version_id", "version_id"),
    sa.Index("ix_preview_owner_id", "owner_id"),
)

file_lock = sa.Table(
    "file_lock",
    metadata,
    sa.Column("project_id", Id, sa.ForeignKey("project.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("path", sa.String(300), primary_key=True, comment="of a file or a folder, or a pattern"),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("created_at", Big, nullable=False),
    sqlite_with_rowid=False,
)

staged_file = sa.Table(
    "staged_file",
    metadata,
    sa.Column("version_id", Id, sa.ForeignKey("version.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("path", sa.String(300), primary_key=True),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("blob_id", Big, comment="none: the file is deleted"),
    sa.Column("created_at", Big, nullable=False),
)
