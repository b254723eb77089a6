"""E13, A7: a build whose process is killed goes on where it was, and does nothing twice that was done."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.builds import STAGES, Event, ask, files_of, find, follow, log_of, version_of
from harness.penstock import Penstock, openai_at
from harness.sandbox import SHARED
from upstream.process import Upstream


@pytest.fixture
def builder(tmp_path: Path, upstream: Upstream) -> Iterator[Penstock]:
    """One process with a worker of its own."""
    environment = {**openai_at(upstream), "PENSTOCK_SANDBOX_DIR": str(SHARED)}
    installation = Penstock(folder=tmp_path, environment=environment).start()
    try:
        yield installation
    finally:
        installation.kill()


def kill_when(builder: Penstock, client: httpx.Client, run_id: str, name: str, **data: Any) -> None:
    """Kill all processes when such an event has come, and start them again."""
    for event in follow(client, run_id):
        if event["type"] == f"data-{name}" and data.items() <= event["data"].items():
            builder.kill()
            builder.start()
            return
    pytest.fail(f"no {name} with {data}")


def wait_until_nothing_is_left() -> None:
    """E9: no sandbox goes on without the process outside of it. Others end beside us: so does theirs."""
    deadline = time.monotonic() + 10
    while True:
        listed = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True, check=True)
        left = [line for line in listed.stdout.splitlines() if line.split()[0] == "1" and "/sbx/launcher.py" in line]
        if not left:
            return
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def code_of(events: Sequence[Event]) -> dict[str, str]:
    """Return what a client shows that follows from the first event: E2, the offsets of each attempt are contiguous."""
    files: dict[tuple[str, int], str] = {}
    last: dict[str, int] = {}
    for event in events:
        data = event.get("data", {})
        if event["type"] == "data-file-generating":
            files[data["path"], data["attempt"]] = ""
            last[data["path"]] = data["attempt"]
        elif event["type"] == "data-code-chunk":
            key = data["path"], data["attempt"]
            assert data["offset"] == len(files[key].encode("utf-16-le")) // 2
            files[key] += data["text"]
    return {path: files[path, attempt] for path, attempt in last.items()}


def check_whole(client: httpx.Client, asked: Event) -> None:
    """Wait for the end, and see that everything was done once."""
    events = log_of(client, asked)
    kinds = [event["type"] for event in events]
    assert events[-1]["data"]["status"] == "completed", events[-3:]
    assert kinds.count("data-version-complete") == kinds.count("data-run-end") == 1
    assert [each["stage"] for each in find(events, "check-update", status="passed")] == list(STAGES)
    completed = [each["path"] for each in find(events, "file-complete")]
    assert len(completed) == len(set(completed)), "a finished file is not written again"
    assert version_of(client, asked)["status"] == "ready"
    files = files_of(client, asked["projectId"], asked["versionId"])
    assert code_of(events) == files
    assert sorted(completed) == sorted(files)


def test_a_build_that_is_killed_twice_becomes_one_whole_version(builder: Penstock, upstream: Upstream) -> None:
    """Once while a file is written, once while the app starts."""
    with builder.client() as client:
        asked = ask(client, "Build it, and lose nothing", model="openai/build-notes-10-15")
        kill_when(builder, client, asked["runId"], "file-generating", path="app/main.py")
        kill_when(builder, client, asked["runId"], "check-update", stage="boot", status="running")
        check_whole(client, asked)
    wait_until_nothing_is_left()
    seen = [each.body["messages"] for each in upstream.requests() if "lose nothing" in str(each.body["messages"])]
    assert len(seen) == 2, "what is generated is not asked for again"
    assert "Complete: " in seen[1][-1]["content"]
    assert "requirements.txt" in seen[1][-1]["content"]


@pytest.mark.long
def test_a_build_whose_worker_is_killed_is_taken_over_by_another(
    tmp_path: Path, upstream: Upstream, postgres_url: str
) -> None:
    """Scaled out over Postgres: readers stay where they are, and see one whole version."""
    environment = {**openai_at(upstream), "PENSTOCK_SANDBOX_DIR": str(SHARED)}
    installation = Penstock(folder=tmp_path, database_url=postgres_url, environment=environment).start()
    try:
        with installation.client() as client:
            asked = ask(client, "Build it", model="openai/build-notes-10-15")
            for event in follow(client, asked["runId"]):
                if event["type"] == "data-file-complete":
                    installation.spawn("other", "worker")
                    installation.kill("worker")
                    break
            check_whole(client, asked)
    finally:
        installation.kill()


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("version-start", {}),
        ("step-start", {"step": "context"}),
        ("step-start", {"step": "generate"}),
        ("planning", {}),
        ("file-complete", {"path": "requirements.txt"}),
        ("file-complete", {"path": "tests/test_notes.py"}),
        ("step-start", {"step": "apply"}),
        *(("check-update", {"stage": stage, "status": "running"}) for stage in STAGES),
        *(("check-update", {"stage": stage, "status": "passed"}) for stage in STAGES),
        ("version-complete", {}),
    ],
    ids=str,
)
def test_a_build_that_is_killed_at_any_step_becomes_one_whole_version(
    builder: Penstock, name: str, data: dict[str, str]
) -> None:
    with builder.client() as client:
        asked = ask(client, "Build it", model="openai/build-notes-10-15")
        kill_when(builder, client, asked["runId"], name, **data)
        check_whole(client, asked)


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("step-start", {"step": "repair"}),
        ("file-complete", {"path": "app/main.py", "attempt": 2}),
        *(("check-update", {"stage": stage, "status": "passed", "attempt": 1}) for stage in STAGES),
    ],
    ids=str,
)
def test_a_repair_that_is_killed_goes_on(builder: Penstock, name: str, data: dict[str, Any]) -> None:
    with builder.client() as client:
        asked = ask(client, "Build it", model="openai/build-mended-10-5")
        kill_when(builder, client, asked["runId"], name, **data)
        (complete,) = find(log_of(client, asked), "version-complete")
        assert (complete["status"], complete["repairs"]) == ("ready", 1)
        assert "hello" in files_of(client, asked["projectId"], asked["versionId"])["app/main.py"]
