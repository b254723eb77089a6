"""Where previews run (E10): of several serving processes one has it, and the others bring people there.

A preview ends with its version: the row goes with it, and the process that runs it sees that.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def upgrade() -> None:
    """Make the table and, on Postgres, its policies."""
    op.create_table(
        "preview",
        sa.Column("id", sa.String(length=32), nullable=False, comment="its name, which may be seen"),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("version_id", Id, nullable=False),
        sa.Column("door", sa.String(length=32), nullable=False, comment="its other name, which lets people in"),
        sa.Column(
            "process", sa.Text(), nullable=False, comment="address of the process that runs it; empty: it has none"
        ),
        sa.Column("ends_at", sa.BigInteger(), nullable=False, comment="unless its process says otherwise before"),
        sa.PrimaryKeyConstraint("id", name="pk_preview"),
        sa.UniqueConstraint("door", name="uq_preview_door"),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name="fk_preview_version_id", ondelete="CASCADE"),
    )
    op.create_index("ix_preview_version_id", "preview", ["version_id"])
    op.create_index("ix_preview_owner_id", "preview", ["owner_id"])
    if op.get_bind().dialect.name == "postgresql":
        mine = "owner_id = nullif(current_setting('penstock.actor', true), '')::uuid"
        op.execute("ALTER TABLE preview ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE preview FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner_only ON preview TO penstock_app USING ({mine}) WITH CHECK ({mine})")
        op.execute("CREATE POLICY system_all ON preview TO penstock_system USING (true) WITH CHECK (true)")
        op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON preview TO penstock_app, penstock_system")
