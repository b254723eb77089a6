"""E7, E14, C1: what the demo model builds and amends runs in the sandbox and passes its own tests."""

from collections.abc import Mapping

import httpx
import pytest

from harness.demo import built
from harness.sandbox import SHARED
from penstock.sandbox.base import Command, StackName
from penstock.sandbox.bwrap import BwrapSandbox, BwrapSettings
from penstock.sandbox.stacks import start_command

PROMPTS = (
    "An API for books with a search",
    "Let me delete and update them",
    "Sort them, in pages of twenty",
    "Some statistics and a CSV export",
    'It should be "blue" \u2014 \u2028 and green',
)
TESTS: Mapping[StackName, tuple[str, ...]] = {
    "python": ("python3", "-m", "pytest", "-q", "-p", "no:cacheprovider"),
    # In one process: as the command does it, each file takes half a second to start.
    "node": ("node", "-e", "for (const name of fs.readdirSync('test')) require(`./test/${name}`)"),
}


@pytest.mark.parametrize("stack", ["python", "node"])
async def test_it_passes_its_own_tests_and_answers(stack: StackName) -> None:
    *_, files = built(stack, PROMPTS)
    sandbox = BwrapSandbox(BwrapSettings(folder=SHARED, user=60900))
    await sandbox.prepare(stack)
    tested = await sandbox.run(Command(files=files, argv=TESTS[stack], stack=stack))
    assert tested.exit_code == 0, tested.output.decode()
    app = await sandbox.serve(Command(files=files, argv=start_command(files, 8000), stack=stack), 8000)
    try:
        transport = httpx.AsyncHTTPTransport(uds=app.way.socket_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            assert (await client.get("/health")).json() == {"status": "ok"}
            assert (await client.post("/books", json={"title": "Emma"})).status_code == 201
            assert [each["title"] for each in (await client.get("/books?q=em&sort=title&limit=5")).json()] == ["Emma"]
            assert (await client.get("/wishes")).json() == ['It should be "blue" \u2014 and green']
    finally:
        await app.stop()
