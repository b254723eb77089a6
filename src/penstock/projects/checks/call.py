"""Asks an app in its sandbox, and takes no more of its answer than is needed."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

import aiohttp

from penstock.sandbox.base import Running
from penstock.sandbox.reach import reaching

_MAX_BYTES: Final = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an app has answered."""

    status: int
    content_type: str
    body: bytes
    is_whole: bool = True
    """Whether all of the body is here: of a very long one only the beginning is read."""


class Silent(Exception):
    """The app did not answer in time, or not in HTTP."""


@dataclass(frozen=True)
class Caller:
    """Asks one app."""

    session: aiohttp.ClientSession
    url: str
    """What targets are put behind."""

    async def ask(self, target: str, method: str = "GET", seconds: float = 5) -> Answer:
        """Return the answer to a request without a body. Raises Silent."""
        try:
            # All of it in this time: an app may send a byte a second.
            async with (
                asyncio.timeout(seconds),
                self.session.request(method, f"{self.url}{target}", allow_redirects=False) as response,
            ):
                body = await response.content.read(_MAX_BYTES)
                while len(body) < _MAX_BYTES and (more := await response.content.read(_MAX_BYTES - len(body))):
                    body += more
                return Answer(
                    status=response.status,
                    content_type=response.content_type,
                    body=body,
                    is_whole=len(body) < _MAX_BYTES,
                )
        except TimeoutError:
            raise Silent(f"It did not answer within {seconds:g} seconds.") from None
        except (aiohttp.ClientError, ValueError) as error:
            raise Silent(f"It broke the connection off ({type(error).__name__}).") from None


@contextlib.asynccontextmanager
async def calling(app: Running) -> AsyncGenerator[Caller]:
    """Give what asks an app, until the end of the block."""
    async with reaching(app.way) as session:
        yield Caller(session, app.way.url)
