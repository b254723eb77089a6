"""One request to a model for files: what comes is parsed, shown, and kept file by file as each is whole."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256

import sqlalchemy as sa

from penstock.actor import SYSTEM
from penstock.errors import PenstockError
from penstock.kit.clock import Clock
from penstock.projects import drafts, store
from penstock.projects.reply.continuation import Ladder, correction
from penstock.projects.reply.events import (
    Chunk,
    Deleted,
    Done,
    Dropped,
    Edited,
    Ending,
    Hunk,
    Opened,
    Operation,
    Plan,
    Prose,
    Refused,
    Renamed,
    ReplyEvent,
    Written,
)
from penstock.projects.reply.parser import Parser
from penstock.projects.reply.paths import Paths
from penstock.projects.reply.staging import Effect, Staged, Staging
from penstock.providers.base import ChatRequest, ChatTurn, Delta, Finish, Handle, ProviderError, Text, Usage
from penstock.runs.ask import Prepared
from penstock.runs.events import (
    BuildError,
    BuildFailure,
    Code,
    CodeChunk,
    FileComplete,
    FileGenerating,
    FileRef,
    FileResult,
    Planning,
    RunEvent,
    Said,
)
from penstock.runs.execute import Execution
from penstock.runs.fold import TextPart

_MAX_CORRECTIONS = 2
_MAX_WARNINGS = 20
"""Refusals that people are told of: whoever writes thousands of files in vain is not told so of each."""


class ReplyIncomplete(PenstockError):
    """The model did not write everything. What it has finished is kept; retry goes on from there."""

    code = "reply_incomplete"
    retryable = True


class ReplyUnusable(PenstockError):
    """The model did not answer in the form that files can be read from."""

    code = "reply_unusable"
    retryable = True


@dataclass(kw_only=True)
class Spent:
    """Tokens of requests to models."""

    input: int = 0
    output: int = 0

    def add(self, usage: Usage | None, said: int) -> None:
        """Add those of one request; where nobody has counted, a token is four characters."""
        self.input += usage.input_tokens if usage else 0
        self.output += usage.output_tokens if usage else said // 4


@dataclass(frozen=True, kw_only=True)
class Generated:
    """What came of it."""

    staged: Staged | None
    """None: the model has answered in words, and changed nothing."""
    summary: str
    spent: Spent


@dataclass(kw_only=True)
class Generation:
    """Asks a model for files until all are there. Hears its replies (`runs.ask.Listener`)."""

    execution: Execution
    clock: Clock
    nonce: str
    base: Mapping[str, bytes]
    """The files before."""
    draft: Mapping[str, bytes | None]
    """Of them, what was written before by whoever was interrupted; None: deleted."""
    locks: Sequence[str]
    attempts: Counter[str]
    """How often each file was begun in this run."""
    on_file: Callable[[str, bytes | None], None]
    """Told of each file that is whole, or gone."""
    handle: Handle | None = None
    summary: str = ""
    spent: Spent = field(default_factory=Spent)
    kept: list[str] = field(default_factory=list[str])
    """The names of the files that are kept, in the order in which they were finished."""

    def __post_init__(self) -> None:
        """Go on from the draft."""
        self._staging = Staging(self.base)
        self._paths = Paths(self.base, self.locks)
        for path, content in self.draft.items():
            self._take_up(path, content)
        self._parser = Parser(self.nonce, self._paths, seen=len(self.draft))
        self._before = Counter(self.attempts)
        self._warnings = 0
        self._turns: list[ChatTurn] = []
        self._said: list[str] = []
        self._ending: Ending | None = None
        self._usage: Usage | None = None

    def _take_up(self, path: str, content: bytes | None) -> None:
        if content is None:
            self._paths.remove(path)
            if self._staging.read(path) is not None:
                self._staging.apply(Deleted(path))
        else:
            self._paths.add(path)
            self._staging.apply(Written(path, 0, content))
        self.kept.append(path)

    # What it hears.

    @property
    def has_heard(self) -> bool:
        """Whether something of this reply has come."""
        return bool(self._said)

    def choose(self, prepared: Prepared) -> None:
        """Note who is asked now."""
        self.execution.choose(prepared)

    def begin(self, prepared: Prepared) -> ChatRequest:
        """Return what to ask: what was asked for, and how the conversation has gone on."""
        return replace(prepared.request, turns=[*prepared.request.turns, *self._turns])

    async def hear(self, batch: Sequence[Delta]) -> None:
        """Take what comes."""
        others: list[Delta] = []
        for delta in batch:
            match delta:
                case Text():
                    self._said.append(delta.text)
                    for event in self._parser.feed(delta.text):
                        await self._take(event)
                case Usage():
                    self._usage = delta
                case Finish():
                    for event in self._parser.finish(delta.reason):
                        await self._take(event)
                case Handle():
                    pass  # A reply that is cut off is gone on with in another way.
                case _:
                    others.append(delta)
        self._show(self.execution.narrator.tell(others))
        if self.execution.log.is_full:
            await self.execution.log.flush()

    async def _take(self, event: ReplyEvent) -> None:
        match event:
            case Prose():
                self._show(self.execution.narrator.tell([Text(self._apart(event.text))]))
            case Plan():
                self._show([Planning(Said(event.text), transient=True)])
            case Opened():
                attempt = self._before[event.path] + event.attempt
                self.attempts[event.path] = attempt
                op = "create" if event.change == "create" else "modify"
                self._show([FileGenerating(FileRef(path=event.path, op=op, attempt=attempt), transient=True)])
            case Chunk():
                self._show([self._code(event.path, event.offset, event.text)])
            case Written() | Edited() | Deleted() | Renamed():
                await self._keep(event)
            case Refused():
                self._warn(event)
            case Done():
                self.summary = event.summary or self.summary
            case Ending():
                self._ending = event
            case Hunk() | Dropped():
                pass  # What an edit makes is shown once it is applied; what was dropped is asked for again.

    def _warn(self, refused: Refused) -> None:
        """Note what is refused, and tell people of it, once."""
        if not self._staging.refuse(refused) or self._warnings == _MAX_WARNINGS:
            return
        self._warnings += 1
        message = refused.message if self._warnings < _MAX_WARNINGS else "More of the files are not taken, either."
        failure = BuildFailure(code=refused.code, message=message, retryable=False, kept_files=[], warning=True)
        self._show([BuildError(failure, transient=True)])

    def _apart(self, prose: str) -> str:
        """Return prose with a space to what an earlier reply has said: a reader sees both as one text (MS3)."""
        folded = self.execution.narrator.folded
        if folded.open_part is None and any(isinstance(part, TextPart) for part in folded.parts):
            return f"\n\n{prose.lstrip()}"
        return prose

    def _code(self, path: str, offset: int, text: str) -> CodeChunk:
        return CodeChunk(Code(path=path, attempt=self.attempts[path], offset=offset, text=text), transient=True)

    def _show(self, events: Sequence[RunEvent]) -> None:
        if events:
            # Somebody waits for the first code: it does not wait for company.
            self.execution.log.write(events, None, urgent=self.execution.note_first_token())

    async def _keep(self, operation: Operation) -> None:
        """Keep a file that is whole, and say so, as one."""
        effect = self._staging.apply(operation)
        if not isinstance(effect, Effect):
            return  # Asked for again when the reply has ended.
        if isinstance(operation, Edited) and effect.content is not None:
            self._show([self._code(effect.path, 0, effect.content.decode())])
        changed = {effect.path: effect.content, **({effect.old: None} if effect.old else {})}
        events = [self._complete(path, content) for path, content in changed.items()]

        def stage(connection: sa.Connection) -> None:
            version = store.version_of_run(connection, SYSTEM, self.execution.run.id)
            for path, content in changed.items():
                drafts.stage(connection, version, path, content, self.clock())

        await self.execution.commit(events, stage)
        for path, content in changed.items():
            if path not in self.kept:
                self.kept.append(path)
            self.on_file(path, content)

    def _complete(self, path: str, content: bytes | None) -> FileComplete:
        if content is None:
            return FileComplete(FileResult(path=path, deleted=[path]), transient=True)
        result = partial(
            FileResult,
            path=path,
            sha256=sha256(content).hexdigest(),
            bytes=len(content),
            attempt=max(1, self.attempts[path]),
        )
        return FileComplete(result(modified=[path]) if path in self.base else result(created=[path]), transient=True)

    # What it asks.

    async def run(self, prepared: Prepared) -> Generated:
        """Ask until everything is there.

        Raises ProviderError, ReplyIncomplete, ReplyUnusable, or as `Staging.result` does.
        """
        ladder, corrections = Ladder(self.nonce), 0
        if self.draft:
            self._go_on(self._written(), ladder.after(_cut(), self._complete_paths()))
        while True:
            ending = await self._ask(prepared)
            # Where there is no room, there is none for the rest either.
            is_full = self._staging.is_full
            if not is_full and (more := ladder.after(ending, self._complete_paths())) is not None:
                self._go_on("".join(self._said), more)
            elif not is_full and ending.status == "cut":
                raise ReplyIncomplete
            elif corrections < _MAX_CORRECTIONS and (wrong := self._correction(ending, corrections)):
                corrections += 1
                self._go_on("".join(self._said), wrong)
            else:
                break
        if ending.status == "answer" and not self.kept:
            if ending.signs:
                raise ReplyUnusable
            return Generated(staged=None, summary="", spent=self.spent)
        staged = self._staging.result()
        if not staged.files:
            raise ReplyUnusable("Of what the model wrote no file is left.")
        return Generated(staged=staged, summary=self.summary, spent=self.spent)

    async def _ask(self, prepared: Prepared) -> Ending:
        # What the model says now is no more of what it said before.
        self.execution.log.write(self.execution.narrator.close_parts(), None)
        self._said.clear()
        self._ending, self._usage = None, None
        try:
            await self.execution.ask(self, prepared)
        except ProviderError as error:
            if not self._said or not error.retryable:
                raise
            # It broke off in the middle: what is whole is kept, and the rest is asked for.
            for event in self._parser.finish(None):
                await self._take(event)
        finally:
            self.spent.add(self._usage, sum(map(len, self._said)))
        assert self._ending is not None, "a reply that ended has an ending"
        return self._ending

    def _go_on(self, said: str, more: str | None) -> None:
        """Ask for what is missing, with what was said before as the model's own words."""
        assert more is not None
        self._turns += [ChatTurn(role="assistant", text=said or "(nothing)"), ChatTurn(role="user", text=more)]

    def _correction(self, ending: Ending, corrections: int) -> str:
        """Return what to ask for where something could not be used: edits twice, all else once."""
        problems = self._staging.problems
        if corrections:
            return "" if self._staging.is_full else correction(self.nonce, problems=problems)
        return correction(
            self.nonce,
            signs=ending.signs if ending.status == "answer" and not self.kept else (),
            refusals=self._staging.tell(),
            problems=problems,
            suspicions=() if problems else self._staging.suspicions,
        )

    def _complete_paths(self) -> list[str]:
        return [path for path in self.kept if self._staging.read(path) is not None]

    def _written(self) -> str:
        """Return what the draft holds as the model has written it."""
        told: list[str] = []
        for path, content in self.draft.items():
            if content is None:
                told.append(f'<delete-{self.nonce} path="{path}"/>\n')
            else:
                text = content.decode(errors="replace")
                told.append(f'<file-{self.nonce} path="{path}">\n{text}\n</file-{self.nonce}>\n')
        return "".join(told)


def _cut() -> Ending:
    """Return how a reply has ended whose worker has died."""
    return Ending(
        status="cut", finish_reason=None, declared=None, seen=0, missing=(), unfinished=None, signs=(), tolerances={}
    )
