"""`/api/transcriptions`: what was said, in writing."""

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.requests import ClientDisconnect

from penstock.api.limits import limited
from penstock.api.problems import LIMITED
from penstock.api.services import Sender, Services
from penstock.api.shapes import Shape
from penstock.chats.speech import RecordingInvalid

PATH = "/api/transcriptions"
MOST_BYTES = 4 * 1024 * 1024
"""Five minutes as browsers record them unasked; ours asks for a quarter of that."""


class Transcription(Shape):
    """What was said."""

    text: str = Field(description="Nothing is stored of it.")


def routes(services: Services) -> APIRouter:
    """Return the route of recordings."""
    router = APIRouter(prefix="/api", tags=["chat"])

    @router.post(
        "/transcriptions",
        operation_id="transcribe",
        dependencies=[Depends(limited(services.limits, "messages"))],
        responses=LIMITED,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    async def transcribe(request: Request, sender: Sender) -> Transcription:
        """Write down a recording, which is the body: WebM, Ogg, MP4 or WAV, whatever it is said to be."""
        try:
            data = await request.body()
        except ClientDisconnect:
            raise RecordingInvalid("This recording did not arrive whole.") from None
        return Transcription(text=await services.speech.write_down(sender.identity, data))

    return router
