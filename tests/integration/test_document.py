"""The OpenAPI document is true: Schemathesis sends what it makes of it, good and bad, to a server (G4, S15, S22)."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness.penstock import Penstock, ask

INTERNAL = re.compile(
    r"Traceback|sqlalchemy|asyncpg|sqlite3|SELECT .+ FROM|INSERT INTO|/src/penstock|site-packages|\.py\b"
)
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.fixture(scope="module")
def visitor(people: Penstock) -> Iterator[httpx.Client]:
    """Somebody with an answered chat, on a server whose accounts are nobody else's."""
    with people.client() as client:
        client.get("/api/chats")
        yield client


def fuzz(visitor: httpx.Client, folder: Path, *options: str, examples: int) -> list[str]:
    """Let Schemathesis send what it makes of the document as this visitor, and return all that was answered.

    Each run has a chat of its own, so that most requests reach what they are about.
    """
    chat = ask(visitor, message="Hello", model="demo/tour").start
    project = visitor.post("/api/projects", json={"prompt": "Hello", "model": "demo/tour"}).json()
    config = folder / "schemathesis.toml"
    config.write_text(
        "[parameters]\n"
        + "".join(
            f'"path.{name}" = "{value}"\n'
            for name, value in (
                ("chat_id", chat["chatId"]),
                ("run_id", chat["runId"]),
                ("project_id", project["projectId"]),
                ("version", "1"),
                # Of all that its place in the address could hold, most would be another address.
                ("model_id", "demo/tour"),
                ("path", f"runs/{chat['runId']}"),
            )
        )
    )
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    report = folder / "report.har"
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            *("--config-file", config, "run", f"{visitor.base_url}/api/openapi.json"),
            *("--url", str(visitor.base_url), "--header", f"Cookie: {cookies}", "--checks", CHECKS),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", str(examples), "--request-timeout", "30"),
            *("--report", "har", "--report-har-path", report, "--generation-database", "none", "--no-color"),
            *options,
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    entries = json.loads(report.read_text())["log"]["entries"]
    return [entry["response"]["content"].get("text", "") for entry in entries]


@pytest.mark.parametrize(
    ("people", "examples"), [("embedded", 8), pytest.param("scaled", 20, marks=pytest.mark.long)], indirect=["people"]
)
@pytest.mark.parametrize("options", [("--exclude-method", "DELETE"), ("--include-method", "DELETE")])
def test_whatever_is_sent_the_answer_is_documented_and_tells_nothing_internal(
    visitor: httpx.Client, tmp_path: Path, options: tuple[str, str], examples: int
) -> None:
    bodies = fuzz(visitor, tmp_path, *options, examples=examples)
    assert len(bodies) > 20
    assert [body for body in bodies if INTERNAL.search(body)] == []
    assert visitor.get("/readyz").status_code == 200
