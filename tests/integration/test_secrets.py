"""Known secrets are sent through every door, and then looked for in all that is kept and shown (S18, G5, G6)."""

import asyncio
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest
from PIL import PngImagePlugin
from websockets.exceptions import InvalidStatus

from cloud.process import Cloud
from harness.penstock import Penstock, ask, openai_at
from harness.people import new_email, session_of, sign_in
from harness.pictures import opened, picture
from harness.postgres import Postgres
from harness.sockets import connected
from oidc.lies import CLIENT_SECRET
from oidc.process import OidcServer
from upstream.process import Upstream

DATABASE_PASSWORD = "1f6f6d2c9a-database-password"
HOUSE_KEY = "house-key-of-no-known-shape-5b1d"
BUCKET_KEY = "bucket-key-of-no-known-shape-12cd"
CLOUD_KEY = "cloud-key-of-no-known-shape-90ab"
SIGNING_KEY = "the key that signs cookies, of more than 32 characters 77aa"


KNOWN = {
    "house key": HOUSE_KEY,
    "key of E2B": CLOUD_KEY,
    "key of a bucket": BUCKET_KEY,
    "secret key": SIGNING_KEY,
    "OpenID Connect client secret": CLIENT_SECRET,
    "database password": DATABASE_PASSWORD,
    "own key": "own-key-of-no-known-shape-77fe",
    "refused key": "wrong-key-of-no-known-shape-31bd",
    "password": "correct horse battery 9931",
    "wrong password": "incorrect horse battery 1399",
    "next password": "another horse battery 4477",
    "password of a link": "open horse battery 5512",
}
"""What must be found nowhere, by what it is."""


def found_in(text: str, secrets: Mapping[str, str]) -> list[str]:
    """Return which secrets a text holds, as they are or as an address writes them."""
    return [name for name, value in secrets.items() if value in text or quote(value) in text]


@pytest.fixture(scope="module")
def issuer() -> Iterator[OidcServer]:
    with OidcServer() as server:
        yield server


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud({}) as house:
        yield house


@pytest.fixture(params=[pytest.param("embedded-text", marks=pytest.mark.long), "embedded-json", "scaled-json"])
def penstock(
    request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream, issuer: OidcServer, cloud: Cloud
) -> Iterator[Penstock]:
    """An installation that logs all it can, with secrets of every sort."""
    shape, _, form = str(request.param).partition("-")
    url = ""
    if shape == "scaled":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.create(request.getfixturevalue("template"))
        # The server trusts everybody here, and so takes any password.
        url = url.replace("penstock@", f"penstock:{DATABASE_PASSWORD}@", 1)
    environment = {
        **openai_at(upstream),
        **issuer.environment(),
        **cloud.environment,
        "OPENAI_API_KEY": HOUSE_KEY,
        "E2B_API_KEY": CLOUD_KEY,
        "AWS_SECRET_ACCESS_KEY": BUCKET_KEY,
        "PENSTOCK_SANDBOX": "e2b",
        "PENSTOCK_TRANSCRIPTION_MODEL": "openai/status-401",
        "PENSTOCK_SECRET_KEY": SIGNING_KEY,
        "PENSTOCK_LOG_FORMAT": form,
        "PENSTOCK_LOG_REQUESTS": "on",
        "PENSTOCK_RATE_SIGN_IN": "1000/60",
    }
    started = Penstock(folder=tmp_path, database_url=url, environment=environment).start()
    yield started
    if started.processes:
        started.kill()


