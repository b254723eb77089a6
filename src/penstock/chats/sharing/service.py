"""What people do with snapshots: make and take back their own, read and go on with those of others."""

from collections.abc import Sequence
from functools import partial

import sqlalchemy as sa

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.auth.passwords import Passwords
from penstock.auth.secrets import HINT_CHARS, digest, new_secret
from penstock.chats import store as chats
from penstock.chats.bulk import insert_tree
from penstock.chats.changes import Changes
from penstock.chats.model import Chat, ChatTemporary
from penstock.chats.sharing import store
from penstock.chats.sharing.model import (
    MOST_MESSAGES,
    PAGE,
    TOKEN_PREFIX,
    NothingToShare,
    Share,
    SharedMessage,
    ShareOver,
    SharePasswordNeeded,
    SharePasswordWrong,
)
from penstock.chats.transactions import Transactions
from penstock.files import store as attachments
from penstock.kit.clock import Millis
from penstock.kit.ids import new_id


class SharingService:
    """Snapshots of chats. Of a link only the hash is kept: it is shown once."""

    def __init__(self, transactions: Transactions, passwords: Passwords) -> None:
        """Take the transactions of chats, and what hashes passwords."""
        self._transactions = transactions
        self._passwords = passwords

    async def create(
        self, actor: Actor, chat_id: str, *, leaf_id: str | None, password: str | None, expires_at: Millis | None
    ) -> tuple[Share, str]:
        """Copy a path of the actor's chat as it is now, the chosen one by default; return it with its token.

        Raises ChatNotFound, ChatTemporary, MessageNotFound, ShareOver, NothingToShare, ShareTooLarge or TooManyShares.
        """
        now = self._transactions.now()
        if expires_at is not None and expires_at <= now:
            raise ShareOver
        # Before a password is hashed for it: whose chat it is not, does not keep the server busy.
        chat = await self._transactions.read(actor, partial(chats.get_chat, actor=actor, chat_id=chat_id))
        if chat.is_temporary:
            raise ChatTemporary
        hashed = None if password is None else await self._passwords.hash(password)
        token = TOKEN_PREFIX + new_secret()

        def insert(connection: sa.Connection, _changes: Changes) -> Share:
            chat = chats.get_chat(connection, actor, chat_id)
            last = chats.get_message(connection, actor, chat_id, leaf_id).id if leaf_id else chat.leaf_id
            if last is None:
                raise NothingToShare
            share = Share(
                id=new_id(),
                owner_id=chat.owner_id,
                chat_id=chat.id,
                title=chat.title,
                hint=token[-HINT_CHARS:],
                message_count=0,
                password_hash=hashed,
                created_at=now,
                expires_at=expires_at,
            )
            return store.insert(connection, share, digest(token), last)

        return await self._transactions.write(actor, insert), token

    async def list(self, actor: Actor) -> Sequence[Share]:
        """Return all snapshots of an actor, newest first."""
        return await self._transactions.read(actor, partial(store.list_shares, actor=actor))

    async def list_of_chat(self, actor: Actor, chat_id: str) -> Sequence[Share]:
        """Return the snapshots of an actor's chat, newest first. Raises ChatNotFound."""

        def load(connection: sa.Connection) -> Sequence[Share]:
            return store.list_shares(connection, actor, chats.get_chat(connection, actor, chat_id).id)

        return await self._transactions.read(actor, load)

    async def revoke(self, actor: Actor, share_id: str) -> None:
        """Take a snapshot back: its link leads nowhere from now on. Raises ShareNotFound."""
        await self._transactions.write(actor, lambda connection, _changes: store.delete(connection, actor, share_id))

    async def find(self, token: str) -> Share:
        """Return what a link leads to, which may ask for a password. Raises ShareNotFound."""
        find = partial(store.find, secret_hash=digest(token), now=self._transactions.now())
        return await self._transactions.read(SYSTEM, find)

    async def check(self, share: Share, password: str | None) -> None:
        """Raise SharePasswordNeeded or SharePasswordWrong unless this opens it."""
        if share.password_hash is None:
            return
        if password is None:
            raise SharePasswordNeeded
        if not await self._passwords.matches(share.password_hash, password):
            raise SharePasswordWrong

    async def messages(self, share: Share, first: int, count: int = PAGE) -> Sequence[SharedMessage]:
        """Return messages of a snapshot that may be read, from a position on."""
        read = partial(store.list_messages, share_id=share.id, first=first, count=count)
        return await self._transactions.read(SYSTEM, read)

    async def copy(self, owner: IdentityId, share: Share) -> Chat:
        """Make a snapshot that may be read a chat of somebody's own, and return it."""
        actor, messages = Actor(owner), await self.messages(share, 0, MOST_MESSAGES)

        def insert(connection: sa.Connection, changes: Changes) -> Chat:
            chat_id, now = new_id(), self._transactions.now()
            chats.insert_chat(connection, chat_id=chat_id, owner=owner, alias=None, title=share.title, now=now)
            ids = [new_id() for _ in messages]
            files = [[attachments.made_of(file, owner, now) for file in each.files] for each in messages]
            rows = [
                {
                    "id": ids[number],
                    "parent_id": ids[number - 1] if number else None,
                    "role": each.role,
                    "status": "completed" if each.is_whole else "stopped",
                    "parts": [
                        *(file.part for file in files[number]),
                        *([{"type": "text", "text": each.text}] if each.text else []),
                    ],
                    "text": each.text,
                    "model": each.model,
                    "created_at": each.created_at,
                    "completed_at": each.created_at,
                }
                for number, each in enumerate(messages)
            ]
            insert_tree(connection, owner, chat_id, rows)
            for message_id, some in zip(ids, files, strict=True):
                attachments.hang(connection, message_id, some)
            chats.update_chat(connection, actor, chat_id, leaf_id=ids[-1])
            changes.touch(chat_id)
            return chats.get_chat(connection, actor, chat_id)

        return await self._transactions.write(actor, insert)
