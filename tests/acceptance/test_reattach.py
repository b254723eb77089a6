"""Answers that OpenAI goes on making in the background are taken up, also after a crash (A7, A9; DESIGN 3)."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from harness.penstock import Penstock, Recording, ask, openai_at, read_through, resume
from upstream.process import Seen, Upstream
from upstream.script import expected_text


@pytest.fixture
def server() -> Iterator[Upstream]:
    """An upstream of its own: what it was asked is counted."""
    with Upstream() as running:
        yield running


def background(server: Upstream, **environment: str) -> dict[str, str]:
    return {**openai_at(server), "PENSTOCK_OPENAI_API": "background", **environment}


@pytest.fixture
def installation(tmp_path: Path, server: Upstream) -> Iterator[Penstock]:
    """An embedded installation of its own, to be killed."""
    installed = Penstock(folder=tmp_path, environment=background(server)).start()
    yield installed
    installed.kill()


def eventually(server: Upstream, found: Callable[[Seen], bool], *, asked: int = 1) -> Seen:
    """Return the first of the requests that the upstream has seen, of which there are so many, once it is as wanted."""
    deadline = time.monotonic() + 10
    while True:
        first, *others = server.requests()
        assert len(others) == asked - 1
        if found(first):
            return first
        assert time.monotonic() < deadline, first
        time.sleep(0.01)


def assert_taken_up(client: httpx.Client, recording: Recording, server: Upstream, model: str) -> None:
    """The text is that of an unkilled run, for every reader; the upstream was asked once."""
    assert recording.text == expected_text(model)
    assert recording.end["status"] == "completed"
    assert recording.end["usage"]["outputTokens"] == len(expected_text(model).split())
    assert "data-restart" not in [event["type"] for event in recording.events]
    chat = client.get(f"/api/chats/{recording.start['chatId']}").json()
    assert chat["messages"]["items"][-1]["parts"][-1]["text"] == expected_text(model)
    (seen,) = server.requests()
    assert seen.attached >= 1
    assert seen.cancelled_at is None


@pytest.mark.parametrize("frames", [30, *(pytest.param(frames, marks=pytest.mark.long) for frames in (5, 100))])
def test_a_killed_answer_goes_on_with_the_very_text(installation: Penstock, server: Upstream, frames: int) -> None:
    """A7: twice, at any moment; nothing is asked again."""
    model = "echo-200-20"
    with installation.client() as client:
        recording = ask(client, until=frames, message="x", model=f"openai/{model}")
        installation.kill()
        installation.start()
        resume(client, recording.start["chatId"], recording, until=frames + 20)
        installation.kill()
        installation.start()
        read_through(recording, client)
        assert_taken_up(client, recording, server, model)


def test_an_answer_that_was_finished_meanwhile_is_fetched(installation: Penstock, server: Upstream) -> None:
    """A7: the process is away for longer than the answer takes."""
    model = "echo-100-10"
    with installation.client() as client:
        recording = ask(client, until=20, message="x", model=f"openai/{model}")
        installation.kill()
        eventually(server, lambda seen: seen.tokens == 100)
        installation.start()
        read_through(recording, client)
        assert_taken_up(client, recording, server, model)


def test_another_worker_takes_up_what_a_killed_one_followed(
    postgres_url: str, tmp_path: Path, server: Upstream
) -> None:
    """A7: over Postgres, while the readers stay."""
    model = "echo-400-20"
    penstock = Penstock(folder=tmp_path, database_url=postgres_url, environment=background(server)).start()
    try:
        with penstock.client() as client:
            recording = ask(client, until=20, message="x", model=f"openai/{model}")
            penstock.kill("worker")
            penstock.spawn("second", "worker")
            resume(client, recording.start["chatId"], recording, until=60)
            penstock.terminate("second")
            penstock.spawn("third", "worker")
            read_through(recording, client)
            assert_taken_up(client, recording, server, model)
    finally:
        penstock.kill()


def test_a_connection_that_breaks_is_no_end(installation: Penstock, server: Upstream) -> None:
    """A7, A11: the upstream resets the connection in the middle; the same process takes the answer up."""
    model = "break-60-10"
    with installation.client() as client:
        recording = ask(client, message="x", model=f"openai/{model}")
        assert_taken_up(client, recording, server, model)


def test_what_the_provider_has_forgotten_is_asked_again(installation: Penstock, server: Upstream) -> None:
    """A7, EV7: it begins again, and every reader shows one copy."""
    model = "gone-100-20"
    with installation.client() as client:
        recording = ask(client, until=30, message="x", model=f"openai/{model}")
        installation.kill()
        installation.start()
        read_through(recording, client)
        assert recording.text == expected_text(model)
        assert recording.end["status"] == "completed"
        assert [event["type"] for event in recording.events].count("data-restart") == 1
        assert len(server.requests()) == 2


def test_a_second_death_after_a_restart_goes_on_with_the_new_answer(installation: Penstock, server: Upstream) -> None:
    """A7: the handle of the first answer does not outlive its text."""
    model = "gone-100-20"
    with installation.client() as client:
        recording = ask(client, until=30, message="x", model=f"openai/{model}")
        for _ in range(2):
            installation.kill()
            installation.start()
            resume(client, recording.start["chatId"], recording, until=len(recording.frames) + 20)
        read_through(recording, client)
        assert recording.text == expected_text(model)
        assert len(server.requests()) == 3


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_stop_cancels_the_answer_at_the_provider(installation: Penstock, server: Upstream, is_killed: bool) -> None:
    """A9: within a second, also one that another process had asked for."""
    with installation.client() as client:
        recording = ask(client, until=20, message="x", model="openai/echo-1000-20")
        if is_killed:
            installation.kill()
            installation.start()
            resume(client, recording.start["chatId"], recording, until=40)
        stopped_at = time.monotonic()
        assert client.post(f"/api/runs/{recording.start['runId']}/stop").status_code == 200
        seen = eventually(server, lambda seen: seen.cancelled_at is not None)
        assert seen.cancelled_at is not None
        assert seen.cancelled_at - stopped_at < 1
        read_through(recording, client)
        assert recording.end["status"] == "stopped"
        assert expected_text("echo-1000-20").startswith(recording.text)


def test_an_answer_whose_chat_is_deleted_is_cancelled(installation: Penstock, server: Upstream) -> None:
    """B4, A9: nobody will ever take it up."""
    with installation.client() as client:
        recording = ask(client, until=20, message="x", model="openai/echo-1000-20")
        assert client.delete(f"/api/chats/{recording.start['chatId']}").status_code == 204
        eventually(server, lambda seen: seen.cancelled_at is not None)


def test_a_response_that_fails_ends_as_failed(installation: Penstock, server: Upstream) -> None:
    """A3, A11: with its code, and what came before is kept."""
    with installation.client() as client:
        recording = ask(client, message="x", model="openai/error-20")
        assert recording.end["status"] == "failed"
        assert recording.text == expected_text("error-20")
        assert len(server.requests()) == 1


@pytest.mark.parametrize(
    ("policy", "status", "model", "asked"),
    [("restart", "completed", "echo-400-20", 2), ("interrupt", "interrupted", "echo-3000-20", 1)],
)
def test_where_it_is_not_wanted_nothing_is_taken_up(
    tmp_path: Path, server: Upstream, policy: str, status: str, model: str, asked: int
) -> None:
    """A7: the setting decides; what is not taken up is cancelled, long before it is whole."""
    penstock = Penstock(folder=tmp_path, environment=background(server, PENSTOCK_TAKE_OVER=policy)).start()
    try:
        with penstock.client() as client:
            recording = ask(client, until=20, message="x", model=f"openai/{model}")
            penstock.kill()
            penstock.start()
            read_through(recording, client)
            assert recording.end["status"] == status
            assert expected_text(model).startswith(recording.text)
            # An end is not kept back until the provider has cancelled.
            first = eventually(server, lambda seen: seen.cancelled_at is not None, asked=asked)
            assert first.attached == 0
    finally:
        penstock.kill()


def test_one_that_does_not_begin_in_time_is_left_for_the_next_of_its_route(tmp_path: Path, server: Upstream) -> None:
    """C5: though the provider goes on with it, and could be asked for it again; it is told to make no more."""
    routes = tmp_path / "routes.toml"
    routes.write_text('[routes.patient]\nmodels = ["openai/stall-first", "openai/echo-3-1"]\n')
    environment = background(server, PENSTOCK_ROUTES=str(routes), PENSTOCK_FIRST_TOKEN_TIMEOUT="0.3")
    penstock = Penstock(folder=tmp_path, environment=environment).start()
    with penstock.client() as client:
        answer = ask(client, message="x", model="route/patient")
        chat = client.get(f"/api/chats/{answer.start['chatId']}").json()
    penstock.kill()
    assert (answer.text, answer.end["status"]) == (expected_text("echo-3-1"), "completed")
    record = chat["messages"]["items"][-1]["record"]
    assert (record["model"], record["reason"]) == ("openai/echo-3-1", "provider_timeout_first")
    left, asked = server.requests()
    assert (left.attached, asked.attached) == (0, 0)
    assert left.cancelled_at is not None
