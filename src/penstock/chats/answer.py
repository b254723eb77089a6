"""The run kind `answer`: what a chat asks of a model, and what becomes of the message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa

from penstock.actor import SYSTEM, IdentityId
from penstock.chats import store
from penstock.chats.asides import store as asides
from penstock.chats.asides.model import ASIDE_TOPIC, OFF, SAME, AsideKind, AsideModels
from penstock.chats.asides.summaries import is_near
from penstock.chats.attached import shown_with
from penstock.chats.changes import Changes, MessageStatusSet
from penstock.chats.context import Shown, Summary, choose
from penstock.chats.model import Chat, Message
from penstock.db.database import Database
from penstock.db.schema import now_ms
from penstock.files import store as attachments
from penstock.files.contents import Contents
from penstock.files.model import Attachment
from penstock.keys.service import KeyService
from penstock.kit.clock import Clock, Millis
from penstock.limits import store as quotas
from penstock.providers.base import ChatRequest, Model
from penstock.providers.router import Journey, Router
from penstock.runs.ask import Prepared, prepared_on
from penstock.runs.execute import Outcome
from penstock.runs.fold import Part, StepStart, text_of
from penstock.runs.model import Run

MOST_MESSAGES = 500
"""How far back a model is shown a conversation, whatever its window."""

NOBODY = AsideModels()


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    """What is known of an answer before anybody is asked for it."""

    owner: IdentityId
    message: Message
    history: Sequence[Message]
    attached: Mapping[str, Sequence[Attachment]]
    summary: Summary | None


class Answer:
    """Prepares and settles the runs that answer a message."""

    def __init__(
        self,
        database: Database,
        router: Router,
        keys: KeyService,
        clock: Clock,
        contents: Contents,
        aside_models: AsideModels = NOBODY,
    ) -> None:
        """Take where all is kept, who knows whom to ask, whose keys there are, and who is asked beside."""
        self._contents = contents
        self._database = database
        self._router = router
        self._keys = keys
        self._clock = clock
        self._aside_models = aside_models

    async def prepare(self, run: Run) -> Prepared:
        """Ask the run's model with as much of the conversation as it can take. Raises UnknownModel or NoKey."""

        # As the system: the chat may have become another owner's meanwhile, when its visitor signed in.
        def load(connection: sa.Connection) -> _Loaded:
            message = store.get_message(connection, SYSTEM, run.chat_id, run.message_id)
            assert message.parent_id is not None, "an answer follows a message"
            history = store.list_path(connection, message.parent_id, MOST_MESSAGES)
            return _Loaded(
                owner=store.get_chat(connection, SYSTEM, run.chat_id).owner_id,
                message=message,
                history=history,
                attached=attachments.of_messages(connection, [each.id for each in history]),
                summary=asides.summary_on(connection, history),
            )

        loaded = await self._database.read(SYSTEM, load)
        if loaded.message.status == "pending":
            await self._database.write(SYSTEM, partial(self._begin, run=run))
        journey = await journey_of(self._router, self._keys, run.model, loaded.owner)
        shown = await shown_with(self._contents, loaded.history, loaded.attached)
        return prepared_on(journey, journey.begin(), partial(_request, run.settings, loaded, shown))

    def _begin(self, connection: sa.Connection, run: Run) -> None:
        changes = Changes(store.get_chat(connection, SYSTEM, run.chat_id).owner_id)
        begin_answer(connection, run, changes)
        changes.write(connection, self._clock())

    def settle(self, connection: sa.Connection, run: Run, outcome: Outcome) -> Sequence[str]:
        """Store the answer and how it ended; the chat goes on with the next question in line, or is free.

        A question of which nothing came takes nothing from the day's messages.
        """
        end = outcome.end
        now = self._clock()
        store.end_message(connection, run.message_id, outcome, now, record_of(outcome, now))
        chat = store.lock_chat(connection, SYSTEM, run.chat_id)
        is_empty = all(isinstance(part, StepStart) for part in outcome.parts)
        if is_empty and (question_id := store.question_in_vain(connection, run.message_id)):
            quotas.give_back(connection, question_id)
        quotas.forget_past(connection, now_ms)
        ended = _chosen(connection, chat, run.message_id) or end.status
        status = "completed" if ended in {"completed", "stopped"} else "error"
        if chat.live_run_id is not None:
            status = "streaming"
        store.update_chat(connection, SYSTEM, run.chat_id, status=status, updated_at=now)
        changes = Changes(chat.owner_id)
        changes.touch(run.chat_id)
        changes.end(run, end.status)
        is_owed = self._owe(connection, run, outcome)
        topics = changes.write(connection, now)
        return [*topics, ASIDE_TOPIC] if is_owed else topics

    def _owe(self, connection: sa.Connection, run: Run, outcome: Outcome) -> bool:
        """Owe what models are asked beside the conversation once it has come so far; return whether anything is.

        The demo does not read what it is asked, and nobody else is asked about what it said.
        """
        way, usage = outcome.way, outcome.end.usage
        if way is None or way.model.is_demo or not text_of(outcome.parts):
            return False
        is_long = usage is None or is_near(
            usage.input_tokens + usage.output_tokens, way.model.capabilities, run.settings.get("maxTokens")
        )
        wanted: list[tuple[AsideKind, str]] = [("title", self._aside_models.title)]
        if is_long:
            wanted.append(("summary", self._aside_models.summary))
        owed = [
            asides.owe(connection, kind, run, run.model if model == SAME else model)
            for kind, model in wanted
            if model != OFF
        ]
        return any(owed)


