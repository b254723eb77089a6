"""Alembic's entry: runs the migrations on the connection that `db.migrate` hands over."""

import sqlalchemy as sa
from alembic import context

from penstock.db.schema import metadata

connection = context.config.attributes["connection"]
assert isinstance(connection, sa.Connection)
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=False,
)
context.run_migrations()
