"""Everything that a database keeps, as rows that either database takes: a JSON object each."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import exc as sa_exc

from penstock.db.database import SYSTEM_ROLE
from penstock.db.migrate import upgrade
from penstock.db.schema import metadata
from penstock.errors import InvalidInput

Row = Mapping[str, Any]

_PASSING: Final = {"chore", "message_search", "oidc_attempt", "preview", "rate_window"}
"""Tables of what goes on just now, and the index of messages, which triggers fill."""
_COUNTED: Final = {"chat": {"last_message_at", "message_count", "total_tokens"}}
"""What triggers keep: they count again what comes in."""
_BATCH: Final = 500
_BATCH_BYTES: Final = 4_000_000


class RowsInvalid(InvalidInput):
    """These rows do not fit into a database of their schema."""

    code = "rows_invalid"


def kept_tables() -> Sequence[sa.Table]:
    """Return the tables that are kept, none before those that it refers to."""
    return [table for table in metadata.sorted_tables if table.name not in _PASSING]


def rows_of(connection: sa.Connection, table: sa.Table) -> Iterator[dict[str, Any]]:
    """Yield all rows of a table in the order of their keys; bytes are in base64."""
    binary = [column.name for column in table.columns if isinstance(column.type, sa.LargeBinary)]
    query = sa.select(table).order_by(*table.primary_key.columns).execution_options(yield_per=_BATCH)
    for found in connection.execute(query).mappings():
        row = dict(found)
        for name in binary:
            if row[name] is not None:
                row[name] = base64.b64encode(row[name]).decode()
        yield row


def load(connection: sa.Connection, revision: str, tables: Iterable[tuple[str, Iterable[Row]]]) -> None:
    """Fill an empty database with rows of a revision, and bring it to the newest. As its owner, in one transaction.

    Raises RowsInvalid.
    """
    upgrade(connection, revision)
    for name, rows in tables:
        try:
            _Table(connection, name).fill(rows)
        except (sa_exc.DBAPIError, ValueError, KeyError, TypeError) as error:
            raise RowsInvalid(f"The rows of {name!r:.100} do not fit into a database of schema {revision}.") from error
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise RowsInvalid("Some rows refer to others that are not there.")
    upgrade(connection)


class _Table:
    """A table as the database itself describes it: that of an older schema has other columns than ours."""

    def __init__(self, connection: sa.Connection, name: str) -> None:
        """Look it up. Raises RowsInvalid for one that is not there."""
        inspector = sa.inspect(connection)
        if name in {"alembic_version", *_PASSING} or not inspector.has_table(name):
            raise RowsInvalid(f"There is no table {name!r:.100} to be filled.")
        self._connection, self._name = connection, name
        self._columns = {column["name"]: column for column in inspector.get_columns(name)}
        self._is_sqlite = connection.dialect.name == "sqlite"

    def fill(self, rows: Iterable[Row]) -> None:
        """Insert rows. Raises what is wrong with them."""
        if not self._is_sqlite:
            # Row-level security holds for the owner as well.
            self._connection.exec_driver_sql(f"SET LOCAL ROLE {SYSTEM_ROLE}")
        for batch in _batches(map(self._stored, rows)):
            self._insert(batch)
        if not self._is_sqlite:
            self._connection.exec_driver_sql("RESET ROLE")
            self._go_on_counting()

    def _stored(self, row: Row) -> dict[str, Any]:
        return {
            name: self._value(name, value) for name, value in row.items() if name not in _COUNTED.get(self._name, ())
        }

    def _value(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        match self._columns[name]["type"]:
            case sa.LargeBinary():
                content = base64.b64decode(value, validate=True)
                return content if self._is_sqlite else f"\\x{content.hex()}"
            case sa.JSON() if self._is_sqlite:
                return json.dumps(value)
            case _:
                return value

    def _insert(self, rows: Sequence[Row]) -> None:
        quote = self._connection.dialect.identifier_preparer.quote
        table, names = quote(self._name), list(rows[0])
        columns = ", ".join(map(quote, names))
        if self._is_sqlite:
            places = ", ".join("?" * len(names))
            values = [tuple(row[name] for name in names) for row in rows]
            self._connection.exec_driver_sql(f"INSERT INTO {table} ({columns}) VALUES ({places})", values)  # noqa: S608  # names of the database's own
            return
        # Postgres makes of JSON whatever its columns are.
        statement = sa.text(
            f"INSERT INTO {table} ({columns}) SELECT {columns}"  # noqa: S608  # names of the database's own
            f" FROM json_populate_recordset(CAST(NULL AS {table}), CAST(:rows AS json))"
        )
        self._connection.execute(statement, {"rows": json.dumps(rows)})

    def _go_on_counting(self) -> None:
        """Have Postgres give out no number again that came in with a row."""
        quote = self._connection.dialect.identifier_preparer.quote
        for name in (name for name, column in self._columns.items() if column.get("identity")):
            last = f"SELECT max({quote(name)}) AS found FROM {quote(self._name)}"  # noqa: S608  # names of the database's own
            statement = (
                f"SELECT setval(pg_get_serial_sequence(:table, :column), found) FROM ({last}) AS last WHERE found > 0"  # noqa: S608  # as above
            )
            self._connection.execute(sa.text(statement), {"table": quote(self._name), "column": name})


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield rows by the hundreds, fewer of large ones."""
    batch: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) for value in row.values() if isinstance(value, str | bytes))
        if len(batch) == _BATCH or size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
