"""What is asked of the server. Pure."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypedDict
from urllib.parse import quote

Live = Literal["", "sse", "long-poll"]
"""How a stream is read: what is there, or also what comes."""
EVENTS_SILENCE: Final = 20.0
"""Seconds: an event stream is silent for 15 at most (CF2)."""


class Settings(TypedDict, total=False):
    """How an answer should be made; what is left out is up to the chat and the server."""

    temperature: float
    max_tokens: int
    system_prompt: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """An HTTP request."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Mapping[str, Any] | None = None
    """Sent as JSON."""
    silence: float = 60
    """Seconds without a byte after which the connection is dead. The longest wait of a long-poll is shorter."""

    @property
    def is_continuation(self) -> bool:
        """Whether it asks to go on with an answer."""
        return self.body is not None and self.body.get("trigger") == "continue-message"


def stream(path: str, offset: str, live: Live) -> Request:
    """Read a stream from an offset on."""
    params = {"offset": offset} | ({"live": live} if live else {})
    silence = EVENTS_SILENCE if live == "sse" else Request.silence
    return Request(method="GET", path=f"/v1/stream/{quote(path)}", params=params, silence=silence)


def question(
    text: str, chat_id: str | None, model: str | None, client_message_id: str | None, settings: Settings
) -> Request:
    """Ask. The id of the message makes one run of it, however often it is sent."""
    named = {"maxTokens": settings.get("max_tokens"), "systemPrompt": settings.get("system_prompt")}
    return _chat(
        message=text,
        chatId=chat_id,
        model=model,
        clientMessageId=client_message_id or uuid.uuid4().hex,
        settings=_given(temperature=settings.get("temperature"), **named),
    )


def continuation(chat_id: str, message_id: str | None, model: str | None) -> Request:
    """Ask to go on with an answer."""
    return _chat(trigger="continue-message", chatId=chat_id, messageId=message_id, model=model)


def introduction() -> Request:
    """Be given a cookie: who has one before it asks is the same visitor when the reply to that is lost."""
    return Request(method="GET", path="/api/chats", params={"limit": "1"})


def run(run_id: str) -> Request:
    """Look at a run."""
    return Request(method="GET", path=f"/api/runs/{_segment(run_id)}")


def stop(run_id: str) -> Request:
    """Stop a run."""
    return Request(method="POST", path=f"/api/runs/{_segment(run_id)}/stop")


def _chat(**fields: Any) -> Request:
    return Request(method="POST", path="/api/chat", body=_given(**fields))


def _segment(name: str) -> str:
    return quote(name, safe="")


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
