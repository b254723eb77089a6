"""E1, E2, E4, E7, E8, E10, E11, E12, E13: from a prompt to a version that runs, over HTTP, with a real sandbox."""

import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.builds import STAGES, Event, ask, files_of, find, follow, log_of, version_of, wait_for_files
from harness.penstock import Penstock, openai_at
from harness.proxy import Proxy
from harness.sandbox import SHARED
from upstream.process import Seen, Upstream


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


def committed(client: httpx.Client, prompt: str, model: str) -> Event:
    """Return the first version of a project, once it has its files; its checks are stopped, if they go on."""
    asked = ask(client, prompt, model=model)
    wait_for_files(client, asked)
    client.post(f"/api/projects/{asked['projectId']}/versions/{asked['versionId']}/stop")
    assert client.get(f"/api/projects/{asked['projectId']}").json()["headId"] == asked["versionId"]
    return asked


def asked_with(upstream: Upstream, words: str) -> Sequence[Seen]:
    """Return what models were asked in whose conversation these words are."""
    return [each for each in upstream.requests() if words in str(each.body)]


def without_nonce(turns: Sequence[Event]) -> list[tuple[str, str]]:
    """Return who says what, with the six signs that are new for each request taken out."""
    (nonce,) = re.findall(r"nonce (\w{6})", turns[0]["content"])[:1]
    return [(turn["role"], turn["content"].replace(nonce, "…")) for turn in turns]


def last_turn(seen: Seen) -> str:
    return seen.body["messages"][-1]["content"]


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


def test_a_repair_of_which_nothing_may_be_taken_leads_to_one_with_whole_files(client: httpx.Client) -> None:
    asked = ask(client, "Build it", model="openai/build-unwilling")
    events = log_of(client, asked)
    assert find(events, "error", warning=True, code="path_reserved")
    (complete,) = find(events, "version-complete")
    assert (complete["status"], complete["repairs"]) == (version_of(client, asked)["status"], 1) == ("ready", 1)


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


@pytest.mark.parametrize(
    ("model", "code", "kept"),
    [
        ("astray", "reply_not_applied", 4),
        ("reserved", "reply_refused", 0),
        pytest.param("many-5000-0", "project_too_large", 2_000, marks=pytest.mark.long),
    ],
)
def test_a_reply_that_cannot_be_taken_fails_when_the_model_was_told_and_leaves_the_head(
    client: httpx.Client, upstream: Upstream, model: str, code: str, kept: int
) -> None:
    """E3, E4: 6,000 files among them; as many as people read are told of, and what is whole is kept as a draft."""
    asked = ask(client, f"Build what is {model}", model=f"openai/build-{model}")
    events = log_of(client, asked)
    while events[-1]["type"] != "data-run-end":  # A connection lasts a minute.
        events = log_of(client, asked)
    (error,) = [each for each in find(events, "error") if not each.get("warning")]
    assert (error["code"], len(error["keptFiles"])) == (code, kept)
    assert 0 < len(find(events, "error", warning=True)) <= 20
    version = version_of(client, asked)
    assert (version["status"], version["error"]["code"]) == ("failed", code)
    project = client.get(f"/api/projects/{asked['projectId']}").json()
    assert project["headId"] is None
    drafted = client.get(f"/api/projects/{asked['projectId']}/versions/1/files").json()["items"]
    assert len(drafted) == kept
    told = [last_turn(each) for each in asked_with(upstream, f"what is {model}")[1:]]
    assert told
    assert max(map(len, told)) < 5_000


def test_a_file_that_is_not_there_to_be_edited_is_written_whole(client: httpx.Client, upstream: Upstream) -> None:
    asked = ask(client, "Build it with extras", model="openai/build-refused")
    events = log_of(client, asked)
    assert find(events, "version-complete")[0]["status"] == version_of(client, asked)["status"] == "ready"
    assert files_of(client, asked["projectId"], "1")["app/extra.py"] == "# An extra.\n"
    first, second = asked_with(upstream, "with extras")
    assert last_turn(first) == "Build it with extras"
    assert "There is no file 'app/extra.py'." in last_turn(second)


def test_an_edit_of_a_file_that_is_not_there_can_be_taken_back(client: httpx.Client, upstream: Upstream) -> None:
    committed(client, "Build it by mistake", "openai/build-mistaken")
    assert len(asked_with(upstream, "by mistake")) == 2


