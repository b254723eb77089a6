"""Where a chat comes from: those that programs make by asking for completions are listed nowhere, and go in time."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "chat",
        sa.Column(
            "origin",
            sa.String(length=16),
            nullable=True,
            comment="completion: made for a program, shown in no list; none: a person's",
        ),
    )
