"""Claiming, holding and ending runs, over each database (A3, A7, A10)."""

import asyncio
import random
from dataclasses import replace
from functools import partial

import pytest
import sqlalchemy as sa
from parts import NOW, Open, append, append_of, eventually, new_owner, read_all
from sqlalchemy import exc as sa_exc

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.chats import store as chats
from penstock.db.database import Database
from penstock.kit.ids import new_id
from penstock.runs import store
from penstock.runs.events import EndStatus
from penstock.runs.model import LIVE, Run, RunLive, RunNotFound, RunOver
from penstock.streams import store as streams
from penstock.streams.model import ProducerFenced

LEASE = 60.0
ENDED = 0.001
"""A lease that has ended by the time anybody looks again."""


def _ask(connection: sa.Connection, owner: IdentityId, chat_id: str | None = None, place: int = 0) -> Run:
    """Store a question with an answer to write, and queue its run."""
    if chat_id is None:
        chat_id = new_id()
        chats.insert_chat(connection, chat_id=chat_id, owner=owner, alias=None, title="A chat", now=NOW)
    message_id = new_id()
    chats.insert_message(
        connection,
        message_id=message_id,
        chat_id=chat_id,
        owner=owner,
        parent=None,
        role="assistant",
        status="streaming",
        text="",
        now=NOW,
    )
    return store.insert(
        connection,
        run_id=new_id(),
        kind="answer",
        owner=owner,
        chat_id=chat_id,
        message_id=message_id,
        model="demo/tour",
        settings={"temperature": 0.5},
        place=place,
        now=NOW,
    )


async def ask(
    database: Database, chat_id: str | None = None, owner: IdentityId | None = None, *, place: int = 0
) -> Run:
    owner = owner or new_owner()
    return await database.write(Actor(owner), lambda connection: _ask(connection, owner, chat_id, place))


async def claim(database: Database, worker: str = "one", *, limit: int = 100, lease: float = LEASE) -> list[Run]:
    kinds = ("answer", "another")
    return await database.write(
        SYSTEM, partial(store.claim, worker=worker, kinds=kinds, limit=limit, lease_seconds=lease)
    )


async def claim_ended(database: Database, worker: str) -> list[Run]:
    """Claim what a lease that has ended leaves."""
    return await eventually(lambda: claim(database, worker))


async def renew(database: Database, worker: str, *held: tuple[str, int], lease: float = LEASE):
    return await database.write(SYSTEM, partial(store.renew, worker=worker, held=held, lease_seconds=lease))


async def get(database: Database, run: Run) -> Run:
    return await database.read(SYSTEM, partial(store.get, actor=SYSTEM, run_id=run.id))


async def stream_of(database: Database, run: Run) -> int:
    return await database.read(SYSTEM, partial(streams.find, actor=SYSTEM, path=run.stream_path))


async def test_a_queued_run_is_claimed_as_it_was_asked_for(database: Database) -> None:
    """A3."""
    asked = await ask(database)
    assert (asked.status, asked.epoch, asked.is_live) == ("queued", 0, True)
    (claimed,) = await claim(database)
    assert (claimed.status, claimed.epoch) == ("running", 1)
    for name in ("id", "kind", "owner_id", "chat_id", "message_id", "model", "settings", "stop_requested"):
        assert getattr(claimed, name) == getattr(asked, name)
    assert await get(database, asked) == claimed
    assert await claim(database, "two") == []


async def test_no_more_runs_are_claimed_than_there_is_room_for_the_oldest_first(database: Database) -> None:
    """A3."""
    asked = [await ask(database) for _ in range(5)]

    def age(connection: sa.Connection) -> None:
        for number, run in enumerate(asked):
            connection.execute(sa.text("UPDATE run SET created_at = :at WHERE id = :id"), {"at": number, "id": run.id})

    await database.write(SYSTEM, age)
    assert {run.id for run in await claim(database, limit=2)} == {run.id for run in asked[:2]}
    assert len(await claim(database, limit=10)) == 3


async def test_a_worker_claims_only_what_it_knows_how_to_do(database: Database) -> None:
    """G3: in a rolling upgrade the old workers leave runs of new kinds to the new ones."""
    asked = await ask(database)
    claim_builds = partial(store.claim, worker="old", kinds=["build"], limit=5, lease_seconds=LEASE)
    assert await database.write(SYSTEM, claim_builds) == []
    assert [run.id for run in await claim(database, "new")] == [asked.id]


