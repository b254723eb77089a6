"""What a run has done already: the steps of a build, each recorded once, under the epoch of the worker that did it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0014"

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table and, on Postgres, its policies."""
    op.create_table(
        "run_step",
        sa.Column("run_id", Id, nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False, comment="counts repairs: 0 is the first"),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False, comment="of whoever did it"),
        sa.Column("data", sa.JSON(), nullable=False, comment="what came of it"),
        sa.Column("done_at", Big, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "step", "attempt", name="pk_run_step"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_step_run_id", ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        mine = "owner_id = nullif(current_setting('penstock.actor', true), '')::uuid"
        op.execute("ALTER TABLE run_step ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE run_step FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner_only ON run_step TO penstock_app USING ({mine}) WITH CHECK ({mine})")
        op.execute("CREATE POLICY system_all ON run_step TO penstock_system USING (true) WITH CHECK (true)")
        op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON run_step TO penstock_app, penstock_system")