def test_an_edit_that_does_not_apply_is_asked_for_once_more(client: httpx.Client, upstream: Upstream) -> None:
    asked = ask(client, "Build it from memory", model="openai/build-misfit")
    assert find(log_of(client, asked), "version-complete")[0]["status"] == "ready"
    assert "/count" in files_of(client, asked["projectId"], "1")["app/main.py"]
    _, second = asked_with(upstream, "from memory")
    assert "Block 1 of app/main.py was not applied." in last_turn(second)


def test_a_reply_that_is_cut_off_is_gone_on_with(client: httpx.Client, upstream: Upstream) -> None:
    asked = ask(client, "Build it in two goes", model="openai/build-cut")
    events = log_of(client, asked)
    assert find(events, "version-complete")[0]["status"] == version_of(client, asked)["status"] == "ready"
    completed = [each["path"] for each in find(events, "file-complete")]
    assert sorted(completed) == sorted(files_of(client, asked["projectId"], "1"))
    _, second = asked_with(upstream, "in two goes")
    assert "Complete: requirements.txt, app/__init__.py, app/main.py\n" in last_turn(second)


def test_a_reply_that_is_always_cut_off_fails_and_keeps_what_is_whole(client: httpx.Client, upstream: Upstream) -> None:
    asked = ask(client, "Build it for ever", model="openai/build-endless-50")
    (error,) = find(log_of(client, asked), "error")
    whole = ["app/__init__.py", "app/main.py", "requirements.txt"]
    assert (error["code"], error["retryable"], sorted(error["keptFiles"])) == ("reply_incomplete", True, whole)
    assert version_of(client, asked)["error"]["code"] == "reply_incomplete"
    assert sorted(files_of(client, asked["projectId"], "1")) == whole
    assert client.get(f"/api/projects/{asked['projectId']}").json()["headId"] is None
    assert len(asked_with(upstream, "for ever")) == 4


def test_a_connection_that_breaks_within_a_file_costs_that_file_only(tmp_path: Path, upstream: Upstream) -> None:
    def cuts() -> Iterator[int]:
        while True:
            yield sys.maxsize if proxy.cut else 10_000

    proxy = Proxy([upstream.port], cuts())
    environment = {**openai_at(upstream), "OPENAI_BASE_URL": f"{proxy.url}/v1", "PENSTOCK_SANDBOX_DIR": str(SHARED)}
    installation = Penstock(folder=tmp_path, environment=environment)
    try:
        with proxy, installation.start().client() as client:
            asked = ask(client, "Build it over a bad line", model="openai/build-notes-10-10")
            events = wait_for_files(client, asked)
            files = files_of(client, asked["projectId"], "1")
    finally:
        installation.kill()
    assert proxy.cut == 1
    assert [each["attempt"] for each in find(events, "file-generating", path="app/main.py")] == [1, 2]
    assert sorted(each["path"] for each in find(events, "file-complete")) == sorted(files)
    assert len(files) == 4
    assert files["app/main.py"].endswith("return NOTES[note_id]\n")
    _, second = asked_with(upstream, "a bad line")
    assert "Complete: requirements.txt, app/__init__.py\n" in last_turn(second)


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
    assert sorted(find(log_of(client, asked), "error")[0]["keptFiles"]) == sorted(kept)
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
def test_who_was_cut_off_goes_on_under_the_names_of_the_source(client: httpx.Client) -> None:
    """E2, A5: behind every frame that was read comes the very rest, by either name of the cursor."""
    asked = committed(client, "Build it", "openai/build-notes")
    path = f"/api/stream/{asked['projectId']}"
    log_of(client, asked)
    frames = client.get(path).text.split("\n\n")[:-1]
    kinds = [json.loads(frame.partition("\ndata: ")[2])["type"] for frame in frames]
    assert kinds[0] == "version:start"
    assert "code:chunk" in kinds
    cursors = [frame.partition("\n")[0].removeprefix("id: ") for frame in frames]
    assert len(set(cursors)) == len(cursors)
    for number in range(0, len(frames), 5):
        rest = frames[number + 1 :]
        assert client.get(path, params={"after": cursors[number]}).text.split("\n\n")[:-1] == rest
        later = {"last-event-id": cursors[number]}
        assert client.get(path, params={"after": cursors[0]}, headers=later).text.split("\n\n")[:-1] == rest


