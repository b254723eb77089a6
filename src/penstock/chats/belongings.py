"""What an identity owns, as far as accounts need to know: it moves with its owner and ends with them."""

import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.chats import changes, ending, store
from penstock.chats.filing import store as filing
from penstock.chats.templates import store as templates
from penstock.chats.transfer import store as transfer
from penstock.db.owned import move_owned
from penstock.files import store as attachments
from penstock.keys import store as keys
from penstock.keys.service import move_keys
from penstock.keys.vault import Vault
from penstock.kit.clock import Clock
from penstock.limits import store as quotas
from penstock.runs import store as runs
from penstock.runs.lease import STOP_TOPIC
from penstock.streams import store as streams
from penstock.streams.wake import Wake


class Belongings:
    """Chats with all that hangs on them, folders, templates, and what has been used of the day.

    Implements `auth.service.Belongings`.
    """

    def __init__(self, wake: Wake, vault: Vault, clock: Clock) -> None:
        """Take what tells workers that runs are gone, what seals keys for their new owner, and what time it is."""
        self._wake = wake
        self._vault = vault
        self._clock = clock

    def move(self, connection: sa.Connection, old: IdentityId, new: IdentityId) -> None:
        """Make everything of one identity another's; live runs go on.

        Nobody is left whom the changes of the one were told to. The tabs of the other load their lists anew: it is
        what a browser does that has just signed in.
        """
        streams.delete(connection, [changes.path_of(old)])
        quotas.move_usage(connection, old, new)
        move_keys(connection, self._vault, old, new)
        move_owned(connection, old, new)

    def delete(self, connection: sa.Connection, owner: IdentityId) -> None:
        """Delete everything of an identity; live runs stop."""
        actor = Actor(owner)
        ending.end_all(connection, owner, self._clock())
        streams.delete(connection, [*runs.paths_of_owner(connection, actor), changes.path_of(owner)])
        store.delete_chats(connection, actor)
        attachments.delete_all_unsent(connection, actor)
        filing.delete_folders(connection, actor)
        templates.delete_all(connection, actor)
        transfer.delete_jobs(connection, actor)
        keys.forget(connection, owner)
        quotas.forget(connection, owner)

    def sign_out(self, connection: sa.Connection, owner: IdentityId) -> None:
        """Delete what is not kept of an identity that signs out; live runs of that stop."""
        ending.end_all(connection, owner, self._clock())

    def deleted(self) -> None:
        """Let workers find their runs gone, and close the connections to providers."""
        self._wake.publish([STOP_TOPIC])
