"""What people do with projects, on both databases: asking in line, once, and for one owner only (E1, E4, D3)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

import pytest
import sqlalchemy as sa
from parts import Open, Process, new_owner, process

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.chats.belongings import Belongings
from penstock.chats.model import MessageEmpty
from penstock.chats.sending import Send
from penstock.chats.transactions import Transactions
from penstock.db.schema import metadata
from penstock.db.schema import run as run_table
from penstock.errors import NotFound
from penstock.keys.vault import Vault
from penstock.kit.clock import wall_clock
from penstock.projects import store
from penstock.projects.model import KeyReused, Version
from penstock.projects.reading import VersionReader
from penstock.projects.service import Naming, Order, ProjectService
from penstock.runs.model import QueueFull, RunLive
from penstock.sandbox.base import Files

PROMPT = Send(text="An API for books", model="demo/tour")
OF_PROJECTS = ("project", "blob", "manifest", "version", "version_change", "version_check", "file_lock", "staged_file")


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The services of projects, and a worker's part done by hand."""

    process: Process
    projects: ProjectService
    reader: VersionReader

    async def make(self, version: Version, files: Files) -> Version:
        """Make a version of these files, as the worker does whose run has come."""

        def make(connection: sa.Connection) -> None:
            ended = sa.update(run_table).where(run_table.c.id == version.run_id)
            connection.execute(ended.values(status="completed", ended_at=1))
            begun = store.begin(connection, version)
            store.commit(connection, begun, files, wall_clock())
            assert store.end(connection, begun, "ready", wall_clock())

        await self.process.database.write(SYSTEM, make)
        return await self.get(version.project_id, version.id)

    async def begin(self, owner: IdentityId, stack: str = "python", key: str | None = None) -> Version:
        """Ask for a project."""
        return (await self.projects.create(owner, PROMPT, stack, key)).version

    async def ask(self, owner: IdentityId, order: Order) -> Version:
        """Ask for the next version."""
        return (await self.projects.make_next(owner, order)).version

    async def get(self, project_id: str, name: str) -> Version:
        return (await self.projects.version(SYSTEM, project_id, name)).version

    async def head(self, project_id: str) -> str | None:
        return (await self.projects.get(SYSTEM, project_id)).head_id


@pytest.fixture
async def shop(open_another: Open) -> AsyncIterator[Shop]:
    """A process."""
    async with process(open_another()) as started:
        transactions = Transactions(started.database, started.wake, wall_clock)
        yield Shop(
            process=started,
            projects=ProjectService(transactions, started.sending, started.runs),
            reader=VersionReader(transactions),
        )


async def test_a_request_that_is_sent_five_times_at_once_makes_one_version(shop: Shop) -> None:
    """E1, case 25: a project, then a version; for another owner the key is another one."""
    owner = new_owner()
    begun = await asyncio.gather(*(shop.begin(owner, "python", "a key") for _ in range(5)))
    assert len({version.id for version in begun}) == 1
    await shop.make(begun[0], {"main.py": b"1\n"})
    order = Order(project_id=begun[0].project_id, send=PROMPT, key="another key")
    asked = await asyncio.gather(*(shop.ask(owner, order) for _ in range(5)))
    assert {version.ordinal for version in asked} == {2}
    with pytest.raises(KeyReused):
        await shop.ask(owner, replace(order, send=replace(PROMPT, text="Another")))
    other = await shop.begin(new_owner(), "python", "a key")
    assert other.id != begun[0].id


async def test_versions_stand_in_line_or_take_the_place_of_what_is_made(shop: Shop) -> None:
    """A10, E4: one that waits begins with what the one before it has come to."""
    owner = new_owner()
    first = await shop.begin(owner, "python")
    order = Order(project_id=first.project_id, send=PROMPT)
    with pytest.raises(RunLive):
        await shop.ask(owner, order)
    enqueue = replace(order, send=replace(PROMPT, when_busy="enqueue"))
    second = await shop.ask(owner, enqueue)
    assert second.parent_id == first.id
    await shop.make(first, {"main.py": b"1\n"})
    await shop.make(second, {"main.py": b"2\n"})
    assert await shop.head(first.project_id) == second.id
    third = await shop.ask(owner, order)
    instead = await shop.ask(owner, replace(order, send=replace(PROMPT, when_busy="interrupt")))
    assert (third.parent_id, instead.parent_id) == (second.id, second.id)
    for _ in range(5):
        await shop.ask(owner, enqueue)
    with pytest.raises(QueueFull):
        await shop.ask(owner, enqueue)


