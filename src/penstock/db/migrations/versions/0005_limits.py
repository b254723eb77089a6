"""What is counted: messages of a day, and requests in a while.

What an anonymous visitor uses is counted for their address too. That row belongs to nobody, so a transaction has to
name the address (penstock.address) as it names its actor; it sees no other. Windows of requests are the system's alone.
They are used on Postgres only; SQLite has the table because both have one schema.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables and, on Postgres, their policies."""
    op.create_table(
        "quota",
        sa.Column("day", Big, nullable=False, comment="days since the epoch, by the database's clock"),
        sa.Column("subject", sa.String(length=64), nullable=False, comment="an identity, or an address"),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "subject", name="pk_quota"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quota_charge",
        sa.Column("message_id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("day", Big, nullable=False),
        sa.Column(
            "address",
            sa.String(length=64),
            nullable=True,
            comment="counted as well, for whoever has no account of their own",
        ),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_quota_charge_message_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message_id", name="pk_quota_charge"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_quota_charge_owner_id", "quota_charge", ["owner_id"])
    op.create_table(
        "rate_window",
        sa.Column("key", sa.String(length=128), nullable=False, comment="what is limited, and for whom"),
        sa.Column("hits", sa.JSON().with_variant(postgresql.ARRAY(sa.BigInteger()), "postgresql"), nullable=False),
        sa.Column("expires_at", Big, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_rate_window"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_rate_window_expires_at", "rate_window", ["expires_at"])
    if op.get_bind().dialect.name == "postgresql":
        for statement in _policies():
            op.execute(statement)


def _policies() -> Iterator[str]:
    actor = "nullif(current_setting('penstock.actor', true), '')"
    address = "nullif(current_setting('penstock.address', true), '')"
    rules = {
        "quota": f"subject = {actor} OR subject = {address}",
        "quota_charge": (f"owner_id = {actor}::uuid AND EXISTS (SELECT 1 FROM message WHERE message.id = message_id)"),
    }
    for table, rule in rules.items():
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
        yield f"CREATE POLICY owner_only ON {table} TO penstock_app USING ({rule}) WITH CHECK ({rule})"
        yield f"CREATE POLICY system_all ON {table} TO penstock_system USING (true) WITH CHECK (true)"
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO penstock_app, penstock_system"
    yield "ALTER TABLE rate_window ENABLE ROW LEVEL SECURITY"
    yield "ALTER TABLE rate_window FORCE ROW LEVEL SECURITY"
    yield "CREATE POLICY system_all ON rate_window TO penstock_system USING (true) WITH CHECK (true)"
    yield "GRANT SELECT, INSERT, UPDATE, DELETE ON rate_window TO penstock_system"
