"""Chats under concurrency and deletion, over each database (A10, B1, B2, B4)."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from parts import Open, Process, count, eventually, new_owner, process

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.chats import store
from penstock.chats.model import ChatNotFound, CursorInvalid, MessageNotFound
from penstock.chats.reading import Place
from penstock.chats.recount import miscounted
from penstock.chats.sending import Send
from penstock.chats.service import ChatChange
from penstock.db.database import Database
from penstock.kit.clock import Millis
from penstock.kit.ids import new_id
from penstock.runs.model import Run, RunLive


@pytest.fixture
async def ours(database: Database) -> AsyncIterator[Process]:
    async with process(database) as started:
        yield started


async def answered(ours: Process, owner: IdentityId, send: Send) -> Run:
    """Send, and wait for the end. A worker has to work."""
    run = await ours.sending.send(owner, send)
    return await ours.runs.ended(Actor(owner), run.id)


async def test_twenty_sends_with_one_client_id_make_one_run(open_another: Open) -> None:
    """A10: a retried POST, here impatient and through several processes."""
    owner, send = new_owner(), Send(text="Hello", client_message_id="mine")
    async with process(open_another()) as one, process(open_another()) as other:
        runs = await asyncio.gather(*(each.sending.send(owner, send) for each in (one, other) * 10))
    assert len({run.id for run in runs}) == 1
    assert [await count(one.database, table) for table in ("chat", "message", "run")] == [1, 2, 1]


async def test_twenty_repeats_of_a_send_to_a_chat_that_exists_make_one_run(open_another: Open) -> None:
    """A10: none of them is told that the chat is busy with the very run that it started."""
    owner = new_owner()
    async with process(open_another()) as one, process(open_another()) as other:
        for number in range(5):
            chat = await one.chats.create(owner, None)
            send = Send(text="Hello", client_message_id=f"mine {number}", chat_id=chat.id)
            runs = await asyncio.gather(*(each.sending.send(owner, send) for each in (one, other) * 10))
            assert len({run.id for run in runs}) == 1


async def test_twenty_sends_with_one_alias_make_one_chat_with_one_live_run(open_another: Open) -> None:
    """A2, A10: a stock client's first two messages race for their chat."""
    owner = new_owner()
    async with process(open_another()) as one, process(open_another()) as other:
        outcomes = await asyncio.gather(
            *(each.sending.send(owner, Send(text="Hello", alias="client-made")) for each in (one, other) * 10),
            return_exceptions=True,
        )
        assert sum(isinstance(outcome, Run) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, RunLive) for outcome in outcomes) == 19
        assert await count(one.database, "chat") == 1


async def test_twenty_sends_to_one_chat_make_one_live_run(open_another: Open) -> None:
    """A10: the others are refused with the run that is live, and nothing of them is stored."""
    owner = new_owner()
    async with process(open_another()) as one, process(open_another()) as other:
        chat = await one.chats.create(owner, None)
        outcomes = await asyncio.gather(
            *(each.sending.send(owner, Send(text="Hello", chat_id=chat.id)) for each in (one, other) * 10),
            return_exceptions=True,
        )
        runs = [outcome for outcome in outcomes if isinstance(outcome, Run)]
        refusals = [outcome for outcome in outcomes if isinstance(outcome, RunLive)]
        assert (len(runs), len(refusals)) == (1, 19)
        assert {refusal.details.get("runId") for refusal in refusals} == {runs[0].id}
        assert (await one.chats.get(Actor(owner), chat.id)).message_count == 2


async def test_client_ids_are_private_to_their_owners(ours: Process) -> None:
    """A2, D3."""
    send = Send(text="Hello", client_message_id="mine", alias="my chat")
    runs = [await ours.sending.send(new_owner(), send) for _ in range(3)]
    assert len({run.id for run in runs}) == len({run.chat_id for run in runs}) == 3


