"""Runs inside the sandbox, beside the app: brings its port to the socket that was given, and ends when the app ends.

Stands alone, with the standard library only, and little of that: what it takes to start, the app has to wait for where
there is one processor. It is trusted with nothing: the app could kill it, and would end itself.
"""

import contextlib
import errno
import os
import select
import socket
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_CONNECTIONS = 64
BUFFER_BYTES = 256 * 1024
PROXY_SOCKET = "/sbx/proxy.sock"
_KNOCK_SECONDS = 0.003


class Side:
    """One end of a relayed connection."""

    def __init__(self, connection: socket.socket) -> None:
        """Take a connection that does not block."""
        self.socket = connection
        self.buffer = bytearray()
        """What waits to be sent to this end."""
        self.other: Side | None = None
        self.has_ended = False
        """Whether this end sends no more."""
        self.was_told = False
        """Whether this end was told that the other sends no more."""


class Relay:
    """Brings the connections of a listening socket to another."""

    def __init__(self, listening: socket.socket, family: int, address: "Any") -> None:
        """Take a socket that listens, and where to connect to."""
        self.listening, self.family, self.address = listening, family, address
        self.poll = select.epoll()
        self.sides: dict[int, Side] = {}
        self.is_open = False
        listening.setblocking(False)

    def open(self) -> None:
        """Take connections; until then they wait in the socket's queue."""
        self._listen(wanted=True)

    def _listen(self, *, wanted: bool) -> None:
        """Look for connections or not: at the most of them, one more would wake us for ever."""
        if wanted and not self.is_open:
            self.poll.register(self.listening, select.EPOLLIN)
        elif self.is_open and not wanted:
            self.poll.unregister(self.listening)
        self.is_open = wanted

    def handle(self, number: int, events: int) -> None:
        """Do what a descriptor is ready for."""
        if number == self.listening.fileno():
            self._accept()
            return
        side = self.sides.get(number)
        if side is None or side.other is None:
            return
        try:
            if events & (select.EPOLLERR | select.EPOLLHUP) and not events & select.EPOLLIN:
                raise ConnectionError
            if events & select.EPOLLIN:
                self._read(side, side.other)
            if events & select.EPOLLOUT:
                self._flush(side)
            self._settle(side, side.other)
        except OSError:
            self._close(side)

    def _accept(self) -> None:
        try:
            accepted, _ = self.listening.accept()
        except OSError:
            return
        accepted.setblocking(False)
        target = socket.socket(self.family)
        target.setblocking(False)
        if self.family == socket.AF_INET:
            target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Not waited for: an app whose queue is full must not hold up the connections that it has.
        if target.connect_ex(self.address) not in {0, errno.EINPROGRESS}:
            target.close()
            accepted.close()
            return
        near, far = Side(accepted), Side(target)
        near.other, far.other = far, near
        for side in (near, far):
            self.sides[side.socket.fileno()] = side
            self.poll.register(side.socket, select.EPOLLIN)
        self._listen(wanted=len(self.sides) < 2 * MAX_CONNECTIONS)

    def _read(self, side: Side, other: Side) -> None:
        try:
            received = side.socket.recv(BUFFER_BYTES - len(other.buffer))
        except BlockingIOError:
            return
        if received:
            other.buffer += received
            self._flush(other)
        else:
            side.has_ended = True

    def _flush(self, side: Side) -> None:
        if side.buffer:
            with contextlib.suppress(BlockingIOError):
                sent = side.socket.send(side.buffer)
                del side.buffer[:sent]

    def _settle(self, *pair: Side) -> None:
        for side in pair:
            other = side.other
            if other is not None and other.has_ended and not side.buffer and not side.was_told:
                side.socket.shutdown(socket.SHUT_WR)
                side.was_told = True
        if all(side.was_told for side in pair):
            self._close(pair[0])
            return
        for side in pair:
            other = side.other
            has_room = other is not None and len(other.buffer) < BUFFER_BYTES
            wanted = select.EPOLLIN if has_room and not side.has_ended else 0
            wanted |= select.EPOLLOUT if side.buffer else 0
            self.poll.modify(side.socket, wanted)

    def _close(self, side: Side) -> None:
        for each in (side, side.other):
            if each is not None and each.socket.fileno() >= 0:
                self.sides.pop(each.socket.fileno(), None)
                with contextlib.suppress(OSError):
                    self.poll.unregister(each.socket)
                each.socket.close()
        self._listen(wanted=True)


def is_listening(port: int) -> bool:
    """Say whether something takes connections on the port."""
    with socket.socket(socket.AF_INET) as knocking:
        return knocking.connect_ex(("127.0.0.1", port)) == 0


def listened_ports() -> "list[int]":
    """Return the ports that something listens on, as the kernel lists them; empty where that cannot be seen."""
    ports: set[int] = set()
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        with contextlib.suppress(OSError), open(table) as lines:  # noqa: PTH123  # pathlib would double the start
            for line in list(lines)[1:]:
                words = line.split()
                if words[3] == "0A":
                    ports.add(int(words[1].rpartition(":")[2], 16))
    return sorted(ports)


def knock(port: int, seconds: float) -> "dict[str, Any]":
    """Wait until something listens on the port, and say so, or on which ports something does instead."""
    deadline = time.monotonic() + seconds
    while not is_listening(port):
        if time.monotonic() > deadline:
            return {"listening": listened_ports()}
        time.sleep(_KNOCK_SECONDS)
    return {"ready": True}


def bridge(port: int) -> Relay:
    """Return what brings a port of the sandbox to the proxy outside."""
    relay = Relay(socket.create_server(("127.0.0.1", port)), socket.AF_UNIX, PROXY_SOCKET)
    relay.open()
    return relay


def keep(plan: "dict[str, Any]", child: int, relay: "Relay | None" = None) -> int:
    """Do as the plan says until the app ends, and return what it ended with."""
    lifeline, status = plan["lifeline"], plan["status"]
    is_ready = plan["listen"] is None
    if not is_ready:
        relay = Relay(socket.socket(fileno=plan["listen"]), socket.AF_INET, ("127.0.0.1", plan["port"]))
    poll = select.epoll() if relay is None else relay.poll
    ended = os.pidfd_open(child)
    poll.register(lifeline, select.EPOLLIN)
    poll.register(ended, select.EPOLLIN)
    deadline = time.monotonic() + plan["boot_seconds"]
    while True:
        for number, events in poll.poll(-1 if is_ready else _KNOCK_SECONDS):
            if number == lifeline:
                # Whoever started us is gone, and everything in here goes with us.
                os.kill(-1, 9)
                return 137
            if number == ended:
                code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                return 128 - code if code < 0 else code
            if relay is not None:
                relay.handle(number, events)
        if relay is not None and not is_ready:
            if is_listening(plan["port"]):
                is_ready = True
                relay.open()
                os.write(status, b'{"ready": true}\n')
            elif time.monotonic() > deadline:
                os.write(status, f'{{"listening": {listened_ports()}}}\n'.encode())
                return 124


if __name__ == "__main__":  # in a machine of its own: it needs no relay, and somebody else starts the app
    import json

    print(json.dumps(knock(int(sys.argv[2]), float(sys.argv[3]))))  # noqa: T201  # its answer
