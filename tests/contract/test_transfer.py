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
import sqlalchemy as sa
from parts import Open, Process, count, eventually, new_owner, process

from penstock.actor import Actor, IdentityId, Visitor
from penstock.chats import recount
from penstock.chats.changes import Changes
from penstock.chats.model import ChatNotFound
from penstock.chats.reactions import Mark
from penstock.chats.sending import Send
from penstock.chats.service import ChatChange
from penstock.chats.templates import store as template_store
from penstock.chats.templates.model import Variable
from penstock.chats.templates.service import TemplateChange
from penstock.chats.transactions import Transactions
from penstock.chats.transfer import exporting, importing, reading, store
from penstock.chats.transfer.exporting import Exports
from penstock.chats.transfer.form import moment
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


def packed(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", method) as archive:
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
            message["besideId"] = numbers.get(message["besideId"])
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
        pair = await ours.sending.send(owner, Send(chat_id=run.chat_id, text="And?", compare_with="demo/tour"))
        other = await ours.chats.beside(actor, pair)
        assert other is not None
        for each in (pair, other):
            await ours.runs.ended(actor, each.id)
    await ours.chats.mark(
        actor, run.chat_id, run.message_id, Mark(reactions=["🎉"], rates=True, rating="up", reason="!")
    )
    filed = ChatChange(leaf_id=run.message_id, pinned=True, tags=["b", "a"], moves=True, folder_id=inner.id)
    await ours.chats.change(actor, run.chat_id, filed)
    asked_with = ChatChange(settings={"temperature": 0.25}, prompts=True, system_prompt="Be kind.")
    await ours.chats.change(actor, run.chat_id, asked_with)
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
    messages = nameless(data)[2][0]["messages"]
    assert [message["besideId"] is None for message in messages] == [True] * 4 + [False] * 2
    (chat,) = [each for each in (await ours.chats.list(Actor(other), limit=9)).items if each.message_count]
    assert (chat.settings, chat.system_prompt) == ({"temperature": 0.25}, "Be kind.")
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


async def test_a_chat_that_is_deleted_while_it_is_taken_away_spoils_nothing(
    ours: Process, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B9: what was read of it until then comes back, and so does all else."""
    monkeypatch.setattr(exporting, "PAGE", 1)
    owner, other = new_owner(), new_owner()
    for title in ("First", "Second"):
        chat = await ours.chats.create(owner, title)
        for number in range(3):
            await ours.sending.add_message(owner, chat.id, f"{title} {number}", None)
    (_, first) = (await ours.chats.list(Actor(owner), limit=5)).items
    sent: list[bytes] = []
    async for piece in Exports(ours.database, wall_clock, ours.contents).archive(Actor(owner), "json"):
        sent.append(piece)
        if len(sent) == 2:
            await ours.chats.delete(Actor(owner), first.id)
    job = await bring(ours, folder, other, b"".join(sent))
    assert (job.status, job.created) == ("completed", 2), job
    assert [each[1] for each in await shown(ours, other, "First")] == ["First 0"]
    assert [each[1] for each in await shown(ours, other, "Second")] == [f"Second {number}" for number in range(3)]


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


async def test_what_says_no_time_is_known_again(ours: Process, folder: Path) -> None:
    """B9: a chat that the file does not date is not stored anew each time that the file comes."""
    asked: dict[str, Any] = {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["x"]}}
    undated: list[Any] = [
        [{"title": "a", "mapping": {"a": {"message": asked}}}],
        [OPEN_WEBUI[1]],
        {"conversationId": "l3", "title": "c", "messages": [{"messageId": "1", "text": "x", "isCreatedByUser": True}]},
    ]
    owner = new_owner()
    for file in undated:
        data = json.dumps(file).encode()
        assert [(await bring(ours, folder, owner, data)).created for _ in range(2)] == [1, 0], file


def own(chat: Mapping[str, Any], *messages: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document of ours, with these fields beside those that it has to have."""
    at = "2026-01-02T03:04:05Z"
    said = [
        {"id": "m", "parentId": None, "role": "user", "status": "completed", "createdAt": at}
        | {"parts": [{"type": "text", "text": "Hello"}], **each}
        for each in messages
    ]
    return {
        "format": "penstock-chat",
        "version": 1,
        "chat": {"id": "c", "title": "Dams", "createdAt": at, "updatedAt": at, **chat},
        "messages": said,
    }


def with_manifest(chats: Mapping[str, Any], **fields: Any) -> bytes:
    """Return an archive of ours."""
    manifest = {"format": "penstock-export", "version": 1, "exportedAt": "2026-01-02T03:04:05Z", **fields}
    files = {"manifest.json": manifest, **chats}
    return packed({name: json.dumps(each).encode() for name, each in files.items()})


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "9999-12-31T23:59:59.999999Z"]
)
async def test_times_at_the_ends_of_the_calendar_are_taken(ours: Process, folder: Path, at: str) -> None:
    """B9: no list and no export falls over one that lies outside of it, and pages go on behind it."""
    owner = new_owner()
    file = own({"createdAt": at, "updatedAt": at, "leafId": "m"}, {"createdAt": at, "completedAt": at})
    other = {"messageId": "1", "text": "x", "isCreatedByUser": True, "createdAt": at}
    for each in (file, {"conversationId": "l", "title": "l", "messages": [other]}):
        job = await bring(ours, folder, owner, json.dumps(each).encode())
        assert (job.status, job.created) == ("completed", 1), job
    page = await ours.chats.list(Actor(owner), limit=1)
    rest = await ours.chats.list(Actor(owner), limit=1, cursor=page.next_cursor)
    for chat in (*page.items, *rest.items):
        assert chat.created_at == chat.updated_at == chat.last_message_at
        assert moment(chat.updated_at).year in {1970, 9999}
    assert len(entries(await taken(ours, owner))) == 3


