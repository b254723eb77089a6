"""Finding messages by what is in them, over each database (B8)."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
import sqlalchemy as sa
from parts import Process, new_owner, process

from penstock.actor import SYSTEM, Actor, IdentityId, Visitor
from penstock.chats import store
from penstock.chats.completions import Asked
from penstock.chats.model import CursorInvalid
from penstock.chats.search.model import Hit, Query, terms_of
from penstock.chats.sending import Send
from penstock.chats.service import ChatChange
from penstock.db.database import Database
from penstock.db.owned import move_owned
from penstock.db.schema import message as message_table
from penstock.kit.clock import Millis
from penstock.kit.ids import new_id
from penstock.limits.model import Payer
from penstock.providers.base import ChatRequest, ChatTurn


@pytest.fixture
async def ours(database: Database) -> AsyncIterator[Process]:
    async with process(database) as started:
        yield started


async def put(ours: Process, owner: IdentityId, *texts: str) -> str:
    """Store messages in a new chat; return its id."""
    chat = await ours.chats.create(owner, None)
    for text in texts:
        await ours.sending.add_message(owner, chat.id, text, None)
    return chat.id


async def found(ours: Process, owner: IdentityId, text: str, limit: int = 50) -> list[str]:
    """Return the snippets of what is found, latest first, with what is marked in brackets."""
    page = await ours.search.search(owner, Query(terms=terms_of(text)), limit=limit)
    return [shown(hit) for hit in page.items]


def shown(hit: Hit) -> str:
    return "".join(f"[{each.text}]" if each.is_marked else each.text for each in hit.snippet)


async def test_messages_are_found_by_words_and_parts_of_words(ours: Process) -> None:
    """B8: in either case, all terms of them, latest first; what looks like an operator is text."""
    owner = new_owner()
    await put(
        ours, owner, "The Penstock feeds a turbine.", "A turbine turns.", "C++ and C# (both)", "a%b_c 'x' \\ NEAR("
    )
    assert await found(ours, owner, "TURBINE") == ["A [turbine] turns.", "The Penstock feeds a [turbine]."]
    assert await found(ours, owner, "stock urbi") == ["The Pen[stock] feeds a t[urbi]ne."]
    assert await found(ours, owner, '"a turbine" the') == ["[The] Penstock feeds [a turbine]."]
    assert await found(ours, owner, "turbine feeds nothing") == []
    assert await found(ours, owner, "c++") == ["[C++] and C# (both)"]
    assert await found(ours, owner, "(both) AND and") == ["C++ [and] C# [(both)]"]
    for text, mark in (("NEAR(", "[NEAR(]"), ("'x'", "['x']"), ("a%b_c", "[a%b_c]"), ("\\ NEAR", "[\\] [NEAR](")):
        assert [mark in each for each in await found(ours, owner, text)] == [True], text
    assert await found(ours, owner, "a_b") == []


async def test_scripts_without_spaces_and_the_shortest_queries_find(ours: Process) -> None:
    """B8: CJK, one and two characters, also at the very end of a text; other scripts in either case."""
    owner = new_owner()
    await put(ours, owner, "数据库的搜索引擎", "全文検索はデータベースで行う", "Größe ÄÖÜ, ΣΊΣΥΦΟΣ", "日本", "x🎉")
    assert await found(ours, owner, "搜索引擎") == ["数据库的[搜索引擎]"]
    assert await found(ours, owner, "データ") == ["全文検索は[データ]ベースで行う"]
    assert await found(ours, owner, "索引") == ["数据库的搜[索引]擎"]
    assert await found(ours, owner, "索") == ["全文検[索]はデータベースで行う", "数据库的搜[索]引擎"]
    assert await found(ours, owner, "日本") == ["[日本]"]
    assert await found(ours, owner, "本") == ["日[本]"]
    assert await found(ours, owner, "擎") == ["数据库的搜索引[擎]"]
    assert await found(ours, owner, "🎉") == ["x[🎉]"]
    assert await found(ours, owner, "äöü größe") == ["[Größe] [ÄÖÜ], ΣΊΣΥΦΟΣ"]
    assert await found(ours, owner, "ä") == ["Größe [Ä]ÖÜ, ΣΊΣΥΦΟΣ"]
    assert await found(ours, owner, "σί") == ["Größe ÄÖÜ, [ΣΊ]ΣΥΦΟΣ"]
    assert await found(ours, owner, "搜 索引 数据库") == ["[数据库]的[搜][索引]擎"]
    assert await found(ours, owner, "本日") == []


async def test_whatever_is_typed_finds_nothing_rather_than_failing(ours: Process) -> None:
    """B8, G6."""
    owner = new_owner()
    await put(ours, owner, "plain")
    blank = ("", "  ", '"', '""" " "', "\0", "a\0b", "\ud800")
    for text in (*blank, "OR", "* ^ NOT -", "' OR 1=1 --", "x" * 10_000, '"' + "ab " * 3000, "a" + " \\':*" * 20):
        assert await found(ours, owner, text) == [], text


