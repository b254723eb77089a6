"""`penstock fsck`: look through all projects, and make again what can be made again."""

from penstock.db.database import open_database
from penstock.projects import fsck
from penstock.settings import Settings


async def look_through(settings: Settings, *, mends: bool) -> int:
    """Say what is not as it was stored; the status is 1 when something is not, and stays so."""
    # A server may be writing to the same file: it alone brings the write-ahead log back into it.
    database = open_database(settings.sqlite_path, settings.database_url, checkpoints=False)
    try:
        found = await (fsck.mend(database) if mends else fsck.check(database))
    finally:
        await database.close()
    for finding in found:
        print(finding)
    print("Everything is as it was stored." if not found else f"Damaged: {len(found)}.")
    return int(bool(found))
