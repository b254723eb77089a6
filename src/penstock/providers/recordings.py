"""The wire format in which OpenAI is sent recordings, and the servers that do as it does.

Source: the OpenAI API reference, "Create transcription": a form with `file`, by whose name the server knows its type,
`model` and `response_format`; the answer is `{"text": ...}`.
"""

import secrets

import msgspec

from penstock.providers.base import ErrorKind, Recording
from penstock.providers.decoder import UNREADABLE
from penstock.providers.failures import failure


class _Transcript(msgspec.Struct):
    text: str


_transcript = msgspec.json.Decoder(_Transcript)


def encode_recording(model: str, recording: Recording) -> tuple[bytes, str]:
    """Return the body of a request to write a recording down, and the type of that body."""
    boundary = f"penstock-{secrets.token_hex(16)}"
    ending = recording.media_type.partition("/")[2]
    fields = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("model", model), ("response_format", "json"))
    )
    head = (
        f'{fields}--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="recording.{ending}"\r\n'
        f"Content-Type: {recording.media_type}\r\n\r\n"
    )
    body = head.encode() + recording.data + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def decode_transcript(body: bytes, name: str) -> str:
    """Return what is said. Raises ProviderError (PROTOCOL)."""
    try:
        return _transcript.decode(body).text
    except UNREADABLE as error:
        raise failure(ErrorKind.PROTOCOL, name) from error
