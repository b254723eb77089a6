"""How long a provider may take, and what becomes of an answer that takes longer (A11)."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.penstock import Penstock, ask, openai_at
from upstream.process import Upstream
from upstream.script import expected_text


@pytest.fixture
def full() -> Iterator[int]:
    """Give a port whose queue of connections is full, so that Linux leaves the next one without an answer."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def failed(penstock: Penstock, model: str, code: str) -> str:
    """Ask, see that the answer fails as every answer does, and return its text."""
    with penstock.client() as client:
        answer = ask(client, message="x", model=f"openai/{model}")
        chat = client.get(f"/api/chats/{answer.start['chatId']}").json()
    end = answer.end
    assert (end["status"], end["code"], end["retryable"]) == ("failed", code, True)
    assert end["message"].endswith(".")
    assert [event["type"] for event in answer.events[-2:]] == ["error", "data-run-end"]
    assert answer.is_done
    message = chat["messages"]["items"][-1]
    assert (chat["status"], chat["liveRunId"], message["status"]) == ("error", None, "failed")
    assert message["error"] == {key: end[key] for key in ("code", "message", "retryable")}
    assert "".join(part.get("text", "") for part in message["parts"]) == answer.text
    return answer.text


@pytest.mark.parametrize(
    ("model", "setting", "seconds", "code", "requests"),
    [
        # Nothing had been shown: it was asked again, three times.
        ("stall-headers", "FIRST_TOKEN", "0.3", "provider_timeout_first", 4),
        ("stall-first", "FIRST_TOKEN", "0.3", "provider_timeout_first", 4),
        ("stall-7", "TOKEN", "0.5", "provider_timeout_idle", 1),
        ("stall-pings-6", "TOKEN", "0.5", "provider_timeout_idle", 1),
        ("echo-5000-10", "TOTAL", "2", "provider_timeout_total", 1),
    ],
)
def test_a_provider_that_takes_too_long_is_left_and_the_answer_fails_with_what_there_is(
    tmp_path: Path, upstream: Upstream, model: str, setting: str, seconds: str, code: str, requests: int
) -> None:
    """A11: each wait has its code; the provider's connection is closed, and not only forgotten."""
    environment = {**openai_at(upstream), f"PENSTOCK_{setting}_TIMEOUT": seconds}
    penstock = Penstock(folder=tmp_path, environment=environment).start()
    before = len(upstream.requests())
    try:
        text = failed(penstock, model, code)
        seen = upstream.requests(before)
        assert [each.closed_early for each in seen] == [True] * requests
        whole = expected_text(model)
        assert whole.startswith(text)
        assert (text == whole) is (setting != "TOTAL")
    finally:
        penstock.kill()


def test_a_provider_that_cannot_be_reached_in_time_fails_the_answer(tmp_path: Path, full: int) -> None:
    """A11."""
    environment = {
        "OPENAI_BASE_URL": f"http://127.0.0.1:{full}/v1",
        "OPENAI_API_KEY": "a-key-for-tests",
        "PENSTOCK_CONNECT_TIMEOUT": "0.3",
    }
    penstock = Penstock(folder=tmp_path, environment=environment).start()
    try:
        assert failed(penstock, "echo", "provider_unreachable") == ""
    finally:
        penstock.kill()
