"""Attachments over HTTP: uploaded, sent, shown to models, and nobody else's (B13, D3, S10, S11, S21)."""

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from harness.penstock import Penstock, ask, openai_at
from harness.people import code_of
from harness.pictures import HTML, PDF, PLACE, SVG, bomb, opened, picture, taken_sideways
from upstream.process import Upstream

SEEING = "openai/echo-3-1"
LIMITS = {
    "PENSTOCK_MAX_ATTACHMENTS": "2",
    "PENSTOCK_MAX_ATTACHMENT_BYTES": "20000",
    "PENSTOCK_MAX_ATTACHMENT_PIXELS": "10000",
    "PENSTOCK_MAX_ATTACHED_TEXT_BYTES": "2000",
    "PENSTOCK_MAX_UNSENT_BYTES": "3000",
    "PENSTOCK_PRIVATE_HOSTS": "127.0.0.1",
}


@pytest.fixture
def sender(penstock: Penstock) -> Iterator[httpx.Client]:
    with penstock.client() as client:
        yield client


@pytest.fixture
def stranger(penstock: Penstock) -> Iterator[httpx.Client]:
    with penstock.client() as client:
        yield client


def put(client: httpx.Client, data: bytes, name: str = "cat.png", said: str = "image/png") -> httpx.Response:
    return client.post("/api/attachments", files={"file": (name, data, said)})


def upload(client: httpx.Client, data: bytes | None = None, **named: str) -> dict[str, Any]:
    made = put(client, data or picture(), **named)
    assert made.status_code == 201, made.text
    return dict(made.json())


def sent(client: httpx.Client, **body: Any) -> dict[str, Any]:
    """Send a message, and return its answer once it is whole."""
    done = client.post("/api/chat", json={"model": SEEING, "responseMode": "sync", **body})
    assert done.status_code == 200, done.text
    return dict(done.json())


def question_of(client: httpx.Client, chat_id: str) -> dict[str, Any]:
    return dict(client.get(f"/api/chats/{chat_id}/messages").json()["items"][0])


