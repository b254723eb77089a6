"""Temporary chats: gone an hour after their last activity, their words in streams only, over each database (B15)."""

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from parts import Open, Process, count, eventually, new_owner, process

from penstock.actor import SYSTEM, Actor, IdentityId, Visitor
from penstock.chats import ending
from penstock.chats.belongings import Belongings
from penstock.chats.ending import KEEP_MILLIS
from penstock.chats.model import TEMPORARY, ChatKept, ChatNotFound, ChatTemporary, Message
from penstock.chats.search.model import Query
from penstock.chats.sending import Send
from penstock.chats.service import ChatChange
from penstock.chats.temporary import TITLE
from penstock.chats.transfer.exporting import Exports
from penstock.db.database import Database
from penstock.db.schema import chat as chat_table
from penstock.db.schema import metadata
from penstock.keys.vault import Vault
from penstock.kit.clock import Millis, wall_clock
from penstock.limits.model import Payer
from penstock.limits.quotas import Quotas
from penstock.runs.model import Run

SECRET = "xylophone-7731"
"""A word that nothing else says."""
SPOKEN = "stream_batch"
"""The one table that holds what is said."""


@pytest.fixture
async def ours(database: Database) -> AsyncIterator[Process]:
    async with process(database) as started:
        yield started


def secret(**more: Any) -> Send:
    return Send(text=f"Say {SECRET}", origin=TEMPORARY, settings={"maxTokens": 10}, **more)


async def answered(ours: Process, owner: IdentityId, send: Send) -> Run:
    run = await ours.sending.send(owner, send)
    return await ours.runs.ended(Actor(owner), run.id)


async def path(ours: Process, run: Run) -> list[Message]:
    return list((await ours.chats.messages(Actor(run.owner_id), run.chat_id, limit=100)).items)


async def is_begun(ours: Process, run: Run) -> bool:
    """Say whether some of the answer's text is there."""
    return len(await ours.log(run.id)) > 4


async def holding(database: Database, word: str) -> set[str]:
    """Return the tables that hold a word anywhere."""

    def look(connection: sa.Connection) -> set[str]:
        found: set[str] = set()
        for table in metadata.tables.values():
            for row in connection.execute(sa.select(table)):
                values = [value if isinstance(value, bytes) else str(value).encode() for value in row]
                if any(word.encode() in value for value in values):
                    found.add(table.name)
        return found

    return await database.read(SYSTEM, look)


async def sweep(database: Database, later: int = 0) -> int:
    """Sweep as if so many milliseconds had passed; return how many looks that took."""
    looks = 0
    while await database.write(SYSTEM, partial(ending.sweep, now=Millis(wall_clock() + later))):
        looks += 1
    return looks


async def age(database: Database, chat_id: str) -> None:
    """Let a chat's last activity have been an hour before."""
    aged = sa.update(chat_table).values(updated_at=chat_table.c.updated_at - KEEP_MILLIS)
    await database.write(SYSTEM, lambda connection: connection.execute(aged.where(chat_table.c.id == chat_id)) and None)


async def test_what_is_said_stands_in_streams_only_and_is_read_as_in_any_chat(ours: Process) -> None:
    """B15: also what a program stored without asking, and after a repeated send."""
    owner = new_owner()
    async with ours.working():
        run = await answered(ours, owner, secret(client_message_id="mine"))
        assert (await ours.sending.send(owner, secret(client_message_id="mine"))).id == run.id
        await ours.sending.add_message(owner, run.chat_id, f"Noted: {SECRET}", None)
        question, answer, note = await path(ours, run)
    assert (question.text, note.text) == (f"Say {SECRET}", f"Noted: {SECRET}")
    assert (answer.status, answer.id, answer.run_id) == ("completed", run.message_id, run.id)
    assert answer.text
    assert answer.parts[-1] == {"type": "text", "text": answer.text, "state": "done"}
    assert await holding(ours.database, SECRET) == {SPOKEN}
    assert await holding(ours.database, max(re.findall(r"[a-z]+", answer.text), key=len)) == {SPOKEN}
    assert (await ours.chats.get(Actor(owner), run.chat_id)).title == TITLE


