"""Snapshots of chats that others read by a link: a copy of a path, so that nothing leads from it to the chat itself."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables and, on Postgres, their policies."""
    op.create_table(
        "share",
        sa.Column("id", Id, nullable=False, comment="names it to its owner; opens nothing"),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("chat_id", Id, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False, comment="SHA-256"),
        sa.Column("hint", sa.String(length=8), nullable=False, comment="the last characters of the link"),
        sa.Column("password_hash", sa.Text(), nullable=True, comment="argon2id; none: the link is enough"),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("message_count", sa.Integer(), nullable=False),
        sa.Column("created_at", Big, nullable=False),
        sa.Column("expires_at", Big, nullable=True, comment="none: never"),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name="fk_share_chat_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_share"),
        sa.UniqueConstraint("secret_hash", name="uq_share_secret_hash"),
    )
    op.create_index("ix_share_owner_id", "share", ["owner_id"])
    op.create_index("ix_share_chat_id", "share", ["chat_id"])
    op.create_table(
        "share_message",
        sa.Column("share_id", Id, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="from 0"),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=True),
        sa.Column("is_whole", sa.Boolean(), nullable=False),
        sa.Column("created_at", Big, nullable=False),
        sa.ForeignKeyConstraint(["share_id"], ["share.id"], name="fk_share_message_share_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("share_id", "position", name="pk_share_message"),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        for statement in _policies():
            op.execute(statement)


def _policies() -> Iterator[str]:
    mine = "owner_id = nullif(current_setting('penstock.actor', true), '')::uuid"
    rules = {
        # Foreign keys look past policies: a snapshot hangs on a chat of one's own only.
        "share": f"{mine} AND EXISTS (SELECT 1 FROM chat WHERE chat.id = chat_id)",
        "share_message": "EXISTS (SELECT 1 FROM share WHERE share.id = share_id)",
    }
    for table, rule in rules.items():
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
        yield f"CREATE POLICY owner_only ON {table} TO penstock_app USING ({rule}) WITH CHECK ({rule})"
        yield f"CREATE POLICY system_all ON {table} TO penstock_system USING (true) WITH CHECK (true)"
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO penstock_app, penstock_system"
