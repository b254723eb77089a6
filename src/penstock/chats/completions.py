"""The run kind `completion`: what a program asks of a model, with a history of its own.

A program sends the whole conversation each time. Each time it becomes a chat of one question and one answer, of which
no list tells: so it has an owner, a run, a log and a place in all limits as everything else, and goes with its log.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import sqlalchemy as sa
from sqlalchemy import exc as sa_exc

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.chats import store
from penstock.chats.answer import journey_of, record_of
from penstock.chats.model import MessageNotFound
from penstock.chats.settings import SettingInvalid, check_settings
from penstock.chats.title import title_of
from penstock.db.database import Database
from penstock.db.schema import now_ms
from penstock.keys.service import KeyService
from penstock.kit.clock import Clock
from penstock.kit.ids import new_id
from penstock.limits import store as quotas
from penstock.limits.model import Payer
from penstock.limits.quotas import Quotas
from penstock.providers.base import ChatRequest, Model
from penstock.providers.router import NoKey, Router
from penstock.runs import store as runs
from penstock.runs.ask import Prepared, prepared_on
from penstock.runs.execute import WORK_TOPIC, Outcome
from penstock.runs.fold import StepStart
from penstock.runs.model import Run
from penstock.streams.wake import Wake

ORIGIN = "completion"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a program asks."""

    request: ChatRequest
    """Its `model` is our id, with the provider."""
    client_id: str | None = None
    """The program's own id of the request: sending it again finds the first run."""
    payer: Payer


class CompletionService:
    """Takes what programs ask."""

    def __init__(
        self, database: Database, router: Router, keys: KeyService, wake: Wake, clock: Clock, quotas: Quotas
    ) -> None:
        """Take where chats are stored, models and keys are known, workers are woken and messages are counted."""
        self._database = database
        self._router = router
        self._keys = keys
        self._wake = wake
        self._clock = clock
        self._quotas = quotas

    async def ask(self, owner: IdentityId, asked: Asked) -> Run:
        """Store what is asked and queue its run. Raises UnknownModel, NoKey, SettingInvalid or QuotaUsedUp."""
        model = self._router.resolve(asked.request.model, await self._keys.providers(owner))
        if not model.available:
            raise NoKey
        _check(asked.request, model)

        def write(connection: sa.Connection) -> Run:
            return self._store(connection, owner, asked)

        try:
            run = await self._database.write(Actor(owner), write)
        except sa_exc.IntegrityError:
            # Somebody was faster with the same client id: the second look finds what they stored.
            run = await self._database.write(Actor(owner), write)
        self._wake.publish([WORK_TOPIC])
        return run

    def _store(self, connection: sa.Connection, owner: IdentityId, asked: Asked) -> Run:
        actor, now, request = Actor(owner), self._clock(), asked.request
        if asked.client_id and (sent := store.find_sent(connection, actor, asked.client_id)):
            answer = store.first_answer(connection, actor, sent)
            if answer is None or answer.run_id is None:
                raise MessageNotFound
            return runs.get(connection, actor, answer.run_id)
        chat_id, run_id = new_id(), new_id()
        text = next((turn.text for turn in reversed(request.turns) if turn.role == "user"), "")
        store.insert_chat(
            connection, chat_id=chat_id, owner=owner, alias=None, title=title_of(text), now=now, origin=ORIGIN
        )
        question = store.insert_message(
            connection,
            message_id=new_id(),
            chat_id=chat_id,
            owner=owner,
            parent=None,
            role="user",
            status="completed",
            text=text,
            client_id=asked.client_id,
            now=now,
        )
        self._quotas.charge(connection, asked.payer, question.id)
        answer = store.insert_message(
            connection,
            message_id=new_id(),
            chat_id=chat_id,
            owner=owner,
            parent=question,
            role="assistant",
            status="streaming",
            text="",
            model=request.model,
            run_id=run_id,
            now=now,
        )
        store.update_chat(connection, actor, chat_id, status="streaming", leaf_id=answer.id, model=request.model)
        return runs.insert(
            connection,
            run_id=run_id,
            kind=ORIGIN,
            owner=owner,
            chat_id=chat_id,
            message_id=answer.id,
            model=request.model,
            settings={"request": msgspec.to_builtins(request)},
            now=now,
        )


class Completion:
    """Prepares and settles the runs that answer programs."""

    def __init__(self, database: Database, router: Router, keys: KeyService, clock: Clock) -> None:
        """Take where chats are stored, who knows whom to ask, and whose keys there are."""
        self._database = database
        self._router = router
        self._keys = keys
        self._clock = clock

    async def prepare(self, run: Run) -> Prepared:
        """Ask what was asked. Raises UnknownModel or NoKey."""
        chat = await self._database.read(SYSTEM, lambda connection: store.get_chat(connection, SYSTEM, run.chat_id))
        request = msgspec.convert(run.settings["request"], ChatRequest)

        def request_of(model: Model) -> ChatRequest:
            return replace(request, model=model.id.partition("/")[2])

        journey = await journey_of(self._router, self._keys, run.model, chat.owner_id)
        return prepared_on(journey, journey.begin(), request_of)

    def settle(self, connection: sa.Connection, run: Run, outcome: Outcome) -> Sequence[str]:
        """Store the answer and how it ended. A question of which nothing came takes nothing from the day's messages."""
        now = self._clock()
        store.end_message(connection, run.message_id, outcome, now, record_of(outcome, now))
        runs.forget_settings(connection, run.id)
        if all(isinstance(part, StepStart) for part in outcome.parts) and (
            question_id := store.question_in_vain(connection, run.message_id)
        ):
            quotas.give_back(connection, question_id)
        quotas.forget_past(connection, now_ms)
        status = "completed" if outcome.end.status in {"completed", "stopped"} else "error"
        store.update_chat(connection, SYSTEM, run.chat_id, status=status, updated_at=now)
        return ()


def _check(request: ChatRequest, model: Model) -> None:
    """Raise SettingInvalid for what the model is known not to take."""
    settings = {
        "maxTokens": request.max_tokens,
        "temperature": request.temperature,
        "reasoningEffort": request.reasoning_effort,
    }
    check_settings(settings, model)
    can = model.capabilities
    if model.is_known and request.tools and not can.tools:
        raise SettingInvalid(f"{model.name} cannot call tools.", setting="tools")
    if not model.sees and any(turn.images for turn in request.turns):
        raise SettingInvalid(f"{model.name} cannot be shown images.", setting="messages")
