"""What follows each reply and each failure: every connection ends where the test says, and nothing is read twice."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.client import flows, requests
from penstock.client.flows import FRUITLESS, POLLS, Batch
from penstock.client.message import Run
from penstock.client.problems import Problem, problem_of
from penstock.client.requests import Request
from penstock.client.steps import Drive, Flow, Give, Head, Open, Patience, Read, Wait

T = TypeVar("T")
START = {"type": "start", "messageId": "m", "messageMetadata": {"chatId": "c", "runId": "r"}}
END = {"type": "data-run-end", "transient": True, "data": {"status": "completed"}}
SPLIT = 7


@dataclass(kw_only=True)
class Reply:
    """A reply, and whether its connection is cut instead of ended."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    is_cut: bool = False


@dataclass
class World:
    """Does the steps of a flow: replies by a function, and a clock that only waiting moves."""

    serve: Callable[[Request], Reply | None]
    """None: no connection."""
    now: float = 0.0
    requests: list[Request] = field(default_factory=list[Request])
    waits: list[float] = field(default_factory=list[float])
    interruptions: Iterator[bool] = field(default_factory=lambda: iter(()))
    """At which steps the reader is interrupted before the result arrives."""

    def patience(self, seconds: float = 60) -> Patience:
        return Patience(seconds, clock=lambda: self.now, spread=max)

    def run(self, flow: Flow[T]) -> Iterator[T]:
        drive = Drive(flow)
        reply, chunks = Reply(), iter(list[bytes]())
        while (step := drive.step()) is not None:
            if isinstance(step, Give):
                yield step.item
                continue
            if next(self.interruptions, False):
                drive.cut("interrupted")
                continue
            match step:
                case Open():
                    self.requests.append(step.request)
                    served = self.serve(step.request)
                    if served is None:
                        drive.cut("refused")
                        continue
                    reply = served
                    chunks = iter([reply.body[at : at + SPLIT] for at in range(0, len(reply.body), SPLIT)])
                    drive.done(Head(status=reply.status, headers=reply.headers))
                case Read():
                    chunk = next(chunks, b"")
                    if not chunk and reply.is_cut:
                        drive.cut("reset")
                    else:
                        drive.done(chunk)
                case Wait():
                    self.waits.append(step.seconds)
                    self.now += step.seconds
                    drive.done(None)


@dataclass
class Log:
    """A stream of messages as our server shows it; an offset is how many lie before."""

    messages: Sequence[Any]
    closed: bool = True
    window: int = 3
    content_type: str = "application/json"

    def page(self, begin: int) -> tuple[bytes, int]:
        shown = self.messages[begin : begin + self.window]
        return b"[" + b",".join(json.dumps(message).encode() for message in shown) + b"]", begin + len(shown)

    def serve(self, request: Request) -> Reply:
        begin = max(0, int(request.params["offset"]))
        if request.params.get("live") == "sse":
            return Reply(headers={"content-type": "text/event-stream"}, body=b"".join(self.frames(begin)))
        body, end = self.page(begin)
        headers = {"content-type": self.content_type, "stream-next-offset": f"{end:016d}"}
        if end == len(self.messages):
            headers |= {"stream-up-to-date": "true"} | ({"stream-closed": "true"} if self.closed else {})
        return Reply(headers=headers, body=body)

    def frames(self, begin: int) -> Iterator[bytes]:
        while True:
            body, end = self.page(begin)
            control: dict[str, Any] = {"streamNextOffset": f"{end:016d}"}
            if self.closed and end == len(self.messages):
                control["streamClosed"] = True
            shown = b"" if end == begin else b"id: %d\nevent: data\ndata:%b\n\n" % (end, body)
            yield shown + b": keep-alive\n\nevent: control\ndata:" + json.dumps(control).encode() + b"\n\n"
            if end == len(self.messages):
                return
            begin = end


def flat(batches: Sequence[Batch]) -> list[Any]:
    return [message for batch in batches for message in batch.messages]


def follow(world: World, offset: str = "-1") -> Iterator[Batch]:
    return world.run(flows.batches("some/path", offset, world.patience()))


@given(st.lists(st.integers(), max_size=12), st.integers(1, 4), st.data())
def test_each_message_is_given_once_wherever_connections_end(
    messages: list[int], window: int, data: st.DataObject
) -> None:
    """A5, RD2: caught up with, followed live, cut anywhere, cleanly or not, refused, away, interrupted."""
    log = Log([], closed=False, window=window)
    failures = data.draw(st.lists(st.sampled_from(["cut", "end", "refused", "away", "whole"]), max_size=12))
    pending = iter(failures)

    def serve(request: Request) -> Reply | None:
        # The stream grows by a few messages with each request, and is closed when no failure is left.
        log.messages = messages[: len(log.messages) + 2]
        failure = next(pending, None)
        if failure is None:
            log.messages, log.closed = messages, True
        if failure == "refused":
            return None
        if failure == "away":
            return Reply(status=503, body=b"<html>")
        reply = log.serve(request)
        is_sse = request.params.get("live") == "sse"
        if failure == "cut" or (failure == "end" and is_sse):
            reply.body = reply.body[: data.draw(st.integers(0, len(reply.body)))]
            reply.is_cut = failure == "cut"
        return reply

    interruptions = iter(data.draw(st.lists(st.booleans(), max_size=12)))
    world = World(serve, interruptions=interruptions)
    assert flat(list(world.run(flows.batches("p", "-1", world.patience(1000))))) == messages
    assert {request.method for request in world.requests} == {"GET"}


