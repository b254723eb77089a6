"""What a producer needs to go on behind its last append: the handle of an answer that a provider makes by itself.

It stands with the producer's sequence, so that it is written, and fenced, with the very append that it belongs to.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "producer",
        sa.Column(
            "memo",
            sa.Text(),
            nullable=True,
            comment="what the producer needs to go on behind that append; only it knows the form",
        ),
    )
