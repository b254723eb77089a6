"""The owner's inbox of errors, on both databases (G5)."""

import logging
from collections.abc import AsyncIterator

import pytest
import structlog
from parts import NOW

from penstock.db.database import Database
from penstock.inbox.model import KEPT, ErrorNotFound
from penstock.inbox.service import ErrorInbox
from penstock.kit.clock import Millis
from penstock.kit.ids import new_id
from penstock.kit.redact import Redactor
from penstock.kit.tasks import TaskOwner

logger = logging.getLogger("penstock.some")


class Ticking:
    """A clock that goes on by a second with every look."""

    def __init__(self) -> None:
        self.now = int(NOW)

    def __call__(self) -> Millis:
        self.now += 1000
        return Millis(self.now)


@pytest.fixture
async def inbox(database: Database) -> AsyncIterator[ErrorInbox]:
    tasks = TaskOwner()
    inbox = ErrorInbox(database, Redactor(["a-house-secret"]), Ticking(), tasks)
    async with inbox.running():
        yield inbox
    await tasks.cancel_all()


def fail(run: str, error: Exception) -> None:
    try:
        raise error
    except Exception:
        logger.exception("Run %s failed.", run)


async def test_the_same_error_again_is_counted_with_the_newest_words(inbox: ErrorInbox) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        fail("1", ValueError("one"))
    await inbox.flush()
    with structlog.contextvars.bound_contextvars(request_id="r-2"):
        fail("2", ValueError("two"))
        fail("3", ValueError("three"))
    await inbox.flush()
    (entry,) = await inbox.list()
    assert (entry.count, entry.kind, entry.request_id) == (3, "ValueError", "r-2")
    assert entry.message == "Run 3 failed. ValueError: three"
    assert entry.trace.endswith("in fail")
    assert entry.last_at > entry.first_at


async def test_what_is_no_error_of_ours_stays_out(inbox: ErrorInbox) -> None:
    logger.warning("The database is away.")
    await inbox.flush()
    assert await inbox.list() == []


async def test_different_errors_are_listed_latest_first(inbox: ErrorInbox) -> None:
    fail("1", ValueError("one"))
    await inbox.flush()
    logger.error("Something else: %s", 2)
    await inbox.flush()
    assert [entry.kind for entry in await inbox.list()] == ["penstock.some", "ValueError"]


async def test_no_secret_and_no_row_is_kept(inbox: ErrorInbox) -> None:
    fail("1", ValueError("key a-house-secret, sk-0123456789abcdef\nDETAIL: Key (email)=(a@b.c) exists."))
    await inbox.flush()
    (entry,) = await inbox.list()
    told = f"{entry.message} {entry.trace}"
    assert not [each for each in ("a-house-secret", "sk-012", "a@b.c") if each in told]


async def test_an_entry_can_be_forgotten_once(inbox: ErrorInbox) -> None:
    fail("1", ValueError("one"))
    await inbox.flush()
    (entry,) = await inbox.list()
    await inbox.remove(entry.id)
    assert await inbox.list() == []
    for gone in (entry.id, new_id(), "not-an-id"):
        with pytest.raises(ErrorNotFound):
            await inbox.remove(gone)


async def test_the_inbox_is_bounded_and_keeps_what_was_seen_last(inbox: ErrorInbox) -> None:
    logger.error("the first")  # noqa: RUF100
    await inbox.flush()
    for number in range(KEPT + 5):
        logger.error(f"kind {number}")  # noqa: G004  # each is an error of its own
    await inbox.flush()
    entries = await inbox.list()
    assert len(entries) == KEPT
    assert "the first" not in [entry.message for entry in entries]


async def test_errors_are_kept_when_the_process_ends(database: Database) -> None:
    inbox = ErrorInbox(database, Redactor(), Ticking(), TaskOwner())
    async with inbox.running():
        fail("1", ValueError("at the end"))
    assert [entry.count for entry in await inbox.list()] == [1]
    fail("2", ValueError("after the end"))
    await inbox.flush()
    assert [entry.count for entry in await inbox.list()] == [1]