def test_an_event_stream_that_ends_at_any_byte_is_taken_up_at_the_last_offset() -> None:
    """CF6: only the server's word is the end."""
    messages = ["né→漢🙂", "two", "three"]
    whole = b"".join(Log(messages, window=2).frames(0))
    for cut in range(len(whole) + 1):
        log = Log([], closed=False, window=2)

        def serve(request: Request, log: Log = log, cut: int = cut) -> Reply:
            if request.params.get("live") != "sse":
                return log.serve(request)
            is_first = not log.closed
            log.messages, log.closed = messages, True
            reply = log.serve(request)
            reply.body = reply.body[:cut] if is_first else reply.body
            return reply

        world = World(serve)
        assert flat(list(follow(world))) == messages
        assert len(world.requests) == (2 if cut == len(whole) else 3)


def test_offsets_are_those_that_the_server_gave_out_and_a_reader_goes_on_from_any() -> None:
    """RD5."""
    log = Log(list(range(8)))
    batches = list(follow(World(log.serve)))
    assert [batch.offset for batch in batches] == [f"{end:016d}" for end in (3, 6, 8)]
    for number, batch in enumerate(batches):
        assert list(follow(World(log.serve), batch.offset)) == batches[number + 1 :]


def test_an_event_stream_that_is_held_back_gives_way_to_polls_and_is_tried_again() -> None:
    log = Log([0], closed=False)

    def serve(request: Request) -> Reply:
        live = request.params.get("live")
        if live == "long-poll":
            log.messages = list(range(len(log.messages) + 1))
            log.closed = len(log.messages) > POLLS + 5
        return Reply(body=b"") if live == "sse" else log.serve(request)

    world = World(serve)
    assert flat(list(follow(world))) == log.messages
    live = [request.params.get("live", "") for request in world.requests]
    assert live == ["", *["sse"] * FRUITLESS, *["long-poll"] * POLLS, "sse", *["long-poll"] * 5]


def test_text_is_polled_for_because_event_streams_change_its_line_breaks() -> None:
    log = Log([0], closed=False, content_type="text/plain")

    def serve(request: Request) -> Reply:
        log.closed = len(world.requests) > POLLS + 3
        return log.serve(request)

    world = World(serve)
    list(follow(world))
    assert {request.params.get("live", "") for request in world.requests} == {"", "long-poll"}


def test_patience_ends_and_is_restored_by_each_whole_event() -> None:
    world = World(lambda request: None)
    with pytest.raises(Problem) as raised:
        list(follow(world))
    assert (raised.value.code, raised.value.retryable) == ("unreachable", True)
    assert world.waits[:6] == [0.25, 0.5, 1, 2, 4, 5]
    assert 50 < sum(world.waits) <= 60
    log = Log([0], closed=False)
    replies = 0

    def drop(request: Request) -> Reply | None:
        nonlocal replies
        replies += 1
        log.closed = replies == 500
        return log.serve(request) if replies % 2 else None if not log.closed else log.serve(request)

    world = World(drop)
    assert flat(list(follow(world))) == [0]
    assert max(world.waits) <= 0.5


