"""What a reader gets at once is bounded, however much was appended at once (A14)."""

import json
from functools import partial

import pytest
from parts import Open, append_of, make_stream, new_owner, process

from penstock.actor import SYSTEM
from penstock.db.database import Database
from penstock.kit.clock import wall_clock
from penstock.streams import registry, store
from penstock.streams.content import Kind, body_of
from penstock.streams.frames import frames_of
from penstock.streams.model import MESSAGE_BYTES, ROW_BYTES, START, Append, Page, Position
from penstock.streams.store import PAGE_BYTES
from penstock.streams.stream import Creation

MIB = 1024 * 1024
LARGE = bytes(range(256)) * 32 * 1024
"""8 MiB: what one request may bring."""


async def make(database: Database, content_type: str, body: bytes = b"") -> int:
    creation = Creation(content_type=content_type, body=body)
    create = partial(registry.create, actor=SYSTEM, owner=new_owner(), path="s", creation=creation, now=wall_clock())
    stream, _ = await database.write(SYSTEM, create)
    return stream.id


async def pages(database: Database, stream_id: int, start: int = 0) -> list[Page]:
    found: list[Page] = []
    position = Position(start)
    while True:
        page = await database.read(SYSTEM, partial(store.read, stream_id=stream_id, start=position))
        assert page.start == position
        found.append(page)
        position = page.end
        if page.is_up_to_date:
            return found


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_large_append_of_bytes_is_read_in_windows(database: Database, is_first: bool) -> None:
    """A14: also what a stream was created with."""
    stream_id = await make(database, "application/octet-stream", LARGE if is_first else b"")
    if not is_first:
        large = Append(stream_id=stream_id, units=len(LARGE), data=LARGE)
        await database.write(SYSTEM, partial(store.append_all, appends=[large]))
    for start in (0, 1, ROW_BYTES, ROW_BYTES + 1, len(LARGE) - 1):
        read = await pages(database, stream_id, start)
        assert b"".join(body_of(Kind.BINARY, page) for page in read) == LARGE[start:]
        assert max(len(body_of(Kind.BINARY, page)) for page in read) <= PAGE_BYTES + ROW_BYTES


async def test_a_large_append_of_messages_is_read_in_windows(database: Database) -> None:
    """A14: no message is torn, the largest that is allowed among them."""
    messages: list[object] = ["x" * size for size in (1, 10, 100, ROW_BYTES - 4, ROW_BYTES, 5, MESSAGE_BYTES - 2, 1, 2)]
    messages += [["y" * 100]] * 50_000
    stream_id = await make_stream(database)
    await database.write(SYSTEM, partial(store.append_all, appends=[append_of(stream_id, messages)]))
    for start in (0, 3, 6, 7, 20_000):
        read = await pages(database, stream_id, start)
        assert [json.loads(message) for page in read for message in page.messages()] == messages[start:]
        assert max(len(body_of(Kind.JSON, page)) for page in read) <= PAGE_BYTES + MESSAGE_BYTES + ROW_BYTES


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("text/plain", b"\n"),
        ("text/plain", "漢".encode()),
        ("application/octet-stream", b"\0"),
        ("application/json", b"1\n"),
    ],
)
async def test_no_event_takes_more_than_a_mebibyte(database: Database, content_type: str, data: bytes) -> None:
    """A14: what a reader that stalls holds, in the form that it is sent in; newlines are the worst."""
    stream_id = await make(database, content_type)
    data *= 4 * MIB // len(data)
    units = data.count(b"\n") if content_type == "application/json" else len(data)
    await database.write(
        SYSTEM, partial(store.append_all, appends=[Append(stream_id=stream_id, units=units, data=data)])
    )
    kind = {"text/plain": Kind.TEXT, "application/json": Kind.JSON}.get(content_type, Kind.BINARY)
    encode = frames_of(kind)
    assert max(len(encode(page, "0")) for page in await pages(database, stream_id)) <= MIB


async def test_a_follower_in_any_process_gets_windows_too(open_another: Open) -> None:
    """A14: the process that wrote, and another that looks behind what it knows."""
    database, elsewhere = open_another(), open_another()
    stream_id = await make_stream(database)
    messages: list[object] = ["z" * 1000] * 4000
    async with process(database) as one, process(elsewhere) as other:
        following = [each.follower.follow(stream_id, START, 30) for each in (one, other)]
        ends = [Position(0), Position(0)]
        largest = 0
        await one.writer.append(append_of(stream_id, messages, 0, close=True))
        for index, each in enumerate(following):
            async for page in each:
                assert page.start == ends[index]
                ends[index] = page.end
                largest = max(largest, *(sum(len(batch.data) for batch in page.batches), 0))
        assert ends == [4000, 4000]
        assert largest <= 256 * 1024 + ROW_BYTES
