"""`penstock keys`: put all that people have entrusted under the newest secret."""

from penstock.settings import Settings
from penstock.worker import build_engine


async def rotate(settings: Settings) -> int:
    """Seal every stored key anew and say what has come of it; the status is 1 when some could not be read."""
    engine = build_engine(settings)
    try:
        done = await engine.keys.rotate()
    finally:
        await engine.tasks.cancel_all()
        await engine.transport.close()
        await engine.database.close()
    print(f"Keys under the present secret: {done.sealed}. They need PENSTOCK_OLD_SECRET_KEY no more.")
    if done.unreadable:
        print(f"Keys that could not be read: {done.unreadable}. Their secret is neither the present nor the old one.")
    return int(done.unreadable > 0)
