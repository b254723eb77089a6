"""What models of the kind `build-…` reply to whoever builds with them: files in the format that they were told.

build-notes       a small API; asked again, one route more; asked a question, words
build-mended      its test fails, until it is told so
build-stubborn    its test fails whatever it is told
build-cut         cut off in the middle of its second file; goes on when it is told so
build-locked      writes requirements.txt as well, whatever is said of it
build-prose       code in Markdown, no file
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_NONCE = re.compile(r"nonce (\w+)")
_COMPLETE = re.compile(r"^Complete: (.*)$", re.MULTILINE)

_APP = """\
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

app = FastAPI(title="Notes")


class Note(BaseModel):
    id: int
    text: str


NOTES = {1: Note(id=1, text="hello")}


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/notes")
def list_notes() -> list[Note]:
    return list(NOTES.values())


@app.get("/notes/{note_id}")
def get_note(note_id: int) -> Note:
    if note_id not in NOTES:
        raise HTTPException(404)
    return NOTES[note_id]
"""
_COUNT = """

@app.get("/count")
def count() -> dict[str, int]:
    return {"count": len(NOTES)}
"""
_TEST = """\
from fastapi.testclient import TestClient

from app.main import app


def test_notes() -> None:
    assert TestClient(app).get("/notes").json() == [{"id": 1, "text": "hello"}]
"""


def reply(kind: str, body: Mapping[str, Any]) -> tuple[str, bool]:
    """Return what is replied, and whether it is cut off."""
    messages: Sequence[Mapping[str, str]] = body["messages"]
    found = _NONCE.search(messages[0]["content"])
    nonce = found[1] if found else "none"
    asked = messages[-1]["content"]
    is_repair = asked.startswith("The API does not pass its checks")
    is_first = "<source-" not in messages[0]["content"]
    if asked.endswith("?"):
        return "It keeps notes.", False
    if (complete := _COMPLETE.search(asked)) is not None or asked.startswith("Your reply ended"):
        kept = complete[1].split(", ") if complete else []
        return _files(nonce, {path: text for path, text in _whole().items() if path not in kept}, count=4), False
    match kind.removeprefix("build-"):
        case "prose":
            return f"Here you are:\n\n```python\n{_APP}```\n", False
        case "mended" | "stubborn" as which:
            text = "hello" if which == "mended" and is_repair else f"hullo {len(messages)}"
            files = {"app/main.py": _APP.replace("hello", text)}
            return _files(nonce, files if is_repair else {**_whole(), **files}), False
        case "cut":
            whole = _files(nonce, _whole())
            return whole[: whole.index("def test_notes")], True
        case "locked" if not is_first:
            return _files(nonce, {"app/main.py": _APP + _COUNT, "requirements.txt": "fastapi\nevil\n"}), False
        case _ if is_first:
            return _files(nonce, _whole(), plan=True), False
        case _:
            return _files(nonce, {"app/main.py": _APP + _COUNT}, summary="Counts notes"), False


def _whole() -> dict[str, str]:
    return {"requirements.txt": "fastapi\n", "app/__init__.py": "", "app/main.py": _APP, "tests/test_notes.py": _TEST}


def _files(
    nonce: str, files: Mapping[str, str], *, count: int = 0, summary: str = "Keeps notes", plan: bool = False
) -> str:
    parts = [f"<plan-{nonce}>\nOne file.\n</plan-{nonce}>\n"] if plan else ["Here it is.\n"]
    parts += [f'<file-{nonce} path="{path}">\n{text}</file-{nonce}>\n' for path, text in files.items()]
    return "".join([*parts, f'<done-{nonce} files="{count or len(files)}" summary="{summary}"/>\n'])
