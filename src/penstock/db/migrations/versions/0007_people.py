"""People: accounts and guests, the sessions of their browsers, their tokens, and how they sign in elsewhere.

An account's id is the identity that owned things before there was an account, so nothing is moved when a visitor signs
up. That there is at most one owner is a rule of the table, not of the code that makes accounts.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables and, on Postgres, their policies."""
    _make_accounts()
    _make_credentials()
    _make_oidc()
    if op.get_bind().dialect.name == "postgresql":
        for statement in _policies():
            op.execute(statement)


def _make_accounts() -> None:
    op.create_table(
        "account",
        sa.Column("id", Id, nullable=False, comment="the identity that owns chats, streams and all else"),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="owner, regular, guest"),
        sa.Column("email", sa.String(length=254), nullable=True, comment="in its one spelling; none of a guest"),
        sa.Column(
            "password_hash",
            sa.Text(),
            nullable=True,
            comment="argon2id; none of a guest and of who signs in elsewhere",
        ),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("disabled_at", Big, nullable=True),
        sa.Column("created_at", Big, nullable=False),
        sa.CheckConstraint("kind IN ('owner', 'regular', 'guest')", name=op.f("ck_account_kind")),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint("email", name="uq_account_email"),
    )
    op.create_index(
        "uq_account_owner",
        "account",
        ["kind"],
        unique=True,
        sqlite_where=sa.text("kind = 'owner'"),
        postgresql_where=sa.text("kind = 'owner'"),
    )


def _make_credentials() -> None:
    op.create_table(
        "session",
        sa.Column("id", Id, nullable=False, comment="names it to its owner; opens nothing"),
        sa.Column("account_id", Id, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False, comment="SHA-256"),
        sa.Column("created_at", Big, nullable=False),
        sa.Column("seen_at", Big, nullable=False, comment="to the minute"),
        sa.Column("expires_at", Big, nullable=False),
        sa.Column("user_agent", sa.String(length=300), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_session_account_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
        sa.UniqueConstraint("secret_hash", name="uq_session_secret_hash"),
    )
    op.create_index("ix_session_account_id", "session", ["account_id"])
    op.create_table(
        "api_token",
        sa.Column("id", Id, nullable=False, comment="names it to its owner; opens nothing"),
        sa.Column("account_id", Id, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False, comment="SHA-256"),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("hint", sa.String(length=8), nullable=False, comment="its last characters"),
        sa.Column("scopes", sa.JSON(), nullable=False, comment="read, chat"),
        sa.Column("created_at", Big, nullable=False),
        sa.Column("used_at", Big, nullable=True, comment="to the minute"),
        sa.Column("expires_at", Big, nullable=True, comment="none: never"),
        sa.Column("revoked_at", Big, nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_api_token_account_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_api_token"),
        sa.UniqueConstraint("secret_hash", name="uq_api_token_secret_hash"),
    )
    op.create_index("ix_api_token_account_id", "api_token", ["account_id"])


def _make_oidc() -> None:
    op.create_table(
        "oidc_link",
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False, comment="who it is, by the issuer's own name"),
        sa.Column("account_id", Id, nullable=False),
        sa.Column("created_at", Big, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_oidc_link_account_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("issuer", "subject", name="pk_oidc_link"),
    )
    op.create_index("ix_oidc_link_account_id", "oidc_link", ["account_id"])
    op.create_table(
        "oidc_attempt",
        sa.Column("state_hash", sa.LargeBinary(length=32), nullable=False, comment="SHA-256; used once"),
        sa.Column("owner_id", Id, nullable=False, comment="the visitor whose browser went to sign in elsewhere"),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("verifier", sa.String(length=128), nullable=False, comment="PKCE"),
        sa.Column("return_to", sa.String(length=2000), nullable=False),
        sa.Column("expires_at", Big, nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name="pk_oidc_attempt"),
    )


def _policies() -> Iterator[str]:
    """Give the policies of the new tables, as the first migration gives those of the others."""
    me = "nullif(current_setting('penstock.actor', true), '')::uuid"
    rules = {"account": f"id = {me}", "oidc_attempt": f"owner_id = {me}"}
    rules |= dict.fromkeys(("session", "api_token", "oidc_link"), f"account_id = {me}")
    for table, rule in rules.items():
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
        yield f"CREATE POLICY owner_only ON {table} TO penstock_app USING ({rule}) WITH CHECK ({rule})"
        yield f"CREATE POLICY system_all ON {table} TO penstock_system USING (true) WITH CHECK (true)"
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO penstock_app, penstock_system"
