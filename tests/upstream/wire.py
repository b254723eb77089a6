"""The bytes of the OpenAI wire format, as OpenAI sends them: about 330 bytes for a token."""

import json
from typing import Any

Json = dict[str, Any]

DONE = b"[DONE]"


def chunk(number: int, model: str, delta: Json, *, finish: str | None = None, usage: Json | None = None) -> bytes:
    """Return the data of one event of the stream."""
    document = _envelope(number, model) | {
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        "usage": usage,
        "obfuscation": "aBcDeFgHiJ"[: 1 + number % 10],
    }
    return _encoded(document)


def usage_chunk(number: int, model: str, usage: Json) -> bytes:
    """Return the data of the event that brings the usage after the last choice."""
    return _encoded(_envelope(number, model) | {"choices": [], "usage": usage})


def completion(number: int, model: str, text: str, finish: str, usage: Json) -> bytes:
    """Return the body of an answer that was not asked for as a stream."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}]
    return _encoded(_envelope(number, model) | {"object": "chat.completion", "choices": choices, "usage": usage})


def error(message: str, kind: str, code: str | int | None = None, param: str | None = None) -> bytes:
    """Return an error object, alone."""
    return _encoded({"error": {"message": message, "type": kind, "param": param, "code": code}})


def usage(asked: int, answered: int) -> Json:
    """Return a usage object."""
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def models(names: tuple[str, ...]) -> bytes:
    """Return the body of `GET /v1/models`."""
    listed = [{"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "upstream"} for name in names]
    return _encoded({"object": "list", "data": listed})


def _envelope(number: int, model: str) -> Json:
    return {
        "id": f"chatcmpl-{number:029d}",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": model,
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
    }


def _encoded(document: Json) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
