"""Processes are killed with SIGKILL in mid-answer; the answer goes on, once (A5 to A8).

The crash suite at a small size, and what it does not look at: who goes on, who begins again, and within what time.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from acceptance.crash.report import table
from acceptance.crash.scenarios import SCENARIOS, SMALL, Scenario, play
from harness.penstock import Penstock, Recording, ask, openai_at, read_frames, read_through, resume
from upstream.process import Upstream
from upstream.script import expected_text

TAKE_OVER_SECONDS = 5
"""How long after a start an answer may take to go on or to end (A7)."""


@pytest.fixture
def installation(tmp_path: Path, upstream: Upstream) -> Iterator[Penstock]:
    """An embedded installation of its own, to be killed."""
    installed = Penstock(folder=tmp_path, environment=openai_at(upstream)).start()
    yield installed
    installed.kill()


def ask_and_lose(client: httpx.Client, penstock: Penstock, frames: int, **body: Any) -> Recording:
    """Ask, read some frames, and kill every process."""
    recording = ask(client, until=frames, **body)
    penstock.kill()
    return recording


def stored(client: httpx.Client, recording: Recording) -> dict[str, Any]:
    """Return the message as it is stored."""
    chat = client.get(f"/api/chats/{recording.start['chatId']}").json()
    message: dict[str, Any] = chat["messages"]["items"][-1]
    return message


def _in_a_change(scenario: Scenario) -> object:
    # What a change has three minutes for: one process, and both of two. The others are variations of these.
    marks = [] if scenario.name in {"sqlite", "both"} else [pytest.mark.long]
    return pytest.param(scenario, id=scenario.name, marks=[*marks, pytest.mark.timeout(600)])


@pytest.mark.parametrize("scenario", [_in_a_change(scenario) for scenario in SCENARIOS])
async def test_whatever_is_killed_no_answer_is_lost_repeated_or_hung(
    tmp_path: Path, upstream: Upstream, scenario: Scenario
) -> None:
    """A3, A5, A6, A7, A10: kill -9 at random moments; every byte that three readers of each answer saw is compared."""
    row = await play(scenario, tmp_path, upstream, SMALL, seed=1)
    assert row.is_clean, "\n".join([table([row]), *row.details])
    assert row.kills == SMALL.kills
    assert row.killed >= SMALL.kills * SMALL.live
    if scenario.name == "zombie":
        assert row.notes["appends refused"] > 0


@pytest.mark.parametrize("frames", [1, 25])
def test_a_model_that_can_goes_on_from_its_text(installation: Penstock, frames: int) -> None:
    """A7: killed at any moment, the text is the one that an unkilled run gives, and no reader sees a restart."""
    with installation.client() as client:
        undisturbed = ask(client, message="Tell me", model="demo/tour").text
        recording = ask_and_lose(client, installation, frames, message="Tell me", model="demo/tour")
        installation.start()
        read_through(recording, client)
        assert recording.text == undisturbed
        assert recording.end["status"] == "completed"
        if frames > 2:
            assert "data-restart" not in [event["type"] for event in recording.events]
        message = stored(client, recording)
        assert message["parts"][-1]["text"] == undisturbed
        assert resume_whole(client, recording).text == undisturbed


def resume_whole(client: httpx.Client, recording: Recording) -> Recording:
    """Read the finished answer again from its beginning, as somebody who joins a day later."""
    run_id = recording.start["runId"]
    with client.stream(
        "GET", f"/api/chat/{recording.start['chatId']}/stream", params={"after": f"{run_id}:{0:016d}"}
    ) as response:
        return read_frames(response.iter_lines(), Recording())


def test_another_model_begins_again_and_every_reader_shows_one_copy(installation: Penstock, upstream: Upstream) -> None:
    """A7, EV7: for whoever read the first half, and for whoever joins later."""
    model = "echo-150-10"
    with installation.client() as client:
        recording = ask_and_lose(client, installation, 30, message="x", model=f"openai/{model}")
        installation.start()
        began = time.monotonic()
        joined_late = resume(client, recording.start["chatId"], until=1)
        assert time.monotonic() - began < TAKE_OVER_SECONDS
        read_through(recording, client)
        read_through(joined_late, client)
        restarts = [event for event in recording.events if event["type"] == "data-restart"]
        assert [restart["data"]["attempt"] for restart in restarts] == [2]
        for each in (recording, joined_late, resume_whole(client, recording)):
            assert each.text == expected_text(model)
            assert each.end["status"] == "completed"
        assert stored(client, recording)["parts"][-1]["text"] == expected_text(model)


def test_where_it_is_asked_for_a_killed_answer_ends_interrupted_and_continue_goes_on(
    tmp_path: Path, upstream: Upstream
) -> None:
    """A7, A8: with PENSTOCK_TAKE_OVER=interrupt the page shows the cut, and one click mends it."""
    environment = {**openai_at(upstream), "PENSTOCK_TAKE_OVER": "interrupt"}
    penstock = Penstock(folder=tmp_path, environment=environment).start()
    try:
        with penstock.client() as client:
            recording = ask_and_lose(client, penstock, 30, message="x", model="openai/echo-150-10")
            penstock.start()
            began = time.monotonic()
            read_through(recording, client)
            assert time.monotonic() - began < TAKE_OVER_SECONDS
            assert recording.end["status"] == "interrupted"
            assert recording.end["retryable"] is True
            partial = stored(client, recording)
            assert partial["status"] == "interrupted"
            assert partial["parts"][-1]["text"] == recording.text
            assert expected_text("echo-150-10").startswith(recording.text)
            continued = ask(
                client,
                trigger="continue-message",
                chatId=recording.start["chatId"],
                messageId=recording.start["messageId"],
                model="openai/echo-5-1",
            )
            assert continued.text == recording.text + expected_text("echo-5-1")
            assert stored(client, recording)["status"] == "completed"
    finally:
        penstock.kill()


def test_an_orderly_end_hands_the_answer_over(installation: Penstock) -> None:
    """A7: SIGTERM ends the process at once, with open streams; the answer goes on after the next start."""
    with installation.client() as client:
        undisturbed = ask(client, message="Tell me", model="demo/tour").text
        recording = ask(client, until=10, message="Tell me", model="demo/tour")
        began = time.monotonic()
        installation.terminate()
        assert time.monotonic() - began < TAKE_OVER_SECONDS
        installation.start()
        read_through(recording, client)
        assert recording.text == undisturbed


def test_another_worker_takes_over_from_one_that_is_killed(
    postgres_url: str, tmp_path: Path, upstream: Upstream
) -> None:
    """A7: readers at the serving process see nothing but a pause."""
    environment = openai_at(upstream)
    penstock = Penstock(folder=tmp_path, database_url=postgres_url, environment=environment).start()
    try:
        with penstock.client() as client:
            undisturbed = ask(client, message="Tell me", model="demo/tour").text
            penstock.spawn("second", "worker")
            recording = ask(client, until=10, message="Tell me", model="demo/tour")
            # Either of the two may have taken it; a worker that is killed is noticed without its lease having to end.
            penstock.kill("worker")
            penstock.spawn("third", "worker")
            resume(client, recording.start["chatId"], recording, until=len(recording.frames) + 30)
            penstock.kill("second")
            killed = time.monotonic()
            resume(client, recording.start["chatId"], recording, until=len(recording.frames) + 20)
            assert time.monotonic() - killed < TAKE_OVER_SECONDS
            resume(client, recording.start["chatId"], recording)
            assert recording.is_done
            assert recording.text == undisturbed
    finally:
        penstock.kill()