def send_everywhere(client: httpx.Client, secrets: Mapping[str, str]) -> list[str]:
    """Put all secrets into every place of a request of every route, and return all that is answered.

    Nothing of it is of a form that is stored: what people write into a message or a title is theirs to read.
    """
    document = client.get("/api/openapi.json")
    said = [document.text]
    words = list(secrets.values())
    listed = dict.fromkeys(("message", "title", "name", "password", "model", "settings", "returnTo", "scopes"), words)
    body = {**listed, "email": words[0], "newPassword": words, "currentPassword": words, words[0]: words[0]}
    named = dict.fromkeys(("q", "cursor", "limit", "offset", "after", "state", "code", "live"), " ".join(words))
    headers = dict.fromkeys(("x-custom", "last-event-id", "stream-seq", "if-none-match", "stream-ttl"), " ".join(words))
    requests: list[dict[str, Any]] = [{"json": body}, {"params": named}, {"headers": headers}]
    for path, verbs in document.json()["paths"].items():
        # Signing out and leaving would end what the rest is sent with.
        if path in {"/api/auth/sign-out", "/api/me/delete"}:
            continue
        for verb in verbs:
            for request in requests:
                place = re.sub(r"\{[^}]+\}", str(uuid4()), path)
                response = client.request(verb, place, **request)
                assert response.status_code < 500, (verb, path, response.text)
                said.append(f"{verb} {path} {response.headers} {response.text}")
    return said


def fail_upstream(client: httpx.Client) -> list[str]:
    """Ask models that fail with the key in their words, and return what is kept of it."""
    said: list[str] = []
    for model in ("status-401", "status-500", "html-502", "json-error", "error", "malformed-2", "limit-1"):
        chat = ask(client, message="Hello", model=f"openai/{model}")
        said.append(json.dumps(chat.events))
        start = chat.start
        said += [
            client.get(path).text for path in (f"/api/chats/{start['chatId']}", f"/v1/stream/runs/{start['runId']}")
        ]
    return [*said, client.get("/v1/stream/users/me/changes").text]


def attach(client: httpx.Client, secrets: Mapping[str, str]) -> list[str]:
    """Put all secrets into what a picture tells, into what is none, and into addresses."""
    words = " ".join(secrets.values())
    told, buffer = PngImagePlugin.PngInfo(), io.BytesIO()
    told.add_text("Comment", words)
    opened(picture()).save(buffer, "PNG", pnginfo=told)
    assert words.encode() in buffer.getvalue()
    taken = client.post("/api/attachments", files={"file": ("cat.png", buffer.getvalue(), "image/png")})
    assert taken.status_code == 201, taken.text
    said = [taken.text, client.get(taken.json()["url"]).content.decode("latin-1")]
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><text>{words}</text></svg>'.encode()
    refused = client.post("/api/attachments", files={"file": (words, svg, words)})
    assert refused.status_code == 415, refused.text
    said.append(refused.text)
    places = (f"http://127.0.0.1:9/{quote(words)}", f"http://me:{quote(words)}@127.0.0.1:9/", f"data:{quote(words)},x")
    for url in places:
        asked = {"message": "Hello", "model": "demo/tour", "attachments": [{"url": url}]}
        refused = client.post("/api/chat", json=asked)
        assert 400 <= refused.status_code < 500, refused.text
        said.append(refused.text)
    return said


def record(client: httpx.Client, secrets: Mapping[str, str]) -> list[str]:
    """Send what is no recording, and one that the model refuses with the key in its words."""
    words = " ".join(secrets.values()).encode()
    said: list[str] = []
    for recording, code in ((words, "recording_invalid"), (b"\x1a\x45\xdf\xa3" + words, "transcription_failed")):
        refused = client.post("/api/transcriptions", content=recording)
        assert refused.json()["code"] == code, refused.text
        said.append(refused.text)
    return said


def files_text(penstock: Penstock) -> str:
    """Return what all files beside the database hold, and their names."""
    attached = [each for each in (penstock.folder / "attachments").rglob("*") if each.is_file()]
    assert attached
    return "\n".join(f"{each} {each.read_bytes().decode('latin-1')}" for each in attached)


async def database_text(penstock: Penstock) -> str:
    """Return all that the database holds: its files, or every row."""
    if not penstock.database_url:
        files = [each for each in penstock.folder.iterdir() if each.name.startswith("penstock.db")]
        assert files
        return "\n".join(each.read_bytes().decode("latin-1") for each in files)
    connection = await asyncpg.connect(penstock.database_url)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    values = [
        value
        for (table,) in tables
        for row in await connection.fetch(f'SELECT * FROM "{table}"')  # a name of ours
        for value in row
    ]
    await connection.close()
    return "\n".join(value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in values)


