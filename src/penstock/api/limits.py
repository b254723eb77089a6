"""Limits over HTTP (D6): who is counted, and the headers that say how a limit stands."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.api.address import address
from penstock.api.services import visitor
from penstock.limits.model import Payer, Reading, RequestName, TooManyRequests
from penstock.limits.requests import RequestLimits


def payer(request: Request) -> Payer:
    """Return whose messages and requests a request counts for."""
    return Payer(visitor=visitor(request), address=address(request))


Paying = Annotated[Payer, Depends(payer)]


def limit_headers(reading: Reading) -> Mapping[str, str]:
    """Return how a limit stands, as headers.

    Source: draft-ietf-httpapi-ratelimit-headers-06, the last with the names that clients and gateways know; later
    drafts changed them twice.
    """
    return {
        "ratelimit-limit": str(reading.limit),
        "ratelimit-remaining": str(reading.remaining),
        "ratelimit-reset": str(reading.reset_after),
        "ratelimit-policy": f"{reading.limit};w={reading.seconds}",
    }


class LimitHeaders:
    """Adds to each answer of a limited route how its limit stands."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the app."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        readings: list[Reading] = []
        scope["penstock.readings"] = readings

        async def send_with_limit(message: Message) -> None:
            if message["type"] == "http.response.start" and readings:
                there = {name for name, _ in message.get("headers", ())}
                limit = ((name.encode(), value.encode()) for name, value in limit_headers(readings[-1]).items())
                # A refusal names the limit that refused, which may be another.
                message["headers"] = [*message.get("headers", ()), *(each for each in limit if each[0] not in there)]
            await send(message)

        await self.app(scope, receive, send_with_limit)


def limited(limits: RequestLimits, name: RequestName) -> Callable[[Request], Awaitable[None]]:
    """Return the dependency of a route whose requests are counted. It raises TooManyRequests or LimiterDown."""

    async def hit(request: Request) -> None:
        note(request, await limits.hit(name, payer(request)))

    return hit


def note(request: Request, reading: Reading | None) -> None:
    """Let the answer say how a limit stands. Raises TooManyRequests when it refused."""
    if reading is None:
        return
    if reading.refused:
        raise TooManyRequests(reading)
    request.scope["penstock.readings"].append(reading)
