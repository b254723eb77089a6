"""People's own keys for providers, sealed; one for each provider."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table and, on Postgres, its policies."""
    op.create_table(
        "provider_key",
        sa.Column("id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column(
            "base_url", sa.Text(), nullable=False, comment="of the server that it is for; it is shown to no other"
        ),
        sa.Column("sealed", sa.LargeBinary(), nullable=False, comment="see keys/vault.py"),
        sa.Column("hint", sa.String(length=8), nullable=False, comment="its last characters"),
        sa.Column("created_at", Big, nullable=False),
        sa.Column("tested_at", Big, nullable=False, comment="when the provider last took it"),
        sa.PrimaryKeyConstraint("id", name="pk_provider_key"),
        sa.UniqueConstraint("owner_id", "provider", name="uq_provider_key_owner_id_provider"),
    )
    if op.get_bind().dialect.name == "postgresql":
        for statement in _policies():
            op.execute(statement)


def _policies() -> Iterator[str]:
    """Give the policies of the table, as the first migration gives those of the others."""
    rule = "owner_id = nullif(current_setting('penstock.actor', true), '')::uuid"
    yield "ALTER TABLE provider_key ENABLE ROW LEVEL SECURITY"
    yield "ALTER TABLE provider_key FORCE ROW LEVEL SECURITY"
    yield f"CREATE POLICY owner_only ON provider_key TO penstock_app USING ({rule}) WITH CHECK ({rule})"
    yield "CREATE POLICY system_all ON provider_key TO penstock_system USING (true) WITH CHECK (true)"
    yield "GRANT SELECT, INSERT, UPDATE, DELETE ON provider_key TO penstock_app, penstock_system"
