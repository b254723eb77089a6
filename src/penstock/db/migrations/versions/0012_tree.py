"""Long conversations: each message also points far up its path, so that any page of it is found in a few steps.

Messages that are there already have no such pointer and need none: the way up then goes by parents.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def upgrade() -> None:
    """Add the pointer."""
    op.add_column(
        "message", sa.Column("jump_id", Id, nullable=True, comment="an ancestor far up; none: go by the parent")
    )
