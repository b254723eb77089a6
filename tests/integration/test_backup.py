"""`penstock backup` and `penstock restore`: all that an installation keeps, from either database into either (G2)."""

import io
import json
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness import builds
from harness.penstock import Penstock, ask, openai_at, read_through
from harness.people import PASSWORD, sign_in, sign_up
from harness.pictures import picture
from harness.postgres import Postgres
from upstream.process import Upstream
from upstream.script import expected_text

SHAPES = ("sqlite", "postgres")
EMAIL = "owner@example.org"
NEVER_KEPT = {"chore", "message_search", "oidc_attempt", "preview", "rate_window"}

Make = Callable[..., Penstock]


@pytest.fixture
def make(postgres: Postgres, tmp_path: Path) -> Iterator[Make]:
    """Makes installations without anything in them, which end with the test."""
    made: list[Penstock] = []

    def make(shape: str, **environment: str) -> Penstock:
        folder = tmp_path / f"installation-{len(made)}"
        folder.mkdir()
        url = postgres.create() if shape == "postgres" else ""
        made.append(Penstock(folder=folder, database_url=url, environment=environment))
        return made[-1]

    yield make
    for each in made:
        each.kill()
        if each.database_url:
            postgres.drop(each.database_url)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the backup is."""
    return tmp_path / "backup.zip"


def started(installation: Penstock) -> Penstock:
    """Start an empty installation."""
    if installation.database_url:
        assert installation.command("migrate").returncode == 0
    return installation.start()


def back_up(installation: Penstock, file: Path) -> dict[str, bytes]:
    """Make a backup, and return what is in it."""
    done = installation.command("backup", str(file))
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert not file.with_name(f"{file.name}.part").exists()
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def restored(installation: Penstock, file: Path) -> Penstock:
    """Bring a backup back."""
    done = installation.command("restore", str(file))
    assert done.returncode == 0, done.stderr
    assert "Restored" in done.stdout
    return installation


def look(client: httpx.Client, places: "Places") -> dict[str, Any]:
    """Return what the owner of an installation sees of it."""
    chats = client.get("/api/chats").json()["items"]
    return {
        "chats": chats,
        "messages": [client.get(f"/api/chats/{each['id']}/messages").json() for each in chats],
        "folders": client.get("/api/folders").json(),
        "templates": client.get("/api/templates").json(),
        "keys": client.get("/api/keys").json(),
        "found": client.get("/api/search", params={"q": "turbine"}).json()["items"],
        "usage": client.get("/api/usage").json()["limits"],
        "picture": client.get(places.picture).content,
        "shared": client.get(places.share).status_code,
        "versions": client.get(f"/api/projects/{places.project}/versions").json(),
        "code": builds.files_of(client, places.project, "1"),
    }


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where some of it is."""

    project: str
    share: str
    picture: str


def fill(client: httpx.Client) -> Places:
    """Make something of everything."""
    sign_up(client, EMAIL)
    assert client.put("/api/keys/openai", json={"key": "sk-of-a-person-1234567890"}).status_code == 200
    made = client.post("/api/attachments", files={"file": ("mill.png", picture(), "image/png")}).json()
    attached = [{"id": made["id"]}]
    chat = ask(client, message="Show me a turbine", model="openai/echo-3-1", attachments=attached).start["chatId"]
    ask(client, chatId=chat, message="And another: größer, 'quoted' 🏞", model="openai/echo-3-1")
    folder = client.post("/api/folders", json={"name": "River"}).json()["id"]
    client.patch(f"/api/chats/{chat}", json={"folderId": folder, "tags": ["energy"], "pinned": True}).raise_for_status()
    client.post("/api/templates", json={"name": "Explain", "text": "Explain {{what}}."}).raise_for_status()
    share = client.post(f"/api/chats/{chat}/shares", json={}).json()["url"]
    built = builds.ask(client, "Build an API for notes", model="demo/tour")
    builds.wait_for_files(client, built)
    client.post(f"/api/projects/{built['projectId']}/versions/1/stop")
    return Places(project=built["projectId"], share=httpx.URL(share).path, picture=made["url"])


@pytest.mark.parametrize("target", SHAPES)
@pytest.mark.parametrize("source", SHAPES)
def test_what_was_backed_up_is_there_wherever_it_is_brought_back(
    make: Make, file: Path, upstream: Upstream, source: str, target: str
) -> None:
    """G2: chats, files, a project, links, and who may sign in; and a backup of that is the same again."""
    first = started(make(source, **openai_at(upstream)))
    with first.client() as client:
        places = fill(client)
        entries = back_up(first, file)
        seen = look(client, places)
    first.kill()
    second = restored(make(target, **openai_at(upstream)), file)
    again = back_up(second, file.with_name("again.zip"))
    assert again.keys() == entries.keys()
    assert [name for name in entries if name != "penstock.json" and again[name] != entries[name]] == []
    second.start()
    with second.client() as client:
        assert sign_in(client, EMAIL, PASSWORD).status_code == 200
        assert look(client, places) == seen
        assert all(seen.values())
        assert ask(client, message="And go on", model="openai/echo-3-1").end["status"] == "completed"
    assert "ok     Contents: statistics are those of a recount" in second.command("doctor", "--deep").stdout
    assert second.command("fsck").returncode == 0


