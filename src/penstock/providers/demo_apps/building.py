"""The demo model's replies to those who want something built: plan, files and edits, in the format asked for.

What is asked is told by the request alone: the format's line with nonce and stack, the files that are shown, and what
the user has said last. Nothing is remembered.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Final

from penstock.providers.base import ChatTurn
from penstock.providers.demo_apps import express, fastapi
from penstock.providers.demo_apps.draft import ABOUT, FEATURES, Draft, Feature, things_of, wished

_ASKED = re.compile(r"^Reply format penstock-build/1, nonce (\w+), stack (python|node)\.$", re.MULTILINE)
_QUESTION = re.compile(r"^Reply format penstock-words/1\.$", re.MULTILINE)
_REPAIR: Final = "The API does not pass its checks."
_CUT: Final = "Your reply ended before everything was written."
_COMPLETE = re.compile(r"^Complete: (.+)$", re.MULTILINE)
_HELLO: Final = "I am a **scripted demo model**: I write the same small API for everybody."
_MAX_WISH: Final = 120

_NO_QUESTIONS = f"""\
{_HELLO} I cannot answer questions about it, but I can change it.
Ask me for {", ".join(ABOUT[each] for each in FEATURES)}.

Its routes are in its documentation, which the preview shows. Connect a language model to talk about the rest.
"""
_NO_REPAIRS = f"{_HELLO} I cannot mend what does not pass its checks: that takes a language model.\n"
_FOREIGN = f"{_HELLO} This project is not one of mine, or has been changed so much that I do not find my way in it.\n"
_NO_MORE = f"{_HELLO} There is nothing that I could add to what I have written.\n"


@dataclass(frozen=True, kw_only=True)
class _Task:
    """What is asked."""

    nonce: str
    is_python: bool
    files: Mapping[str, str]
    prompt: str
    written: Sequence[str]
    """Files that are there from a reply that was cut off."""


def reply(turns: Sequence[ChatTurn]) -> str | None:
    """Return the whole reply to somebody who wants something built or asks about it; None for everybody else."""
    system = next((turn.text for turn in turns if turn.role == "system"), "")
    if _QUESTION.search(system):
        return _NO_QUESTIONS
    asked = _ASKED.search(system)
    if asked is None:
        return None
    said = [turn for turn in turns if turn.role != "system"]
    written = ""
    while len(said) > 2 and said[-1].text.startswith(_CUT):
        written = written or said[-1].text
        said = said[:-2]
    complete = _COMPLETE.search(written)
    task = _Task(
        nonce=asked[1],
        is_python=asked[2] == "python",
        files=_shown(system, asked[1]),
        prompt=said[-1].text if said else "",
        written=complete[1].split(", ") if complete else (),
    )
    if any(turn.role == "assistant" and f"-{task.nonce}" in turn.text for turn in said):
        return _NO_MORE + _done(task.nonce, 0, "Nothing was added.")
    return _NO_REPAIRS if task.prompt.startswith(_REPAIR) else _build(task)


def _shown(system: str, nonce: str) -> dict[str, str]:
    pattern = rf'^<source-{nonce} path="([^"]+)"( nonl="1")?>\n(.*?)^</source-{nonce}>$'
    found = re.findall(pattern, system, re.MULTILINE | re.DOTALL)
    return {path: text[:-1] if bare else text for path, bare, text in found}


def _build(task: _Task) -> str:
    app = fastapi if task.is_python else express
    before = app.draft_of(task.files) if task.files else None
    if task.files and before is None:
        return _FOREIGN
    after, said = _begun(task.prompt) if before is None else _amended(before, task.prompt)
    own = app.files_of(before) if before is not None else {}
    changed = {path: text for path, text in app.files_of(after).items() if own.get(path) != text}
    missing = [path for path in changed if path not in task.written]
    tags = [_tag(path, task.files.get(path), own.get(path), changed[path], task.nonce) for path in missing]
    about = f"An API of {after.things}" if before is None else said
    end = f"{''.join(tags)}{_done(task.nonce, len(changed), about)}\n{_next(after)}"
    return end if task.written else f"{_HELLO}\n\n<plan-{task.nonce}>\n{said}\n</plan-{task.nonce}>\n{end}"


def _begun(prompt: str) -> tuple[Draft, str]:
    draft = Draft(things=things_of(prompt), features=frozenset(wished(prompt)))
    more = "".join(f", {ABOUT[each]}" for each in FEATURES if draft.has(each))
    return draft, f"An API of {draft.things}: health, a list, one by its id, creating{more}; with tests."


def _amended(draft: Draft, prompt: str) -> tuple[Draft, str]:
    """Return the app with what is wished for, or with something else where that is not understood or there already."""
    new: list[Feature] = [feature for feature in wished(prompt) if not draft.has(feature)]
    if new:
        return _with(draft, new), f"Add {_listed(new)}."
    missing: list[Feature] = [feature for feature in FEATURES if not draft.has(feature)]
    why = "That is there already" if wished(prompt) else "I do not understand that"
    if missing:
        return _with(draft, missing[:1]), f"{why}, so I add {ABOUT[missing[0]]} instead."
    wish = " ".join("".join(each for each in prompt if each.isprintable() or each.isspace()).split())[:_MAX_WISH]
    wishes = [*draft.wishes, wish or "(no words)"]
    return replace(draft, wishes=wishes), f"{why}, so I keep it as a wish: GET /wishes lists {len(wishes)}."


def _with(draft: Draft, features: Sequence[Feature]) -> Draft:
    return replace(draft, features=draft.features | set(features))


def _listed(features: Sequence[Feature]) -> str:
    return " and ".join(ABOUT[feature] for feature in features)


def _next(draft: Draft) -> str:
    missing = [ABOUT[feature] for feature in FEATURES if not draft.has(feature)]
    return (
        f"Ask me for {', '.join(missing)} next.\n"
        if missing
        else "I can do no more than this: connect a language model.\n"
    )


def _tag(path: str, there: str | None, before: str | None, after: str, nonce: str) -> str:
    """Return the tag that makes the file what it should be; what others have changed in it stays where that can be."""
    block = None if there is None or before is None else _block(before, after)
    if block is None or there is None or f"\n{there}".count(f"\n{block[0]}") != 1:
        return f'<file-{nonce} path="{path}">\n{after}</file-{nonce}>\n'
    search, put = block
    body = f"<<<<<<< SEARCH {nonce}\n{search}======= {nonce}\n{put}>>>>>>> REPLACE {nonce}\n"
    return f'<edit-{nonce} path="{path}">\n{body}</edit-{nonce}>\n'


def _block(before: str, after: str) -> tuple[str, str] | None:
    """Return the lines that differ, with so many around them that they are unique; None where most lines differ."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    steps = [step for step in SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if step[0] != "equal"]
    if not steps or not before.endswith("\n"):
        return None
    start, end = steps[0][1], steps[-1][2]
    tail = len(new) - steps[-1][4]
    while start == end or _count(old, old[start:end]) > 1:
        start, end, tail = max(0, start - 1), min(len(old), end + 1), max(0, tail - 1)
    if 2 * (end - start) > len(old):
        return None
    return "".join(old[start:end]), "".join(new[start : len(new) - tail])


def _count(lines: Sequence[str], part: Sequence[str]) -> int:
    return sum(lines[at : at + len(part)] == part for at in range(len(lines) - len(part) + 1))


def _done(nonce: str, files: int, summary: str) -> str:
    return f'<done-{nonce} files="{files}" summary="{summary}"/>\n'
