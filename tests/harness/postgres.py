"""A private Postgres server, started from nothing and thrown away."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final
from uuid import uuid4

from harness.ports import free_port

_ROOM: Final = 4 << 30
"""Bytes that a folder in memory has to have free: databases of 10 MB, dropped after each test, and their log."""
_FIRST_WITH_STRATEGIES: Final = 15
"""From this version on databases are copied through the log unless told otherwise; as files it takes half the time."""


def _home() -> str:
    """Return where servers lie: in memory where there is room. Making a database there takes a third of the time."""
    memory = Path("/dev/shm")  # each server has a folder of its own there
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > _ROOM else tempfile.gettempdir()


def _program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")) or [shutil.which(name)]
    assert found[-1], f"{name} is not installed: run scripts/services.sh"
    return str(found[-1])


class Postgres:
    """One server with a folder of its own. Databases are copies of a migrated template: each test has a fresh one."""

    def __init__(self, *, fsync: bool = False) -> None:
        # Postgres refuses to run as root; a folder of another user's must not lie below one that it cannot enter.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="penstock-pg-", dir=_home()))
        if self._user:
            os.chown(self._folder, pwd.getpwnam(self._user).pw_uid, -1)
        self.port = free_port()
        self._fsync = fsync
        data = str(self._folder / "data")
        self._run("initdb", "--no-sync", "--auth=trust", "--username=penstock", "--encoding=UTF8", "--locale=C", data)
        self._session: subprocess.Popen[str] | None = None
        self.start()
        version = int((Path(data) / "PG_VERSION").read_text())
        self._strategy = "STRATEGY file_copy" if version >= _FIRST_WITH_STRATEGIES else ""

    def start(self) -> None:
        """Start it, on the same port as before."""
        deadline = time.monotonic() + 30
        self._process = self._spawn()
        while not self._answers():
            assert time.monotonic() < deadline, f"not started within 30 s: {(self._folder / 'log').read_text()}"
            time.sleep(0.05)
            if self._process.poll() is not None:
                # After a kill the sessions of the old server end by and by; none may be left.
                self._process = self._spawn()

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End the server by a signal. After SIGKILL its sessions end when they notice."""
        self._end_session()
        self._process.send_signal(number)
        self._process.wait(20)

    def _spawn(self) -> subprocess.Popen[bytes]:
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self._folder),
            "max_connections": 200,
            # The files are thrown away; a process that is killed loses nothing that the system has.
            "fsync": "on" if self._fsync else "off",
        }
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        log = (self._folder / "log").open("ab")
        process = subprocess.Popen(
            [_program("postgres"), "-D", str(self._folder / "data"), *arguments],
            stdout=log,
            stderr=log,
            user=self._user,
        )
        log.close()
        return process

    def _answers(self) -> bool:
        command = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [_program(program), *arguments], user=self._user, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Execute a statement as the superuser."""
        self._run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, self.url(database))

    def _manage(self, statement: str) -> None:
        """Execute a statement about databases, in one session for all: starting psql takes longer than the rest."""
        if self._session is None or self._session.poll() is not None:
            self._session = subprocess.Popen(
                [_program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.url("postgres")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        given, said = self._session.stdin, self._session.stdout
        assert given is not None
        assert said is not None
        given.write(f"{statement};\n\\echo done\n")
        given.flush()
        assert said.readline() == "done\n", f"refused: {statement}"

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.kill()
            self._session.communicate()
            self._session = None

    def url(self, database: str, user: str = "penstock") -> str:
        """Return the address of a database."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template1", owner: str = "penstock") -> str:
        """Make a database and return its address."""
        name = f"t{uuid4().hex}"
        self._manage(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {owner} {self._strategy}")
        return self.url(name, owner)

    def drop(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        self._manage(f"DROP DATABASE IF EXISTS {url.rsplit('/', 1)[1]} WITH (FORCE)")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process of the server: SIGSTOP makes it fall silent with its connections open."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        # The parent first: once it is stopped there are no new ones.
        self._process.send_signal(number)
        for child in children.read_text().split():
            os.kill(int(child), number)

    def close(self) -> None:
        """Kill the server and remove its files."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)
