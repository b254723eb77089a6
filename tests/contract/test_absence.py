"""What is somebody else's and what is not there take the same statements: no clock tells them apart (D3, S1)."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa
from parts import Open, Process, new_owner, process
from sqlalchemy import event

from penstock.actor import Actor, IdentityId, Visitor
from penstock.chats.reading import Place
from penstock.chats.sending import Send
from penstock.chats.service import ChatChange
from penstock.errors import NotFound
from penstock.kit.clock import wall_clock
from penstock.kit.ids import new_id
from penstock.limits.model import Payer
from penstock.runs.model import Run
from penstock.streams.model import START
from penstock.streams.service import StreamService

Ask = Callable[[Process, IdentityId, Run], Awaitable[object]]


def _sent(who: IdentityId, run: Run, **words: str) -> Send:
    payer = Payer(visitor=Visitor(identity=who, kind="anonymous"), address="203.0.113.7")
    return Send(**{"text": "x", "chat_id": run.chat_id, **words}, payer=payer)  # pyright: ignore[reportArgumentType]  # words of Send


def _streams(ours: Process) -> StreamService:
    return StreamService(ours.database, ours.writer, ours.wake, wall_clock)


WAYS: dict[str, Ask] = {
    "open a chat": lambda ours, who, run: ours.chats.open(Actor(who), run.chat_id, limit=50),
    "read messages": lambda ours, who, run: ours.chats.messages(Actor(who), run.chat_id, limit=50),
    "read another path": lambda ours, who, run: ours.chats.messages(
        Actor(who), run.chat_id, limit=50, place=Place(leaf_id=run.message_id)
    ),
    "go to a message": lambda ours, who, run: ours.chats.messages(
        Actor(who), run.chat_id, limit=50, place=Place(at_id=run.message_id)
    ),
    "choose a branch": lambda ours, who, run: ours.chats.change(
        Actor(who), run.chat_id, ChatChange(leaf_id=run.message_id)
    ),
    "edit": lambda ours, who, run: ours.sending.send(who, _sent(who, run, message_id=run.message_id)),
    "share": lambda ours, who, run: ours.sharing.create(
        Actor(who), run.chat_id, leaf_id=None, password="a password", expires_at=None
    ),
    "look at shares": lambda ours, who, run: ours.sharing.list_of_chat(Actor(who), run.chat_id),
    "look at usage": lambda ours, who, run: ours.chats.usage(Actor(who), run.chat_id),
    "rename": lambda ours, who, run: ours.chats.change(Actor(who), run.chat_id, ChatChange(title="taken")),
    "delete": lambda ours, who, run: ours.chats.delete(Actor(who), run.chat_id),
    "send": lambda ours, who, run: ours.sending.send(who, _sent(who, run)),
    "interrupt": lambda ours, who, run: ours.sending.send(who, _sent(who, run, when_busy="interrupt")),
    "regenerate": lambda ours, who, run: ours.sending.send(
        who, _sent(who, run, trigger="regenerate-message", message_id=run.message_id)
    ),
    "continue": lambda ours, who, run: ours.sending.send(who, _sent(who, run, trigger="continue-message")),
    "look at a run": lambda ours, who, run: ours.runs.get(Actor(who), run.id),
    "stop a run": lambda ours, who, run: ours.runs.stop(Actor(who), run.id),
    "add a message": lambda ours, who, run: ours.sending.add_message(who, run.chat_id, "x", None),
    "find a chat to resume": lambda ours, who, run: ours.chats.find(Actor(who), run.chat_id),
    "read a stream": lambda ours, who, run: _streams(ours).read(Actor(who), run.stream_path, START),
    "describe a stream": lambda ours, who, run: _streams(ours).find(Actor(who), run.stream_path),
    "follow a run": lambda ours, who, run: ours.follower.find(Actor(who), run.stream_path),
}


@contextmanager
def noted() -> Generator[list[str]]:
    """Note every statement of every engine meanwhile."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        statements.append(statement)

    event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(sa.Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_not_yours_takes_the_statements_of_what_is_not_there(open_another: Open, way: str) -> None:
    """D3, S1: and ends in the same error."""
    async with process(open_another()) as ours:
        run = await ours.sending.send(new_owner(), Send(text="x", model="demo/tour"))
        nothing = replace(run, id=new_id(), chat_id=new_id(), message_id=new_id())
        stranger = new_owner()
        seen: list[tuple[str, list[str]]] = []
        # The first time a connection is made, and its statements with it.
        for asked in (nothing, run, nothing):
            with noted() as statements, pytest.raises(NotFound) as raised:
                await WAYS[way](ours, stranger, asked)
            seen.append((raised.value.code, statements))
        assert seen[1] == seen[2]
        assert seen[1][1]


async def test_a_message_of_another_takes_the_statements_of_one_that_is_not_there(open_another: Open) -> None:
    """S4, S5: also in a chat of one's own."""
    async with process(open_another()) as ours:
        theirs = await ours.sending.send(new_owner(), Send(text="x", model="demo/tour"))
        stranger = new_owner()
        mine = await ours.chats.create(stranger, "x")
        seen: list[list[str]] = []
        await ours.sending.add_message(stranger, mine.id, "x", None)
        for message_id in (new_id(), theirs.message_id, new_id()):
            words = _sent(stranger, theirs, chat_id=mine.id, trigger="regenerate-message", message_id=message_id)
            with noted() as statements, pytest.raises(NotFound):
                await ours.sending.send(stranger, words)
            seen.append(statements)
        assert seen[1] == seen[2]
