"""The run kind `answer`: what a chat asks of a model, and what becomes of the message."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from penstock.actor import Actor
from penstock.chats import store
from penstock.chats.context import choose_turns
from penstock.chats.model import Message
from penstock.db.database import Database
from penstock.kit.clock import Clock
from penstock.providers.base import ChatRequest
from penstock.providers.catalog import Catalog
from penstock.runs.execute import Outcome, Prepared
from penstock.runs.fold import Part, text_of
from penstock.runs.model import Run

MOST_MESSAGES = 500
"""How far back a model is shown a conversation, whatever its window."""


class Answer:
    """Prepares and settles the runs that answer a message."""

    def __init__(self, database: Database, catalog: Catalog, clock: Clock) -> None:
        """Take where chats are stored and models are known."""
        self._database = database
        self._catalog = catalog
        self._clock = clock

    async def prepare(self, run: Run) -> Prepared:
        """Ask the run's model with as much of the conversation as it can take. Raises UnknownModel."""
        provider, model = self._catalog.resolve(run.model)
        actor = Actor(run.owner_id)

        def load(connection: sa.Connection) -> tuple[Message, Sequence[Message]]:
            message = store.get_message(connection, actor, run.chat_id, run.message_id)
            assert message.parent_id is not None, "an answer follows a message"
            return message, store.list_path(connection, actor, run.chat_id, message.parent_id, MOST_MESSAGES)

        message, history = await self._database.read(actor, load)
        base = msgspec.convert(message.parts, list[Part])
        turns = choose_turns(
            history,
            system_prompt=run.settings.get("systemPrompt"),
            context_window=model.capabilities.context_window,
            unfinished="" if model.capabilities.continues_prefix else text_of(base),
        )
        request = ChatRequest(
            model=run.model.partition("/")[2],
            turns=turns,
            temperature=run.settings.get("temperature"),
            max_tokens=run.settings.get("maxTokens"),
        )
        return Prepared(provider=provider, capabilities=model.capabilities, request=request)

    def settle(self, connection: sa.Connection, run: Run, outcome: Outcome) -> None:
        """Store the answer and how it ended; the chat is free for the next message."""
        end = outcome.end
        now = self._clock()
        store.update_message(
            connection,
            run.message_id,
            status=end.status,
            parts=msgspec.to_builtins(outcome.parts),
            text=text_of(outcome.parts),
            finish_reason=end.finish_reason,
            input_tokens=end.usage.input_tokens if end.usage else None,
            output_tokens=end.usage.output_tokens if end.usage else None,
            error_code=end.code,
            error_message=end.message,
            error_retryable=end.retryable,
            first_token_at=outcome.first_token_at,
            completed_at=now,
        )
        status = "completed" if end.status in {"completed", "stopped"} else "error"
        store.update_chat(connection, Actor(run.owner_id), run.chat_id, status=status, updated_at=now)
