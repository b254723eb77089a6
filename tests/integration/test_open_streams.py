"""Streams over HTTP: while all are open, byte for byte what was appended, however it is read (A2); and otherwise."""

import base64
import contextlib
import itertools
import json
import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from typing import Any

import httpx
import pytest

from harness.penstock import Penstock
from harness.postgres import Postgres

NASTY = ["\r", "\n", "\r\n", "\n\n", "\0", " ", "data:", "é", "漢字", "👩‍👩‍👧‍👦", "\u2028", "a", "bc"]
SPLITS = 60


@pytest.fixture(scope="module", params=["embedded", "scaled"])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """An installation of each shape whose streams are open to everybody."""
    url = ""
    if request.param == "scaled":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.create(request.getfixturevalue("template"))
    polls = {"PENSTOCK_LONG_POLL_SECONDS": "0.5"}
    installation = Penstock(folder=tmp_path_factory.mktemp("open"), database_url=url, environment=polls)
    installation.spawn("web", "serve", "--open-streams")
    try:
        installation.wait_ready()
        with installation.client() as client:
            yield client
    finally:
        installation.kill()


def address(name: str) -> str:
    return f"/v1/stream/exact/{name}-{random.getrandbits(64):x}"


def split(data: bytes, chance: random.Random) -> list[bytes]:
    cuts = sorted({0, len(data), *(chance.randrange(1, len(data)) for _ in range(SPLITS))})
    return [data[begin:end] for begin, end in itertools.pairwise(cuts)]


class Reader(threading.Thread, ABC):
    """Reads a stream to its end while it grows."""

    def __init__(self, url: httpx.URL, path: str) -> None:
        super().__init__(daemon=True)
        self.url = url
        self.path = path
        self.parts: list[str | bytes] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with httpx.Client(base_url=self.url, timeout=60) as client:
                self.read(client)
        except BaseException as error:  # noqa: BLE001  # raised by whoever waits for the result
            self.error = error

    @abstractmethod
    def read(self, client: httpx.Client) -> None: ...

    def result(self) -> list[str | bytes]:
        self.join(60)
        assert not self.is_alive()
        if self.error:
            raise self.error
        return self.parts


class Events(Reader):
    """Reads data events, and goes on elsewhere now and then, by the offset of the last control event."""

    def read(self, client: httpx.Client) -> None:
        offset, is_over = "-1", False
        while not is_over:
            with client.stream("GET", self.path, params={"live": "sse", "offset": offset}) as response:
                assert response.status_code == 200
                kind, data, events = "", list[str](), 0
                # Not httpx's own lines: it takes U+2028 and others for line breaks, too.
                for line in _lines(response):
                    if line == "":
                        if kind == "data":
                            self.parts.append("\n".join(data))
                        elif kind == "control":
                            control = json.loads(data[0])
                            offset, is_over = control["streamNextOffset"], "streamClosed" in control
                            events += 1
                        kind, data = "", []
                        if events == 7:
                            break
                    name, _, value = line.partition(":")
                    value = value.removeprefix(" ")
                    if name == "event":
                        kind = value
                    elif name == "data":
                        data.append(value)


def _lines(response: httpx.Response) -> Iterator[str]:
    rest = b""
    for chunk in response.iter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            assert b"\r" not in line
            yield line.decode()


class Polls(Reader):
    """Reads by long-poll."""

    def read(self, client: httpx.Client) -> None:
        offset = "-1"
        while True:
            response = client.get(self.path, params={"live": "long-poll", "offset": offset})
            if response.status_code == 200:
                self.parts.append(response.content)
            offset = response.headers["stream-next-offset"]
            if response.headers.get("stream-closed") == "true":
                return


def catch_up(client: httpx.Client, path: str) -> Iterator[bytes]:
    offset = "-1"
    while True:
        response = client.get(path, params={"offset": offset})
        assert response.status_code == 200
        yield response.content
        offset = response.headers["stream-next-offset"]
        if response.headers.get("stream-up-to-date") == "true":
            return


@contextlib.contextmanager
def reading(client: httpx.Client, path: str) -> Generator[tuple[Events, Polls]]:
    readers = Events(client.base_url, path), Polls(client.base_url, path)
    for reader in readers:
        reader.start()
    yield readers
    for reader in readers:
        reader.result()


def append(client: httpx.Client, path: str, content_type: str, bodies: list[bytes]) -> None:
    for number, body in enumerate(bodies):
        closing = {"stream-closed": "true"} if number == len(bodies) - 1 else {}
        response = client.post(path, content=body, headers={"content-type": content_type, **closing})
        assert response.status_code == 204, response.text


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("content_type", ["application/octet-stream", "image/png", "text/plain; charset=latin-1"])
def test_bytes_are_read_as_they_were_appended(opened: httpx.Client, content_type: str, seed: int) -> None:
    """A2."""
    chance, path = random.Random(seed), address("bytes")
    data = chance.randbytes(400) + "".join(chance.choices(NASTY, k=200)).encode()
    assert opened.put(path, headers={"content-type": content_type}).status_code == 201
    with reading(opened, path) as (events, polls):
        append(opened, path, content_type, split(data, chance))
    assert b"".join(base64.b64decode(part, validate=True) for part in events.parts) == data
    assert b"".join(part for part in polls.parts if isinstance(part, bytes)) == data
    assert b"".join(catch_up(opened, path)) == data
    assert opened.head(path).headers["stream-next-offset"] == f"{len(data):016d}"


