"""Snapshots of chats, over each database (B10, D3)."""

from collections.abc import AsyncIterator

import pytest
from parts import Process, count, new_owner, process

from penstock.actor import Actor, IdentityId
from penstock.chats import recount
from penstock.chats.model import ChatNotFound, MessageNotFound
from penstock.chats.reading import Place
from penstock.chats.sending import Send
from penstock.chats.sharing import store
from penstock.chats.sharing.model import (
    NothingToShare,
    Share,
    ShareNotFound,
    ShareOver,
    SharePasswordNeeded,
    SharePasswordWrong,
    ShareTooLarge,
)
from penstock.db.database import Database
from penstock.kit.clock import Millis
from penstock.kit.ids import new_id

NOW = 1_800_000_000_000


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> Millis:
        return Millis(self.now)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ours(database: Database, clock: Clock) -> AsyncIterator[Process]:
    async with process(database, clock=clock) as started:
        yield started


async def chat_of(ours: Process, owner: IdentityId, *texts: str) -> str:
    chat = await ours.chats.create(owner, "Dams & weirs")
    for text in texts:
        await ours.sending.add_message(owner, chat.id, text, None)
    return chat.id


async def share(
    ours: Process,
    owner: IdentityId,
    chat_id: str,
    *,
    leaf_id: str | None = None,
    password: str | None = None,
    expires_at: int | None = None,
) -> tuple[Share, str]:
    until = None if expires_at is None else Millis(expires_at)
    return await ours.sharing.create(Actor(owner), chat_id, leaf_id=leaf_id, password=password, expires_at=until)


async def shown(ours: Process, token: str) -> list[str]:
    return [each.text for each in await ours.sharing.messages(await ours.sharing.find(token), 0)]


async def test_a_snapshot_stays_as_it_was(ours: Process) -> None:
    """B10: whatever becomes of the chat; and another path can be shared."""
    owner = new_owner()
    actor = Actor(owner)
    chat_id = await chat_of(ours, owner, "one", "two")
    made, token = await share(ours, owner, chat_id)
    (_, second) = (await ours.chats.messages(actor, chat_id, limit=5)).items
    await ours.sending.add_message(owner, chat_id, "two, rather", None, message_id=second.id)
    await ours.sending.add_message(owner, chat_id, "three", None)
    assert await shown(ours, token) == ["one", "two"]
    assert await shown(ours, (await share(ours, owner, chat_id))[1]) == ["one", "two, rather", "three"]
    assert await shown(ours, (await share(ours, owner, chat_id, leaf_id=second.id))[1]) == ["one", "two"]
    assert (made.title, made.message_count, made.has_password, made.hint) == ("Dams & weirs", 2, False, token[-4:])
    assert [each.id for each in await ours.sharing.list(actor)][-1] == made.id
    assert len(await ours.sharing.list_of_chat(actor, chat_id)) == 3
    assert await ours.sharing.list(Actor(new_owner())) == []


async def test_what_is_not_written_yet_is_not_in_a_snapshot(ours: Process) -> None:
    """B10."""
    owner = new_owner()
    chat_id = await chat_of(ours, owner)
    with pytest.raises(NothingToShare):
        await share(ours, owner, chat_id)
    run = await ours.sending.send(owner, Send(text="Hello", chat_id=chat_id))
    assert await shown(ours, (await share(ours, owner, run.chat_id))[1]) == ["Hello"]


async def test_a_snapshot_ends_when_it_is_taken_back_is_over_or_its_chat_is_deleted(
    ours: Process, clock: Clock
) -> None:
    """B10: nothing of it is left where it was deleted."""
    owner = new_owner()
    actor = Actor(owner)
    chat_id = await chat_of(ours, owner, "one")
    taken_back, first = await share(ours, owner, chat_id)
    _, second = await share(ours, owner, chat_id, expires_at=NOW + 1000)
    _, third = await share(ours, owner, chat_id)
    with pytest.raises(ShareOver):
        await share(ours, owner, chat_id, expires_at=NOW)
    for name in (taken_back.id, new_id(), "nonsense"):
        with pytest.raises(ShareNotFound):
            await ours.sharing.revoke(Actor(new_owner()), name)
    await ours.sharing.revoke(actor, taken_back.id)
    clock.now += 1000
    for token in (first, second, "nonsense", ""):
        with pytest.raises(ShareNotFound):
            await ours.sharing.find(token)
    assert await shown(ours, third) == ["one"]
    await ours.chats.delete(actor, chat_id)
    with pytest.raises(ShareNotFound):
        await ours.sharing.find(third)
    assert [await count(ours.database, table) for table in ("share", "share_message")] == [0, 0]


async def test_the_password_of_a_snapshot_is_asked_and_nowhere_kept(ours: Process) -> None:
    """B10."""
    owner = new_owner()
    chat_id = await chat_of(ours, owner, "one")
    made, token = await share(ours, owner, chat_id, password="open sesame")
    found = await ours.sharing.find(token)
    with pytest.raises(SharePasswordNeeded):
        await ours.sharing.check(found, None)
    with pytest.raises(SharePasswordWrong):
        await ours.sharing.check(found, "open says me")
    await ours.sharing.check(found, "open sesame")
    assert made.password_hash is not None
    assert made.password_hash.startswith("$argon2id$")


async def test_a_copy_is_a_chat_of_ones_own(ours: Process) -> None:
    """B10, B1: it is read page by page, counted, and goes its own way."""
    owner, reader = new_owner(), new_owner()
    texts = [f"message {number}" for number in range(40)]
    chat_id = await chat_of(ours, owner, *texts)
    _, token = await share(ours, owner, chat_id)
    copy = await ours.sharing.copy(reader, await ours.sharing.find(token))
    assert (copy.title, copy.message_count, copy.status) == ("Dams & weirs", 40, "idle")
    page = await ours.chats.messages(Actor(reader), copy.id, limit=25)
    older = await ours.chats.messages(Actor(reader), copy.id, limit=25, place=Place(cursor=page.next_cursor))
    assert [each.text for each in (*older.items, *page.items)] == texts
    await ours.sending.add_message(reader, copy.id, "and on", None)
    await ours.chats.delete(Actor(owner), chat_id)
    assert (await ours.chats.get(Actor(reader), copy.id)).message_count == 41
    for rule in recount.RULES.values():
        assert await ours.database.read(Actor(None), rule) == []


async def test_only_the_owner_makes_snapshots_of_a_chat(ours: Process) -> None:
    """D3, S3: nor does a message of one chat lead into another."""
    owner, stranger = new_owner(), new_owner()
    chat_id, other_id = await chat_of(ours, owner, "one"), await chat_of(ours, stranger, "two")
    (message,) = (await ours.chats.messages(Actor(owner), chat_id, limit=5)).items
    for name in (chat_id, new_id(), "nonsense"):
        with pytest.raises(ChatNotFound):
            await share(ours, stranger, name)
        with pytest.raises(ChatNotFound):
            await ours.sharing.list_of_chat(Actor(stranger), name)
    with pytest.raises(MessageNotFound):
        await share(ours, stranger, other_id, leaf_id=message.id)
    assert await count(ours.database, "share") == 0


async def test_what_is_too_long_is_not_shared(ours: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """B10: and nothing is stored of it."""
    owner = new_owner()
    chat_id = await chat_of(ours, owner, "one", "two", "three")
    for name, most in (("MOST_MESSAGES", 2), ("MOST_CHARS", 10)):
        with monkeypatch.context() as patch:
            patch.setattr(store, name, most)
            with pytest.raises(ShareTooLarge):
                await share(ours, owner, chat_id)
    assert await count(ours.database, "share") == 0
