"""Temporary chats (B15): their messages are rows without words, and go an hour after the last activity.

What is asked stands in a stream of the chat, what is answered in the logs of the runs. So order, branches, statuses,
runs and whose everything is are as in any chat, and nothing of what was said is in a table that is searched, exported
or shared.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from penstock.actor import IdentityId
from penstock.db.schema import message as message_table
from penstock.db.schema import run as run_table
from penstock.kit.clock import Millis
from penstock.runs.events import decode
from penstock.runs.fold import fold
from penstock.runs.model import LIVE, path_of
from penstock.streams import store as streams

TITLE = "Temporary chat"
"""What all of them are called: a name made from the question would tell of it."""
_ALL = 1_000_000
"""Questions that stay readable."""


class _Question(msgspec.Struct, frozen=True):
    """What was asked."""

    id: str
    """Of the message."""
    parts: Sequence[Mapping[str, Any]]


def questions_path(chat_id: str) -> str:
    """Return where the questions of a temporary chat stand."""
    return f"chats/{chat_id}/questions"


def is_temporary(connection: sa.Connection, message_id: str) -> bool:
    """Say whether the words of a message are kept out of its row."""
    found = sa.select(message_table.c.is_temporary).where(message_table.c.id == message_id)
    return bool(connection.scalar(found))


def note(
    connection: sa.Connection,
    *,
    chat_id: str,
    message_id: str,
    owner: IdentityId,
    parts: Sequence[Mapping[str, Any]],
    now: Millis,
) -> None:
    """Keep what is asked. The caller holds the chat."""
    question = msgspec.json.encode(_Question(message_id, parts))
    streams.grow(connection, questions_path(chat_id), owner, now, [question], _ALL)


def parts_of(connection: sa.Connection, rows: Sequence[sa.RowMapping]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Return, by message, the parts of those that are temporary, found as their owner's by the caller.

    An answer that is being written holds what it held before, as in any chat: its run tells the rest.
    """
    told = [row for row in rows if row["is_temporary"]]
    if not told:
        return {}
    asked = {questions_path(row["chat_id"]) for row in told if row["role"] == "user"}
    logs = _logs(connection, [row["id"] for row in told if row["role"] == "assistant"])
    held = streams.read_whole(connection, [*asked, *logs])
    found: dict[str, Sequence[Mapping[str, Any]]] = {}
    for path, message_id in logs.items():
        found[message_id] = msgspec.to_builtins(fold(map(decode, held.get(path, ()))).parts)
    for path in asked:
        for message in held.get(path, ()):
            question = msgspec.json.decode(message, type=_Question)
            found[question.id] = question.parts
    return found


def _logs(connection: sa.Connection, answer_ids: Sequence[str]) -> Mapping[str, str]:
    """Return the logs of the last runs of answers that are over, by path: each with its answer."""
    newest = (
        sa.select(run_table.c.message_id, sa.func.max(run_table.c.created_at).label("created_at"))
        .where(run_table.c.message_id.in_(answer_ids), run_table.c.status.not_in(LIVE))
        .group_by(run_table.c.message_id)
        .subquery()
    )
    query = sa.select(run_table.c.id, run_table.c.message_id).join(
        newest,
        sa.and_(run_table.c.message_id == newest.c.message_id, run_table.c.created_at == newest.c.created_at),
    )
    return {path_of(row.id): row.message_id for row in connection.execute(query)}