def test_every_table_is_in_a_backup_but_those_of_the_moment(make: Make, file: Path) -> None:
    """G2: one that is added later is kept unless somebody decides otherwise."""
    from penstock.db.schema import metadata  # noqa: PLC0415  # the only thing that is looked at from inside

    entries = back_up(started(make("sqlite")), file)
    kept = {match[1] for name in entries if (match := re.fullmatch(r"tables/(\w+)\.jsonl", name))}
    assert kept == metadata.tables.keys() - NEVER_KEPT


@pytest.mark.parametrize("target", SHAPES)
def test_an_answer_that_is_being_written_goes_on_where_the_backup_is_brought_back(
    make: Make, file: Path, upstream: Upstream, target: str
) -> None:
    """G2, A2: it was asked for, so it comes; whoever was reading goes on by their cursor."""
    first = started(make("sqlite", **openai_at(upstream)))
    with first.client() as client:
        begun = ask(client, until=20, message="x", model="openai/echo-200-20")
        back_up(first, file)
        first.kill()
        second = restored(make(target, **openai_at(upstream)), file).start()
        with second.client() as reader:
            reader.cookies = client.cookies
            whole = read_through(begun, reader)
    assert whole.end["status"] == "completed"
    assert whole.text == expected_text("echo-200-20")


def test_the_key_file_comes_along(make: Make, file: Path) -> None:
    """G2: without it nobody is known by their cookie any more, and their keys cannot be read."""
    first = started(make("sqlite", PENSTOCK_SECRET_KEY=""))
    with first.client() as client:
        assert ask(client, message="x", model="demo/tour").end["status"] == "completed"
        assert "secret.key" in back_up(first, file)
        first.kill()
        second = restored(make("sqlite", PENSTOCK_SECRET_KEY=""), file).start()
        assert (second.folder / "secret.key").stat().st_mode & 0o777 == 0o600
        with second.client() as known:
            known.cookies = client.cookies
            assert len(known.get("/api/chats").json()["items"]) == 1


def test_a_backup_of_an_older_schema_is_brought_to_ours(make: Make, file: Path) -> None:
    """G2: as an upgrade in place would be. Here from before answers beside each other."""
    first = started(make("sqlite"))
    with first.client() as client:
        chat = ask(client, message="x", model="demo/tour").start["chatId"]
        entries = back_up(first, file)
        first.kill()
        later = {"message": {"beside_id", "is_temporary"}, "run": {"lane"}}
        about = json.loads(entries["penstock.json"])
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in list(entries.items())[:-1]:
                table = name.removeprefix("tables/").removesuffix(".jsonl")
                rows = [json.loads(line) for line in content.splitlines()] if table in later else []
                older = [{key: row[key] for key in row.keys() - later[table]} for row in rows]
                archive.writestr(name, "".join(f"{json.dumps(row)}\n" for row in older) if rows else content)
            archive.writestr("penstock.json", json.dumps({**about, "schema": "0021"}))
        second = restored(make("sqlite"), file).start()
        with second.client() as known:
            known.cookies = client.cookies
            assert len(known.get(f"/api/chats/{chat}").json()["messages"]["items"]) == 2


def changed(file: Path, **entries: str | bytes) -> bytes:
    """Return a backup with some of its entries changed, by their names with `__` for the slash and no ending."""
    made = io.BytesIO()
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(made, "w") as other:
        for name in archive.namelist():
            key = name.split(".")[0].replace("/", "__")
            other.writestr(name, entries.pop(key, archive.read(name)))
        for name, content in entries.items():
            other.writestr(name, content)
    return made.getvalue()


def about(file: Path, **said: Any) -> str:
    """Return what a backup says of itself, changed."""
    with zipfile.ZipFile(file) as archive:
        return json.dumps({**json.loads(archive.read("penstock.json")), **said})


def with_table(file: Path, name: str) -> bytes:
    """Return a backup with a table that nobody has made."""
    tables = {**json.loads(about(file))["tables"], name: 0}
    return changed(file, penstock=about(file, tables=tables), **{f"tables/{name}.jsonl": ""})


def flipped(file: Path) -> bytes:
    """Return a backup with a wrong bit in one of its tables."""
    with zipfile.ZipFile(file) as archive:
        place = archive.getinfo("tables/message.jsonl").header_offset + 120
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    return bytes(content)


