"""What models are asked beside conversations: better titles, summaries of what does not fit any more (B3, B7).

Chats that are there keep their titles: nobody can tell any more which of them a person has given.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the column, make the table and, on Postgres, its policies."""
    comment = "nobody has named it: its title is its first message's, and a model may find a better one"
    op.add_column(
        "chat", sa.Column("title_open", sa.Boolean(), server_default=sa.false(), nullable=False, comment=comment)
    )
    op.create_table(
        "aside",
        sa.Column("id", Id, nullable=False),
        sa.Column("chat_id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="title, summary"),
        sa.Column(
            "message_id", Id, nullable=False, comment="the answer after it; of a summary, the last that it covers"
        ),
        sa.Column("model", sa.String(length=200), nullable=False, comment="whom to ask; who was asked"),
        sa.Column("status", sa.String(length=16), nullable=False, comment="owed, done, failed"),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False, comment="counts claims"),
        sa.Column("due_at", Big, nullable=False, comment="by the database's clock; later while somebody is at it"),
        sa.Column("first_depth", sa.Integer(), nullable=True, comment="of the first message that a summary covers"),
        sa.Column("text", sa.Text(), nullable=True, comment="what came of it"),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("created_at", Big, nullable=False),
        sa.Column("ended_at", Big, nullable=True),
        sa.CheckConstraint("kind IN ('title', 'summary')", name=op.f("ck_aside_kind")),
        sa.CheckConstraint("status IN ('owed', 'done', 'failed')", name=op.f("ck_aside_status")),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name="fk_aside_chat_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_aside"),
    )
    op.create_index("ix_aside_chat_id", "aside", ["chat_id"])
    for name, columns, condition in (
        ("ix_aside_due", ["due_at"], "status = 'owed'"),
        ("uq_aside_owed", ["chat_id", "kind"], "status = 'owed'"),
        ("uq_aside_title", ["chat_id"], "kind = 'title'"),
        ("uq_aside_summary", ["message_id"], "kind = 'summary' AND status = 'done'"),
    ):
        where = sa.text(condition)
        op.create_index(
            name, "aside", columns, unique=name.startswith("uq"), sqlite_where=where, postgresql_where=where
        )
    if op.get_bind().dialect.name == "postgresql":
        mine = "owner_id = nullif(current_setting('penstock.actor', true), '')::uuid"
        # Foreign keys look past policies; the inner query is subject to the policy of chat itself.
        mine += " AND EXISTS (SELECT 1 FROM chat WHERE chat.id = chat_id)"
        op.execute("ALTER TABLE aside ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE aside FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner_only ON aside TO penstock_app USING ({mine}) WITH CHECK ({mine})")
        op.execute("CREATE POLICY system_all ON aside TO penstock_system USING (true) WITH CHECK (true)")
        op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON aside TO penstock_app, penstock_system")
