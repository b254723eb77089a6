"""What the sweep needs to know: which logs of ended runs are compacted and which are deleted, and whose turn it is.

Runs that ended before this are looked at once more: compacting what is compacted changes nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Give runs their new columns, and make the table of chores."""
    op.add_column("run", sa.Column("compacted_at", Big, nullable=True, comment="since then its log is small"))
    op.add_column("run", sa.Column("swept_at", Big, nullable=True, comment="since then its log is gone"))
    for column in ("compacted_at", "swept_at"):
        is_due = sa.text(f"ended_at IS NOT NULL AND {column} IS NULL")
        op.create_index(f"ix_run_not_{column}", "run", ["ended_at"], sqlite_where=is_due, postgresql_where=is_due)
    op.create_table(
        "chore",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("due_at", Big, nullable=False, comment="by the database's clock"),
        sa.PrimaryKeyConstraint("name", name="pk_chore"),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE chore ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE chore FORCE ROW LEVEL SECURITY")
        op.execute("CREATE POLICY system_all ON chore TO penstock_system USING (true) WITH CHECK (true)")
        op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON chore TO penstock_system")
