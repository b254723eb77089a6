"""Runs every bench and writes what it found to `bench/results/`."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from bench import relay, streams
from harness.penstock import Penstock
from harness.postgres import Postgres
from upstream.process import Upstream

RESULTS = Path(__file__).parents[2] / "bench" / "results"


def main() -> None:
    """Measure each shape."""
    with Upstream() as upstream, tempfile.TemporaryDirectory() as folder:
        environment = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "none"}
        found: dict[str, Any] = {}
        embedded = Penstock(folder=Path(folder), environment=environment).start()
        found["embedded, SQLite"] = asyncio.run(relay.measure(embedded, upstream))
        embedded.kill()
        postgres = Postgres(fsync=True)
        scaled = Penstock(folder=Path(folder), database_url=postgres.create(), environment=environment)
        scaled.command("migrate")
        found["scaled, Postgres"] = asyncio.run(relay.measure(scaled.start(), upstream))
        scaled.kill()
        postgres.close()
    write("relay", found)
    write("streams", streams.run())


def write(name: str, found: dict[str, Any]) -> None:
    """Print the figures and keep them."""
    text = json.dumps(found, indent=2, ensure_ascii=False)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text + "\n")
    print(text)


main()
