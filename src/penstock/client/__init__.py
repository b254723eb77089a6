"""A client of Penstock, blocking and for asyncio.

    with Client("http://localhost:8000") as client:
        print(client.send("What is a penstock?").text())

An answer belongs to the server: it is made whether it is read or not. Reading goes on behind every cut and gives each
event once. See docs/client.md.

All rules are in generators that do no IO (`flows`, `steps`); `blocking` and `asynchronous` do what these ask for, over
httpx. Nothing here imports the server: protocol/SPEC.md is all that they share.
"""

from penstock.client.asynchronous import AsyncAnswer, AsyncClient, AsyncReading
from penstock.client.blocking import Answer, Client, Reading
from penstock.client.events import AnyEvent, Other, ReasoningDelta, Restart, RunEnd, TextDelta
from penstock.client.flows import Batch
from penstock.client.message import Message, Run
from penstock.client.problems import Problem, RunFailed, RunInterrupted
from penstock.client.requests import Settings

__all__ = [
    "Answer",
    "AnyEvent",
    "AsyncAnswer",
    "AsyncClient",
    "AsyncReading",
    "Batch",
    "Client",
    "Message",
    "Other",
    "Problem",
    "Reading",
    "ReasoningDelta",
    "Restart",
    "Run",
    "RunEnd",
    "RunFailed",
    "RunInterrupted",
    "Settings",
    "TextDelta",
]
