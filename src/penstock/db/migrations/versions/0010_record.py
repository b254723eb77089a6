"""With each answer, who was really asked, with whose key, why, how long it took and what it cost."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "message",
        sa.Column(
            "record",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="who was really asked, why, and what it took",
        ),
    )
