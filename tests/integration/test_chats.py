"""Chats: list, open, rename, delete, page; and whose they are (B1, B3, B4, D3)."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from harness.penstock import Penstock, ask
from upstream.process import Seen, Upstream


def test_chats_are_listed_latest_first_by_cursor_and_by_offset(penstock: Penstock) -> None:
    """B4."""
    with penstock.client() as client:
        made = [client.post("/api/chats", json={"title": f"Chat {number}"}).json()["id"] for number in range(5)]
        pages: list[str] = []
        cursor = None
        while True:
            params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
            page = client.get("/api/chats", params=params).json()
            pages += [chat["id"] for chat in page["items"]]
            cursor = page["nextCursor"]
            if cursor is None:
                break
        by_offset = client.get("/api/chats", params={"limit": 2, "offset": 3}).json()["items"]
    assert pages == made[::-1]
    assert [chat["id"] for chat in by_offset] == made[::-1][3:]


def test_messages_page_back_from_the_newest(penstock: Penstock) -> None:
    """B4: a page is oldest first, the cursor leads to older ones."""
    with penstock.client() as client:
        chat_id = client.post("/api/chats", json={}).json()["id"]
        for number in range(5):
            stored = client.post(f"/api/chats/{chat_id}/messages", json={"message": f"Message {number}"})
            assert stored.status_code == 201
        newest = client.get(f"/api/chats/{chat_id}/messages", params={"limit": 3}).json()
        older = client.get(f"/api/chats/{chat_id}/messages", params={"limit": 3, "cursor": newest["nextCursor"]}).json()
        chat = client.get(f"/api/chats/{chat_id}").json()
    texts = [message["parts"][0]["text"] for message in older["items"] + newest["items"]]
    assert texts == [f"Message {number}" for number in range(5)]
    assert older["nextCursor"] is None
    assert chat["messageCount"] == 5
    assert chat["title"] == "Message 0"
    assert chat["status"] == "idle"


def test_a_chat_keeps_a_model_settings_and_a_system_prompt(penstock: Penstock) -> None:
    """B1, B4: what cannot be asked for is refused, and nothing of it is kept."""
    with penstock.client() as client:
        chat_id = client.post("/api/chats", json={}).json()["id"]
        kept = {"model": "openai/echo-1-1", "settings": {"temperature": 0.5}, "systemPrompt": "Be brief."}
        assert client.patch(f"/api/chats/{chat_id}", json=kept).json()["model"] == "openai/echo-1-1"
        for wrong in (
            {"model": "nobody/none", "systemPrompt": "x"},
            {"settings": {"temperature": 7}, "systemPrompt": "x"},
            {"systemPrompt": "x" * 20_001},
            {"systemPrompt": "\0"},
        ):
            assert client.patch(f"/api/chats/{chat_id}", json=wrong).status_code == 422
        opened = client.get(f"/api/chats/{chat_id}").json()
        assert {name: opened[name] for name in kept} == kept
        client.patch(f"/api/chats/{chat_id}", json={"title": "Other"})
        assert client.get(f"/api/chats/{chat_id}").json()["systemPrompt"] == "Be brief."
        client.patch(f"/api/chats/{chat_id}", json={"systemPrompt": None})
        assert client.get(f"/api/chats/{chat_id}").json()["systemPrompt"] is None


def test_a_chat_is_named_by_its_first_message_and_can_be_renamed(penstock: Penstock) -> None:
    """B3, B4."""
    with penstock.client() as client:
        chat_id = ask(client, message="# How do *rivers* run?\nTell me.", model="openai/echo-1-1").start["chatId"]
        assert client.get(f"/api/chats/{chat_id}").json()["title"] == "How do rivers run? Tell me."
        renamed = client.patch(f"/api/chats/{chat_id}", json={"title": "  Rivers "})
        assert renamed.json()["title"] == "Rivers"
        blank = client.patch(f"/api/chats/{chat_id}", json={"title": "  "})
        assert blank.status_code == 422
        assert client.get(f"/api/chats/{chat_id}").json()["title"] == "Rivers"


def test_a_name_that_a_person_gives_stays_whatever_it_is(penstock: Penstock) -> None:
    """B3: also the one that chats have before their first message; of blanks there is none."""
    with penstock.client() as client:
        made, blank, renamed = (
            client.post("/api/chats", json=body).json() for body in ({"title": "New chat"}, {"title": " "}, {})
        )
        assert (blank["title"], renamed["title"]) == ("New chat", "New chat")
        client.patch(f"/api/chats/{renamed['id']}", json={"title": "New chat"})
        ask(client, chatId=made["id"], message="What is a dam?", model="openai/echo-1-1")
        for chat in (blank, renamed):
            client.post(f"/api/chats/{chat['id']}/messages", json={"message": "What is a dam?"}).raise_for_status()
        titles = [client.get(f"/api/chats/{chat['id']}").json()["title"] for chat in (made, blank, renamed)]
    assert titles == ["New chat", "What is a dam?", "New chat"]


def test_deleting_a_chat_ends_its_run_and_removes_everything(penstock: Penstock, upstream: Upstream) -> None:
    """B4: the provider's connection is closed, the stream is gone."""
    question = f"to be deleted {penstock.port}"
    with penstock.client() as client:
        answer = ask(client, until=8, message=question, model="openai/echo-900-10")
        chat_id, run_id = answer.start["chatId"], answer.start["runId"]
        assert client.delete(f"/api/chats/{chat_id}").status_code == 204
        for path in (f"/api/chats/{chat_id}", f"/api/runs/{run_id}", f"/v1/stream/runs/{run_id}"):
            assert client.get(path).status_code == 404
        assert client.get("/api/chats").json()["items"] == []
    assert wait_closed(upstream, question)