def shown_to_model(upstream: Upstream) -> list[Any]:
    """Return what the model was last shown as the user's last message."""
    content: Any = upstream.requests()[-1].body["messages"][-1]["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def pixels_of(part: Any) -> Any:
    """Return the picture that a model was shown."""
    said, _, data = part["image_url"]["url"].partition(",")
    assert said == "data:image/png;base64"
    return opened(base64.b64decode(data))


def test_b13_a_picture_is_uploaded_sent_and_seen(sender: httpx.Client, upstream: Upstream) -> None:
    """By the model as the very bytes that its owner gets, and in the message as a part of the AI SDK's."""
    made = upload(sender)
    assert (made["mediaType"], made["filename"], made["width"], made["height"]) == ("image/png", "cat.png", 40, 30)
    answered = sent(sender, message="What is it?", attachments=[{"id": made["id"]}])
    got = sender.get(made["url"])
    text, seen = shown_to_model(upstream)
    assert text == {"type": "text", "text": "What is it?"}
    assert seen["image_url"]["url"] == f"data:image/png;base64,{base64.b64encode(got.content).decode()}"
    part = {"type": "file", "mediaType": "image/png", "filename": "cat.png", "url": made["url"]}
    assert question_of(sender, answered["chatId"])["parts"] == [part, {"type": "text", "text": "What is it?"}]
    # Later questions and other answers see it too.
    sent(sender, chatId=answered["chatId"], message="And now?")
    assert pixels_of(upstream.requests()[-1].body["messages"][0]["content"][1]).size == (40, 30)
    again = {"chatId": answered["chatId"], "trigger": "regenerate-message", "messageId": answered["message"]["id"]}
    sent(sender, **again)
    assert shown_to_model(upstream)[1] == seen


def test_s21_what_is_kept_is_private_and_does_nothing(sender: httpx.Client, stranger: httpx.Client) -> None:
    made = upload(sender, name='"><script>.html')
    got = sender.get(made["url"])
    assert got.status_code == 200
    assert got.headers["content-type"] == "image/png"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-disposition"].startswith('inline; filename="')
    assert got.headers["content-security-policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
    assert got.headers["cache-control"] == "private, max-age=31536000, immutable"
    missing = stranger.get("/api/attachments/nothing")
    theirs = stranger.get(made["url"])
    assert code_of(theirs) == code_of(missing) == (404, "attachment_not_found")
    assert theirs.json()["message"] == missing.json()["message"]
    assert code_of(stranger.delete(made["url"])) == (404, "attachment_not_found")
    assert sender.delete(made["url"]).status_code == 204
    assert code_of(sender.get(made["url"])) == (404, "attachment_not_found")


def test_s21_what_a_camera_adds_is_gone(sender: httpx.Client, upstream: Upstream) -> None:
    made = upload(sender, taken_sideways(), name="IMG_1.JPG", said="image/png")
    assert (made["mediaType"], made["filename"], made["width"], made["height"]) == ("image/jpeg", "IMG_1.jpg", 30, 40)
    sent(sender, message="Where is it?", attachments=[{"id": made["id"]}])
    for data in (
        sender.get(made["url"]).content,
        base64.b64decode(shown_to_model(upstream)[1]["image_url"]["url"][23:]),
    ):
        assert opened(data).size == (30, 40)
        assert PLACE not in data
        assert b"Exif" not in data


@pytest.mark.parametrize(
    ("data", "said", "status", "code"),
    [
        (SVG, "image/svg+xml", 415, "attachment_unsupported"),
        (SVG, "image/png", 415, "attachment_unsupported"),
        (HTML, "image/png", 415, "attachment_unsupported"),
        (HTML, "text/html", 415, "attachment_unsupported"),
        (b"GIF89a/*" + HTML, "image/gif", 415, "attachment_unsupported"),
        (PDF, "application/pdf", 415, "attachment_unsupported"),
        (PDF, "text/plain", 415, "attachment_unsupported"),
        (b"a\0b", "text/plain", 415, "attachment_unsupported"),
        (b"\xff\xfe", "text/plain", 415, "attachment_unsupported"),
        (b"fine", "", 415, "attachment_unsupported"),
        (picture("TIFF"), "image/png", 415, "attachment_unsupported"),
        (bomb(), "image/png", 413, "attachment_too_large"),
        (bytes(11 * 1024 * 1024), "image/png", 413, "body_too_large"),
        (b"x" * 1024 * 1024 + b"x", "text/plain", 413, "attachment_too_large"),
    ],
)
def test_s21_what_is_not_what_it_says_is_refused(
    sender: httpx.Client, data: bytes, said: str, status: int, code: str
) -> None:
    """And a form that is none."""
    assert code_of(put(sender, data, said=said)) == (status, code)
    assert code_of(sender.post("/api/attachments", json={})) == (422, "upload_invalid")
    assert code_of(sender.post("/api/attachments", files={"other": b"x"})) == (422, "upload_invalid")


def test_b13_a_long_text_is_read_by_the_model_with_its_name(sender: httpx.Client, upstream: Upstream) -> None:
    text = "It was a dark night.\n" * 2000
    made = upload(sender, text.encode(), name="novel.html", said="text/plain; charset=utf-8")
    assert (made["mediaType"], made["filename"]) == ("text/plain", "novel.html.txt")
    assert sender.get(made["url"]).headers["content-type"] == "text/plain; charset=utf-8"
    sent(sender, message="Who did it?", attachments=[{"id": made["id"]}])
    (shown,) = shown_to_model(upstream)
    assert shown["text"] == f"[Attached text: novel.html.txt]\n{text}\n[End of novel.html.txt]\n\nWho did it?"


def test_b13_a_blind_model_is_shown_no_picture_and_nothing_is_stored(sender: httpx.Client) -> None:
    made = upload(sender)
    body = {"message": "What is it?", "model": "demo/tour", "attachments": [{"id": made["id"]}]}
    refused = sender.post("/api/chat", json=body)
    assert code_of(refused) == (422, "pictures_unseen")
    assert refused.json()["message"].startswith("Tour of Penstock cannot see pictures.")
    assert sender.get("/api/chats").json()["items"] == []
    # A text is read by any model, and a picture of earlier on is named to it.
    chat = sent(sender, message="What is it?", attachments=[{"id": made["id"]}])["chatId"]
    body = {"message": "Well?", "model": "demo/tour"}
    turns = sender.post(f"/api/chats/{chat}/context", json=body).json()["turns"]
    assert turns[0] == {
        "role": "user",
        "text": "[Attached, but not shown to you: cat.png]\n\nWhat is it?",
        "pictures": 0,
    }
    assert sent(sender, chatId=chat, **body)["message"]["status"] == "completed"


def test_b7_the_context_counts_what_is_attached(sender: httpx.Client) -> None:
    made, text = upload(sender), upload(sender, b"word " * 1000, said="text/plain")
    chat = sender.post("/api/chats", json={}).json()["id"]
    look = {"message": "Look", "model": SEEING}

    def used(**body: Any) -> int:
        found = sender.post(f"/api/chats/{chat}/context", json={**look, **body}).json()
        (item,) = found["messages"]
        assert item["tokens"] == found["used"]
        return int(found["used"])

    assert used() < used(attachments=[made["id"]]) < used(attachments=[text["id"]])
    assert used(attachments=[text["id"]]) > 1200
    (turn,) = sender.post(f"/api/chats/{chat}/context", json={**look, "attachments": [made["id"]]}).json()["turns"]
    assert turn == {"role": "user", "text": "Look", "pictures": 1}


def test_a2_the_ai_sdk_sends_files_its_own_way(sender: httpx.Client, upstream: Upstream) -> None:
    """As data URLs in the last message, and as the addresses that it was given."""
    url = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    parts = [
        {"type": "file", "mediaType": "image/png", "filename": "cat.png", "url": url},
        {"type": "text", "text": "What is it?"},
    ]
    first = sent(sender, id="sdk-chat", messages=[{"id": "m1", "role": "user", "parts": parts}])
    assert pixels_of(shown_to_model(upstream)[1]).size == (40, 30)
    question = question_of(sender, first["chatId"])
    assert question["parts"][0]["url"].startswith("/api/attachments/")
    assert sender.get(question["parts"][0]["url"]).status_code == 200
    # An edit with what was kept, and one without.
    edited = {"id": "m2", "role": "user", "parts": [question["parts"][0], {"type": "text", "text": "Look again"}]}
    sent(sender, chatId=first["chatId"], messageId=question["id"], messages=[edited])
    assert pixels_of(shown_to_model(upstream)[1]).size == (40, 30)
    bare = {"id": "m3", "role": "user", "parts": [{"type": "text", "text": "Never mind"}]}
    sent(sender, chatId=first["chatId"], messageId=question["id"], messages=[bare])
    assert shown_to_model(upstream) == [{"type": "text", "text": "Never mind"}]
    # In our own words an edit keeps what it does not speak of.
    sent(sender, chatId=first["chatId"], messageId=question["id"], message="Once more")
    assert pixels_of(shown_to_model(upstream)[1]).size == (40, 30)


@pytest.mark.parametrize(
    ("attachment", "status", "code"),
    [
        ({"path": "/etc/passwd"}, 422, "input_invalid"),
        ({"id": "x", "path": "/etc/passwd"}, 422, "input_invalid"),
        ({"id": "x", "url": "data:,x"}, 422, "input_invalid"),
        ({}, 422, "input_invalid"),
        ({"url": "file:///etc/passwd"}, 422, "attachment_address_refused"),
        ({"url": "/etc/passwd"}, 422, "attachment_address_refused"),
        ({"url": "/api/attachments/../me"}, 422, "attachment_address_refused"),
        ({"url": "http://127.0.0.1:{port}/api/me"}, 422, "attachment_address_refused"),
        ({"url": "http://[::ffff:7f00:1]:{port}/api/me"}, 422, "attachment_address_refused"),
        ({"url": "http://0x7f.1:{port}/api/me"}, 422, "attachment_unreachable"),
        ({"url": "http://localhost:{port}/api/me"}, 422, "attachment_unreachable"),
        ({"url": "http://169.254.169.254/latest/meta-data"}, 422, "attachment_address_refused"),
        ({"url": "data:image/svg+xml,<svg/>"}, 415, "attachment_unsupported"),
        ({"url": "data:image/png;base64,@"}, 422, "attachment_address_refused"),
        ({"id": "01a22df2-86f2-754a-8ab2-d43444f2ea28"}, 404, "attachment_not_found"),
    ],
)
def test_s10_an_attachment_is_ones_own_or_comes_along(
    sender: httpx.Client, penstock: Penstock, attachment: Any, status: int, code: str
) -> None:
    """S10, S11: and nothing is stored of what is refused."""
    named = json.loads(json.dumps(attachment).replace("{port}", str(penstock.port)))
    chat = sender.post("/api/chats", json={}).json()["id"]
    for path in ("/api/chat", f"/api/chats/{chat}/messages"):
        assert code_of(sender.post(path, json={"message": "x", "attachments": [named]})) == (status, code)
    if "url" in named:
        part = {"type": "file", "mediaType": "image/png", "filename": "x.png", **named}
        body = {"messages": [{"role": "user", "parts": [part, {"type": "text", "text": "x"}]}]}
        assert code_of(sender.post("/api/chat", json=body)) == (
            (422, "input_invalid") if "id" in named else (status, code)
        )
    assert [each["messageCount"] for each in sender.get("/api/chats").json()["items"]] == [0]


def test_b10_a_link_shows_what_was_attached_and_no_other_path_does(
    sender: httpx.Client, stranger: httpx.Client
) -> None:
    made = upload(sender)
    chat = sent(sender, message="What is it?", attachments=[{"id": made["id"]}])["chatId"]
    shared = sender.post(f"/api/chats/{chat}/shares", json={}).json()
    link = f"/share/{shared['token']}"
    page = stranger.get(link)
    assert f'<img src="{link}/files/0/0" alt="cat.png"' in page.text
    assert "img-src 'self' data:" in page.headers["content-security-policy"]
    shown = stranger.get(f"{link}/files/0/0")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    assert shown.headers["cache-control"] == "no-store"
    assert shown.content == sender.get(made["url"]).content
    for path in (made["url"], f"{link}/files/0/1", f"{link}/files/1/0", f"{link}/files/9/0"):
        assert stranger.get(path).status_code == 404
    copied = stranger.post(f"/api/shares/{shared['token']}/copy").json()["id"]
    own = question_of(stranger, copied)["parts"][0]["url"]
    assert own != made["url"]
    assert stranger.get(own).content == shown.content
    assert sender.delete(f"/api/shares/{shared['id']}").status_code == 204
    assert stranger.get(f"{link}/files/0/0").status_code == 404
    assert stranger.get(own).status_code == 200
    closed = sender.post(f"/api/chats/{chat}/shares", json={"password": "open sesame"}).json()
    assert stranger.get(f"/share/{closed['token']}/files/0/0").status_code == 403


def test_b9_what_is_taken_away_holds_what_was_attached(sender: httpx.Client, people: Penstock) -> None:
    made, text = upload(sender), upload(sender, b"It was a dark night", name="novel.txt", said="text/plain")
    attached = [{"id": made["id"]}, {"id": text["id"]}]
    chat = sent(sender, message="What is it?", attachments=attached)["chatId"]
    inline = base64.b64encode(sender.get(made["url"]).content).decode()
    page = sender.get(f"/api/chats/{chat}/export?format=html").text
    assert f'<img src="data:image/png;base64,{inline}"' in page
    assert "It was a dark night" in page
    assert "*Attached: cat.png*" in sender.get(f"/api/chats/{chat}/export").text
    document = sender.get(f"/api/chats/{chat}/export?format=json").content
    archive = sender.get("/api/export").content
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        names = [name for name in packed.namelist() if name.startswith("files/")]
        assert sorted(name.rpartition(".")[2] for name in names) == ["png", "txt"]
    with zipfile.ZipFile(io.BytesIO(sender.get("/api/export?format=markdown").content)) as packed:
        (name,) = [name for name in packed.namelist() if name.startswith("chats/")]
        assert "![cat.png](<../files/" in packed.read(name).decode()
    for brought in (document, archive):
        with people.client() as other:
            assert other.post("/api/auth/guest").status_code == 201
            job = other.post("/api/import", content=brought).json()["id"]
            while (found := other.get(f"/api/import/{job}").json())["endedAt"] is None:
                pass
            assert (found["status"], found["created"]) == ("completed", 1)
            (back,) = other.get("/api/chats").json()["items"]
            parts = question_of(other, back["id"])["parts"]
            assert [part["type"] for part in parts] == ["file", "file", "text"]
            assert other.get(parts[0]["url"]).content == sender.get(made["url"]).content
            assert other.get(parts[1]["url"]).text == "It was a dark night"


def test_b13_the_owner_sets_what_can_be_attached(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> None:
    """D8: count, bytes, pixels, and what one visitor may have unsent; and where pictures may be fetched from."""
    folder = tmp_path_factory.mktemp("limited")
    installation = Penstock(folder=folder, environment={**openai_at(upstream), **LIMITS}).start()
    try:
        with installation.client() as client:
            assert code_of(put(client, picture(size=(101, 100)))) == (413, "attachment_too_large")
            assert code_of(put(client, b"x" * 2001, said="text/plain")) == (413, "attachment_too_large")
            assert code_of(put(client, picture() + bytes(20_000))) == (413, "attachment_too_large")
            made = [upload(client, b"x" * 1400, said="text/plain") for _ in range(2)]
            assert code_of(put(client, b"x" * 1400, said="text/plain")) == (409, "too_much_unsent")
            three = [{"id": each["id"]} for each in (*made, made[0])]
            refused = client.post("/api/chat", json={"message": "x", "attachments": three})
            assert code_of(refused) == (422, "too_many_attachments")
            assert refused.json()["limit"] == 2
            # What is fetched is looked at like everything else: this is a list of models.
            url = f"{upstream.base_url}/models"
            refused = client.post("/api/chat", json={"message": "x", "attachments": [{"url": url}]})
            assert code_of(refused) == (415, "attachment_unsupported")
    finally:
        installation.kill()


def test_a7_what_is_attached_outlives_the_process(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> None:
    """An upload that was acknowledged is there after kill -9, and is answered by whoever takes the run."""
    folder = tmp_path_factory.mktemp("killed")
    installation = Penstock(folder=folder, environment=openai_at(upstream)).start()
    try:
        with installation.client() as client:
            made = upload(client)
            live = ask(client, until=3, message="Look", model="openai/echo-40-30", attachments=[{"id": made["id"]}])
            installation.kill()
            installation.start()
            got = client.get(made["url"])
            assert got.status_code == 200
            answered = client.get(f"/api/chats/{live.start['chatId']}/messages").json()["items"]
            assert answered[0]["parts"][0]["url"] == made["url"]
            while client.get(f"/api/chats/{live.start['chatId']}").json()["status"] == "streaming":
                pass
            assert shown_to_model(upstream)[-1]["image_url"]["url"].endswith(base64.b64encode(got.content).decode())
    finally:
        installation.kill()