async def test_workers_that_claim_at_the_same_time_share_the_runs_out(open_another: Open) -> None:
    """A3: each run has one worker."""
    database = open_another()
    asked = [await ask(database) for _ in range(40)]
    workers = {name: open_another() for name in ("one", "two", "three")}

    async def work(name: str, own: Database) -> list[Run]:
        mine: list[Run] = []
        for _ in range(30):
            mine += await claim(own, name, limit=random.randint(1, 3))
        return mine

    claimed = [run for runs in await asyncio.gather(*(work(*worker) for worker in workers.items())) for run in runs]
    assert sorted(run.id for run in claimed) == sorted(run.id for run in asked)
    assert {run.epoch for run in claimed} == {1}


async def test_a_lease_that_has_ended_is_taken_over_and_the_old_worker_is_fenced(database: Database) -> None:
    """A7."""
    asked = await ask(database)
    (first,) = await claim(database, "one", lease=ENDED)
    stream = await stream_of(database, asked)
    opening = await read_all(database, stream)
    assert await append(database, append_of(stream, ["by the first"], 0, epoch=first.epoch)) == [len(opening) + 1]
    (second,) = await claim_ended(database, "two")
    assert (second.id, second.epoch) == (asked.id, 2)
    (refusal,) = await append(database, append_of(stream, ["by a zombie"], 1, epoch=first.epoch))
    assert isinstance(refusal, ProducerFenced)
    assert await append(database, append_of(stream, ["by the second"], 0, epoch=second.epoch)) == [len(opening) + 2]
    assert await read_all(database, stream) == [*opening, "by the first", "by the second"]


async def test_a_lease_is_renewed_by_who_holds_it_and_nobody_else(database: Database) -> None:
    """A7: what is missing from the answer is lost."""
    mine, other = await ask(database), await ask(database)
    assert len(await claim(database, "one")) == 2
    await database.write(SYSTEM, lambda connection: store.end(connection, _at(other, 1), "completed"))
    assert await renew(database, "one", (mine.id, 1), (other.id, 1), (new_id(), 1)) == {(mine.id, 1): False}
    assert await renew(database, "two", (mine.id, 1)) == {}
    assert await renew(database, "one", (mine.id, 2)) == {}
    assert await renew(database, "one") == {}


def _at(run: Run, epoch: int) -> Run:
    return replace(run, epoch=epoch)


async def test_only_the_runs_that_are_named_are_kept_alive(database: Database) -> None:
    """A7, ownership 1: a run whose task is gone ends its lease, though its worker lives."""
    kept, forgotten = await ask(database), await ask(database)
    assert len(await claim(database, "one", lease=0.5)) == 2
    assert await renew(database, "one", (kept.id, 1)) == {(kept.id, 1): False}
    (taken,) = await claim_ended(database, "two")
    assert taken.id == forgotten.id
    assert (await get(database, kept)).epoch == 1


async def test_a_worker_that_comes_back_under_a_later_epoch_does_not_renew_the_earlier(database: Database) -> None:
    """A7, ownership 2 and 3: a run is held under an epoch, not by its id."""
    asked = await ask(database)
    await claim(database, "one", lease=ENDED)
    (again,) = await claim_ended(database, "one")
    assert again.epoch == 2
    assert await renew(database, "one", (asked.id, 1), (asked.id, 2)) == {(asked.id, 2): False}


async def test_a_stop_is_heard_with_the_next_renewal(database: Database) -> None:
    """A9."""
    asked, other = await ask(database), await ask(database)
    await claim(database, "one")
    await database.write(
        Actor(asked.owner_id), partial(store.request_stop, actor=Actor(asked.owner_id), run_id=asked.id)
    )
    assert await renew(database, "one", (asked.id, 1), (other.id, 1)) == {(asked.id, 1): True, (other.id, 1): False}
    assert (await get(database, asked)).stop_requested


async def test_a_stop_before_the_claim_comes_along_with_it(database: Database) -> None:
    """A9."""
    asked = await ask(database)
    await database.write(SYSTEM, partial(store.request_stop, actor=SYSTEM, run_id=asked.id))
    (claimed,) = await claim(database)
    assert claimed.stop_requested


async def test_a_stop_is_the_owners_and_refused_for_a_run_that_is_over(database: Database) -> None:
    """A9, D3."""
    asked = await ask(database)
    stranger = Actor(new_owner())
    with pytest.raises(RunNotFound):
        await database.write(stranger, partial(store.request_stop, actor=stranger, run_id=asked.id))
    (claimed,) = await claim(database)
    await database.write(SYSTEM, lambda connection: store.end(connection, claimed, "completed"))
    with pytest.raises(RunOver) as refused:
        await database.write(SYSTEM, partial(store.request_stop, actor=SYSTEM, run_id=asked.id))
    assert refused.value.details == {"status": "completed"}
    ended = await get(database, asked)
    assert (ended.status, ended.stop_requested) == ("completed", False)


