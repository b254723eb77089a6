"""Every statement about the steps of a run: what is done is never done again, whoever takes the run over."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from penstock.db.schema import now_ms
from penstock.db.schema import run as run_table
from penstock.db.schema import run_step as step_table
from penstock.runs.model import Run

Done = Mapping[tuple[str, int], Any]
"""What came of steps, by their name and attempt."""


def done(connection: sa.Connection, run_id: str) -> dict[tuple[str, int], Any]:
    """Return what came of each step that is done."""
    rows = connection.execute(
        sa.select(step_table.c.step, step_table.c.attempt, step_table.c.data).where(step_table.c.run_id == run_id)
    )
    return {(row.step, row.attempt): row.data for row in rows}


def record(connection: sa.Connection, run: Run, step: str, attempt: int, data: Any = None) -> None:
    """Record that a step is done, in the transaction that holds the run. Recording it again changes nothing."""
    mine = (step_table.c.run_id == run.id, step_table.c.step == step, step_table.c.attempt == attempt)
    if connection.execute(sa.select(step_table.c.run_id).where(*mine)).one_or_none() is not None:
        return
    connection.execute(
        sa.insert(step_table).values(
            run_id=run.id,
            step=step,
            attempt=attempt,
            owner_id=sa.select(run_table.c.owner_id).where(run_table.c.id == run.id).scalar_subquery(),
            epoch=run.epoch,
            data=data,
            done_at=now_ms(),
        )
    )
