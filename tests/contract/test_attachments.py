"""Attachments over each database: whose they are, what becomes of their files, and that nothing is left (B13)."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from parts import Process, count, new_owner, process

from harness.pictures import picture
from penstock.actor import SYSTEM, Actor, IdentityId, Visitor
from penstock.chats.belongings import Belongings
from penstock.chats.model import Message, MessageEmpty, PicturesUnseen
from penstock.chats.sending import Send
from penstock.db.database import Database
from penstock.db.schema import attachment as attachment_table
from penstock.db.schema import kept_file as file_table
from penstock.files import service, store
from penstock.files.contents import ContentMissing
from penstock.files.model import (
    Attachment,
    AttachmentNotFound,
    AttachmentSent,
    AttachmentUnsupported,
    Limits,
    TooManyAttachments,
    TooMuchUnsent,
    attachment_id,
)
from penstock.files.service import Reference
from penstock.keys.vault import Vault
from penstock.kit.clock import DAY, wall_clock
from penstock.limits.model import Payer, QuotaUsedUp
from penstock.limits.quotas import Quotas

RED, BLUE = picture(), picture(colour="blue")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "attachments"


@pytest.fixture
async def ours(database: Database, folder: Path) -> AsyncIterator[Process]:
    async with process(database, folder=folder, quotas=Quotas(daily={"anonymous": 1})) as started:
        yield started


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


async def upload(ours: Process, owner: IdentityId, data: bytes = RED, said: str = "image/png") -> Attachment:
    return await ours.files.upload(owner, data, name="cat.png", said=said)


async def age(database: Database, milliseconds: int = service.GRACE_MS + 1) -> None:
    """Let everything have been stored so long ago."""

    def make_older(connection: sa.Connection) -> None:
        for table in (file_table, attachment_table):
            connection.execute(sa.update(table).values(created_at=table.c.created_at - milliseconds))

    await database.write(SYSTEM, make_older)


async def swept(ours: Process) -> None:
    await age(ours.database)
    await ours.files.sweep(ours.database)


def ids_in(message: Message) -> Sequence[str | None]:
    return [attachment_id(part) for part in message.parts if part["type"] == "file"]


async def test_what_is_sent_hangs_on_its_message(ours: Process, folder: Path) -> None:
    """B13: in the order in which it was sent, each once."""
    owner = new_owner()
    first, second = await upload(ours, owner), await upload(ours, owner, BLUE)
    chat = await ours.chats.create(owner, None)
    message = await ours.sending.add_message(owner, chat.id, "Look", None, files=[second.id, first.id, second.id])
    assert ids_in(message) == [second.id, first.id]
    assert message.parts[0] == {
        "type": "file",
        "mediaType": "image/png",
        "filename": "cat.png",
        "url": f"/api/attachments/{second.id}",
    }
    assert (message.text, message.parts[-1]) == ("Look", {"type": "text", "text": "Look"})
    assert len(files_in(folder)) == 2
    with pytest.raises(AttachmentSent):
        await ours.files.discard(Actor(owner), first.id)


async def test_a_picture_alone_is_a_message_and_nothing_is_none(ours: Process) -> None:
    owner = new_owner()
    chat = await ours.chats.create(owner, None)
    with pytest.raises(MessageEmpty):
        await ours.sending.add_message(owner, chat.id, " ", None, files=[])
    message = await ours.sending.add_message(owner, chat.id, "", None, files=[(await upload(ours, owner)).id])
    assert [part["type"] for part in message.parts] == ["file"]


async def test_nobody_sends_opens_or_discards_what_is_anothers(ours: Process) -> None:
    """D3: as if it were not there; and nothing of the message is stored."""
    owner, stranger = new_owner(), new_owner()
    theirs, mine = await upload(ours, owner), await upload(ours, stranger)
    chat = await ours.chats.create(stranger, None)
    for name in (theirs.id, new_owner(), "nonsense"):
        with pytest.raises(AttachmentNotFound):
            await ours.sending.add_message(stranger, chat.id, "Look", None, files=[mine.id, name])
        with pytest.raises(AttachmentNotFound):
            await ours.files.open(Actor(stranger), name)
        with pytest.raises(AttachmentNotFound):
            await ours.files.discard(Actor(stranger), name)
    assert await count(ours.database, "message") == 0
    # What was not sent is there to be sent still.
    await ours.sending.add_message(stranger, chat.id, "Look", None, files=[mine.id])


async def test_a_new_version_of_a_message_keeps_what_was_attached_or_has_other(ours: Process, folder: Path) -> None:
    """B5, B13: both versions stay as they are, over the same files."""
    owner = new_owner()
    chat = await ours.chats.create(owner, None)
    picture_of_it, other = await upload(ours, owner), await upload(ours, owner, BLUE)
    asked = await ours.sending.add_message(owner, chat.id, "Look", None, files=[picture_of_it.id])
    again = partial(ours.sending.add_message, owner, chat.id, client_id=None, message_id=asked.id)
    kept, bare, changed = (
        await again("Look again"),
        await again("Never mind", files=[]),
        await again("Both", files=[other.id, picture_of_it.id]),
    )
    assert [len(ids_in(each)) for each in (asked, kept, bare, changed)] == [1, 1, 0, 2]
    assert ids_in(asked) != ids_in(kept)
    assert len(files_in(folder)) == 2
    for message in (asked, kept, changed):
        for name in ids_in(message):
            found, data = await ours.files.open(Actor(owner), name or "")
            assert (found.message_id, found.size) == (message.id, len(data))


async def test_what_is_deleted_takes_its_files_along_and_no_others(ours: Process, folder: Path) -> None:
    """B4, D2: of chats and of accounts; those of others stay, though they hold the same."""
    leaving, staying = new_owner(), new_owner()
    kept: dict[str, Sequence[str]] = {}
    for owner in (leaving, staying):
        chats = [await ours.chats.create(owner, None) for _ in range(2)]
        for chat in chats:
            await ours.sending.add_message(owner, chat.id, "Look", None, files=[(await upload(ours, owner)).id])
        await upload(ours, owner)
        kept[owner] = [chat.id for chat in chats]
    assert len(files_in(folder)) == 6
    await ours.chats.delete(Actor(staying), kept[staying][0])
    await swept(ours)
    assert len(files_in(folder)) == 5
    belongings = Belongings(ours.wake, Vault(lambda: ["a secret for tests"]), wall_clock)
    await ours.database.write(SYSTEM, partial(belongings.delete, owner=leaving))
    await swept(ours)
    assert len(files_in(folder)) == 2
    assert await count(ours.database, "attachment") == 2
    assert await count(ours.database, "kept_file") == 2


async def test_a_snapshot_keeps_what_was_attached_and_a_copy_outlives_it(ours: Process, folder: Path) -> None:
    """B10."""
    owner, reader = new_owner(), new_owner()
    chat = await ours.chats.create(owner, None)
    await ours.sending.add_message(owner, chat.id, "", None, files=[(await upload(ours, owner)).id])
    await ours.sending.add_message(owner, chat.id, "And this", None, files=[(await upload(ours, owner, BLUE)).id])
    made, _ = await ours.sharing.create(Actor(owner), chat.id, leaf_id=None, password=None, expires_at=None)
    shown = await ours.sharing.messages(made, 0)
    assert [(each.text, len(each.files)) for each in shown] == [("", 1), ("And this", 1)]
    copy = await ours.sharing.copy(reader, made)
    await ours.chats.delete(Actor(owner), chat.id)
    await swept(ours)
    opened = await ours.chats.open(Actor(reader), copy.id, limit=10)
    names = [name for message in opened.messages.items for name in ids_in(message)]
    assert len(names) == 2
    for name in names:
        assert (await ours.files.open(Actor(reader), name or ""))[1].startswith(b"\x89PNG")
    assert len(files_in(folder)) == 2
    await ours.chats.delete(Actor(reader), copy.id)
    await swept(ours)
    assert files_in(folder) == set()


async def test_what_was_never_sent_goes_in_time(ours: Process, folder: Path) -> None:
    owner = new_owner()
    chat = await ours.chats.create(owner, None)
    sent, unsent = await upload(ours, owner), await upload(ours, owner)
    await ours.sending.add_message(owner, chat.id, "Look", None, files=[sent.id])
    stale = partial(store.delete_stale, age_ms=DAY, limit=10)
    assert await ours.database.write(SYSTEM, stale) == 0
    await age(ours.database, DAY + 1)
    assert await ours.database.write(SYSTEM, stale) == 1
    await ours.files.sweep(ours.database)
    assert files_in(folder) == {sent.file}
    with pytest.raises(AttachmentNotFound):
        await ours.files.open(Actor(owner), unsent.id)


async def test_a_visitor_may_have_so_much_unsent(ours: Process) -> None:
    """B13, D4: also when it comes all at once; what is sent or thrown away makes room."""
    owner, other = new_owner(), new_owner()
    size = (await upload(ours, other)).size
    ours.files.limits = Limits(unsent=2 * size)
    mine = [await upload(ours, owner) for _ in range(2)]
    with pytest.raises(TooMuchUnsent):
        await upload(ours, owner)
    await ours.files.discard(Actor(owner), mine[0].id)
    await upload(ours, owner)
    chat = await ours.chats.create(owner, None)
    await ours.sending.add_message(owner, chat.id, "Look", None, files=[mine[1].id])
    await upload(ours, owner)
    with pytest.raises(TooMuchUnsent):
        await upload(ours, owner)


async def test_nothing_is_stored_of_what_is_refused(ours: Process, folder: Path) -> None:
    """Issue 5: neither a message nor a chat, and no file that stays."""
    owner = new_owner()
    blind = Send(text="Look", model="demo/tour", files=[(await upload(ours, owner)).id])
    with pytest.raises(PicturesUnseen, match="Tour of Penstock cannot see pictures"):
        await ours.sending.send(owner, blind)
    with pytest.raises(AttachmentUnsupported):
        await upload(ours, owner, b"<svg/>")
    with pytest.raises(TooManyAttachments):
        await ours.files.take([Reference(id="x")] * (ours.files.limits.count + 1))
    with pytest.raises(AttachmentUnsupported):
        await ours.files.take([Reference(url="data:text/plain,fine"), Reference(url="data:text/html,<p>")])
    assert await count(ours.database, "chat") == 0
    assert await count(ours.database, "message") == 0
    await swept(ours)
    assert len(files_in(folder)) == 1


async def test_a_send_that_is_refused_keeps_what_was_uploaded(ours: Process) -> None:
    """D4: a question too many leaves its picture to be sent tomorrow."""
    owner = new_owner()
    text = await ours.files.upload(owner, b"Long text", name="", said="text/plain")
    payer = Payer(visitor=Visitor(identity=owner, kind="anonymous"), address=f"address of {owner}")
    send = Send(text="One", model="demo/tour", payer=payer)
    run = await ours.sending.send(owner, send)
    with pytest.raises(QuotaUsedUp):
        await ours.sending.send(owner, replace(send, text="Two", files=[text.id]))
    assert (await ours.files.open(Actor(owner), text.id))[0].message_id is None
    assert await ours.sending.send(owner, Send(text="Two", chat_id=run.chat_id, when_busy="enqueue", files=[text.id]))


async def test_a_repeated_send_is_the_first_one(ours: Process) -> None:
    """A10: its attachments are on the first message by then."""
    owner = new_owner()
    text = await ours.files.upload(owner, b"Long text", name="", said="text/plain")
    send = Send(text="One", model="demo/tour", client_message_id="x", files=[text.id])
    assert (await ours.sending.send(owner, send)).id == (await ours.sending.send(owner, send)).id
    assert await count(ours.database, "attachment") == 1


async def test_a_content_that_is_gone_is_an_error_that_can_be_told(ours: Process, folder: Path) -> None:
    owner = new_owner()
    made = await upload(ours, owner)
    await ours.contents.delete(made.file)
    with pytest.raises(ContentMissing):
        await ours.files.open(Actor(owner), made.id)


async def test_a_model_reads_what_is_attached_and_is_told_what_it_cannot_see(ours: Process) -> None:
    """B7, B13: of an earlier message; the picture was sent to another model."""
    owner = new_owner()
    chat = await ours.chats.create(owner, None)
    files = [(await ours.files.upload(owner, b"It was a dark night", name="a.md", said="text/plain")).id]
    files.append((await upload(ours, owner)).id)
    await ours.sending.add_message(owner, chat.id, "Look", None, files=files)
    async with ours.working():
        run = await ours.sending.send(owner, Send(text="And?", chat_id=chat.id, model="demo/tour"))
        assert (await ours.runs.ended(Actor(owner), run.id)).status == "completed"


DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from penstock.db.database import open_database
from penstock.files.contents import FolderContents
from penstock.files.fetch import Fetcher
from penstock.files.model import Limits
from penstock.files.service import FileService
from penstock.kit.clock import wall_clock

path, url, folder, moment = sys.argv[1:]

class Dying(FolderContents):
    async def put(self, name, data):
        if moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if moment == "within":
            place = Path(folder) / name[:2]
            place.mkdir(parents=True)
            (place / f"{name}.part").write_bytes(data[:10])
            os.kill(os.getpid(), signal.SIGKILL)
        await super().put(name, data)
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    database = open_database(Path(path), url)
    files = FileService(database, Dying(Path(folder)), Fetcher(), wall_clock, Limits())
    await files.upload("0192f0c1-0000-7000-8000-000000000000", sys.stdin.buffer.read(), name="", said="image/png")

asyncio.run(main())
"""


@pytest.mark.parametrize("moment", ["before", "within", "after"])
async def test_a_process_killed_over_an_upload_leaves_nothing_that_stays(
    ours: Process, place: tuple[Path, str], folder: Path, moment: str
) -> None:
    """A7: between the note of a file, its bytes and its row."""
    path, url = place
    command = [sys.executable, "-c", DYING, str(path), url, str(folder), moment]
    died = subprocess.run(command, input=RED, check=False, env=dict(os.environ), timeout=60)  # noqa: ASYNC221
    assert died.returncode == -signal.SIGKILL
    assert await count(ours.database, "attachment") == 0
    assert await count(ours.database, "kept_file") == 1
    assert len(files_in(folder)) == (0 if moment == "before" else 1)
    # What somebody else is uploading just now is nobody's orphan.
    await ours.files.sweep(ours.database)
    assert await count(ours.database, "kept_file") == 1
    mine = await upload(ours, new_owner())
    await swept(ours)
    assert files_in(folder) == {mine.file}
    assert await count(ours.database, "kept_file") == 1