async def test_a_run_ends_once_whoever_matched_the_row_won(open_another: Open) -> None:
    """A3: exactly one of completed, stopped, failed, interrupted."""
    database = open_another()
    asked = await ask(database)
    (claimed,) = await claim(database)
    others = [open_another() for _ in range(4)]
    statuses: tuple[EndStatus, ...] = ("completed", "stopped", "failed", "interrupted")
    won = await asyncio.gather(
        *(
            other.write(SYSTEM, lambda connection, status=status: store.end(connection, claimed, status))
            for other, status in zip(others, statuses, strict=True)
        )
    )
    assert sorted(won) == [False, False, False, True]
    ended = await get(database, asked)
    assert ended.status == statuses[won.index(True)]
    assert not ended.is_live
    assert await claim(database) == []


async def test_an_outdated_epoch_ends_nothing_and_hands_nothing_over(database: Database) -> None:
    """A7."""
    asked = await ask(database)
    (first,) = await claim(database, "one", lease=ENDED)
    (second,) = await claim_ended(database, "two")
    for attempt in (store.hand_over, partial(store.end, status="failed")):
        assert not await database.write(SYSTEM, lambda connection, attempt=attempt: attempt(connection, run=first))
    assert (await get(database, asked)).status == "running"
    assert await database.write(SYSTEM, lambda connection: store.end(connection, second, "completed"))
    assert not await database.write(SYSTEM, lambda connection: store.hand_over(connection, second))
    assert (await get(database, asked)).status == "completed"


async def test_a_run_that_is_handed_over_is_claimed_at_once_by_another(database: Database) -> None:
    """A7, G3: a rolling restart."""
    asked = await ask(database)
    (first,) = await claim(database, "one")
    assert await database.write(SYSTEM, lambda connection: store.hand_over(connection, first))
    assert (await get(database, asked)).status == "queued"
    assert await renew(database, "one", (asked.id, 1)) == {}
    (second,) = await claim(database, "two")
    assert (second.id, second.epoch) == (asked.id, 2)


async def test_a_process_that_is_alone_ends_all_leases(database: Database) -> None:
    """A7: the embedded shape starts again without waiting for what died."""
    asked = [await ask(database) for _ in range(3)]
    await claim(database, "dead")
    assert await claim(database, "new") == []
    await database.write(SYSTEM, store.end_all_leases)
    assert {run.id for run in await claim(database, "new")} == {run.id for run in asked}


async def test_a_chat_has_one_live_run(database: Database) -> None:
    """A10: until that is over, whatever its status."""
    first = await ask(database)
    for _ in range(2):
        with pytest.raises(RunLive):
            await ask(database, first.chat_id, first.owner_id)
        await claim(database)
    await database.write(SYSTEM, lambda connection: store.end(connection, _at(first, 1), "stopped"))
    again = await ask(database, first.chat_id, first.owner_id)
    live = partial(store.live_of_chats, actor=SYSTEM, chat_ids=[first.chat_id])
    assert await database.read(SYSTEM, live) == {first.chat_id: [[again.id]]}


async def line(database: Database, length: int) -> list[Run]:
    """Queue so many runs of one chat, one behind the other."""
    first = await ask(database)
    return [first, *[await ask(database, first.chat_id, first.owner_id, place=place) for place in range(1, length)]]


async def end(database: Database, run: Run, status: EndStatus = "completed") -> bool:
    return await database.write(SYSTEM, lambda connection: store.end(connection, run, status))


@pytest.mark.parametrize("status", ["completed", "stopped", "failed", "interrupted"])
async def test_a_run_waits_until_all_before_it_in_its_chat_are_over(database: Database, status: EndStatus) -> None:
    """A10: however they end."""
    asked, other = await line(database, 3), await ask(database)
    claimed = await claim(database)
    assert {run.id for run in claimed} == {asked[0].id, other.id}
    for running, waiting in zip(asked, [*asked[1:], None], strict=True):
        assert await claim(database, "two") == []
        assert await end(database, _at(running, 1), status)
        assert [run.id for run in await claim(database)] == ([waiting.id] if waiting else [])


async def test_a_run_waits_also_for_one_that_is_handed_over_or_taken_over(database: Database) -> None:
    """A7, A10: it is not over, whoever has it."""
    first, _ = await line(database, 2)
    (claimed,) = await claim(database, "one")
    assert await database.write(SYSTEM, lambda connection: store.hand_over(connection, claimed))
    assert [run.id for run in await claim(database, "two", lease=ENDED)] == [first.id]
    assert [run.id for run in await claim_ended(database, "three")] == [first.id]
    assert await claim(database, "four") == []


