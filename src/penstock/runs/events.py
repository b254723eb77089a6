"""The events of a run: parts of the AI SDK UI message stream, version 1, and `data-*` parts (protocol/SPEC.md, EV).

Logged, replayed and sent in this one form. Stock parts never carry fields of ours, because old clients refuse
them: what we know beside them stands in `providerMetadata`, the SDK's place for that.
"""

from collections.abc import Sequence
from typing import Any, Literal, assert_never

import msgspec


class Event(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", rename="camel"):
    """What all events share: a `type`, camelCase fields, nothing for fields that are not set."""


class RunRef(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Where an answer belongs."""

    chat_id: str
    run_id: str
    beside_run_id: str | None = None
    """Of the answer of another model that was asked for with it."""


class Start(Event, frozen=True, tag="start"):
    """The log begins (EV2)."""

    message_id: str
    message_metadata: RunRef


class StartStep(Event, frozen=True, tag="start-step"):
    """One request to a model begins."""


class FinishStep(Event, frozen=True, tag="finish-step"):
    """The request has been answered."""


class PartStart(Event, frozen=True):
    """A part is opened under an id."""

    id: str


class PartDelta(Event, frozen=True):
    """The open part grows."""

    id: str
    delta: str


class PartEnd(Event, frozen=True):
    """The part is closed."""

    id: str


class TextStart(PartStart, frozen=True, tag="text-start"):
    """A text part is opened."""


class TextDelta(PartDelta, frozen=True, tag="text-delta"):
    """The text grows."""


class TextEnd(PartEnd, frozen=True, tag="text-end"):
    """The text part is closed."""


class ReasoningStart(PartStart, frozen=True, tag="reasoning-start"):
    """A reasoning part is opened."""


class ReasoningDelta(PartDelta, frozen=True, tag="reasoning-delta"):
    """The reasoning grows."""


class Thought(msgspec.Struct, frozen=True, rename="camel"):
    """What is known of reasoning beside its text."""

    duration_ms: int
    """From its first word to what came after it."""


class ProviderMetadata(msgspec.Struct, frozen=True):
    """What is said of a stock part, by who says it."""

    penstock: Thought


class ReasoningEnd(PartEnd, frozen=True, tag="reasoning-end"):
    """The reasoning part is closed."""

    provider_metadata: ProviderMetadata | None = None
    """None where nobody has seen all of it: of a part that another worker began, and in logs of older servers."""


class Call(msgspec.Struct, frozen=True):
    """A call of a tool that the model asks for."""

    name: str
    arguments: str
    """JSON text, as the model wrote it: it may be invalid."""


class ToolCall(Event, frozen=True, tag="data-tool-call"):
    """The model asks whoever asked it to call a tool, all of it said (EV9)."""

    id: str
    data: Call


class VersionRef(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which version of a project a run makes."""

    project_id: str
    version_id: str
    ordinal: int
    parent_id: str | None
    run_id: str
    model: str


class VersionStart(Event, frozen=True, tag="data-version-start"):
    """This run makes a version of a project (EV10)."""

    data: VersionRef


class Said(msgspec.Struct, frozen=True, rename="camel"):
    """Text that is shown while it is made."""

    text: str


class Planning(Event, frozen=True, tag="data-planning"):
    """The plan of a version grows."""

    data: Said
    transient: Literal[True]


class StepRef(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A step of the making of a version."""

    step: str
    """context, generate, apply, static, install, boot, contract, probe, test, repair."""
    label: str
    """For people."""
    attempt: int
    """Counts repairs: 0 is the first."""


class StepBegin(Event, frozen=True, tag="data-step-start"):
    """A step begins."""

    data: StepRef
    transient: Literal[True]


class FileRef(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file that is being written."""

    path: str
    op: Literal["create", "modify"]
    attempt: int
    """A later attempt at the same path supersedes those before it."""


class FileGenerating(Event, frozen=True, tag="data-file-generating"):
    """A file is begun. Its path has been checked."""

    data: FileRef
    transient: Literal[True]


class Code(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Some of the text of a file."""

    path: str
    attempt: int
    offset: int
    """Where it belongs, in UTF-16 code units; contiguous."""
    text: str


class CodeChunk(Event, frozen=True, tag="data-code-chunk"):
    """The file grows."""

    data: Code
    transient: Literal[True]


class FileResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What became of a file: its path stands in one of the lists."""

    path: str
    created: Sequence[str] = ()
    modified: Sequence[str] = ()
    deleted: Sequence[str] = ()
    sha256: str | None = None
    """Of its content, which can be fetched by it; None: it is gone."""
    bytes: int = 0
    attempt: int = 1


class FileComplete(Event, frozen=True, tag="data-file-complete"):
    """A file is whole and kept, or gone."""

    data: FileResult
    transient: Literal[True]


class CheckState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """How a check of a version stands."""

    stage: str
    status: Literal["running", "passed", "failed", "skipped", "error"]
    attempt: int
    summary: str = ""
    diagnostics: Sequence[Any] = ()
    """kind, message, path, line."""


class CheckUpdate(Event, frozen=True, tag="data-check-update"):
    """A check begins, or has found something."""

    data: CheckState
    transient: Literal[True]


class VersionState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """How a version has ended."""

    version_id: str
    status: str
    manifest: str | None = None
    """The hash of all its files."""
    files: int = 0
    generation_ms: int = 0
    total_ms: int = 0
    repairs: int = 0


class VersionComplete(Event, frozen=True, tag="data-version-complete"):
    """The version is there, and what is known of it."""

    data: VersionState
    transient: Literal[True]


class BuildFailure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Why there is no version, and what is kept; or, as a warning, what was not done."""

    code: str
    message: str
    retryable: bool
    kept_files: Sequence[str]
    """Finished files, with which a retry goes on."""
    warning: bool = False


class BuildError(Event, frozen=True, tag="data-error"):
    """There will be no version of this run (E2), unless it is a warning."""

    data: BuildFailure
    transient: Literal[True]


class Finish(Event, frozen=True, tag="finish"):
    """The stock ending of a completed answer."""

    finish_reason: str


class Abort(Event, frozen=True, tag="abort"):
    """The stock ending of a stopped answer."""


class Error(Event, frozen=True, tag="error"):
    """The stock ending of a failed or interrupted answer."""

    error_text: str


class RestartPoint(msgspec.Struct, frozen=True, rename="camel"):
    """From where the log no longer counts, and which attempt begins there."""

    offset: str
    attempt: int


class Restart(Event, frozen=True, tag="data-restart"):
    """The current step begins again: what it gave so far no longer counts (EV7)."""

    data: RestartPoint
    transient: Literal[True]
    """Kept out of the message's parts by AI SDK clients. Without a default, so that it is always written."""


class TokenCount(msgspec.Struct, frozen=True, rename="camel"):
    """Tokens as the provider counted them."""

    input_tokens: int
    output_tokens: int


EndStatus = Literal["completed", "stopped", "failed", "interrupted"]


class End(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """How a run ended."""

    status: EndStatus
    finish_reason: str | None = None
    code: str | None = None
    message: str | None = None
    """A sentence for a person."""
    retryable: bool | None = None
    usage: TokenCount | None = None


class RunEnd(Event, frozen=True, tag="data-run-end"):
    """The one last event of every log (EV4)."""

    data: End
    transient: Literal[True]


PartEvent = TextStart | TextDelta | TextEnd | ReasoningStart | ReasoningDelta | ReasoningEnd
BuildEvent = (
    Planning | StepBegin | FileGenerating | CodeChunk | FileComplete | CheckUpdate | VersionComplete | BuildError
)
"""How a version is made (E2): shown while it happens, and no part of the message."""
RunEvent = (
    Start
    | VersionStart
    | StartStep
    | FinishStep
    | PartEvent
    | ToolCall
    | BuildEvent
    | Finish
    | Abort
    | Error
    | Restart
    | RunEnd
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[RunEvent] = msgspec.json.Decoder(RunEvent)


def encode(event: RunEvent) -> bytes:
    """Return the event as it stands in the log: JSON without a line break."""
    return _encoder.encode(event)


def decode(message: bytes) -> RunEvent:
    """Return the event of a message of the log."""
    return _decoder.decode(message)


_DELTA = b'"delta":"'
_AFTER_DELTA = b'"}'


def seam(message: bytes) -> tuple[int, int] | None:
    """Return how much of a delta's message stands before and behind its text; None for any other event.

    Messages that are equal but for their text can be one: texts as JSON stand behind each other as they are.
    """
    if not message.startswith((b'{"type":"text-delta"', b'{"type":"reasoning-delta"')):
        return None
    return message.index(_DELTA, message.index(b'"id":')) + len(_DELTA), len(_AFTER_DELTA)


def endings(end: End) -> list[RunEvent]:
    """Return the last events of a log: the nearest stock ending, then ours (EV5)."""
    stock: RunEvent
    match end.status:
        case "completed":
            stock = Finish(end.finish_reason or "other")
        case "stopped":
            stock = Abort()
        case "failed" | "interrupted":
            stock = Error(end.message or "The answer could not be completed.")
        case _:
            assert_never(end.status)
    return [stock, RunEnd(end, transient=True)]
