"""E9: what a generated app may ask to have installed, and the way it comes in."""

import asyncio
from pathlib import Path

import pytest

from penstock.sandbox.base import DependencyInvalid, StackName
from penstock.sandbox.dependencies import check_dependencies
from penstock.sandbox.proxy import InstallProxy, resolve_public


@pytest.mark.parametrize(
    ("stack", "text", "understood"),
    [
        ("python", "PyYAML>=6", "PyYAML>=6"),
        ("python", " httpx[http2] ~= 0.28 ", "httpx[http2]~=0.28"),
        ("python", "x; python_version < '3'", 'x; python_version < "3"'),
        ("node", "lodash", "lodash@*"),
        ("node", "@scope/name@^1.2.3-beta.1", "@scope/name@^1.2.3-beta.1"),
        ("node", "a@>=1 <2 || 3.x", "a@>=1 <2 || 3.x"),
    ],
)
def test_names_and_versions_are_taken(stack: StackName, text: str, understood: str) -> None:
    """E9."""
    assert check_dependencies(stack, [text, text]) == [understood]


@pytest.mark.parametrize(
    ("stack", "text"),
    [
        *(
            ("python", text)
            for text in (
                "",
                "-r /etc/passwd",
                "--index-url=http://evil",
                "-e .",
                "./local",
                "/abs",
                "../up",
                "git+https://e/x",
                "x @ https://e/x.whl",
                "x @ file:///etc",
                "a b",
                "x\n--pre",
                "x;",
                "https://e/x.whl",
            )
        ),
        *(
            ("node", text)
            for text in (
                "",
                "-g",
                "../x",
                "/x",
                "git:x",
                "user/repo",
                "a@git+ssh://x",
                "a@http://x",
                "a@file:../x",
                "a@npm:b@1",
                "a@latest",
                "a@workspace:*",
                "a@$(id)",
                "UPPER",
                "a b",
                "a@1\nb",
                "a\0",
            )
        ),
    ],
)
def test_everything_else_is_refused(stack: StackName, text: str) -> None:
    """E9."""
    with pytest.raises(DependencyInvalid):
        check_dependencies(stack, [text])


def test_there_are_so_many_dependencies() -> None:
    """E9."""
    with pytest.raises(DependencyInvalid, match="more than 60"):
        check_dependencies("python", ["x"] * 61)


async def asked(path: Path, request: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(request)
        async with asyncio.timeout(10):
            return await reader.read(100)
    finally:
        writer.close()


async def test_the_proxy_lets_through_to_named_hosts_only(tmp_path: Path) -> None:
    """E9."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read(100)).upper())
        await writer.drain()
        writer.close()

    index = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = index.sockets[0].getsockname()[1]

    async def resolve(_host: str) -> tuple[str, int]:
        return "127.0.0.1", port

    proxy = InstallProxy(["index.example"], resolve)
    path = tmp_path / "s"
    async with index, proxy.listening(path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"CONNECT INDEX.example:443 HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.write(b"hello")
        assert await reader.read(100) == b"HELLO"
        writer.close()
        for target in (
            "evil.example:443",
            "index.example:22",
            "index.example:80",
            "index.example.evil.example:443",
            "xindex.example:443",
            "127.0.0.1:443",
            "169.254.169.254:80",
            "index.example.:443",
        ):
            answer = await asked(path, f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 403"), target
        for request in (b"GET http://index.example/ HTTP/1.1\r\n\r\n", b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n"):
            assert (await asked(path, request)).startswith(b"HTTP/1.1 403")
        assert await asked(path, b"x" * 20_000) == b""
    assert "evil.example:443" in proxy.refused


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "::1", "192.0.2.1"])
async def test_a_name_that_leads_to_our_own_network_is_refused(host: str) -> None:
    """E9."""
    with pytest.raises(OSError, match="no public address"):
        await resolve_public(host)
