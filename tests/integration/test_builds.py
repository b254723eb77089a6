"""E1, E2, E4, E7, E8, E10, E11, E12, E13: from a prompt to a version that runs, over HTTP, with a real sandbox."""

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from harness.builds import STAGES, ask, files_of, find, follow, log_of, version_of
from harness.penstock import Penstock, openai_at
from harness.sandbox import SHARED
from upstream.process import Upstream


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Penstock]:
    """One process with a worker of its own."""
    environment = {**openai_at(upstream), "PENSTOCK_SANDBOX_DIR": str(SHARED)}
    installation = Penstock(folder=tmp_path_factory.mktemp("builder"), environment=environment).start()
    try:
        yield installation
    finally:
        installation.kill()


@pytest.fixture
def client(builder: Penstock) -> Iterator[httpx.Client]:
    with builder.client() as client:
        yield client


def previewed(client: httpx.Client, builder: Penstock, project: str, version: str, path: str) -> Any:
    """Return what a route of a version answers in its preview."""
    preview = client.post(f"/api/projects/{project}/versions/{version}/preview")
    assert preview.status_code == 200, preview.text
    shown = preview.json()
    name = httpx.URL(shown["url"]).host
    headers = {"host": f"{name}:{builder.port}", "x-preview-token": shown["token"]}
    return client.get(path, headers=headers).json()


def test_prompts_become_versions_that_run_and_can_be_compared_restored_and_downloaded(
    builder: Penstock, client: httpx.Client
) -> None:
    """With the demo model: on a fresh machine, without a key."""
    first = ask(client, "Build an API for notes", stack="node", model="demo/tour")
    project = first["projectId"]
    events = log_of(client, first)
    assert [each["stage"] for each in find(events, "check-update", status="passed")] == list(STAGES)
    (complete,) = find(events, "version-complete")
    assert complete["status"] == version_of(client, first)["status"] == "ready"
    kinds = [event["type"] for event in events]
    assert kinds.index("data-version-start") < kinds.index("data-code-chunk") < kinds.index("data-version-complete")
    second = ask(client, "Add a route that deletes a note", project=project)
    assert find(log_of(client, second), "version-complete")[0]["status"] == "ready"

    assert previewed(client, builder, project, "1", "/health") == {"status": "ok"}
    assert client.get(f"/api/projects/{project}/versions/1/preview").json()["status"] == "running"
    assert client.delete(f"/api/projects/{project}/versions/1/preview").status_code == 204
    assert client.get(f"/api/projects/{project}/versions/1/preview").json()["status"] == "ended"

    compared = client.get(f"/api/projects/{project}/compare?old=1&new=2").json()
    assert {each["kind"] for each in compared["items"]} <= {"added", "modified"}
    contracts = client.get(f"/api/projects/{project}/contracts?old=1&new=2").json()
    assert contracts["isKnown"]
    assert not contracts["breaking"]
    assert [each["where"] for each in contracts["items"] if each["kind"] == "added"] == ["DELETE /notes/{id}"]
    assert client.get(f"/api/projects/{project}/contracts?old=2&new=1").json()["breaking"]

    restored = client.post(f"/api/projects/{project}/versions/1/restore").json()
    assert (restored["ordinal"], version_of(client, restored)["status"]) == (3, "ready")
    assert files_of(client, project, "3") == files_of(client, project, "1")
    archive = zipfile.ZipFile(io.BytesIO(client.get(f"/api/projects/{project}/versions/3/zip").content))
    assert archive.namelist() == sorted(files_of(client, project, "3"))


def test_what_a_test_finds_is_mended(client: httpx.Client) -> None:
    asked = ask(client, "Build it", model="openai/build-mended")
    events = log_of(client, asked)
    (failed,) = find(events, "check-update", stage="test", status="failed")
    assert "hullo" in failed["diagnostics"][0]["message"]
    assert find(events, "check-update", stage="test", status="passed", attempt=1)
    (complete,) = find(events, "version-complete")
    assert (complete["status"], complete["repairs"]) == ("ready", 1)
    assert "hello" in files_of(client, asked["projectId"], asked["versionId"])["app/main.py"]


