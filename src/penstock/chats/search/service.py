"""Searching the messages of all of somebody's chats."""

import re
from functools import partial

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.chats.model import CursorInvalid, Listing
from penstock.chats.search import store
from penstock.chats.search.model import Finder, Hit, Query
from penstock.db.database import Database

_CURSOR = re.compile(r"[0-9]{1,18}", re.ASCII)
_GROWTH = (1, 5, 25)
"""How many pages of candidates are looked at, time after time: most often the first are the ones."""
_NEWEST = 200
"""Messages that are looked at without the index for one or two characters: most are in them, and most dear to count."""


class SearchService:
    """Finds messages."""

    def __init__(self, database: Database) -> None:
        """Take where messages are stored."""
        self._database = database

    async def search(self, owner: IdentityId, query: Query, *, limit: int, cursor: str | None = None) -> Listing[Hit]:
        """Return somebody's messages that match, latest first. Raises CursorInvalid.

        A page can be shorter than the limit and yet not the last: where very much has to be looked at for a few finds.
        """
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            raise CursorInvalid
        if not query.terms:
            return Listing(items=[], next_cursor=None)
        finder, hits, before = Finder(query.terms), list[Hit](), int(cursor) if cursor else None
        rounds = [(True, (limit + 1) * growth) for growth in _GROWTH]
        for indexed, size in [(False, _NEWEST), *rounds] if query.is_short else rounds:
            ask = partial(store.candidates, owner=owner, query=query, indexed=indexed, before=before, limit=size)
            found = await self._database.read(SYSTEM, ask)
            see = partial(store.look, actor=Actor(owner), found=found, finder=finder)
            for number, hit in await self._database.read(Actor(owner), see) if found else ():
                if len(hits) == limit:
                    return Listing(items=hits, next_cursor=str(before))
                hits.append(hit)
                before = number
            if len(found) < size:
                return Listing(items=hits, next_cursor=None)
            before = found[-1].number
        return Listing(items=hits, next_cursor=str(before))