async def test_later_turns_are_shown_what_was_said_before(ours: Process) -> None:
    """B7, B15: the context comes from the streams, also below an answer that was made anew and of a continued one."""
    owner = new_owner()
    actor = Actor(owner)
    async with ours.working():
        first = await answered(ours, owner, secret())
        anew = await answered(
            ours, owner, Send(trigger="regenerate-message", chat_id=first.chat_id, message_id=first.message_id)
        )
        await answered(ours, owner, Send(text="And then?", chat_id=first.chat_id, settings={"maxTokens": 5}))
        texts = [message.text for message in await path(ours, first)]
        await ours.chats.change(actor, first.chat_id, ChatChange(leaf_id=first.message_id))
        cut = await ours.chats.message(actor, first.chat_id, first.message_id)
        assert cut.is_continuable
        continued = await answered(
            ours, owner, Send(trigger="continue-message", chat_id=first.chat_id, message_id=first.message_id)
        )
        whole = await ours.chats.message(actor, first.chat_id, first.message_id)
    assert texts[0] == f"Say {SECRET}"
    assert all(texts)
    assert (await ours.chats.message(actor, first.chat_id, anew.message_id)).text == texts[1]
    assert continued.message_id == first.message_id
    assert whole.text.startswith(cut.text)
    assert len(whole.text) > len(cut.text)


async def test_a_live_answer_shows_what_it_held_before_and_its_run_tells_the_rest(database: Database) -> None:
    """A5, B15: as in any chat, so that whoever reads the log from its start sees nothing twice."""
    owner = new_owner()
    async with process(database, tokens_per_second=50) as ours, ours.working():
        run = await ours.sending.send(owner, Send(text="Hello", origin=TEMPORARY))
        await eventually(partial(is_begun, ours, run))
        live = await ours.chats.message(Actor(owner), run.chat_id, run.message_id)
        await ours.runs.stop(Actor(owner), run.id)
        stopped = await ours.chats.message(Actor(owner), run.chat_id, run.message_id)
    assert (live.status, live.parts) == ("streaming", [])
    assert (stopped.status, stopped.is_continuable) == ("stopped", True)


async def test_it_is_in_no_list_search_export_or_share(ours: Process) -> None:
    """B15."""
    owner = new_owner()
    actor = Actor(owner)
    async with ours.working():
        run = await answered(ours, owner, secret())
    assert (await ours.chats.list(actor, limit=10)).items == []
    assert (await ours.search.search(owner, Query(terms=[SECRET]), limit=10)).items == []
    exports = Exports(ours.database, wall_clock, ours.contents)
    with pytest.raises(ChatTemporary):
        await exports.take(actor, run.chat_id)
    archive = b"".join([piece async for piece in exports.archive(actor, "json")])
    assert run.chat_id.encode() not in archive
    with pytest.raises(ChatTemporary):
        await ours.sharing.create(actor, run.chat_id, leaf_id=None, password=None, expires_at=None)


async def test_what_is_not_to_be_kept_is_refused_in_a_chat_that_is_kept(ours: Process) -> None:
    """B15: nothing is stored; the other way round a temporary chat stays one."""
    owner = new_owner()
    async with ours.working():
        kept = await answered(ours, owner, Send(text="Hello", settings={"maxTokens": 5}))
        with pytest.raises(ChatKept):
            await ours.sending.send(owner, secret(chat_id=kept.chat_id))
        assert len(await path(ours, kept)) == 2
        run = await answered(ours, owner, secret())
        await answered(ours, owner, Send(text=f"More {SECRET}", chat_id=run.chat_id, settings={"maxTokens": 5}))
    assert await holding(ours.database, SECRET) == {SPOKEN}


async def test_it_is_gone_an_hour_after_its_last_activity_and_nothing_of_it_is_left(ours: Process) -> None:
    """B15: a question or an answer's end begins the hour anew; other chats stay."""
    owner = new_owner()
    async with ours.working():
        kept = await answered(ours, owner, Send(text="Hello", settings={"maxTokens": 5}))
        before = {table: await count(ours.database, table) for table in ("chat", "message", "run", "stream")}
        run = await answered(ours, owner, secret(compare_with="demo/tour"))
        other = await ours.chats.beside(Actor(owner), run)
        assert other is not None
        await ours.runs.ended(Actor(owner), other.id)
    idle = (await ours.chats.get(Actor(owner), run.chat_id)).updated_at - wall_clock()
    assert await sweep(ours.database, idle + KEEP_MILLIS - 60_000) == 0
    assert (await path(ours, run))[0].text == f"Say {SECRET}"
    assert await sweep(ours.database, KEEP_MILLIS) == 1
    with pytest.raises(ChatNotFound):
        await ours.chats.get(Actor(owner), run.chat_id)
    assert await holding(ours.database, SECRET) == set()
    assert {table: await count(ours.database, table) for table in before} == before
    assert len(await path(ours, kept)) == 2


