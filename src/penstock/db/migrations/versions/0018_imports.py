"""What people bring along: a job for each file, and by what a chat that was brought in is known again."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the column, make the table and, on Postgres, its policies."""
    comment = "of what was brought in: the same is known again"
    op.add_column("chat", sa.Column("source_digest", sa.LargeBinary(length=32), nullable=True, comment=comment))
    op.create_index("ix_chat_owner_id_source_digest", "chat", ["owner_id", "source_digest"])
    op.create_table(
        "import_job",
        sa.Column("id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False, comment="checking, storing, completed, failed"),
        sa.Column("source", sa.String(length=16), nullable=True, comment="what has made the file"),
        sa.Column("size", Big, nullable=False, comment="bytes"),
        sa.Column(
            "total", sa.Integer(), nullable=True, comment="chats in the file; none until all of it was looked at"
        ),
        sa.Column("done", sa.Integer(), nullable=False, comment="of them, so far"),
        sa.Column("created", sa.Integer(), nullable=False, comment="of these, new ones"),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_entry", sa.String(length=250), nullable=True),
        sa.Column("created_at", Big, nullable=False),
        sa.Column("ended_at", Big, nullable=True),
        sa.CheckConstraint(
            "status IN ('checking', 'storing', 'completed', 'failed')", name=op.f("ck_import_job_status")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_import_job"),
    )
    op.create_index("ix_import_job_owner_id", "import_job", ["owner_id"])
    if op.get_bind().dialect.name == "postgresql":
        mine = "owner_id = nullif(current_setting('penstock.actor', true), '')::uuid"
        op.execute("ALTER TABLE import_job ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE import_job FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner_only ON import_job TO penstock_app USING ({mine}) WITH CHECK ({mine})")
        op.execute("CREATE POLICY system_all ON import_job TO penstock_system USING (true) WITH CHECK (true)")
        op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON import_job TO penstock_app, penstock_system")