def test_whoever_reads_along_is_cut_off_when_a_chat_is_deleted_and_no_error_is_told(penstock: Penstock) -> None:
    """B4, A7: what broke off does not look whole, in either protocol; to delete is nothing to be alarmed about."""
    said_before = len(penstock.log_file.read_bytes())
    with penstock.client() as client:
        for path in ("/api/chat/{chatId}/stream", "/v1/stream/runs/{runId}?offset=-1&live=sse"):
            begun = ask(client, until=3, message="x", model="openai/stall-3-1").start
            with client.stream("GET", path.format(**begun)) as reading:
                lines = reading.iter_lines()
                assert next(lines)
                assert client.delete(f"/api/chats/{begun['chatId']}").status_code == 204
                with pytest.raises(httpx.RemoteProtocolError):
                    list(lines)
    assert b"Traceback" not in penstock.log_file.read_bytes()[said_before:]


def wait_closed(upstream: Upstream, question: str) -> bool:
    """Wait until the upstream has seen the client of this question go."""

    def closed(seen: Sequence[Seen]) -> bool:
        return any(each.question == question and each.closed_early for each in seen)

    asyncio.run(upstream.eventually(closed))
    return True


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/chats/{chat}", None),
        ("PATCH", "/api/chats/{chat}", {"title": "mine now"}),
        ("DELETE", "/api/chats/{chat}", None),
        ("GET", "/api/chats/{chat}/messages", None),
        ("POST", "/api/chats/{chat}/messages", {"message": "x"}),
        ("GET", "/api/chat/{chat}/stream", None),
        ("GET", "/api/chat/{chat}/stream?after={run}:0000000000000000", None),
        ("POST", "/api/chat", {"message": "x", "chatId": "{chat}"}),
        ("POST", "/api/chat", {"message": "x", "chatId": "{chat}", "whenBusy": "enqueue"}),
        ("POST", "/api/chat", {"message": "x", "chatId": "{chat}", "whenBusy": "interrupt"}),
        ("POST", "/api/chat", {"trigger": "continue-message", "chatId": "{chat}", "messageId": "{message}"}),
        ("POST", "/api/chat", {"trigger": "regenerate-message", "chatId": "{chat}", "messageId": "{message}"}),
        ("GET", "/api/runs/{run}", None),
        ("POST", "/api/runs/{run}/stop", None),
        ("GET", "/v1/stream/runs/{run}", None),
        ("GET", "/v1/stream/runs/{run}?offset=-1&live=sse", None),
        ("HEAD", "/v1/stream/runs/{run}", None),
    ],
)
def test_what_is_not_yours_is_not_there(
    penstock: Penstock, method: str, path: str, body: dict[str, str] | None
) -> None:
    """D3: the same answer as for what does not exist, and nothing is changed."""
    with penstock.client() as owner, penstock.client() as stranger:
        answer = ask(owner, until=3, message="x", model="openai/echo-200-5")
        ids = {"chat": answer.start["chatId"], "run": answer.start["runId"], "message": answer.start["messageId"]}
        filled = {key: value.format(**ids) for key, value in body.items()} if body else None
        response = stranger.request(method, path.format(**ids), json=filled)
        assert response.status_code == 404
        before = owner.get(f"/api/chats/{ids['chat']}").json()
        assert (before["title"], before["messageCount"]) == ("x", 2)
        assert owner.get(f"/api/runs/{ids['run']}").json()["status"] in {"running", "completed"}
        owner.post(f"/api/runs/{ids['run']}/stop")


