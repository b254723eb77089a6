"""Streams as the open protocol knows them: expiry, Stream-Seq, forks and subscriptions.

A fork reads its beginning from its source, so a source that is deleted stays, unseen, until the last fork is gone. On
SQLite the table is made anew: ids must never be used again, and it takes a new table to say so. Until then a reader of
a deleted stream could have been shown the next one that got its id.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Give streams their new columns, and make the tables of subscriptions."""
    _extend_streams()
    _make_subscriptions()
    if op.get_bind().dialect.name == "postgresql":
        for statement in _policies():
            op.execute(statement)


def _extend_streams() -> None:
    # SQLite copies the table into a new one; elsewhere columns are added where they are.
    with op.batch_alter_table("stream", table_kwargs={"sqlite_autoincrement": True}) as stream:
        stream.add_column(
            sa.Column(
                "ttl",
                Big,
                nullable=True,
                comment="seconds since the last read or write; none: as long as expires_at says",
            )
        )
        stream.add_column(sa.Column("expires_at", Big, nullable=True, comment="none: never"))
        stream.add_column(sa.Column("sequence", sa.Text(), nullable=True, comment="the last Stream-Seq"))
        stream.add_column(
            sa.Column(
                "deleted", sa.Boolean(), server_default=sa.false(), nullable=False, comment="kept for its forks only"
            )
        )
        stream.add_column(sa.Column("forked_from", Big, nullable=True, comment="holds what comes before forked_at"))
        stream.add_column(sa.Column("forked_at", Big, server_default="0", nullable=False))
        stream.create_foreign_key("fk_stream_forked_from", "stream", ["forked_from"], ["id"])
    op.create_index("ix_stream_forked_from", "stream", ["forked_from"])
    op.create_index(
        "ix_stream_expires_at",
        "stream",
        ["expires_at"],
        sqlite_where=sa.text("expires_at IS NOT NULL"),
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )


def _make_subscriptions() -> None:
    op.create_table(
        "subscription",
        sa.Column("id", Big, sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("demand", sa.JSON(), nullable=False, comment="what was asked for"),
        sa.Column("pattern", sa.String(length=500), nullable=True, comment="of paths, as in demand"),
        sa.Column("base_url", sa.Text(), nullable=False, comment="how the subscriber reaches this server"),
        sa.Column("generation", Big, server_default="0", nullable=False, comment="counts wakes; fences older holders"),
        sa.Column("wake", sa.JSON(), nullable=True, comment="id, snapshot, holder; none while it sleeps"),
        sa.Column("lease_until", Big, nullable=True),
        sa.Column(
            "attempts",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="calls in vain, one after the other",
        ),
        sa.Column("next_attempt_at", Big, nullable=True),
        sa.Column("created_at", Big, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subscription"),
        sa.UniqueConstraint("name", name="uq_subscription_name"),
    )
    op.create_table(
        "subscription_stream",
        sa.Column("subscription_id", Big, nullable=False),
        sa.Column("path", sa.String(length=500), nullable=False, comment="there need not be such a stream"),
        sa.Column("is_explicit", sa.Boolean(), nullable=False, comment="named by its path; else found by the pattern"),
        sa.Column("acked", Big, nullable=False, comment="position; -1 before the first unit"),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscription.id"], name="fk_subscription_stream_subscription_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("subscription_id", "path", name="pk_subscription_stream"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_subscription_stream_path", "subscription_stream", ["path"])


def _policies() -> Iterator[str]:
    """Give the policies of the new tables, as the first migration gives those of the others."""
    rules = {
        "subscription": "owner_id = nullif(current_setting('penstock.actor', true), '')::uuid",
        "subscription_stream": "EXISTS (SELECT 1 FROM subscription WHERE subscription.id = subscription_id)",
    }
    for table, rule in rules.items():
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
        yield f"CREATE POLICY owner_only ON {table} TO penstock_app USING ({rule}) WITH CHECK ({rule})"
        yield f"CREATE POLICY system_all ON {table} TO penstock_system USING (true) WITH CHECK (true)"
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO penstock_app, penstock_system"