async def test_what_is_of_no_kind_is_passed_over(ours: Process, folder: Path) -> None:
    """B9: a role or a type that is not even a word is one that we do not know."""
    owner, odd = new_owner(), {"author": {"role": ["user"]}, "role": ["user"], "content": [{"type": ["text"]}]}
    files: list[Any] = [
        [{"id": "g", "mapping": {"a": {"message": odd}}}],
        [{"id": "w", "chat": {"messages": [odd]}}],
        {"conversationId": "l", "messages": [{**odd, "messageId": "1"}]},
        own({}, {"parts": [{"type": {}}]}),
    ]
    for file in files:
        job = await bring(ours, folder, owner, json.dumps(file).encode())
        assert (job.status, job.created) == ("completed", 1), (file, job)


async def test_messages_without_a_chosen_path_are_shown(ours: Process, folder: Path) -> None:
    """B9: the last of them is as good as any."""
    owner = new_owner()
    await bring(ours, folder, owner, json.dumps(own({}, {})).encode())
    assert await shown(ours, owner, "Dams") == [("user", "Hello", None, "completed", 1)]


async def test_names_that_no_database_holds_are_mended(ours: Process, folder: Path) -> None:
    """B9: those of folders and templates as well, so that a chat finds its folder."""
    owner = new_owner()
    folders = [{"id": "f", "name": "a\0b"}]
    variables = [{"name": "who", "default": "\0"}]
    templates = [{"name": "\0", "text": "{{who}} \0", "variables": variables}]
    job = await bring(
        ours, folder, owner, with_manifest({"c.json": own({"folderId": "f"}, {})}, folders=folders, templates=templates)
    )
    assert (job.status, job.created) == ("completed", 1), job
    (filed,) = (await ours.filing.list(Actor(owner))).items
    (chat,) = (await ours.chats.list(Actor(owner), limit=5)).items
    assert (filed.name, chat.folder_id) == ("a\ufffdb", filed.id)
    (template,) = await ours.templates.list(owner)
    assert await ours.templates.fill(owner, template.id, {}) == "\ufffd \ufffd"


