"""The command line: what it prints, and how it refuses (G2)."""

import json
import sqlite3
from functools import partial
from pathlib import Path

import pytest

from harness import builds
from harness.penstock import Penstock, ask, wait_until_nobody_reads
from penstock.actor import SYSTEM, IdentityId
from penstock.db.database import SqliteDatabase
from penstock.db.migrate import migrate_sqlite
from penstock.keys import store as keys
from penstock.keys.vault import Vault
from penstock.kit.clock import Millis
from penstock.kit.ids import new_id


@pytest.fixture
def stopped(tmp_path: Path) -> Penstock:
    """An installation on SQLite that does not run, whose commands are read anew each time, as on a real machine."""
    return Penstock(folder=tmp_path, is_forked=False)


@pytest.mark.parametrize("arguments", [("worker",), ("serve", "--no-worker")])
def test_what_needs_postgres_says_so_on_sqlite(stopped: Penstock, arguments: tuple[str, ...]) -> None:
    """G2: one sentence, status 1."""
    done = stopped.command(*arguments)
    assert done.returncode == 1
    assert "needs Postgres" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PENSTOCK_PORT", "eighty"),
        ("PENSTOCK_PORT", "70000"),
        ("PENSTOCK_DATABASE_URL", "mysql://localhost/x"),
        ("PENSTOCK_REDIS_URL", "localhost:6379"),
        ("PENSTOCK_SECRET_KEY", "short"),
        ("PENSTOCK_LONG_POLL_SECONDS", "nan"),
        ("OPENAI_BASE_URL", "api.example.org"),
        ("PENSTOCK_DAILY_MESSAGES", "guests=5"),
        ("PENSTOCK_RATE_CHAT", "5"),
        ("PENSTOCK_TRUSTED_PROXIES", "yes"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_sentence(tmp_path: Path, name: str, value: str) -> None:
    """G2: it names the setting and how to mend it."""
    done = Penstock(folder=tmp_path, environment={name: value}).command("serve")
    assert done.returncode == 1
    assert name in done.stderr
    assert value not in done.stderr or name != "PENSTOCK_SECRET_KEY"
    assert len(done.stderr.strip().splitlines()) == 1


def test_doctor_finds_a_usable_installation_usable(stopped: Penstock) -> None:
    """G2."""
    done = stopped.command("doctor")
    assert done.returncode == 0, done.stdout
    assert "SQLite" in done.stdout
    assert "demo" in done.stdout
    assert "ok     Search: " in done.stdout
    assert "messages a day: owner no limit" in done.stdout


def test_doctor_counts_again_what_is_stored(penstock: Penstock) -> None:
    """B1: on an installation that is in use."""
    with penstock.client() as client:
        ask(client, message="x", model="openai/echo-3-1")
    done = penstock.command("doctor", "--deep")
    assert "ok     Contents: statistics are those of a recount" in done.stdout


def test_doctor_says_what_is_wrong_and_how_to_mend_it(tmp_path: Path) -> None:
    """G2."""
    away = Penstock(folder=tmp_path, database_url="postgresql://penstock@127.0.0.1:9/none")
    done = away.command("doctor")
    assert done.returncode == 1
    assert "WRONG" in done.stdout
    assert "PENSTOCK_DATABASE_URL" in done.stdout


def test_fsck_finds_what_is_damaged_and_mends_it(tmp_path: Path) -> None:
    """E4, case 27: beside a server that is in use, and it names the content."""
    penstock = Penstock(folder=tmp_path).start()
    try:
        with penstock.client() as client:
            built = builds.ask(client, "Build an API for notes", model="demo/tour")
            path = f"/api/projects/{built['projectId']}"
            builds.wait_for_files(client, built)
            client.post(f"{path}/versions/1/stop")
            kept = builds.files_of(client, built["projectId"], "1")
            restored = client.post(f"{path}/versions/1/restore").json()
            assert penstock.command("fsck", "--mend").stdout == "Everything is as it was stored.\n"
            with sqlite3.connect(tmp_path / "penstock.db") as database:
                database.execute(
                    "UPDATE blob SET data = CAST(x'00' || data AS BLOB) WHERE id = (SELECT max(id) FROM blob)"
                )
            done = penstock.command("fsck")
            assert (done.returncode, done.stdout.splitlines()[-1:]) == (1, ["Damaged: 1."]), done.stderr
            assert built["projectId"] in done.stdout
            assert penstock.command("fsck", "--mend").returncode == 0
            assert builds.files_of(client, built["projectId"], restored["versionId"]) == kept
    finally:
        penstock.kill()


def test_an_unmigrated_database_is_named_and_migrate_mends_it(postgres_empty: str, tmp_path: Path) -> None:
    """G2."""
    penstock = Penstock(folder=tmp_path, database_url=postgres_empty)
    refused = penstock.command("serve", "--no-worker")
    assert refused.returncode == 1
    assert "penstock migrate" in refused.stderr
    assert penstock.command("migrate").returncode == 0
    penstock.start().terminate()


def test_two_servers_cannot_share_a_data_directory(stopped: Penstock) -> None:
    """G2: the second says so, the first goes on."""
    stopped.start()
    try:
        second = Penstock(folder=stopped.folder).command("serve")
        assert second.returncode == 1
        assert "data directory" in second.stderr
        stopped.wait_ready()
    finally:
        stopped.kill()


def test_a_port_that_is_taken_is_named(stopped: Penstock, tmp_path_factory: pytest.TempPathFactory) -> None:
    """G2."""
    stopped.start()
    try:
        second = Penstock(folder=tmp_path_factory.mktemp("second"), port=stopped.port).command("serve")
        assert second.returncode == 1
        assert f"Port {stopped.port}" in second.stderr
    finally:
        stopped.kill()


def test_openapi_prints_the_document_that_is_served(penstock: Penstock) -> None:
    """G4."""
    printed = json.loads(penstock.command("openapi").stdout)
    with penstock.client() as client:
        assert client.get("/api/openapi.json").json() == printed


def test_an_installation_that_is_up_says_so(penstock: Penstock) -> None:
    """G5."""
    with penstock.client() as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/readyz").json() == {"status": "ok"}


def test_an_installation_counts_what_it_does(penstock: Penstock) -> None:
    """G5: the embedded process writes and reads; scaled out, the serving one reads and the worker writes."""
    with penstock.client() as client:
        ask(client, message="x", model="openai/echo-3-1")
        counted = client.get("/metrics")
        assert counted.headers["content-type"].startswith("text/plain")
        assert "\npenstock_readers " in counted.text
        if not penstock.database_url:
            assert 'penstock_runs_ended_total{status="completed"}' in counted.text
            assert "penstock_commit_seconds_count" in counted.text
        wait_until_nobody_reads(client)


async def test_c3_keys_are_put_under_another_secret(tmp_path: Path) -> None:
    """C3: after that the old secret can go; a key whose secret is gone already is said to be."""
    old, new, owner = "an old secret of this server, 32 long", "a new secret of this server, 32 long", new_id()
    before = Vault(lambda: [old])
    migrate_sqlite(tmp_path / "penstock.db")
    database = SqliteDatabase(tmp_path / "penstock.db")
    for provider, vault in (("openai", before), ("mistral", Vault(lambda: ["a secret that nobody has any more"]))):
        sealed = vault.seal("sk-a-key", IdentityId(owner), provider)
        put = partial(keys.put, owner=IdentityId(owner), provider=provider, base_url="", hint="", now=Millis(0))
        await database.write(SYSTEM, partial(put, sealed=sealed))
    rotated = Penstock(
        folder=tmp_path, environment={"PENSTOCK_SECRET_KEY": new, "PENSTOCK_OLD_SECRET_KEY": old}
    ).command("keys", "rotate")
    assert rotated.returncode == 1, rotated.stderr
    assert "Keys under the present secret: 1." in rotated.stdout
    assert "Keys that could not be read: 1." in rotated.stdout
    stored = {each.provider: each.sealed for each in await database.read(SYSTEM, keys.all_sealed)}
    await database.close()
    assert Vault(lambda: [new]).open(stored["openai"], IdentityId(owner), "openai") == "sk-a-key"