async def test_a_run_that_is_to_be_stopped_need_not_wait(database: Database) -> None:
    """A9, A10: it ends without asking anybody; those behind it wait for those before it all the same."""
    first, second, third = await line(database, 3)
    assert [run.id for run in await claim(database)] == [first.id]
    await database.write(SYSTEM, partial(store.request_stop, actor=SYSTEM, run_id=second.id))
    (claimed,) = await claim(database)
    assert (claimed.id, claimed.stop_requested) == (second.id, True)
    assert await end(database, claimed, "stopped")
    assert await claim(database) == []
    assert await end(database, _at(first, 1))
    assert [run.id for run in await claim(database)] == [third.id]


async def test_the_line_names_who_answers_first_and_who_waits(database: Database) -> None:
    """A10: in the order of their places, whatever their ids."""
    asked = await line(database, 4)
    first = asked[0]
    names = partial(store.live_of_chats, actor=SYSTEM, chat_ids=[first.chat_id])
    assert await database.read(SYSTEM, names) == {first.chat_id: [[run.id] for run in asked]}
    await claim(database)
    assert await end(database, _at(first, 1))
    assert await database.read(SYSTEM, names) == {first.chat_id: [[run.id] for run in asked[1:]]}


async def test_the_database_itself_refuses_a_second_running_run_of_a_chat(database: Database) -> None:
    """A10: whatever a claim may overlook."""
    _, second = await line(database, 2)
    await claim(database)
    with pytest.raises(sa_exc.IntegrityError):
        await database.write(
            SYSTEM,
            lambda connection: connection.execute(
                sa.text("UPDATE run SET status = 'running' WHERE id = :id"), {"id": second.id}
            ),
        )


async def test_workers_that_claim_at_the_same_time_keep_to_the_line(open_another: Open) -> None:
    """A10: of each chat one run is running at any time, and they run in line."""
    database = open_another()
    lines = [await line(database, 5) for _ in range(6)]
    workers = {name: open_another() for name in ("one", "two", "three")}
    begun: list[str] = []
    most = 0

    async def work(name: str, own: Database) -> None:
        nonlocal most
        while len(begun) < 30:
            for run in await claim(own, name, limit=random.randint(1, 4)):
                begun.append(run.id)
                assert await own.write(SYSTEM, lambda connection, run=run: store.end(connection, run, "completed"))

    async def watch(own: Database) -> None:
        nonlocal most
        running = sa.text("SELECT count(*) FROM run WHERE status = 'running' GROUP BY chat_id")
        while len(begun) < 30:
            counts = await own.read(SYSTEM, lambda connection: connection.scalars(running).all())
            most = max([most, *counts])

    await asyncio.gather(*(work(*worker) for worker in workers.items()), watch(open_another()))
    assert most <= 1
    for asked in lines:
        assert [run_id for run_id in begun if run_id in {run.id for run in asked}] == [run.id for run in asked]
    left = sa.text(f"SELECT count(*) FROM run WHERE status IN {LIVE}")
    assert await database.read(SYSTEM, lambda connection: connection.scalar(left)) == 0


async def test_of_transactions_that_race_for_a_chat_one_gets_its_run(open_another: Open) -> None:
    """A10: the database decides, between processes too."""
    first = await ask(open_another())
    (claimed,) = await claim(open_another())
    await open_another().write(SYSTEM, lambda connection: store.end(connection, claimed, "completed"))
    racers = [open_another() for _ in range(4)]
    outcomes = await asyncio.gather(
        *(ask(racer, first.chat_id, first.owner_id) for racer in racers), return_exceptions=True
    )
    kinds = [type(outcome) for outcome in outcomes]
    assert sorted(kind.__name__ for kind in kinds) == ["Run", "RunLive", "RunLive", "RunLive"]
    # The losers have stored nothing.
    paths = await racers[0].write(SYSTEM, partial(store.paths_of_chat, actor=SYSTEM, chat_id=first.chat_id))
    assert len(paths) == 2


async def test_a_run_is_seen_by_its_owner_alone(database: Database) -> None:
    """D3."""
    asked = await ask(database)
    owner, stranger = Actor(asked.owner_id), Actor(new_owner())
    assert (await database.read(owner, partial(store.get, actor=owner, run_id=asked.id))).id == asked.id
    for run_id in (asked.id, new_id(), "no id", "a\0b"):
        with pytest.raises(RunNotFound):
            await database.read(stranger, partial(store.get, actor=stranger, run_id=run_id))
    assert await database.write(stranger, partial(store.paths_of_chat, actor=stranger, chat_id=asked.chat_id)) == []
    assert await database.read(stranger, partial(store.live_of_chats, actor=stranger, chat_ids=[asked.chat_id])) == {}
