"""What a chat is asked with when its messages say nothing else, over each database (B1, B6)."""

from parts import new_owner, process

from penstock.actor import Actor
from penstock.chats.outlook import Outlook
from penstock.chats.sending import Send
from penstock.chats.service import ChatChange
from penstock.db.database import Database
from penstock.kit.clock import wall_clock

DEMO = "demo/tour"


async def test_messages_are_answered_with_what_their_chat_says_unless_they_say_more(database: Database) -> None:
    """B1, B6: what was really used stands with the answer, and making that anew takes it from there."""
    owner = new_owner()
    actor = Actor(owner)
    async with process(database) as ours, ours.working():

        async def used(send: Send) -> dict[str, object]:
            run = await ours.sending.send(owner, send)
            await ours.runs.ended(actor, run.id)
            message = await ours.chats.message(actor, run.chat_id, run.message_id)
            return {"id": message.id, **message.settings}

        chat_id = (await ours.chats.create(owner, None)).id
        kept = ChatChange(model=DEMO, settings={"temperature": 0.5}, prompts=True, system_prompt="Be brief.")
        await ours.chats.change(actor, chat_id, kept)
        chat = await ours.chats.get(actor, chat_id)
        assert (chat.model, chat.settings, chat.system_prompt) == (DEMO, {"temperature": 0.5}, "Be brief.")
        first = await used(Send(text="One", chat_id=chat_id))
        assert first | {"id": ""} == {"id": "", "temperature": 0.5, "systemPrompt": "Be brief."}
        second = await used(Send(text="Two", chat_id=chat_id, settings={"temperature": 1, "maxTokens": 9}))
        assert second | {"id": ""} == {"id": "", "temperature": 1, "maxTokens": 9, "systemPrompt": "Be brief."}
        _, shown = await Outlook(database, ours.router, ours.keys, wall_clock, ours.contents).look(
            owner, chat_id, text="Three"
        )
        assert shown.turns[0].text == "Be brief."
        # Taken back: later messages have none of it, an answer that is made anew has what it had.
        await ours.chats.change(actor, chat_id, ChatChange(settings={}, prompts=True))
        assert set(await used(Send(text="Three", chat_id=chat_id))) == {"id"}
        again = await used(Send(trigger="regenerate-message", chat_id=chat_id, message_id=str(second["id"])))
        assert again | {"id": ""} == second | {"id": ""}