async def test_an_error_that_is_the_callers_is_not_reported_as_ours(
    ours: Process, caplog: pytest.LogCaptureFixture
) -> None:
    """G5: a log of errors holds what an operator should look at."""
    owner = new_owner()
    await ours.sending.send(owner, Send(text="Hello", alias="chat"))
    with pytest.raises(RunLive):
        await ours.sending.send(owner, Send(text="Hello", alias="chat"))
    with pytest.raises(ChatNotFound):
        await ours.chats.delete(Actor(owner), new_id())
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("seed", range(6))
async def test_statistics_equal_a_recount_after_anything(open_another: Open, seed: int) -> None:
    """B1: kept by triggers, under concurrency and deletion, whichever code path changed a message."""
    chance, owner = random.Random(seed), new_owner()
    clock = iter(range(1_000, 10_000_000))
    async with process(open_another(), clock=lambda: Millis(next(clock))) as ours, ours.working(), ours.working():
        database, actor = ours.database, Actor(owner)
        chat_ids = [(await ours.chats.create(owner, None)).id for _ in range(3)]

        def tamper(connection: sa.Connection) -> None:
            """Change and delete messages as no service does yet."""
            for (message_id,) in connection.execute(sa.text("SELECT id FROM message")).all():
                match chance.randint(0, 5):
                    case 0:
                        tokens = chance.choice([None, 0, 7])
                        store.update_message(connection, message_id, input_tokens=tokens)
                    case 1:
                        store.update_message(connection, message_id, output_tokens=chance.randint(0, 9), text="x")
                    case 2:
                        # Never a message that a run still writes.
                        connection.execute(
                            sa.text("DELETE FROM message WHERE id = :id AND status <> 'streaming' AND role = 'user'"),
                            {"id": message_id},
                        )
                    case _:
                        pass

        async def step() -> None:
            chat_id = chance.choice(chat_ids)
            match chance.randint(0, 6):
                case 0 | 1:
                    await ours.sending.send(owner, Send(text="Hello", chat_id=chat_id, settings={"maxTokens": 5}))
                case 2 | 3:
                    await ours.sending.add_message(owner, chat_id, "A note", None)
                case 4:
                    await ours.sending.send(owner, Send(trigger="regenerate-message", chat_id=chat_id))
                case 5:
                    await database.write(SYSTEM, tamper)
                case _:
                    await ours.chats.delete(actor, chat_id)
                    chat_ids[chat_ids.index(chat_id)] = (await ours.chats.create(owner, None)).id

        for _ in range(12):
            outcomes = await asyncio.gather(*(step() for _ in range(4)), return_exceptions=True)
            unexpected = [
                outcome
                for outcome in outcomes
                # A chat may be busy or just gone, and its last message deleted by the tampering.
                if outcome is not None
                and not isinstance(outcome, RunLive | ChatNotFound | MessageNotFound | ValueError)
            ]
            assert unexpected == []

        async def idle() -> bool:
            live = sa.text("SELECT count(*) FROM run WHERE status IN ('queued', 'running')")
            return await database.read(SYSTEM, lambda connection: connection.scalar(live)) == 0

        await eventually(idle)
        # In a chat of its own: the tampering may have taken the last message of any other.
        fresh = await ours.chats.create(owner, None)
        await ours.sending.add_message(owner, fresh.id, "The last note", None)
        kept, counted = await database.read(SYSTEM, _statistics)
        assert kept == counted
        assert await database.read(SYSTEM, miscounted) == []
        assert any(number for _, number, _, _ in kept)


def _statistics(connection: sa.Connection) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Return what is kept of each chat, and what a recount gives. The latest message may have been deleted."""
    kept = connection.execute(
        sa.text("SELECT id, message_count, total_tokens, last_message_at FROM chat ORDER BY id")
    ).all()
    counted = connection.execute(
        sa.text(
            "SELECT chat.id, count(message.id), sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)),"
            " max(message.created_at) FROM chat LEFT JOIN message ON message.chat_id = chat.id"
            " GROUP BY chat.id ORDER BY chat.id"
        )
    ).all()
    return [tuple(row) for row in kept], [tuple(row) for row in counted]


@pytest.mark.parametrize("ticks", [0, 1])
async def test_pages_of_chats_lose_and_repeat_nothing_while_new_ones_arrive(database: Database, ticks: int) -> None:
    """B4: also when all of them were made in the same millisecond."""
    now = 1_000

    def clock() -> Millis:
        nonlocal now
        now += ticks
        return Millis(now)

    async with process(database, clock=clock) as ours:
        owner = new_owner()
        await ours.chats.create(new_owner(), "of another")
        there = [(await ours.chats.create(owner, f"chat {number}")).id for number in range(23)]
        seen: list[str] = []
        cursor = None
        while True:
            page = await ours.chats.list(Actor(owner), limit=5, offset=0, cursor=cursor)
            seen += [chat.id for chat in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
            assert len(page.items) == 5
            await ours.chats.create(owner, "arrived meanwhile")
        assert len(seen) == len(set(seen))
        latest_first = list(reversed(there)) if ticks else sorted(there, reverse=True)
        assert [chat_id for chat_id in seen if chat_id in there] == latest_first


async def test_pages_of_messages_lose_and_repeat_nothing_while_new_ones_arrive(ours: Process) -> None:
    """B2, B4: in the order of the conversation, whatever the clocks say."""
    owner = new_owner()
    chat = await ours.chats.create(owner, None)
    there = [(await ours.sending.add_message(owner, chat.id, f"note {number}", None)).id for number in range(23)]
    pages: list[list[str]] = []
    cursor = None
    while True:
        page = await ours.chats.messages(Actor(owner), chat.id, limit=5, place=Place(cursor=cursor))
        pages.insert(0, [message.id for message in page.items])
        cursor = page.next_cursor
        if cursor is None:
            break
        await ours.sending.add_message(owner, chat.id, "arrived meanwhile", None)
    assert [message_id for page in pages for message_id in page] == there
    assert [len(page) for page in pages] == [3, 5, 5, 5, 5]


async def test_a_cursor_of_another_list_is_refused(ours: Process) -> None:
    """B4, D3: a stranger's message is no way into a chat."""
    owner, stranger = new_owner(), new_owner()
    chat, other = await ours.chats.create(owner, None), await ours.chats.create(stranger, None)
    theirs = await ours.sending.add_message(stranger, other.id, "private", None)
    await ours.sending.add_message(owner, chat.id, "mine", None)
    for cursor in (theirs.id, new_id(), "nonsense", ""):
        if cursor:
            with pytest.raises(CursorInvalid):
                await ours.chats.messages(Actor(owner), chat.id, limit=5, place=Place(cursor=cursor))
    for cursor in ("nonsense", "12", "_", f"x_{chat.id}", "12_nonsense"):
        with pytest.raises(CursorInvalid):
            await ours.chats.list(Actor(owner), limit=5, offset=0, cursor=cursor)


