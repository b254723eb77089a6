"""Asks what is owed beside conversations: one loop in each worker, a few at a time, and never in an answer's way."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import sqlalchemy as sa

from penstock.actor import SYSTEM, IdentityId
from penstock.chats import store as chats
from penstock.chats.answer import MOST_MESSAGES, journey_of
from penstock.chats.asides import store
from penstock.chats.asides.model import ASIDE_TOPIC, MOST_TRIES, Aside, Reply
from penstock.chats.asides.summaries import Stretch, stretch_of, summary_in, summary_question
from penstock.chats.asides.titles import title_in, title_question
from penstock.chats.changes import Changes
from penstock.chats.context import Summary, budget_of, estimate
from penstock.chats.model import ChatNotFound, Message, MessageNotFound
from penstock.db.database import Database, is_outage
from penstock.errors import PenstockError
from penstock.keys.service import KeyService
from penstock.kit.clock import Clock
from penstock.kit.tasks import TaskOwner
from penstock.providers.base import ChatRequest, ChatTurn, Delta, Handle, Model, Text, Usage
from penstock.providers.router import NoKey, Router
from penstock.runs.ask import Prepared, ask, prepared_on
from penstock.streams.wake import Wake

T = TypeVar("T")
logger = logging.getLogger(__name__)

MOST_AT_ONCE = 4
"""Asides that one process asks at the same time: answers come first."""
LEASE_SECONDS = 20.0
_LOOK_SECONDS = 5.0
"""Hints can be lost; leases are renewed as often."""
_TOTAL_SECONDS = 300.0
"""That one may take: a small machine reads a long conversation for minutes."""
TITLE_TOKENS = 100
THOUGHT_TOKENS = 2000
"""More for models that may reason first: that counts."""


@dataclass(frozen=True, kw_only=True)
class Asides:
    """Asks them."""

    database: Database
    wake: Wake
    router: Router
    keys: KeyService
    clock: Clock
    retry_seconds: float = 30
    """Until one that failed is tried again, and twice that until the last time."""
    lease_seconds: float = LEASE_SECONDS
    tasks: TaskOwner = field(default_factory=TaskOwner)
    _held: dict[str, Aside] = field(default_factory=dict[str, Aside])

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Ask for as long as this lasts. What is torn off is asked again elsewhere, or later."""
        self.tasks.spawn(self._look_for_ever(), "asides")
        try:
            yield
        finally:
            await self.tasks.cancel_all()

    async def _look_for_ever(self) -> None:
        with self.wake.waiting(ASIDE_TOPIC) as hint:
            while True:
                hint.clear()
                try:
                    await self._look()
                except Exception as error:
                    # May not end while the process lives: nothing would be asked any more.
                    if is_outage(error):
                        logger.warning("The database is away; asides wait.")
                    else:
                        logger.exception("Looking for asides stumbled; it tries again.")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(_LOOK_SECONDS, self.lease_seconds / 4)):
                        await hint.wait()

    async def _look(self) -> None:
        held, room = list(self._held.values()), MOST_AT_ONCE - len(self._held)

        def look(connection: sa.Connection) -> list[Aside]:
            store.renew(connection, held, self.lease_seconds)
            return store.claim(connection, room, self.lease_seconds) if room else []

        for aside in await self.database.write(SYSTEM, look):
            self._held[aside.id] = aside
            task = self.tasks.spawn(self._do(aside), f"aside {aside.id}")
            task.add_done_callback(lambda _, done=aside: self._end(done))

    def _end(self, aside: Aside) -> None:
        if self._held.get(aside.id) is aside:
            del self._held[aside.id]
        self.wake.publish([ASIDE_TOPIC])  # there is room again

    async def _do(self, aside: Aside) -> None:
        """Ask one, and see to what becomes of it."""
        try:
            if aside.attempts > MOST_TRIES:  # whoever tried it last has died of it
                await self._write(partial(store.fail, aside=aside))
                return
            async with asyncio.timeout(_TOTAL_SECONDS):
                await (self._title(aside) if aside.kind == "title" else self._summarise(aside))
        except (ChatNotFound, MessageNotFound):
            pass  # It went with its chat.
        except Exception as error:
            # Whatever went wrong, nobody waits for it: it is tried again, or given up, and all else goes on.
            if isinstance(error, PenstockError | TimeoutError) or is_outage(error):
                logger.info("There is no %s of %s: %s", aside.kind, aside.model, error)
            else:
                logger.exception("An aside stumbled.")
            is_final = isinstance(error, PenstockError) and not getattr(error, "retryable", False)
            if is_final or aside.attempts == MOST_TRIES:
                await self._write(partial(store.fail, aside=aside))
            else:
                seconds = self.retry_seconds * aside.attempts
                await self._write(partial(store.put_off, aside=aside, seconds=seconds))

    async def _title(self, aside: Aside) -> None:
        def load(connection: sa.Connection) -> tuple[IdentityId, Message, Message] | None:
            if not store.is_title_open(connection, aside.chat_id):
                return None
            answer = chats.get_message(connection, SYSTEM, aside.chat_id, aside.message_id)
            question = chats.get_message(connection, SYSTEM, aside.chat_id, answer.parent_id or "")
            return chats.get_chat(connection, SYSTEM, aside.chat_id).owner_id, question, answer

        found = await self.database.read(SYSTEM, load)
        if found is None:
            await self._write(partial(store.forget, aside=aside))
            return
        owner, question, answer = found
        reply = await self._ask(aside, owner, title_question(question.text, answer.text), TITLE_TOKENS)
        title = title_in(reply.text)
        if title is None:
            await self._write(partial(store.fail, aside=aside, reply=reply))
            return

        def name(connection: sa.Connection) -> Sequence[str]:
            chat = chats.lock_chat(connection, SYSTEM, aside.chat_id)
            if not store.finish_title(connection, aside, reply, title):
                return ()
            changes = Changes(chat.owner_id)
            changes.touch(chat.id)
            return changes.write(connection, self.clock())

        self.wake.publish(await self._write(name))

    async def _summarise(self, aside: Aside) -> None:
        def load(connection: sa.Connection) -> tuple[IdentityId, Sequence[Message], Summary | None]:
            path = chats.list_path(connection, aside.message_id, MOST_MESSAGES)
            owner = chats.get_chat(connection, SYSTEM, aside.chat_id).owner_id
            return owner, path, store.summary_on(connection, path)

        owner, path, before = await self.database.read(SYSTEM, load)
        stretch = self._stretch(path, before)
        question = stretch and summary_question(stretch, self.router.resolve(aside.model).capabilities)
        if stretch is None or question is None:
            await self._write(partial(store.forget, aside=aside))
            return
        reply = await self._ask(aside, owner, question.turns, stretch.tokens)
        text = summary_in(reply.text, stretch)
        if text is None:
            await self._write(partial(store.fail, aside=aside, reply=reply))
            return
        summary = Summary(
            text=text,
            model=reply.model,
            message_id=stretch.last.id,
            first_depth=question.first_depth,
            last_depth=stretch.last.depth,
        )

        def keep(connection: sa.Connection) -> None:
            chats.lock_chat(connection, SYSTEM, aside.chat_id)
            store.finish_summary(connection, aside, reply, summary)

        await self._write(keep)

    def _stretch(self, path: Sequence[Message], before: Summary | None) -> Stretch | None:
        """Return what is to be summarised for the model that has just answered. Raises UnknownModel."""
        answer = path[-1]
        assert answer.model is not None, "an answer is a model's"
        capabilities = self.router.resolve(answer.model).capabilities
        budget = budget_of(capabilities, answer.settings.get("maxTokens"))
        return stretch_of(path, budget - estimate(answer.settings.get("systemPrompt") or ""), before)

    async def _ask(self, aside: Aside, owner: IdentityId, turns: Sequence[ChatTurn], tokens: int) -> Reply:
        """Return what a model answers, asked once and with the keys that answers have. Raises ProviderError, NoKey."""

        def request(model: Model) -> ChatRequest:
            can = model.capabilities
            may_think = can.reasoning or not model.is_known
            most = min(filter(None, (tokens + (THOUGHT_TOKENS if may_think else 0), can.max_output)))
            return ChatRequest(model=model.id.partition("/")[2], turns=turns, max_tokens=most)

        journey = await journey_of(self.router, self.keys, aside.model, owner)
        prepared = prepared_on(journey, journey.begin(), request)
        hearing = _Hearing()
        hearing.choose(prepared)
        await ask(hearing, prepared, retries=0)
        usage = hearing.usage
        return Reply(
            text="".join(hearing.texts),
            model=hearing.model,
            input_tokens=usage and usage.input_tokens,
            output_tokens=usage and usage.output_tokens,
        )

    async def _write(self, work: Callable[[sa.Connection], T]) -> T:
        return await self.database.write(SYSTEM, work)


class _Hearing:
    """Hears a reply, all of which is there at its end or none."""

    def __init__(self) -> None:
        self.handle: Handle | None = None
        self.texts: list[str] = []
        self.usage: Usage | None = None
        self.model = ""

    @property
    def has_heard(self) -> bool:
        """Whether something came: nobody else is asked then."""
        return bool(self.texts)

    def choose(self, prepared: Prepared) -> None:
        """Note who is asked now. Raises NoKey where that is the demo, which does not read what it is asked."""
        assert prepared.way is not None, "it was chosen"
        if prepared.way.model.is_demo:
            raise NoKey
        self.model = prepared.way.model.id

    def begin(self, prepared: Prepared) -> ChatRequest:
        """Return what to ask."""
        return prepared.request

    async def hear(self, batch: Sequence[Delta]) -> None:
        """Take what comes."""
        self.texts += [delta.text for delta in batch if isinstance(delta, Text)]
        self.usage = next((delta for delta in reversed(batch) if isinstance(delta, Usage)), self.usage)
