"""Server-sent events as bytes: the data of each event, wherever the network cut them.

Follows "Interpreting an event stream" of the WHATWG HTML standard, section 9.2.6, with one difference: an event whose
last blank line is missing at the end of the stream is given too, as several model servers end that way. Names, ids and
retry times of events are dropped: no wire format that we read needs them.
"""

from penstock.providers.base import ErrorKind, ProviderError

MAX_EVENT = 8 * 1024 * 1024
"""Bytes that one event may have. The largest real ones carry an image of about 5 MiB."""

_BOM = b"\xef\xbb\xbf"
_LF = 0x0A


class Splitter:
    """Cuts bytes, fed in any pieces, into the data payloads of events."""

    def __init__(self) -> None:
        """Start at the beginning of a stream."""
        self._tail = bytearray()
        self._after_cr = False
        self._begun = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the payloads that this chunk completes. Raises ProviderError (PROTOCOL) for one above MAX_EVENT."""
        if self._after_cr or b"\r" in chunk:
            chunk = self._with_lf(chunk)
        if self._tail:
            chunk = self._joined(chunk)
        blocks = chunk.split(b"\n\n")
        if rest := blocks.pop():
            self._keep(rest)
        if not blocks:
            return []
        if len(chunk) > MAX_EVENT:
            _check(max(map(len, blocks)))
        return self._payloads(blocks)

    def eof(self) -> list[bytes]:
        """Return the payload of an event that the end of the stream cut before its blank line, if there is one."""
        block = bytes(self._tail)
        self._tail.clear()
        return self._payloads([block]) if block else []

    def _with_lf(self, chunk: bytes) -> bytes:
        """Return the chunk with LF for CRLF and CR. A CR that ends one chunk and a LF that begins the next are one."""
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if chunk:
            self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _joined(self, chunk: bytes) -> bytes:
        """Return what was kept with the chunk after it, or nothing while no event is complete."""
        tail = self._tail
        seam = len(tail) - 1
        tail += chunk
        # Only what is new is searched, so that a large event in small pieces costs time in proportion to its size.
        if tail.find(b"\n\n", seam) < 0:
            _check(len(tail))
            return b""
        whole = bytes(tail)
        tail.clear()
        return whole

    def _keep(self, rest: bytes) -> None:
        _check(len(rest))
        self._tail += rest

    def _payloads(self, blocks: list[bytes]) -> list[bytes]:
        if not self._begun:
            self._begun = True
            blocks[0] = blocks[0].removeprefix(_BOM)
        payloads: list[bytes] = []
        for block in blocks:
            # Nearly every event of every provider is this one line.
            if block.startswith(b"data: ") and _LF not in block:
                payloads.append(block[6:])
            elif (payload := _data(block)) is not None:
                payloads.append(payload)
        return payloads


def _data(block: bytes) -> bytes | None:
    """Return the lines of data of one event, or None when it has none (comments, pings)."""
    lines: list[bytes] = []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"data":
            lines.append(value.removeprefix(b" "))
    return b"\n".join(lines) if lines else None


def _check(size: int) -> None:
    if size > MAX_EVENT:
        raise ProviderError(ErrorKind.PROTOCOL, "The provider sent an event that is too large to be an answer.")
