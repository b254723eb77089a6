"""E9: machines of E2B, lent by a house that speaks its wire: when they are taken, what they are asked, how they end."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud.process import KEY, Cloud
from harness.penstock import Penstock
from penstock.sandbox.base import Command, Level, SandboxUnavailable
from penstock.sandbox.choice import FirstSound
from penstock.sandbox.e2b import E2BSandbox, E2BSettings
from penstock.sandbox.refusal import NoSandbox

LEAVES_ONE = """
import asyncio, sys
from pathlib import Path
from penstock.sandbox.base import Command, Limits
from penstock.sandbox.e2b import E2BSandbox, E2BSettings

async def main():
    sandbox = E2BSandbox(E2BSettings(key=sys.argv[1], folder=Path(sys.argv[2])))
    code = b"import http.server as s; s.test(port=8000)"
    command = Command(files={"a.py": code}, argv=["python3", "a.py"], limits=Limits(boot_seconds=60))
    await sandbox.serve(command, 8000)
    print("serves", flush=True)
    await asyncio.sleep(100)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud({}) as started:
        yield started


@pytest.fixture
def settings(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> E2BSettings:
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    return E2BSettings(key=KEY, folder=tmp_path)


def changed(settings: E2BSettings, **values: Any) -> E2BSandbox:
    return E2BSandbox(E2BSettings(key=values.pop("key", settings.key), folder=settings.folder, **values))


async def test_a_machine_has_no_network_and_nobody_else_reaches_it(settings: E2BSettings, cloud: Cloud) -> None:
    """E9: and it lives for so long, should we not."""
    result = await E2BSandbox(settings).run(Command(files={}, argv=["true"]))
    assert result.exit_code == 0
    asked = cloud.seen()["asked"][-1]
    network = {each: asked["network"][each] for each in ("allowPublicTraffic", "denyOut", "dnsServers")}
    assert network == {"allowPublicTraffic": False, "denyOut": ["0.0.0.0/0"], "dnsServers": []}
    assert "allowOut" not in asked["network"]
    assert (asked["timeout"], list(asked["metadata"])) == (120, ["penstock"])
    assert cloud.seen()["lives"] == []


async def test_what_is_not_sound_is_refused(settings: E2BSettings, cloud: Cloud) -> None:
    """E9: a key that is not taken, an image that is not there, and a network that should not be; in our words."""
    leaks = await changed(settings, template="leaky", outside=[("127.0.0.1", cloud.port)]).probe()
    assert (leaks.level, "should have no network has one" in leaks.reason) == (Level.NONE, True)
    stranger = await changed(settings, key="e2b_wrong").probe()
    assert (stranger.level, stranger.reason) == (Level.NONE, "E2B does not take the key in E2B_API_KEY.")
    assert "secret words" not in f"{stranger}"
    missing = await changed(settings, template="nothing").probe()
    assert (missing.level, "E2B has no nothing" in missing.reason) == (Level.NONE, True)
    with pytest.raises(SandboxUnavailable, match="E2B_API_KEY"):
        await changed(settings, key="e2b_wrong").run(Command(files={}, argv=["true"]))


async def test_a_house_that_is_silent_is_no_sandbox(settings: E2BSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """E9."""
    for name in ("E2B_API_URL", "E2B_SANDBOX_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("E2B_CONNECTION_RETRIES", "0")
    assert (await E2BSandbox(settings).probe()).level is Level.NONE


def left_behind(argv: list[str], environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(argv, stdout=subprocess.PIPE, env={**os.environ, **environment})


async def test_machines_of_the_dead_are_ended_and_those_of_the_living_are_not(
    settings: E2BSettings, cloud: Cloud
) -> None:
    """E9: SIGKILL leaves a machine, which the next process ends."""
    argv = [sys.executable, "-c", LEAVES_ONE, KEY, str(settings.folder)]
    process = await asyncio.to_thread(left_behind, argv, cloud.environment)
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == b"serves\n"
    next_one = E2BSandbox(settings)
    assert await next_one.sweep() == 0
    assert len(cloud.seen()["lives"]) == 1
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert await next_one.sweep() == 1
    assert cloud.seen()["lives"] == []
    assert await next_one.sweep() == 0


async def test_e2b_is_asked_only_where_this_machine_has_nothing_sound(settings: E2BSettings, cloud: Cloud) -> None:
    """E9."""
    both = FirstSound([NoSandbox("bubblewrap is not installed.", "Install it."), E2BSandbox(settings)])
    assert (await both.probe()).backend == "e2b"
    assert (await both.run(Command(files={}, argv=["true"]))).exit_code == 0
    neither = FirstSound([NoSandbox("bubblewrap is not installed.", "Install it."), changed(settings, key="wrong")])
    probe = await neither.probe()
    assert (probe.level, probe.reason) == (Level.NONE, "bubblewrap is not installed.")


def test_commands_and_the_api_tell_which_it_is(cloud: Cloud, tmp_path: Path) -> None:
    """E9."""
    environment = {**cloud.environment, "PENSTOCK_SANDBOX": "e2b", "PENSTOCK_SANDBOX_DIR": str(tmp_path / "own")}
    without = Penstock(folder=tmp_path / "data", environment=environment)
    checked = without.command("sandbox", "check")
    assert (checked.returncode, "Set E2B_API_KEY." in checked.stdout) == (1, True)
    (tmp_path / "data").mkdir(exist_ok=True)
    cli = Penstock(folder=tmp_path / "data", environment={**environment, "E2B_API_KEY": KEY})
    assert cli.command("sandbox", "check").stdout.startswith("e2b 2.")
    app = tmp_path / "app"
    app.mkdir()
    (app / "a.txt").write_text("content")
    ran = cli.command("sandbox", "run", str(app), "--", "sh", "-c", "cat a.txt; exit 5")
    # The base of its stack is not there: nothing was prepared in this house.
    assert (ran.returncode, "penstock sandbox prepare" in ran.stderr) == (1, True)
    assert KEY not in ran.stderr + ran.stdout
    try:
        cli.start()
        with cli.client() as client:
            told = client.get("/api/sandbox").json()
            assert (told["level"], told["backend"]) == ("strong", "e2b")
    finally:
        cli.kill()
