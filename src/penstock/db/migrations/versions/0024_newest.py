"""The latest messages of one person are found without going through those of all others (B8)."""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Index messages by owner, in the order in which they are searched."""
    op.create_index("ix_message_search_owner_id_number", "message_search", ["owner_id", "number"])
