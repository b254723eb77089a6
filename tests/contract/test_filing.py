"""Where people keep their chats, over each database (B4, B11)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from parts import Open, Process, count, new_owner, process

from penstock.actor import Actor, IdentityId
from penstock.chats.filing.model import Folder, FolderChange, FolderInsideItself, FolderNotFound, Tag
from penstock.chats.model import ChatNotFound, MessageNotFound, ReactionInvalid, Which
from penstock.chats.reactions import Mark
from penstock.chats.sending import Send
from penstock.chats.service import ChatChange
from penstock.db.database import Database
from penstock.kit.ids import new_id


@pytest.fixture
async def ours(database: Database) -> AsyncIterator[Process]:
    async with process(database) as started:
        yield started


async def titles(ours: Process, owner: IdentityId, which: Which) -> list[str]:
    page = await ours.chats.list(Actor(owner), which, limit=50)
    return sorted(chat.title for chat in page.items)


async def test_lists_hold_what_is_asked_for(ours: Process) -> None:
    """B4, B11: and what is put away only where it is asked for."""
    owner = new_owner()
    actor = Actor(owner)
    folder = await ours.filing.create(owner, "Work", None)
    changes = {
        "plain": ChatChange(),
        "pinned": ChatChange(pinned=True),
        "tagged": ChatChange(tags=["größer", 'a "quoted" one']),
        "filed": ChatChange(moves=True, folder_id=folder.id, tags=["größer"]),
        "away": ChatChange(archived=True, pinned=True),
    }
    for title, change in changes.items():
        await ours.chats.change(actor, (await ours.chats.create(owner, title)).id, change)
    assert await titles(ours, owner, Which()) == ["filed", "pinned", "plain", "tagged"]
    assert await titles(ours, owner, Which(pinned=True)) == ["pinned"]
    assert await titles(ours, owner, Which(pinned=False)) == ["filed", "plain", "tagged"]
    assert await titles(ours, owner, Which(archived=True)) == ["away"]
    assert await titles(ours, owner, Which(tag="größer")) == ["filed", "tagged"]
    assert await titles(ours, owner, Which(tag='a "quoted" one')) == ["tagged"]
    assert await titles(ours, owner, Which(tag="größ")) == []
    assert await titles(ours, owner, Which(folder_id=folder.id)) == ["filed"]
    for nothing in (Which(folder_id="nonsense"), Which(folder_id=new_id()), Which(tag="\0"), Which(tag="\ud800")):
        assert await titles(ours, owner, nothing) == []
    assert await ours.filing.tags(actor) == [Tag(name='a "quoted" one', chats=1), Tag(name="größer", chats=2)]
    assert await ours.filing.tags(Actor(new_owner())) == []


async def test_what_is_in_a_folder_that_is_deleted_comes_to_stand_where_it_stood(ours: Process) -> None:
    """B11: nothing is deleted with a folder."""
    owner = new_owner()
    actor = Actor(owner)
    outer = await ours.filing.create(owner, "Outer", None)
    middle = await ours.filing.create(owner, "Middle", outer.id)
    inner = await ours.filing.create(owner, "Inner", middle.id)
    chat = await ours.chats.create(owner, "Chat")
    await ours.chats.change(actor, chat.id, ChatChange(moves=True, folder_id=middle.id))
    await ours.filing.delete(actor, middle.id)
    assert (await ours.filing.list(actor)).items == [outer, Folder(id=inner.id, name="Inner", parent_id=outer.id)]
    assert (await ours.chats.get(actor, chat.id)).folder_id == outer.id
    await ours.chats.change(actor, chat.id, ChatChange(moves=True))
    assert (await ours.chats.get(actor, chat.id)).folder_id is None


async def test_no_folder_comes_to_stand_in_itself_however_many_move_at_once(open_another: Open) -> None:
    """B11: two moves that each would be fine alone."""
    owner = new_owner()
    actor = Actor(owner)
    async with process(open_another()) as one, process(open_another()) as other:
        first = await one.filing.create(owner, "First", None)
        second = await one.filing.create(owner, "Second", None)
        for _ in range(5):
            for folder in (first, second):
                await one.filing.change(actor, folder.id, FolderChange(moves=True))
            moves = [
                one.filing.change(actor, first.id, FolderChange(moves=True, parent_id=second.id)),
                other.filing.change(actor, second.id, FolderChange(moves=True, parent_id=first.id)),
            ]
            done = await asyncio.gather(*moves, return_exceptions=True)
            assert sorted(type(each).__name__ for each in done) == ["Folder", "FolderInsideItself"]
        with pytest.raises(FolderInsideItself):
            await one.filing.change(actor, first.id, FolderChange(name="x", moves=True, parent_id=first.id))
        assert {folder.name for folder in (await one.filing.list(actor)).items} == {"First", "Second"}


async def test_folders_and_messages_of_others_are_not_there(ours: Process) -> None:
    """D3, S4: nor changed, nor filled with somebody else's chats."""
    owner, stranger = new_owner(), new_owner()
    folder = await ours.filing.create(owner, "Mine", None)
    chat = await ours.chats.create(stranger, "Theirs")
    note = await ours.sending.add_message(owner, (await ours.chats.create(owner, "x")).id, "x", None)
    who = Actor(stranger)
    for name in (folder.id, new_id(), "nonsense"):
        with pytest.raises(FolderNotFound):
            await ours.chats.change(who, chat.id, ChatChange(title="Taken", moves=True, folder_id=name))
        with pytest.raises(FolderNotFound):
            await ours.filing.create(stranger, "x", name)
        with pytest.raises(FolderNotFound):
            await ours.filing.change(who, name, FolderChange(name="Taken"))
        with pytest.raises(FolderNotFound):
            await ours.filing.delete(who, name)
    for message_id in (note.id, new_id(), "nonsense"):
        with pytest.raises(MessageNotFound):
            await ours.chats.mark(who, chat.id, message_id, Mark(reactions=["🎉"]))
    assert (await ours.filing.list(Actor(owner))).items == [folder]
    assert (await ours.chats.get(who, chat.id)).title == "Theirs"


