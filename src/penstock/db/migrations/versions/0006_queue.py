"""Questions wait in line: a chat may have several runs that are not over, of which one is running.

Until now the index on live runs refused a second one whatever its status. Now each live run has a place in the line of
its chat, no two the same one, and another index says that one at most is running.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_LIVE = sa.text("status IN ('queued', 'running')")
_RUNNING = sa.text("status = 'running' AND NOT stop_requested")


def upgrade() -> None:
    """Give each run a place, and let the indexes speak of places."""
    op.add_column(
        "run",
        sa.Column(
            "place", sa.Integer(), server_default="0", nullable=False, comment="in the line of its chat's live runs"
        ),
    )
    op.drop_index("uq_run_live_chat", "run")
    op.create_index(
        "uq_run_live_chat", "run", ["chat_id", "place"], unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE
    )
    op.create_index(
        "uq_run_running_chat", "run", ["chat_id"], unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING
    )