async def test_only_what_is_ones_own_is_found_and_moves_with_its_owner(ours: Process) -> None:
    """D2, D3: also when a visitor becomes another account."""
    mine, theirs, account = new_owner(), new_owner(), new_owner()
    await put(ours, mine, "a secret of mine")
    await put(ours, theirs, "a secret of theirs")
    assert await found(ours, mine, "secret") == ["a [secret] of mine"]
    assert await found(ours, new_owner(), "secret") == []
    await ours.database.write(SYSTEM, partial(move_owned, old=mine, new=account))
    assert await found(ours, mine, "secret") == []
    assert await found(ours, account, "secret") == ["a [secret] of mine"]


async def test_the_index_follows_answers_and_deletions(ours: Process) -> None:
    """B8: an answer is found by its last text alone; nothing of a deleted chat is, and nothing of programs'."""
    owner = new_owner()
    request = ChatRequest(model="demo/tour", turns=(ChatTurn(role="user", text="hydropower"),))
    payer = Payer(visitor=Visitor(identity=owner, kind="regular"), address="::1")
    async with ours.working():
        asked = await ours.completions.ask(owner, Asked(request=request, client_id=None, payer=payer))
        await ours.runs.ended(Actor(owner), asked.id)
        assert await found(ours, owner, "o") == []
        run = await ours.sending.send(owner, Send(text="Say something about hydropower", model="demo/tour"))
        await ours.runs.ended(Actor(owner), run.id)
    answer = await ours.chats.message(Actor(owner), run.chat_id, run.message_id)
    word = max(answer.text.split(), key=len)
    assert run.message_id in {hit.message_id for hit in await hits(ours, owner, word)}

    def rewrite(connection: sa.Connection) -> None:
        connection.execute(sa.update(message_table).where(message_table.c.id == answer.id).values(text="an otter"))

    await ours.database.write(SYSTEM, rewrite)
    assert run.message_id not in {hit.message_id for hit in await hits(ours, owner, word)}
    assert await found(ours, owner, "otter") == ["an [otter]"]
    await ours.chats.delete(Actor(owner), run.chat_id)
    assert await found(ours, owner, "otter") == []
    assert await found(ours, owner, "hydropower") == []


async def hits(ours: Process, owner: IdentityId, text: str, **filters: object) -> list[Hit]:
    query = Query(terms=terms_of(text), **filters)  # pyright: ignore[reportArgumentType]  # as the fields are
    return list((await ours.search.search(owner, query, limit=50)).items)


async def test_filters_narrow_what_is_found(ours: Process) -> None:
    """B8: by chat, role, model, time, folder and tag; what cannot be there finds nothing."""
    owner = new_owner()
    async with ours.working():
        run = await ours.sending.send(owner, Send(text="hydropower", model="demo/tour"))
        await ours.runs.ended(Actor(owner), run.id)
    other = await put(ours, owner, "hydropower elsewhere")
    folder = await ours.filing.create(owner, "Work", None)
    await ours.chats.change(
        Actor(owner), other, ChatChange(moves=True, folder_id=folder.id, tags=["dam"], archived=True)
    )
    at = (await hits(ours, owner, "elsewhere"))[0].created_at

    async def chats_of(**filters: object) -> set[str]:
        return {hit.chat_id for hit in await hits(ours, owner, "hydropower", **filters)}

    assert await chats_of() == {run.chat_id, other}
    assert await chats_of(chat_id=other) == await chats_of(folder_id=folder.id) == await chats_of(tag="dam") == {other}
    assert await chats_of(role="user") == {run.chat_id, other}
    assert await chats_of(since=at) == {other}
    assert await chats_of(until=at) == {run.chat_id}
    assert {hit.model for hit in await hits(ours, owner, "o", model="demo/tour")} == {"demo/tour"}
    for nothing in ({"chat_id": "x"}, {"folder_id": "\0"}, {"tag": "\0"}, {"model": "\ud800"}, {"until": Millis(0)}):
        assert await chats_of(**nothing) == set()


