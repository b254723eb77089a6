"""The WebSocket of an installation, as a client uses it."""

import json
import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from harness.penstock import Penstock


@contextmanager
def connected(
    penstock: Penstock,
    client: httpx.Client,
    *,
    port: int | None = None,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    is_slow: bool = False,
) -> Generator[ClientConnection]:
    """Connect as the visitor of an HTTP client, at another process's port where one is given.

    A slow connection takes next to nothing that is not asked for by `hear`.
    """
    client.get("/api/chats")
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    url = f"ws://127.0.0.1:{port or penstock.port}/api/ws{query}"
    line = socket.socket()
    if is_slow:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect(("127.0.0.1", port or penstock.port))
    given = {"cookie": cookie, **(headers or {})}
    with connect(url, sock=line, additional_headers=given, proxy=None, max_queue=1 if is_slow else 16) as connection:
        yield connection


def say(connection: ClientConnection, **message: Any) -> dict[str, Any]:
    """Send a message and return what answers it."""
    connection.send(json.dumps({"ref": "mine", **message}))
    while True:
        answer = hear(connection)
        if answer.get("ref") == "mine":
            return answer


def hear(connection: ClientConnection) -> dict[str, Any]:
    """Return the next message of the server."""
    return json.loads(connection.recv(30))


def hear_to_end(connection: ClientConnection, seconds: float) -> ConnectionClosed:
    """Return how the server closes the connection; it may be silent for so long before that."""
    try:
        while True:
            connection.recv(seconds)
    except ConnectionClosed as closed:
        return closed
