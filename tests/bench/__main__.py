"""Runs every bench and writes what it found to `bench/results/`."""

import tempfile
from pathlib import Path

from bench import builder, builder_store, conversations, relay, report, sandbox, search, storage, streams, wires
from harness.penstock import Penstock
from harness.postgres import Postgres
from upstream.process import Upstream


def main() -> None:
    """Measure each shape."""
    machine = report.Machine()
    benches = [streams.run(), *_of_answers(), sandbox.run(), builder.run()]
    print(report.write(benches, machine.seen()))


def _of_answers() -> list[report.Bench]:
    with Upstream() as upstream, tempfile.TemporaryDirectory() as folder:
        environment = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "none"}
        embedded = Penstock(folder=Path(folder), environment=environment, is_forked=False).start()
        # Before there are messages of others.
        found = [search.run("search-sqlite", "One process on SQLite", embedded)]
        benches = [
            relay.run("relay-sqlite", "Answers, one process on SQLite", embedded, upstream),
            storage.measure(embedded),
            wires.run(upstream),
            conversations.run("conversations-sqlite", "One process on SQLite", embedded),
            builder_store.run("builder-sqlite", "One process on SQLite", embedded, upstream),
        ]
        embedded.kill()
        postgres = Postgres(fsync=True)
        scaled = Penstock(folder=Path(folder), database_url=postgres.create(), environment=environment, is_forked=False)
        scaled.command("migrate")
        found.append(search.run("search-postgres", "Two processes on Postgres", scaled.start()))
        benches.insert(1, relay.run("relay-postgres", "Answers, two processes on Postgres", scaled, upstream))
        benches.append(conversations.run("conversations-postgres", "Two processes on Postgres", scaled))
        benches.append(builder_store.run("builder-postgres", "Two processes on Postgres", scaled, upstream))
        scaled.kill()
        postgres.close()
        return [*benches, *found]


main()
