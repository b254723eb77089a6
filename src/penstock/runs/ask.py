"""Asks a model until an answer is there or cannot be had: taken up, asked for again, or asked for another way."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from penstock.providers.base import (
    Attachable,
    Capabilities,
    ChatRequest,
    Delta,
    ErrorKind,
    Handle,
    Model,
    Provider,
    ProviderError,
)
from penstock.providers.router import Journey, Way

logger = logging.getLogger(__name__)

_CANCEL_SECONDS = 5
_RETRIES = 3
_RETRY_BASE_SECONDS = 0.5
_RETRY_CAP_SECONDS = 8.0


def _no_other(_error: ProviderError) -> None:
    """Know of nothing else to ask."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a run asks of which model."""

    provider: Provider
    capabilities: Capabilities
    request: ChatRequest
    way: Way | None = None
    """How it was chosen; None where there was no choice."""
    fallback: "Callable[[ProviderError], Prepared | None]" = field(default=_no_other, repr=False)
    """Returns what to ask instead, after this error before the first token."""


def prepared_on(journey: Journey, way: Way, request: Callable[[Model], ChatRequest]) -> Prepared:
    """Return what is asked on this way of the journey, and on those after it when it fails."""

    def fallback(error: ProviderError) -> Prepared | None:
        other = journey.after(error)
        return None if other is None else prepared_on(journey, other, request)

    return Prepared(
        provider=way.provider,
        capabilities=way.model.capabilities,
        request=request(way.model),
        way=way,
        fallback=fallback,
    )


class Listener(Protocol):
    """Hears an answer while it is made."""

    @property
    def handle(self) -> Handle | None:
        """Where the provider's answer can be taken up, behind all that has been heard."""
        ...

    @handle.setter
    def handle(self, handle: Handle | None) -> None: ...

    @property
    def has_heard(self) -> bool:
        """Whether something of the answer has been shown: then nobody else is asked, and nothing anew."""
        ...

    def choose(self, prepared: Prepared) -> None:
        """Note who is asked now."""
        ...

    def begin(self, prepared: Prepared) -> ChatRequest:
        """Return what to ask."""
        ...

    async def hear(self, batch: Sequence[Delta]) -> None:
        """Take what comes."""
        ...


async def ask(listener: Listener, prepared: Prepared, *, retries: int = _RETRIES) -> None:
    """Take the answer up where the provider goes on making it without us; else ask for it (A7).

    What breaks off is taken up again. What cannot be taken up is asked for another way, where there is one (C5),
    or again, later and later, as long as nothing of the answer has been shown (A11).
    """
    retry = 0
    passed: dict[str, str] = {}
    while True:
        handle, provider = listener.handle, prepared.provider
        try:
            if handle is not None and isinstance(provider, Attachable):
                await _relay(listener, provider.attach(handle))
            else:
                await _relay(listener, provider.stream(listener.begin(prepared)))
        except ProviderError as error:
            if listener.handle not in {None, handle}:
                retry = 0  # It had gone on meanwhile.
            if handle is not None and error.is_gone:
                listener.handle = None
                continue
            goes_on = listener.handle is not None and error.is_lost
            # What goes on without us is waited for, though not by whoever could be asked another way, and not for ever.
            is_late = error.kind is ErrorKind.TIMEOUT_FIRST or retry == retries
            if not listener.has_heard and (is_late or not goes_on) and (other := prepared.fallback(error)) is not None:
                await let_go(provider, listener.handle)
                _note(passed, prepared, error)
                prepared, listener.handle, retry = other, None, 0
                listener.choose(other)
                continue
            if not goes_on:
                if listener.has_heard:
                    raise
                if not error.retryable:
                    raise _of_all(passed, prepared, error) from None
                listener.handle = None
            if retry == retries:
                raise _of_all(passed, prepared, error) from None
            await asyncio.sleep(_backoff(retry, error))
            retry += 1
        else:
            return


def _note(passed: dict[str, str], prepared: Prepared, error: ProviderError) -> None:
    if prepared.way is not None:
        passed[prepared.way.model.name] = error.message


def _of_all(passed: dict[str, str], prepared: Prepared, error: ProviderError) -> ProviderError:
    """Return the error of the last model, which tells of those before it on its route too."""
    _note(passed, prepared, error)
    if len(passed) == 1:
        return error
    told = " ".join(f"{name}: {message}" for name, message in passed.items())
    return ProviderError(error.kind, f"None of {len(passed)} models answered. {told}", status=error.status)


async def let_go(provider: Provider, handle: Handle | None) -> None:
    """Let a provider make no more of an answer that nobody will take up, if it goes on with it (A9)."""
    if handle is None or not isinstance(provider, Attachable):
        return
    try:
        async with asyncio.timeout(_CANCEL_SECONDS):
            await provider.cancel(handle)
    except (ProviderError, TimeoutError) as error:
        # It costs tokens, but nobody sees it; and the provider forgets the answer by itself.
        logger.info("An answer of %s could not be cancelled: %s", provider.id, error)


async def _relay(listener: Listener, answer: AbstractAsyncContextManager[AsyncIterator[Sequence[Delta]]]) -> None:
    async with answer as batches:
        async for batch in batches:
            await listener.hear(batch)


def _backoff(retry: int, error: ProviderError) -> float:
    """Return the seconds to wait before this retry."""
    backoff = min(_RETRY_CAP_SECONDS, _RETRY_BASE_SECONDS * 2**retry) * random.uniform(0.5, 1)  # noqa: S311
    return max(backoff, min(error.retry_after or 0, _RETRY_CAP_SECONDS))
