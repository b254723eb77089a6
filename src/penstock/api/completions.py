"""`/v1/models` and `/v1/chat/completions`: for programs that were written for OpenAI."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Header, Response

from penstock.actor import Actor
from penstock.api.limits import Paying, limited
from penstock.api.openai import Chunks, CompletionBody, ModelEntry, ModelList, StreamOptions, entry, whole
from penstock.api.problems import LIMITED
from penstock.api.services import Known, Sender, Services
from penstock.api.sse import FRAME_SCHEMA, HEARTBEAT, Cut, EventStream
from penstock.chats.completions import Asked
from penstock.runs.events import decode
from penstock.runs.model import Run
from penstock.streams.model import START, StreamNotFound


def routes(services: Services) -> APIRouter:
    """Return the routes in OpenAI's words."""
    router = APIRouter(prefix="/v1", tags=["openai"])

    @router.get("/models", operation_id="listOpenAIModels")
    async def list_models(sender: Sender) -> ModelList:
        """List the models that you can ask."""
        groups = await services.router.models(await services.provider_keys.providers(sender.identity))
        found = [model for group in groups for model in group.models if model.available]
        return ModelList(data=[entry(model) for model in found])

    @router.get("/models/{model_id:path}", operation_id="getOpenAIModel")
    async def get_model(model_id: str) -> ModelEntry:
        """Describe a model."""
        return entry(services.router.resolve(model_id))

    async def frames(run: Run, *, include_usage: bool) -> AsyncIterator[bytes]:
        chunks = Chunks(run, include_usage=include_usage)
        yield chunks.begin()
        try:
            stream_id = await services.follower.find(Actor(run.owner_id), run.stream_path)
            async for page in services.follower.follow(stream_id, START, services.heartbeat_seconds):
                told = [frame for message in page.messages() for frame in chunks.take(decode(message))]
                if told or not page.is_last:
                    yield b"".join(told) or HEARTBEAT
                if chunks.is_over:
                    return
        except StreamNotFound:
            pass
        raise Cut

    @router.post(
        "/chat/completions",
        responses={
            200: {
                "description": "The completion, or its chunks as server-sent events.",
                "content": {
                    "application/json": {"schema": {"type": "object"}},
                    "text/event-stream": {"schema": FRAME_SCHEMA},
                },
            },
            **LIMITED,
        },
        operation_id="createCompletion",
        dependencies=[Depends(limited(services.limits, "chat"))],
    )
    async def create_completion(
        body: CompletionBody,
        sender: Known,
        payer: Paying,
        idempotency_key: Annotated[
            str | None, Header(max_length=200, description="Asking again under it finds the first answer.")
        ] = None,
    ) -> Response:
        """Ask in OpenAI's words. The answer is a run like all others: it goes on whether this request does or not."""
        asked = Asked(request=body.to_request(), client_id=idempotency_key, payer=payer)
        run = await services.completions.ask(sender.identity, asked)
        if body.stream:
            options = body.stream_options or StreamOptions()
            return EventStream(frames(run, include_usage=options.include_usage))
        actor = Actor(sender.identity)
        ended = await services.runs.ended(actor, run.id)
        message = await services.chats.message(actor, ended.chat_id, ended.message_id)
        return Response(msgspec.json.encode(whole(ended, message)), media_type="application/json")

    return router
