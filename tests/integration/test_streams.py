"""Reading a run's log by the Durable Streams protocol (A5, RD1 to RD5)."""

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

from harness.penstock import Penstock, ask, openai_at, resume
from upstream.process import Upstream


def told(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events with neighbouring deltas of one part as one: what a log may merge once it has ended (RD2)."""
    joined: list[dict[str, Any]] = []
    for event in events:
        last = joined[-1] if joined else {}
        if "delta" in event and (last.get("type"), last.get("id")) == (event["type"], event["id"]):
            joined[-1] = {**last, "delta": last["delta"] + event["delta"]}
        else:
            joined.append(event)
    return joined


def test_catch_up_gives_the_events_as_one_array_and_the_offset_to_go_on_from(penstock: Penstock) -> None:
    """RD2, RD4."""
    with penstock.client() as client:
        answer = ask(client, message="x", model="openai/echo-20-1")
        path = f"/v1/stream/runs/{answer.start['runId']}"
        whole = client.get(path)
        assert whole.headers["content-type"] == "application/json"
        assert whole.headers["stream-up-to-date"] == "true"
        assert whole.headers["stream-closed"] == "true"
        assert told(whole.json()) == told(answer.events)
        tail = client.get(path, params={"offset": whole.headers["stream-next-offset"]})
        assert tail.json() == []
        for position in range(0, len(answer.events), 7):
            rest = client.get(path, params={"offset": f"{position:016d}"})
            assert told(rest.json()) == told(answer.events[position:])
        head = client.head(path)
        assert head.headers["stream-next-offset"] == whole.headers["stream-next-offset"]
        assert head.headers["stream-closed"] == "true"


def test_long_poll_gives_all_events_once(penstock: Penstock) -> None:
    """RD2, RD4."""
    with penstock.client() as client:
        answer = ask(client, until=2, message="x", model="openai/echo-40-5")
        events: list[dict[str, Any]] = []
        offset = "-1"
        while True:
            params = {"offset": offset, "live": "long-poll"}
            page = client.get(f"/v1/stream/runs/{answer.start['runId']}", params=params)
            events += page.json() if page.status_code == 200 else []
            offset = page.headers["stream-next-offset"]
            if page.headers.get("stream-closed") == "true":
                break
        assert told(events) == told(client.get(f"/v1/stream/runs/{answer.start['runId']}").json())


def test_sse_gives_data_and_control_events_until_the_stream_is_closed(penstock: Penstock) -> None:
    """RD4: and a browser's EventSource could go on by its ids."""
    with penstock.client() as client:
        answer = ask(client, until=3, message="x", model="openai/echo-40-5")
        path = f"/v1/stream/runs/{answer.start['runId']}"
        events: list[dict[str, Any]] = []
        control: dict[str, object] = {}
        ids: list[str] = []
        with client.stream("GET", path, params={"offset": "-1", "live": "sse"}) as response:
            kind = ""
            for line in response.iter_lines():
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("id: "):
                    ids.append(line[4:])
                elif line.startswith("data:") and kind == "data":
                    events += json.loads(line[5:])
                elif line.startswith("data:"):
                    control = json.loads(line[5:])
        assert control["streamClosed"] is True
        assert control["streamNextOffset"] == ids[-1]
        whole = client.get(path).json()
        assert told(events) == told(whole)
        with client.stream("GET", path, params={"live": "sse"}, headers={"last-event-id": ids[0]}) as response:
            first = next(line for line in response.iter_lines() if line.startswith("data:"))
        assert told(json.loads(first[5:])) == told(client.get(path, params={"offset": ids[0]}).json())


def test_a_live_read_without_an_offset_is_refused(penstock: Penstock) -> None:
    """RD4."""
    with penstock.client() as client:
        answer = ask(client, message="x", model="openai/echo-1-1")
        response = client.get(f"/v1/stream/runs/{answer.start['runId']}", params={"live": "sse"})
        assert response.json()["code"] == "offset_missing"


def test_a_long_answer_replays_joined_and_whole(penstock: Penstock) -> None:
    """A12, CF3: a replay holds far fewer frames than the answer had tokens."""
    with penstock.client() as client:
        answer = ask(client, until=1, message="x", model="openai/fast-5000")
        run_id = answer.start["runId"]
        while client.get(f"/api/runs/{run_id}").json()["status"] == "running":
            pass
        answer.frames[0] = type(answer.frames[0])(f"{run_id}:{1:016d}", answer.frames[0].event)
        whole = resume(client, answer.start["chatId"], answer)
        stored = client.get(f"/api/chats/{answer.start['chatId']}").json()["messages"]["items"][-1]
    assert whole.text == "".join(part.get("text", "") for part in stored["parts"])
    assert len(whole.frames) < 50


def test_a_finished_log_takes_little_more_room_than_its_text(tmp_path: Path, upstream: Upstream) -> None:
    """A12: at most twice the text once it is compacted, and every earlier offset is still good."""
    penstock = Penstock(folder=tmp_path, environment=openai_at(upstream)).start()
    try:
        with penstock.client() as client:
            answer = ask(client, message="x", model="openai/echo-2000-1")
            path = f"/v1/stream/runs/{answer.start['runId']}"
            assert len(answer.frames) > 50
            deadline = time.monotonic() + 10
            while len(client.get(path).json()) > 10:
                assert time.monotonic() < deadline, "not compacted"
            rows, size = rows_of(penstock, answer.start["runId"])
            assert rows <= 2
            assert size <= 2 * len(answer.text)
            for frame in answer.frames[:: len(answer.frames) // 20]:
                position = answer.frames.index(frame) + 1
                rest = client.get(path, params={"offset": frame.id.split(":")[1]}).json()
                assert told(rest) == told(answer.events[position:])
    finally:
        penstock.kill()


def rows_of(penstock: Penstock, run_id: str) -> tuple[int, int]:
    """Return how many rows a run's log has, and their bytes."""
    with sqlite3.connect(penstock.folder / "penstock.db") as database:
        found: tuple[int, int] = database.execute(
            "SELECT count(*), sum(length(data) + coalesce(length(marks), 0)) FROM stream_batch"
            " JOIN stream ON stream.id = stream_id WHERE path = ?",
            (f"runs/{run_id}",),
        ).fetchone()
    database.close()
    return found
