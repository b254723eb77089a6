"""What is fetched from elsewhere comes from public places only, over real connections (S10, S11)."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Mapping

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from harness.listener import Listener
from penstock.files.fetch import Fetcher
from penstock.files.model import AddressRefused, AddressUnreachable, AttachmentTooLarge

MOST = 100_000


class Web(Listener):
    """A web server that says what it is told to, and notes what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bytes] = []
        self.pages: dict[str, bytes] = {}

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head)
        writer.write(self.pages.get(head.split()[1].decode(), b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"))
        await writer.drain()
        writer.close()

    def serve(self, path: str, body: bytes, status: str = "200 OK", **headers: str) -> None:
        said = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {status}\r\nconnection: close\r\n{said}content-length: {len(body)}\r\n\r\n"
        self.pages[path] = head.encode() + body


class Names(AbstractResolver):
    """Names as somebody has bound them, who may bind them anew at each look."""

    def __init__(self, bound: Mapping[str, list[str]]) -> None:
        self.bound = bound
        self.looked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.looked.append(host)
        there = self.bound.get(host)
        if there is None:
            return await aiohttp.ThreadedResolver().resolve(host, port, family)
        address = there.pop(0) if len(there) > 1 else there[0]
        return [ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        pass


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as listening:
        yield listening


@pytest.fixture
async def allowed() -> AsyncIterator[Fetcher]:
    """A fetcher whose owner allows this machine."""
    fetcher = Fetcher(["127.0.0.1"])
    yield fetcher
    await fetcher.close()


@pytest.fixture
async def usual() -> AsyncIterator[Fetcher]:
    fetcher = Fetcher()
    yield fetcher
    await fetcher.close()


async def test_what_is_there_is_fetched_without_anything_of_ours(web: Web, allowed: Fetcher) -> None:
    web.serve("/cat.png", b"a cat", **{"set-cookie": "a=b; path=/"})
    assert await allowed.fetch(f"{web.url}/cat.png", MOST) == b"a cat"
    assert await allowed.fetch(f"{web.url}/cat.png", MOST) == b"a cat"
    said = web.asked[1].lower()
    assert b"cookie" not in said
    assert b"authorization" not in said
    assert b"referer" not in said


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "0.0.0.0",  # where nobody is to be sent
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "127.0.0.1.",
        "①②⑦.⓪.⓪.①",
        "ok@127.0.0.1",
        "ok:ok@127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
    ],
)
async def test_nobody_is_sent_to_this_machine_or_its_network(web: Web, usual: Fetcher, host: str) -> None:
    """S11: however its address is written."""
    web.serve("/", b"secret")
    with pytest.raises((AddressRefused, AddressUnreachable)):
        await usual.fetch(f"http://{host}:{web.port}/", MOST)
    assert web.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "ftp://example.org/x",
        "gopher://127.0.0.1:6379/_PING",
        "//example.org/x",
        "/etc/passwd",
        "http://",
        "http:///x",
        "javascript:alert(1)",
        "http://127.0.0.1\\@example.org/",
        "http://example.org\\@127.0.0.1/",
        "http://example.org/\r\nHost: x",
        "http://" + "x" * 3000,
        "http://[::1",
        "http://example.org:99999/",
    ],
)
async def test_what_is_no_address_on_the_web_is_refused(usual: Fetcher, address: str) -> None:
    """S10, S11."""
    with pytest.raises(AddressRefused):
        await usual.fetch(address, MOST)


async def test_a_name_that_leads_here_is_not_followed(web: Web) -> None:
    """S11: DNS rebinding; what a name resolves to is looked at, and that is what is connected to."""
    names = Names({"evil.example": ["127.0.0.1"], "turning.example": ["203.0.113.9", "127.0.0.1"]})
    fetcher = Fetcher(resolver=names)
    web.serve("/", b"secret")
    with pytest.raises(AddressUnreachable):
        await fetcher.fetch(f"http://evil.example:{web.port}/", MOST)
    # A documentation address: nobody is there, and Python knows that it is not public.
    for _ in range(2):
        with pytest.raises(AddressUnreachable):
            await fetcher.fetch(f"http://turning.example:{web.port}/", MOST)
    assert web.asked == []
    assert names.looked
    await fetcher.close()


async def test_a_name_is_looked_up_once_for_each_connection(web: Web) -> None:
    """S11: there is no second look between the one that is checked and the connection."""
    names = Names({"ours.example": ["127.0.0.1"]})
    fetcher = Fetcher(["ours.example"], names)
    web.serve("/", b"a cat")
    assert await fetcher.fetch(f"http://ours.example:{web.port}/", MOST) == b"a cat"
    assert names.looked == ["ours.example"]
    await fetcher.close()


@pytest.mark.parametrize(
    "place", ["http://localhost:{port}/", "http://0x7f.1:{port}/", "//[::1]:{port}/", "file:///etc/passwd"]
)
async def test_each_redirect_is_looked_at(web: Web, allowed: Fetcher, place: str) -> None:
    """S11: a public page that sends us on to our own network."""
    web.serve("/", b"", "302 Found", location=place.format(port=web.port))
    with pytest.raises((AddressRefused, AddressUnreachable)):
        await allowed.fetch(f"{web.url}/", MOST)
    assert len(web.asked) == 1


async def test_a_redirect_is_followed_a_few_times(web: Web, allowed: Fetcher) -> None:
    web.serve("/", b"", "301 Moved Permanently", location="/cat.png")
    web.serve("/cat.png", b"a cat")
    web.serve("/round", b"", "302 Found", location="/round")
    assert await allowed.fetch(f"{web.url}/", MOST) == b"a cat"
    web.asked.clear()
    with pytest.raises(AddressUnreachable):
        await allowed.fetch(f"{web.url}/round", MOST)
    assert len(web.asked) == 4


async def test_what_is_too_large_or_not_there_is_refused(web: Web, allowed: Fetcher) -> None:
    web.serve("/", bytes(MOST + 1))
    with pytest.raises(AttachmentTooLarge):
        await allowed.fetch(f"{web.url}/", MOST)
    with pytest.raises(AddressUnreachable):
        await allowed.fetch(f"{web.url}/nothing", MOST)
    web.pages["/cut"] = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\na part"
    with pytest.raises(AddressUnreachable):
        await allowed.fetch(f"{web.url}/cut", MOST)
