"""What the log of a finished answer of 100 KB takes, and whether every offset that was given out is still good."""

import json
import sqlite3
import time

from bench.report import Bench, line_of
from harness.penstock import Penstock, Recording, ask

MODEL = "openai/fast-9500"
"""About 100 KB of text."""


def measure(penstock: Penstock) -> Bench:
    """Ask for the answer, wait until its log is compacted, and look at both."""
    with penstock.client() as client:
        answer = ask(client, message="x", model=MODEL)
        run_id = answer.start["runId"]
        size = len(answer.text.encode())
        before = len("".join(json.dumps(event) for event in answer.events).encode())
        after = _compacted(penstock, run_id)
        wrong = 0
        offsets = _texts(answer)
        for offset, text in offsets[:: max(1, len(offsets) // 200)]:
            events, position = [], offset
            while True:
                page = client.get(f"/v1/stream/runs/{run_id}", params={"offset": position})
                events += page.json()
                position = page.headers["stream-next-offset"]
                if page.headers.get("stream-up-to-date") == "true":
                    break
            rest = "".join(event["delta"] for event in events if event["type"] == "text-delta")
            wrong += text + rest != answer.text
    return Bench(
        name="storage",
        about=f"The log of an answer of {size / 1000:.0f} KB",
        peer="the size of the text",
        lines=[
            line_of("events as they were sent", "KB", [before / 1000], [size / 1000]),
            line_of("rows after compaction", "KB", [after / 1000], [size / 1000], bar=round(2 * size / 1000)),
            line_of("offsets that give something else than before", "", [wrong], bar=0),
        ],
    )


def _texts(answer: Recording) -> list[tuple[str, str]]:
    """Return each offset that was given out, and the text before it."""
    text, told = "", list[tuple[str, str]]()
    for frame in answer.frames:
        text += frame.event["delta"] if frame.event["type"] == "text-delta" else ""
        told.append((frame.id.partition(":")[2], text))
    return told


def _compacted(penstock: Penstock, run_id: str) -> int:
    """Wait until the log is compacted, and return the bytes of its rows."""
    deadline = time.monotonic() + 30
    query = (
        "SELECT count(*), sum(length(data) + coalesce(length(marks), 0)), min(marks IS NOT NULL)"
        " FROM stream_batch JOIN stream ON stream.id = stream_id WHERE path = ?"
    )
    while True:
        database = sqlite3.connect(penstock.folder / "penstock.db")
        rows, size, is_merged = database.execute(query, (f"runs/{run_id}",)).fetchone()
        database.close()
        if is_merged:
            return int(size)
        assert time.monotonic() < deadline, f"not compacted: {rows} rows"
        time.sleep(0.1)