def share(client: httpx.Client, reader: httpx.Client, password: str) -> str:
    """Share a chat with whoever has a link and knows a password, use the link, and return its secret."""
    chat_id = ask(client, message="Hello", model="demo/tour").start["chatId"]
    token = str(client.post(f"/api/chats/{chat_id}/shares", json={"password": password}).json()["token"])
    assert reader.post(f"/share/{token}", data={"password": password}, follow_redirects=True).status_code == 200
    assert reader.post(f"/api/shares/{token}/copy", json={"password": password}).status_code == 201
    return token


def sign_in_elsewhere(client: httpx.Client, issuer: OidcServer) -> dict[str, str]:
    """Sign in by OpenID Connect, and return what is secret of the way back."""
    issuer.expect(sub=uuid4().hex, email=new_email(), email_verified=True)
    begun = client.post("/api/auth/oidc", json={})
    assert begun.status_code == 200, begun.text
    back = httpx.get(begun.json()["url"]).headers["location"]
    assert client.get(back).headers["location"] == "/"
    named = parse_qs(urlsplit(back).query)
    return {"state": named["state"][0], "code": named["code"][0], "other session": session_of(client)}


def test_no_secret_is_kept_or_shown_anywhere(penstock: Penstock, issuer: OidcServer) -> None:
    """S18, G5: of passwords, sessions and tokens there are hashes only, and of keys nothing."""
    email, secrets = new_email(), dict(KNOWN)
    said: list[str] = []
    with penstock.client() as client, penstock.client() as stranger, penstock.client() as elsewhere:
        stranger.get("/api/chats")
        body = {"email": email, "password": secrets["password"]}
        assert client.post("/api/auth/sign-up", json=body).status_code == 201
        assert sign_in(stranger, email, secrets["wrong password"]).status_code == 401
        secrets |= sign_in_elsewhere(elsewhere, issuer)
        token = client.post("/api/tokens", json={"name": "a script"}).json()["secret"]
        secrets["link"] = share(client, elsewhere, secrets["password of a link"])
        signature = stranger.cookies["penstock"].partition(".")[2]
        assert signature
        secrets |= {"session": session_of(client), "visitor": signature, "token": token}
        assert client.put("/api/keys/openai", json={"key": secrets["own key"]}).json()["hint"] == "77fe"
        refused = client.put("/api/keys/openai", json={"key": secrets["refused key"]})
        assert (refused.status_code, refused.json()["code"]) == (422, "key_refused")
        said.append(refused.text)
        change = {"currentPassword": secrets["password"], "newPassword": secrets["next password"]}
        assert client.post("/api/auth/password", json=change).status_code == 204
        said += [*send_everywhere(client, secrets), *fail_upstream(client)]
        said += [*attach(client, secrets), *record(client, secrets)]
        with pytest.raises(InvalidStatus), connected(penstock, client, query=f"?token={token}"):
            pass
        with connected(penstock, client, query=f"?q={quote(' '.join(secrets.values()))}"):
            pass
        for path in ("me", "chats", "tokens", "keys", "auth/sessions", "models", "usage", "sandbox", "admin/errors"):
            answer = client.get(f"/api/{path}")
            assert answer.status_code == 200
            said.append(answer.text)
        said.append(client.get("/metrics").text)
    doctor = penstock.command("doctor")
    assert "E2B does not take the key" in doctor.stdout
    said.append(doctor.stdout + doctor.stderr)
    penstock.terminate()
    log = penstock.log_file.read_text()
    assert "/api/admin/errors" in log
    assert found_in(log, secrets) == []
    assert [(name, each) for each in said for name in found_in(each, secrets)] == []
    assert found_in(asyncio.run(database_text(penstock)), secrets) == []
    assert found_in(files_text(penstock), secrets) == []
