"""Connections that are asked to come again (A5): nothing is lost or given twice in between."""

import json
import threading
import time
from pathlib import Path

import httpx

from harness.penstock import Penstock, ask, openai_at
from upstream.process import Upstream
from upstream.script import expected_text

NUMBERS = 120


def read(client: httpx.Client, path: str, *, by_event_id: bool) -> tuple[list[int], int]:
    """Follow a stream to its end as a client does, and return what came and over how many connections."""
    got: list[int] = []
    offset, connections, is_closed = "-1", 0, False
    while not is_closed:
        connections += 1
        headers = {"last-event-id": offset} if by_event_id and offset != "-1" else {}
        params = {"live": "sse", "offset": "-1" if by_event_id else offset}
        with client.stream("GET", path, params=params, headers=headers) as response:
            kind = ""
            for line in response.iter_lines():
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("id: ") and by_event_id:
                    offset = line[4:]
                elif line.startswith("data:") and kind == "data":
                    got += json.loads(line[5:])
                elif line.startswith("data:"):
                    control = json.loads(line[5:])
                    is_closed = control.get("streamClosed", False)
                    offset = offset if by_event_id else control["streamNextOffset"]
    return got, connections


def test_readers_of_a_stream_come_again_and_an_answer_is_not_cut(tmp_path: Path, upstream: Upstream) -> None:
    """A5, CF6: by offset and by Last-Event-ID; an AI SDK client would take the cut for the end of its answer."""
    environment = {**openai_at(upstream), "PENSTOCK_RECYCLE_SECONDS": "0.3"}
    penstock = Penstock(folder=tmp_path, environment=environment)
    penstock.spawn("web", "serve", "--open-streams")
    try:
        penstock.wait_ready()
        with penstock.client() as client:
            path = "/v1/stream/recycled"
            client.put(path, headers={"content-type": "application/json"}).raise_for_status()

            def write() -> None:
                with penstock.client() as writer:
                    for number in range(NUMBERS):
                        writer.post(path, json=number).raise_for_status()
                        time.sleep(0.015)
                    writer.post(path, headers={"stream-closed": "true"}).raise_for_status()

            for by_event_id in (False, True):
                if by_event_id:
                    client.delete(path).raise_for_status()
                    client.put(path, headers={"content-type": "application/json"}).raise_for_status()
                writing = threading.Thread(target=write)
                writing.start()
                got, connections = read(client, path, by_event_id=by_event_id)
                writing.join()
                assert got == list(range(NUMBERS))
                assert connections > 2
            answer = ask(client, message="x", model="openai/echo-80-15")
            assert answer.is_done
            assert answer.text == expected_text("echo-80-15")
    finally:
        penstock.kill()
