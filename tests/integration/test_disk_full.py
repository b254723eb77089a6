"""A process whose files may not grow any further, and then may again (A6, A7).

The limit is the system's, on a process that runs: writes fail below SQLite as on a full disk, without any privilege.
"""

import resource
import threading
import time
from pathlib import Path

import httpx
import pytest

from harness.penstock import Penstock, Recording, ask, openai_at, read_frames
from upstream.process import Upstream
from upstream.script import expected_text

MODEL = "openai/echo-300-10"


def wait_until_full(penstock: Penstock) -> None:
    deadline = time.monotonic() + 30
    while penstock.log_file.read_text().count("does not take appends") < 3:
        assert time.monotonic() < deadline, penstock.log_file.read_text()
        time.sleep(0.05)


@pytest.mark.parametrize("seconds", [0.0, pytest.param(4.0, marks=pytest.mark.long)])
def test_an_answer_waits_for_room_and_is_whole(tmp_path: Path, upstream: Upstream, seconds: float) -> None:
    """A6, A7: also when it takes so long that the lease runs out."""
    environment = {**openai_at(upstream), "PENSTOCK_LEASE_SECONDS": "3"}
    penstock = Penstock(folder=tmp_path, environment=environment).start()
    pid = penstock.processes["web"].pid
    recording = Recording()
    try:
        with penstock.client() as client:
            # Opens everything that is opened once.
            ask(client, message="Hello", model="openai/echo-3-1")

            def read() -> None:
                body = {"message": "Tell me", "model": MODEL}
                with client.stream("POST", "/api/chat", json=body) as response:
                    read_frames(response.iter_lines(), recording)

            reading = threading.Thread(target=read, daemon=True)
            reading.start()
            deadline = time.monotonic() + 20
            while len(recording.frames) < 20:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            limit = (tmp_path / "penstock.db-wal").stat().st_size + 4096
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            wait_until_full(penstock)
            frames = len(recording.frames)
            time.sleep(seconds)
            assert reading.is_alive()
            assert not recording.is_done
            assert len(recording.frames) == frames, "nothing is shown that is not stored"
            with httpx.Client(base_url=penstock.url, cookies=client.cookies, timeout=10) as other:
                kept = other.get(f"/v1/stream/runs/{recording.start['runId']}")
                assert kept.status_code == 200
                assert "stream-closed" not in kept.headers
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            reading.join(60)
            assert not reading.is_alive()
            assert recording.is_done
            assert recording.text == expected_text(MODEL.removeprefix("openai/"))
            chat = client.get(f"/api/chats/{recording.start['chatId']}").json()
            message = chat["messages"]["items"][-1]
            assert message["status"] == "completed"
            assert "".join(part.get("text", "") for part in message["parts"]) == recording.text
    finally:
        penstock.kill()