@pytest.mark.parametrize("status", [400, 401, 404, 410, 302])
def test_what_cannot_pass_is_raised_at_once(status: int) -> None:
    world = World(lambda request: Reply(status=status))
    with pytest.raises(Problem) as raised:
        list(follow(world))
    assert (raised.value.status, raised.value.retryable) == (status, False)
    assert len(world.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_that_is_away_is_asked_again(status: int) -> None:
    """A7."""
    log = Log([0])
    replies = iter([Reply(status=status, headers={"retry-after": "3"})])
    world = World(lambda request: next(replies, None) or log.serve(request))
    assert flat(list(follow(world))) == [0]
    assert world.waits == [3]


def test_after_a_problem_there_is_no_clean_end() -> None:
    """Whoever asks again gets the problem again."""
    drive = Drive(flows.batches("p", "-1", World(lambda request: None).patience(0)))
    assert isinstance(drive.step(), Open)
    drive.cut("refused")
    problems: list[Problem] = []
    for _ in range(2):
        with pytest.raises(Problem) as raised:
            drive.step()
        problems.append(raised.value)
    assert problems[0] is problems[1]


def test_who_is_told_to_wait_waits_and_who_is_not_is_refused() -> None:
    """D6."""
    question = requests.question("x", None, None, None, {})
    replies = [
        Reply(status=429, headers={"retry-after": "7"}),
        Reply(body=b"data: " + json.dumps(START).encode() + b"\n\n"),
    ]
    world = World(lambda request: replies.pop(0))
    assert list(world.run(flows.ask(question, world.patience()))) == [Run(id="r", chat_id="c", message_id="m")]
    assert world.waits == [7]
    for after in ({}, {"retry-after": "3600"}):
        world = World(lambda request, after=after: Reply(status=429, headers=after))
        with pytest.raises(Problem):
            list(world.run(flows.ask(question, world.patience())))
        assert world.waits == []


@pytest.mark.parametrize("cut", range(120))
def test_a_question_whose_reply_is_cut_anywhere_is_sent_again_with_its_id(cut: int) -> None:
    """A10."""
    body = b"id: r:1\ndata: " + json.dumps(START).encode() + b"\n\n"
    replies = [None, Reply(body=body[:cut], is_cut=True), Reply(status=502), Reply(body=body)]
    world = World(lambda request: replies.pop(0))
    question = requests.question("x", "c", None, None, {"max_tokens": 5})
    assert list(world.run(flows.ask(question, world.patience()))) == [Run(id="r", chat_id="c", message_id="m")]
    assert {json.dumps(request.body) for request in world.requests} == {json.dumps(question.body)}
    assert question.body
    assert question.body["clientMessageId"]
    assert question.body["settings"] == {"maxTokens": 5}


def test_a_continuation_whose_reply_is_lost_is_the_run_that_it_has_started() -> None:
    """A8."""
    live = Reply(status=409, body=b'{"code":"run_live","message":"Busy.","requestId":"q","runId":"r"}')
    run = Reply(body=b'{"id":"r","chatId":"c","messageId":"m","status":"running","model":"x"}')
    continuation = requests.continuation("c", None, None)
    replies = [Reply(is_cut=True), live, run]
    world = World(lambda request: replies.pop(0))
    assert [run.id for run in world.run(flows.ask(continuation, world.patience()))] == ["r"]
    assert world.requests[-1].path == "/api/runs/r"
    # But a run that was in the way before is somebody else's, and a question has an id by which it is found.
    for request, before in ((continuation, ()), (requests.question("x", "c", None, None, {}), (Reply(is_cut=True),))):
        others = [*before, live]
        world = World(lambda request, others=others: others.pop(0))
        with pytest.raises(Problem) as raised:
            list(world.run(flows.ask(request, world.patience())))
        assert (raised.value.code, raised.value.request_id) == ("run_live", "q")
        assert raised.value.details == {"runId": "r"}


def test_an_answer_whose_stream_is_closed_without_its_end_is_no_answer() -> None:
    """CF6."""
    whole = World(Log([START, END]).serve)
    assert len(list(whole.run(flows.answer("r", whole.patience())))) == 2
    cut = World(Log([START]).serve)
    with pytest.raises(Problem) as raised:
        list(cut.run(flows.answer("r", cut.patience())))
    assert raised.value.code == "answer_cut"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"<html>"),
        Reply(headers={"stream-next-offset": "1", "content-type": "application/json"}, body=b"<html>"),
        Reply(headers={"stream-next-offset": "1", "content-type": "application/json"}, body=b'[{"type":"text-delta"}]'),
    ],
)
def test_what_is_no_penstock_is_said_to_be_none(reply: Reply) -> None:
    world = World(lambda request: reply)
    with pytest.raises(Problem) as raised:
        list(world.run(flows.answer("r", world.patience())))
    assert raised.value.code == "protocol_invalid"


def test_binary_streams_arrive_as_bytes() -> None:
    pages = [
        Reply(
            headers={"content-type": "image/png", "stream-next-offset": "1", "stream-up-to-date": "true"}, body=b"\0"
        ),
        Reply(
            headers={"stream-sse-data-encoding": "base64"},
            body=b'event: data\ndata:/w0K\n\nevent: control\ndata:{"streamNextOffset":"4","streamClosed":true}\n\n',
        ),
    ]
    world = World(lambda request: pages.pop(0))
    assert list(follow(world)) == [("1", b"\0"), ("4", b"\xff\r\n")]


def test_a_reply_that_is_no_problem_document_is_still_a_problem() -> None:
    """G6."""
    for body in (b"", b"<html>", b"[]", b"\xff"):
        problem = problem_of(502, {"x-request-id": "q", "retry-after": "soon"}, body)
        assert (problem.code, problem.request_id, problem.retry_after) == ("http_502", "q", None)
        assert problem.retryable


def test_names_cannot_leave_their_place_in_an_address() -> None:
    assert requests.run("../x?y").path == "/api/runs/..%2Fx%3Fy"
    assert requests.stream("a b/c?d", "-1", "").path == "/v1/stream/a%20b/c%3Fd"
