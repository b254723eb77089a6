"""The tree of a chat's messages, over each database (B2, B4, B5)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parts import Open, Process, new_owner, process

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.chats import tree
from penstock.chats.model import CursorInvalid, Message, MessageNotFound, NothingToEdit, Stretch
from penstock.chats.reading import Place
from penstock.chats.sending import Send
from penstock.chats.service import ChatChange
from penstock.chats.tree import Node
from penstock.db.database import Database
from penstock.kit.ids import new_id


@pytest.fixture
async def ours(database: Database) -> AsyncIterator[Process]:
    async with process(database) as started:
        yield started


async def texts(ours: Process, owner: IdentityId, chat_id: str, **place: str) -> list[str]:
    """Return what a path says, the chosen one unless told otherwise."""
    page = await ours.chats.messages(Actor(owner), chat_id, limit=200, place=Place(**place))  # pyright: ignore[reportArgumentType]  # words of Place
    return [message.text for message in page.items]


async def everything(ours: Process, owner: IdentityId, chat_id: str, leaf_id: str, limit: int) -> list[Stretch]:
    """Return all pages of a path, from its end back."""
    pages = [await ours.chats.messages(Actor(owner), chat_id, limit=limit, place=Place(leaf_id=leaf_id))]
    while cursor := pages[0].next_cursor:
        pages.insert(0, await ours.chats.messages(Actor(owner), chat_id, limit=limit, place=Place(cursor=cursor)))
    return pages


async def forward(ours: Process, owner: IdentityId, chat_id: str, page: Stretch, limit: int) -> list[str]:
    """Return the ids of a page and of all newer ones."""
    ids = [message.id for message in page.items]
    while cursor := page.previous_cursor:
        page = await ours.chats.messages(Actor(owner), chat_id, limit=limit, place=Place(cursor=cursor))
        ids += [message.id for message in page.items]
    return ids


CHOICES = st.lists(st.tuples(st.sampled_from(["follow", "edit", "choose", "go on"]), st.integers(0, 99)), max_size=40)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choices=CHOICES, limit=st.integers(1, 7))
async def test_every_path_is_read_whole_in_both_directions_whatever_was_branched(
    open_another: Open, choices: Sequence[tuple[str, int]], limit: int
) -> None:
    """B2, B5: against a tree that is kept in memory; and nothing that was said is changed."""
    owner = new_owner()
    actor = Actor(owner)
    async with AsyncExitStack() as stack:
        database = open_another()
        stack.push_async_callback(database.close)
        ours = await stack.enter_async_context(process(database))
        chat_id = (await ours.chats.create(owner, None)).id
        said: dict[str, Message] = {}
        leaf: str | None = None

        def path(message_id: str | None) -> list[str]:
            ids: list[str] = []
            while message_id is not None:
                ids.insert(0, message_id)
                message_id = said[message_id].parent_id
            return ids

        def newest_below(message_id: str) -> str:
            while below := [each.id for each in said.values() if each.parent_id == message_id]:
                message_id = max(below)
            return message_id

        for what, which in choices:
            chosen = list(said)[which % len(said)] if said else None
            if what == "choose":
                if chosen is not None:
                    leaf = leaf if chosen in path(leaf) else newest_below(chosen)
                    chat = await ours.chats.change(actor, chat_id, ChatChange(leaf_id=chosen))
                    assert chat.leaf_id == leaf
                continue
            message = await ours.sending.add_message(
                owner,
                chat_id,
                f"{what} {which}",
                None,
                message_id=chosen if what == "edit" else None,
                parent_id=chosen if what == "follow" else None,
            )
            expected = leaf
            if chosen is not None and what != "go on":
                expected = chosen if what == "follow" else said[chosen].parent_id
            assert message.parent_id == expected
            said[message.id] = message
            leaf = message.id
        assert (await ours.chats.get(actor, chat_id)).leaf_id == leaf
        for each in said:
            pages = await everything(ours, owner, chat_id, each, limit)
            messages = [message for page in pages for message in page.items]
            assert [message.id for message in messages] == path(each)
            assert [(message.text, message.parent_id) for message in messages] == [
                (said[message_id].text, said[message_id].parent_id) for message_id in path(each)
            ]
            for message in messages:
                beside = [other.id for other in said.values() if other.parent_id == message.parent_id]
                assert list(message.version_ids) == sorted(beside)
            assert await forward(ours, owner, chat_id, pages[0], limit) == path(each)
            hit = await ours.chats.messages(actor, chat_id, limit=limit, place=Place(at_id=each))
            assert each in [message.id for message in hit.items]
            assert hit.leaf_id == (leaf if each in path(leaf) else newest_below(each))


async def test_an_edit_a_new_answer_and_a_retry_stand_beside_what_was_there(ours: Process) -> None:
    """B5: the chat goes on from the new one, and the old branch is one choice away."""
    owner = new_owner()
    actor = Actor(owner)
    async with ours.working():

        async def ended(send: Send) -> str:
            run = await ours.sending.send(owner, send)
            assert (await ours.runs.ended(actor, run.id)).status == "completed"
            return run.message_id

        short = {"maxTokens": 2}
        first = await ended(Send(text="One", alias="mine", client_message_id="sent", settings=short))
        chat_id = (await ours.chats.find(actor, "mine")).id
        page = await ours.chats.messages(actor, chat_id, limit=10)
        question = page.items[0]
        await ended(Send(text="Two", chat_id=chat_id, settings=short))
        old = await texts(ours, owner, chat_id)
        again = await ended(Send(trigger="regenerate-message", chat_id=chat_id, message_id=first, settings=short))
        # The AI SDK edits by the id that the message was sent under.
        edited = await ended(Send(text="Won", alias="mine", message_id="sent", settings=short))
        page = await ours.chats.messages(actor, chat_id, limit=10)
        assert page.items[0].text == "Won"
        assert page.items[0].version_ids == [question.id, page.items[0].id]
        assert page.items[1].id == edited
        chosen = await ours.chats.change(actor, chat_id, ChatChange(leaf_id=first))
        assert await texts(ours, owner, chat_id) == old
        page = await ours.chats.messages(actor, chat_id, limit=10)
        assert page.items[1].version_ids == [first, again]
        assert page.leaf_id == chosen.leaf_id
        with pytest.raises(NothingToEdit):
            await ours.sending.send(owner, Send(text="Mine?", chat_id=chat_id, message_id=first))


async def test_places_of_other_chats_and_of_nothing_are_refused(ours: Process) -> None:
    """D3: a cursor, a leaf, a branch to go to or on from; nothing is changed."""
    owner = new_owner()
    actor = Actor(owner)
    chat, other = await ours.chats.create(owner, None), await ours.chats.create(owner, None)
    mine = await ours.sending.add_message(owner, chat.id, "mine", None)
    notes = [await ours.sending.add_message(owner, other.id, f"note {number}", None) for number in range(3)]
    page = await ours.chats.messages(actor, other.id, limit=1)
    cursors = [page.next_cursor, f"{mine.id}_older_1", f"{mine.id}_newer_99999999999", mine.id, "_older_0"]
    for cursor in cursors:
        with pytest.raises(CursorInvalid):
            await ours.chats.messages(actor, chat.id, limit=1, place=Place(cursor=cursor))
    for name in (notes[0].id, new_id(), "nonsense", "\0"):
        for place in (Place(leaf_id=name), Place(at_id=name)):
            with pytest.raises(MessageNotFound):
                await ours.chats.messages(actor, chat.id, limit=1, place=place)
        with pytest.raises(MessageNotFound):
            await ours.chats.change(actor, chat.id, ChatChange(title="Taken", leaf_id=name))
        for send in (Send(message_id=name), Send(parent_id=name)):
            with pytest.raises(MessageNotFound):
                await ours.sending.send(owner, replace(send, text="x", chat_id=chat.id))
    assert await texts(ours, owner, chat.id) == ["mine"]
    assert (await ours.chats.get(actor, chat.id)).title == "mine"


async def test_any_ancestor_is_found_in_few_steps(ours: Process) -> None:
    """B4: jumps go far, whatever the depth; and those of a path without jumps go by parents."""
    owner = new_owner()
    chat_id = (await ours.chats.create(owner, None)).id
    path = [(await ours.sending.add_message(owner, chat_id, "x", None)).id for _ in range(120)]
    rows = await ours.database.read(
        SYSTEM, lambda connection: connection.execute(sa.text("SELECT id, depth, jump_id FROM message")).all()
    )
    jumps = {row.depth: path.index(str(row.jump_id)) if row.jump_id else None for row in rows}
    for start in range(120):
        for target in range(start):
            depth, steps = start, 0
            while depth != target:
                jump = jumps[depth]
                depth = jump if jump is not None and jump >= target else depth - 1
                steps += 1
            assert steps <= 3 * start.bit_length()

    async def found(depth: int) -> str:
        last = Node(path[-1], 119)
        return (await ours.database.read(SYSTEM, partial(tree.ancestor, node=last, depth=depth))).id

    assert [await found(depth) for depth in (0, 1, 63, 64, 118, 119)] == [path[at] for at in (0, 1, 63, 64, 118, 119)]
    await ours.database.write(
        SYSTEM, lambda connection: connection.execute(sa.text("UPDATE message SET jump_id = NULL WHERE depth > 60"))
    )
    assert [await found(depth) for depth in (0, 59, 60, 61, 118)] == [path[at] for at in (0, 59, 60, 61, 118)]