async def test_deleting_a_chat_leaves_nothing_of_it_and_everything_of_others(ours: Process) -> None:
    """B4: messages, runs, streams, batches and producers go; another chat keeps its own."""
    owner = new_owner()
    async with ours.working():
        kept = await answered(ours, owner, Send(text="Keep this"))

        async def compacted() -> bool:
            return await count(ours.database, _BATCHES) == 1

        await eventually(compacted)
        there = [await count(ours.database, table) for table in TABLES]
        gone = await answered(ours, owner, Send(text="Delete this"))
        again = Send(trigger="regenerate-message", chat_id=gone.chat_id)
        await answered(ours, owner, again)
        await ours.chats.delete(Actor(owner), gone.chat_id)
    assert [await count(ours.database, table) for table in TABLES] == there
    assert (await ours.chats.get(Actor(owner), kept.chat_id)).message_count == 2
    with pytest.raises(ChatNotFound):
        await ours.chats.get(Actor(owner), gone.chat_id)


_STREAMS = "stream WHERE path LIKE 'runs/%'"
_BATCHES = f"stream_batch WHERE stream_id IN (SELECT id FROM {_STREAMS})"
TABLES = ("chat", "message", "run", "producer", _STREAMS, _BATCHES)
"""What a chat holds. The stream of changes is its owner's, and stays."""


async def test_chats_can_be_deleted_while_their_runs_are_claimed_and_written(open_another: Open) -> None:
    """B4, A3: nobody waits for anybody in a circle; the workers go on."""
    owner = new_owner()
    async with process(open_another(), tokens_per_second=200) as ours, ours.working(), ours.working():

        async def ask_and_delete() -> None:
            run = await ours.sending.send(owner, Send(text="Delete me"))
            await asyncio.sleep(random.random() * 0.05)
            await ours.chats.delete(Actor(owner), run.chat_id)

        for _ in range(8):
            await asyncio.gather(*(ask_and_delete() for _ in range(10)))

        async def empty() -> bool:
            return [await count(ours.database, table) for table in TABLES] == [0] * len(TABLES)

        await eventually(empty)
        ended = await answered(ours, owner, Send(text="Still there?", settings={"maxTokens": 3}))
        assert ended.status == "completed"


@pytest.mark.parametrize("verb", ["get", "delete", "rename", "messages", "send", "add_message"])
async def test_a_strangers_chat_is_not_there_on_any_verb(ours: Process, verb: str) -> None:
    """D3: nor is anything of it changed."""
    owner, stranger = new_owner(), new_owner()
    chat = await ours.chats.create(owner, "Mine")
    before = await ours.chats.get(Actor(owner), chat.id)
    attempts = {
        "get": lambda: ours.chats.get(Actor(stranger), chat.id),
        "delete": lambda: ours.chats.delete(Actor(stranger), chat.id),
        "rename": lambda: ours.chats.change(Actor(stranger), chat.id, ChatChange(title="Theirs")),
        "messages": lambda: ours.chats.messages(Actor(stranger), chat.id, limit=5),
        "send": lambda: ours.sending.send(stranger, Send(text="Hello", chat_id=chat.id)),
        "add_message": lambda: ours.sending.add_message(stranger, chat.id, "Hello", None),
    }
    with pytest.raises(ChatNotFound):
        await attempts[verb]()
    assert await ours.chats.get(Actor(owner), chat.id) == before
