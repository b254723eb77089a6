"""The house's keys for one provider: used in turn; one that is refused or limited rests for a while. No IO."""

from collections.abc import Callable, Collection, Sequence

from penstock.providers.base import ErrorKind, ProviderError

REFUSED_SECONDS = 600.0
"""How long a key rests that the provider refused: somebody may be mending it there."""
LIMITED_SECONDS = 30.0
"""How long a key rests that is at its limit, where the provider does not say itself."""


class KeyPool:
    """Some keys, of which each process keeps in mind how they do."""

    def __init__(self, secrets: Sequence[str], clock: Callable[[], float]) -> None:
        """Take the keys, without blank ones and repetitions, and a clock in seconds."""
        self.secrets = tuple(dict.fromkeys(stripped for each in secrets if (stripped := each.strip())))
        self._clock = clock
        self._rests_until: dict[str, float] = {}
        self._turn = 0

    def __repr__(self) -> str:
        return f"KeyPool({len(self.secrets)} keys)"

    @property
    def is_free(self) -> bool:
        """Whether one of them does not rest."""
        return any(self._is_free(secret) for secret in self.secrets)

    def take(self, but: Collection[str] = (), *, only_free: bool = False) -> str | None:
        """Return the key whose turn it is, none of those named. Where all rest, the one that will be free first.

        Only free ones are taken where that is asked for.
        """
        left = [secret for secret in self._in_turn() if secret not in but]
        taken = next((secret for secret in left if self._is_free(secret)), None)
        if taken is None and (only_free or not left):
            return None
        taken = taken or min(left, key=lambda secret: self._rests_until[secret])
        self._turn = self.secrets.index(taken) + 1
        return taken

    def note(self, secret: str, error: ProviderError) -> None:
        """Let a key rest that is refused or limited."""
        match error.kind:
            case ErrorKind.AUTH:
                seconds = REFUSED_SECONDS
            case ErrorKind.RATE_LIMIT:
                seconds = error.retry_after or LIMITED_SECONDS
            case _:
                return
        self._rests_until[secret] = self._clock() + seconds

    def _in_turn(self) -> Sequence[str]:
        turn = self._turn % max(len(self.secrets), 1)
        return self.secrets[turn:] + self.secrets[:turn]

    def _is_free(self, secret: str) -> bool:
        return self._rests_until.get(secret, 0.0) <= self._clock()