async def test_a_version_that_is_restored_while_another_is_made_stays_the_head(shop: Shop) -> None:
    """E4, case 24."""
    owner = new_owner()
    first = await shop.make(await shop.begin(owner, "node"), {"main.js": b"1\n"})
    order = Order(project_id=first.project_id, send=PROMPT)
    await shop.make(await shop.ask(owner, order), {"main.js": b"2\n"})
    third = await shop.ask(owner, order)
    restored = (await shop.projects.restore(owner, first.project_id, "1")).version
    third = await shop.make(third, {"main.js": b"3\n"})
    assert await shop.head(first.project_id) == restored.id
    found = await shop.reader.tree(Actor(owner), first.project_id, third.id)
    assert [file.path for file in found.tree.files] == ["main.js"]


async def test_nothing_is_stored_of_what_cannot_be_used(shop: Shop) -> None:
    """Bad input."""
    owner = new_owner()
    for prompt, stack, refusal in ((replace(PROMPT, text=" "), "python", MessageEmpty), (PROMPT, "cobol", NotFound)):
        with pytest.raises(refusal):
            await shop.projects.create(owner, prompt, stack)
    assert (await shop.projects.list(Actor(owner), limit=10)).items == []
    assert [each.title for each in (await shop.process.chats.list(Actor(owner), limit=10)).items] == []


WAYS: dict[str, Callable[[Shop, IdentityId, str], Awaitable[object]]] = {
    "open": lambda shop, who, project: shop.projects.open(Actor(who), project),
    "list versions": lambda shop, who, project: shop.projects.versions(Actor(who), project, limit=5),
    "look at a version": lambda shop, who, project: shop.projects.version(Actor(who), project, "1"),
    "look at checks": lambda shop, who, project: shop.projects.checks(Actor(who), project, "1"),
    "list files": lambda shop, who, project: shop.reader.tree(Actor(who), project, "1"),
    "compare": lambda shop, who, project: shop.reader.compare(Actor(who), project, "1", "1"),
    "download": lambda shop, who, project: shop.reader.archive(Actor(who), project, "1"),
    "export": lambda shop, who, project: shop.reader.bundle(Actor(who), project),
    "ask": lambda shop, who, project: shop.projects.make_next(who, Order(project_id=project, send=PROMPT)),
    "restore": lambda shop, who, project: shop.projects.restore(who, project, "1"),
    "regenerate": lambda shop, who, project: shop.projects.regenerate(who, project, "1", None),
    "retry": lambda shop, who, project: shop.projects.retry(who, project, "1", None),
    "stop": lambda shop, who, project: shop.projects.stop(Actor(who), project, "1"),
    "rename": lambda shop, who, project: shop.projects.change(Actor(who), project, title="taken"),
    "describe": lambda shop, who, project: shop.projects.describe(Actor(who), project, "1", Naming(note="taken")),
    "follow": lambda shop, who, project: shop.projects.last_run_id(Actor(who), project),
    "delete": lambda shop, who, project: shop.projects.delete(Actor(who), project),
}


async def test_what_is_somebody_elses_is_not_there(shop: Shop) -> None:
    """D3: whatever they try."""
    owner = new_owner()
    version = await shop.make(await shop.begin(owner, "python"), {"main.py": b"1\n"})
    before = await shop.projects.open(Actor(owner), version.project_id)
    for way in WAYS.values():
        with pytest.raises(NotFound):
            await way(shop, new_owner(), version.project_id)
    assert await shop.projects.open(Actor(owner), version.project_id) == before


async def test_projects_move_and_end_with_their_owner(shop: Shop) -> None:
    """D2: a key that both have used is forgotten, and nothing else."""
    old, new = new_owner(), new_owner()
    version = await shop.make(await shop.begin(old, "python", "a key"), {"main.py": b"1\n"})
    await shop.make(await shop.begin(new, "python", "a key"), {"main.py": b"1\n"})
    belongings = Belongings(shop.process.wake, Vault(lambda: ["a secret for tests"]), wall_clock)
    await shop.process.database.write(SYSTEM, partial(belongings.move, old=old, new=new))
    assert len((await shop.projects.list(Actor(new), limit=5)).items) == 2
    found = await shop.reader.tree(Actor(new), version.project_id, "1")
    assert [file.path for file in found.tree.files] == ["main.py"]
    await shop.process.database.write(SYSTEM, partial(belongings.delete, owner=new))

    def left(connection: sa.Connection) -> list[str]:
        counted = ((name, sa.select(sa.func.count()).select_from(metadata.tables[name])) for name in OF_PROJECTS)
        return [name for name, query in counted if connection.scalar(query)]

    assert await shop.process.database.read(SYSTEM, left) == []
