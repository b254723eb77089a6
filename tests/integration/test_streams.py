"""Reading a run's log by the Durable Streams protocol (A5, RD1 to RD5)."""

import json

from harness.penstock import Penstock, ask, resume


def test_catch_up_gives_the_events_as_one_array_and_the_offset_to_go_on_from(penstock: Penstock) -> None:
    """RD2, RD4."""
    with penstock.client() as client:
        answer = ask(client, message="x", model="openai/echo-20-1")
        path = f"/v1/stream/runs/{answer.start['runId']}"
        whole = client.get(path)
        assert whole.headers["content-type"] == "application/json"
        assert whole.headers["stream-up-to-date"] == "true"
        assert whole.headers["stream-closed"] == "true"
        assert whole.json() == answer.events
        tail = client.get(path, params={"offset": whole.headers["stream-next-offset"]})
        assert tail.json() == []
        for position in range(0, len(answer.events), 7):
            rest = client.get(path, params={"offset": f"{position:016d}"})
            assert rest.json() == answer.events[position:]
        head = client.head(path)
        assert head.headers["stream-next-offset"] == whole.headers["stream-next-offset"]
        assert head.headers["stream-closed"] == "true"


def test_long_poll_gives_all_events_once(penstock: Penstock) -> None:
    """RD2, RD4."""
    with penstock.client() as client:
        answer = ask(client, until=2, message="x", model="openai/echo-40-5")
        events: list[object] = []
        offset = "-1"
        while True:
            params = {"offset": offset, "live": "long-poll"}
            page = client.get(f"/v1/stream/runs/{answer.start['runId']}", params=params)
            events += page.json() if page.status_code == 200 else []
            offset = page.headers["stream-next-offset"]
            if page.headers.get("stream-closed") == "true":
                break
        assert events == client.get(f"/v1/stream/runs/{answer.start['runId']}").json()


def test_sse_gives_data_and_control_events_until_the_stream_is_closed(penstock: Penstock) -> None:
    """RD4: and a browser's EventSource could go on by its ids."""
    with penstock.client() as client:
        answer = ask(client, until=3, message="x", model="openai/echo-40-5")
        path = f"/v1/stream/runs/{answer.start['runId']}"
        events: list[object] = []
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
        assert events == whole
        with client.stream("GET", path, params={"live": "sse"}, headers={"last-event-id": ids[0]}) as response:
            first = next(line for line in response.iter_lines() if line.startswith("data:"))
        assert json.loads(first[5:]) == whole[int(ids[0]) :]


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
