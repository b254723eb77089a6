"""Sending while an answer is being made: refused, in line, or instead of it, over each database (A9, A10)."""

import asyncio
import random
from collections.abc import AsyncIterator
from functools import partial

import pytest
import sqlalchemy as sa
from parts import Open, Process, count, eventually, new_owner, process

from penstock.actor import SYSTEM, Actor
from penstock.chats.answer import Answer
from penstock.chats.model import Message
from penstock.chats.sending import Send, WhenBusy
from penstock.db.database import Database
from penstock.kit.clock import wall_clock
from penstock.runs import store
from penstock.runs.ask import Prepared
from penstock.runs.model import MAX_QUEUED, QueueFull, Run, RunLive, RunOver

SLOW = 200.0
"""Tokens per second: an answer of the demo takes a second or so."""


@pytest.fixture
async def ours(database: Database) -> AsyncIterator[Process]:
    async with process(database, tokens_per_second=SLOW) as started:
        yield started


class Listening(Answer):
    """The kind `answer`, noting what each run asked its model."""

    def __init__(self, ours: Process) -> None:
        super().__init__(ours.database, ours.router, ours.keys, wall_clock, ours.contents)
        self.asked: dict[str, list[str]] = {}

    async def prepare(self, run: Run) -> Prepared:
        prepared = await super().prepare(run)
        self.asked[run.id] = [turn.text for turn in prepared.request.turns]
        return prepared


async def ended(ours: Process, run: Run) -> Run:
    async with asyncio.timeout(30):
        return await ours.runs.ended(Actor(run.owner_id), run.id)


async def messages(ours: Process, run: Run) -> list[Message]:
    page = await ours.chats.messages(Actor(run.owner_id), run.chat_id, limit=500)
    return list(page.items)


async def begun(ours: Process, run: Run) -> bool:
    """Say whether some of the answer's text is there."""
    return len(await ours.log(run.id)) > 4


async def finish_all(database: Database) -> None:
    """End what is live without answering it."""

    def finish(connection: sa.Connection) -> None:
        for run in store.claim(connection, "test", ["answer"], 100, 60):
            store.end(connection, run, "completed")

    await database.write(SYSTEM, finish)


async def test_of_two_tabs_that_send_at_once_one_is_accepted_in_200_rounds(open_another: Open) -> None:
    """A10: never two live runs, and the other tab is told which run is."""
    owner = new_owner()
    async with process(open_another()) as one, process(open_another()) as other:
        chat = await one.chats.create(owner, None)
        send = Send(text="Hello", chat_id=chat.id)
        for _ in range(200):
            outcomes = await asyncio.gather(
                *(tab.sending.send(owner, send) for tab in (one, other)), return_exceptions=True
            )
            (run,) = [outcome for outcome in outcomes if isinstance(outcome, Run)]
            (refusal,) = [outcome for outcome in outcomes if isinstance(outcome, RunLive)]
            assert refusal.details == {"runId": run.id}
            assert (await one.chats.get(Actor(owner), chat.id)).live_run_ids == [run.id]
            await finish_all(one.database)
        assert await count(one.database, "run") == 200
        assert await count(one.database, "message") == 400


async def test_tabs_that_enqueue_at_once_stand_in_one_line_of_which_nobody_is_lost(open_another: Open) -> None:
    """A10: one answers, five wait, the others are refused; each question follows the answer before it."""
    owner = new_owner()
    async with process(open_another()) as one, process(open_another()) as other:
        for _ in range(10):
            chat = await one.chats.create(owner, None)
            outcomes = await asyncio.gather(
                *(
                    tab.sending.send(owner, Send(text=f"{number}", chat_id=chat.id, when_busy="enqueue"))
                    for number, tab in enumerate((one, other) * 5)
                ),
                return_exceptions=True,
            )
            runs = [outcome for outcome in outcomes if isinstance(outcome, Run)]
            refusals = [outcome for outcome in outcomes if isinstance(outcome, QueueFull)]
            assert (len(runs), len(refusals)) == (1 + MAX_QUEUED, 4)
            places = (await one.chats.get(Actor(owner), chat.id)).line
            line = [run_id for place in places for run_id in place]
            assert line == [run.id for run in sorted(runs, key=lambda run: run.place)]
            assert {refusal.details["limit"] for refusal in refusals} == {MAX_QUEUED}
            path = await messages(one, runs[0])
            assert [message.run_id for message in path if message.role == "assistant"] == line
            assert [message.status for message in path[1::2]] == ["streaming", *["pending"] * MAX_QUEUED]


