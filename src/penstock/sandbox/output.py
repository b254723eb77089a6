"""What a sandbox says: read as it comes, kept up to a limit, never faster than we can bear."""

import asyncio
import os
from collections.abc import Callable
from typing import Final

_PIECE: Final = 64 * 1024
_REST_SECONDS: Final = 0.005
"""After a full piece: who floods gets 12 MB a second and costs us next to nothing."""


class Output:
    """Reads a pipe to its end."""

    def __init__(self, pipe: int, limit: int, on_excess: Callable[[], None] | None = None) -> None:
        """Read the descriptor, which is ours from now on.

        With something to call for excess the first bytes are kept, else the latest.
        """
        self._pipe = pipe
        self._limit = limit
        self._on_excess = on_excess
        self._kept = bytearray()
        self._loop = asyncio.get_running_loop()
        self._resting: asyncio.TimerHandle | None = None
        self.ended = asyncio.Event()
        self.is_truncated = False
        os.set_blocking(pipe, False)
        self._loop.add_reader(pipe, self._read)

    @property
    def kept(self) -> bytes:
        """What is kept of it."""
        return bytes(self._kept)

    def _read(self) -> None:
        try:
            piece = os.read(self._pipe, _PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self.close()
            return
        self._keep(piece)
        if len(piece) == _PIECE and not self.ended.is_set():
            self._loop.remove_reader(self._pipe)
            self._resting = self._loop.call_later(_REST_SECONDS, self._resume)

    def _resume(self) -> None:
        self._resting = None
        self._loop.add_reader(self._pipe, self._read)

    def _keep(self, piece: bytes) -> None:
        self._kept += piece
        excess = len(self._kept) - self._limit
        if excess <= 0:
            return
        self.is_truncated = True
        if self._on_excess is None:
            del self._kept[:excess]
        else:
            del self._kept[self._limit :]
            self._on_excess()

    def close(self) -> None:
        """Read no more."""
        if self.ended.is_set():
            return
        if self._resting is not None:
            self._resting.cancel()
        else:
            self._loop.remove_reader(self._pipe)
        os.close(self._pipe)
        self.ended.set()