async def test_more_folders_and_templates_than_there_can_be_bring_nothing_in(
    ours: Process, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B9: neither chats nor those that there would be room for; and the next file has its turn."""
    monkeypatch.setattr(store, "MOST_FOLDERS", 2)
    monkeypatch.setattr(template_store, "MOST_TEMPLATES", 1)
    owner = new_owner()
    chats = {"c.json": own({}, {})}
    three = [{"id": each, "name": each} for each in "abc"]
    two = [{"name": each, "text": each} for each in "ab"]
    for fields, code in (({"folders": three}, "too_many_folders"), ({"templates": two}, "too_many_templates")):
        job = await bring(ours, folder, owner, with_manifest(chats, **fields))
        assert (job.status, job.error_code, job.created) == ("failed", code, 0), job
    assert [await count(ours.database, table) for table in ("chat", "folder", "template")] == [0, 0, 0]
    assert (await bring(ours, folder, owner, with_manifest(chats, folders=three[:2]))).status == "completed"


async def test_what_fails_in_the_middle_is_over(ours: Process, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """B9: and says so, with what was stored before: nobody waits for it, nor is kept from bringing the next file."""
    monkeypatch.setattr(importing, "AT_ONCE", 5)
    owner, store_some = new_owner(), importing.store_some

    def failing(connection: sa.Connection, changes: Changes, job: Job, chats: Sequence[Incoming]) -> Job:
        if job.done:
            raise ValueError("a mistake of ours")
        return store_some(connection, changes, job, chats)

    monkeypatch.setattr(importing, "store_some", failing)
    data = json.dumps(CHATGPT).encode()
    job = await bring(ours, folder, owner, data)
    assert (job.status, job.error_code, job.done, job.created) == ("failed", "internal", 5, 5)
    monkeypatch.setattr(importing, "store_some", store_some)
    assert (await bring(ours, folder, owner, data)).created == 40


GOOD = json.dumps(CHATGPT[0]).encode()
_DEEP = b"[" * 200_000 + b"]" * 200_000
TORN = bytearray(packed({"conversations.json": b"[" + GOOD + b"]"}))
TORN[60:80] = bytes(20)
AMISS = bytearray(packed({"a.json": GOOD}))
# Where the list of entries stands, a little too far back: so the first of them begins before the file does.
_PLACE = AMISS.rfind(b"PK\x05\x06") + 16
AMISS[_PLACE : _PLACE + 4] = (int.from_bytes(AMISS[_PLACE : _PLACE + 4], "little") + 9).to_bytes(4, "little")
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
    "bzip2": (packed({"a.json": GOOD}, zipfile.ZIP_BZIP2), "import_invalid", "a.json"),
    "lzma": (packed({"a.json": GOOD}, zipfile.ZIP_LZMA), "import_invalid", "a.json"),
    "no name": (packed({"é.json": GOOD}).replace("é".encode(), b"\xff\xfe"), "import_invalid", None),
    "folders": (
        with_manifest({}, folders=[{"id": f"{each}", "name": "f"} for each in range(1001)]),
        "import_invalid",
        "manifest.json",
    ),
    "choices": (
        with_manifest({}, templates=[{"name": "t", "text": "{{a}}", "variables": [
            {"name": "a", "kind": "choice", "choices": [f"{each}" for each in range(51)]}]}]),
        "import_invalid",
        "manifest.json",
    ),
    "long default": (
        with_manifest(
            {}, templates=[{"name": "t", "text": "{{a}}", "variables": [{"name": "a", "default": "x" * 1001}]}]
        ),
        "import_invalid",
        "manifest.json",
    ),
    "before its start": (bytes(AMISS), "import_invalid", "a.json"),
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


async def test_of_two_files_at_once_one_is_taken(open_another: Open, folder: Path) -> None:
    """B9: by two processes; both would bring in the same chats, each without those of the other."""
    async with process(open_another()) as one, process(open_another()) as other:
        imports = [imports_of(each, folder) for each in (one, other)]
        for _ in range(10):
            visitor = Visitor(identity=new_owner(), kind="regular")
            arriving = [each.accept(visitor, pieces(b"[]")) for each in imports]
            taken = await asyncio.gather(*arriving, return_exceptions=True)
            assert sorted(type(each).__name__ for each in taken) == ["ImportLive", "Job"]


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
