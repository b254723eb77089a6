"""What models are asked beside conversations: real databases, a real server (B3, B7)."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from parts import Open, Process, eventually, new_owner, process, read_all

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.chats import changes
from penstock.chats.asides import store
from penstock.chats.asides.model import MOST_TRIES, AsideModels
from penstock.chats.context import SUMMARY_MARK
from penstock.chats.model import TEMPORARY, Chat, Message, ModelUsage
from penstock.chats.outlook import Outlook
from penstock.chats.sending import Send
from penstock.chats.service import ChatChange
from penstock.db.database import Database
from penstock.kit.clock import wall_clock
from penstock.providers.catalog import VendorConfig
from penstock.providers.router import Route
from penstock.streams import store as streams
from upstream.process import Seen, Upstream
from upstream.script import expected_text

ECHO = "openai/echo-3"
TITLE = expected_text("echo-4").strip()
SUMMARY = expected_text("echo-20").strip()
MODELS = AsideModels(title="openai/echo-4", summary="openai/echo-20")
LONG = "word " * 1800
"""Two fifths of what may be sent to a model of 8,192 tokens."""


def parts(database: Database, upstream: Upstream) -> contextlib.AbstractAsyncContextManager[Process]:
    vendors = [VendorConfig(id="openai", base_url=upstream.base_url, api_keys=("sk-house",))]
    return process(database, vendors=vendors, routes=[Route(id="route/demo", name="Demo", models=["demo/tour"])])


@pytest.fixture
async def ours(database: Database, upstream: Upstream) -> AsyncIterator[Process]:
    async with parts(database, upstream) as started:
        yield started


@contextlib.asynccontextmanager
async def working(ours: Process, models: AsideModels = MODELS) -> AsyncGenerator[None]:
    async with ours.working(models), ours.asides().running():
        yield


async def ask(ours: Process, owner: IdentityId, send: Send) -> Message:
    run = await ours.sending.send(owner, send)
    async with asyncio.timeout(30):
        await ours.runs.ended(Actor(owner), run.id)
    return await ours.chats.message(Actor(owner), run.chat_id, run.message_id)


async def rows(database: Database, chat_id: str) -> Sequence[Any]:
    query = sa.text("SELECT kind, status, attempts, text, message_id FROM aside WHERE chat_id = :id ORDER BY id")
    return await database.read(SYSTEM, lambda connection: connection.execute(query, {"id": chat_id}).all())


async def settled(database: Database, chat_id: str, number: int = 1) -> Sequence[Any]:
    """Return the asides of a chat once so many have come to an end."""

    async def look() -> Sequence[Any]:
        found = await rows(database, chat_id)
        return found if len(found) == number and all(row.status != "owed" for row in found) else ()

    return await eventually(look)


async def nothing_owed(database: Database) -> None:
    async def look() -> bool:
        query = sa.text("SELECT count(*) FROM aside WHERE status = 'owed'")
        return await database.read(SYSTEM, lambda connection: connection.scalar(query)) == 0

    await eventually(look)


async def chat_of(ours: Process, owner: IdentityId, message: Message) -> Chat:
    return await ours.chats.get(Actor(owner), message.chat_id)


def of_model(seen: Sequence[Seen], model: str) -> list[Seen]:
    return [each for each in seen if each.model == model]


async def test_b3_a_model_names_a_chat_and_its_tabs_hear_of_it(ours: Process, upstream: Upstream) -> None:
    owner = new_owner()
    await ours.keys.save(owner, "openai", "sk-of-my-own")
    async with working(ours):
        start = len(upstream.requests())
        answer = await ask(ours, owner, Send(text="How do rivers run?", model=ECHO))
        await settled(ours.database, answer.chat_id)
    chat = await chat_of(ours, owner, answer)
    assert (chat.title, chat.message_count) == (TITLE, 2)
    (asked,) = of_model(upstream.requests(start), "echo-4")
    assert asked.authorization == "Bearer sk-of-my-own"
    assert "How do rivers run?" in asked.question
    assert expected_text("echo-3").strip() in asked.question
    find = partial(streams.find, actor=SYSTEM, path=changes.path_of(owner))
    told = await read_all(ours.database, await ours.database.read(SYSTEM, find))
    titles = [each["chat"]["title"] for each in json.loads(json.dumps(told)) if each["type"] == "chat-set"]
    assert (titles[0], titles[-1]) == ("How do rivers run?", TITLE)


async def test_b3_a_chat_is_named_by_a_model_once(ours: Process, upstream: Upstream) -> None:
    owner = new_owner()
    async with working(ours):
        start = len(upstream.requests())
        answer = await ask(ours, owner, Send(text="First", model=ECHO))
        await settled(ours.database, answer.chat_id)
        await ask(ours, owner, Send(text="Second", model=ECHO, chat_id=answer.chat_id))
        await nothing_owed(ours.database)
    assert len(of_model(upstream.requests(start), "echo-4")) == 1


async def test_b3_the_model_that_answered_is_asked_where_no_other_is_set(ours: Process, upstream: Upstream) -> None:
    owner = new_owner()
    async with working(ours, AsideModels(title="same")):
        answer = await ask(ours, owner, Send(text="First", model=ECHO))
        await settled(ours.database, answer.chat_id)
    assert (await chat_of(ours, owner, answer)).title == expected_text("echo-3").strip()


async def test_b3_a_name_that_a_person_gave_stays(ours: Process, upstream: Upstream) -> None:
    """Given at the beginning, before the model is asked, and while it is."""
    owner, slow = new_owner(), AsideModels(title="openai/echo-4-300")
    named = await ours.chats.create(owner, "Mine")
    async with ours.working(slow):
        await ask(ours, owner, Send(text="First", model=ECHO, chat_id=named.id))
        assert await rows(ours.database, named.id) == []
        before = await ask(ours, owner, Send(text="Second", model=ECHO))
        during = await ask(ours, owner, Send(text="Third", model=ECHO))
        await ours.chats.change(Actor(owner), before.chat_id, ChatChange(title="Second"))
        start = len(upstream.requests())
        async with ours.asides().running():
            await upstream.eventually(lambda seen: bool(of_model(seen, "echo-4-300")), start=start)
            await ours.chats.change(Actor(owner), during.chat_id, ChatChange(title="Named meanwhile"))
            (row,) = await settled(ours.database, during.chat_id)
            await nothing_owed(ours.database)
    assert row.status == "done"
    titles = [(await chat_of(ours, owner, each)).title for each in (before, during)]
    assert titles == ["Second", "Named meanwhile"]
    assert (await ours.chats.get(Actor(owner), named.id)).title == "Mine"
    assert len(of_model(upstream.requests(start), "echo-4-300")) == 1


@pytest.mark.parametrize("model", ["demo/tour", "route/demo"])
async def test_b3_the_demo_s_answers_ask_nobody_for_anything(ours: Process, model: str) -> None:
    owner = new_owner()
    async with ours.working(MODELS):
        answer = await ask(ours, owner, Send(text="First", model=model))
    assert await rows(ours.database, answer.chat_id) == []


async def test_b3_the_demo_is_never_asked_for_a_title(ours: Process) -> None:
    owner = new_owner()
    async with working(ours, AsideModels(title="route/demo")):
        answer = await ask(ours, owner, Send(text="First", model=ECHO))
        (row,) = await settled(ours.database, answer.chat_id)
    assert row.status == "failed"
    assert (await chat_of(ours, owner, answer)).title == "First"


@pytest.mark.parametrize(
    ("model", "times"),
    [("status-503", MOST_TRIES), ("error-3", MOST_TRIES), ("status-400", 1), ("echo-0", 1)],
)
async def test_b3_what_cannot_be_had_is_given_up(ours: Process, upstream: Upstream, model: str, times: int) -> None:
    owner = new_owner()
    async with working(ours, AsideModels(title=f"openai/{model}")):
        start = len(upstream.requests())
        answer = await ask(ours, owner, Send(text="First", model=ECHO))
        (row,) = await settled(ours.database, answer.chat_id)
        await ask(ours, owner, Send(text="Second", model=ECHO, chat_id=answer.chat_id))
        await nothing_owed(ours.database)
    assert (row.status, row.attempts) == ("failed", times)
    assert len(of_model(upstream.requests(start), model)) == times
    assert (await chat_of(ours, owner, answer)).title == "First"


async def test_b3_of_two_workers_one_asks(database: Database, open_another: Open, upstream: Upstream) -> None:
    owner = new_owner()
    async with parts(database, upstream) as one, parts(open_another(), upstream) as other:
        async with one.working(MODELS):
            answer = await ask(one, owner, Send(text="First", model=ECHO))
        start = len(upstream.requests())
        async with one.asides().running(), other.asides().running():
            await settled(database, answer.chat_id)
    assert len(of_model(upstream.requests(start), "echo-4")) == 1


async def test_b3_another_takes_over_from_a_worker_that_died(ours: Process) -> None:
    """What the dead one sends late is not taken."""
    owner = new_owner()
    async with ours.working(MODELS):
        answer = await ask(ours, owner, Send(text="First", model=ECHO))
    (dead,) = await ours.database.write(SYSTEM, partial(store.claim, limit=4, lease_seconds=0.5))
    async with ours.asides(lease_seconds=2).running():
        (row,) = await settled(ours.database, answer.chat_id)
    assert (row.status, row.attempts) == ("done", 2)
    await ours.database.write(SYSTEM, partial(store.fail, aside=dead))
    assert [each.status for each in await rows(ours.database, answer.chat_id)] == ["done"]


async def test_b3_a_worker_that_lives_keeps_what_takes_long(
    database: Database, open_another: Open, upstream: Upstream
) -> None:
    owner, slow = new_owner(), AsideModels(title="openai/echo-10-300")
    async with parts(database, upstream) as one, parts(open_another(), upstream) as other:
        async with one.working(slow):
            answer = await ask(one, owner, Send(text="First", model=ECHO))
        async with one.asides(lease_seconds=1).running(), other.asides(lease_seconds=1).running():
            (row,) = await settled(database, answer.chat_id)
    assert (row.status, row.attempts) == ("done", 1)


async def test_b3_a_chat_that_is_deleted_meanwhile_takes_all_with_it(ours: Process, upstream: Upstream) -> None:
    owner = new_owner()
    async with working(ours, AsideModels(title="openai/echo-4-300")):
        start = len(upstream.requests())
        answer = await ask(ours, owner, Send(text="First", model=ECHO))
        await upstream.eventually(lambda seen: bool(of_model(seen, "echo-4-300")), start=start)
        await ours.chats.delete(Actor(owner), answer.chat_id)
        await upstream.eventually(lambda seen: of_model(seen, "echo-4-300")[0].ended_at is not None, start=start)
    assert await rows(ours.database, answer.chat_id) == []


async def test_no_model_is_asked_beside_a_temporary_chat(ours: Process) -> None:
    """B15: a title or a summary would put its words into tables."""
    owner = new_owner()
    async with working(ours):
        kept = await ask(ours, owner, Send(text="Hello", model=ECHO))
        gone = await ask(ours, owner, Send(text="Hello", model=ECHO, origin=TEMPORARY))
        assert [row.kind for row in await settled(ours.database, kept.chat_id)] == ["title"]
    assert await rows(ours.database, gone.chat_id) == []


async def history(ours: Process, owner: IdentityId) -> list[Message]:
    """Begin a chat whose beginning soon does not fit; return its two answers, once the first is summarised."""
    first = await ask(ours, owner, Send(text=f"First {LONG}", model=ECHO))
    second = await ask(ours, owner, Send(text=f"Second {LONG}", model=ECHO, chat_id=first.chat_id))
    await settled(ours.database, first.chat_id)
    return [first, second]


def looked_at(ours: Process) -> Outlook:
    return Outlook(ours.database, ours.router, ours.keys, wall_clock, ours.contents)


SUMMARISE = AsideModels(summary="openai/echo-20")


async def test_b7_what_does_not_fit_is_summarised_before_it_is_needed(ours: Process, upstream: Upstream) -> None:
    owner = new_owner()
    async with working(ours, SUMMARISE):
        start = len(upstream.requests())
        first, second = await history(ours, owner)
        (made,) = of_model(upstream.requests(start), "echo-20")
        assert f"User: First {LONG[:100]}" in made.question
        assert f"Assistant: {first.text.strip()}" in made.question
        assert "Second" not in made.question
        _, choice = await looked_at(ours).look(owner, first.chat_id, text=f"Third {LONG}")
        third = await ask(ours, owner, Send(text=f"Third {LONG}", model=ECHO, chat_id=first.chat_id))
    assert [each.reason for each in choice.messages] == ["summarised", "recent", "recent", "recent", "last"]
    assert choice.summary is not None
    assert (choice.summary.text, choice.summary.model) == (SUMMARY, "openai/echo-20")
    assert (choice.summary.message_id, choice.used <= choice.budget) == (first.id, True)
    (sent,) = [each for each in upstream.requests(start) if "Third" in each.question and each.model == "echo-3"]
    assert sent.body["messages"] == [{"role": turn.role, "content": turn.text} for turn in choice.turns]
    assert sent.body["messages"][0] == {"role": "system", "content": SUMMARY_MARK.format(SUMMARY)}
    assert (third.status, second.parent_id is not None) == ("completed", True)
    usage = await ours.chats.usage(Actor(owner), first.chat_id)
    assert [(each.model, each.answers, each.asides) for each in usage] == [
        ("openai/echo-20", 0, 1),
        (ECHO, 3, 0),
    ]
    assert usage[0].output_tokens == 20
    assert isinstance(usage[0], ModelUsage)
    assert usage[0].input_tokens > 1800


async def test_b7_the_next_summary_is_made_of_the_last_and_what_came_after(ours: Process, upstream: Upstream) -> None:
    owner = new_owner()
    async with working(ours, SUMMARISE):
        first, second = await history(ours, owner)
        start = len(upstream.requests())
        await ask(ours, owner, Send(text=f"Third {LONG}", model=ECHO, chat_id=first.chat_id))
        await settled(ours.database, first.chat_id, 2)
        (made,) = of_model(upstream.requests(start), "echo-20")
        assert f"<summary-so-far>\n{SUMMARY}\n</summary-so-far>" in made.question
        assert "User: Second" in made.question
        assert "User: First" not in made.question
        _, choice = await looked_at(ours).look(owner, first.chat_id, text=f"Fourth {LONG}")
        assert choice.summary is not None
        assert (choice.summary.message_id, choice.summary.first_depth) == (second.id, 0)
        assert [each.reason for each in choice.messages[:4]] == ["summarised"] * 3 + ["recent"]
        # Nothing is summarised again that is summarised already.
        start = len(upstream.requests())
        await ask(ours, owner, Send(text="And?", model=ECHO, chat_id=first.chat_id))
        await nothing_owed(ours.database)
        assert of_model(upstream.requests(start), "echo-20") == []


async def test_b7_a_summary_is_of_its_branch_only(ours: Process, upstream: Upstream) -> None:
    owner = new_owner()
    async with working(ours, SUMMARISE):
        first, _ = await history(ours, owner)
        path = await ours.chats.messages(Actor(owner), first.chat_id, limit=10)
        edit = Send(text=f"Other {LONG}", model=ECHO, chat_id=first.chat_id, message_id=path.items[0].id)
        await ask(ours, owner, edit)
        _, choice = await looked_at(ours).look(owner, first.chat_id, text=LONG + LONG)
        assert choice.summary is None
        assert [each.reason for each in choice.messages] == ["no-room", "recent", "last"]
        await ours.chats.change(Actor(owner), first.chat_id, ChatChange(leaf_id=first.id))
        _, choice = await looked_at(ours).look(owner, first.chat_id, text=LONG)
        assert choice.summary is not None
        await ours.chats.delete(Actor(owner), first.chat_id)
    assert await rows(ours.database, first.chat_id) == []


async def test_b7_without_a_summary_the_answer_goes_out_all_the_same(ours: Process, upstream: Upstream) -> None:
    """Nobody makes it here: it is owed, and nothing waits for it."""
    owner = new_owner()
    async with ours.working(SUMMARISE):
        chat_id = (await ask(ours, owner, Send(text=f"First {LONG}", model=ECHO))).chat_id
        for name in ("Second", "Third"):
            answer = await ask(ours, owner, Send(text=f"{name} {LONG}", model=ECHO, chat_id=chat_id))
            assert answer.status == "completed"
        assert [(row.kind, row.status) for row in await rows(ours.database, chat_id)] == [("summary", "owed")]
        _, choice = await looked_at(ours).look(owner, chat_id)
        assert [each.reason for each in choice.messages[:2]] == ["no-room", "recent"]


async def test_b7_short_conversations_are_not_summarised(ours: Process, upstream: Upstream) -> None:
    owner = new_owner()
    async with working(ours, SUMMARISE):
        for model in (ECHO, "openai/usage-none-3"):
            answer = await ask(ours, owner, Send(text="First", model=model))
            await nothing_owed(ours.database)
            assert await rows(ours.database, answer.chat_id) == []