def test_a_forged_cookie_is_nobody(penstock: Penstock) -> None:
    """D3: the identity is what we signed, not what the browser says."""
    with penstock.client() as owner:
        chat_id = ask(owner, message="x", model="openai/echo-1-1").start["chatId"]
        identity, signature = owner.cookies["penstock"].rsplit(".", 1)
        for forged in (identity, f"{identity}.", f"{identity}.{signature[::-1]}"):
            stranger = httpx.get(f"{penstock.url}/api/chats/{chat_id}", headers={"cookie": f"penstock={forged}"})
            assert stranger.status_code == 404


def test_an_edited_question_and_its_first_version_are_both_there(penstock: Penstock) -> None:
    """B5: by HTTP; pages say what stands beside a message, and choosing it brings its branch back."""
    with penstock.client() as client:
        first = ask(client, message="One", model="openai/echo-2-1")
        chat_id = first.start["chatId"]
        path = f"/api/chats/{chat_id}"
        before = client.get(path).json()["messages"]["items"]
        # As the AI SDK edits: under the id of the message that is replaced.
        messages = [{"id": before[0]["id"], "role": "user", "parts": [{"type": "text", "text": "Won"}]}]
        ask(client, chatId=chat_id, messages=messages, messageId=before[0]["id"], model="openai/echo-2-1")
        edited = client.get(path).json()
        assert [item["parts"][-1].get("text") for item in edited["messages"]["items"][:1]] == ["Won"]
        versions = edited["messages"]["items"][0]["versionIds"]
        assert versions == [before[0]["id"], edited["messages"]["items"][0]["id"]]
        chosen = client.patch(path, json={"leafId": versions[0]}).json()
        assert chosen["leafId"] == first.start["messageId"]
        shown = client.get(f"{path}/messages").json()["items"]
        assert [item["parts"] for item in shown] == [item["parts"] for item in before]
        hit = client.get(f"{path}/messages", params={"at": versions[1], "limit": 1}).json()
        assert [item["id"] for item in hit["items"]] == [versions[1]]
        newer = client.get(f"{path}/messages", params={"cursor": hit["previousCursor"]}).json()
        assert [item["id"] for item in newer["items"]] == [edited["leafId"]]
        assert (hit["leafId"], newer["previousCursor"]) == (edited["leafId"], None)


def test_a_chat_says_what_each_model_has_used(penstock: Penstock) -> None:
    """B1: on all branches, and the same as its own sum."""
    with penstock.client() as client:
        first = ask(client, message="x", model="openai/echo-3-1")
        path = f"/api/chats/{first.start['chatId']}"
        ask(client, chatId=first.start["chatId"], trigger="regenerate-message", model="openai/echo-2-1")
        ask(client, chatId=first.start["chatId"], trigger="regenerate-message", model="openai/echo-3-1")
        usage, chat = client.get(f"{path}/usage").json(), client.get(path).json()
        empty = client.get(f"/api/chats/{client.post('/api/chats', json={}).json()['id']}/usage").json()
    assert [(each["model"], each["answers"]) for each in usage["models"]] == [
        ("openai/echo-2-1", 1),
        ("openai/echo-3-1", 2),
    ]
    assert usage["inputTokens"] + usage["outputTokens"] == chat["totalTokens"] > 0
    assert empty == {"inputTokens": 0, "outputTokens": 0, "models": []}


def test_the_names_of_the_source_documents_are_the_same_chats(penstock: Penstock) -> None:
    """B4: by the same handlers; somebody else's `user_id` is not there."""
    with penstock.client() as client:
        me = client.get("/api/me").json()["id"]
        theirs = "/api/chat/conversations"
        made = client.post(theirs, json={"user_id": None, "title": "Grammar", "model": "x/y"}).json()
        assert client.post(theirs, json={"user_id": me, "title": "Other"}).status_code == 201
        stored = client.post(f"{theirs}/{made['id']}/messages", json={"role": "user", "content": "Explain は"})
        assert stored.json()["parts"] == [{"type": "text", "text": "Explain は"}]
        listed = client.get(theirs, params={"user_id": me, "limit": 50, "offset": 0}).json()
        assert listed == client.get("/api/chats").json()
        messages = client.get(f"{theirs}/{made['id']}/messages", params={"limit": 100, "offset": 0}).json()
        assert messages == client.get(f"/api/chats/{made['id']}/messages").json()
        answer = client.post(
            "/api/chat/stream", json={"conversationId": made["id"], "content": "x", "streaming": False}
        )
        assert answer.json()["message"]["status"] == "completed"
        assert client.delete(theirs, params={"id": made["id"]}).status_code == 204
        gone = client.get(f"/api/chats/{made['id']}")
        assert (gone.status_code, gone.json()["code"]) == (404, "chat_not_found")
        for refused in (
            client.get(theirs, params={"user_id": "somebody"}),
            client.post(theirs, json={"user_id": "somebody"}),
        ):
            assert refused.status_code == 404
        assert client.post(theirs, content=b"{", headers={"content-type": "application/json"}).status_code == 400


