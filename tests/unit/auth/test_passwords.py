"""Passwords are hashed off the loop, a few at once, and looked for among stolen ones (D1, S24)."""

import asyncio
import hashlib
import time
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.auth.passwords import LANES, MEMORY_KIB, NOBODYS, PASSES, Passwords, is_listed


async def test_a_password_matches_its_hash_alone_however_it_is_composed() -> None:
    passwords = Passwords()
    stored = await passwords.hash("caf\u00e9 caf\u00e9")
    assert "caf" not in stored
    assert await passwords.matches(stored, "cafe\u0301 cafe\u0301")
    assert not await passwords.matches(stored, "cafe cafe")
    assert not await passwords.matches("nonsense", "cafe cafe")
    assert not passwords.is_outdated(stored)


async def test_where_there_is_no_account_the_same_work_is_done() -> None:
    """S24: the hash that stands for nobody's has today's parameters, and no password of it is let in."""
    hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
    assert not hasher.check_needs_rehash(NOBODYS)
    assert (
        RFC_9106_LOW_MEMORY.time_cost,
        RFC_9106_LOW_MEMORY.memory_cost,
        RFC_9106_LOW_MEMORY.parallelism,
    ) == (PASSES, MEMORY_KIB, LANES)
    assert not await Passwords().matches(None, "x")


async def test_the_loop_goes_on_while_passwords_are_compared() -> None:
    passwords = Passwords()
    comparing = asyncio.gather(*(passwords.matches(None, "x") for _ in range(4)))
    turns = 0
    while not comparing.done():
        turns += 1
        await asyncio.sleep(0.001)
    assert turns > 20
    await passwords.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(words=st.sets(st.text(min_size=1, max_size=3), max_size=12), counts=st.integers(0, 10**9))
def test_every_listed_password_is_found_and_no_other(tmp_path: Path, words: set[str], counts: int) -> None:
    """D1: first and last lines, short and long ones."""
    words = {word for word in words if word.isprintable()}
    hashes = sorted(hashlib.sha1(word.encode()).hexdigest().upper() for word in words)
    file = tmp_path / f"{time.monotonic_ns()}.txt"
    file.write_text("".join(f"{each}:{counts}\r\n" for each in hashes))
    assert all(is_listed(file, word) for word in words)
    assert not is_listed(file, "none of these words")


@pytest.mark.parametrize("content", ["", "\n", "nonsense"])
def test_a_list_of_nothing_holds_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "list").write_text(content)
    assert not is_listed(tmp_path / "list", "password")
