"""Messages of a day over each database: exact under races, given back when nothing came of them (D4, S20)."""

import asyncio
from collections.abc import Mapping
from functools import partial

import pytest
import sqlalchemy as sa
from parts import Open, Process, count, eventually, new_owner, process

from penstock.actor import SYSTEM, Actor, IdentityId, Kind, Visitor
from penstock.chats.sending import Send
from penstock.db.database import Database
from penstock.db.schema import Big
from penstock.kit.clock import Millis
from penstock.limits import store
from penstock.limits.model import Payer, QuotaUsedUp
from penstock.limits.quotas import Quotas
from penstock.runs.model import Run

DAILY: Mapping[Kind, int | None] = {"regular": 3, "guest": 2, "anonymous": 1, "owner": None}
QUOTAS = Quotas(daily=DAILY)
DAY = 20_000 * store.DAY_MILLIS
"""The beginning of some day."""


def payer(kind: Kind = "regular", address: str = "203.0.113.7", owner: IdentityId | None = None) -> Payer:
    return Payer(visitor=Visitor(identity=owner or new_owner(), kind=kind), address=address)


async def send(ours: Process, who: Payer, **words: str) -> Run:
    return await ours.sending.send(who.visitor.identity, Send(**{"text": "Hello", **words}, payer=who))  # pyright: ignore[reportArgumentType]  # words of Send


async def used(database: Database, who: Payer, quotas: Quotas = QUOTAS) -> int:
    reading = await quotas.usage(database, who)
    assert reading is not None
    return reading.used


async def ended(ours: Process, run: Run) -> Run:
    async with asyncio.timeout(20):
        return await ours.runs.ended(SYSTEM, run.id)


def outcome_counts(outcomes: list[Run | BaseException]) -> tuple[int, int]:
    accepted = sum(isinstance(outcome, Run) for outcome in outcomes)
    refused = sum(isinstance(outcome, QuotaUsedUp) for outcome in outcomes)
    assert accepted + refused == len(outcomes), outcomes
    return accepted, refused


async def test_of_a_hundred_sends_with_one_left_exactly_one_is_accepted(open_another: Open) -> None:
    """D4: through two processes; of those refused nothing is stored."""
    who = payer()
    async with (
        process(open_another(), quotas=QUOTAS) as one,
        process(open_another(), quotas=QUOTAS) as other,
    ):
        await send(one, who)
        await send(other, who)
        outcomes = await asyncio.gather(*(send(each, who) for each in (one, other) * 50), return_exceptions=True)
        assert outcome_counts(outcomes) == (1, 99)
        assert [await count(one.database, table) for table in ("chat", "message", "run", "stream")] == [3, 6, 3, 3]
        assert await used(one.database, who) == 3


@pytest.mark.parametrize(("kind", "most"), [("anonymous", 1), ("guest", 2)])
async def test_being_somebody_new_gives_nothing_new_to_whoever_has_no_account(
    open_another: Open, kind: Kind, most: int
) -> None:
    """D4: they are counted by address, however many of them come from it at once."""
    async with (
        process(open_another(), quotas=QUOTAS) as one,
        process(open_another(), quotas=QUOTAS) as other,
    ):
        outcomes = await asyncio.gather(
            *(send(each, payer(kind)) for each in (one, other) * 20), return_exceptions=True
        )
        assert outcome_counts(outcomes) == (most, 40 - most)
        assert await used(one.database, payer(kind)) == most
        assert await used(one.database, payer(kind, "203.0.113.8")) == 0


async def test_a_new_address_gives_an_anonymous_visitor_nothing_new(open_another: Open) -> None:
    """D4: the cookie is counted as well."""
    owner = new_owner()
    async with process(open_another(), quotas=QUOTAS) as ours:
        await send(ours, payer("anonymous", owner=owner))
        with pytest.raises(QuotaUsedUp):
            await send(ours, payer("anonymous", "203.0.113.8", owner))
        assert await used(ours.database, payer("anonymous", "203.0.113.8")) == 0


async def test_twenty_repeats_of_a_send_with_one_left_take_one_and_find_its_run(open_another: Open) -> None:
    """A10, D4: a repeated send is never refused for what its first has used."""
    who = payer("anonymous")
    async with (
        process(open_another(), quotas=QUOTAS) as one,
        process(open_another(), quotas=QUOTAS) as other,
    ):
        runs = await asyncio.gather(*(send(each, who, client_message_id="mine") for each in (one, other) * 10))
        assert len({run.id for run in runs}) == 1
        assert await used(one.database, who) == 1


