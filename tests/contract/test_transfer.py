"""Chats as files, over each database: taken away, brought in again, and from other programs (B9)."""

import asyncio
import io
import json
import random
import tracemalloc
import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from parts import Process, count, eventually, new_owner, process

from penstock.actor import Actor, IdentityId, Visitor
from penstock.chats import recount
from penstock.chats.model import ChatNotFound
from penstock.chats.reactions import Mark
from penstock.chats.sending import Send
from penstock.chats.service import ChatChange
from penstock.chats.templates.model import Variable
from penstock.chats.templates.service import TemplateChange
from penstock.chats.transactions import Transactions
from penstock.chats.transfer import importing, reading, store
from penstock.chats.transfer.exporting import Exports
from penstock.chats.transfer.importing import Imports
from penstock.chats.transfer.model import ImportLive, ImportNotFound, Incoming, Job, Note
from penstock.db.database import Database
from penstock.kit.clock import wall_clock

MOST = 1_000_000


@pytest.fixture
async def ours(database: Database) -> AsyncIterator[Process]:
    async with process(database) as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where files are kept until they are in."""
    made = tmp_path / "imports"
    made.mkdir()
    return made


def left_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def imports_of(ours: Process, folder: Path) -> Imports:
    return Imports(Transactions(ours.database, ours.wake, wall_clock), folder, ours.files, max_bytes=MOST)


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 1000):
        yield data[at : at + 1000]


async def bring(ours: Process, folder: Path, owner: IdentityId, data: bytes) -> Job:
    """Bring a file in, to the end of its job."""
    imports = imports_of(ours, folder)
    async with imports.running():
        job = await imports.accept(Visitor(identity=owner, kind="regular"), pieces(data))

        async def ended() -> Job | None:
            found = await imports.get(Actor(owner), job.id)
            return found if found.ended_at is not None and not left_in(folder) else None

        found = await eventually(ended)
        assert found is not None
        return found


async def taken(ours: Process, owner: IdentityId, kind: Any = "json") -> bytes:
    return b"".join(
        [piece async for piece in Exports(ours.database, wall_clock, ours.contents).archive(Actor(owner), kind)]
    )


def entries(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: Mapping[str, bytes]) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return kept.getvalue()


def nameless(data: bytes) -> list[Any]:
    """Return what is in an export, without its ids and the time of its making: numbers stand in their place."""
    files = entries(data)
    manifest = json.loads(files.pop("manifest.json"))
    documents = sorted((json.loads(each) for each in files.values()), key=lambda each: each["chat"]["title"])
    names = {each["id"]: each["name"] for each in manifest["folders"]}
    for document in documents:
        numbers = {each["id"]: number for number, each in enumerate(document["messages"])}
        chat = document["chat"]
        chat.pop("id")
        chat["folderId"] = names.get(chat["folderId"])
        chat["leafId"] = numbers.get(chat["leafId"])
        for message in document["messages"]:
            message.pop("id")
            message["parentId"] = numbers.get(message["parentId"])
    folders = sorted((each["name"], names.get(each["parentId"])) for each in manifest["folders"])
    return [folders, manifest["templates"], documents]


async def full_life(ours: Process, owner: IdentityId) -> str:
    """Give somebody chats with all that there can be in them; return the id of one with branches."""
    actor, visitor = Actor(owner), Visitor(identity=owner, kind="regular")
    outer = await ours.filing.create(owner, "Outer", None)
    inner = await ours.filing.create(owner, "Inner", outer.id)
    await ours.filing.create(owner, "Empty", outer.id)
    variables = [Variable(name="name", kind="choice", default="a", choices=("a", "b"))]
    await ours.templates.create(visitor, TemplateChange(name="Greet", text="Hello {{name}}", variables=variables))
    async with ours.working():
        settings = {"temperature": 0.5, "maxTokens": 900, "systemPrompt": "Be brief."}
        run = await ours.sending.send(owner, Send(text="Hello \u2028 dam", model="demo/tour", settings=settings))
        await ours.runs.ended(actor, run.id)
        again = Send(chat_id=run.chat_id, trigger="regenerate-message", message_id=run.message_id)
        await ours.runs.ended(actor, (await ours.sending.send(owner, again)).id)
    await ours.chats.mark(
        actor, run.chat_id, run.message_id, Mark(reactions=["🎉"], rates=True, rating="up", reason="!")
    )
    filed = ChatChange(leaf_id=run.message_id, pinned=True, tags=["b", "a"], moves=True, folder_id=inner.id)
    await ours.chats.change(actor, run.chat_id, filed)
    empty = await ours.chats.create(owner, "Nothing in it")
    await ours.chats.change(actor, empty.id, ChatChange(archived=True))
    return run.chat_id


async def test_what_was_taken_away_comes_back_as_it_was(ours: Process, folder: Path) -> None:
    """B9: tree, reactions, folders, tags and templates; to somebody else, and once however often it is brought."""
    owner, other = new_owner(), new_owner()
    chat_id = await full_life(ours, owner)
    data = await taken(ours, owner)
    job = await bring(ours, folder, other, data)
    assert (job.status, job.source, job.total, job.done, job.created) == ("completed", "penstock", 2, 2, 2)
    assert nameless(await taken(ours, other)) == nameless(data)
    assert len(nameless(data)[2][0]["messages"]) == 3
    # Whoever has it already has it once: where it was made, and where it was brought.
    for who in (owner, other):
        job = await bring(ours, folder, who, data)
        assert (job.status, job.done, job.created) == ("completed", 2, 0)
    assert nameless(await taken(ours, other)) == nameless(data)
    await ours.chats.delete(Actor(owner), chat_id)
    assert (await bring(ours, folder, owner, data)).created == 1
    for rule in recount.RULES.values():
        assert await ours.database.read(Actor(None), rule) == []


async def test_a_single_chat_comes_back_too(ours: Process, folder: Path) -> None:
    """B9: and as Markdown it can be read."""
    owner, other = new_owner(), new_owner()
    chat_id = await full_life(ours, owner)
    exports = Exports(ours.database, wall_clock, ours.contents)
    document = b"".join([piece async for piece in exports.document(await exports.take(Actor(owner), chat_id))])
    job = await bring(ours, folder, other, document)
    assert (job.status, job.created) == ("completed", 1)
    text = b"".join([piece async for piece in exports.markdown(await exports.take(Actor(owner), chat_id))]).decode()
    assert text.startswith("# Hello dam\n\n## You · ")
    assert text.count("## demo/tour · ") == 1
    names = list(entries(await taken(ours, owner, "markdown")))
    assert sorted(name[:20] for name in names) == ["chats/Hello dam " + chat_id[-8:-4], "chats/Nothing in it "]
    for stranger in (other, new_owner()):
        with pytest.raises(ChatNotFound):
            await exports.take(Actor(stranger), chat_id)


CHATGPT: list[dict[str, Any]] = [
    {
        "title": f"Conversation {number}",
        "create_time": 1_700_000_000.5 + number,
        "update_time": 1_700_000_100,
        "conversation_id": f"c{number}",
        "current_node": "d",
        "mapping": {
            "c": {
                "parent": "b",
                "message": {
                    "author": {"role": "user"},
                    "create_time": 1_700_000_001,
                    "content": {
                        "content_type": "multimodal_text",
                        "parts": [{"asset_pointer": "x"}, "What is \0this?"],
                    },
                },
            },
            "a": {"parent": None, "message": None},
            "b": {
                "parent": "a",
                "message": {"author": {"role": "system"}, "content": {"content_type": "text", "parts": ["x"]}},
            },
            "d": {
                "parent": "c",
                "message": {
                    **(
                        answer := {
                            "author": {"role": "assistant"},
                            "create_time": None,
                            "content": {"content_type": "text", "parts": ["A dam."]},
                            "metadata": {"model_slug": "gpt-4o"},
                        }
                    )
                },
            },
            "e": {"parent": "c", "message": {**answer, "content": {"content_type": "text", "parts": ["A weir."]}}},
        },
    }
    for number in range(45)
]
OPEN_WEBUI: list[dict[str, Any]] = [
    {
        "id": "w1",
        "title": "Weirs",
        "created_at": 1_700_000_000,
        "updated_at": 1_700_000_100,
        "pinned": True,
        "meta": {"tags": ["water", " water "]},
        "chat": {
            "history": {
                "currentId": "2",
                "messages": {
                    "2": {
                        "id": "2", "parentId": "1", "role": "assistant", "model": "llama3",
                        "content": '<details type="reasoning" done="true">\nhm\n</details>\nYes.',
                        "done": True, "annotation": {"rating": -1}, "timestamp": 1_700_000_002,
                    },
                    "1": {"id": "1", "parentId": None, "role": "user", "content": "Is it?", "timestamp": 1_700_000_001},
                    "3": {"id": "3", "parentId": "1", "role": "assistant", "content": "No", "done": False},
                },
            }
        },
    },
    {"chat": {"title": "Old", "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}},
]  # fmt: skip
LIBRECHAT: dict[str, Any] = {
    "conversationId": "l1",
    "title": "Locks",
    "recursive": True,
    "options": {"model": "gpt-4o"},
    "messagesTree": [
        {
            "messageId": "1", "parentMessageId": "00000000-0000-0000-0000-000000000000", "text": "How?",
            "isCreatedByUser": True, "createdAt": "2025-01-02T03:04:05.678Z",
            "children": [
                {"messageId": "2", "text": "", "content": [{"type": "text", "text": {"value": "So."}}], "model": "x"},
                {"messageId": "3", "text": "Or so.", "unfinished": True, "children": []},
            ],
        }
    ],
}  # fmt: skip


async def shown(ours: Process, owner: IdentityId, title: str) -> list[Sequence[Any]]:
    actor = Actor(owner)
    (chat,) = [each for each in (await ours.chats.list(actor, limit=200)).items if each.title == title]
    path = await ours.chats.messages(actor, chat.id, limit=50)
    return [(each.role, each.text, each.model, each.status, len(each.version_ids)) for each in path.items]


async def test_chats_of_chatgpt_are_brought_in(ours: Process, folder: Path) -> None:
    """B9: with their branches, in the archive as it is sent to people, or the list alone."""
    data = json.dumps(CHATGPT).encode()
    for owner, file in (
        (new_owner(), data),
        (new_owner(), packed({"user.json": b"{}", "conversations.json": data, "chat.html": b"<p>"})),
    ):
        job = await bring(ours, folder, owner, file)
        assert (job.status, job.source, job.total, job.created) == ("completed", "chatgpt", 45, 45), job
        assert await shown(ours, owner, "Conversation 3") == [
            ("user", "What is \ufffdthis?", None, "completed", 1),
            ("assistant", "A dam.", "gpt-4o", "completed", 2),
        ]
        (first, *_) = (await ours.chats.list(Actor(owner), limit=1)).items
        assert (first.updated_at, first.last_message_at) == (1_700_000_100_000, 1_700_000_044_500)
        assert (await bring(ours, folder, owner, data)).created == 0


async def test_chats_of_open_webui_are_brought_in(ours: Process, folder: Path) -> None:
    """B9."""
    owner = new_owner()
    job = await bring(ours, folder, owner, json.dumps(OPEN_WEBUI).encode())
    assert (job.status, job.source, job.created) == ("completed", "open-webui", 2), job
    assert await shown(ours, owner, "Weirs") == [
        ("user", "Is it?", None, "completed", 1),
        ("assistant", "Yes.", "llama3", "completed", 2),
    ]
    assert await shown(ours, owner, "Old") == [
        ("user", "a", None, "completed", 1),
        ("assistant", "b", None, "completed", 1),
    ]
    (weirs,) = [each for each in (await ours.chats.list(Actor(owner), limit=9)).items if each.title == "Weirs"]
    assert (weirs.pinned, weirs.tags) == (True, ["water"])


async def test_conversations_of_librechat_are_brought_in(ours: Process, folder: Path) -> None:
    """B9: one, or many in an archive."""
    owner = new_owner()
    (first,) = LIBRECHAT["messagesTree"]
    flat = {"conversationId": "l2", "title": "Flat", "messages": [{**first, "children": None}]}
    files = {"a.json": json.dumps(LIBRECHAT).encode(), "b/c.json": b"\xef\xbb\xbf" + json.dumps(flat).encode()}
    job = await bring(ours, folder, owner, packed(files))
    assert (job.status, job.source, job.created) == ("completed", "librechat", 2), job
    assert await shown(ours, owner, "Locks") == [
        ("user", "How?", None, "completed", 1),
        ("assistant", "Or so.", None, "interrupted", 2),
    ]
    assert len(await shown(ours, owner, "Flat")) == 1


GOOD = json.dumps(CHATGPT[0]).encode()
_DEEP = b"[" * 200_000 + b"]" * 200_000
TORN = bytearray(packed({"conversations.json": b"[" + GOOD + b"]"}))
TORN[60:80] = bytes(20)
BAD: dict[str, tuple[bytes, str, str | None]] = {
    "cut off": (b"[" + GOOD + b"," + GOOD[:-20], "import_invalid", None),
    "goes on": (b"[" + GOOD + b"] x", "import_invalid", None),
    "a hole": (b"[" + GOOD + b",,]", "import_invalid", "[1]"),
    "no object": (b"[" + GOOD + b", 7]", "import_invalid", "[1]"),
    "deep": (b"[" + GOOD + b"," + _DEEP + b"]", "import_invalid", "[1]"),
    "another list": (b'[{"a": 1}]', "import_unknown", "[0]"),
    "no json": (b"\x89PNG", "import_unknown", None),
    "nothing": (b"", "import_unknown", None),
    "not utf-8": (b'[{"mapping": {}, "title": "\xff"}]', "import_invalid", "[0]"),
    "a circle": (
        b'[{"mapping": {"a": {"parent": "b"}, "b": {"parent": "a"}}}]',
        "import_invalid",
        "[0]",
    ),
    "a bad entry": (
        packed({"conversations.json": b"[" + GOOD + b', {"mapping": 1}]'}), "import_invalid", "conversations.json[1]"
    ),
    "no export": (packed({"a.txt": b"x"}), "import_unknown", None),
    "slip": (packed({"conversations.json": b"[" + GOOD + b"]", "../../x": b""}), "import_name_unsafe", "../../x"),
    "absolute": (packed({"/etc/x.json": GOOD}), "import_name_unsafe", "/etc/x.json"),
    "drive": (packed({"C:x.json": GOOD}), "import_name_unsafe", "C:x.json"),
    "bomb": (packed({"conversations.json": b" " * (4 * MOST + 1)}), "import_too_large", None),
    "damaged": (packed({"conversations.json": b"[" + GOOD * 9 + b"]"})[:-30], "import_unknown", None),
    "lies": (packed({"conversations.json": GOOD}).replace(b"PK\x01\x02", b"PK\x01\x03"), "import_invalid", None),
    "torn": (bytes(TORN), "import_invalid", "conversations.json"),
    "manifest": (
        packed({"manifest.json": b'{"format": "penstock-export", "version": 2}'}), "import_invalid", "manifest.json"
    ),
    "own circle": (
        packed({"manifest.json": b'{"format":"penstock-export","version":1,"exportedAt":"2026-01-01T00:00:00Z",'
                b'"folders":[{"id":"a","name":"a","parentId":"a"}]}'}),
        "import_invalid",
        "manifest.json",
    ),
}  # fmt: skip


async def test_a_bad_file_brings_nothing_in_and_says_what_is_wrong(ours: Process, folder: Path) -> None:
    """B9, S16: with the entry, where it is one; and nothing of it stays."""
    owner = new_owner()
    for name, (data, code, entry) in BAD.items():
        job = await bring(ours, folder, owner, data)
        assert (job.status, job.error_code, job.error_entry) == ("failed", code, entry), (name, job)
        assert job.error_message
    assert await count(ours.database, "chat") == 0


async def test_a_chat_that_is_too_large_is_refused(
    ours: Process, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B9: before it is in memory."""
    monkeypatch.setattr(reading, "MOST_CHAT_BYTES", len(GOOD) + 10)
    owner = new_owner()
    big = json.dumps({**CHATGPT[0], "title": "x" * 100}).encode()
    for data in (b"[" + GOOD + b"," + big + b"]", packed({"a.json": big})):
        assert (await bring(ours, folder, owner, data)).error_code == "import_too_large"
    assert (await bring(ours, folder, owner, b"[" + GOOD + b"]")).status == "completed"


