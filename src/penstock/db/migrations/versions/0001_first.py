"""The first tables: chats, messages, runs and the log.

Two things here are rules and not just storage. Chat statistics are kept by triggers, so that no code path can let
them drift. And on Postgres each table forces row-level security: the role penstock_app sees and changes only what
belongs to the identity named by the setting penstock.actor; the role penstock_system, for workers, sees all. Neither
role owns a table or may bypass the policies. The user who migrates is made a member of both.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables, the triggers and, on Postgres, the roles and policies."""
    _make_tables()
    if op.get_bind().dialect.name == "postgresql":
        for statement in (*_POSTGRES_TRIGGERS, *_ROLES, *_policies()):
            op.execute(statement)
    else:
        for statement in _SQLITE_TRIGGERS:
            op.execute(statement)


def _make_tables() -> None:
    op.create_table(
        "chat",
        sa.Column("id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column(
            "alias",
            sa.String(length=200),
            nullable=True,
            comment="the id that an AI SDK client made; private to the owner",
        ),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False, comment="idle, streaming, completed, error"),
        sa.Column("model", sa.String(length=200), nullable=True),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("system_prompt", sa.Text(), nullable=True),
        sa.Column("context_window", sa.Integer(), nullable=True),
        sa.Column("leaf_id", Id, nullable=True, comment="the last message of the chosen path"),
        sa.Column("message_count", sa.Integer(), server_default="0", nullable=False, comment="kept by triggers"),
        sa.Column("total_tokens", Big, server_default="0", nullable=False, comment="kept by triggers"),
        sa.Column("last_message_at", Big, nullable=True, comment="kept by triggers"),
        sa.Column("created_at", Big, nullable=False),
        sa.Column("updated_at", Big, nullable=False),
        sa.CheckConstraint("status IN ('idle', 'streaming', 'completed', 'error')", name=op.f("ck_chat_status")),
        sa.PrimaryKeyConstraint("id", name="pk_chat"),
        sa.UniqueConstraint("owner_id", "alias", name="uq_chat_owner_id_alias"),
    )
    op.create_index("ix_chat_owner_id_updated_at_id", "chat", ["owner_id", "updated_at", "id"])
    op.create_table(
        "stream",
        sa.Column("id", Big, sa.Identity(always=False), nullable=False),
        sa.Column("path", sa.String(length=500), nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("content_type", sa.String(length=200), nullable=False),
        sa.Column("tail", Big, server_default="0", nullable=False, comment="position after the last unit"),
        sa.Column("closed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", Big, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stream"),
        sa.UniqueConstraint("path", name="uq_stream_path"),
    )
    op.create_table(
        "message",
        sa.Column("id", Id, nullable=False),
        sa.Column("chat_id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("parent_id", Id, nullable=True, comment="the message it follows; none for the first"),
        sa.Column(
            "depth", sa.Integer(), nullable=False, comment="0 for the first; order comes from here, not from clocks"
        ),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column(
            "client_id",
            sa.String(length=200),
            nullable=True,
            comment="the sender's own id: a repeated send finds the first",
        ),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("parts", sa.JSON(), nullable=False, comment="AI SDK message parts"),
        sa.Column("text", sa.Text(), nullable=False, comment="the readable text of the parts"),
        sa.Column("model", sa.String(length=200), nullable=True),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("finish_reason", sa.String(length=32), nullable=True),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_retryable", sa.Boolean(), nullable=True),
        sa.Column("run_id", Id, nullable=True, comment="the latest run that wrote it"),
        sa.Column("created_at", Big, nullable=False),
        sa.Column("first_token_at", Big, nullable=True),
        sa.Column("completed_at", Big, nullable=True),
        sa.CheckConstraint("role IN ('user', 'assistant')", name=op.f("ck_message_role")),
        sa.CheckConstraint(
            "status IN ('pending', 'streaming', 'completed', 'stopped', 'failed', 'interrupted')",
            name=op.f("ck_message_status"),
        ),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name="fk_message_chat_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_message"),
        sa.UniqueConstraint("owner_id", "client_id", name="uq_message_owner_id_client_id"),
    )
    op.create_index("ix_message_chat_id_parent_id", "message", ["chat_id", "parent_id"])
    op.create_table(
        "producer",
        sa.Column("stream_id", Big, nullable=False),
        sa.Column("producer_id", sa.String(length=200), nullable=False),
        sa.Column("epoch", Big, nullable=False),
        sa.Column("sequence", Big, nullable=False, comment="of the last accepted append; -1 before the first"),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.id"], name="fk_producer_stream_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("stream_id", "producer_id", name="pk_producer"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stream_batch",
        sa.Column("stream_id", Big, nullable=False),
        sa.Column("position", Big, nullable=False, comment="of the first unit"),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False, comment="JSON streams: one message a line"),
        sa.Column("marks", sa.LargeBinary(), nullable=True, comment="of a compacted row: where merged messages begin"),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.id"], name="fk_stream_batch_stream_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("stream_id", "position", name="pk_stream_batch"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="what handles it: answer"),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("chat_id", Id, nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column(
            "epoch", sa.Integer(), server_default="0", nullable=False, comment="counts claims; fences older workers"
        ),
        sa.Column(
            "attempts", sa.Integer(), server_default="0", nullable=False, comment="claims that were not handed over"
        ),
        sa.Column("worker", sa.String(length=64), nullable=True, comment="the process that holds the lease"),
        sa.Column("lease_until", Big, nullable=True, comment="by the database's clock"),
        sa.Column("stop_requested", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", Big, nullable=False),
        sa.Column("started_at", Big, nullable=True),
        sa.Column("ended_at", Big, nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'completed', 'stopped', 'failed', 'interrupted')",
            name=op.f("ck_run_status"),
        ),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name="fk_run_chat_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_run_message_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
    )
    op.create_index(
        "ix_run_due",
        "run",
        ["created_at"],
        unique=False,
        sqlite_where=sa.text("status IN ('queued', 'running')"),
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_index("ix_run_message_id", "run", ["message_id"])
    op.create_index(
        "uq_run_live_chat",
        "run",
        ["chat_id"],
        unique=True,
        sqlite_where=sa.text("status IN ('queued', 'running')"),
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )


_SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER message_inserted AFTER INSERT ON message BEGIN
      UPDATE chat SET
        message_count = message_count + 1,
        total_tokens = total_tokens + coalesce(NEW.input_tokens, 0) + coalesce(NEW.output_tokens, 0),
        last_message_at = max(coalesce(last_message_at, 0), NEW.created_at)
      WHERE id = NEW.chat_id;
    END
    """,
    """
    CREATE TRIGGER message_counted AFTER UPDATE OF input_tokens, output_tokens ON message BEGIN
      UPDATE chat SET total_tokens = total_tokens
        + coalesce(NEW.input_tokens, 0) + coalesce(NEW.output_tokens, 0)
        - coalesce(OLD.input_tokens, 0) - coalesce(OLD.output_tokens, 0)
      WHERE id = NEW.chat_id;
    END
    """,
    """
    CREATE TRIGGER message_deleted AFTER DELETE ON message BEGIN
      UPDATE chat SET
        message_count = message_count - 1,
        total_tokens = total_tokens - coalesce(OLD.input_tokens, 0) - coalesce(OLD.output_tokens, 0),
        last_message_at = (SELECT max(created_at) FROM message WHERE chat_id = OLD.chat_id)
      WHERE id = OLD.chat_id;
    END
    """,
)

_POSTGRES_TRIGGERS = (
    """
    CREATE FUNCTION message_statistics() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        UPDATE chat SET
          message_count = message_count + 1,
          total_tokens = total_tokens + coalesce(NEW.input_tokens, 0) + coalesce(NEW.output_tokens, 0),
          last_message_at = greatest(coalesce(last_message_at, 0), NEW.created_at)
        WHERE id = NEW.chat_id;
      ELSIF TG_OP = 'UPDATE' THEN
        UPDATE chat SET total_tokens = total_tokens
          + coalesce(NEW.input_tokens, 0) + coalesce(NEW.output_tokens, 0)
          - coalesce(OLD.input_tokens, 0) - coalesce(OLD.output_tokens, 0)
        WHERE id = NEW.chat_id;
      ELSE
        -- Locked by a statement of its own, so that the next one sees what others have stored while this one waited.
        PERFORM 1 FROM chat WHERE id = OLD.chat_id FOR UPDATE;
        UPDATE chat SET
          message_count = message_count - 1,
          total_tokens = total_tokens - coalesce(OLD.input_tokens, 0) - coalesce(OLD.output_tokens, 0),
          last_message_at = (SELECT max(created_at) FROM message WHERE chat_id = OLD.chat_id)
        WHERE id = OLD.chat_id;
      END IF;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER message_statistics AFTER INSERT OR DELETE OR UPDATE OF input_tokens, output_tokens ON message
      FOR EACH ROW EXECUTE FUNCTION message_statistics()
    """,
)

_ROLES = tuple(
    statement
    for role in ("penstock_app", "penstock_system")
    for statement in (
        f"""
        DO $$ BEGIN
          CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$
        """,
        f"GRANT {role} TO CURRENT_USER",
        f"GRANT USAGE ON SCHEMA public TO {role}",
    )
)

_OF_CHAT = ("message", "run")
_OF_STREAM = ("stream_batch", "producer")


def _policies() -> Iterator[str]:
    mine = "owner_id = nullif(current_setting('penstock.actor', true), '')::uuid"
    # The inner query is subject to the policy of stream itself.
    of_mine = "EXISTS (SELECT 1 FROM stream WHERE stream.id = stream_id)"
    # Foreign keys look past policies: without this an actor could hang a row of their own on a stranger's chat.
    in_mine = f"{mine} AND EXISTS (SELECT 1 FROM chat WHERE chat.id = chat_id)"
    rules = {"chat": mine, "stream": mine} | dict.fromkeys(_OF_CHAT, in_mine) | dict.fromkeys(_OF_STREAM, of_mine)
    for table, rule in rules.items():
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
        yield f"CREATE POLICY owner_only ON {table} TO penstock_app USING ({rule}) WITH CHECK ({rule})"
        yield f"CREATE POLICY system_all ON {table} TO penstock_system USING (true) WITH CHECK (true)"
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO penstock_app, penstock_system"