def test_what_is_wrong_with_a_finished_file_is_told_while_the_next_is_written(client: httpx.Client) -> None:
    """E7."""
    asked = ask(client, "Build it", model="openai/build-broken-8-30")
    events: list[Event] = []
    for event in follow(client, asked["runId"]):
        events.append(event)
        if found := find([event], "check-update", stage="static", status="running"):
            if not found[0].get("diagnostics"):
                continue  # Of the files that were there before it.
            client.post(f"/api/projects/{asked['projectId']}/versions/{asked['versionId']}/stop")
            break
    ((wrong,),) = [each["diagnostics"] for each in find(events, "check-update") if each.get("diagnostics")]
    assert (wrong["path"], wrong["line"]) == ("app/main.py", 1)
    assert [each["path"] for each in find(events, "file-complete")] == ["app/main.py"]
    assert not find(events, "step-start", step="apply")


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


def test_what_will_be_sent_is_what_is_sent(client: httpx.Client, upstream: Upstream) -> None:
    """B7, E6: rules, files, what was said, and the prompt; looked at before, and nothing is stored by looking."""
    asked = committed(client, "Build notes to be looked at", "openai/build-notes")
    path = f"/api/projects/{asked['projectId']}"
    body = {"prompt": "Add the number of notes to those that are looked at", "model": "openai/build-notes"}
    before = client.get(path).json()
    shown = client.post(f"{path}/context", json=body).json()
    assert client.get(path).json() == before
    assert {each["path"] for each in shown["files"]} == set(files_of(client, asked["projectId"], "1"))
    assert {(each["isShown"], each["reason"]) for each in shown["files"]} == {(True, "fits")}
    assert 0 < shown["filesUsed"] < shown["used"] < shown["window"]
    assert shown["filesUsed"] <= shown["filesBudget"]
    log_of(client, ask(client, body["prompt"], project=asked["projectId"], model=body["model"]))
    (sent,) = [each for each in asked_with(upstream, "looked at") if last_turn(each) == body["prompt"]]
    turns = [{"role": each["role"], "content": each["text"]} for each in shown["turns"]]
    assert without_nonce(turns) == without_nonce(sent.body["messages"])

    asks = {"prompt": "What does app/main.py do?", "baseVersionId": "1"}
    shown = client.post(f"{path}/context", json=asks).json()
    reasons = {each["path"]: each["reason"] for each in shown["files"]}
    assert reasons.pop("app/main.py") == "mentioned"
    assert set(reasons.values()) == {"not-needed"}
    assert client.post(f"{path}/context", json={"baseVersionId": "9"}).json()["code"] == "version_not_found"


def test_a_reply_that_only_changes_a_locked_file_makes_no_version(client: httpx.Client, upstream: Upstream) -> None:
    first = committed(client, "Build it", "openai/build-notes")
    at = f"/api/projects/{first['projectId']}"
    assert client.patch(at, json={"locks": ["requirements.txt"]}).status_code == 200
    asked = ask(client, "Change the lock", project=first["projectId"], model="openai/build-only-locked")
    events = log_of(client, asked)
    (warning,) = find(events, "error", warning=True)
    assert warning["code"] == "path_locked"
    assert events[-1]["data"]["status"] == "failed"
    version = version_of(client, asked)
    assert (version["status"], version["error"]["code"]) == ("failed", "reply_refused")
    assert "'requirements.txt' is locked" in version["error"]["message"]
    assert client.get(at).json()["headId"] == first["versionId"]
    _, second = asked_with(upstream, "Change the lock")
    assert "Do without that." in last_turn(second)


def test_a_locked_file_stays_as_it_is(client: httpx.Client) -> None:
    first = committed(client, "Build it", "openai/build-notes")
    locked = client.patch(f"/api/projects/{first['projectId']}", json={"locks": ["requirements.txt"]})
    assert locked.status_code == 200
    asked = ask(client, "Count them", project=first["projectId"], model="openai/build-locked")
    (warning,) = find(wait_for_files(client, asked), "error", warning=True)
    assert warning["code"] == "path_locked"
    assert client.get(f"/api/projects/{first['projectId']}").json()["headId"] == asked["versionId"]
    assert files_of(client, first["projectId"], asked["versionId"])["requirements.txt"] == "fastapi\n"


def test_the_id_of_a_version_is_there_before_anybody_is_asked(client: httpx.Client, upstream: Upstream) -> None:
    """E1: nobody waits for a model that does not answer."""
    asked = ask(client, "Build it", model="openai/stall-headers")
    assert version_of(client, asked)["status"] == "generating"
    client.post(f"/api/projects/{asked['projectId']}/versions/{asked['versionId']}/stop")