async def test_a_job_goes_on_where_it_was_left(ours: Process, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """B9: by another process, over the file that the first has left; each chat once, progress seen."""
    monkeypatch.setattr(importing, "AT_ONCE", 5)
    owner, stored = new_owner(), asyncio.Event()
    first = imports_of(ours, folder)
    store_some = importing.store_some

    def stopped(*given: Any, **named: Any) -> Job:
        if stored.is_set():
            raise OSError("the database is away")
        return store_some(*given, **named)

    monkeypatch.setattr(importing, "store_some", stopped)
    async with first.running():
        visitor = Visitor(identity=owner, kind="regular")
        job = await first.accept(visitor, pieces(json.dumps(CHATGPT).encode()))

        async def some_are_in() -> bool:
            return (await first.get(Actor(owner), job.id)).done >= 5

        await eventually(some_are_in)
        stored.set()
        with pytest.raises(ImportLive):
            await first.accept(visitor, pieces(b"[]"))
    left = await first.get(Actor(owner), job.id)
    monkeypatch.setattr(importing, "store_some", store_some)
    second = imports_of(ours, folder)
    async with second.running():

        async def ended() -> Job | None:
            found = await second.get(Actor(owner), job.id)
            return found if found.status == "completed" else None

        done = await eventually(ended)
    assert done is not None
    assert left.status in {"storing", "completed"}
    assert (done.total, done.done, done.created) == (45, 45, 45)
    assert await count(ours.database, "chat") == 45
    with pytest.raises(ImportNotFound):
        await second.get(Actor(new_owner()), job.id)


async def test_a_file_whose_owner_is_gone_is_removed(ours: Process, folder: Path) -> None:
    """D3: and so is what somebody was sending when the process ended."""
    imports = imports_of(ours, folder)
    (folder / "01a1f000-0000-7000-8000-000000000000.import").write_bytes(b"[]")
    (folder / "x.part").write_bytes(b"[")
    async with imports.running():

        async def is_empty() -> bool:
            return not left_in(folder)

        await eventually(is_empty)


@pytest.mark.long
@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_what_is_taken_away_is_never_in_memory_at_once(ours: Process) -> None:
    """B9: of twenty megabytes there is never more than a page."""
    owner, now = new_owner(), wall_clock()
    for number in range(40):
        note = Note(parent=None, role="user", text=random.randbytes(250_000).hex(), created_at=now)
        chat = Incoming(
            source="librechat", id=None, title=f"{number}", created_at=now, updated_at=now, notes=[note], leaf=0
        )
        await ours.database.write(Actor(owner), partial(store.insert_chat, owner=owner, chat=chat))
    sent = 0
    tracemalloc.start()
    try:
        async for piece in Exports(ours.database, wall_clock, ours.contents).archive(Actor(owner), "json"):
            sent += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sent > 10_000_000
    assert peak < 7_000_000
