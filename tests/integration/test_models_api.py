"""What can be asked, with whose key, and what is refused before anything is asked (C1, C3, C4, B6)."""

from collections.abc import Iterator

import httpx
import pytest

from harness.penstock import Penstock
from harness.people import sign_up


@pytest.fixture
def client(people: Penstock) -> Iterator[httpx.Client]:
    """Somebody with an account."""
    with people.client() as made:
        sign_up(made)
        yield made


def test_models_stand_by_provider_with_whose_key_they_would_be_asked(client: httpx.Client) -> None:
    """C1, C3: one's own goes before the house's; what nobody has a key for is listed, and not available."""
    catalogue = client.get("/api/models").json()
    groups = {group["id"]: group for group in catalogue["providers"]}
    sources = {name: groups[name]["keySource"] for name in ("demo", "openai", "anthropic")}
    assert sources == {"demo": "none", "openai": "house", "anthropic": None}
    (sonnet,) = [each for each in groups["anthropic"]["models"] if each["id"] == "anthropic/claude-sonnet-5-5"]
    assert (sonnet["available"], sonnet["price"]) == (False, {"input": 2.0, "output": 10.0})
    assert sonnet["capabilities"]["contextWindow"] == 1_000_000
    assert sonnet["capabilities"]["sampling"] is False
    assert "medium" in sonnet["capabilities"]["efforts"]
    assert "openai/echo-3-1" in [each["id"] for each in groups["openai"]["models"]]
    assert client.put("/api/keys/openai", json={"key": "sk-my-own-key"}).status_code == 200
    again = {group["id"]: group["keySource"] for group in client.get("/api/models").json()["providers"]}
    assert again == {**{name: groups[name]["keySource"] for name in again}, "openai": "own"}


@pytest.mark.parametrize(
    ("model", "supported", "source"),
    [("openai/echo-3", True, "house"), ("anthropic/claude-sonnet-5-5", True, None), ("nobody/x", False, None)],
)
def test_whether_a_model_can_be_asked_is_told(
    client: httpx.Client, model: str, supported: bool, source: str | None
) -> None:
    """C1."""
    told = client.get(f"/api/models/{model}/support").json()
    assert (told["model"], told["supported"], told["hasKey"]) == (model, supported, source is not None)
    assert told["keySource"] == source


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"model": "anthropic/claude-sonnet-5-5"}, 409, "no_key"),
        ({"model": "nobody/x"}, 422, "model_unknown"),
        ({"model": "demo/tour", "settings": {"reasoningEffort": "high"}}, 422, "setting_invalid"),
        ({"model": "demo/tour", "settings": {"maxTokens": 100_000}}, 422, "setting_invalid"),
        ({"model": "demo/tour", "settings": {"temperature": 9}}, 422, "input_invalid"),
    ],
)
def test_what_cannot_be_asked_so_is_refused_and_nothing_is_stored(
    client: httpx.Client, asked: dict[str, object], status: int, code: str
) -> None:
    """B6, C3, C4."""
    refused = client.post("/api/chat", json={"message": "Hello", **asked})
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.json()["message"].endswith(".")
    assert client.get("/api/chats").json()["items"] == []


def test_a_token_is_taken_from_one_header_only(client: httpx.Client, people: Penstock) -> None:
    """S7: neither an address nor another vendor's header is a place for it."""
    secret = str(client.post("/api/tokens", json={"name": "tools"}).json()["secret"])
    body = {"model": "openai/echo-3", "messages": [{"role": "user", "content": "Hello"}]}
    path = "/v1/chat/completions"
    with httpx.Client(base_url=people.url) as program:
        assert program.post(path, json=body, params={"api_key": secret}).status_code == 401
        assert program.post(path, json=body, headers={"x-api-key": secret}).status_code == 401
        assert program.post(path, json=body, headers={"authorization": f"Bearer {secret}"}).status_code == 200
