"""`/v1/stream/__ds/`: subscriptions to streams, by the Durable Streams protocol. Only while all streams are open.

Errors have the protocol's own form here: `{"error": {"code": "FENCED", "message": ...}}`.
"""

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from penstock.api.problems import status_of
from penstock.api.services import Services
from penstock.api.streams import NOBODY
from penstock.errors import PenstockError
from penstock.kit.clock import Millis
from penstock.streams.expiry import format_moment
from penstock.streams.subscriptions.keys import Keys
from penstock.streams.subscriptions.model import Subscription, TokenInvalid
from penstock.streams.subscriptions.requests import parse_acks, parse_claim, parse_demand, parse_streams
from penstock.streams.subscriptions.service import shown

_PREFIX = "/v1/stream/__ds"
_EVERY_METHOD = ["GET", "HEAD", "PUT", "POST", "DELETE"]

Content = Mapping[str, object]


def routes(services: Services) -> APIRouter:
    """Return the routes of subscriptions."""
    router = APIRouter(prefix=_PREFIX, tags=["subscriptions"])
    subscriptions, keys = services.subscriptions, services.keys

    async def answering(work: Callable[[], Awaitable[Response]]) -> Response:
        if not services.open_streams:
            raise HTTPException(404)
        try:
            return await work()
        except PenstockError as error:
            content = {"error": {"code": error.code.upper(), "message": error.message, **error.details}}
            return _json(content, status_of(error))

    @router.get("/jwks.json", operation_id="readWebhookKeys", response_model=None)
    async def read_webhook_keys() -> Response:
        """Return the public keys that webhook calls are signed with."""

        async def work() -> Response:
            headers = {"content-type": "application/jwk-set+json", "cache-control": "public, max-age=300"}
            return Response(msgspec.json.encode({"keys": [keys.public]}), headers=headers)

        return await answering(work)

    @router.put("/subscriptions/{name}", operation_id="createSubscription", status_code=201, response_model=None)
    async def create_subscription(request: Request, name: str) -> Response:
        """Create a subscription; 200 when this very subscription is there already."""

        async def work() -> Response:
            demand = parse_demand(await request.body())
            base_url = str(request.base_url).rstrip("/") + _PREFIX
            subscription, is_new = await subscriptions.create(NOBODY, name, demand, base_url)
            return _json(_shape(subscription, keys), 201 if is_new else 200)

        return await answering(work)

    @router.get("/subscriptions/{name}", operation_id="readSubscription", response_model=None)
    async def read_subscription(name: str) -> Response:
        """Return a subscription and how far it has worked through its streams."""

        async def work() -> Response:
            return _json(_shape(await subscriptions.load(name), keys))

        return await answering(work)

    @router.delete("/subscriptions/{name}", operation_id="deleteSubscription", status_code=204)
    async def delete_subscription(name: str) -> Response:
        """Delete a subscription, if there is one."""

        async def work() -> Response:
            await subscriptions.delete(name)
            return Response(status_code=204)

        return await answering(work)

    @router.post("/subscriptions/{name}/streams", operation_id="addSubscriptionStreams", status_code=204)
    async def add_streams(request: Request, name: str) -> Response:
        """Add streams by their paths."""

        async def work() -> Response:
            await subscriptions.add(name, parse_streams(await request.body()))
            return Response(status_code=204)

        return await answering(work)

    @router.delete(
        "/subscriptions/{name}/streams/{path:path}", operation_id="removeSubscriptionStream", status_code=204
    )
    async def remove_stream(name: str, path: str) -> Response:
        """Take a stream back that was added by its path."""

        async def work() -> Response:
            await subscriptions.remove(name, path.strip("/"))
            return Response(status_code=204)

        return await answering(work)

    @router.post("/subscriptions/{name}/claim", operation_id="claimSubscription", response_model=None)
    async def claim(request: Request, name: str) -> Response:
        """Lease the pending work of a pull-wake subscription to a worker."""

        async def work() -> Response:
            claimed, token = await subscriptions.claim(name, parse_claim(await request.body()))
            assert claimed.wake is not None
            content = {
                "wake_id": claimed.wake.id,
                "generation": claimed.generation,
                "token": token,
                "streams": [shown(link) for link in claimed.links],
                "lease_ttl_ms": claimed.demand.lease,
            }
            return _json(content)

        return await answering(work)

    async def acknowledge(request: Request, name: str, type_: str) -> Response:
        async def work() -> Response:
            token, acks = _token(request), parse_acks(await request.body())
            is_next = await subscriptions.acknowledge(name, token, acks, type_=type_)
            return _json({"ok": True, "next_wake": is_next})

        return await answering(work)

    @router.post("/subscriptions/{name}/callback", operation_id="answerWebhook", response_model=None)
    async def answer_webhook(request: Request, name: str) -> Response:
        """Acknowledge what a webhook was called for, lease its wake on, or end it."""
        return await acknowledge(request, name, "webhook")

    @router.post("/subscriptions/{name}/ack", operation_id="acknowledgeSubscription", response_model=None)
    async def acknowledge_subscription(request: Request, name: str) -> Response:
        """Acknowledge claimed work, lease the wake on, or end it."""
        return await acknowledge(request, name, "pull-wake")

    @router.post("/subscriptions/{name}/release", operation_id="releaseSubscription", status_code=204)
    async def release(request: Request, name: str) -> Response:
        """Give claimed work back."""

        async def work() -> Response:
            token, acks = _token(request), parse_acks(await request.body())
            await subscriptions.release(name, token, acks)
            return Response(status_code=204)

        return await answering(work)

    @router.api_route("/{rest:path}", methods=_EVERY_METHOD, include_in_schema=False)
    async def nothing(rest: str) -> None:  # noqa: ARG001  # named by the route
        """Keep the reserved paths free of streams."""
        raise HTTPException(404)

    return router


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer":
        raise TokenInvalid
    return token


def _shape(subscription: Subscription, keys: Keys) -> Content:
    demand = subscription.demand
    webhook = demand.webhook and {
        "url": demand.webhook,
        "signing": {"alg": "ed25519", "kid": keys.id, "jwks_url": f"{subscription.base_url}/jwks.json"},
    }
    content: Content = {
        "id": subscription.name,
        "subscription_id": subscription.name,
        "type": demand.type,
        "pattern": demand.pattern,
        "streams": [
            {name: value for name, value in shown(link).items() if name in {"path", "link_type", "acked_offset"}}
            for link in subscription.links
        ],
        "webhook": webhook,
        "wake_stream": demand.wake_stream,
        "lease_ttl_ms": demand.lease,
        "created_at": format_moment(Millis(subscription.created_at)),
        "status": subscription.status,
        "description": demand.description,
    }
    return {name: value for name, value in content.items() if value is not None}


def _json(content: Content, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