async def test_a_message_keeps_what_is_thought_of_it(ours: Process) -> None:
    """B11: emoji once each, a rating with its reason; what is no emoji changes nothing."""
    owner = new_owner()
    actor = Actor(owner)
    chat = await ours.chats.create(owner, None)
    note = await ours.sending.add_message(owner, chat.id, "x", None)
    await ours.chats.mark(actor, chat.id, note.id, Mark(reactions=["🎉", "👍🏽", "🎉"]))
    await ours.chats.mark(actor, chat.id, note.id, Mark(rates=True, rating="down", reason="wrong"))
    with pytest.raises(ReactionInvalid):
        await ours.chats.mark(actor, chat.id, note.id, Mark(reactions=["<b>"], rates=True))
    (kept,) = (await ours.chats.messages(actor, chat.id, limit=5)).items
    assert (kept.reactions, kept.rating, kept.rating_reason) == (["🎉", "👍🏽"], "down", "wrong")
    kept = await ours.chats.mark(actor, chat.id, note.id, Mark(reactions=[], rates=True))
    assert (kept.reactions, kept.rating, kept.rating_reason) == ((), None, None)


async def test_many_chats_are_deleted_or_put_away_as_one(ours: Process) -> None:
    """B4: a single one that is not yours, and all stay; live runs stop with their chats."""
    owner = new_owner()
    actor = Actor(owner)
    async with ours.working():
        live = await ours.sending.send(owner, Send(text="Hello"))
        ids = [live.chat_id, *[(await ours.chats.create(owner, f"{number}")).id for number in range(3)]]
        foreign = await ours.chats.create(new_owner(), "x")
        for wrong in (foreign.id, new_id(), "nonsense"):
            with pytest.raises(ChatNotFound):
                await ours.chats.delete_all(actor, [*ids, wrong])
            with pytest.raises(ChatNotFound):
                await ours.chats.archive_all(actor, [*ids, wrong], archived=True)
        assert len((await ours.chats.list(actor, limit=50)).items) == 4
        await ours.chats.archive_all(actor, ids[2:], archived=True)
        assert len((await ours.chats.list(actor, Which(archived=True), limit=50)).items) == 2
        await ours.chats.delete_all(actor, [*ids, *ids])
        assert [await count(ours.database, table) for table in ("message", "run", "stream")] == [0, 0, 0]
        assert await count(ours.database, "chat") == 1