async def test_each_kind_has_its_own_number_and_the_owner_none(open_another: Open) -> None:
    """D4."""
    async with process(open_another(), quotas=QUOTAS) as ours:
        for kind, most in DAILY.items():
            who = payer(kind, address=f"address of {kind}")
            for _ in range(5 if most is None else most):
                await send(ours, who)
            if most is None:
                assert await QUOTAS.usage(ours.database, who) is None
                continue
            with pytest.raises(QuotaUsedUp) as refusal:
                await send(ours, who)
            assert {name: refusal.value.details[name] for name in ("limit", "remaining")} == {
                "limit": most,
                "remaining": 0,
            }


async def test_where_the_number_is_none_at_all_the_first_message_is_refused(open_another: Open) -> None:
    """D8: `guest=0` closes the door to guests."""
    quotas = Quotas(daily={"guest": 0})
    async with process(open_another(), quotas=quotas) as ours:
        with pytest.raises(QuotaUsedUp) as refusal:
            await send(ours, payer("guest"))
        assert "Sign in" in refusal.value.message


async def test_the_day_turns_at_midnight_utc_and_not_before(open_another: Open) -> None:
    """D4: `resetAt` is the moment from which there is a new one."""
    time = [DAY]
    quotas = Quotas(daily=DAILY, now=lambda: sa.literal(time[0], Big))
    who = payer("anonymous")
    async with process(open_another(), quotas=quotas) as ours:
        await send(ours, who)
        time[0] = DAY + store.DAY_MILLIS - 1
        with pytest.raises(QuotaUsedUp) as refusal:
            await send(ours, who)
        assert refusal.value.reading.reset_at == DAY + store.DAY_MILLIS
        assert refusal.value.details["resetAt"] == "2024-10-05T00:00:00Z"
        assert refusal.value.details["retryAfter"] == 1
        time[0] = refusal.value.reading.reset_at
        assert await used(ours.database, who, quotas) == 0
        await send(ours, who)
        with pytest.raises(QuotaUsedUp):
            await send(ours, who)


async def test_the_clock_is_the_databases(open_another: Open) -> None:
    """D4: no process counts by a clock of its own."""
    database = open_another()
    at = await database.read(SYSTEM, partial(store.read_clock, now=QUOTAS.now))
    reading = await QUOTAS.usage(database, payer())
    assert reading is not None
    assert 0 <= reading.at - at < 60_000
    assert reading.reset_at % store.DAY_MILLIS == 0
    assert 0 < reading.reset_at - reading.at <= store.DAY_MILLIS


async def test_an_answer_that_was_begun_is_not_given_back(open_another: Open) -> None:
    """D4: stopped in the middle, it counts."""
    who = payer()
    async with process(open_another(), quotas=QUOTAS, tokens_per_second=50) as ours, ours.working():
        run = await send(ours, who, model="demo/tour")

        async def has_begun() -> bool:
            return any("delta" in type(event).__name__.lower() for event in await ours.log(run.id))

        await eventually(has_begun)
        await ours.runs.stop(Actor(who.visitor.identity), run.id)
        assert (await ended(ours, run)).status == "stopped"
        assert await used(ours.database, who) == 1


async def stopped_at_once(ours: Process, who: Payer) -> Run:
    """Send, and stop before any worker has asked a model."""
    run = await send(ours, who)
    await ours.runs.stop(Actor(who.visitor.identity), run.id, seconds=0)
    async with ours.working():
        assert (await ended(ours, run)).status == "stopped"
    return run


@pytest.mark.parametrize("kind", ["regular", "anonymous"])
async def test_a_message_stopped_before_its_answer_began_is_given_back_once(open_another: Open, kind: Kind) -> None:
    """D4."""
    who = payer(kind)
    async with process(open_another(), quotas=QUOTAS) as ours:
        run = await stopped_at_once(ours, who)
        assert await used(ours.database, who) == 0
        question = (await ours.chats.message(SYSTEM, run.chat_id, run.message_id)).parent_id
        assert question is not None
        await send(ours, who)
        await ours.database.write(SYSTEM, partial(store.give_back, message_id=question))
        assert await used(ours.database, who) == 1


