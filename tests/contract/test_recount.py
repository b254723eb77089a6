"""What `penstock doctor --deep` finds, over each database (B1, G2)."""

from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from parts import Open, new_owner, process

from penstock.actor import SYSTEM
from penstock.chats.recount import RULES
from penstock.chats.sending import Send
from penstock.db.database import Database
from penstock.kit.ids import new_id


async def findings(database: Database) -> dict[str, Sequence[str]]:
    """Return what breaks each rule."""
    found = {about: await database.read(SYSTEM, rule) for about, rule in RULES.items()}
    return {about: ids for about, ids in found.items() if ids}


@pytest.mark.parametrize(
    ("about", "statement"),
    [
        ("statistics", "UPDATE chat SET message_count = message_count + 1 WHERE id = :chat"),
        ("statistics", "UPDATE chat SET total_tokens = total_tokens - 1 WHERE id = :chat"),
        ("statistics", "UPDATE chat SET last_message_at = NULL WHERE id = :chat"),
        ("chosen path", "UPDATE chat SET leaf_id = :nothing WHERE id = :chat"),
        ("chosen path", "UPDATE chat SET leaf_id = :foreign WHERE id = :chat"),
        ("no path", "UPDATE message SET depth = depth + 1 WHERE id = :message"),
        ("no path", "UPDATE message SET parent_id = :nothing WHERE id = :message"),
        ("no path", "UPDATE message SET jump_id = :foreign WHERE id = :message"),
        ("search", "DELETE FROM message_search WHERE message_id = :message"),
    ],
)
async def test_what_is_wrong_is_found_and_nothing_else(open_another: Open, about: str, statement: str) -> None:
    """B1: of one chat among others that are right."""
    owner = new_owner()
    async with process(open_another()) as ours:
        asked = await ours.sending.send(owner, Send(text="Hello"))
        other = await ours.sending.send(owner, Send(text="Hello"))
        await ours.chats.create(owner, "Empty")
        assert await findings(ours.database) == {}
        names = {"chat": asked.chat_id, "message": asked.message_id, "foreign": other.message_id, "nothing": new_id()}
        used = {name: value for name, value in names.items() if f":{name}" in statement}
        kinds = [sa.bindparam(name, type_=sa.Uuid(as_uuid=False)) for name in used]
        if ours.database.dialect == "sqlite":
            kinds = [sa.bindparam(name, type_=sa.String) for name in used]
        tampering = sa.text(statement).bindparams(*kinds)
        await ours.database.write(SYSTEM, lambda connection: connection.execute(tampering, used))
        ((found, ids),) = (await findings(ours.database)).items()
        assert about in found
        assert ids == [asked.message_id if "message" in found else asked.chat_id]
