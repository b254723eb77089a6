"""Two models asked as one: two runs side by side in one place of the line, over each database (B15, A3, A7, A10)."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from parts import Open, Process, count, new_owner, process

from penstock.actor import SYSTEM, Actor, Visitor
from penstock.chats.model import Chat, Message
from penstock.chats.sending import Send, WhenBusy
from penstock.chats.service import ChatChange
from penstock.db.database import Database
from penstock.limits.model import Payer
from penstock.limits.quotas import Quotas
from penstock.runs import store
from penstock.runs.events import Start
from penstock.runs.model import MAX_QUEUED, QueueFull, Run, RunLive

DEMO = "demo/tour"
SLOW = 200.0
"""Tokens per second: an answer of the demo takes a second or so."""


@pytest.fixture
async def ours(database: Database) -> AsyncIterator[Process]:
    async with process(database, tokens_per_second=SLOW) as started:
        yield started


def pair(text: str = "Hello", **more: Any) -> Send:
    return Send(text=text, model=DEMO, compare_with=DEMO, **more)


async def chat_of(ours: Process, run: Run) -> Chat:
    return await ours.chats.get(Actor(run.owner_id), run.chat_id)


async def beside(ours: Process, run: Run) -> Run:
    found = await ours.chats.beside(Actor(run.owner_id), run)
    assert found is not None
    return found


async def message_of(ours: Process, run: Run) -> Message:
    return await ours.chats.message(Actor(run.owner_id), run.chat_id, run.message_id)


async def claim(ours: Process, limit: int = 100) -> list[Run]:
    claim_some = partial(store.claim, worker="test", kinds=["answer"], limit=limit, lease_seconds=60)
    return await ours.database.write(SYSTEM, claim_some)


async def end(ours: Process, *runs: Run) -> None:
    """End claimed runs without answering them."""

    def end_them(connection: sa.Connection) -> None:
        for run in runs:
            assert store.end(connection, run, "completed")

    await ours.database.write(SYSTEM, end_them)


async def test_two_models_answer_one_question_at_the_same_time_each_on_a_branch(ours: Process) -> None:
    """B15: the first is on the chosen path, and each log names the run beside it."""
    owner = new_owner()
    first = await ours.sending.send(owner, pair())
    second = await beside(ours, first)
    assert (await beside(ours, second)).id == first.id
    chat = await chat_of(ours, first)
    assert (chat.line, chat.live_run_ids) == ([[first.id, second.id]], [first.id, second.id])
    assert (chat.live_run_id, chat.queued_run_ids, chat.leaf_id) == (first.id, (), first.message_id)
    for run, other in ((first, second), (second, first)):
        begin = (await ours.log(run.id))[0]
        assert isinstance(begin, Start)
        assert (begin.message_id, begin.message_metadata.beside_run_id) == (run.message_id, other.id)
    assert {run.id for run in await claim(ours)} == {first.id, second.id}
    answers = [await message_of(ours, run) for run in (first, second)]
    assert [answer.beside_id for answer in answers] == [second.message_id, first.message_id]
    assert answers[0].version_ids == answers[1].version_ids == [first.message_id, second.message_id]
    assert answers[0].parent_id == answers[1].parent_id


async def test_both_are_whole_and_the_chosen_one_is_gone_on_with(ours: Process) -> None:
    """B15, B5: choosing is a path; what follows is shown the answer that was chosen, and the other one stays."""
    owner = new_owner()
    async with ours.working():
        first = await ours.sending.send(owner, pair(settings={"maxTokens": 20}))
        second = await beside(ours, first)
        for run in (first, second):
            assert (await ours.runs.ended(Actor(owner), run.id)).status == "completed"
            assert (await message_of(ours, run)).text
        assert (await chat_of(ours, first)).status == "completed"
        await ours.chats.change(Actor(owner), first.chat_id, ChatChange(leaf_id=second.message_id))
        followed = await ours.sending.send(
            owner, Send(text="And then?", chat_id=first.chat_id, settings={"maxTokens": 5})
        )
        await ours.runs.ended(Actor(owner), followed.id)
    path = await ours.chats.messages(Actor(owner), first.chat_id, limit=10)
    assert [message.id for message in path.items][1] == second.message_id
    assert (await message_of(ours, first)).text


@pytest.mark.timeout(600)  # a dozen transactions a round, on whatever machine this is
@pytest.mark.parametrize(("mode", "rounds"), [("reject", 50), ("enqueue", 15), ("interrupt", 15)])
async def test_of_two_tabs_that_send_while_a_pair_runs_none_gets_a_third_run(
    open_another: Open, mode: WhenBusy, rounds: int
) -> None:
    """A10: what runs at once was asked as one; who comes later waits for both of a pair, whichever ends first."""
    owner = new_owner()
    async with process(open_another()) as one, process(open_another()) as other:
        chat = await one.chats.create(owner, None)
        for number in range(rounds):
            first = await one.sending.send(owner, pair(chat_id=chat.id))
            running = await claim(one)
            assert len(running) == 2
            sends = [Send(text="Me", chat_id=chat.id, when_busy=mode), pair("No, me", chat_id=chat.id, when_busy=mode)]
            outcomes = await asyncio.gather(
                *(tab.sending.send(owner, send) for tab, send in zip((one, other), sends, strict=True)),
                return_exceptions=True,
            )
            # One of the pair ends: still nobody's turn, but of what is to be stopped.
            running.sort(key=lambda run: run.lane, reverse=bool(number % 2))
            await end(one, running[0])
            if mode == "reject":
                assert all(isinstance(outcome, RunLive) for outcome in outcomes)
                assert await claim(other) == []
                await end(one, running[1])
                continue
            assert all(isinstance(outcome, Run) for outcome in outcomes)
            stopped = await claim(other)
            assert all(run.stop_requested for run in stopped)
            line = (await chat_of(one, first)).line
            assert line[0] == [running[1].id]
            assert len(stopped) == (0 if mode == "enqueue" else len(line[1]))
            await end(one, running[1], *stopped)
            while turn := await claim(other):
                assert len({run.place for run in turn}) == 1
                assert [run.id for run in sorted(turn, key=lambda run: run.lane)] == (await chat_of(one, first)).line[0]
                await end(other, *turn)
            assert (await chat_of(one, first)).line == ()
        assert await count(one.database, "run") == rounds * (2 if mode == "reject" else 5)


async def test_a_pair_waits_in_line_as_one_question(ours: Process) -> None:
    """A10: five questions wait, however many models answer each."""
    owner = new_owner()
    first = await ours.sending.send(owner, pair())
    for _ in range(MAX_QUEUED):
        await ours.sending.send(owner, pair(chat_id=first.chat_id, when_busy="enqueue"))
    assert [len(place) for place in (await chat_of(ours, first)).line] == [2] * (MAX_QUEUED + 1)
    with pytest.raises(QueueFull):
        await ours.sending.send(owner, pair(chat_id=first.chat_id, when_busy="enqueue"))


async def test_a_repeated_send_finds_the_same_pair(open_another: Open) -> None:
    """A10: of many at the same instant; the question is there once, answered twice."""
    owner = new_owner()
    async with process(open_another()) as one, process(open_another()) as other:
        chat = await one.chats.create(owner, None)
        send = pair(chat_id=chat.id, client_message_id="mine")
        found = await asyncio.gather(*(tab.sending.send(owner, send) for tab in (one, other) * 5))
        assert len({run.id for run in found}) == 1
        assert (await beside(other, found[0])).lane == 1
        assert await count(one.database, "message") == 3


async def test_stopping_one_leaves_the_other(ours: Process) -> None:
    """A9, B15."""
    owner = new_owner()
    async with ours.working():
        first = await ours.sending.send(owner, pair())
        second = await beside(ours, first)
        assert (await ours.runs.stop(Actor(owner), first.id)).status == "stopped"
        chat = await chat_of(ours, first)
        assert (chat.status, chat.live_run_ids) == ("streaming", [second.id])
        assert (await ours.runs.ended(Actor(owner), second.id)).status == "completed"
    assert (await chat_of(ours, first)).status == "completed"


@pytest.mark.parametrize("failing", [0, 1])
async def test_one_that_fails_leaves_the_other_and_the_chat_stands_as_its_chosen_answer_does(
    database: Database, failing: int
) -> None:
    """B1, B15: whichever of them ends last."""
    owner = new_owner()
    async with process(database, tokens_per_second=SLOW) as ours:
        first = await ours.sending.send(owner, pair(settings={"maxTokens": 20}))
        runs = (first, await beside(ours, first))
        broken = sa.text("UPDATE run SET model = 'demo/nothing' WHERE id = :id")
        await database.write(SYSTEM, lambda connection: connection.execute(broken, {"id": runs[failing].id}) and None)
        async with ours.working():
            statuses = [(await ours.runs.ended(Actor(owner), run.id)).status for run in runs]
        assert statuses[failing] == "failed"
        assert statuses[1 - failing] == "completed"
        assert (await chat_of(ours, first)).status == ("error" if failing == 0 else "completed")


async def test_a_pair_takes_one_message_of_the_day_and_gives_it_back_when_both_gave_nothing(
    database: Database,
) -> None:
    """D4: a question counts once; one answer with something in it is enough to keep it."""
    owner = new_owner()
    payer = Payer(visitor=Visitor(identity=owner, kind="regular"), address="192.0.2.1")
    quotas = Quotas(daily={"regular": 5})

    async def used() -> int:
        reading = await quotas.usage(database, payer)
        assert reading is not None
        return reading.used

    async with process(database, tokens_per_second=SLOW, quotas=quotas) as ours:
        for in_vain, expected in ((1, 1), (2, 1)):
            first = await ours.sending.send(owner, pair(payer=payer, settings={"maxTokens": 10}))
            runs = (first, await beside(ours, first))
            for run in runs[:in_vain]:
                await database.write(SYSTEM, partial(store.request_stop, actor=SYSTEM, run_id=run.id))
            async with ours.working():
                for run in runs:
                    await ours.runs.ended(Actor(owner), run.id)
            assert await used() == expected


async def test_each_of_a_pair_is_taken_over_by_itself(open_another: Open) -> None:
    """A7: their worker dies; each goes on under a new epoch, and is whole."""
    owner = new_owner()
    async with process(open_another(), tokens_per_second=SLOW) as one, process(open_another()) as other:
        first = await one.sending.send(owner, pair(settings={"maxTokens": 20}))
        second = await beside(one, first)
        dead = await claim(one)
        assert {run.id for run in dead} == {first.id, second.id}
        await one.database.write(SYSTEM, store.end_all_leases)
        async with other.working():
            for run in (first, second):
                ended = await other.runs.ended(Actor(owner), run.id)
                assert (ended.status, ended.epoch) == ("completed", 2)
                assert (await message_of(other, run)).text