async def test_pages_follow_each_other_without_gaps(ours: Process) -> None:
    """B8: also where much that the index names does not hold the terms as they were typed."""
    owner = new_owner()
    texts = [f"abcd {number}" if number % 4 == 0 else f"bcd abc {number}" for number in range(40)]
    await put(ours, owner, *texts)
    query, pages, cursor = Query(terms=["abcd"]), list[list[str]](), None
    while True:
        page = await ours.search.search(owner, query, limit=3, cursor=cursor)
        pages.append([shown(hit) for hit in page.items])
        cursor = page.next_cursor
        if cursor is None:
            break
    assert [each for page in pages for each in page] == [f"[abcd] {number}" for number in range(36, -1, -4)]
    assert {len(page) for page in pages[:-1]} == {3}
    for nonsense in ("x", "-1", "9" * 30, "¹", ""):
        with pytest.raises(CursorInvalid):
            await ours.search.search(owner, query, limit=3, cursor=nonsense)


async def test_a_hit_names_the_branch_to_open_it_in(ours: Process) -> None:
    """B5, B8: the chosen path where it goes through the message, else the newest branch below it."""
    owner = new_owner()
    chat_id = await put(ours, owner, "root", "left one", "left two", "left three")
    actor = Actor(owner)
    path = list((await ours.chats.messages(actor, chat_id, limit=50)).items)
    await ours.sending.add_message(owner, chat_id, "right one", None, message_id=path[1].id)
    right = await ours.sending.add_message(owner, chat_id, "right two", None)
    leaves = {shown(hit): hit.leaf_id for hit in await hits(ours, owner, "o")}
    assert leaves["left tw[o]"] == leaves["left [o]ne"] == path[3].id
    assert leaves["r[o][o]t"] == leaves["right [o]ne"] == leaves["right tw[o]"] == right.id
    opened = await ours.chats.messages(actor, chat_id, limit=50)
    assert opened.leaf_id == right.id


async def test_short_queries_are_found_beyond_the_newest_messages(ours: Process) -> None:
    """B8: one and two characters, in pages that go from the newest messages over into the index."""
    owner = new_owner()
    chat = await ours.chats.create(owner, None)
    texts = ["ΑΣ, İz", "擎 first", "引擎 second", *("plain " * 3 for _ in range(220)), "a 引擎 third", "last"]

    def insert(connection: sa.Connection) -> None:
        for text in texts:
            store.insert_message(
                connection,
                message_id=new_id(),
                chat_id=chat.id,
                owner=owner,
                parent=None,
                role="user",
                status="completed",
                text=text,
                now=Millis(1),
            )

    await ours.database.write(Actor(owner), insert)
    assert await found(ours, owner, "擎") == ["a 引[擎] third", "引[擎] second", "[擎] first"]
    assert await found(ours, owner, "引擎") == ["a [引擎] third", "[引擎] second"]
    # Their other forms hang on what stands around them, or on the language.
    assert await found(ours, owner, "ΑΣ") == ["[ΑΣ], İz"]
    assert await found(ours, owner, "İz") == ["ΑΣ, [İz]"]
    assert await found(ours, owner, "qz") == await found(ours, owner, "~") == []
    page = await ours.search.search(owner, Query(terms=["擎"]), limit=1)
    rest = await ours.search.search(owner, Query(terms=["擎"]), limit=2, cursor=page.next_cursor)
    assert [shown(hit) for hit in (*page.items, *rest.items)] == await found(ours, owner, "擎")
    assert rest.next_cursor is None


async def test_long_messages_are_found_by_their_end_and_shown_in_part(ours: Process) -> None:
    """B8: a text of 150,000 characters, of which every three are different for long."""
    owner = new_owner()
    unlike = "".join(chr(0x4E00 + number % 20_000) + chr(0x4E00 + number * 7 % 19_997) for number in range(60_000))
    chat = await ours.chats.create(owner, None)

    def insert(connection: sa.Connection) -> None:
        for text in (unlike, "word " * 20_000 + "\n\nneedle in it " + "tail " * 9_000):
            store.insert_message(
                connection,
                message_id=new_id(),
                chat_id=chat.id,
                owner=owner,
                parent=None,
                role="user",
                status="completed",
                text=text,
                now=Millis(1),
            )

    await ours.database.write(Actor(owner), insert)
    (only,) = await found(ours, owner, "needle")
    assert "word [needle] in it tail" in only
    assert only.startswith("…")
    assert len(only) < 300
