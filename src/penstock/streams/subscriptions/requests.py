"""Requests about subscriptions, read from their JSON bodies. Pure."""

from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from penstock.kit.addresses import address_in, is_public
from penstock.kit.text import is_storable
from penstock.streams.model import OffsetInvalid, Position, parse_offset
from penstock.streams.subscriptions.model import (
    LONGEST_LEASE,
    SHORTEST_LEASE,
    USUAL_LEASE,
    AckInvalid,
    Acks,
    Demand,
    SubscriptionInvalid,
    SubscriptionType,
    WebhookRejected,
)


class _Webhook(msgspec.Struct):
    url: str


class _Creation(msgspec.Struct):
    type: SubscriptionType
    pattern: str | None = None
    streams: list[str] = msgspec.field(default_factory=list[str])
    webhook: _Webhook | None = None
    wake_stream: str | None = None
    lease_ttl_ms: int = USUAL_LEASE
    description: str | None = None


class _Ack(msgspec.Struct):
    offset: str
    stream: str | None = None
    path: str | None = None


class _Acks(msgspec.Struct):
    wake_id: str | None = None
    generation: int | None = None
    acks: list[_Ack] = msgspec.field(default_factory=list[_Ack])
    done: bool = False


class _Streams(msgspec.Struct):
    streams: list[str]


class _Claim(msgspec.Struct):
    worker: str


def parse_demand(body: bytes) -> Demand:
    """Return what a PUT asks for. Raises SubscriptionInvalid and WebhookRejected."""
    asked = _decode(body, _Creation)
    if not SHORTEST_LEASE <= asked.lease_ttl_ms <= LONGEST_LEASE:
        raise SubscriptionInvalid(f"A lease takes from {SHORTEST_LEASE} to {LONGEST_LEASE} milliseconds.")
    pattern = _path(asked.pattern) if asked.pattern else None
    if not pattern and not asked.streams:
        raise SubscriptionInvalid("A subscription names streams, or a pattern of them.")
    if asked.type == "webhook" and asked.webhook is None:
        raise SubscriptionInvalid("A webhook subscription has a webhook with its url.")
    if asked.type == "pull-wake" and not asked.wake_stream:
        raise SubscriptionInvalid("A pull-wake subscription has a wake stream.")
    webhook = asked.webhook.url if asked.webhook and asked.type == "webhook" else None
    if webhook is not None:
        check_webhook(webhook)
    return Demand(
        type=asked.type,
        pattern=pattern,
        streams=tuple(sorted({_path(each) for each in asked.streams})),
        webhook=webhook,
        wake_stream=_path(asked.wake_stream) if asked.wake_stream and asked.type == "pull-wake" else None,
        lease=asked.lease_ttl_ms,
        description=asked.description,
    )


def parse_streams(body: bytes) -> list[str]:
    """Return the paths that a POST adds. Raises SubscriptionInvalid."""
    return [_path(each) for each in _decode(body, _Streams).streams]


def parse_claim(body: bytes) -> str:
    """Return the worker that claims. Raises SubscriptionInvalid."""
    worker = _decode(body, _Claim).worker
    if not 0 < len(worker) <= 200 or not is_storable(worker):
        raise SubscriptionInvalid("A worker has a name of 1 to 200 characters.")
    return worker


def parse_acks(body: bytes) -> Acks:
    """Return what a subscriber says of a wake. Raises SubscriptionInvalid and AckInvalid."""
    said = _decode(body, _Acks)
    positions = [(_path(each.stream or each.path or ""), _acked(each.offset)) for each in said.acks]
    return Acks(wake_id=said.wake_id, generation=said.generation, positions=positions, done=said.done)


def _acked(offset: str) -> Position:
    try:
        return parse_offset(offset)
    except OffsetInvalid:
        raise AckInvalid from None


def is_done(body: bytes) -> bool:
    """Say whether a webhook's answer ends the wake at once."""
    try:
        return _decode(body, _Acks).done
    except SubscriptionInvalid:
        return False


T = TypeVar("T", bound=msgspec.Struct)


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SubscriptionInvalid(f"The body cannot be used: {error}.") from None


def _path(path: str) -> str:
    path = path.strip("/")
    if not path or len(path) > 500 or not is_storable(path):
        raise SubscriptionInvalid("Paths have from 1 to 500 characters.")
    return path


def check_webhook(url: str) -> None:
    """Raise WebhookRejected unless the address is https and not known to be private, or http on this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise WebhookRejected from None
    if not host or len(url) > 2000 or not is_storable(url):
        raise WebhookRejected
    if is_local(host) and parts.scheme == "http":
        return
    address = address_in(host)
    if parts.scheme != "https" or host == "localhost" or (address is not None and not is_public(address)):
        raise WebhookRejected


def is_local(host: str) -> bool:
    """Say whether a host is this machine, which webhooks reach by http while they are being developed."""
    address = address_in(host)
    return host == "localhost" or (address is not None and address.version == 4 and address.is_loopback)