async def test_what_was_given_back_is_counted_when_it_is_asked_again(open_another: Open) -> None:
    """D4: else stopping at once and regenerating would be a way around the quota."""
    who = payer("anonymous")
    async with process(open_another(), quotas=QUOTAS) as ours:
        run = await stopped_at_once(ours, who)
        again = await send(ours, who, trigger="regenerate-message", chat_id=run.chat_id)
        assert await used(ours.database, who) == 1
        async with ours.working():
            await ended(ours, again)
        with pytest.raises(QuotaUsedUp):
            await send(ours, who)


async def test_a_question_counts_once_however_often_it_is_answered(open_another: Open) -> None:
    """D4: no message is added by regenerating; and an answer that fails then gives nothing back."""
    who = payer("anonymous")
    async with process(open_another(), quotas=QUOTAS) as ours:
        run = await send(ours, who)
        async with ours.working():
            await ended(ours, run)
            await ended(ours, await send(ours, who, trigger="regenerate-message", chat_id=run.chat_id))
        again = await send(ours, who, trigger="regenerate-message", chat_id=run.chat_id)
        await ours.runs.stop(Actor(who.visitor.identity), again.id, seconds=0)
        async with ours.working():
            assert (await ended(ours, again)).status == "stopped"
        assert await used(ours.database, who) == 1


async def test_a_stored_message_is_free_and_its_answer_is_not(open_another: Open) -> None:
    """B4, D4."""
    who = payer("anonymous")
    owner = who.visitor.identity
    async with process(open_another(), quotas=QUOTAS) as ours:
        chat = await ours.chats.create(owner, None)
        messages = [await ours.sending.add_message(owner, chat.id, f"Note {number}", None) for number in range(3)]
        assert await used(ours.database, who) == 0
        regenerate = {"trigger": "regenerate-message", "chat_id": chat.id}
        run = await send(ours, who, **regenerate, message_id=messages[0].id)
        async with ours.working():
            await ended(ours, run)
        with pytest.raises(QuotaUsedUp):
            await send(ours, who, **regenerate, message_id=messages[1].id)


async def test_deleting_chats_gives_nothing_back(open_another: Open) -> None:
    """D4."""
    who = payer("anonymous")
    async with process(open_another(), quotas=QUOTAS) as ours:
        run = await send(ours, who)
        async with ours.working():
            await ended(ours, run)
        await ours.chats.delete(Actor(who.visitor.identity), run.chat_id)
        with pytest.raises(QuotaUsedUp):
            await send(ours, who)


async def test_signing_up_or_in_keeps_what_is_used(open_another: Open) -> None:
    """D2: what both have used is added up, and what is given back later goes to the account."""
    guest, account = payer("guest"), payer("regular")
    async with process(open_another(), quotas=QUOTAS) as ours:
        await send(ours, account)
        run = await send(ours, guest)
        await send(ours, guest)
        move = partial(store.move_usage, from_identity=guest.visitor.identity, to_identity=account.visitor.identity)
        await ours.database.write(SYSTEM, move)
        elsewhere = payer("guest", "203.0.113.8", guest.visitor.identity)
        assert (await used(ours.database, account), await used(ours.database, elsewhere)) == (3, 0)
        with pytest.raises(QuotaUsedUp):
            await send(ours, account)
        question = (await ours.chats.message(SYSTEM, run.chat_id, run.message_id)).parent_id
        await ours.database.write(SYSTEM, partial(store.give_back, message_id=question or ""))
        assert await used(ours.database, account) == 2


async def test_what_was_counted_on_past_days_is_forgotten(open_another: Open) -> None:
    """G5: addresses are kept no longer than they are needed."""
    time = [Millis(DAY)]
    quotas = Quotas(daily=DAILY, now=lambda: sa.literal(time[0], Big))
    async with process(open_another(), quotas=quotas) as ours:
        await send(ours, payer("anonymous"))
        assert await count(ours.database, "quota") == 2
        time[0] = Millis(DAY + 2 * store.DAY_MILLIS)
        await ours.database.write(SYSTEM, partial(store.forget_past, now=quotas.now))
        assert await count(ours.database, "quota") == 0
