"""The transport over TCP: clocks (A11), closing (A9), and connections that are kept or not."""

import asyncio
import gzip
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from penstock.providers.base import Delta, ErrorKind, ProviderError, Text
from penstock.providers.openai import OpenAIProvider
from penstock.providers.transport import Transport
from upstream.client import KEY, Build, asking, collect
from upstream.process import Upstream
from upstream.script import expected_text

SHORT = 0.2


async def failing(provider: OpenAIProvider, model: str) -> tuple[ErrorKind, str, float]:
    """Return the kind of error, the text before it, and the seconds that it took."""
    begun = time.monotonic()
    answer = await collect(provider, asking(model))
    assert answer.error is not None
    return answer.error.kind, answer.text, time.monotonic() - begun


@pytest.mark.parametrize("model", ["stall-headers", "stall-first"])
async def test_a11_no_first_token_in_time_is_its_own_error(build: Build, model: str) -> None:
    kind, text, seconds = await failing(build(first_token=SHORT), model)
    assert (kind, text) == (ErrorKind.TIMEOUT_FIRST, "")
    assert SHORT <= seconds < SHORT + 2


@pytest.mark.parametrize("model", ["stall-3", "stall-pings-3"])
async def test_a11_no_next_token_in_time_is_its_own_error_and_pings_are_no_tokens(build: Build, model: str) -> None:
    kind, text, seconds = await failing(build(between_tokens=SHORT), model)
    assert (kind, text) == (ErrorKind.TIMEOUT_IDLE, expected_text(model))
    assert SHORT <= seconds < SHORT + 2


async def test_a11_the_clock_of_the_first_token_stops_with_it(build: Build) -> None:
    answer = await collect(build(first_token=SHORT, between_tokens=5), asking("echo-30-10"))
    assert answer.error is None


async def test_a11_tokens_move_the_clock_on(build: Build) -> None:
    answer = await collect(build(between_tokens=SHORT), asking("echo-30-20"))
    assert answer.error is None
    assert answer.text == expected_text("echo-30-20")


async def test_a11_a_slow_consumer_is_not_taken_for_a_slow_provider(build: Build) -> None:
    texts: list[str] = []
    async with build(between_tokens=SHORT).stream(asking("echo-60-10")) as batches:
        async for batch in batches:
            texts += [delta.text for delta in batch if isinstance(delta, Text)]
            if len(texts) == 5:
                await asyncio.sleep(2 * SHORT)
    assert "".join(texts) == expected_text("echo-60-10")


async def test_silence_after_the_finish_reason_is_an_end(build: Build) -> None:
    answer = await collect(build(between_tokens=SHORT), asking("stall-finish-3"))
    assert answer.error is None
    assert answer.finish == "stop"
    assert answer.text == expected_text("stall-finish-3")


async def test_silence_after_the_finish_reason_is_not_waited_out(build: Build) -> None:
    begun = time.monotonic()
    answer = await collect(build(between_tokens=30), asking("stall-finish-3"))
    assert answer.finish == "stop"
    assert time.monotonic() - begun < 15


