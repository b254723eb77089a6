"""How a subscription moves, and what it may be."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.kit.clock import Millis
from penstock.streams.model import Position
from penstock.streams.subscriptions.keys import Keys
from penstock.streams.subscriptions.model import (
    NOTHING,
    AckInvalid,
    Acks,
    AlreadyClaimed,
    Demand,
    Link,
    NoPendingWork,
    Subscription,
    SubscriptionInvalid,
    TokenInvalid,
    WakeFenced,
    WebhookRejected,
    format_acked,
    is_match,
    prefix_of,
)
from penstock.streams.subscriptions.requests import check_webhook, is_done, parse_acks, parse_claim, parse_demand

NOW = Millis(1_800_000_000_000)
DEMAND = Demand(
    type="pull-wake",
    pattern="events/*",
    streams=(),
    webhook=None,
    wake_stream="wakes",
    lease=1000,
    description=None,
)


def subscription_of(acked: int = -1, tail: int = 3) -> Subscription:
    link = Link(path="events/a", is_explicit=False, acked=Position(acked), tail=Position(tail))
    return Subscription(id=1, name="s", demand=DEMAND, base_url="http://localhost", created_at=NOW, links=(link,))


def acks_of(subscription: Subscription, *positions: int, done: bool = False) -> Acks:
    assert subscription.wake
    return Acks(
        wake_id=subscription.wake.id,
        generation=subscription.generation,
        positions=[("events/a", Position(each)) for each in positions],
        done=done,
    )


def test_work_is_claimed_by_one_worker_at_a_time() -> None:
    claimed = subscription_of().claimed("one", "w1", NOW)
    assert claimed.wake
    assert (claimed.wake.holder, claimed.generation) == ("one", 1)
    with pytest.raises(AlreadyClaimed) as refused:
        claimed.claimed("two", "w2", NOW)
    assert refused.value.details == {"current_holder": "one", "generation": 1}
    # Until its lease runs out.
    assert claimed.settled(Millis(NOW + 999)) == claimed
    again = claimed.settled(Millis(NOW + 1000)).claimed("two", "w2", NOW)
    assert again.generation == 2


def test_nothing_is_claimed_where_nothing_is_pending() -> None:
    for subscription in (subscription_of(3, 3), subscription_of(-1, 0)):
        with pytest.raises(NoPendingWork):
            subscription.claimed("one", "w1", NOW)


def test_what_is_acknowledged_moves_on_within_what_is_there() -> None:
    claimed = subscription_of().claimed("one", "w1", NOW)
    moved = claimed.acknowledged(acks_of(claimed, 2), Millis(NOW + 500))
    assert moved.links[0].acked == 2
    assert moved.wake
    assert moved.wake.lease_until == NOW + 1500
    for wrong in (1, 4):
        with pytest.raises(AckInvalid):
            moved.acknowledged(acks_of(moved, wrong), NOW)
    done = moved.acknowledged(acks_of(moved, 3, done=True), NOW)
    assert (done.wake, done.pending) == (None, None)
    unknown = Acks(wake_id="w1", generation=1, positions=[("other", Position(1))], done=False)
    with pytest.raises(AckInvalid):
        claimed.acknowledged(unknown, NOW)


def test_a_later_wake_fences_the_holders_of_earlier_ones() -> None:
    first = subscription_of().claimed("one", "w1", NOW)
    late = acks_of(first)
    first.check_fence(1, late)
    second = first.ended().claimed("two", "w2", NOW)
    for subscription, generation, acks in (
        (second, 1, late),
        (first.ended(), 1, late),
        (first, 2, late),
        (first, 1, replace(late, generation=2)),
        (first, 1, replace(late, wake_id=None)),
    ):
        with pytest.raises(WakeFenced):
            subscription.check_fence(generation, acks)


def test_a_webhook_is_called_again_later_each_time_until_it_answers() -> None:
    failing = subscription_of().woken("w1").calling(NOW)
    delays: list[int] = []
    for _ in range(12):
        failing = failing.undelivered(NOW)
        assert failing.next_attempt_at
        delays.append(failing.next_attempt_at - NOW)
    assert delays[:3] == [1000, 2000, 4000]
    assert max(delays) == delays[-1] == 60_000
    assert (failing.status, failing.delivered().status) == ("failed", "active")
    # No lease runs meanwhile: nobody has the work.
    assert failing.settled(Millis(NOW + 10**6)).wake


def test_a_webhook_that_is_done_at_once_has_done_what_was_there_when_it_was_woken() -> None:
    woken = subscription_of().woken("w1").calling(NOW)
    grown = replace(woken, links=(replace(woken.links[0], tail=Position(9)),))
    assert grown.done().links[0].acked == 3
    assert grown.done().pending == "events/a"


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("a", "a", True),
        ("a/*", "a/b", True),
        ("a/*", "a/b/c", False),
        ("a/*", "a", False),
        ("a/**", "a", True),
        ("a/**", "a/b/c", True),
        ("**/c", "a/b/c", True),
        ("**", "a/b", True),
        ("a/**/c", "a/c", True),
        ("a/**/c", "a/b/b", False),
        ("*", "a", True),
        ("b", "a", False),
    ],
)
def test_patterns(pattern: str, path: str, expected: bool) -> None:
    assert is_match(pattern, path) is expected


SEGMENTS = st.lists(st.sampled_from(["a", "b", "*", "**"]), min_size=1, max_size=6)


@given(SEGMENTS, st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=6))
def test_patterns_are_regular_expressions_of_segments(pattern: list[str], path: list[str]) -> None:
    parts = {"*": "[^/]+/", "**": "(?:[^/]+/)*"}
    expected = re.fullmatch("".join(parts.get(each, f"{each}/") for each in pattern), "/".join(path) + "/")
    matched = is_match("/".join(pattern), "/".join(path))
    assert matched is (expected is not None)
    assert not matched or "/".join(path).startswith(prefix_of("/".join(pattern)).rstrip("/"))


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:1/x",
        "http://127.0.0.1/x",
        "http://127.9.9.9/",
        "https://example.com/x",
        "https://1.1.1.1/",
        "https://[2606:4700::1111]/",
    ],
)
def test_webhooks_that_may_be_called(url: str) -> None:
    check_webhook(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "http://10.0.0.1/hook",
        "http://example.com/",
        "https://10.0.0.1/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://0.0.0.0/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://example.com:99999/",
        "https://[x/",
    ],
)
def test_webhooks_that_may_not_be_called(url: str) -> None:
    with pytest.raises(WebhookRejected):
        check_webhook(url)


def test_a_demand_is_the_same_in_whatever_order_it_was_written() -> None:
    one = parse_demand(b'{"type": "pull-wake", "streams": ["/b", "a/"], "wake_stream": "w"}')
    other = parse_demand(b'{"wake_stream": "/w", "streams": ["a", "b", "a"], "type": "pull-wake"}')
    assert one == other
    assert one.lease == 30_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"type": "other", "pattern": "a"}',
        b'{"type": "pull-wake", "wake_stream": "w"}',
        b'{"type": "pull-wake", "pattern": "a"}',
        b'{"type": "webhook", "pattern": "a"}',
        b'{"type": "pull-wake", "pattern": "a", "wake_stream": "w", "lease_ttl_ms": 999}',
        b'{"type": "pull-wake", "pattern": "a", "wake_stream": "w", "lease_ttl_ms": 600001}',
        b'{"type": "pull-wake", "streams": ["\\u0000"], "wake_stream": "w"}',
        b'{"type": "pull-wake", "streams": [1], "wake_stream": "w"}',
    ],
)
def test_demands_that_are_not_allowed(body: bytes) -> None:
    with pytest.raises(SubscriptionInvalid):
        parse_demand(body)


def test_acks_are_read() -> None:
    acks = parse_acks(b'{"wake_id": "w", "generation": 2, "acks": [{"stream": "/a", "offset": "0000000000000003"}]}')
    assert acks == Acks(wake_id="w", generation=2, positions=[("a", Position(3))], done=False)
    for offset in ("-1", "now", "x"):
        with pytest.raises(AckInvalid):
            parse_acks(b'{"acks": [{"stream": "a", "offset": "%b"}]}' % offset.encode())
    assert is_done(b'{"done": true}')
    assert not any(is_done(each) for each in (b"", b"ok", b'{"done": false}', b'{"done": 1}'))
    with pytest.raises(SubscriptionInvalid):
        parse_claim(b'{"worker": ""}')
    assert parse_claim(b'{"worker": "one"}') == "one"
    assert (format_acked(NOTHING), format_acked(Position(2))) == ("-1", "0000000000000002")


def test_a_token_is_good_for_its_subscription_and_from_our_secret_alone() -> None:
    keys, others = Keys("a secret"), Keys("another secret")
    token = keys.token("s", 7)
    assert keys.generation("s", token) == 7
    for wrong_keys, name, wrong in (
        (keys, "t", token),
        (others, "s", token),
        (keys, "s", "x"),
        (keys, "s", token + "x"),
    ):
        with pytest.raises(TokenInvalid):
            wrong_keys.generation(name, wrong)
    assert Keys("a secret").id == keys.id != others.id
