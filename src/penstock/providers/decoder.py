"""The bytes of one answer, fed in any pieces, become deltas: what all wire formats that send events share. No IO."""

import logging
from abc import ABC, abstractmethod

import msgspec

from penstock.providers.base import Delta, ErrorKind, Finish, FinishReason, ProviderError
from penstock.providers.failures import failure
from penstock.providers.sse import Splitter

logger = logging.getLogger(__name__)

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
"""What msgspec raises for bytes that are not what was agreed."""


class Decoder(ABC):
    """Turns the bytes of one answer, fed in any pieces, into deltas. Raises nothing: see `error` when it is `done`.

    Finish is held back until the stream ends, so that usage, which servers send after the finish reason, precedes it.
    """

    def __init__(self, name: str) -> None:
        """Take the provider's name, for sentences."""
        self.done = False
        """Nothing more will come: after a Finish, or with `error` set."""
        self.error: ProviderError | None = None
        self.finish: FinishReason | None = None
        """Why the model ended, as soon as it has said so."""
        self._name = name
        self._events = Splitter()

    def feed(self, chunk: bytes) -> list[Delta]:
        """Return the deltas that these bytes complete."""
        deltas: list[Delta] = []
        if not self.done:
            try:
                self._take(self._events.feed(chunk), deltas)
            except ProviderError as error:
                self._fail(error)
            except UNREADABLE:
                self._fail(failure(ErrorKind.PROTOCOL, self._name))
        return deltas

    def end(self, cause: ProviderError | None = None) -> list[Delta]:
        """Return what the end of the stream completes: its proper end, or the `cause` that ended it.

        An answer whose finish reason is known is complete, however its connection ended.
        """
        deltas: list[Delta] = []
        if not self.done:
            try:
                self._take(self._events.eof(), deltas)
            except ProviderError as error:
                self._fail(error)
            except UNREADABLE:
                # Half an event is what a lost connection leaves behind, not a mistake of the provider.
                logger.debug("The stream of %s ended inside an event.", self._name)
        if not self.done:
            self._end(cause, deltas)
        return deltas

    @abstractmethod
    def _apply(self, payload: bytes, deltas: list[Delta]) -> None:
        """Add what one event says. Raises ProviderError for an error that it reports, and what UNREADABLE names."""

    def _take(self, payloads: list[bytes], deltas: list[Delta]) -> None:
        for payload in payloads:
            if payload.startswith(b"{"):
                self._apply(payload, deltas)
            elif (word := payload.strip()) == b"[DONE]":
                self._finish(self.finish or "other", deltas)
            elif word:
                self._apply(word, deltas)
            if self.done:
                return

    def _end(self, cause: ProviderError | None, deltas: list[Delta]) -> None:
        if self.finish is None:
            self._fail(cause or failure(ErrorKind.TRUNCATED, self._name))
        else:
            self._finish(self.finish, deltas)

    def _finish(self, reason: FinishReason, deltas: list[Delta]) -> None:
        self.done = True
        deltas.append(Finish(reason))

    def _fail(self, error: ProviderError) -> None:
        self.done = True
        self.error = error
