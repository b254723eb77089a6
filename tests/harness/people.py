"""People who sign up and in, and what they still read when that has ended."""

import threading
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx

from harness.penstock import Recording, read_frames

PASSWORD = "a password for tests"
"""Everybody's."""
ENDED_SECONDS = 5.0
"""Within which what is open for an ended session ends."""


def new_email() -> str:
    """Return an address that nobody has yet."""
    return f"{uuid4().hex}@example.org"


def sign_up(client: httpx.Client, email: str | None = None) -> dict[str, Any]:
    """Make the client's visitor an account, and return who it is."""
    response = client.post("/api/auth/sign-up", json={"email": email or new_email(), "password": PASSWORD})
    assert response.status_code == 201, response.text
    return dict(response.json())


def sign_in(client: httpx.Client, email: str, password: str = PASSWORD) -> httpx.Response:
    """Ask to be signed in."""
    return client.post("/api/auth/sign-in", json={"email": email, "password": password})


def session_of(client: httpx.Client) -> str:
    """Return the secret of the client's session."""
    return client.cookies["penstock-session"]


def code_of(response: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal."""
    return response.status_code, response.json()["code"]


class Listener(threading.Thread):
    """Follows an answer until the connection ends, and notes when it did."""

    def __init__(
        self, url: str, path: str, cookies: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(daemon=True)
        self.url, self.path = url, path
        self.cookies, self.headers = dict(cookies), headers or {}
        self.begun = threading.Event()
        self.recording = Recording()
        self.is_broken = False
        self.status = 0
        self.ended_at = 0.0

    def run(self) -> None:
        with httpx.Client(base_url=self.url, cookies=self.cookies, headers=self.headers, timeout=60) as client:
            try:
                with client.stream("GET", self.path) as response:
                    self.status = response.status_code
                    self.begun.set()
                    read_frames(response.iter_lines(), self.recording)
            except httpx.RemoteProtocolError:
                self.is_broken = True
            self.ended_at = time.monotonic()
            self.begun.set()