async def test_questions_in_line_are_answered_one_after_the_other_each_knowing_the_answers_before(
    open_another: Open,
) -> None:
    """A10, B7: what a model is shown is chosen when its turn has come."""
    owner = new_owner()
    async with process(open_another(), tokens_per_second=SLOW) as ours, process(open_another()) as other:
        kind = Listening(ours)
        worker = ours.worker(kind=kind)
        send = Send(text="first", settings={"maxTokens": 20}, when_busy="enqueue")
        first = await ours.sending.send(owner, send)
        more = [
            await tab.sending.send(
                owner, Send(text=text, chat_id=first.chat_id, settings={"maxTokens": 20}, when_busy="enqueue")
            )
            for tab, text in ((ours, "second"), (other, "third"))
        ]
        await worker.start()
        try:
            for run in (first, more[0]):
                await ended(ours, run)
                assert (await ours.chats.get(Actor(owner), first.chat_id)).status == "streaming"
            await ended(ours, more[1])
        finally:
            await worker.close()
        path = await messages(ours, first)
        texts = [message.text for message in path]
        assert texts[::2] == ["first", "second", "third"]
        assert all(texts[1::2])
        for number, run in enumerate([first, *more]):
            assert kind.asked[run.id] == texts[: 2 * number + 1]
        chat = await ours.chats.get(Actor(owner), first.chat_id)
        assert (chat.status, chat.live_run_id, chat.queued_run_ids) == ("completed", None, ())
        assert (chat.message_count, chat.leaf_id) == (6, path[-1].id)


@pytest.mark.parametrize("mode", ["reject", "enqueue", "interrupt"])
async def test_a_repeated_send_finds_the_first_run_whatever_is_live(open_another: Open, mode: WhenBusy) -> None:
    """A10: also of many at the same instant; it neither waits twice nor stops the run that it began."""
    owner = new_owner()
    async with process(open_another()) as one, process(open_another()) as other:
        for number in range(5):
            chat = await one.chats.create(owner, None)
            if mode != "reject":
                await one.sending.send(owner, Send(text="Before", chat_id=chat.id))
            send = Send(text="Hello", chat_id=chat.id, client_message_id=f"mine {number}", when_busy=mode)
            runs = await asyncio.gather(*(tab.sending.send(owner, send) for tab in (one, other) * 5))
            assert len({run.id for run in runs}) == 1
            assert not (await one.runs.get(Actor(owner), runs[0].id)).stop_requested
            expected = 1 if mode == "reject" else 2
            assert len((await one.chats.get(Actor(owner), chat.id)).line) == expected
            assert (await one.chats.get(Actor(owner), chat.id)).message_count == 2 * expected
            again = await other.sending.send(owner, send)
            assert again.id == runs[0].id


async def test_a_refused_send_changes_nothing(ours: Process) -> None:
    """A10: neither in a busy chat nor in a full one."""
    owner = new_owner()
    first = await ours.sending.send(owner, Send(text="first"))
    with pytest.raises(RunLive):
        await ours.sending.send(owner, Send(text="no", chat_id=first.chat_id))
    for number in range(MAX_QUEUED):
        await ours.sending.send(owner, Send(text=f"{number}", chat_id=first.chat_id, when_busy="enqueue"))
    tables = ("chat", "message", "run", "stream", "stream_batch")
    before = [await count(ours.database, table) for table in tables]
    chat = await ours.chats.get(Actor(owner), first.chat_id)
    with pytest.raises(QueueFull) as full:
        await ours.sending.send(owner, Send(text="no", chat_id=first.chat_id, when_busy="enqueue"))
    assert full.value.details == {"runId": first.id, "limit": MAX_QUEUED}
    for trigger in ("regenerate-message", "continue-message"):
        for mode in ("reject", "enqueue", "interrupt"):
            with pytest.raises(RunLive):
                await ours.sending.send(owner, Send(trigger=trigger, chat_id=first.chat_id, when_busy=mode))
    assert await ours.chats.get(Actor(owner), first.chat_id) == chat
    assert [await count(ours.database, table) for table in tables] == before


async def test_an_interruption_keeps_what_was_written_and_is_answered_when_that_has_ended(ours: Process) -> None:
    """A9, A10: those that waited end stopped too, without having asked anybody."""
    owner = new_owner()
    kind = Listening(ours)
    worker = ours.worker(kind=kind)
    await worker.start()
    try:
        first = await ours.sending.send(owner, Send(text="first"))
        waiting = await ours.sending.send(owner, Send(text="second", chat_id=first.chat_id, when_busy="enqueue"))
        await eventually(partial(begun, ours, first))
        urgent = Send(text="third", chat_id=first.chat_id, settings={"maxTokens": 5}, when_busy="interrupt")
        last = await ours.sending.send(owner, urgent)
        assert [(await ended(ours, run)).status for run in (first, waiting, last)] == [
            "stopped",
            "stopped",
            "completed",
        ]
    finally:
        await worker.close()
    path = await messages(ours, first)
    assert [message.text for message in path[::2]] == ["first", "second", "third"]
    assert [message.status for message in path[1::2]] == ["stopped", "stopped", "completed"]
    assert path[1].text
    assert path[3].text == ""
    assert waiting.id not in kind.asked
    assert kind.asked[last.id] == ["first", path[1].text, "second", "third"]
    assert (await ours.chats.get(Actor(owner), first.chat_id)).status == "completed"


