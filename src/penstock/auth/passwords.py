"""Passwords: hashed with argon2id, in threads of their own, never more than a few at once.

The parameters are the second choice of RFC 9106, section 4 (3 passes over 64 MiB in 4 lanes), which are also those of
the library: about 0.15 s of processor time. Whoever signs in with a hash of other parameters is given a new one.
"""

import asyncio
import hashlib
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from penstock.errors import Unavailable

T = TypeVar("T")

PASSES, MEMORY_KIB, LANES = 3, 64 * 1024, 4
AT_ONCE = 2
"""Each holds its 64 MiB for as long as it runs."""
_MOST_WAITING = 100

NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$nbpocS4nNz3Jsyn8Dow4GQ$tweJfo5DMK1d8X5Xu1AYEblt0YXifc/4QL9yns+6x+w"
"""What a password is compared with where there is no account, so that both answers take equally long."""


class Busy(Unavailable):
    """Too many people are signing in just now. Please try again in a moment."""

    code = "sign_in_busy"


class Passwords:
    """Hashes and compares passwords."""

    def __init__(self, breached: Path | None = None) -> None:
        """Take a list of stolen passwords, if there is one: their SHA-1 in hexadecimal, a line each, in order."""
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._threads = ThreadPoolExecutor(AT_ONCE, "password")
        self._waiting = 0
        self._breached = breached

    async def hash(self, password: str) -> str:
        """Return what to store of a password. Raises Busy."""
        return await self._run(lambda: self._hasher.hash(_normal(password)))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Say whether it is the password of this hash; without a hash it is not, after the same time. Raises Busy."""

        def compare() -> bool:
            try:
                return self._hasher.verify(stored or NOBODYS, _normal(password)) and stored is not None
            except (VerificationError, InvalidHashError):
                return False

        return await self._run(compare)

    def is_outdated(self, stored: str) -> bool:
        """Say whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    async def is_breached(self, password: str) -> bool:
        """Say whether the password is on the list of stolen ones, if there is a list."""
        if self._breached is None:
            return False
        return await asyncio.to_thread(is_listed, self._breached, password)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= _MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """Finish what runs."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)


def _normal(password: str) -> str:
    """Return one spelling of what keyboards spell differently, such as letters with accents (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


def is_listed(file: Path, password: str) -> bool:
    """Say whether a file of SHA-1 hashes in order, as Have I Been Pwned gives it out, holds that of a password."""
    wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
    with file.open("rb") as lines:
        low, high = 0, lines.seek(0, 2)
        while low < high:
            middle = (low + high) // 2
            lines.seek(middle)
            if middle:
                lines.readline()  # the rest of a line that begins before
            line = lines.readline()[:40].upper()
            if line == wanted:
                return True
            if line and line < wanted:
                low = middle + 1
            else:
                high = middle
        # The search never lands on the first line but from the very beginning.
        lines.seek(0)
        return lines.readline()[:40].upper() == wanted
