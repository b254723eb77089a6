"""Builds as their owners see them: asked for, followed, looked at."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

Event = dict[str, Any]
STAGES = ("static", "install", "boot", "contract", "probe", "test")


def ask(client: httpx.Client, prompt: str, *, project: str = "", **body: Any) -> Event:
    """Ask for a project, or for the next version of one."""
    path = f"/api/projects/{project}/versions" if project else "/api/projects"
    asked = client.post(path, json={"prompt": prompt, **body})
    assert asked.status_code == 201, asked.text
    return asked.json()


def follow(client: httpx.Client, run_id: str) -> Iterator[Event]:
    """Give the events of a run as they come, from the first to the last."""
    with client.stream("GET", f"/v1/stream/runs/{run_id}?offset=-1&live=sse", timeout=100) as response:
        for line in response.iter_lines():
            for event in json.loads(line.removeprefix("data:")) if line.startswith("data:[") else ():
                yield event
                if event["type"] == "data-run-end":
                    return


def log_of(client: httpx.Client, asked: Mapping[str, Any]) -> list[Event]:
    """Return all events of the run that makes a version, when it has ended."""
    return list(follow(client, asked["runId"]))


def find(events: list[Event], name: str, **data: Any) -> list[Event]:
    """Return the data of the events of a name that have these fields."""
    found = (event["data"] for event in events if event["type"] == f"data-{name}")
    return [each for each in found if data.items() <= each.items()]


def version_of(client: httpx.Client, asked: Mapping[str, Any]) -> Event:
    """Return the version that was asked for."""
    return client.get(f"/api/projects/{asked['projectId']}/versions/{asked['versionId']}").json()


def files_of(client: httpx.Client, project: str, version: str) -> dict[str, str]:
    """Return the texts of the files of a version, or of its draft."""
    at = f"/api/projects/{project}/versions/{version}/files"
    return {each["path"]: client.get(f"{at}/{each['sha256']}").text for each in client.get(at).json()["items"]}


def wait_for_files(client: httpx.Client, asked: Mapping[str, Any]) -> list[Event]:
    """Return the events up to the first check of all files: finished ones are checked before that."""
    events: list[Event] = []
    for event in follow(client, asked["runId"]):
        events.append(event)
        if event["type"] == "data-check-update" and find(events, "step-start", step="apply"):
            break
    return events