async def test_a_question_that_waits_is_stopped_at_once_and_the_one_before_it_goes_on(ours: Process) -> None:
    """A9: nobody is asked; what stands behind it keeps its turn."""
    owner = new_owner()
    kind = Listening(ours)
    worker = ours.worker(kind=kind)
    await worker.start()
    try:
        first = await ours.sending.send(owner, Send(text="first"))
        second, third = [
            await ours.sending.send(
                owner, Send(text=text, chat_id=first.chat_id, settings={"maxTokens": 5}, when_busy="enqueue")
            )
            for text in ("second", "third")
        ]
        await eventually(partial(begun, ours, first))
        stopped = await ours.runs.stop(Actor(owner), second.id)
        assert stopped.status == "stopped"
        assert (await ours.runs.get(Actor(owner), first.id)).status == "running"
        assert (await ours.chats.get(Actor(owner), first.chat_id)).line == [[first.id], [third.id]]
        assert [event.__class__.__name__ for event in await ours.log(second.id)] == [
            *("Start", "StartStep", "Abort", "RunEnd")
        ]
        with pytest.raises(RunOver):
            await ours.runs.stop(Actor(owner), second.id)
        assert [(await ended(ours, run)).status for run in (first, third)] == ["completed", "completed"]
        assert list(kind.asked) == [first.id, third.id]
    finally:
        await worker.close()


async def test_the_line_goes_on_behind_an_answer_that_fails(ours: Process) -> None:
    """A10, A11."""
    owner = new_owner()
    first = await ours.sending.send(owner, Send(text="first"))
    second = await ours.sending.send(
        owner, Send(text="second", chat_id=first.chat_id, settings={"maxTokens": 5}, when_busy="enqueue")
    )
    lose_model = sa.text("UPDATE run SET model = 'nobody/nothing' WHERE id = :id")
    await ours.database.write(SYSTEM, lambda connection: connection.execute(lose_model, {"id": first.id}))
    async with ours.working():
        assert [(await ended(ours, run)).status for run in (first, second)] == ["failed", "completed"]
    assert (await ours.chats.get(Actor(owner), first.chat_id)).status == "completed"


async def test_a_chat_that_is_deleted_takes_its_line_with_it(ours: Process) -> None:
    """B4."""
    owner = new_owner()
    async with ours.working():
        first = await ours.sending.send(owner, Send(text="first"))
        await ours.sending.send(owner, Send(text="second", chat_id=first.chat_id, when_busy="enqueue"))
        await eventually(partial(begun, ours, first))
        await ours.chats.delete(Actor(owner), first.chat_id)
    assert [await count(ours.database, table) for table in ("chat", "message", "run", "stream")] == [0, 0, 0, 0]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])
async def test_whatever_tabs_do_at_once_a_chat_has_one_running_run_and_its_line_comes_to_an_end(
    open_another: Open, seed: int
) -> None:
    """A10: three processes, two of which work; and nobody waits in a circle."""
    chance, owner = random.Random(seed), new_owner()
    async with (
        process(open_another(), tokens_per_second=SLOW) as one,
        process(open_another(), tokens_per_second=SLOW) as two,
        process(open_another()) as three,
        one.working(),
        two.working(),
    ):
        tabs = (one, two, three)
        chat = await one.chats.create(owner, None)
        runs: list[Run] = []
        crowds: list[int] = []

        async def act(tab: Process) -> None:
            await asyncio.sleep(chance.random() * 0.02)
            if runs and chance.random() < 0.2:
                try:
                    await tab.runs.stop(Actor(owner), chance.choice(runs).id, seconds=0)
                except RunOver:
                    return
            mode: WhenBusy = chance.choice(["reject", "enqueue", "interrupt"])
            send = Send(text="?", chat_id=chat.id, settings={"maxTokens": chance.randint(1, 20)}, when_busy=mode)
            try:
                runs.append(await tab.sending.send(owner, send))
            except (RunLive, QueueFull):
                return

        async def look() -> None:
            running = sa.text("SELECT count(*) FROM run WHERE status = 'running' AND NOT stop_requested")
            crowds.append(await three.database.read(SYSTEM, lambda connection: connection.scalar(running)) or 0)

        for _ in range(30):
            await asyncio.gather(*(act(chance.choice(tabs)) for _ in range(3)), look())
        for run in runs:
            assert not (await ended(three, run)).is_live
        assert max(crowds) <= 1
        ended_chat = await three.chats.get(Actor(owner), chat.id)
        assert ended_chat.line == ()
        assert ended_chat.status == "completed"
        path = await messages(three, runs[0])
        assert {message.run_id for message in path[1::2]} == {run.id for run in runs}
        assert {message.status for message in path[1::2]} <= {"completed", "stopped"}
