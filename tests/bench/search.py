"""What finding messages costs, among 20,000 of them; `python -m bench.search 1000000` measures among as many."""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from bench.conversations import jumps_of, know_tables
from bench.report import Bench, line_of
from harness.penstock import Penstock
from harness.postgres import Postgres
from penstock.actor import SYSTEM
from penstock.db.database import Database, open_database
from penstock.db.schema import chat as chat_table
from penstock.db.schema import message as message_table
from penstock.kit.ids import new_id

MESSAGES, PER_CHAT, WORDS = 20_000, 50, 80
ROUNDS = 20
BATCH = 1000
BAR = 20

QUERIES = {
    "a word of every other message": "{common}",
    "a word of 20 messages": "{rare}",
    "the middle of a word": "{part}",
    "three words": "{common} {also} {rare}",
    "a phrase": '"{common} {also}"',
    "two characters of CJK": "索引",
    "one character of CJK": "擎",
    "one letter": "e",
    "a word that is nowhere": "zzyzx",
}


def run(name: str, about: str, penstock: Penstock, messages: int = MESSAGES) -> Bench:
    """Fill an account with chats, and search them by every kind of query in turns."""
    with penstock.client() as client:
        owner = client.get("/api/me").json()["id"]
        words = _words()
        # Only one process may bring the log of SQLite back into the file, and of a million messages it has to be.
        penstock.terminate()
        chats = asyncio.run(_fill(penstock, owner, words, messages))
        penstock.start()
        know_tables(penstock)
        names = {"common": words[0], "also": words[1], "rare": RARE, "part": words[40][1:-1]}
        asked = {about: {"q": query.format(**names)} for about, query in QUERIES.items()}
        asked["the same in one chat"] = {"q": words[0], "chat": chats[len(chats) // 2]}
        taken = _measure(penstock, client, asked, ROUNDS if messages == MESSAGES else 5)
    all_of_ours = sorted(each for ours, _ in taken.values() for each in ours)
    lines = [line_of("all of these, p95", "ms", [all_of_ours[len(all_of_ours) * 95 // 100]], bar=BAR)]
    lines += [line_of(about, "ms", *both) for about, both in taken.items()]
    return Bench(
        name=name,
        about=f"{about}: finding messages among {messages:,}",
        peer="`LIKE` over the same rows, latest first, without the way through HTTP",
        lines=lines,
    )


RARE = "penstock"


def _words() -> Sequence[str]:
    rng = random.Random(7)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    made = {"".join(rng.choices(letters, range(26, 0, -1), k=rng.randint(4, 10))) for _ in range(5000)}
    return sorted(made)


def _texts(words: Sequence[str], messages: int) -> Iterator[str]:
    """Return texts in which few words are frequent and most are rare."""
    rng = random.Random(11)
    weights = [1 / (rank + 100) for rank in range(len(words))]
    for number in range(messages):
        text = " ".join(rng.choices(words, weights, k=WORDS))
        yield (
            text
            + (f" {RARE}" if number % (messages // 20) == 0 else "")
            + (" 数据库的搜索引擎" if number % 50 == 0 else "")
        )


async def _fill(penstock: Penstock, owner: str, words: Sequence[str], messages: int) -> Sequence[str]:
    """Store chats with messages; return the ids of the chats."""
    database = open_database(penstock.folder / "penstock.db", penstock.database_url)
    chats = [new_id() for _ in range(messages // PER_CHAT)]
    texts = _texts(words, messages)
    for chat in chats:
        rows = _path(chat, owner, [next(texts) for _ in range(PER_CHAT)])
        await database.write(SYSTEM, lambda connection, chat=chat, rows=rows: _store(connection, chat, owner, rows))
    await database.close()
    return chats


def _path(chat: str, owner: str, texts: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    ids = [new_id() for _ in texts]
    jumps = jumps_of(len(texts))
    return [
        {
            "id": ids[depth],
            "chat_id": chat,
            "owner_id": owner,
            "parent_id": ids[depth - 1] if depth else None,
            "jump_id": ids[jumps[depth]] if depth else None,
            "depth": depth,
            "role": "assistant" if depth % 2 else "user",
            "status": "completed",
            "parts": [{"type": "text", "text": text}],
            "text": text,
            "settings": {},
            "created_at": depth,
        }
        for depth, text in enumerate(texts)
    ]


def _store(connection: sa.Connection, chat: str, owner: str, rows: Sequence[Mapping[str, Any]]) -> None:
    about: dict[str, Any] = {"title": "Bench", "status": "completed", "settings": {}, "created_at": 0, "updated_at": 0}
    connection.execute(sa.insert(chat_table).values(id=chat, owner_id=owner, leaf_id=rows[-1]["id"], **about))
    connection.execute(sa.insert(message_table), rows)


def _measure(
    penstock: Penstock, client: httpx.Client, asked: Mapping[str, Mapping[str, str]], rounds: int
) -> Mapping[str, tuple[list[float], list[float]]]:
    taken = {about: (list[float](), list[float]()) for about in asked}
    with asyncio.Runner() as runner:
        database = open_database(penstock.folder / "penstock.db", penstock.database_url, checkpoints=False)
        for _ in range(rounds):
            for about, parameters in asked.items():
                ours, theirs = taken[about]
                began = time.perf_counter()
                assert client.get("/api/search", params=parameters).status_code == 200
                ours.append((time.perf_counter() - began) * 1000)
                began = time.perf_counter()
                runner.run(_like(database, parameters))
                theirs.append((time.perf_counter() - began) * 1000)
        runner.run(database.close())
    return taken


async def _like(database: Database, parameters: Mapping[str, str]) -> None:
    terms = [parameters["q"].strip('"')] if '"' in parameters["q"] else parameters["q"].split()
    found = sa.select(message_table.c.id).where(*(message_table.c.text.icontains(term) for term in terms))
    if "chat" in parameters:
        found = found.where(message_table.c.chat_id == parameters["chat"])
    found = found.order_by(message_table.c.id.desc()).limit(20)
    await database.read(SYSTEM, lambda connection: connection.execute(found).all())


def main() -> None:
    """Measure among as many messages as the command line says, and print the lines."""
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    with tempfile.TemporaryDirectory() as folder:
        embedded = Penstock(folder=Path(folder), is_forked=False).start()
        _show(run("search-sqlite", "One process on SQLite", embedded, messages))
        embedded.kill()
        postgres = Postgres()
        scaled = Penstock(folder=Path(folder), database_url=postgres.create(), is_forked=False)
        scaled.command("migrate")
        _show(run("search-postgres", "Two processes on Postgres", scaled.start(), messages))
        scaled.kill()
        postgres.close()


def _show(bench: Bench) -> None:
    print(bench.about)
    for line in bench.lines:
        print(f"  {line.name}: {line.penstock:g} {line.unit}, peer {line.peer}", flush=True)


if __name__ == "__main__":
    main()
