"""What programs ask becomes runs like all others, over real databases (C6, D4, A7, A10)."""

import asyncio
from functools import partial

import pytest
import sqlalchemy as sa
from parts import Process, count, eventually, new_owner, process

from penstock.actor import SYSTEM, Actor, IdentityId, Visitor
from penstock.chats import store
from penstock.chats.completions import Asked
from penstock.chats.model import Message
from penstock.chats.settings import SettingInvalid
from penstock.db.database import Database
from penstock.db.schema import run as run_table
from penstock.kit.clock import Millis, wall_clock
from penstock.limits.model import Payer, QuotaUsedUp
from penstock.limits.quotas import Quotas
from penstock.providers.base import ChatRequest, ChatTurn, Image, Tool
from penstock.providers.demo import answer
from penstock.runs.model import Run
from penstock.runs.sweep import Sweeper

TURNS = (ChatTurn(role="system", text="Be brief."), ChatTurn(role="user", text="What is a penstock?"))
WHOLE = answer(ChatRequest(model="tour", turns=TURNS))


def asked(owner: IdentityId, *, client_id: str | None = None, request: ChatRequest | None = None) -> Asked:
    request = request or ChatRequest(model="demo/tour", turns=TURNS)
    payer = Payer(visitor=Visitor(identity=owner, kind="regular"), address="::1")
    return Asked(request=request, client_id=client_id, payer=payer)


async def ended(ours: Process, run: Run) -> Message:
    actor = Actor(run.owner_id)
    async with asyncio.timeout(30):
        await ours.runs.ended(actor, run.id)
    return await ours.chats.message(actor, run.chat_id, run.message_id)


async def settings(ours: Process, run: Run) -> object:
    found = sa.select(run_table.c.settings).where(run_table.c.id == run.id)
    return await ours.database.read(SYSTEM, lambda connection: connection.scalar(found))


async def has_text(ours: Process, run: Run) -> bool:
    return len(await ours.log(run.id)) > 3


async def test_c6_a_completion_is_a_run_that_no_list_tells_of(database: Database) -> None:
    owner = new_owner()
    async with process(database) as ours, ours.working():
        run = await ours.completions.ask(owner, asked(owner))
        message = await ended(ours, run)
        assert (message.status, message.text, message.model) == ("completed", WHOLE, "demo/tour")
        assert message.record is not None
        assert (await ours.chats.list(Actor(owner), limit=5, offset=0, cursor=None)).items == []
        assert await settings(ours, run) == {}, "what was asked, images and all, is not kept"


async def test_c6_a_completion_goes_with_its_log(database: Database) -> None:
    owner = new_owner()
    async with process(database) as ours:
        async with ours.working():
            await ended(ours, await ours.completions.ask(owner, asked(owner)))
        assert await count(database, "chat") == 1
        others = [partial(store.delete_completions, limit=50)]
        late = Millis(wall_clock() + 2 * 86_400_000)
        sweeper = Sweeper(database=database, clock=lambda: late, retention_days=0, seconds=60, others=others)
        await sweeper.sweep()
        assert await count(database, "chat") == 0


async def test_a7_a_completion_is_taken_over_with_all_that_was_asked(database: Database) -> None:
    owner = new_owner()
    async with process(database, tokens_per_second=150) as ours:
        async with ours.working():
            run = await ours.completions.ask(owner, asked(owner))
            await eventually(lambda: has_text(ours, run))
        assert (await ours.runs.get(SYSTEM, run.id)).is_live, "its worker has closed and handed it over"
        async with ours.working():
            assert (await ended(ours, run)).text == WHOLE


async def test_a10_asking_again_under_the_same_id_finds_the_first_answer(database: Database) -> None:
    owner = new_owner()
    async with process(database) as ours, ours.working():
        runs = await asyncio.gather(*(ours.completions.ask(owner, asked(owner, client_id="x")) for _ in range(5)))
        assert len({run.id for run in runs}) == 1
        assert (await ended(ours, runs[0])).text == WHOLE


async def test_d4_a_completion_takes_a_message_of_the_day(database: Database) -> None:
    owner = new_owner()
    async with process(database, quotas=Quotas(daily={"regular": 1})) as ours, ours.working():
        await ended(ours, await ours.completions.ask(owner, asked(owner)))
        with pytest.raises(QuotaUsedUp):
            await ours.completions.ask(owner, asked(owner))
    assert await count(database, "chat") == 1


async def test_c6_what_the_model_cannot_take_is_refused_and_nothing_is_stored(database: Database) -> None:
    owner = new_owner()
    image = Image(media_type="image/png", data=b"\x89PNG")
    wrong = [
        ChatRequest(model="demo/tour", turns=TURNS, max_tokens=1_000_000),
        ChatRequest(model="demo/tour", turns=TURNS, tools=[Tool(name="x", description="", schema={})]),
        ChatRequest(model="demo/tour", turns=[ChatTurn(role="user", text="", images=[image])]),
    ]
    async with process(database) as ours:
        for request in wrong:
            with pytest.raises(SettingInvalid):
                await ours.completions.ask(owner, asked(owner, request=request))
    assert await count(database, "chat") == 0
