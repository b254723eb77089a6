"""Searching the messages of all of somebody's chats."""

import re
from functools import partial

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.chats.model import CursorInvalid, Listing
from penstock.chats.search import store
from penstock.chats.search.model import Finder, Hit, Query
from penstock.chats.search.store import Candidate
from penstock.db.database import Database

_CURSOR = re.compile(r"[0-9]{1,18}", re.ASCII)
_NEWEST, _NEWEST_OF_FEW = 100, 1000
"""Messages that are looked at before the index is asked, of all chats and of few: what is frequent is in them, and
would be the dearest to look up."""
_MOST = 500
"""Messages that the index names at a time."""


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
        finder, actor = Finder(query.terms), Actor(owner)
        before = int(cursor) if cursor else None
        newest = _NEWEST_OF_FEW if query.is_narrow else _NEWEST
        hits, found, size = list[Hit](), list[Candidate](), newest
        for candidates, size in ((store.newest, newest), (store.indexed, _MOST)):
            ask = partial(candidates, owner=owner, query=query, before=before, limit=size)
            found = await self._database.read(SYSTEM, ask)
            see = partial(store.look, actor=actor, found=found, finder=finder, most=limit + 1 - len(hits))
            hits += await self._database.read(actor, see) if found else ()
            if len(hits) > limit or len(found) < size:
                break
            before = found[-1].number
        end = hits[limit - 1].number if len(hits) > limit else found[-1].number if len(found) == size else None
        return Listing(items=hits[:limit], next_cursor=None if end is None else str(end))
