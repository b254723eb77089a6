"""What models of the kind `build-…` reply to whoever builds with them: files in the format that they were told.

build-notes       a small API; asked again, one route more; asked a question, words
build-mended      its test fails, until it is told so
build-stubborn    its test fails whatever it is told
build-unwilling   its test fails; told so, it writes nothing but a Dockerfile, until it is to write whole files
build-cut         cut off in the middle of its second file; goes on when it is told so
build-endless     cut off there in every reply
build-locked      asked again, writes requirements.txt as well, whatever is said of it
build-only-locked asked again, writes nothing but requirements.txt, whatever is said of it
build-reserved    writes nothing but a Dockerfile
build-refused     edits a file as well that is not there; writes it whole when it is told so
build-astray      edits such a file whatever it is told
build-mistaken    edits such a file; when it is told so, says that it is not to be
build-misfit      edits its app where it is not as it thinks; writes it whole when it is told so
build-many        6,000 files
build-broken      an app that is no Python, then a long file
build-prose       code in Markdown, no file
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_NONCE = re.compile(r"nonce (\w+)")
_COMPLETE = re.compile(r"^Complete: (.*)$", re.MULTILINE)

_MISSING = "app/extra.py"
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
    is_corrected = any(each["role"] == "assistant" and f"-{nonce} " in each["content"] for each in messages)
    if kind == "build-endless":
        whole = _files(nonce, _whole())
        return whole[: whole.index("def test_notes")], True
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
        case "unwilling" if is_corrected or (is_repair and "written whole" not in asked):
            return _files(nonce, {"Dockerfile": "FROM scratch\n"}), False
        case "unwilling":
            return _files(
                nonce, {**_whole(), "app/main.py": _APP if is_repair else _APP.replace("hello", "hullo")}
            ), False
        case "cut":
            whole = _files(nonce, _whole())
            return whole[: whole.index("def test_notes")], True
        case "locked" if not is_first:
            return _files(nonce, {"app/main.py": _APP + _COUNT, "requirements.txt": "fastapi\nevil\n"}), False
        case "only-locked" if not is_first:
            return _files(nonce, {"requirements.txt": "fastapi\nevil\n"}), False
        case "reserved":
            return _files(nonce, {"Dockerfile": "FROM scratch\n"}), False
        case "broken":
            return _files(nonce, {"app/main.py": "def main(:\n", "app/long.py": "# Nothing.\n" * 1_000}), False
        case "many":
            return _files(nonce, {} if is_corrected else {f"{number}.py": "" for number in range(6_000)}), False
        case "refused" | "astray" | "mistaken" | "misfit" as which:
            return _edited(nonce, which, is_corrected=is_corrected), False
        case _ if is_first:
            return _files(nonce, _whole(), plan=True), False
        case _:
            return _files(nonce, {"app/main.py": _APP + _COUNT}, summary="Counts notes"), False


def _edited(nonce: str, which: str, *, is_corrected: bool) -> str:
    """Return an API with an edit that cannot be applied, or what is said when that is told."""
    path = "app/main.py" if which == "misfit" else _MISSING
    marks = [f"<<<<<<< SEARCH {nonce}\n", f"======= {nonce}\n", f">>>>>>> REPLACE {nonce}\n"]
    block = f"{marks[0]}# Nothing like it.\n{marks[1]}# Something else.\n{marks[2]}"
    edit = f'<edit-{nonce} path="{path}">\n{block}</edit-{nonce}>\n'
    if not is_corrected:
        return _files(nonce, _whole(), before_end=edit)
    match which:
        case "refused":
            return _files(nonce, {path: "# An extra.\n"})
        case "misfit":
            return _files(nonce, {path: _APP + _COUNT})
        case "mistaken":
            return _files(nonce, {}, before_end=f'<delete-{nonce} path="{path}"/>\n')
        case _:
            return _files(nonce, {}, before_end=edit)


def _whole() -> dict[str, str]:
    return {"requirements.txt": "fastapi\n", "app/__init__.py": "", "app/main.py": _APP, "tests/test_notes.py": _TEST}


def _files(
    nonce: str,
    files: Mapping[str, str],
    *,
    count: int = 0,
    summary: str = "Keeps notes",
    plan: bool = False,
    before_end: str = "",
) -> str:
    parts = [f"<plan-{nonce}>\nOne file.\n</plan-{nonce}>\n"] if plan else ["Here it is.\n"]
    parts += [f'<file-{nonce} path="{path}">\n{text}</file-{nonce}>\n' for path, text in files.items()]
    count = count or len(files) + bool(before_end)
    return "".join([*parts, before_end, f'<done-{nonce} files="{count}" summary="{summary}"/>\n'])
