"""What a model is told when it builds: what to write, in what format, and over which files. Pure.

The first line of the format names it, with the nonce and the stack, so that a program can tell what it is asked: the
demo model does.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final

from penstock.projects.context import Context
from penstock.providers.base import ChatTurn
from penstock.sandbox.base import StackName

FORMAT: Final = "penstock-build/1"
WHOLE_LINES: Final = 200
WHOLE_BYTES: Final = 8_000
"""Up to this, models make fewer mistakes when they write a file anew than when they edit it."""
_NONCE_SIGNS: Final = "abcdefghijkmnpqrstuvwxyz23456789"

_STACKS: Final[Mapping[StackName, str]] = {
    "python": """\
You write a small HTTP API in Python with FastAPI.

- The app is `app` in `app/main.py`; it is started with uvicorn. Import the project's modules as `app.…`.
- GET /health answers {"status": "ok"}. Every route has an operationId of its own, a response model and a tag.
- Keep data in SQLite below the folder that the environment variable DATA_DIR names, or in memory. There is no network.
- Tests are in `tests/test_*.py`, for pytest with fastapi.testclient; they need no order among them.
- Packages are listed in `requirements.txt`, names and versions only, one a line.""",
    "node": """\
You write a small HTTP API in JavaScript for Node 20 with Express 5.

- `package.json` has "main": "src/server.js", which only listens on process.env.PORT; `src/app.js` makes the app.
- GET /health answers {"status": "ok"}. Answer errors as JSON with a fitting status; check what comes in.
- Keep data in memory, or in files below the folder that the environment variable DATA_DIR names. There is no network.
- Tests are in `test/*.test.js`, for node:test with supertest; they need no order among them.
- Packages are listed in `package.json` under dependencies. Those that compile on installation cannot be had.""",
}

_FORMAT: Final = """\
Reply format {format}, nonce {nonce}, stack {stack}.

Write files with these tags, each at the very beginning of a line and always with the nonce:

<plan-{nonce}>
what you are going to do, in three short lines at most
</plan-{nonce}>
<file-{nonce} path="example/name.ext" why="a few words">
all lines of the file
</file-{nonce}>
<edit-{nonce} path="example/name.ext">
<<<<<<< SEARCH {nonce}
lines that stand in the file exactly once, as they are
======= {nonce}
lines to have in their place
>>>>>>> REPLACE {nonce}
</edit-{nonce}>
<delete-{nonce} path="example/old.ext"/>
<rename-{nonce} from="example/old.ext" to="example/new.ext"/>
<done-{nonce} files="5" summary="what there is now, in one sentence"/>

- What is between the tags is taken byte for byte: no Markdown fences, no escaping, nothing left out, no remarks such as
  "rest as before".
- A new file is written whole, and so is one of up to {lines} lines. A longer one is changed by an edit of several small
  blocks, in the order of the file, each with as many lines around it as make it unique.
- Do not write files that stay as they are. Paths are relative, in ASCII, with slashes.
- The server writes containers, lock files and pipelines; do not.
- The done tag ends the reply. `files` is the number of all file, edit, delete and rename tags. Without it the reply
  counts as cut off.
- If no file has to change, answer in a few words without any tag."""

_WORDS = """\
Reply format penstock-words/1.

You are asked about a small HTTP API. Answer in a few words, in Markdown. Write no files: nothing is to be changed."""


def nonce_of(seed: str, texts: Iterable[str | bytes]) -> str:
    """Return six letters and digits that none of the texts has; the same for the same seed and texts."""
    contents = [text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass") for text in texts]
    number = 0
    while True:
        digest = sha256(f"{seed}:{number}".encode()).digest()
        nonce = "".join(_NONCE_SIGNS[byte % len(_NONCE_SIGNS)] for byte in digest[:6])
        if not any(nonce.encode() in content for content in contents):
            return nonce
        number += 1


def prefers_edit(content: str) -> bool:
    """Say whether a file is so long that it is better changed in places."""
    return len(content.encode()) > WHOLE_BYTES or content.count("\n") > WHOLE_LINES


def build_turns(
    prompt: str,
    context: Context,
    *,
    stack: StackName,
    nonce: str,
    packages: Sequence[str] = (),
    locks: Sequence[str] = (),
    failed_edits: Sequence[str] = (),
    history: Sequence[ChatTurn] = (),
) -> list[ChatTurn]:
    """Return what a model is asked that is to write files.

    `packages` are there without being installed; files of which an edit has failed in this run are to be written whole;
    `history` are earlier turns, without code.
    """
    rules = [_STACKS[stack]]
    if packages:
        rules.append(f"These packages are there: {', '.join(packages)}. Others take time to be installed.")
    rules.append(_FORMAT.format(format=FORMAT, nonce=nonce, stack=stack, lines=WHOLE_LINES))
    if locks:
        rules.append(f"Locked, and not to be changed in any way: {', '.join(locks)}.")
    rules += [shown_files(context, nonce), _advice(context, failed_edits)]
    return [_system(rules), *history, ChatTurn(role="user", text=prompt)]


def words_turns(prompt: str, context: Context, *, nonce: str, history: Sequence[ChatTurn] = ()) -> list[ChatTurn]:
    """Return what a model is asked that is to answer with words only."""
    return [_system([_WORDS, shown_files(context, nonce)]), *history, ChatTurn(role="user", text=prompt)]


def _system(parts: Iterable[str]) -> ChatTurn:
    return ChatTurn(role="system", text="\n\n".join(part for part in parts if part))


def shown_files(context: Context, nonce: str) -> str:
    """Return the files as the model sees them, what is known of the others, and the map of the routes."""
    if not context.picked:
        return "The project has no files yet."
    parts = ["The files of the project as they are now:"] if context.files else []
    parts += [_shown(path, text, nonce) for path, text in context.files.items()]
    hidden = [each.path for each in context.picked if not each.is_shown]
    if hidden:
        parts.append(f"There are also, not shown: {', '.join(hidden)}. Do not change what you have not seen.")
    if context.routes:
        parts.append(f"The routes and schemas of the API:\n{context.routes}")
    return "\n\n".join(parts)


def _shown(path: str, text: str, nonce: str) -> str:
    end, mark = ("", "") if not text or text.endswith("\n") else ("\n", ' nonl="1"')
    return f'<source-{nonce} path="{path}"{mark}>\n{text}{end}</source-{nonce}>'


def _advice(context: Context, failed_edits: Sequence[str]) -> str:
    edits = [path for path, text in context.files.items() if prefers_edit(text) and path not in failed_edits]
    parts = [f"To be changed by edits, if at all: {', '.join(edits)}."] if edits else []
    if failed_edits:
        parts.append(f"To be written whole, as an edit has failed: {', '.join(failed_edits)}.")
    return " ".join(parts)


def repair_request(
    errors: str,
    *,
    paths: Sequence[str],
    tried: Sequence[str] = (),
    whole: bool = False,
) -> str:
    """Return the prompt of a repair: what is wrong, with the lines that it is about, and what did not help.

    `errors` tells the worst of them; `paths` are the files that they are about; `tried` the changes of earlier rounds.
    """
    parts = ["The API does not pass its checks. Mend what is wrong, and nothing else.", errors]
    parts += [f"This was tried and did not help:\n{each}" for each in tried]
    if paths:
        where = ", ".join(paths)
        parts.append(
            f"Change only {where}" + (", written whole." if whole else "; others only where that is the cause.")
        )
    parts.append("Do not delete or skip tests, and do not make them check less: they say what is wanted.")
    return "\n\n".join(parts)