def test_what_cannot_be_mended_is_kept_with_its_errors(client: httpx.Client, upstream: Upstream) -> None:
    """A repair that changes nothing leads to the one with whole files, and that was the last."""
    asked = ask(client, "Build it, whatever it takes", model="openai/build-stubborn")
    (complete,) = find(log_of(client, asked), "version-complete")
    assert complete["status"] == version_of(client, asked)["status"] == "ready_with_errors"
    assert len(files_of(client, asked["projectId"], asked["versionId"])) == 4
    checks = client.get(f"/api/projects/{asked['projectId']}/versions/{asked['versionId']}/checks").json()["items"]
    assert [each["status"] for each in checks if each["stage"] == "test"] == ["failed"]

    again = client.post(f"/api/projects/{asked['projectId']}/versions/{asked['versionId']}/retry").json()
    events = log_of(client, again)
    mended = version_of(client, again)
    assert (mended["origin"], mended["status"]) == ("repair", "ready_with_errors")
    assert upstream.requests()[-1].question.startswith("The API does not pass its checks")
    # The same files are not checked again.
    assert find(events, "check-update", status="running", attempt=0) == []
    assert find(events, "check-update", stage="test", status="failed", attempt=0)


def test_a_reply_without_files_fails_and_leaves_the_head(client: httpx.Client) -> None:
    asked = ask(client, "Build it", model="openai/build-prose")
    (error,) = find(log_of(client, asked), "error")
    assert (error["code"], error["keptFiles"]) == ("reply_unusable", [])
    version = version_of(client, asked)
    assert (version["status"], version["error"]["code"]) == ("failed", "reply_unusable")
    assert client.get(f"/api/projects/{asked['projectId']}").json()["headId"] is None


def test_a_build_that_is_stopped_keeps_its_finished_files_and_retry_goes_on_from_them(
    client: httpx.Client, upstream: Upstream
) -> None:
    asked = ask(client, "Build it slowly", model="openai/build-notes-10-40")
    for event in follow(client, asked["runId"]):
        if event["type"] == "data-file-complete":
            break
    at = f"/api/projects/{asked['projectId']}/versions"
    assert client.post(f"{at}/{asked['versionId']}/stop").json()["status"] == "stopped"
    kept = files_of(client, asked["projectId"], asked["versionId"])
    assert kept["requirements.txt"] == "fastapi\n"
    assert find(log_of(client, asked), "error")[0]["keptFiles"] == list(kept)
    again = client.post(f"{at}/{asked['versionId']}/retry").json()
    completed = [each["path"] for each in find(list(follow(client, again["runId"])), "file-complete")]
    assert not set(completed) & set(kept)
    assert set(completed) | set(kept) == set(files_of(client, asked["projectId"], again["versionId"]))
    words = [each.body["messages"][-1]["content"] for each in upstream.requests() if "slowly" in str(each.body)]
    assert "Complete: " in words[-1]


def test_who_joins_late_is_told_the_same_and_each_file_by_its_hash(client: httpx.Client) -> None:
    """Case 37: from a log that is put together behind the end, or being put together just now."""
    asked = ask(client, "Build it", model="openai/build-notes-1-5")
    live = log_of(client, asked)
    assert find(live, "code-chunk")
    for _ in range(5):
        assert log_of(client, asked) == live
    files = client.get(f"/api/projects/{asked['projectId']}/versions/1/files").json()["items"]
    told = {each["path"]: each["sha256"] for each in find(live, "file-complete")}
    assert told == {each["path"]: each["sha256"] for each in files}


@pytest.mark.long
def test_a_question_makes_no_version(client: httpx.Client) -> None:
    first = ask(client, "Build it", model="openai/build-notes")
    for event in follow(client, first["runId"]):
        if event["type"] == "data-check-update":
            break
    # It waits in line until the first is there.
    asked = ask(
        client, "What does it keep?", project=first["projectId"], model="openai/build-notes", whenBusy="enqueue"
    )
    events = log_of(client, asked)
    assert events[-1]["data"]["status"] == "completed"
    assert "".join(event["delta"] for event in events if event["type"] == "text-delta") == "It keeps notes."
    versions = client.get(f"/api/projects/{first['projectId']}/versions").json()["items"]
    assert [each["ordinal"] for each in versions] == [1]


@pytest.mark.long
def test_a_locked_file_stays_as_it_is(client: httpx.Client) -> None:
    first = ask(client, "Build it", model="openai/build-notes")
    log_of(client, first)
    locked = client.patch(f"/api/projects/{first['projectId']}", json={"locks": ["requirements.txt"]})
    assert locked.status_code == 200
    asked = ask(client, "Count them", project=first["projectId"], model="openai/build-locked")
    (warning,) = find(log_of(client, asked), "error", warning=True)
    assert warning["code"] == "path_locked"
    assert files_of(client, first["projectId"], asked["versionId"])["requirements.txt"] == "fastapi\n"


def test_the_id_of_a_version_is_there_before_anybody_is_asked(client: httpx.Client, upstream: Upstream) -> None:
    """E1: nobody waits for a model that does not answer."""
    asked = ask(client, "Build it", model="openai/stall-headers")
    assert version_of(client, asked)["status"] == "generating"
    client.post(f"/api/projects/{asked['projectId']}/versions/{asked['versionId']}/stop")
