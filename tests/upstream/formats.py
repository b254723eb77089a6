"""The wire formats of the test server: what each vendor's documentation says that its server sends.

Sources: those that the modules of `penstock.providers` name. Events have a name where the vendor's have one.
"""

import json
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from upstream import wire

Event = tuple[str, bytes]
"""Name, or nothing, and data."""

Finish = Literal["stop", "length", "error"]


def encoded(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(kw_only=True)
class Format(ABC):
    """One answer in one wire format."""

    number: int
    model: str
    kind: str
    body: dict[str, Any]

    @abstractmethod
    def opening(self) -> list[Event]:
        """Return what comes before the first token."""

    @abstractmethod
    def thought(self, text: str) -> Event:
        """Return a token of the reasoning."""

    @abstractmethod
    def token(self, text: str, count: int) -> Event:
        """Return a token of the answer, the so many-th."""

    @abstractmethod
    def finish(self, reason: Finish, count: int) -> list[Event]:
        """Return what says why the answer ends, after so many tokens, and what it cost."""

    @abstractmethod
    def end(self) -> list[Event]:
        """Return what marks the end of the stream."""

    def refused(self) -> str | None:
        """Return the parameter that an account without rights may not send, if the request has one."""
        return None

    @abstractmethod
    def error(self, message: str, status: int, *, param: str | None = None) -> bytes:
        """Return an error object."""

    @property
    @abstractmethod
    def asked(self) -> int:
        """How many words the request has."""

    @property
    @abstractmethod
    def limit(self) -> int | None:
        """How many tokens it allows."""


@dataclass(kw_only=True)
class Chat(Format):
    """OpenAI's chat completions."""

    @property
    def asked(self) -> int:
        return sum(len(str(message["content"]).split()) for message in self.body["messages"])

    @property
    def limit(self) -> int | None:
        return self.body.get("max_completion_tokens", self.body.get("max_tokens"))

    def opening(self) -> list[Event]:
        return [self._chunk({"role": "assistant", "content": "", "refusal": None})]

    def thought(self, text: str) -> Event:
        name = "reasoning" if self.kind == "reasoning-new" else "reasoning_content"
        return self._chunk({name: text, "content": None})

    def token(self, text: str, count: int) -> Event:
        counted = wire.usage(self.asked, count) if self.kind == "usage-every" else None
        return "", wire.chunk(self.number, self.model, {"content": text}, usage=counted)

    def finish(self, reason: Finish, count: int) -> list[Event]:
        events = [*self._calls(), self._chunk({}, "tool_calls")] if self._wants_tool else [self._chunk({}, reason)]
        if self.body.get("stream_options") == {"include_usage": True} and self.kind != "usage-none":
            events.append(("", wire.usage_chunk(self.number, self.model, wire.usage(self.asked, count))))
        return events

    def end(self) -> list[Event]:
        return [("", wire.DONE)]

    def error(self, message: str, status: int, *, param: str | None = None) -> bytes:
        code = {404: "model_not_found", 429: "rate_limit_exceeded"}.get(status)
        kind = "server_error" if status == 200 else "invalid_request_error"
        return wire.error(message, kind, 429 if self.kind == "error-limit" else code, param)

    @property
    def _wants_tool(self) -> bool:
        """Whether it calls the first of its tools, which it does until it is given a result."""
        return self.kind == "tool" and self.body["messages"][-1]["role"] != "tool"

    def _calls(self) -> list[Event]:
        name = self.body["tools"][0]["function"]["name"]
        pieces: list[dict[str, Any]] = [
            {"index": 0, "id": "call_abc", "type": "function", "function": {"name": name, "arguments": ""}},
            {"index": 0, "function": {"arguments": '{"city": '}},
            {"index": 0, "function": {"arguments": '"Paris"}'}},
        ]
        return [self._chunk({"tool_calls": [piece]}) for piece in pieces]

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> Event:
        return "", wire.chunk(self.number, self.model, delta, finish=finish)


@dataclass(kw_only=True)
class Responses(Format):
    """OpenAI's responses."""

    sequence: int = 0
    thoughts: int = 0
    text: list[str] = field(default_factory=list[str])

    @property
    def asked(self) -> int:
        pieces = [piece for item in self.body["input"] for piece in item["content"]]
        return sum(len(piece["text"].split()) for piece in pieces)

    @property
    def limit(self) -> int | None:
        return self.body.get("max_output_tokens")

    @property
    def id(self) -> str:
        return f"resp_{self.number:048d}"

    def refused(self) -> str | None:
        if "summary" in self.body.get("reasoning", {}):
            return "reasoning.summary"
        return "background" if self.body.get("background") else None

    def opening(self) -> list[Event]:
        message: dict[str, Any] = {
            "id": "msg_0",
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        return [
            self._event("response.created", response=self._response("queued")),
            self._event("response.in_progress", response=self._response("in_progress")),
            self._event("response.output_item.added", output_index=0, item=message),
        ]

    def thought(self, text: str) -> Event:
        return self._event(
            "response.reasoning_summary_text.delta", item_id="rs_0", output_index=0, summary_index=0, delta=text
        )

    def token(self, text: str, count: int) -> Event:
        self.text.append(text)
        return self._event(
            "response.output_text.delta",
            item_id="msg_0",
            output_index=0,
            content_index=0,
            delta=text,
            logprobs=[],
            obfuscation="aBcDeF"[: 1 + count % 6],
        )

    def finish(self, reason: Finish, count: int) -> list[Event]:
        whole = "".join(self.text)
        done = self._event(
            "response.output_text.done", item_id="msg_0", output_index=0, content_index=0, text=whole, logprobs=[]
        )
        usage = {
            "input_tokens": self.asked,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": count,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self.asked + count,
        }
        match reason:
            case "error":
                error = {"code": "server_error", "message": "secret detail"}
                return [self._event("response.failed", response=self._response("failed") | {"error": error})]
            case "length":
                details = {"incomplete_details": {"reason": "max_output_tokens"}}
                response = self._response("incomplete") | details | {"usage": usage}
                return [done, self._event("response.incomplete", response=response)]
            case _:
                return [
                    done,
                    self._event("response.completed", response=self._response("completed") | {"usage": usage}),
                ]

    def end(self) -> list[Event]:
        return []

    def error(self, message: str, status: int, *, param: str | None = None) -> bytes:
        code = {404: "model_not_found", 429: "rate_limit_exceeded"}.get(status)
        if status == 200:
            limited = self.kind == "error-limit"
            error = {"code": "rate_limit_exceeded" if limited else "server_error", "message": message, "param": None}
            return encoded({"type": "error", "sequence_number": self.sequence, "error": error})
        return wire.error(message, "invalid_request_error", code, param)

    def _response(self, status: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "response",
            "created_at": 1_700_000_000,
            "status": status,
            "background": self.body.get("background", False),
            "error": None,
            "incomplete_details": None,
            "model": self.model,
            "output": [],
            "usage": None,
        }

    def _event(self, name: str, **fields: object) -> Event:
        document = {"type": name, "sequence_number": self.sequence, **fields}
        self.sequence += 1
        return name, encoded(document)


@dataclass(kw_only=True)
class Messages(Format):
    """Anthropic's messages."""

    block: str = ""
    index: int = -1

    @property
    def asked(self) -> int:
        blocks = [block for message in self.body["messages"] for block in message["content"]]
        return len(self.body.get("system", "").split()) + sum(len(block["text"].split()) for block in blocks)

    @property
    def limit(self) -> int | None:
        return self.body["max_tokens"]

    def opening(self) -> list[Event]:
        message: dict[str, Any] = {
            "id": f"msg_{self.number:024d}",
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": self.model,
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": self.asked, "cache_read_input_tokens": 0, "output_tokens": 1},
        }
        return [self._event("message_start", message=message), self._event("ping")]

    def thought(self, text: str) -> Event:
        return self._event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": text})

    def token(self, text: str, count: int) -> Event:
        return self._event("content_block_delta", index=1, delta={"type": "text_delta", "text": text})

    def finish(self, reason: Finish, count: int) -> list[Event]:
        if reason == "error":
            return [("error", self.error("secret detail", 200))]
        stop = {"stop_reason": "max_tokens" if reason == "length" else "end_turn", "stop_sequence": None}
        return [
            self._event("content_block_stop", index=1),
            self._event("message_delta", delta=stop, usage={"output_tokens": count}),
        ]

    def end(self) -> list[Event]:
        return [self._event("message_stop")]

    _ERRORS: ClassVar = {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        429: "rate_limit_error",
        529: "overloaded_error",
    }

    def error(self, message: str, status: int, *, param: str | None = None) -> bytes:
        kind = "rate_limit_error" if self.kind == "error-limit" else self._ERRORS.get(status, "something_new")
        return encoded({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"})

    def _event(self, name: str, **fields: object) -> Event:
        return name, encoded({"type": name, **fields})


@dataclass(kw_only=True)
class Gemini(Format):
    """Gemini's streamGenerateContent."""

    @property
    def asked(self) -> int:
        contents = [
            *self.body["contents"],
            *([self.body["systemInstruction"]] if "systemInstruction" in self.body else []),
        ]
        return sum(len(part["text"].split()) for content in contents for part in content["parts"])

    @property
    def limit(self) -> int | None:
        return self.body.get("generationConfig", {}).get("maxOutputTokens")

    def opening(self) -> list[Event]:
        return []

    def thought(self, text: str) -> Event:
        return self._chunk([{"text": text, "thought": True}], 0)

    def token(self, text: str, count: int) -> Event:
        return self._chunk([{"text": text}], count)

    def finish(self, reason: Finish, count: int) -> list[Event]:
        name = {"stop": "STOP", "length": "MAX_TOKENS", "error": "MALFORMED_FUNCTION_CALL"}[reason]
        return [self._chunk([{"text": "", "thoughtSignature": "c2ln"}], count, name)]

    def end(self) -> list[Event]:
        return []

    def error(self, message: str, status: int, *, param: str | None = None) -> bytes:
        code = 429 if self.kind == "error-limit" else 599 if status == 200 else status
        return encoded({"error": {"code": code, "message": message, "status": "SOMETHING"}})

    def _chunk(self, parts: list[dict[str, Any]], count: int, finish: str | None = None) -> Event:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if finish is not None:
            candidate["finishReason"] = finish
        usage = {"promptTokenCount": self.asked, "candidatesTokenCount": count, "totalTokenCount": self.asked + count}
        return "", encoded({"candidates": [candidate], "usageMetadata": usage, "modelVersion": self.model})


def made(path: str, body: dict[str, Any], number: int) -> Format | None:
    """Return the format of a request to this path, for the model that it names and which behaves as it is called."""
    if found := re.fullmatch(r"/v1beta/models/(?P<model>[^:]+):streamGenerateContent", path):
        return Gemini(number=number, model=found["model"], kind="", body=body)
    formats: dict[str, type[Chat | Responses | Messages]] = {
        "/v1/chat/completions": Chat,
        "/v1/responses": Responses,
        "/v1/messages": Messages,
    }
    if (kind := formats.get(path)) is None:
        return None
    return kind(number=number, model=body["model"], kind="", body=body)


LISTS: dict[str, bytes] = {
    "/claude/v1/models": encoded(
        {
            "data": [
                {
                    "type": "model",
                    "id": "claude-novel-9",
                    "display_name": "Claude Novel 9",
                    "created_at": "2026-11-01T00:00:00Z",
                    "max_input_tokens": 2_000_000,
                    "max_tokens": 256_000,
                },
                {"type": "model", "id": "claude-haiku-4-5", "display_name": "Claude Haiku 4.5"},
            ],
            "has_more": False,
        }
    ),
    "/router/v1/models": encoded(
        {
            "data": [
                {
                    "id": "acme/novel",
                    "name": "Acme: Novel",
                    "context_length": 65_536,
                    "pricing": {"prompt": "0.0000003", "completion": "0.000002", "image": "0"},
                    "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
                    "top_provider": {"max_completion_tokens": 4096, "is_moderated": False},
                    "supported_parameters": ["tools", "reasoning", "max_tokens"],
                },
                {"id": "acme/any", "name": "Acme: Any", "pricing": {"prompt": "-1", "completion": "-1"}},
                {"id": "acme/bare"},
            ]
        }
    ),
    "/v1beta/models": encoded(
        {
            "models": [
                {
                    "name": "models/gemini-9-novel",
                    "displayName": "Gemini 9 Novel",
                    "inputTokenLimit": 5_000_000,
                    "outputTokenLimit": 100_000,
                    "supportedGenerationMethods": ["generateContent", "countTokens"],
                    "thinking": True,
                },
                {"name": "models/gemini-9-embedding", "supportedGenerationMethods": ["embedContent"]},
                {"name": "models/imagen-9", "supportedGenerationMethods": ["predict"]},
            ]
        }
    ),
}
"""What Anthropic, OpenRouter and Google answer when asked for their models, by path."""
