"""Requests in a short while: counted by visitor, or by address where nobody is known (D5)."""

import hashlib
from collections.abc import Mapping

from penstock.limits.model import LimiterDown, Payer, Rate, Reading, RequestName
from penstock.limits.windows import StoreAway, Windows


class RequestLimits:
    """The request limits of this server. Its owner has none: they are the owner's means against others (D4).

    Where they are counted in a store beside the database (Redis), that may be away. Then whoever has an account, also
    a guest's, is counted in the spare windows, in the database. Anonymous visitors are refused: they are never let in
    uncounted, and the database is spared a crowd of them just when it bears more than usual.
    """

    def __init__(
        self, rates: Mapping[RequestName, Rate | None], windows: Windows, *, spare: Windows | None = None
    ) -> None:
        """Take the rates (None: no limit), where requests are counted, and where else while that is away."""
        self._rates = rates
        self._windows = windows
        self._spare = spare or windows

    async def close(self) -> None:
        """Let go of the store."""
        await self._windows.close()

    async def hit(self, name: RequestName, payer: Payer) -> Reading | None:
        """Count a request; the reading says whether it is refused. None: there is no limit. Raises LimiterDown."""
        rate = self._rate(name, payer)
        if rate is None:
            return None
        key = _key(name, payer)
        try:
            return await self._windows.hit(key, rate)
        except StoreAway:
            if payer.visitor.kind == "anonymous":
                raise LimiterDown from None
            return await self._spare.hit(key, rate)

    async def hit_sign_in(self, address: str, account: str | None = None) -> Reading | None:
        """Count an attempt to sign in, by address and by account, and return the reading of the last that was asked.

        An account is named by its email, or by its id where somebody who is signed in shows that they know its
        password. Without one the attempt is to become somebody new, a guest perhaps, or to sign in elsewhere.

        An attempt that is refused for its address does not count for the account. While the store is away the spare
        windows count for everybody: this is the way in.
        """
        rate = self._rates.get("sign-in")
        if rate is None:
            return None
        reading = await self._hit_or_spare(f"sign-in:{address}", rate)
        if reading.refused or account is None:
            return reading
        # Hashed: it can be of any length, and nobody shall read it there.
        subject = hashlib.sha256(account.strip().casefold().encode(errors="replace")).hexdigest()
        return await self._hit_or_spare(f"sign-in:{subject}", rate)

    async def _hit_or_spare(self, key: str, rate: Rate) -> Reading:
        try:
            return await self._windows.hit(key, rate)
        except StoreAway:
            return await self._spare.hit(key, rate)

    async def usage(self, payer: Payer) -> Mapping[RequestName, Reading | None]:
        """Return how each limit of whoever uses the server stands; None: there is no limit."""
        readings: dict[RequestName, Reading | None] = {}
        for name in self._rates:
            if name != "sign-in":
                rate = self._rate(name, payer)
                readings[name] = rate and await self._look(_key(name, payer), rate)
        return readings

    def _rate(self, name: RequestName, payer: Payer) -> Rate | None:
        return None if payer.visitor.kind == "owner" else self._rates.get(name)

    async def _look(self, key: str, rate: Rate) -> Reading:
        try:
            return await self._windows.look(key, rate)
        except StoreAway:
            return await self._spare.look(key, rate)


def _key(name: RequestName, payer: Payer) -> str:
    # A new cookie costs an anonymous visitor nothing.
    subject = payer.address if payer.visitor.kind == "anonymous" else payer.visitor.identity
    return f"{name}:{subject}"
