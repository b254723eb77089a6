"""An installation whose owner has something of everything, for tests that look at all pages."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.sync_api import BrowserContext

from harness import builds
from harness.penstock import LIMITS, Penstock
from harness.people import sign_up
from harness.sandbox import SHARED


@dataclass(frozen=True, kw_only=True)
class Household:
    """Where it is, and who is let in."""

    url: str
    cookies: dict[str, str]
    """The owner's."""
    chat: str
    project: str

    def let_in(self, visitor: BrowserContext) -> None:
        """Let a browser be the owner's."""
        visitor.add_cookies([{"name": name, "value": value, "url": self.url} for name, value in self.cookies.items()])

    def address(self, path: str) -> str:
        """Return the address of a path, in which `{chat}` and `{project}` stand for those of the owner."""
        return self.url + path.format(chat=self.chat, project=self.project)


@contextmanager
def furnished(folder: Path) -> Generator[Household]:
    """Run an installation with a chat that is shared, a folder, a template and a project of two versions."""
    environment = {**dict.fromkeys(LIMITS, "off"), "PENSTOCK_SANDBOX_DIR": str(SHARED)}
    installed = Penstock(folder=folder, environment=environment).start()
    try:
        with installed.client() as owner:
            sign_up(owner, "owner@example.org")
            yield Household(
                url=installed.url,
                chat=_shared_chat(owner),
                project=_project(owner),
                cookies=dict(owner.cookies.items()),
            )
    finally:
        installed.kill()


def _shared_chat(owner: httpx.Client) -> str:
    chat = str(owner.post("/api/chats", json={}).json()["id"])
    asked = {"chatId": chat, "message": "How do rivers run?", "model": "demo/tour"}
    owner.post("/api/chat", json=asked, timeout=60).raise_for_status()
    owner.post("/api/folders", json={"name": "River"}).raise_for_status()
    owner.post("/api/templates", json={"name": "Explain", "text": "Explain this."}).raise_for_status()
    owner.post(f"/api/chats/{chat}/shares", json={}).raise_for_status()
    return chat


def _project(owner: httpx.Client) -> str:
    first = builds.ask(owner, "An API of books", model="demo/tour")
    builds.log_of(owner, first)
    builds.log_of(owner, builds.ask(owner, "Add search", project=first["projectId"], model="demo/tour"))
    return str(first["projectId"])