def _chosen(connection: sa.Connection, chat: Chat, answer_id: str) -> str | None:
    """Return how the answer ended that stands beside this one, where the chat goes on from that."""
    if chat.leaf_id in {None, answer_id}:
        return None
    leaf = store.get_message(connection, SYSTEM, chat.id, chat.leaf_id or "")
    return leaf.status if leaf.beside_id == answer_id else None


def begin_answer(connection: sa.Connection, run: Run, changes: Changes) -> None:
    """Let the answer be seen to be written, now that its turn has come."""
    if store.begin_message(connection, run.message_id):
        changes.tell(MessageStatusSet(run.chat_id, run.message_id, "streaming"))


async def journey_of(router: Router, keys: KeyService, model: str, owner: IdentityId) -> Journey:
    """Return the ways to ask a model for somebody, whose own keys come first."""
    return router.journey(model, await keys.secrets(owner, router.providers(model)))


def _request(
    settings: Mapping[str, Any],
    loaded: _Loaded,
    shown: Mapping[str, Sequence[Shown]],
    model: Model,
) -> ChatRequest:
    """Return what this model is asked to answer, or to go on with where the message holds something already."""
    begun = text_of(msgspec.convert(loaded.message.parts, list[Part]))
    choice = choose(
        loaded.history,
        model.capabilities,
        system_prompt=settings.get("systemPrompt"),
        max_tokens=settings.get("maxTokens"),
        unfinished="" if model.capabilities.continues_prefix else begun,
        attached=shown,
        sees=model.sees,
        summary=loaded.summary,
    )
    return ChatRequest(
        model=model.id.partition("/")[2],
        turns=choice.turns,
        temperature=settings.get("temperature"),
        max_tokens=settings.get("maxTokens"),
        reasoning_effort=settings.get("reasoningEffort"),
    )


def record_of(outcome: Outcome, now: Millis) -> Mapping[str, Any] | None:
    """Return who was asked and what it took (B6); None where nobody was."""
    way, usage = outcome.way, outcome.end.usage
    if way is None:
        return None
    price, cost = way.model.price, None
    if price is not None and usage is not None:
        cost = round((usage.input_tokens * price.input + usage.output_tokens * price.output) / 1e6, 8)
    began = outcome.first_token_at
    return {
        "model": way.model.id,
        "provider": way.provider.id,
        "keySource": way.key_source,
        "route": way.route,
        "reason": way.reason,
        "firstTokenMs": None if began is None else began - outcome.begun_at,
        "totalMs": now - outcome.begun_at,
        "cost": cost,
    }
