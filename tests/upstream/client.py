"""Ask a provider and keep everything it gives."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from penstock.providers.base import (
    ChatRequest,
    ChatTurn,
    Delta,
    Finish,
    Provider,
    ProviderError,
    Reasoning,
    Text,
    Timeouts,
    Usage,
)
from penstock.providers.openai import OpenAIProvider
from penstock.providers.transport import Transport

KEY = "sk-test-4f9a8b7c6d5e"
QUESTION = "What is a penstock?"


@dataclass(kw_only=True)
class Answer:
    """Everything that one request gave."""

    batches: list[Sequence[Delta]] = field(default_factory=list[Sequence[Delta]])
    error: ProviderError | None = None

    @property
    def deltas(self) -> list[Delta]:
        return [delta for batch in self.batches for delta in batch]

    @property
    def text(self) -> str:
        return "".join(delta.text for delta in self.deltas if isinstance(delta, Text))

    @property
    def reasoning(self) -> str:
        return "".join(delta.text for delta in self.deltas if isinstance(delta, Reasoning))

    @property
    def usage(self) -> Usage | None:
        return next((delta for delta in reversed(self.deltas) if isinstance(delta, Usage)), None)

    @property
    def finish(self) -> str | None:
        last = self.deltas[-1] if self.deltas else None
        return last.reason if isinstance(last, Finish) else None


def asking(model: str, *, max_tokens: int | None = None, temperature: float | None = None) -> ChatRequest:
    """Return a request with the usual question."""
    turns = [ChatTurn(role="system", text="Be brief."), ChatTurn(role="user", text=QUESTION)]
    return ChatRequest(model=model, turns=turns, max_tokens=max_tokens, temperature=temperature)


async def collect(provider: Provider, request: ChatRequest) -> Answer:
    """Ask and keep everything, the error too."""
    answer = Answer()
    try:
        async with provider.stream(request) as batches:
            async for batch in batches:
                answer.batches.append(batch)
    except ProviderError as error:
        answer.error = error
    return answer


class Build(Protocol):
    """Makes providers for a test server; keywords replace what is usual."""

    def __call__(self, *, base_url: str = ..., api_key: str | None = ..., **timeouts: float) -> OpenAIProvider: ...


def builder(server: str, transport: Transport) -> Build:
    """Return a maker of providers that talk to the server at this base URL."""

    def made(*, base_url: str = server, api_key: str | None = KEY, **timeouts: float) -> OpenAIProvider:
        return OpenAIProvider(
            id="test",
            name="Upstream",
            base_url=base_url,
            api_key=api_key,
            transport=transport,
            timeouts=Timeouts(**timeouts),
        )

    return made