DAMAGES: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "none": (lambda _: b"", "no backup"),
    "other": (lambda _: b"SQLite format 3\0", "no backup"),
    "cut off": (lambda file: file.read_bytes()[:-100], "no backup"),
    "a wrong bit": (flipped, "damaged"),
    "another form": (lambda file: changed(file, penstock=about(file, format=2)), "does not know"),
    "no form": (lambda file: changed(file, penstock="[]"), "damaged"),
    "a newer schema": (lambda file: changed(file, penstock=about(file, schema="9999")), "newer version"),
    "a row less": (lambda file: changed(file, tables__chat=""), "chat"),
    "a row of another kind": (lambda file: changed(file, tables__chat='{"id": [], "hello": 1}\n'), "chat"),
    "a row of nobody": (lambda file: changed(file, tables__chat="", penstock=emptied(file, "chat")), "refer"),
    "a table of its own": (lambda file: with_table(file, "x; DROP TABLE chat"), "no table"),
    "a table of the moment": (lambda file: with_table(file, "message_search"), "no table"),
    "a way out": (lambda file: changed(file, **{"attachments/../../out.txt": "x"}), "no attachment"),
}


def emptied(file: Path, table: str) -> str:
    """Return what a backup says of itself, without the rows of a table."""
    return about(file, tables={**json.loads(about(file))["tables"], table: 0})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup with a chat in it."""
    folder = tmp_path_factory.mktemp("whole")
    installation = Penstock(folder=folder).start()
    with installation.client() as client:
        ask(client, message="x", model="demo/tour")
    back_up(installation, folder / "backup.zip")
    installation.kill()
    return folder / "backup.zip"


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_refused_and_nothing_is_there(make: Make, file: Path, whole: Path, damage: str) -> None:
    """G2: one sentence, status 1, and another try finds the place as empty as before."""
    spoil, says = DAMAGES[damage]
    file.write_bytes(spoil(whole))
    target = make("sqlite")
    done = target.command("restore", str(file))
    assert (done.returncode, says in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not (target.folder / "penstock.db").exists()
    assert not (file.parent / "out.txt").exists()
    restored(target, whole)


def test_a_database_that_is_not_empty_stays_as_it_is(make: Make, file: Path, whole: Path) -> None:
    """G2: neither is what is there replaced, nor is it mixed."""
    for shape in SHAPES:
        target = started(make(shape))
        with target.client() as client:
            ask(client, message="Mine", model="demo/tour")
        target.kill()
        before = back_up(target, file.with_name(f"{shape}.zip"))
        done = target.command("restore", str(whole))
        assert (done.returncode, "into" in done.stderr) == (1, True), done.stderr
        after = back_up(target, file.with_name(f"{shape}-after.zip"))
        assert {name: after[name] for name in before if name != "penstock.json"} == {
            name: content for name, content in before.items() if name != "penstock.json"
        }


def test_what_is_there_is_not_written_over(make: Make, file: Path) -> None:
    """G2: an older backup may be the only one that is whole."""
    file.write_text("an older one")
    done = started(make("sqlite")).command("backup", str(file))
    assert (done.returncode, "is there already" in done.stderr) == (1, True)
    assert file.read_text() == "an older one"
    nothing = make("sqlite").command("backup", str(file.with_name("b.zip")))
    assert (nothing.returncode, "There is no database" in nothing.stderr) == (1, True)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_restore_that_is_killed_has_done_nothing(make: Make, file: Path, whole: Path, shape: str) -> None:
    """G2: the next one is as the first."""
    rows = b"".join(
        json.dumps(
            {
                "id": f"01a2326e-31a0-7a62-b882-{number:012x}",
                "owner_id": "01a2326e-31a0-7a62-b882-783e1eb9314c",
                "parent_id": None,
                "name": "x" * 90,
                "created_at": number,
            }
        ).encode()
        + b"\n"
        for number in range(60_000)
    )
    tables = {**json.loads(about(whole))["tables"], "folder": 60_000}
    file.write_bytes(changed(whole, tables__folder=rows, penstock=about(whole, tables=tables)))
    target = make(shape)
    target.spawn("restore", "restore", str(file))
    deadline = time.monotonic() + 30
    while "schema" not in (target.log_file.read_text() if target.log_file.exists() else ""):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    # Its schema is there, and rows are coming in.
    target.kill()
    assert "Restored" not in target.log_file.read_text()
    assert not (target.folder / "penstock.db").exists()
    restored(target, file)
    with started(target).client() as client:
        assert client.get("/api/me").status_code == 200


def test_what_cannot_be_reached_is_named(make: Make, file: Path, whole: Path, tmp_path: Path) -> None:
    """G2: a folder that is not there, a file, a server; and nothing is left of what was begun."""
    lost = tmp_path / "nowhere" / "backup.zip"
    source = started(make("sqlite"))
    for done in (source.command("backup", str(lost)), make("sqlite").command("restore", str(lost))):
        assert (done.returncode, "No such file" in done.stderr) == (1, True), done.stderr
    away = Penstock(folder=tmp_path, database_url="postgresql://penstock@127.0.0.1:9/none")
    refused = away.command("restore", str(whole))
    assert (refused.returncode, "Connect call failed" in refused.stderr) == (1, True), refused.stderr
    assert "Traceback" not in refused.stderr
