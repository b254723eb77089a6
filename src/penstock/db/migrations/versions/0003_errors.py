"""The owner's inbox of errors.

It belongs to the installation, not to an identity: on Postgres only the system's role sees it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "error_event",
        sa.Column("id", Id, nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False, comment="of the same error again"),
        sa.Column("kind", sa.String(length=200), nullable=False),
        sa.Column("message", sa.Text(), nullable=False, comment="without secrets"),
        sa.Column("trace", sa.Text(), nullable=False, comment="places in the code, no values"),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("count", Big, nullable=False),
        sa.Column("first_at", Big, nullable=False),
        sa.Column("last_at", Big, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_error_event"),
        sa.UniqueConstraint("fingerprint", name="uq_error_event_fingerprint"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE error_event ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE error_event FORCE ROW LEVEL SECURITY")
        op.execute("CREATE POLICY system_all ON error_event TO penstock_system USING (true) WITH CHECK (true)")
        op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON error_event TO penstock_system")
