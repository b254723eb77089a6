"""What the routes call. Built once, in `app.py`, and handed to each module of routes."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import Request

from penstock.actor import Actor, IdentityId
from penstock.auth.visitor import VisitorCookies
from penstock.chats.service import ChatService
from penstock.db.database import Database
from penstock.metrics import Metrics
from penstock.providers.catalog import Catalog
from penstock.runs.service import RunService
from penstock.streams.follow import Follower
from penstock.streams.service import StreamService
from penstock.streams.subscriptions.keys import Keys
from penstock.streams.subscriptions.service import SubscriptionService


@dataclass(frozen=True, kw_only=True)
class Services:
    """The services behind the API, and the figures that the API itself needs."""

    database: Database
    chats: ChatService
    runs: RunService
    catalog: Catalog
    follower: Follower
    streams: StreamService
    subscriptions: SubscriptionService
    keys: Keys
    open_streams: bool
    """Whether everybody may use all streams: for protocol tests."""
    cookies: VisitorCookies
    metrics: Metrics
    heartbeat_seconds: float
    long_poll_seconds: float
    max_body_bytes: int


def visitor(request: Request) -> IdentityId:
    """Return the identity behind a request."""
    return cast("IdentityId", request.scope["penstock.identity"])


def actor(request: Request) -> Actor:
    """Return the actor behind a request."""
    return Actor(visitor(request))


Visitor = Annotated[IdentityId, Depends(visitor)]
Asking = Annotated[Actor, Depends(actor)]
