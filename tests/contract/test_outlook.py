"""What would be sent is what is sent (B7): looked at before, over real databases."""

import pytest
from parts import new_owner, process

from penstock.actor import Actor
from penstock.chats.model import ChatNotFound
from penstock.chats.outlook import Outlook
from penstock.chats.sending import Send
from penstock.db.database import Database
from penstock.kit.clock import wall_clock
from penstock.providers.catalog import VendorConfig
from upstream.process import Upstream


async def test_b7_what_is_shown_beforehand_is_what_is_sent(database: Database, upstream: Upstream) -> None:
    owner = new_owner()
    vendors = [VendorConfig(id="openai", base_url=upstream.base_url)]
    async with process(database, vendors=vendors) as ours, ours.working():
        outlook = Outlook(database, ours.router, ours.keys, wall_clock, ours.contents)
        settings = {"systemPrompt": "Be brief."}
        run = await ours.sending.send(owner, Send(text="First", model="openai/echo-3", settings=settings))
        await ours.runs.ended(Actor(owner), run.id)
        model, choice = await outlook.look(owner, run.chat_id, text="Make it shorter", settings=settings)
        assert model.id == "openai/echo-3"
        assert [(bool(each.message_id), each.reason) for each in choice.messages] == [
            (True, "recent"),
            (True, "referred-to"),
            (False, "last"),
        ]
        run = await ours.sending.send(owner, Send(text="Make it shorter", chat_id=run.chat_id, settings=settings))
        await ours.runs.ended(Actor(owner), run.id)
    sent = upstream.requests()[-1].body["messages"]
    assert sent == [{"role": turn.role, "content": turn.text} for turn in choice.turns]


async def test_b7_nothing_is_stored_by_looking_and_only_one_s_own_is_shown(database: Database) -> None:
    owner = new_owner()
    async with process(database) as ours:
        outlook = Outlook(database, ours.router, ours.keys, wall_clock, ours.contents)
        chat = await ours.chats.create(owner, "Empty")
        _, choice = await outlook.look(owner, chat.id, text="Hello")
        assert [turn.text for turn in choice.turns] == ["Hello"]
        assert (await ours.chats.get(Actor(owner), chat.id)).message_count == 0
        with pytest.raises(ChatNotFound):
            await outlook.look(new_owner(), chat.id)
