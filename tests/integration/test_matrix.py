"""Whose things are whose, on every route of the document and for every kind of stranger (D3, G6, S1 to S9).

A new route has to find its row here, with what each caller is answered: a route without one fails. What belongs to
somebody else is answered as what does not exist, to the byte, and nothing that belongs to them changes. That both also
run the same statements, so that no clock tells them apart, is shown in `tests/contract/test_absence.py`.
"""

import json
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from string import Template
from typing import Any
from uuid import uuid4

import httpx
import pytest
from verdicts import CALLERS, PROBES, TABLE, Probe, Things
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from harness.penstock import Penstock, ask
from harness.people import new_email, session_of, sign_in, sign_up


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Somebody whose things the others try to reach."""

    client: httpx.Client
    email: str
    things: Things
    reading_token: str
    question: str
    """In the chat of which there is a snapshot."""
    other: str
    """What only the owner knows, whoever has the link."""

    def state(self) -> object:
        """Return all that is theirs, but for when it was last looked at."""
        things, get = self.things, self.client.get
        paths = [f"/api/chats/{chat}{suffix}" for chat in (things.chat, things.live) for suffix in ("", "/messages")]
        paths += ["/api/chats?archived=true", "/api/folders", "/api/tags", "/api/templates"]
        paths += ["/api/import", "/api/shares", f"/api/chats/{things.chat}/shares"]
        paths += ["/api/projects", f"/api/projects/{things.project}/versions"]
        paths += ["/api/chats", "/api/me", "/api/tokens", f"/api/runs/{things.run}"]
        paths += ["/api/keys", f"/v1/stream/runs/{things.run}", "/v1/stream/users/me/changes"]
        # Sessions stand in the order of their last use, which their owner's own looks change.
        sessions = sorted(get("/api/auth/sessions").json()["items"], key=lambda session: session["id"])
        return [_without_looks(each) for each in (sessions, *(get(path).json() for path in paths))]

    def marks(self, kind: str) -> list[str]:
        """Return what a caller may not be shown."""
        if kind == "reading":
            return []
        names = [
            "chat",
            "live",
            "run",
            "message",
            "session",
            "token",
            "account",
            "email",
            "folder",
            "template",
            "share",
            "project",
            "brought",
            "attachment",
            "unsent",
        ]
        hidden = [*(getattr(self.things, name) for name in names), self.other]
        return hidden if kind == "holder" else [*hidden, self.question, self.things.link]


def _without_looks(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_looks(each) for each in value]  # pyright: ignore[reportUnknownVariableType]  # any JSON
    if isinstance(value, dict):
        return {name: _without_looks(each) for name, each in value.items() if name not in {"seenAt", "usedAt"}}  # pyright: ignore[reportUnknownVariableType]  # any JSON
    return value


@pytest.fixture(scope="module")
def owner(people: Penstock) -> Iterator[Owner]:
    """Somebody with an answered chat, and one that is being answered."""
    email, alias, question, other = new_email(), uuid4().hex, f"a question of {uuid4()}", f"another of {uuid4()}"
    with people.client() as client, people.client() as elsewhere:
        me = sign_up(client, email)
        sign_in(elsewhere, email)
        (session,) = [each for each in client.get("/api/auth/sessions").json()["items"] if not each["isCurrent"]]
        token = client.post("/api/tokens", json={"name": "to look", "scopes": ["read"]}).json()
        assert client.put("/api/keys/openai", json={"key": "sk-of-the-owner-alone"}).status_code == 200
        messages = [{"id": alias, "role": "user", "content": question}]
        answered = ask(client, model="openai/echo-3-1", id=alias, messages=messages).start
        live = ask(client, until=4, message=other, model="openai/stall-3-1")
        folder = client.post("/api/folders", json={"name": other}).json()["id"]
        files = {"file": ("x.txt", other.encode(), "text/plain")}
        sent, unsent = (client.post("/api/attachments", files=files).json()["id"] for _ in range(2))
        begun_with = {"message": other, "attachments": [{"id": sent}], "clientMessageId": uuid4().hex}
        holding = client.post("/api/chats", json={"title": other}).json()["id"]
        assert client.post(f"/api/chats/{holding}/messages", json=begun_with).status_code == 201
        template = client.post("/api/templates", json={"name": other, "text": other}).json()["id"]
        filed = {"folderId": folder, "tags": [other]}
        assert client.patch(f"/api/chats/{answered['chatId']}", json=filed).status_code == 200
        share = client.post(f"/api/chats/{answered['chatId']}/shares", json={}).json()
        begun = client.post("/api/projects", json={"prompt": other, "model": "openai/stall-3-1"}).json()
        # Stopped, so that nothing of it changes while others try.
        client.post(f"/api/projects/{begun['projectId']}/versions/1/stop")
        brought = client.post("/api/import", content=b"[]").json()["id"]
        while client.get(f"/api/import/{brought}").json()["endedAt"] is None:
            time.sleep(0.02)
        client.get("/v1/stream/users/me/changes")
        things = Things(
            chat=answered["chatId"],
            live=live.start["chatId"],
            run=live.start["runId"],
            message=answered["messageId"],
            session=session["id"],
            token=token["id"],
            account=me["id"],
            folder=folder,
            template=template,
            share=share["id"],
            attachment=sent,
            unsent=unsent,
            project=begun["projectId"],
            version=begun["versionId"],
            link=share["token"],
            brought=brought,
            email=email,
            cursor=live.cursor,
            alias=alias,
        )
        yield Owner(
            client=client, email=email, things=things, reading_token=token["secret"], question=question, other=other
        )
        client.post(f"/api/runs/{things.run}/stop")


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Somebody who tries."""

    cookies: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    own_chat: str = field(default_factory=lambda: str(uuid4()))

    @property
    def cookie(self) -> str:
        """The cookies as a header."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())


def caller_of(kind: str, people: Penstock, owner: Owner) -> Caller:
    """Return a new caller of this kind."""
    if kind == "anonymous":
        return Caller(cookies={})
    if kind == "reading":
        return Caller(cookies={}, headers={"authorization": f"Bearer {owner.reading_token}"})
    with people.client() as client:
        if kind in {"signed-out", "revoked"}:
            return _ended(kind, client, owner)
        if kind == "guest":
            assert client.post("/api/auth/guest").status_code == 201
        elif kind == "holder":
            assert owner.question in client.get(f"/share/{owner.things.link}").text
        elif kind != "visitor":
            sign_up(client)
        own = ask(client, message="mine", model="openai/echo-1-1").start["chatId"]
        if kind != "token":
            return Caller(cookies=dict(client.cookies), own_chat=own)
        secret = client.post("/api/tokens", json={"name": "all", "scopes": ["chat", "read"]}).json()["secret"]
        return Caller(cookies={}, headers={"authorization": f"Bearer {secret}"}, own_chat=own)


def _ended(kind: str, client: httpx.Client, owner: Owner) -> Caller:
    assert sign_in(client, owner.email).status_code == 200
    shown = Caller(cookies=dict(client.cookies))
    assert session_of(client) in shown.cookies.values()
    if kind == "signed-out":
        assert client.post("/api/auth/sign-out").status_code == 204
    else:
        (here,) = [each for each in client.get("/api/auth/sessions").json()["items"] if each["isCurrent"]]
        assert owner.client.delete(f"/api/auth/sessions/{here['id']}").status_code == 204
    return shown


def send(
    client: httpx.Client, door: str, caller: Caller, method: str, probe: Probe, things: Things
) -> tuple[int, dict[str, str], bytes]:
    """Send a probe about somebody's things, and return all of the answer that is not the same by chance."""
    names = {**asdict(things), "own": caller.own_chat}

    def named(text: str) -> str:
        return Template(text).substitute(names)

    headers = {**caller.headers, **{name: named(value) for name, value in probe.headers.items()}}
    content = None
    if probe.body is not None:
        headers["content-type"], content = "application/json", named(json.dumps(probe.body))
    headers |= {"x-request-id": "the-same", "cookie": caller.cookie}
    # The caller shows always the same, whatever they were given meanwhile.
    client.cookies.clear()
    with client.stream(method, f"{door}{named(probe.path)}", content=content, headers=headers) as response:
        is_endless = response.headers.get("content-type", "").startswith("text/event-stream")
        body = b"" if is_endless else response.read()
        shown = {name: value for name, value in response.headers.items() if name != "date"}
        # A visitor without a cookie is given another one each time.
        shown["set-cookie"] = shown.get("set-cookie", "").partition("=")[0]
        return response.status_code, shown, body


