"""What people attach to messages. Files are noted before they are written, and deleted when no attachment names them.

A snapshot keeps what was attached to its messages as it was, by the names of the files.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables and, on Postgres, their policies."""
    op.create_table(
        "kept_file",
        sa.Column(
            "name", sa.String(length=100), nullable=False, comment="in the store of attachments; never used twice"
        ),
        sa.Column("created_at", Big, nullable=False, comment="before it was written"),
        sa.PrimaryKeyConstraint("name", name="pk_kept_file"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "attachment",
        sa.Column("id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("message_id", Id, nullable=True, comment="none: uploaded and not sent yet"),
        sa.Column("position", sa.Integer(), nullable=False, comment="in its message"),
        sa.Column(
            "file", sa.String(length=100), nullable=False, comment="that of kept_file; several may have the same"
        ),
        sa.Column("name", sa.String(length=200), nullable=False, comment="as people see it"),
        sa.Column("media_type", sa.String(length=32), nullable=False),
        sa.Column("size", Big, nullable=False, comment="bytes"),
        sa.Column("width", sa.Integer(), nullable=True, comment="pixels of a picture"),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("created_at", Big, nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_attachment_message_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_attachment"),
    )
    for column in ("owner_id", "message_id", "file"):
        op.create_index(f"ix_attachment_{column}", "attachment", [column])
    op.add_column(
        "share_message",
        sa.Column("files", sa.JSON(none_as_null=True), nullable=True, comment="its attachments, as they were then"),
    )
    if op.get_bind().dialect.name == "postgresql":
        mine = "owner_id = nullif(current_setting('penstock.actor', true), '')::uuid"
        # Foreign keys look past policies: what is sent hangs on a message of one's own only.
        rule = f"{mine} AND (message_id IS NULL OR EXISTS (SELECT 1 FROM message WHERE message.id = message_id))"
        op.execute("ALTER TABLE attachment ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE attachment FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner_only ON attachment TO penstock_app USING ({rule}) WITH CHECK ({rule})")
        op.execute("CREATE POLICY system_all ON attachment TO penstock_system USING (true) WITH CHECK (true)")
        op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON attachment TO penstock_app, penstock_system")
        op.execute("ALTER TABLE kept_file ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE kept_file FORCE ROW LEVEL SECURITY")
        op.execute("CREATE POLICY system_all ON kept_file TO penstock_system USING (true) WITH CHECK (true)")
        op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON kept_file TO penstock_system")
