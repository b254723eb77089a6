"""Answers are asked for without a break while the installation is hit; then all that anybody saw is compared."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from acceptance.crash.compare import Answer, Fault, Finding, Reread, compare
from acceptance.crash.control import Site
from acceptance.crash.readers import Client, Refused
from acceptance.crash.record import Event, Reading, shown_text
from acceptance.crash.report import Row

TOLD = "Tell me about water."
_REREADS = 3
"""Places of each answer at which the log is read again."""

Served = Callable[[str], Sequence[str]]
"""Gives what the model said to each request about this question."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model to ask, and what an answer of it is."""

    name: str
    whole: str | None
    """What it says, undisturbed, to the question TOLD; None when it does not say the same twice."""
    seconds: float
    """That an answer takes."""
    served: Served | None = None

    def whole_for(self, question: str) -> str | None:
        """Return what it says to another question, which it may quote."""
        return None if self.whole is None else self.whole.replace(TOLD, question)


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is asked for and how often it is hit."""

    kills: int
    live: int
    """Runs at least that no earlier hit met and that are in flight at each hit."""
    slots: int
    """Answers that are asked for at the same time."""
    patience: float = 120
    """Seconds after a hit, and after the question, in which an answer must have ended."""
    is_forked: bool = False
    """Whether what is started is a fork of a process that has read the program: it is there ten times as soon."""


@dataclass(kw_only=True)
class Asked:
    """One answer that was asked for, and its readers."""

    question: str
    model: Model
    began_at: float
    start: asyncio.Future[Event]
    readings: list[Reading] = field(default_factory=list[Reading])

    @property
    def ended_at(self) -> float | None:
        """When the first reader saw its end."""
        return min((each.ended_at for each in self.readings if each.ended_at is not None), default=None)

    def is_live(self, moment: float) -> bool:
        """Say whether it was in flight."""
        return self.began_at <= moment and (self.ended_at is None or moment < self.ended_at)

    @property
    def ids(self) -> tuple[str, str]:
        """The chat and the run."""
        reference = self.start.result()["messageMetadata"]
        return reference["chatId"], reference["runId"]


class Trial:
    """One scenario: an installation, its visitors, and what became of them."""

    def __init__(
        self,
        name: str,
        site: Site,
        client: Client,
        models: Sequence[Model],
        size: Size,
        seed: int,
        *,
        costs_requests: bool = True,
    ) -> None:
        """Take what to hit, who asks, what is asked, and how much of it.

        Where a hit does not take a worker it costs no request: then nothing may be asked of a model twice.
        """
        self._site = site
        self._client = client
        self._models = models
        self._size = size
        self._chance = Random(f"{name} {seed}")
        self._costs_requests = costs_requests
        self._asked: list[Asked] = []
        self._hits: list[float] = []
        self._is_over = False
        self.row = Row(scenario=name, seed=seed)

    async def run(self) -> Row:
        """Ask and hit, as often as wanted; wait for every answer, and compare."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for slot in range(self._size.slots):
                group.create_task(self._keep_asking(slot))
            group.create_task(self._keep_hitting())
        killed = [asked for asked in self._asked if self._hits_of(asked)]
        self.row.kills, self.row.killed, self.row.total = len(self._hits), len(killed), len(self._asked)
        gaps = [reading.largest_gap for asked in killed for reading in asked.readings]
        self.row.largest_gap_ms = round(1000 * max(gaps, default=0))
        self.row.seconds = round(time.monotonic() - began)
        return self.row

    async def _keep_hitting(self) -> None:
        try:
            while len(self._hits) < self._size.kills:
                await self._enough_in_flight()
                shortest = min(model.seconds for model in self._models)
                await asyncio.sleep(self._chance.uniform(0, 0.8 * shortest))
                self._hits.append(time.monotonic())
                await asyncio.to_thread(self._site.hit, self._chance)
        finally:
            self._is_over = True

    async def _enough_in_flight(self) -> None:
        while True:
            fresh = [asked for asked in self._asked if asked.ended_at is None and not self._hits_of(asked)]
            if len(fresh) >= self._size.live:
                return
            await asyncio.sleep(0.02)

    def _hits_of(self, asked: Asked) -> int:
        return sum(asked.is_live(moment) for moment in self._hits)

    async def _keep_asking(self, slot: int) -> None:
        number = 0
        # Not all at the same instant: a hit then meets answers at every moment of their lives.
        await asyncio.sleep(self._chance.uniform(0, 0.5))
        while not self._is_over:
            # Half of the slots each, so that both kinds of model are in flight at every hit.
            model = self._models[slot % len(self._models)]
            name = f"{self.row.scenario} {self.row.seed}.{slot}.{number}"
            await self._ask_and_compare(name, model)
            number += 1

    async def _ask_and_compare(self, name: str, model: Model) -> None:
        asked = Asked(
            question=f"Question {name}",
            model=model,
            began_at=time.monotonic(),
            start=asyncio.get_running_loop().create_future(),
        )
        self._asked.append(asked)
        work = asyncio.ensure_future(self._read_and_compare(name, asked))
        while not (await asyncio.wait([work], timeout=1))[0]:
            if time.monotonic() - max(asked.began_at, *self._hits, 0.0) > self._size.patience:
                work.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await work
                tail = [f"{each.transport} at {each.offset}" for each in asked.readings if not each.is_done]
                self.row.add(name, [Finding(Fault.HUNG, f"after {self._size.patience:g} s: {', '.join(tail)}")])
                return
        try:
            work.result()
        except Refused as refusal:
            self.row.add(name, [Finding(Fault.LOST, f"a reader was refused: {refusal}")])

    async def _read_and_compare(self, name: str, asked: Asked) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._first_reader(name, asked))
            group.create_task(self._second_reader(asked))
            group.create_task(self._third_reader(asked))
        answer = await self._look(asked)
        self.row.interrupted += answer.run_status == "interrupted"
        self.row.failed += answer.run_status == "failed"
        self.row.add(name, compare(answer))

    async def _first_reader(self, name: str, asked: Asked) -> None:
        reading = self._reading(asked, "chat")
        body = {"message": asked.question, "model": asked.model.name, "clientMessageId": name}
        await self._client.ask(reading, body, asked.start.set_result)

    async def _second_reader(self, asked: Asked) -> None:
        await asyncio.shield(asked.start)
        await self._client.follow_events(self._reading(asked, "events"), self._path(asked))

    async def _third_reader(self, asked: Asked) -> None:
        await asyncio.shield(asked.start)
        await self._client.follow_polls(self._reading(asked, "polls"), self._path(asked))

    def _reading(self, asked: Asked, transport: str) -> Reading:
        reading = Reading(transport=transport, began_at=time.monotonic())
        asked.readings.append(reading)
        return reading

    def _path(self, asked: Asked) -> str:
        return f"/v1/stream/runs/{asked.ids[1]}"

    async def _look(self, asked: Asked) -> Answer:
        """Read everything again, now that the answer has ended."""
        chat_id, run_id = asked.ids
        path = self._path(asked)
        log = await self._client.read(path)
        rereads: list[Reread] = []
        places = [place for reading in asked.readings for place in reading.resumptions()]
        for cursor, seen in self._chance.sample(places, min(_REREADS, len(places))):
            offset = cursor.rpartition(":")[2]
            rereads.append(Reread(offset=offset, seen=seen, kept=await self._client.read(path, offset)))
        run, _ = await self._client.get(f"/api/runs/{run_id}")
        chat, _ = await self._client.get(f"/api/chats/{chat_id}")
        message: Mapping[str, Any] = chat["messages"]["items"][-1]
        served = asked.model.served
        return Answer(
            readings=asked.readings,
            log=log,
            rereads=rereads,
            stored_text="".join(part["text"] for part in message["parts"] if part["type"] == "text"),
            stored_status=message["status"],
            run_status=run["status"],
            messages=len(chat["messages"]["items"]),
            hits=self._hits_of(asked) if self._costs_requests else 0,
            whole=asked.model.whole_for(asked.question),
            served=await asyncio.to_thread(served, asked.question) if served else None,
        )


async def examine_model(client: Client, name: str, served: Served | None = None) -> Model:
    """Ask a model twice, undisturbed, and see what it says and whether it says the same again."""
    texts: list[str] = []
    questions = (TOLD, "Tell me about wine.")
    began = time.monotonic()
    for question in questions:
        reading = Reading(transport="chat", began_at=began)
        await client.ask(reading, {"message": question, "model": name}, lambda _: None)
        end = reading.events[-1]
        assert end.get("data", {}).get("status") == "completed", f"{name} did not answer: {end}"
        texts.append(shown_text(reading.events))
    is_steady = texts[1] == texts[0].replace(*questions)
    seconds = (time.monotonic() - began) / len(questions)
    return Model(name=name, whole=texts[0] if is_steady else None, seconds=seconds, served=served)
