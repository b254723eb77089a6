"""What a model would be shown if it were asked now, and what not, and why (B7)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.chats import store
from penstock.chats.answer import MOST_MESSAGES
from penstock.chats.context import Choice, choose
from penstock.chats.model import Chat, Message
from penstock.chats.settings import settings_for
from penstock.db.database import Database
from penstock.keys.service import KeyService
from penstock.kit.clock import Clock
from penstock.kit.ids import new_id
from penstock.providers.base import Model
from penstock.providers.router import Router


class Outlook:
    """Looks ahead without asking anybody."""

    def __init__(self, database: Database, router: Router, keys: KeyService, clock: Clock) -> None:
        """Take where chats are stored, and what is known of models and keys."""
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
        model: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> tuple[Model, Choice]:
        """Return the model and what it would be shown, with a message of this text as the last where one is given.

        Raises ChatNotFound or UnknownModel.
        """
        actor = Actor(owner)

        def load(connection: sa.Connection) -> tuple[Chat, list[Message]]:
            chat = store.get_chat(connection, actor, chat_id)
            if chat.leaf_id is None:
                return chat, []
            return chat, store.list_path(connection, chat.leaf_id, MOST_MESSAGES)

        chat, messages = await self._database.read(actor, load)
        own = await self._keys.providers(owner)
        asked = self._router.resolve(model or chat.model or await self._router.default(own), own)
        settings = settings_for(chat, asked, settings)
        if text:
            messages = [*messages, self._imagined(chat.id, text, len(messages))]
        choice = choose(
            messages,
            asked.capabilities,
            system_prompt=settings.get("systemPrompt"),
            max_tokens=settings.get("maxTokens"),
        )
        if text:
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