def test_bad_input_about_where_chats_are_kept_changes_nothing(penstock: Penstock) -> None:
    """B11, B12: a code each."""
    with penstock.client() as client:
        outer = client.post("/api/folders", json={"name": "Outer"}).json()
        inner = client.post("/api/folders", json={"name": "Inner", "parentId": outer["id"]}).json()
        chat = client.post("/api/chats", json={"title": "Mine"}).json()
        template = client.post("/api/templates", json={"name": "T", "text": "{{n}}"}).json()
        other = client.post("/api/chats", json={"title": "Other"}).json()
        for text in ("one", "two"):
            client.post(f"/api/chats/{other['id']}/messages", json={"message": text}).raise_for_status()
        cursor = client.get(f"/api/chats/{other['id']}/messages", params={"limit": 1}).json()["nextCursor"]
        assert client.get(f"/api/chats/{other['id']}/messages", params={"cursor": cursor}).status_code == 200
        before = [client.get(path).json() for path in ("/api/chats", "/api/folders", "/api/templates")]
        path = f"/api/chats/{chat['id']}"
        cases: list[tuple[str, str, Any, int, str]] = [
            ("PATCH", path, {"tags": ["x" * 300]}, 422, "input_invalid"),
            ("PATCH", path, {"tags": [f"{number}" for number in range(21)]}, 422, "input_invalid"),
            ("PATCH", path, {"tags": ["  "]}, 422, "input_invalid"),
            ("PATCH", path, {"title": "Taken", "folderId": "x"}, 404, "folder_not_found"),
            ("PATCH", path, {"title": "Taken", "leafId": "x"}, 404, "message_not_found"),
            ("GET", f"{path}/messages?cursor={cursor}", None, 422, "cursor_invalid"),
            ("PATCH", f"/api/folders/{outer['id']}", {"parentId": inner["id"]}, 409, "folder_inside_itself"),
            ("PATCH", f"/api/folders/{outer['id']}", {"parentId": outer["id"]}, 409, "folder_inside_itself"),
            ("POST", "/api/folders", {"name": "x" * 101}, 422, "input_invalid"),
            ("POST", "/api/chats/bulk", {"action": "delete", "ids": [chat["id"], "x"]}, 404, "chat_not_found"),
            ("POST", "/api/chats/bulk", {"action": "delete", "ids": []}, 422, "input_invalid"),
            (
                "POST",
                "/api/templates",
                {"name": "T", "text": "x", "variables": [{"name": "y"}]},
                422,
                "template_invalid",
            ),
            ("POST", "/api/chat", {"templateId": template["id"]}, 422, "missing_variable"),
            ("POST", "/api/chat", {"templateId": template["id"], "variables": {"m": 1}}, 422, "variable_invalid"),
            ("POST", "/api/chat", {"templateId": template["id"], "message": "x"}, 422, "input_invalid"),
            ("POST", "/api/chat", {"templateId": template["id"], "variables": {"n": True}}, 422, "input_invalid"),
        ]
        for method, where, body, status, code in cases:
            answer = client.request(method, where, json=body)
            assert (answer.status_code, answer.json()["code"]) == (status, code), (method, where, body)
        assert [client.get(path).json() for path in ("/api/chats", "/api/folders", "/api/templates")] == before


def test_a_template_asks_what_it_makes_of_its_variables(penstock: Penstock, upstream: Upstream) -> None:
    """B12: the message says what was filled in."""
    with penstock.client() as client:
        variables = [{"name": "language", "kind": "choice", "choices": ["French", "Thai"], "default": "Thai"}]
        text = "Say {{what}} in {{ language }}"
        template = client.post("/api/templates", json={"name": "Say", "text": text, "variables": variables}).json()
        assert [each["name"] for each in template["variables"]] == ["what", "language"]
        asked = ask(
            client, templateId=template["id"], variables={"what": "hello {{language}}"}, model="openai/echo-1-1"
        )
        items = client.get(f"/api/chats/{asked.start['chatId']}").json()["messages"]["items"]
        assert items[0]["parts"] == [{"type": "text", "text": "Say hello {{language}} in Thai"}]
