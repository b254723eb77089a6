"""`python -m acceptance.crash`, from tests/: everything at full size, or one's own installation.

python -m acceptance.crash                           every scenario, on installations of its own (make crash)
python -m acceptance.crash --only worker,zombie      some of them
python -m acceptance.crash --start "systemctl start penstock" --kill "pkill -9 -x penstock" --url http://…
                                                     an installation that is there, with the models it has
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from acceptance.crash.appends import open_embedded, open_pair, play_appends
from acceptance.crash.control import Commanded
from acceptance.crash.moments import joins
from acceptance.crash.readers import Client
from acceptance.crash.report import Row, table
from acceptance.crash.scenarios import CONTINUING, FULL, SCENARIOS, play, play_moments
from acceptance.crash.suite import Size, Trial, examine_model
from upstream.process import Upstream

RESULTS = Path(__file__).parents[3] / "bench" / "results" / "crash.json"
APPENDS = {"appends-sqlite": open_embedded, "appends-postgres": open_pair}
APPEND_KILLS = 200
MOMENTS = 200


def main() -> int:
    """Run what was asked for, print the table, and say by the exit status whether all is well."""
    parser = _parser()
    options = parser.parse_args()
    if len({options.url is None, options.start is None, options.kill is None}) > 1:
        parser.error("--url, --start and --kill go together")
    print(f"seed {options.seed}", flush=True)
    rows: list[Row] = []
    for row in _own(options) if options.url is None else _theirs(options):
        rows.append(row)
        print("\n".join([table([row]), *row.details[:20], *(f"{name}: {value}" for name, value in row.notes.items())]))
        sys.stdout.flush()
        _write(options.results, rows)
    print(f"\n{table(rows)}")
    return 0 if all(row.is_clean for row in rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="acceptance.crash", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of all that is random"
    )
    parser.add_argument("--kills", type=int, default=FULL.kills, help="of each scenario")
    parser.add_argument("--live", type=int, default=FULL.live, help="runs in flight at each kill, at least")
    parser.add_argument("--only", default="", help="scenarios, by name: " + ", ".join([*_names()]))
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures go")
    theirs = parser.add_argument_group("an installation of yours")
    theirs.add_argument("--url", help="where it serves")
    theirs.add_argument("--start", help="the command that starts it; it may return or stay")
    theirs.add_argument("--kill", help="the command that kills it")
    theirs.add_argument("--model", action="append", help="asked for answers; may be given more than once")
    theirs.add_argument("--header", action="append", default=[], help="of every request, such as 'Cookie: …'")
    return parser


def _names() -> Iterator[str]:
    yield from (scenario.name for scenario in SCENARIOS)
    yield from APPENDS
    yield "moments"


def _own(options: argparse.Namespace) -> Iterator[Row]:
    wanted = {name.strip() for name in options.only.split(",")} if options.only else set(_names())
    size = Size(kills=options.kills, live=options.live, slots=options.live + 2)
    with Upstream() as upstream, tempfile.TemporaryDirectory(prefix="penstock-crash-") as root:
        for scenario in SCENARIOS:
            if scenario.name in wanted:
                yield asyncio.run(play(scenario, _folder(root, scenario.name), upstream, size, options.seed))
        if "moments" in wanted:
            yield from asyncio.run(play_moments(_folder(root, "moments"), upstream, MOMENTS, options.seed))
        for name, opened in APPENDS.items():
            if name in wanted:
                with opened(_folder(root, name)) as site:
                    yield asyncio.run(play_appends(name, site, APPEND_KILLS, options.seed))


def _folder(root: str, name: str) -> Path:
    folder = Path(root) / name
    folder.mkdir()
    return folder


def _theirs(options: argparse.Namespace) -> Iterator[Row]:
    site = Commanded(start=options.start, kill=options.kill, url=options.url.rstrip("/"))
    headers = {name.strip(): value.strip() for name, _, value in (each.partition(":") for each in options.header)}
    size = Size(kills=options.kills, live=options.live, slots=options.live + 2)

    async def examine() -> list[Row]:
        async with Client(site.url, headers) as client:
            models = [await examine_model(client, name) for name in options.model or [CONTINUING]]
            killed = await Trial("yours", site, client, models, size, options.seed).run()
            return [killed, await joins(client, models[0], options.seed)]

    site.begin()
    yield from asyncio.run(examine())


def _write(results: Path, rows: list[Row]) -> None:
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps([row.as_json() for row in rows], indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
