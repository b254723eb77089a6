"""E10, G3: a preview belongs to one of several serving processes, and is reached through all of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.builds import ask, log_of
from harness.penstock import Penstock
from harness.ports import free_port
from harness.sandbox import SHARED, survivors, wait_gone


@pytest.fixture
def installation(tmp_path: Path, postgres_url: str) -> Iterator[Penstock]:
    environment = {"PENSTOCK_SANDBOX_DIR": str(SHARED)}
    made = Penstock(folder=tmp_path, database_url=postgres_url, environment=environment)
    try:
        yield made.start()
    finally:
        made.kill()


@pytest.fixture
def second(installation: Penstock) -> int:
    """The port of another process that serves."""
    port = free_port()
    installation.spawn("second", "serve", "--no-worker", "--port", str(port))
    installation.wait_ready(port)
    return port


def started(client: httpx.Client, at: str) -> dict[str, Any]:
    answer = client.post(at, timeout=120)
    assert answer.status_code == 200, answer.text
    return answer.json()


def app_answer(port: int, shown: dict[str, Any], path: str = "/health") -> httpx.Response:
    """Return what the app answers to a program, asked through the process at a port."""
    headers = {"host": f"{shown['id']}.localhost:{port}", "x-preview-token": shown["token"]}
    return httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers, timeout=60)


@pytest.mark.timeout(300)
def test_a_preview_is_reached_through_every_process_and_ends_with_its_project(
    installation: Penstock, second: int
) -> None:
    with installation.client() as one, installation.client(second) as two:
        made = ask(one, "Build an API for notes", stack="node", model="demo/tour")
        assert log_of(one, made)[-1]["data"]["status"] == "completed"
        two.cookies.update(one.cookies)
        at = f"/api/projects/{made['projectId']}/versions/1/preview"
        shown = started(one, at)
        assert app_answer(installation.port, shown).status_code == 200

        # The other process leads to it, starts no second, and says the same of it.
        assert app_answer(second, shown).json() == app_answer(installation.port, shown).json()
        again = two.post(at)
        assert (again.status_code, again.json()["id"]) == (200, shown["id"])
        assert two.get(at).json()["status"] == "running"

        # A browser is sent to the door, which every process knows; what holds of previews holds there too.
        link = httpx.URL(shown["url"])
        names = {"host": f"{link.host}:{second}"}
        sent = httpx.get(f"http://127.0.0.1:{second}/health", params=dict(link.params), headers=names)
        assert sent.status_code == 303
        door = httpx.URL(sent.headers["location"])
        page = httpx.get(f"http://127.0.0.1:{second}/health", headers={"host": door.netloc.decode()}, timeout=60)
        assert page.status_code == 200
        assert page.headers["content-security-policy"].startswith("sandbox allow-scripts")
        strange = httpx.get(f"http://127.0.0.1:{second}/", headers={"host": f"{'a' * 32}.localhost:{second}"})
        assert (strange.status_code, strange.json()["code"]) == (404, "preview_not_found")

        # Strangers find nothing, whichever process they ask.
        with installation.client(second) as stranger:
            assert stranger.get(at).status_code == 404
            assert stranger.delete(at).status_code == 404

        assert two.delete(at).status_code == 204
        assert one.get(at).json()["status"] == "ended"

        # A process that is killed takes its previews along, and the next starts one of its own.
        shown = started(one, at)
        installation.kill("web")
        fresh = started(two, at)
        assert fresh["id"] != shown["id"]
        assert app_answer(second, fresh).status_code == 200

        # It ends with its project, whoever deletes that.
        installation.spawn("web", "serve", "--no-worker")
        installation.wait_ready()
        assert survivors("src/server.js")
        assert one.delete(f"/api/projects/{made['projectId']}").status_code == 204
        wait_gone("src/server.js", seconds=30)
        assert app_answer(second, fresh).status_code in {401, 404}
