"""The change stream of a visitor, over each database (A15, protocol/SPEC.md CH)."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parts import Open, Process, count, eventually, new_owner, process, read_all

from harness.changes import fold, fold_folders
from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.api.folders import FolderShape
from penstock.api.shapes import shape_chats
from penstock.chats import changes
from penstock.chats.filing.model import FolderChange, FolderInsideItself, FolderNotFound
from penstock.chats.model import ChatNotFound, MessageNotFound, NothingToContinue, Which
from penstock.chats.reactions import Mark
from penstock.chats.sending import Send
from penstock.chats.service import ChatChange
from penstock.db.database import Database
from penstock.kit.ids import new_id
from penstock.runs.model import QueueFull, RunLive, RunNotFound, RunOver
from penstock.streams import store as streams
from penstock.streams.model import START, OffsetGone, Position, StreamNotFound, parse_offset
from penstock.streams.tail import topic_of

Step = tuple[str, int]

STEPS = st.tuples(
    st.sampled_from(
        (
            *("create", "note", "ask", "enqueue", "ask and wait", "regenerate", "continue", "stop", "rename", "delete"),
            *("pin", "archive", "take out", "tag", "file", "choose", "mark", "delete two"),
            *("folder", "folder inside", "move folder", "drop folder"),
        )
    ),
    st.integers(0, 3),
)
"""What to do, and to which chat."""


@pytest.fixture
async def ours(database: Database) -> AsyncIterator[Process]:
    async with process(database) as started:
        yield started


async def snapshot(ours: Process, owner: IdentityId) -> dict[str, Any]:
    """Return all chats as `GET /api/chats` shows them."""
    page = shape_chats(await ours.chats.list(Actor(owner), limit=200, offset=0, cursor=None))
    return json.loads(page.model_dump_json(by_alias=True))


async def told(database: Database, owner: IdentityId, start: Position = START) -> list[Any]:
    """Return the changes from a position on."""
    path = changes.path_of(owner)
    try:
        stream_id = await database.read(SYSTEM, partial(streams.find, actor=Actor(owner), path=path))
    except StreamNotFound:
        return []
    return await read_all(database, stream_id, start)


async def idle(ours: Process, owner: IdentityId) -> bool:
    """Say whether nothing is live, neither in the chats that are listed nor in those that were put away."""
    pages = [await ours.chats.list(Actor(owner), Which(archived=archived), limit=200) for archived in (False, True)]
    return not any(chat.live_run_id for page in pages for chat in page.items)


async def take(ours: Process, owner: IdentityId, step: Step) -> None:
    """Do something; what the state does not allow changes nothing."""
    (what, which), actor = step, Actor(owner)
    listed = (await ours.chats.list(actor, limit=200, offset=0, cursor=None)).items
    chat = listed[which % len(listed)] if listed else None
    chat_id = chat.id if chat else None
    try:
        match what:
            case "create":
                await ours.chats.create(owner, f"Chat {which}")
            case "note":
                await ours.sending.add_message(owner, chat_id or new_id(), "A note", None)
            case "ask":
                await ours.sending.send(owner, Send(text="Hello", chat_id=chat_id, settings={"maxTokens": 5}))
            case "enqueue":
                send = Send(text="Hello", chat_id=chat_id, settings={"maxTokens": 5}, when_busy="enqueue")
                await ours.sending.send(owner, send)
            case "ask and wait":
                run = await ours.sending.send(owner, Send(text="Hello", settings={"maxTokens": 3}))
                await ours.runs.ended(actor, run.id)
            case "regenerate" | "continue":
                trigger = "regenerate-message" if what == "regenerate" else "continue-message"
                await ours.sending.send(owner, Send(trigger=trigger, chat_id=chat_id, settings={"maxTokens": 5}))
            case "stop":
                if chat and chat.live_run_id:
                    await ours.runs.stop(actor, chat.live_run_id)
            case "rename":
                await ours.chats.change(actor, chat_id or new_id(), ChatChange(title=f"Renamed {which}"))
            case "delete":
                await ours.chats.delete(actor, chat_id or new_id())
            case "delete two":
                await ours.chats.delete_all(actor, [chat.id for chat in listed[:2]])
            case "mark":
                message_id = (chat and chat.leaf_id) or new_id()
                await ours.chats.mark(actor, chat_id or new_id(), message_id, Mark(reactions=["🎉"], rates=True))
            case _:
                await keep(ours, actor, step, chat_id or new_id())
    except (
        FolderNotFound,
        FolderInsideItself,
        RunLive,
        RunOver,
        RunNotFound,
        QueueFull,
        ChatNotFound,
        MessageNotFound,
        NothingToContinue,
        ValueError,
    ):
        pass


async def keep(ours: Process, actor: Actor, step: Step, chat_id: str) -> None:
    """Do something about where chats are kept."""
    what, which = step
    folders = (await ours.filing.list(actor)).items
    folder_id = folders[which % len(folders)].id if folders else None
    assert actor.identity is not None
    match what:
        case "pin":
            await ours.chats.change(actor, chat_id, ChatChange(pinned=which % 2 == 0))
        case "archive":
            await ours.chats.change(actor, chat_id, ChatChange(archived=True))
        case "take out":
            away = (await ours.chats.list(actor, Which(archived=True), limit=200)).items
            await ours.chats.archive_all(actor, [chat.id for chat in away], archived=False)
        case "tag":
            await ours.chats.change(actor, chat_id, ChatChange(tags=["b", "a", "b"][: which + 1]))
        case "file":
            await ours.chats.change(actor, chat_id, ChatChange(moves=True, folder_id=folder_id))
        case "choose":
            page = await ours.chats.messages(actor, chat_id, limit=200)
            first = page.items[0].version_ids[which % len(page.items[0].version_ids)] if page.items else None
            await ours.chats.change(actor, chat_id, ChatChange(leaf_id=first))
        case "folder" | "folder inside":
            await ours.filing.create(actor.identity, what, folder_id if what == "folder inside" else None)
        case "move folder":
            change = FolderChange(name=f"Moved {which}", moves=True, parent_id=folder_id)
            await ours.filing.change(actor, folders[-1].id if folders else new_id(), change)
        case _:
            assert what == "drop folder"
            await ours.filing.delete(actor, folder_id or new_id())


async def folders_of(ours: Process, owner: IdentityId) -> tuple[list[Any], Position]:
    """Return all folders as `GET /api/folders` shows them, and where changes go on."""
    found = await ours.filing.list(Actor(owner))
    return [FolderShape.model_validate(each).model_dump(by_alias=True) for each in found.items], found.changes


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(st.lists(STEPS, min_size=1, max_size=3), min_size=1, max_size=6))
async def test_a_snapshot_with_later_changes_equals_a_fresh_snapshot(
    open_another: Open, rounds: Sequence[Sequence[Step]]
) -> None:
    """CH2, CH4: whatever happens, at once, and whenever the snapshot was taken."""
    owner = new_owner()
    async with AsyncExitStack() as stack:
        database = open_another()
        stack.push_async_callback(database.close)
        ours = await stack.enter_async_context(process(database))
        await stack.enter_async_context(ours.working())
        snapshots = [await snapshot(ours, owner)]
        folders = [await folders_of(ours, owner)]
        for steps in rounds:
            taken, _ = await asyncio.gather(
                snapshot(ours, owner), asyncio.gather(*(take(ours, owner, step) for step in steps))
            )
            snapshots.append(taken)
            folders.append(await folders_of(ours, owner))
        await eventually(partial(idle, ours, owner))
        fresh = await snapshot(ours, owner)
        for earlier in snapshots:
            later = await told(database, owner, parse_offset(earlier["changesOffset"]))
            assert fold(earlier["items"], later) == fresh["items"]
        for shown, position in folders:
            assert fold_folders(shown, await told(database, owner, position)) == folders[-1][0]
        everything = await told(database, owner)
        assert fresh["changesOffset"] == f"{len(everything):016d}"
        await assert_messages_and_runs(database, owner, everything)


async def assert_messages_and_runs(database: Database, owner: IdentityId, everything: Sequence[Any]) -> None:
    """Check that the changes from the beginning tell of every message and run as they are stored (CH3)."""
    messages: dict[str, tuple[str, str | None, str]] = {}
    runs: dict[str, str] = {}
    chat_of: dict[str, str] = {}
    for change in everything:
        match change["type"]:
            case "message-add":
                message = change["message"]
                messages[message["id"]] = (message["role"], message["parentId"], message["status"])
                chat_of[message["id"]] = change["chatId"]
            case "message-status":
                role, parent, _ = messages[change["messageId"]]
                messages[change["messageId"]] = (role, parent, change["status"])
            case "run-start":
                assert change["runId"] not in runs
                runs[change["runId"]] = "live"
                chat_of[change["runId"]] = change["chatId"]
            case "run-end":
                assert runs[change["runId"]] == "live"
                runs[change["runId"]] = change["status"]
            case "chat-delete":
                for kept in (messages, runs):
                    for each in [each for each in kept if chat_of[each] == change["chatId"]]:
                        del kept[each]
            case "message-mark":
                assert change["messageId"] in messages
            case _:
                assert change["type"] in {"chat-set", "folder-set", "folder-delete"}

    def stored(connection: sa.Connection) -> tuple[list[Any], list[Any]]:
        mine = {"owner": owner}
        return (
            list(
                connection.execute(
                    sa.text("SELECT id, role, parent_id, status FROM message WHERE owner_id = :owner"), mine
                )
            ),
            list(connection.execute(sa.text("SELECT id, status FROM run WHERE owner_id = :owner"), mine)),
        )

    of_messages, of_runs = await database.read(SYSTEM, stored)
    assert {
        str(row.id): (row.role, row.parent_id and str(row.parent_id), row.status) for row in of_messages
    } == messages
    assert {str(row.id): row.status for row in of_runs} == runs


async def test_forty_answers_of_one_visitor_at_once_neither_wait_in_a_circle_nor_lose_a_change(
    open_another: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """CH1: their transactions meet at one row, through several processes, and lock it last."""
    owner = new_owner()
    async with process(open_another()) as one, process(open_another()) as other, one.working(), other.working():
        sends = (each.sending.send(owner, Send(text="Hello", settings={"maxTokens": 2})) for each in (one, other) * 20)
        runs = await asyncio.gather(*sends)
        renames = (one.chats.change(Actor(owner), run.chat_id, ChatChange(title="Renamed")) for run in runs)
        ends = (other.runs.ended(Actor(owner), run.id) for run in runs)
        await asyncio.gather(*renames, *ends)
        everything = await told(one.database, owner)
        assert fold([], everything) == (await snapshot(one, owner))["items"]
        assert sum(change["type"] == "run-end" for change in everything) == 40
    assert [record.getMessage() for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []


async def test_a_follower_hears_of_a_change_by_its_wake_up(ours: Process) -> None:
    """A15: not by the look that comes once a second in any case."""
    owner = new_owner()
    path = await ours.chats.open_changes(owner)
    stream_id = await ours.follower.find(Actor(owner), path)
    with ours.wake.waiting(topic_of(stream_id)) as hint:
        chat = await ours.chats.create(owner, None)
        assert hint.is_set()
        hint.clear()
        await ours.chats.change(Actor(owner), chat.id, ChatChange(title="Renamed"))
        assert hint.is_set()
        async with ours.working():
            await ours.sending.send(owner, Send(text="Hello", chat_id=chat.id, settings={"maxTokens": 2}))
            hint.clear()
            await asyncio.wait_for(hint.wait(), 20)
            hint.clear()
        await ours.chats.delete(Actor(owner), chat.id)
        assert hint.is_set()


async def test_what_is_refused_or_repeated_tells_nothing(ours: Process) -> None:
    """CH1."""
    owner = new_owner()
    send = Send(text="Hello", client_message_id="mine")
    run = await ours.sending.send(owner, send)
    before = await told(ours.database, owner)
    assert [change["type"] for change in before] == ["chat-set", "message-add", "message-add", "run-start"]
    await ours.sending.send(owner, send)
    with pytest.raises(RunLive):
        await ours.sending.send(owner, Send(text="Again", chat_id=run.chat_id))
    with pytest.raises(ChatNotFound):
        await ours.chats.delete(Actor(new_owner()), run.chat_id)
    assert await told(ours.database, owner) == before


async def test_changes_are_one_row_a_transaction_and_old_ones_are_let_go(ours: Process) -> None:
    """CH7: the newest stay readable, an offset before them is an error, and a snapshot helps."""
    owner = new_owner()
    chat = await ours.chats.create(owner, None)
    first = await snapshot(ours, owner)
    for number in range(changes.KEEP + 200):
        await ours.chats.change(Actor(owner), chat.id, ChatChange(title=f"Title {number}"))
    assert changes.KEEP <= await count(ours.database, "stream_batch AS every") < changes.KEEP + 100
    stream_id = await ours.follower.find(Actor(owner), changes.path_of(owner))
    for start in (START, parse_offset(first["changesOffset"])):
        with pytest.raises(OffsetGone):
            await ours.follower.read(stream_id, start)
    now = await snapshot(ours, owner)
    recent = Position(parse_offset(now["changesOffset"]) - changes.KEEP)
    assert len(await told(ours.database, owner, recent)) == changes.KEEP
    assert await told(ours.database, owner, parse_offset(now["changesOffset"])) == []
    assert fold(now["items"], await told(ours.database, owner, recent)) == now["items"]


async def test_a_stream_is_made_once_for_a_visitor_of_whom_nothing_was_told(open_another: Open) -> None:
    """CH1: also when many tabs ask at once."""
    owner = new_owner()
    async with process(open_another()) as one, process(open_another()) as other:
        await asyncio.gather(*(each.chats.open_changes(owner) for each in (one, other) * 10))
        await one.chats.create(owner, None)
        assert await count(one.database, "stream AS every") == 1
        assert len(await told(other.database, owner)) == 1
