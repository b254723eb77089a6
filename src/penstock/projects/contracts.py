"""What two versions promise, compared: by what each has shown when it was started (E11)."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from penstock.actor import Actor
from penstock.chats.transactions import Transactions
from penstock.projects import findings, store
from penstock.projects.checks.bench import contract_of
from penstock.projects.contract import Change, Contract, compare_contracts
from penstock.projects.model import Version
from penstock.projects.validation import check_from


@dataclass(frozen=True, kw_only=True)
class Promises:
    """Two versions, and what is different between what they promise."""

    old: Version
    new: Version
    changes: Sequence[Change] | None
    """None: one of them was never seen to start."""


class Contracts:
    """What versions promise, as their owners see it."""

    def __init__(self, transactions: Transactions) -> None:
        """Take where versions are stored."""
        self._transactions = transactions

    async def compare(self, actor: Actor, project_id: str, old: str, new: str) -> Promises:
        """Compare two versions, by their ids or numbers. Raises VersionNotFound."""

        def load(connection: sa.Connection) -> Promises:
            versions = [store.get_version(connection, actor, project_id, name) for name in (old, new)]
            before, after = (_contract(connection, version) for version in versions)
            changes = None if before is None or after is None else compare_contracts(before, after)
            return Promises(old=versions[0], new=versions[1], changes=changes)

        return await self._transactions.read(actor, load)


def _contract(connection: sa.Connection, version: Version) -> Contract | None:
    return contract_of([check_from(each) for each in findings.of_files(connection, version.manifest_id)])
