"""E10: what is between a preview and whoever looks at it."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from harness.previews import Serving, serving
from harness.sandbox import survivors
from penstock.api import previews as proxy
from penstock.sandbox.base import BootFailed, Command, Limits
from penstock.sandbox.previews import Preview, TooManyPreviews
from penstock.settings import SettingsInvalid, read_settings

ANSWERS = r"""
def cookies(app):
    app.say(200, {"Set-Cookie": "penstock=taken; Domain=localhost", "X-Accel-Redirect": "/etc/passwd",
        "Strict-Transport-Security": "max-age=9", "Clear-Site-Data": '"*"', "Refresh": "0", "Alt-Svc": "h3",
        "Service-Worker-Allowed": "/", "NEL": "{}", "Report-To": "{}", "Access-Control-Allow-Credentials": "true",
        "Content-Security-Policy": "default-src *", "X-Frame-Options": "DENY", "X-Total-Count": "3",
        "ETag": '"e"', "Content-Type": "text/html"}, b"x")

def events(app):
    app.raw(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
    for number in range(10_000):
        app.wfile.write(b"data: %d\n\n" % number)
        time.sleep(0.02)

def drip(app):
    app.raw(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
    while True:
        app.wfile.write(b"x")
        time.sleep(0.05)

def endless_body(app):
    app.raw(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
    while True:
        app.wfile.write(b"x" * 100_000)

def endless_hints(app):
    while True:
        app.raw(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
        time.sleep(0.01)

def endless_header(app):
    app.raw(b"HTTP/1.1 200 OK\r\nx-long: ")
    while True:
        app.wfile.write(b"x" * 10_000)

def many_headers(app):
    app.raw(b"HTTP/1.1 200 OK\r\n")
    while True:
        app.wfile.write(b"x-more: y\r\n" * 1000)

ANSWERS.update({
    "/cookies": cookies, "/events": events, "/drip": drip, "/endless-body": endless_body,
    "/endless-hints": endless_hints, "/endless-header": endless_header, "/many-headers": many_headers,
    "/garbage": lambda app: app.raw(b"\0\1\2 no HTTP at all\r\n\r\n"),
    "/nothing": lambda app: app.raw(b""),
    "/hang": lambda app: time.sleep(100),
    "/local": (302, {"location": "http://localhost:8000/there?a=1"}, b""),
    "/relative": (302, {"location": "there"}, b""),
    "/away": (302, {"location": "https://evil.example/"}, b""),
    "/tricky": (302, {"location": "//evil.example/"}, b""),
})
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("previews"), PENSTOCK_PREVIEWS="3") as started:
        yield started


@pytest.fixture(scope="module")
def preview(server: Serving) -> Preview:
    return server.start(ANSWERS)


@pytest.fixture
def client(server: Serving, preview: Preview) -> Iterator[httpx.Client]:
    with client_of(server, preview) as made:
        yield made


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One that gives apps and links little time."""
    hurry = {"PENSTOCK_PREVIEW_ANSWER_SECONDS": "1", "PENSTOCK_PREVIEW_LINK_SECONDS": "0.5"}
    with serving(tmp_path_factory.mktemp("hasty"), **hurry) as started:
        yield started


@pytest.fixture(scope="module")
def hurried(hasty: Serving) -> Preview:
    return hasty.start(ANSWERS)


def client_of(server: Serving, preview: Preview) -> httpx.Client:
    door = {"host": server.door(preview)}
    return httpx.Client(base_url=f"http://127.0.0.1:{server.port}", headers=door, timeout=60)


def code_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_a_request_reaches_the_app_without_what_is_ours(client: httpx.Client) -> None:
    """E10."""
    response = client.post(
        "/seen?a=%2F1",
        content=b"body",
        headers={
            "cookie": "penstock-session=secret",
            "x-forwarded-for": "1.2.3.4",
            "origin": "http://localhost",
            "referer": "http://localhost/",
            "authorization": "Bearer of-the-app",
            "x-preview-token": "",
            "content-type": "text/plain",
        },
    )
    seen = response.json()
    assert (seen["path"], seen["body"]) == ("/seen?a=%2F1", "body")
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    assert headers.keys() <= {
        "accept",
        "accept-encoding",
        "authorization",
        "content-type",
        "content-length",
        "host",
        "user-agent",
    }
    assert headers["host"] == "localhost:8000"


def test_an_answer_speaks_to_nobody_but_the_page(client: httpx.Client) -> None:
    """E10."""
    response = client.get("/cookies")
    headers = dict(response.headers)
    for name in ("date", "x-request-id", "transfer-encoding"):
        headers.pop(name)
    assert headers == {
        "content-type": "text/html",
        "etag": '"e"',
        "x-total-count": "3",
        **proxy._ALWAYS,  # pyright: ignore[reportPrivateUsage]
        "content-security-policy": headers["content-security-policy"],
    }
    assert headers["content-security-policy"].startswith("sandbox allow-scripts allow-forms; frame-ancestors http://")


@pytest.mark.parametrize(
    ("path", "location"), [("/local", "/there?a=1"), ("/relative", "there"), ("/away", None), ("/tricky", None)]
)
def test_an_app_sends_nobody_elsewhere(client: httpx.Client, path: str, location: str | None) -> None:
    """E10."""
    assert client.get(path).headers.get("location") == location


@pytest.mark.parametrize(
    "path", ["/garbage", "/nothing", "/hang", "/endless-hints", "/endless-header", "/many-headers"]
)
def test_an_app_that_does_not_answer_is_given_up(hasty: Serving, hurried: Preview, path: str) -> None:
    """E10: by the clock where nothing else does."""
    with client_of(hasty, hurried) as client:
        response = client.get(path)
    assert code_of(response) == (503, "preview_silent")
    assert "sandbox" in response.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/drip", "/endless-body"])
def test_an_answer_without_end_is_broken_off(hasty: Serving, hurried: Preview, path: str) -> None:
    """E10: and does not look whole."""
    with client_of(hasty, hurried) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(path)


def test_a_request_that_is_too_large_is_refused(client: httpx.Client) -> None:
    """E10."""
    assert code_of(client.post("/seen", content=b"x" * 10_000_001)) == (422, "preview_too_large")


def test_events_flow_and_end_with_their_reader(hasty: Serving, hurried: Preview) -> None:
    """E10: for longer than an answer may take."""
    with client_of(hasty, hurried) as client, client.stream("GET", "/events") as response:
        lines = response.iter_lines()
        begun = time.monotonic()
        while time.monotonic() - begun < 2:
            next(lines)
        assert hurried.connections == 1
    wait_until(lambda: hurried.connections == 0)


def wait_until(condition: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_preview_has_so_many_connections(server: Serving, preview: Preview, client: httpx.Client) -> None:
    """E10."""
    door = client.headers["host"]
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", headers={"host": door}, timeout=60) as many:
        hold = threading.Event()

        def read() -> None:
            with many.stream("GET", "/events") as response:
                lines = response.iter_lines()  # held: what is collected closes its response
                next(lines)
                hold.wait(60)

        threads = [threading.Thread(target=read) for _ in range(32)]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: preview.connections == 32)
            assert code_of(client.get("/")) == (429, "preview_busy")
        finally:
            hold.set()
            for thread in threads:
                thread.join()
    wait_until(lambda: preview.connections == 0)
    assert client.get("/").text == "hello"


def test_a_link_is_good_once_it_is_fresh_and_leads_to_a_door(server: Serving, preview: Preview) -> None:
    """E10."""
    link = httpx.URL(server.link(preview))
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as browser:
        host = link.netloc.decode()
        sent = browser.get(f"/deep/path?{link.query.decode()}&a=1", headers={"host": host})
        assert sent.status_code == 303
        target = httpx.URL(sent.headers["location"])
        assert (target.path, target.query) == ("/deep/path", b"a=1")
        assert "set-cookie" not in sent.headers
        assert browser.get("/", headers={"host": target.netloc.decode()}).text == "hello"
        # A program shows the token with each request instead.
        token = dict(link.params)[proxy.TOKEN]
        assert browser.get("/", headers={"host": host, "x-preview-token": token}).text == "hello"
        assert code_of(browser.get("/", headers={"host": host})) == (404, "preview_not_found")


def test_a_link_is_good_for_a_while(hasty: Serving, hurried: Preview) -> None:
    """E10."""
    token, host = hasty.previews.token(hurried), f"{hurried.id}.localhost:{hasty.port}"

    def is_refused() -> bool:
        url = f"http://127.0.0.1:{hasty.port}/"
        response = httpx.get(url, params={proxy.TOKEN: token}, headers={"host": host})
        return response.status_code == 401 and code_of(response)[1] == "preview_token_invalid"

    wait_until(is_refused)


@pytest.mark.parametrize("change", ["of-another", "forged"])
def test_a_link_that_is_not_good_opens_nothing(server: Serving, preview: Preview, change: str) -> None:
    """E10."""
    token, host = server.previews.token(preview), f"{preview.id}.localhost:{server.port}"
    if change == "of-another":
        other = replace(preview, id="0" * 32)
        token = server.previews.token(other)
    else:
        token = token[:-2]
    response = httpx.get(f"http://127.0.0.1:{server.port}/", params={proxy.TOKEN: token}, headers={"host": host})
    assert code_of(response) == (401, "preview_token_invalid")


def test_nothing_of_ours_is_served_under_the_name_of_a_preview(server: Serving) -> None:
    """E10: whichever name of that form it is."""
    for path in ("/api/me", "/", "/healthz", "/api/chats"):
        response = httpx.get(f"http://127.0.0.1:{server.port}{path}", headers={"host": f"{'a' * 32}.localhost"})
        assert code_of(response) == (404, "preview_not_found")
        assert "set-cookie" not in response.headers


def test_a_page_may_ask_its_own_app(client: httpx.Client) -> None:
    """E10: though to it even that is another origin."""
    asked = client.options("/seen", headers={"origin": "null", "access-control-request-method": "PUT"})
    assert asked.status_code == 204
    assert "PUT" in asked.headers["access-control-allow-methods"]


def test_there_are_so_many_previews(server: Serving, preview: Preview) -> None:
    """E10: of one visitor, and in all."""
    second = server.start()
    with pytest.raises(TooManyPreviews):
        server.start()
    third = server.start(owner="ben")
    with pytest.raises(TooManyPreviews):
        server.start(owner="cat")
    for each in (second, third):
        server.do(server.previews.stop(each.id))
    assert [each.is_running for each in server.previews.of("ben")] == [False]


def test_a_stopped_preview_is_gone_and_its_log_is_kept(server: Serving) -> None:
    """E10."""
    preview = server.start('print("I am here", flush=True)')
    link, door = server.link(preview), server.door(preview)
    server.do(server.previews.stop(preview.id))
    base = f"http://127.0.0.1:{server.port}/"
    assert code_of(httpx.get(base, headers={"host": door})) == (404, "preview_not_found")
    again = httpx.get(base, params=dict(httpx.URL(link).params), headers={"host": f"{preview.id}.localhost"})
    assert code_of(again) == (401, "preview_token_invalid")
    assert b"I am here" in preview.app.logs()


def test_an_app_that_ends_by_itself_is_no_preview_any_more(server: Serving) -> None:
    """E10."""
    preview = server.start('ANSWERS["/end"] = lambda app: os._exit(3)')
    httpx.get(f"http://127.0.0.1:{server.port}/end", headers={"host": server.door(preview)}, timeout=30)
    wait_until(lambda: not preview.is_running)
    assert preview.result is not None
    assert preview.result.exit_code == 3


def test_an_unused_preview_is_stopped(tmp_path: Path) -> None:
    """E10."""
    with serving(tmp_path, PENSTOCK_PREVIEW_IDLE_SECONDS="0.5") as own:
        preview = own.start()
        wait_until(lambda: not preview.is_running)


def test_a_preview_has_so_much_time_however_much_it_is_used(tmp_path: Path) -> None:
    """E10."""
    with serving(tmp_path, PENSTOCK_PREVIEW_SECONDS="2") as own:
        preview = own.start()
        with client_of(own, preview) as client:
            assert client.get("/").text == "hello"
            wait_until(lambda: client.get("/").status_code == 404)
        assert not preview.is_running
        assert preview.used - preview.begun > 1.5


@pytest.mark.parametrize("domain", ["example-preview.net", "Previews.Example.ORG"])
def test_previews_are_served_below_a_domain_of_their_own(tmp_path: Path, domain: str) -> None:
    """E10: and below no other; who else is asked for is us."""
    with serving(tmp_path, PENSTOCK_PREVIEW_DOMAIN=domain, PENSTOCK_PUBLIC_URL="https://chat.example.org") as own:
        preview = own.start()
        base, token = f"http://127.0.0.1:{own.port}/", own.previews.token(preview)
        sent = httpx.get(base, params={proxy.TOKEN: token}, headers={"host": f"{preview.id}.{domain}"})
        assert sent.status_code == 303
        door = httpx.URL(sent.headers["location"]).host
        assert door == f"{preview.door}.{domain.lower()}"
        page = httpx.get(base, headers={"host": door})
        assert page.text == "hello"
        # Only our own pages may show it.
        policy = "sandbox allow-scripts allow-forms; frame-ancestors https://chat.example.org"
        assert page.headers["content-security-policy"] == policy
        for name in (f"{preview.door}.localhost:{own.port}", f"{preview.door}.a.{domain}", f"{preview.door}{domain}"):
            assert httpx.get(base, headers={"host": name}).text != "hello"


def test_a_domain_that_is_none_is_refused() -> None:
    """E10."""
    for domain in ("*.example.net", "https://example.net", "a_b", "", "a..b", "x/y"):
        with pytest.raises(SettingsInvalid, match="PENSTOCK_PREVIEW_DOMAIN must be a host name"):
            read_settings({"PENSTOCK_PREVIEW_DOMAIN": domain})


def test_previews_end_with_the_server(tmp_path: Path) -> None:
    """E10."""
    with serving(tmp_path) as own:
        preview = own.start("import subprocess; subprocess.Popen(['sleep', '4242.25'])")
        assert survivors("4242.25")
        assert preview.is_running
    assert survivors("4242.25") == []


def test_an_app_on_another_port_is_told_which(server: Serving) -> None:
    """E10."""
    command = Command(
        files={"main.py": b"import http.server as s; s.test(port=3000)"},
        argv=["python3", "main.py"],
        limits=Limits(boot_seconds=2),
    )
    with pytest.raises(BootFailed, match="listens on 3000"):
        server.do(server.services.sandbox.serve(command, 8000))


def test_an_app_that_does_not_start_says_why(server: Serving) -> None:
    """E10."""
    command = Command(files={"main.py": b"import nothing_of_this_name"}, argv=["python3", "main.py"])
    with pytest.raises(BootFailed, match="nothing_of_this_name"):
        server.do(server.services.sandbox.serve(command, 8000))


SOCKET_APP = b"""
from fastapi import FastAPI, WebSocket

app = FastAPI()

@app.websocket("/ws")
async def talk(socket: WebSocket) -> None:
    await socket.accept("chat")
    await socket.send_json(dict(socket.headers))
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("text") == "bye":
            await socket.close(4001)
            return
        await socket.send_bytes(message["bytes"]) if message.get("bytes") else await socket.send_text(message["text"])
"""


def test_sockets_go_through(server: Serving) -> None:
    """E10."""
    argv = ["python3", "-m", "uvicorn", "main:app", "--port", "8000"]
    command = Command(files={"main.py": SOCKET_APP}, argv=argv, stack="python")
    preview: Preview = server.do(server.previews.start("ann", command, 8000))
    door = server.door(preview)

    def opened(host: str) -> Any:
        import socket  # noqa: PLC0415

        return connect(
            f"ws://{host}/ws",
            sock=socket.create_connection(("127.0.0.1", server.port)),
            subprotocols=["chat"],  # pyright: ignore[reportArgumentType]
            additional_headers={"cookie": "penstock-session=secret"},
        )

    with opened(door) as socket:
        assert socket.subprotocol == "chat"
        assert not {"cookie", "origin", "x-forwarded-for"} & set(json.loads(socket.recv()))
        for message in ("text", b"bytes", "x" * 100_000):
            socket.send(message)
            assert socket.recv() == message
        socket.send("bye")
        wait_until(lambda: socket.close_code is not None)
        assert socket.close_code == 4001
    with pytest.raises(InvalidStatus) as refused, opened(f"{'a' * 32}.localhost:{server.port}"):
        pass
    assert refused.value.response.status_code == 401
    server.do(server.previews.stop(preview.id))


def test_a_sandbox_that_is_switched_off_refuses(tmp_path: Path) -> None:
    """E9: nothing runs, and the reason is told to whoever can do something about it."""
    with serving(tmp_path, PENSTOCK_SANDBOX="off") as own:
        told = httpx.get(f"http://127.0.0.1:{own.port}/api/sandbox").json()
        assert (told["level"], told["reason"]) == ("none", "Sandboxes are switched off.")
        stranger = httpx.get(f"http://127.0.0.1:{own.port}/api/sandbox", headers={"via": "1.1 x"}).json()
        assert (stranger["level"], stranger["reason"]) == ("none", "")
        from penstock.sandbox.base import SandboxUnavailable  # noqa: PLC0415

        with pytest.raises(SandboxUnavailable, match="Unset PENSTOCK_SANDBOX"):
            own.start()
