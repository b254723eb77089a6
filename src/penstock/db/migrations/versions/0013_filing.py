"""Where people keep their chats, what they think of messages, and what they write again and again.

Chats can be pinned, put away, tagged, and kept in folders; messages have reactions and a rating; templates are texts
with variables. A template of the house belongs to the owner of the server; others read it through the system's role.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns, make the tables and, on Postgres, their policies."""
    _add_columns()
    _make_tables()
    if op.get_bind().dialect.name == "postgresql":
        mine = "owner_id = nullif(current_setting('penstock.actor', true), '')::uuid"
        for table in ("folder", "template"):
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY owner_only ON {table} TO penstock_app USING ({mine}) WITH CHECK ({mine})")
            op.execute(f"CREATE POLICY system_all ON {table} TO penstock_system USING (true) WITH CHECK (true)")
            op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO penstock_app, penstock_system")


def _add_columns() -> None:
    for column in (
        sa.Column("folder_id", Id, nullable=True, comment="where it is kept"),
        sa.Column("tags", sa.JSON(), nullable=True, comment="names, sorted"),
        sa.Column("pinned", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("archived", sa.Boolean(), server_default=sa.false(), nullable=False),
    ):
        op.add_column("chat", column)
    for column in (
        sa.Column("reactions", sa.JSON(), nullable=True, comment="emoji"),
        sa.Column("rating", sa.String(length=4), nullable=True, comment="up, down"),
        sa.Column("rating_reason", sa.Text(), nullable=True),
    ):
        op.add_column("message", column)


def _make_tables() -> None:
    op.create_table(
        "folder",
        sa.Column("id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("parent_id", Id, nullable=True, comment="the folder that it is in"),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("created_at", Big, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_folder"),
    )
    op.create_index("ix_folder_owner_id", "folder", ["owner_id"])
    op.create_table(
        "template",
        sa.Column("id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("text", sa.Text(), nullable=False, comment="with {{variables}}"),
        sa.Column("variables", sa.JSON(), nullable=False, comment="name, kind, default, choices"),
        sa.Column("is_house", sa.Boolean(), nullable=False, comment="everybody may use it"),
        sa.Column("created_at", Big, nullable=False),
        sa.Column("updated_at", Big, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_template"),
    )
    op.create_index("ix_template_owner_id", "template", ["owner_id"])