def operations(document: Mapping[str, Any]) -> set[str]:
    """Return every route and verb of the document."""
    return {f"{method.upper()} {path}" for path, verbs in document["paths"].items() for method in verbs}


def test_every_route_of_the_document_has_a_row(people: Penstock) -> None:
    """D3: a new route says here what strangers are answered."""
    document = httpx.get(f"{people.url}/api/openapi.json").json()
    assert operations(document) == set(TABLE)


@pytest.mark.parametrize("kind", CALLERS)
def test_nobody_reaches_what_is_not_theirs(people: Penstock, owner: Owner, kind: str) -> None:
    """D3, S1 to S9: nor learns that it is there, nor changes anything; in every process."""
    caller, absent = caller_of(kind, people, owner), Things()
    things = owner.things if kind == "holder" else replace(owner.things, link=absent.link)
    before = owner.state()
    doors = [people.url, f"http://127.0.0.1:{people.second_port or people.port}"]
    marks = [mark.encode() for mark in owner.marks(kind)]
    tried = 0
    with httpx.Client(timeout=20) as client:
        for method, probe in PROBES:
            door = doors[tried % 2]
            tried += 1
            answer = send(client, door, caller, method, probe, things)
            case = (kind, method, probe, answer)
            assert answer[0] == probe.expected(kind), case
            assert not [mark for mark in marks if mark in answer[2] or mark.decode() in str(answer[1])], case
            if answer[0] >= 400 and kind != "reading":
                assert answer == send(client, door, caller, method, probe, absent), case
    assert owner.state() == before