@pytest.fixture
def full() -> Iterator[int]:
    """Give a port whose queue of connections is full, so that Linux leaves the next one without an answer."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_a11_no_connection_in_time_is_its_own_error(build: Build, full: int) -> None:
    kind, _, seconds = await failing(build(base_url=f"http://127.0.0.1:{full}/v1", connect=SHORT), "echo")
    assert kind is ErrorKind.CONNECT
    assert SHORT <= seconds < SHORT + 2


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:1/v1", "http://no.such.host.invalid/v1", "https://127.0.0.1:1"])
async def test_a11_a_server_that_is_not_there_is_unreachable(build: Build, base_url: str) -> None:
    kind, _, _ = await failing(build(base_url=base_url), "echo")
    assert kind is ErrorKind.CONNECT


async def test_tls_to_a_plain_server_is_unreachable(build: Build, upstream: Upstream) -> None:
    kind, _, _ = await failing(build(base_url=upstream.base_url.replace("http:", "https:"), connect=SHORT), "echo")
    assert kind is ErrorKind.CONNECT


@asynccontextmanager
async def serving(*parts: bytes) -> AsyncGenerator[str]:
    """Give the base URL of a server that sends these bytes, whatever it is asked, and hangs up."""

    served = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.02)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        served.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await served.wait()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
TEXT = b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'
DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    "parts",
    [
        (HEAD + b"Connection: close\r\n\r\n" + TEXT, DONE),
        (HEAD + b"Content-Length: %d\r\n\r\n" % len(TEXT + DONE) + TEXT, DONE),
        (HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(TEXT + DONE),),
        (b"HTTP/1.0 200 OK\r\n\r\n" + TEXT, DONE),
    ],
    ids=["ends with the connection", "content length", "gzip nobody asked for", "no content type"],
)
async def test_c2_every_framing_of_http_is_read(build: Build, parts: tuple[bytes, ...]) -> None:
    async with serving(*parts) as base_url:
        answer = await collect(build(base_url=base_url), asking("echo"))
    assert answer.error is None
    assert answer.text == "Hi"


@pytest.mark.parametrize(
    ("parts", "kind", "text"),
    [
        ((), ErrorKind.TRUNCATED, ""),
        ((b"HTTP/1.1 200 OK\r\nConte",), ErrorKind.TRUNCATED, ""),
        ((b"220 mail.example ESMTP\r\n\r\n",), ErrorKind.PROTOCOL, ""),
        ((b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",), ErrorKind.PROTOCOL, ""),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), ErrorKind.PROTOCOL, ""),
        ((HEAD + b"Content-Length: 500\r\n\r\n" + TEXT,), ErrorKind.TRUNCATED, "Hi"),
        ((HEAD + b"Content-Encoding: gzip\r\n\r\n", b"not gzip"), ErrorKind.TRUNCATED, ""),
        # aiohttp tells the reader nothing of a broken chunk, so the clock has to.
        (
            (HEAD + b"Transfer-Encoding: chunked\r\n\r\n30\r\n" + TEXT + b"\r\n", b"zz\r\n"),
            ErrorKind.TIMEOUT_IDLE,
            "Hi",
        ),
    ],
    ids=["nothing", "half a head", "smtp", "huge head", "204", "too short", "broken gzip", "broken chunk"],
)
async def test_a11_what_is_no_whole_http_reply_is_an_error(
    build: Build, parts: tuple[bytes, ...], kind: ErrorKind, text: str
) -> None:
    async with serving(*parts) as base_url:
        answer = await collect(build(base_url=base_url, between_tokens=SHORT), asking("echo"))
    assert answer.error is not None
    assert (answer.error.kind, answer.text) == (kind, text)
    assert not leaks(answer.error)


async def test_a11_a_refusal_whose_body_never_comes_whole_is_known_by_its_status(build: Build) -> None:
    async with serving(b'HTTP/1.1 503 No\r\nContent-Length: 500\r\n\r\n{"error":') as base_url:
        answer = await collect(build(base_url=base_url), asking("echo"))
    assert answer.error is not None
    assert (answer.error.kind, answer.error.status) == (ErrorKind.OVERLOADED, 503)


async def test_c4_the_context_window_is_taken_from_servers_that_tell_it(build: Build) -> None:
    body = b'{"data":[{"id":"a","max_model_len":4096},{"id":"b","context_length":7},{"id":"c","max_context_length":9}]}'
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body) as base_url:
        models = await build(base_url=base_url).models()
    assert [(model.id, model.capabilities.context_window) for model in models] == [
        ("test/a", 4096),
        ("test/b", 7),
        ("test/c", 9),
    ]


def leaks(error: BaseException | None) -> bool:
    """Say whether the key is anywhere in this error or those before it, however someone prints them."""
    while error is not None:
        if KEY in repr(error) or KEY in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


Leave = Callable[[OpenAIProvider], Awaitable[float]]
"""Begins an answer, leaves it, and returns when it left."""


async def leave_by_break(provider: OpenAIProvider) -> float:
    async with provider.stream(asking("echo-1000-5")) as batches:
        async for _ in batches:
            break
        return time.monotonic()


async def leave_unread(provider: OpenAIProvider) -> float:
    async with provider.stream(asking("echo-1000-5")):
        return time.monotonic()


async def leave_by_error(provider: OpenAIProvider) -> float:
    left = 0.0
    with suppress(ZeroDivisionError):
        async with provider.stream(asking("echo-1000-5")) as batches:
            await anext(batches)
            left = time.monotonic()
            raise ZeroDivisionError
    return left


async def leave_by_cancel_in_wait(provider: OpenAIProvider) -> float:
    return await _cancelled(provider, "stall-1")


async def leave_by_cancel_before_headers(provider: OpenAIProvider) -> float:
    return await _cancelled(provider, "stall-headers")


async def _cancelled(provider: OpenAIProvider, model: str) -> float:
    task = asyncio.get_running_loop().create_task(collect(provider, asking(model)))
    done, _ = await asyncio.wait({task}, timeout=0.1)
    assert not done
    left = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return left


@pytest.mark.parametrize(
    "leave",
    [leave_by_break, leave_unread, leave_by_error, leave_by_cancel_in_wait, leave_by_cancel_before_headers],
)
async def test_a9_leaving_closes_the_connection_within_50_ms(build: Build, upstream: Upstream, leave: Leave) -> None:
    # The best of three: a busy machine may delay one, a wait in our code would delay all.
    delays = [await _delay(build(), upstream, leave) for _ in range(3)]
    assert min(delays) < 0.05
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def _delay(provider: OpenAIProvider, upstream: Upstream, leave: Leave) -> float:
    start = len(upstream.requests())
    left = await leave(provider)
    seen = await upstream.eventually(lambda requests: bool(requests) and requests[0].closed_early, start=start)
    closed_at = seen[0].closed_at
    assert closed_at is not None
    return closed_at - left


@pytest.mark.parametrize("model", ["stall-3", "stall-pings-3", "stall-first", "stall-headers"])
async def test_a11_a_timeout_closes_the_connection(build: Build, upstream: Upstream, model: str) -> None:
    start = len(upstream.requests())
    await failing(build(first_token=SHORT, between_tokens=SHORT), model)
    await upstream.eventually(lambda requests: requests[0].closed_early, start=start)


async def test_an_answer_that_ended_leaves_its_connection_for_the_next(build: Build, upstream: Upstream) -> None:
    provider = build()
    for model in ("echo-3", "status-500", "json-error", "linger-3", "echo-3"):
        await collect(provider, asking(model))
    assert len({seen.port for seen in upstream.requests()[-5:]}) == 1
    assert not any(seen.closed_early for seen in upstream.requests()[-5:])


async def test_a_connection_that_the_server_dropped_meanwhile_is_not_used_again(build: Build) -> None:
    with Upstream() as server:
        provider = build(base_url=server.base_url)
        await collect(provider, asking("echo-3"))
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        answer = await collect(provider, asking("echo-3"))
        assert answer.text == expected_text("echo-3")


async def test_a11_a_server_killed_in_mid_answer_is_truncated(build: Build) -> None:
    with Upstream() as server:
        async with build(base_url=server.base_url).stream(asking("echo-1000-5")) as batches:
            await anext(batches)
            server.stop()
            with pytest.raises(ProviderError) as caught:
                await _rest(batches)
    assert caught.value.kind is ErrorKind.TRUNCATED


async def _rest(batches: AsyncIterator[Sequence[Delta]]) -> None:
    async for _ in batches:
        pass


async def test_no_number_of_open_answers_makes_the_next_one_wait(build: Build, upstream: Upstream) -> None:
    start = len(upstream.requests())
    provider = build()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(collect(provider, asking("stall-first"))) for _ in range(150)]
        await upstream.eventually(lambda requests: len(requests) == len(tasks), start=start)
        for task in tasks:
            task.cancel()


async def test_two_hundred_answers_at_once_share_nothing_but_the_session(build: Build) -> None:
    provider = build()
    models = [f"echo-{10 + index % 7}-20" for index in range(200)]
    answers = await asyncio.gather(*(collect(provider, asking(model)) for model in models))
    assert [answer.text for answer in answers] == [expected_text(model) for model in models]


async def test_closing_the_transport_closes_its_connections(
    build: Build, upstream: Upstream, transport: Transport
) -> None:
    start = len(upstream.requests())
    async with build().stream(asking("echo-1000-5")) as batches:
        await anext(batches)
        await transport.close()
        with pytest.raises(ProviderError):
            await _rest(batches)
    await upstream.eventually(lambda requests: requests[0].closed_early, start=start)


async def test_a_closed_transport_opens_nothing(build: Build, transport: Transport) -> None:
    await transport.close()
    with pytest.raises(RuntimeError):
        await collect(build(), asking("echo-1"))
