"""What a model would be shown if it were asked now, and what not, and why (B7)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.chats import store
from penstock.chats.answer import MOST_MESSAGES
from penstock.chats.asides import store as asides
from penstock.chats.attached import shown_with
from penstock.chats.context import Choice, Summary, choose
from penstock.chats.model import Chat, Message
from penstock.chats.settings import settings_for
from penstock.db.database import Database
from penstock.files import store as attachments
from penstock.files.contents import Contents
from penstock.files.model import Attachment
from penstock.keys.service import KeyService
from penstock.kit.clock import Clock
from penstock.kit.ids import new_id
from penstock.providers.base import Model
from penstock.providers.router import Router


class Outlook:
    """Looks ahead without asking anybody."""

    def __init__(self, database: Database, router: Router, keys: KeyService, clock: Clock, contents: Contents) -> None:
        """Take where chats are stored, what is known of models and keys, and where attachments are kept."""
        self._contents = contents
        self._database = database
        self._router = router
        self._keys = keys
        self._clock = clock

    async def look(
        self,
        owner: IdentityId,
        chat_id: str,
        *,
        text: str = "",
        files: Sequence[str] = (),
        model: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> tuple[Model, Choice]:
        """Return the model and what it would be shown, with a message as the last where its text or files are given.

        Files are attachments of one's own, by id. Raises ChatNotFound, AttachmentNotFound or UnknownModel.
        """
        actor = Actor(owner)

        def load(
            connection: sa.Connection,
        ) -> tuple[Chat, list[Message], Mapping[str, Sequence[Attachment]], Sequence[Attachment], Summary | None]:
            chat = store.get_chat(connection, actor, chat_id)
            path = store.list_path(connection, chat.leaf_id, MOST_MESSAGES) if chat.leaf_id else []
            attached = attachments.of_messages(connection, [each.id for each in path])
            last_ones = [attachments.find(connection, actor, each) for each in files]
            return chat, path, attached, last_ones, asides.summary_on(connection, path) if path else None

        chat, messages, attached, last_ones, summary = await self._database.read(actor, load)
        own = await self._keys.providers(owner)
        asked = self._router.resolve(model or chat.model or await self._router.default(own), own)
        settings = settings_for(chat, asked, settings)
        if text or last_ones:
            last = self._imagined(chat.id, text, len(messages))
            messages, attached = [*messages, last], {**attached, last.id: last_ones}
        choice = choose(
            messages,
            asked.capabilities,
            system_prompt=settings.get("systemPrompt"),
            max_tokens=settings.get("maxTokens"),
            attached=await shown_with(self._contents, messages, attached, with_pictures=False),
            sees=asked.sees,
            summary=summary,
        )
        if text or last_ones:
            *stored, last = choice.messages
            choice = replace(choice, messages=[*stored, replace(last, message_id="")])
        return asked, choice

    def _imagined(self, chat_id: str, text: str, depth: int) -> Message:
        """Return a message as if it had been sent."""
        return Message(
            id=new_id(),
            chat_id=chat_id,
            parent_id=None,
            depth=depth,
            role="user",
            status="completed",
            parts=[],
            text=text,
            model=None,
            settings={},
            record=None,
            finish_reason=None,
            input_tokens=None,
            output_tokens=None,
            error=None,
            run_id=None,
            created_at=self._clock(),
            completed_at=None,
        )
