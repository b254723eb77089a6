"""Two answers side by side, and chats whose words are not kept.

Until now one live run of a chat could run at a time. Two that were asked for as one have the same place in its line and
a lane each; the indexes speak of lanes. A message of a temporary chat is a row without words: those stand in streams.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")

_LIVE = sa.text("status IN ('queued', 'running')")
_RUNNING = sa.text("status = 'running' AND NOT stop_requested")


def upgrade() -> None:
    """Add the columns and make the indexes anew."""
    op.add_column(
        "message",
        sa.Column("beside_id", Id, nullable=True, comment="the answer of another model that was asked for with it"),
    )
    op.add_column(
        "message",
        sa.Column(
            "is_temporary",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="what it says stands in streams only; parts and text stay empty",
        ),
    )
    op.add_column(
        "run",
        sa.Column(
            "lane", sa.Integer(), server_default="0", nullable=False, comment="1: of two in one place the second"
        ),
    )
    op.drop_index("uq_run_live_chat", "run")
    op.drop_index("uq_run_running_chat", "run")
    op.create_index(
        "uq_run_live_chat", "run", ["chat_id", "place", "lane"], unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE
    )
    op.create_index(
        "uq_run_running_chat",
        "run",
        ["chat_id", "lane"],
        unique=True,
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )
    op.create_index(
        "ix_chat_temporary_updated_at",
        "chat",
        ["updated_at"],
        sqlite_where=_TEMPORARY,
        postgresql_where=_TEMPORARY,
    )
    if op.get_bind().dialect.name == "postgresql":  # the other keeps no comments
        op.alter_column("chat", "origin", comment=_ORIGIN)


_ORIGIN = (
    "completion: made for a program; project: it builds; temporary: it is not kept; these are in no list;"
    " none: a person's"
)
_TEMPORARY = sa.text("origin = 'temporary'")