@pytest.mark.parametrize("seed", range(6))
def test_text_is_read_whole_wherever_it_was_split(opened: httpx.Client, seed: int) -> None:
    """A2: also inside a character. Line breaks of all kinds arrive as LF in server-sent events."""
    chance, path = random.Random(seed), address("text")
    text = "".join(chance.choices(NASTY, k=300))
    assert opened.put(path, headers={"content-type": "text/plain"}).status_code == 201
    with reading(opened, path) as (events, polls):
        append(opened, path, "text/plain", split(text.encode(), chance))
    shown = "".join(part for part in events.parts if isinstance(part, str))
    assert shown == text.replace("\r\n", "\n").replace("\r", "\n")
    assert b"".join(part for part in polls.parts if isinstance(part, bytes)) == text.encode()
    assert b"".join(catch_up(opened, path)) == text.encode()


@pytest.mark.parametrize("seed", range(4))
def test_messages_are_read_as_they_were_appended(opened: httpx.Client, seed: int) -> None:
    """A2."""
    chance, path = random.Random(seed), address("json")
    messages: list[Any] = [
        chance.choice([text := "".join(chance.choices(NASTY, k=9)), {text: [text, 1.5, None]}, [[text]], 10**20])
        for _ in range(150)
    ]
    bodies: list[bytes] = []
    rest = messages
    while rest:
        count = chance.randint(1, 5)
        bodies.append(
            json.dumps(rest[:count], ensure_ascii=chance.random() < 0.5, indent=chance.choice([None, 1])).encode()
        )
        rest = rest[count:]
    assert opened.put(path, headers={"content-type": "application/json"}, content=b"[]").status_code == 201
    with reading(opened, path) as (events, polls):
        append(opened, path, "application/json", bodies)
    assert [message for part in events.parts for message in json.loads(part)] == messages
    assert [message for part in polls.parts for message in json.loads(part)] == messages
    assert [message for part in catch_up(opened, path) for message in json.loads(part)] == messages


def test_every_position_of_a_fork_of_a_fork_is_read_like_the_source(opened: httpx.Client) -> None:
    """RD2."""
    data = bytes(range(60))
    paths = [address("fork") for _ in range(3)]
    kind = {"content-type": "application/octet-stream"}
    opened.put(paths[0], headers=kind, content=data[:10])
    for begin in range(10, 40, 5):
        opened.post(paths[0], headers=kind, content=data[begin : begin + 5])
    opened.put(paths[1], headers={**kind, "stream-forked-from": paths[0], "stream-fork-offset": f"{23:016d}"})
    opened.post(paths[1], headers=kind, content=data[23:50])
    fork = {"stream-forked-from": paths[1], "stream-fork-offset": f"{20:016d}", "stream-fork-sub-offset": "17"}
    assert opened.put(paths[2], headers=fork, content=data[37:]).status_code == 201
    for begin in range(len(data) + 1):
        response = opened.get(paths[2], params={"offset": f"{begin:016d}"})
        assert response.content == data[begin:]
    # Its sources can go: what it needs of them stays.
    assert [opened.delete(path).status_code for path in paths[:2]] == [204, 204]
    assert [opened.get(path).status_code for path in paths[:2]] == [410, 410]
    assert opened.get(paths[2]).content == data
    assert opened.delete(paths[2]).status_code == 204
    assert [opened.get(path).status_code for path in paths] == [404, 404, 404]


def test_a_reader_is_told_when_its_stream_is_deleted_and_never_shown_the_next_one(opened: httpx.Client) -> None:
    """D3."""
    path, kind = address("gone"), {"content-type": "text/plain"}
    opened.put(path, headers=kind, content=b"first")
    tag = opened.get(path).headers["etag"]
    polls = Polls(opened.base_url, path)
    polls.start()
    opened.delete(path)
    opened.put(path, headers=kind, content=b"other")
    assert opened.get(path, headers={"if-none-match": tag}).content == b"other"
    assert opened.post(path, headers={"stream-closed": "true"}).status_code == 204
    with contextlib.suppress(KeyError):  # a 404 carries no offset: the reader was told
        polls.result()
    assert b"".join(part for part in polls.parts if isinstance(part, bytes)) in {b"", b"first", b"other", b"firstother"}


def test_an_answer_that_has_not_changed_is_not_sent_again(opened: httpx.Client) -> None:
    """A5."""
    path = address("etag")
    opened.put(path, headers={"content-type": "text/plain"}, content=b"x")
    tag = opened.get(path).headers["etag"]
    again = opened.get(path, headers={"if-none-match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    opened.post(path, headers={"stream-closed": "true"})
    assert opened.get(path, headers={"if-none-match": tag}).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_streams_are_not_written_over_http_unless_they_are_open(penstock: Penstock, method: str) -> None:
    """D3."""
    with penstock.client() as client:
        response = client.request(method, "/v1/stream/mine", content=b"x", headers={"content-type": "text/plain"})
        assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
        assert response.headers["allow"] == "GET, HEAD"
        assert client.get("/v1/stream/mine").status_code == 404
        assert "access-control-allow-origin" not in response.headers
        assert response.headers["cross-origin-resource-policy"] == "same-origin"
        assert client.request(method, "/v1/stream/__ds/subscriptions/s").status_code == 404


@pytest.mark.parametrize(
    "query", ["offset=", "offset=x", "offset=-1&offset=-1", "live=sse", "live=x&offset=-1", "offset=%00"]
)
def test_reads_that_the_protocol_does_not_allow(penstock: Penstock, query: str) -> None:
    """A5, RD5."""
    with penstock.client() as client:
        response = client.get(f"/v1/stream/runs/x?{query}")
        assert response.status_code == 400
        assert response.headers["content-type"] == "application/problem+json"