async def test_one_that_is_answering_is_not_swept(ours: Process) -> None:
    """A3, B15: however long an answer takes, it is activity."""
    owner = new_owner()
    run = await ours.sending.send(owner, secret())
    assert await sweep(ours.database, 10 * KEEP_MILLIS) == 0
    async with ours.working():
        assert (await ours.runs.ended(Actor(owner), run.id)).status == "completed"


async def test_going_on_and_sweeping_at_once_lose_no_question(open_another: Open) -> None:
    """B15: in each round the chat is there with its question, or the question was refused."""
    owner = new_owner()
    async with process(open_another()) as one, process(open_another()) as other:
        for _ in range(20):
            run = await one.sending.send(owner, secret())
            await one.runs.stop(Actor(owner), run.id, seconds=0)
            async with one.working():
                await one.runs.ended(Actor(owner), run.id)
            await age(one.database, run.chat_id)
            sent, _ = await asyncio.gather(
                one.sending.send(owner, Send(text="On", chat_id=run.chat_id)),
                other.database.write(SYSTEM, partial(ending.sweep, now=wall_clock())),
                return_exceptions=True,
            )
            if isinstance(sent, ChatNotFound):
                continue
            assert isinstance(sent, Run)
            assert (await path(one, sent))[-2].text == "On"


async def test_signing_out_ends_it_at_once(ours: Process) -> None:
    """B15, D1: a live run stops with it; what is kept stays."""
    owner = new_owner()
    belongings = Belongings(ours.wake, Vault(lambda: ["a secret for tests"]), wall_clock)
    async with ours.working():
        kept = await answered(ours, owner, Send(text="Hello", settings={"maxTokens": 5}))
        await answered(ours, owner, secret())
    await ours.sending.send(owner, secret())
    stranger = await ours.sending.send(new_owner(), Send(text="Hello", origin=TEMPORARY))
    await ours.database.write(Actor(owner), partial(belongings.sign_out, owner=owner))
    assert await holding(ours.database, SECRET) == set()
    assert len(await path(ours, kept)) == 2
    assert (await ours.runs.get(Actor(stranger.owner_id), stranger.id)).status == "queued"


async def test_it_counts_as_any_question_and_is_given_back_when_nothing_came_of_it(database: Database) -> None:
    """D4, B15: deleting gives nothing back."""
    owner = new_owner()
    payer = Payer(visitor=Visitor(identity=owner, kind="regular"), address="192.0.2.1")
    quotas = Quotas(daily={"regular": 5})

    async def used() -> int:
        reading = await quotas.usage(database, payer)
        assert reading is not None
        return reading.used

    async with process(database, quotas=quotas) as ours:
        stopped = await ours.sending.send(owner, secret(payer=payer))
        assert await used() == 1
        await ours.runs.stop(Actor(owner), stopped.id, seconds=0)
        async with ours.working():
            await ours.runs.ended(Actor(owner), stopped.id)
            assert await used() == 0
            run = await answered(ours, owner, secret(payer=payer))
        await ours.chats.delete(Actor(owner), run.chat_id)
        assert await used() == 1


async def test_what_is_attached_is_told_of_in_streams_only_and_goes_with_it(ours: Process) -> None:
    """B13, B15."""
    owner = new_owner()
    file = await ours.files.upload(owner, b"Look", name=f"{SECRET}.txt", said="text/plain")
    async with ours.working():
        run = await answered(ours, owner, Send(text="Look", origin=TEMPORARY, files=[file.id]))
    question = (await path(ours, run))[0]
    assert [part["type"] for part in question.parts] == ["file", "text"]
    await age(ours.database, run.chat_id)
    await sweep(ours.database)
    assert await holding(ours.database, SECRET) == set()