@contextmanager
def connected(people: Penstock, caller: Caller) -> Generator[ClientConnection]:
    url = people.url.replace("http", "ws", 1) + "/api/ws"
    with connect(url, additional_headers={"cookie": caller.cookie, **caller.headers}, proxy=None) as connection:
        yield connection


@pytest.mark.parametrize("kind", CALLERS)
def test_nobody_reaches_over_a_socket_what_is_not_theirs(people: Penstock, owner: Owner, kind: str) -> None:
    """D3, S6, S9: the document does not know the socket, which answers as HTTP does."""
    caller = caller_of(kind, people, owner)
    before = owner.state()
    if kind in {"token", "signed-out", "revoked", "reading"}:
        with pytest.raises(InvalidStatus) as refused, connected(people, caller):
            pass
        assert refused.value.response.status_code == (401 if kind in {"signed-out", "revoked"} else 403)
    else:
        with connected(people, caller) as connection:

            def said(command: Mapping[str, str], things: Things) -> Mapping[str, Any]:
                names = {**asdict(things), "own": caller.own_chat}
                connection.send(Template(json.dumps(command)).substitute(names))
                return json.loads(connection.recv(20))

            for command in (
                {"type": "follow", "runId": "$run"},
                {"type": "follow", "path": "runs/$run"},
                {"type": "follow", "path": "users/$account/changes"},
                {"type": "stop", "runId": "$run"},
                {"type": "send", "message": "put there", "chatId": "$chat"},
                {"type": "send", "message": "put there", "chatId": "$live", "whenBusy": "interrupt"},
                {"type": "send", "chatId": "$own", "trigger": "regenerate-message", "messageId": "$message"},
            ):
                answer = said(command, owner.things)
                assert answer["type"] == "error"
                assert answer["code"].endswith("_not_found")
                assert answer == said(command, Things())
    assert owner.state() == before
