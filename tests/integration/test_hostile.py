"""E9: what a model wrote gets out of its sandbox by none of these ways, run by root and by an ordinary user."""

import ctypes
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from harness import hostile
from harness.sandbox import MODES, Mode, job, new_folder, run_jobs


@pytest.fixture(scope="module", params=MODES)
def said(request: pytest.FixtureRequest) -> Iterator[Mapping[str, str | None]]:
    """What each probe says, all of one sandbox."""
    mode: Mode = request.param
    with ExitStack() as host:
        folder = host.enter_context(new_folder())
        canary, secret, name = folder / "secret-of-the-host", uuid4().hex, uuid4().hex
        canary.write_text(secret)
        canary.chmod(0o644)
        shm = Path("/dev/shm", name)
        shm.write_text(secret)
        host.callback(shm.unlink)
        listening = host.enter_context(socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True))
        abstract, local = (host.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
        abstract.bind(f"\0{name}")
        local.bind(str(folder / "socket"))
        (folder / "socket").chmod(0o777)
        for each in (abstract, local):
            each.listen()
        host.callback(_with_queue(name))
        described = {
            "secret": secret,
            "folder": str(folder),
            "canary": str(canary),
            "pid": os.getpid(),
            "port": listening.getsockname()[1],
            "address": _address(),
            "abstract": name,
            "socket": str(folder / "socket"),
            "shm": name,
            "queue": name,
        }
        files = {"hostile.py": Path(hostile.__file__).read_bytes(), "host.json": json.dumps(described).encode()}
        # The secret of the product would be in its environment.
        environment = {"OPENAI_API_KEY": secret}
        (result,) = run_jobs(folder, mode, [job(files, "python3", "hostile.py")], env=environment)
        yield json.loads(result.output)


def _with_queue(name: str) -> Callable[[], object]:
    """Make a message queue that everybody may read, and return what removes it."""
    libc = ctypes.CDLL(None, use_errno=True)
    path = ctypes.create_string_buffer(f"/{name}".encode())
    queue = libc.mq_open(path, os.O_CREAT | os.O_RDWR, 0o644, None)
    assert queue >= 0, os.strerror(ctypes.get_errno())
    os.close(queue)
    return lambda: libc.mq_unlink(path)


def _address() -> str:
    """Return an address of this machine that others know it by."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as looking:
        try:
            looking.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(looking.getsockname()[0])


@pytest.mark.parametrize("name", hostile.PROBES)
def test_there_is_no_way_out(said: Mapping[str, str | None], name: str) -> None:
    """E9."""
    assert said[name] is None


def test_there_are_as_many_ways_as_were_promised() -> None:
    """E9: at least 95."""
    assert len(hostile.PROBES) >= 95
