"""Versions are kept whole: blobs, manifests, the head, drafts, on both databases (E4, E5; cases 22 to 34)."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import sqlalchemy as sa
from parts import NOW, new_owner
from sqlalchemy import event

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.chats import store as chats
from penstock.db.database import Database
from penstock.db.schema import metadata
from penstock.kit.clock import wall_clock
from penstock.kit.ids import new_id
from penstock.projects import blobs, drafts, fsck, garbage, history, store
from penstock.projects.manifest import hashes_of
from penstock.projects.model import (
    Change,
    EndStatus,
    FileLocked,
    FileTooLarge,
    Project,
    ProjectTooLarge,
    Version,
    VersionEmpty,
    VersionEnded,
    VersionError,
    VersionNotFound,
)
from penstock.sandbox.base import Files, FilesInvalid

T = TypeVar("T")
FIRST = {"main.py": b"print(1)\n", "app/models.py": b"A = 1\nB = 2\n", "logo.png": b"\x89PNG\0\1", "empty": b""}


class Books:
    """One project over a database, in words that tests use."""

    def __init__(self, database: Database, owner: IdentityId, project_id: str) -> None:
        self.database = database
        self.owner = owner
        self.id = project_id

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        return await self.database.write(SYSTEM, work)

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        return await self.database.read(Actor(self.owner), work)

    async def project(self) -> Project:
        return await self.read(lambda connection: store.get_project(connection, Actor(self.owner), self.id))

    async def begin(self, parent: Version | None = None) -> Version:
        def insert(connection: sa.Connection) -> Version:
            project = store.lock_project(connection, SYSTEM, self.id)
            return store.insert_version(
                connection, project, version_id=new_id(), parent=parent, origin="prompt", now=NOW
            )

        return await self.write(insert)

    async def commit(self, version: Version, files: Files) -> Version:
        return await self.write(lambda connection: store.commit(connection, version, files, NOW))

    async def end(self, version: Version, status: EndStatus = "ready") -> bool:
        return await self.write(lambda connection: store.end(connection, version, status, NOW))

    async def make(self, files: Files, parent: Version | None = None) -> Version:
        """Make a ready version, by default behind the head."""
        if parent is None and (head := (await self.project()).head_id):
            parent = await self.version(head)
        version = await self.commit(await self.begin(parent), files)
        assert await self.end(version)
        return await self.version(version.id)

    async def version(self, name: str) -> Version:
        return await self.read(lambda connection: store.get_version(connection, Actor(self.owner), self.id, name))

    async def files(self, version: Version) -> Files:
        def load(connection: sa.Connection) -> Files:
            return blobs.contents(connection, store.tree_of(connection, version).files)

        return await self.read(load)

    async def changes(self, version: Version) -> list[Change]:
        return await self.read(lambda connection: store.changes_of(connection, [version.id])[version.id])

    async def count(self, table: str) -> int:
        counted = sa.text(f"SELECT count(*) FROM {table} WHERE project_id = :id")
        return await self.read(lambda connection: connection.execute(counted, {"id": self.id}).scalar_one())


Open = Callable[[], Awaitable[Books]]


@pytest.fixture
def begin_project(database: Database) -> Open:
    """Return a function that begins a project of a new owner."""

    async def begin() -> Books:
        owner, project_id, chat_id = new_owner(), new_id(), new_id()

        def insert(connection: sa.Connection) -> None:
            chats.insert_chat(
                connection, chat_id=chat_id, owner=owner, alias=None, title="Books", now=NOW, origin="project"
            )
            store.insert_project(
                connection, project_id=project_id, owner=owner, chat_id=chat_id, title="Books", stack="python", now=NOW
            )

        await database.write(Actor(owner), insert)
        return Books(database, owner, project_id)

    return begin


@pytest.fixture
async def books(begin_project: Open) -> Books:
    """A project without versions."""
    return await begin_project()


async def test_a_version_holds_its_files_byte_for_byte(books: Books) -> None:
    """E4, case 22."""
    content = random.Random(22).randbytes(2_000_000)
    files = {**FIRST, "all.bin": bytes(range(256)), "mixed.txt": b"a\r\nb\rc\n\n\xef\xbb\xbf", "large.bin": content}
    version = await books.make(files)
    assert await books.files(version) == files
    assert (version.ordinal, version.status) == (1, "ready")
    project = await books.project()
    assert (project.head_id, project.good_id) == (version.id, version.id)


async def test_a_commit_that_breaks_off_at_any_statement_changes_nothing(books: Books) -> None:
    """E4, case 23: one transaction; whatever stops it, the old head is there and everything is sound."""
    first = await books.make(FIRST)
    second = await books.begin(first)
    changed = {**FIRST, "main.py": b"print(2)\n", "new.py": b"x\n"}
    before = (await books.project(), await books.count("blob"), await books.count("manifest"))
    statement = 0
    while True:
        statement += 1
        try:
            await books.write(_cut(second, changed, statement))
        except CutOff:
            after = (await books.project(), await books.count("blob"), await books.count("manifest"))
            assert after == before
            assert (await books.version(second.id)).status == "generating"
            assert await fsck.check(books.database) == []
        else:
            break
    assert statement > 8
    assert (await books.project()).head_id == second.id
    assert await books.files(await books.version("2")) == changed


class CutOff(Exception):  # what happened
    """Something stopped the transaction."""


def _cut(version: Version, files: Files, at: int) -> Callable[[sa.Connection], Version]:
    """Commit, but for a cut before the statement of this number."""

    def commit(connection: sa.Connection) -> Version:
        count = 0

        def cut(*_: object) -> None:
            nonlocal count
            count += 1
            if count == at:
                raise CutOff

        event.listen(connection, "before_cursor_execute", cut)
        try:
            return store.commit(connection, version, files, NOW)
        finally:
            event.remove(connection, "before_cursor_execute", cut)

    return commit


async def test_who_moved_the_head_keeps_it_and_nothing_is_lost(books: Books) -> None:
    """E4, case 24: two versions begun at one head; the later commit stands beside it."""
    base = await books.make(FIRST)
    one, other = await books.begin(base), await books.begin(base)
    await asyncio.gather(
        books.commit(other, {**FIRST, "other.py": b"2\n"}), books.commit(one, {**FIRST, "one.py": b"1\n"})
    )
    head = (await books.project()).head_id
    assert head in {one.id, other.id}
    assert (await books.project()).rev == 2
    assert "one.py" in await books.files(await books.version(one.id))
    assert "other.py" in await books.files(await books.version(other.id))
    # Only the head can become the last good version.
    for each in (one, other):
        assert await books.end(each)
    assert (await books.project()).good_id == head


async def test_a_version_can_be_repaired_until_it_has_ended(books: Books) -> None:
    """E4, E8."""
    version = await books.begin()
    await books.commit(version, {"main.py": b"broken\n"})
    await books.commit(version, {"main.py": b"mended\n"})
    assert (await books.project()).rev == 1
    assert await books.end(version, "ready_with_errors")
    assert not await books.end(version, "ready")
    with pytest.raises(VersionEnded):
        await books.commit(version, {"main.py": b"more\n"})
    assert await books.files(await books.version("1")) == {"main.py": b"mended\n"}
    assert (await books.project()).good_id is None


async def test_a_version_without_files_fails_and_leaves_the_head(books: Books) -> None:
    """E4, case 34: the draft stays readable and another version goes on from it."""
    first = await books.make(FIRST)
    second = await books.begin(first)

    def stage(connection: sa.Connection) -> None:
        drafts.stage(connection, second, "new.py", b"1\n", NOW)
        drafts.stage(connection, second, "new.py", b"2\n", NOW)
        drafts.stage(connection, second, "empty", None, NOW)

    await books.write(stage)
    assert not await books.end(second, "ready")
    error = VersionError(code="cut-off", message="It was cut off.", retryable=True)
    assert await books.write(lambda connection: store.end(connection, second, "failed", NOW, error))
    second = await books.version(second.id)
    assert (second.status, second.error) == ("failed", error)
    assert (await books.project()).head_id == first.id
    draft = await books.read(lambda connection: drafts.contents(connection, second.id))
    assert draft == {"new.py": b"2\n", "empty": None}
    with pytest.raises(VersionEmpty):
        await books.files(second)
    third = await books.begin(first)
    await books.write(lambda connection: drafts.take_over(connection, second, third, NOW))
    assert await books.read(lambda connection: drafts.contents(connection, third.id)) == draft
    await books.commit(third, {**FIRST, "new.py": b"2\n"})
    assert await books.read(lambda connection: drafts.contents(connection, third.id)) == {}
    assert await books.read(lambda connection: drafts.contents(connection, second.id)) == draft


async def test_a_version_that_waited_begins_with_what_is_there_then(books: Books) -> None:
    """E4: asked for behind another one, which comes to something, or does not."""
    first = await books.begin()
    second, third = await books.begin(first), await books.begin(first)
    await books.commit(first, FIRST)
    second = await books.write(lambda connection: store.begin(connection, second))
    assert (second.parent_id, second.base_rev) == (first.id, 1)
    await books.write(lambda connection: store.end(connection, second, "failed", NOW))
    third = await books.write(lambda connection: store.begin(connection, third))
    await books.commit(third, {"main.py": b"3\n"})
    assert (await books.project()).head_id == third.id


async def test_what_changes_nothing_is_no_version(books: Books) -> None:
    """Case 40: its number is not given again."""
    first = await books.make(FIRST)
    second = await books.begin(first)
    await books.write(lambda connection: store.retract(connection, second))
    with pytest.raises(VersionNotFound):
        await books.version(second.id)
    assert (await books.begin(first)).ordinal == 3


async def test_the_same_files_again_are_another_version_of_the_same_contents(books: Books) -> None:
    """E4, cases 26 and 30: restored and made anew, nothing is stored twice."""
    first = await books.make(FIRST)
    await books.make({"main.py": b"other\n"})
    counts = (await books.count("blob"), await books.count("manifest"))
    third = await books.begin(await books.version("2"))
    third = await books.write(lambda connection: store.commit_as(connection, third, first, NOW))
    assert (await books.count("blob"), await books.count("manifest")) == counts
    assert third.manifest_id == first.manifest_id
    assert await books.files(third) == FIRST
    assert await books.files(await books.version("2")) == {"main.py": b"other\n"}


async def test_a_version_tells_what_it_changes(books: Books) -> None:
    """E11: a renamed file is one change."""
    first = await books.make(FIRST)
    files = {"main.py": b"print(1)\nprint(2)\n", "app/things.py": FIRST["app/models.py"], "logo.png": b"\0", "z": b"a"}
    second = await books.make(files)
    assert [(change.path, change.kind, change.old_path) for change in await books.changes(second)] == [
        ("app/things.py", "renamed", "app/models.py"),
        ("empty", "deleted", None),
        ("logo.png", "modified", None),
        ("main.py", "modified", None),
        ("z", "added", None),
    ]
    counted = {change.path: (change.additions, change.deletions) for change in await books.changes(second)}
    assert counted == {
        "app/things.py": (0, 0),
        "empty": (0, 0),
        "logo.png": (None, None),
        "main.py": (1, 0),
        "z": (1, 0),
    }
    assert {change.kind for change in await books.changes(first)} == {"added"}


@pytest.mark.parametrize(
    ("files", "refusal"),
    [
        ({f"{number}.py": b"" for number in range(6_000)}, ProjectTooLarge),
        ({f"{number}": bytes(2_000_000) for number in range(11)}, ProjectTooLarge),
        ({"large": bytes(2_000_001)}, FileTooLarge),
        ({"../up.py": b""}, FilesInvalid),
        ({"/etc/passwd": b""}, FilesInvalid),
        ({".git/hooks/x": b""}, FilesInvalid),
        ({"a.py": b"", "A.py": b""}, FilesInvalid),
        ({"a": b"", "a/b": b""}, FilesInvalid),
        ({"locked/in.py": b""}, FileLocked),
    ],
)
async def test_what_cannot_be_stored_changes_nothing(books: Books, files: Files, refusal: type[Exception]) -> None:
    """E3, E4, bad input."""
    version = await books.begin()
    project = await books.project()
    await books.write(lambda connection: store.set_locks(connection, project, ["locked/"], NOW))
    with pytest.raises(refusal):
        await books.commit(version, files)
    assert (await books.version("1")).status == "generating"
    assert await books.count("blob") == 0


async def test_contents_are_each_projects_own(begin_project: Open) -> None:
    """Cases 28 and 29: nothing is shared, so nothing can be found out or taken away by another."""
    one, other = await begin_project(), await begin_project()
    await one.make(FIRST)
    await other.make(FIRST)
    assert (await one.count("blob"), await other.count("blob")) == (4, 4)
    with pytest.raises(VersionNotFound):
        await one.read(lambda connection: store.get_version(connection, Actor(one.owner), other.id, "1"))
    chat_id = (await one.project()).chat_id
    await one.write(lambda connection: chats.delete_chat(connection, SYSTEM, chat_id))
    assert (await one.count("blob"), await one.count("version"), await one.count("manifest")) == (0, 0, 0)
    assert await other.files(await other.version("1")) == FIRST


async def test_garbage_is_what_nothing_needs(books: Books) -> None:
    """Case 28."""
    version = await books.begin()
    for content in (b"draft\n", b"another\n"):
        await books.write(lambda connection, content=content: drafts.stage(connection, version, "a", content, NOW))
    await books.commit(version, {"a": b"broken\n", "b": b"kept\n"})
    await books.commit(version, {"a": b"mended\n", "b": b"kept\n"})
    assert (await books.count("blob"), await books.count("manifest")) == (5, 2)
    young = int(wall_clock()) - int(NOW)
    assert await books.write(lambda connection: garbage.collect(connection, young + 3_600_000)) == 0
    while await books.write(lambda connection: garbage.collect(connection, young - 60_000)):
        pass
    assert (await books.count("blob"), await books.count("manifest")) == (2, 1)
    assert await books.files(await books.version("1")) == {"a": b"mended\n", "b": b"kept\n"}
    assert await fsck.check(books.database) == []


async def test_what_is_stored_beside_a_collection_is_kept(books: Books) -> None:
    """Case 28: contents that nothing needed, and that somebody finds again in the moment in which they are deleted."""
    contents = [b"%d\n" % number for number in range(3)]
    is_done, at_once = False, int(wall_clock()) - int(NOW) - 60_000

    async def collect() -> int:
        collected = 0
        while not is_done:
            collected += await books.write(lambda connection: garbage.collect(connection, at_once))
            await asyncio.sleep(0)
        return collected

    collecting = asyncio.ensure_future(collect())
    versions: list[Version] = []
    for number in range(12):
        version = await books.begin()
        for shift in range(4):  # before the last one, files that are repaired: garbage at once
            await books.commit(version, {"a": contents[(number + shift) % 3]})
        versions.append(version)
    is_done = True
    assert await collecting
    for number, version in enumerate(versions):
        assert await books.files(await books.version(version.id)) == {"a": contents[number % 3]}
    assert await fsck.check(books.database) == []


async def test_patches_make_every_version_and_what_is_damaged_is_found_and_mended(books: Books) -> None:
    """E4, case 27: also in the pack of every tenth; other versions are unharmed."""
    chance = random.Random(27)
    files = dict(FIRST)
    for _ in range(12):
        files[f"f{chance.randrange(6)}.py"] = chance.randbytes(chance.randrange(200)).hex().encode()
        await books.make(dict(files))
    side = await books.make({"only.py": b"beside\n"}, parent=await books.version("5"))
    assert await history.derive(books.database) == 13
    versions = [await books.version(str(number)) for number in range(1, 14)]
    for version in versions:
        rebuilt = await books.read(lambda connection, version=version: history.rebuild(connection, version.id))
        assert rebuilt == await books.files(version)
    counted = sa.text("SELECT count(*) FROM version_patch WHERE base_id IS NULL")
    assert await books.read(lambda connection: connection.scalar(counted)) == 2
    assert await fsck.check(books.database) == []

    await books.write(_flip("blob", "sha256", hashes_of([b"beside\n"])[0]))
    found = await fsck.check(books.database)
    assert [finding.what for finding in found] == ["content"]
    with pytest.raises(blobs.ContentDamaged):
        await books.files(side)
    assert await books.files(versions[0]) == FIRST | {
        change.path: (await books.files(versions[0]))[change.path] for change in await books.changes(versions[0])
    }
    assert await fsck.mend(books.database) == []
    assert await books.files(side) == {"only.py": b"beside\n"}

    await books.write(_flip("version_patch", "version_id", versions[2].id))
    assert {finding.what for finding in await fsck.check(books.database)} == {"patch"}
    assert await books.files(versions[2]) == await books.files(await books.version("3"))
    assert await fsck.mend(books.database) == []

    await books.write(_flip("manifest", "id", versions[7].manifest_id))
    assert {finding.what for finding in await fsck.check(books.database)} == {"manifest"}
    assert await fsck.mend(books.database) == []


def _flip(table: str, column: str, key: object) -> Callable[[sa.Connection], None]:
    """Flip a bit in the middle of the data of a row."""

    def flip(connection: sa.Connection) -> None:
        of = metadata.tables[table]
        mine = of.c[column] == key
        data = bytearray(connection.execute(sa.select(of.c.data).where(mine)).scalar_one())
        data[len(data) // 2] ^= 4
        connection.execute(sa.update(of).where(mine).values(data=bytes(data)))

    return flip


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_sequence_of_operations_is_as_a_dict_would_have_it(books: Books, seed: int) -> None:
    """E4, case 22: versions, branches, restores, renames, deletions, there and back."""
    chance = random.Random(seed)
    model: dict[int, Files] = {}
    head: int | None = None
    for ordinal in range(1, 16):
        from_head = head is None or chance.random() < 0.7
        base = head if from_head else chance.choice(sorted(model))
        parent = await books.version(str(base)) if base else None
        version = await books.begin(parent)
        match chance.randrange(6) if model else 5:
            case 0:
                source = chance.choice(sorted(model))
                other = await books.version(str(source))
                await books.write(lambda connection, v=version, o=other: store.commit_as(connection, v, o, NOW))
                model[ordinal] = model[source]
            case 1:
                assert await books.end(version, "stopped")
                continue
            case _:
                files = _changed(chance, model[base] if base else {})
                await books.commit(version, files)
                model[ordinal] = files
        assert await books.end(version, chance.choice(["ready", "ready_with_errors", "not_validated"]))
        head = ordinal
        current = (await books.project()).head_id
        assert current == version.id
    for ordinal, files in model.items():
        assert await books.files(await books.version(str(ordinal))) == files
    await history.derive(books.database)
    assert await fsck.check(books.database) == []


def _changed(chance: random.Random, files: Files) -> Files:
    """Return files with some written, some renamed and some gone."""
    changed = dict(files)
    for _ in range(chance.randrange(1, 5)):
        path = f"{chance.choice('abc')}/{chance.choice('xyz')}.py"
        match chance.randrange(4):
            case 0 if changed:
                del changed[chance.choice(sorted(changed))]
            case 1 if changed and path not in changed:
                changed[path] = changed.pop(chance.choice(sorted(changed)))
            case _:
                changed[path] = chance.choice([b"", b"A\n", b"B\n", chance.randbytes(40)])
    return changed
