"""E9, E10: what an operator sets of sandboxes and previews is what they have, and what nobody could mean is refused."""

import asyncio
import json
import os
import re
import time
from collections.abc import Collection
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.sandbox import SHARED, new_folder
from penstock.app import preview_rules
from penstock.sandbox.base import BootFailed, Command, DependencyInvalid, Limits, Result
from penstock.sandbox.previews import PreviewRules
from penstock.sandbox.proxy import InstallProxy, Resolve
from penstock.settings import Settings, SettingsInvalid, read_settings
from penstock.worker import build_sandbox, sandbox_limits

DOCUMENT = Path(__file__).parents[2] / "docs/sandbox.md"
PREFIXES = ("PENSTOCK_SANDBOX", "PENSTOCK_PREVIEW")
SHOWS = b"""
import json, os, resource
names = ("DATA", "NPROC", "FSIZE", "CPU")
limits = {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1] for name in names}
disk = os.statvfs("/data")
print(json.dumps({**limits, "disk": disk.f_blocks * disk.f_frsize}))
"""
MEGABYTE = 1 << 20


async def ran(variable: str, value: str, code: bytes) -> Result:
    """Run a script where only this is set."""
    settings = read_settings({"PENSTOCK_SANDBOX_DIR": str(SHARED), variable: value})
    command = Command(files={"a.py": code}, argv=["python3", "a.py"], limits=sandbox_limits(settings))
    return await build_sandbox(settings).run(command)


@pytest.mark.parametrize(
    ("variable", "value", "shown", "amount"),
    [
        ("PENSTOCK_SANDBOX_MEMORY_MB", "100", "DATA", 100 * MEGABYTE),
        ("PENSTOCK_SANDBOX_PROCESSES", "20", "NPROC", 20),
        ("PENSTOCK_SANDBOX_FILE_MB", "3", "FSIZE", 3 * MEGABYTE),
        ("PENSTOCK_SANDBOX_DISK_MB", "10", "disk", 10 * MEGABYTE),
        ("PENSTOCK_SANDBOX_SECONDS", "7", "CPU", 7),
        ("PENSTOCK_SANDBOX_CPUS", "2", "CPU", 120),
    ],
)
async def test_a_limit_that_is_set_is_that_of_the_sandbox(variable: str, value: str, shown: str, amount: int) -> None:
    result = await ran(variable, value, SHOWS)
    assert json.loads(result.output)[shown] == amount


async def test_output_that_is_set_is_kept_and_no_more() -> None:
    result = await ran("PENSTOCK_SANDBOX_OUTPUT_BYTES", "2000", b"while True: print('x' * 999)")
    assert (result.truncated, len(result.output)) == (True, 2000)


async def test_time_that_is_set_is_given_and_no_more() -> None:
    result = await ran("PENSTOCK_SANDBOX_SECONDS", "0.5", b"import time; time.sleep(60)")
    assert result.timed_out


async def test_time_that_is_set_is_given_to_an_app_to_listen() -> None:
    settings = read_settings({"PENSTOCK_SANDBOX_DIR": str(SHARED), "PENSTOCK_SANDBOX_BOOT_SECONDS": "0.5"})
    command = Command(files={}, argv=["sleep", "60"], limits=sandbox_limits(settings))
    async with asyncio.timeout(10):
        with pytest.raises(BootFailed, match="did not listen on port 8000 in time"):
            await build_sandbox(settings).serve(command, 8000)


async def test_what_is_not_set_is_as_it_was_found_to_do() -> None:
    """The defaults of the design."""
    assert sandbox_limits(read_settings({})) == Limits()
    said = json.loads((await ran("PENSTOCK_SANDBOX", "auto", SHOWS)).output)
    assert said == {"DATA": 512 * MEGABYTE, "NPROC": 64, "FSIZE": 64 * MEGABYTE, "CPU": 60, "disk": 64 * MEGABYTE}
    rules = preview_rules(read_settings({}))
    assert rules == PreviewRules()
    assert (rules.idle_seconds, rules.total_seconds, rules.per_owner, rules.most) == (900, 3600, 2, 4)
    assert (rules.answer_seconds, rules.link_seconds) == (30, 300)


INSTALLS = """
import json, os, resource, socket, sys
names = ("DATA", "NPROC", "FSIZE", "CPU")
limits = {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1] for name in names}
sys.exit(json.dumps({**limits, "arguments": sys.argv}))
"""


@pytest.mark.parametrize(
    ("variable", "value", "shown", "amount"),
    [
        ("PENSTOCK_SANDBOX_INSTALL_MEMORY_MB", "700", "DATA", 700 * MEGABYTE),
        ("PENSTOCK_SANDBOX_INSTALL_PROCESSES", "20", "NPROC", 20),
        ("PENSTOCK_SANDBOX_INSTALL_FILE_MB", "3", "FSIZE", 3 * MEGABYTE),
        ("PENSTOCK_SANDBOX_INSTALL_SECONDS", "7", "CPU", 14),
        ("PENSTOCK_SANDBOX_INSTALL_CPUS", "1", "CPU", 180),
        ("PENSTOCK_SANDBOX_PACKAGE_DAYS", "30", "arguments", None),
    ],
)
async def test_a_limit_that_is_set_is_that_of_an_installation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str, shown: str, amount: int | None
) -> None:
    """Seen by what is run in place of uv."""
    stand_in = tmp_path / "uv"
    stand_in.write_text(f"#!/usr/bin/python3\n{INSTALLS}")
    stand_in.chmod(0o755)
    monkeypatch.setattr("penstock.sandbox.installer.find_uv", lambda: str(stand_in))
    environment = {"PENSTOCK_SANDBOX_DIR": str(SHARED), "PENSTOCK_SANDBOX_INDEX_HOSTS": "index.example"}
    with pytest.raises(DependencyInvalid) as refused:
        await build_sandbox(read_settings({**environment, variable: value})).prepare("python", ["sound"])
    said = json.loads(refused.value.message.partition(": ")[2])
    if amount is None:
        before = datetime.fromisoformat(said["arguments"][said["arguments"].index("--exclude-newer") + 1])
        assert timedelta(days=29) < datetime.now(UTC) - before < timedelta(days=31)
    else:
        assert said[shown] == amount


async def test_what_an_installation_may_download_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[int] = []

    class Noted(InstallProxy):
        def __init__(self, hosts: Collection[str], resolve: Resolve, *, most_bytes: int) -> None:
            seen.append(most_bytes)
            super().__init__(hosts, resolve, most_bytes=most_bytes)

    stand_in = tmp_path / "uv"
    stand_in.write_text("#!/bin/sh\nexit 1\n")
    stand_in.chmod(0o755)
    monkeypatch.setattr("penstock.sandbox.installer.find_uv", lambda: str(stand_in))
    monkeypatch.setattr("penstock.sandbox.installer.InstallProxy", Noted)
    environment = {"PENSTOCK_SANDBOX_DIR": str(SHARED), "PENSTOCK_SANDBOX_INDEX_HOSTS": "index.example"}
    with pytest.raises(DependencyInvalid):
        await build_sandbox(read_settings({**environment, "PENSTOCK_SANDBOX_INSTALL_MB": "2"})).prepare(
            "python", ["sound"]
        )
    assert seen == [2_000_000]


async def test_days_that_are_set_are_those_that_an_unused_layer_has() -> None:
    with new_folder() as folder:
        layer = folder / "more/python-old"
        layer.mkdir(parents=True)
        old = time.time() - 5 * 86_400
        for days, is_there in (("6", True), ("4", False)):
            os.utime(layer, (old, old)) if layer.exists() else None
            settings = read_settings({"PENSTOCK_SANDBOX_DIR": str(folder), "PENSTOCK_SANDBOX_LAYER_DAYS": days})
            await build_sandbox(settings).sweep()
            assert layer.exists() == is_there  # nobody waits


def test_bytes_that_are_set_are_those_of_a_body() -> None:
    assert preview_rules(read_settings({"PENSTOCK_PREVIEW_BYTES": "2000"})).most_bytes == 2000


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("PENSTOCK_PREVIEW_IDLE_SECONDS", "idle_seconds"),
        ("PENSTOCK_PREVIEW_SECONDS", "total_seconds"),
        ("PENSTOCK_PREVIEW_ANSWER_SECONDS", "answer_seconds"),
        ("PENSTOCK_PREVIEW_LINK_SECONDS", "link_seconds"),
        ("PENSTOCK_PREVIEW_CONNECTIONS", "connections"),
        ("PENSTOCK_PREVIEWS_PER_USER", "per_owner"),
        ("PENSTOCK_PREVIEWS", "most"),
    ],
)
def test_a_rule_that_is_set_is_that_of_previews(variable: str, name: str) -> None:
    """What comes of each is shown where previews are."""
    assert getattr(preview_rules(read_settings({variable: "7"})), name) == 7


@pytest.mark.parametrize(
    ("variable", "value", "mend"),
    [
        ("PENSTOCK_SANDBOX", "docker", "auto, bwrap, e2b or off"),
        ("PENSTOCK_SANDBOX_DEGRADED", "yes", "auto, on or off"),
        ("PENSTOCK_SANDBOX_DIR", "~nobody-of-this-name/x", "a folder"),
        ("PENSTOCK_SANDBOX_USER", "0", "from 1000 to"),
        ("PENSTOCK_SANDBOX_MEMORY_MB", "63", "from 64 to 65536"),
        ("PENSTOCK_SANDBOX_CPUS", "0", "from 0.1 to 64"),
        ("PENSTOCK_SANDBOX_CPUS", "nan", "from 0.1 to 64"),
        ("PENSTOCK_SANDBOX_PROCESSES", "15", "from 16 to 4096"),
        ("PENSTOCK_SANDBOX_FILE_MB", "0", "from 1 to 4096"),
        ("PENSTOCK_SANDBOX_DISK_MB", "-1", "from 1 to 4096"),
        ("PENSTOCK_SANDBOX_SECONDS", "0", "above 0"),
        ("PENSTOCK_SANDBOX_OUTPUT_BYTES", "1e6", "from 1024 to"),
        ("PENSTOCK_SANDBOX_INDEX_HOSTS", "https://pypi.org", "host names without ports"),
        ("PENSTOCK_SANDBOX_LAYER_MB", "99", "from 100 to"),
        ("PENSTOCK_SANDBOX_LAYER_DAYS", "0", "above 0"),
        ("PENSTOCK_SANDBOX_PACKAGE_DAYS", "week", "above 0"),
        ("PENSTOCK_SANDBOX_INSTALL_SECONDS", "-1", "above 0"),
        ("PENSTOCK_SANDBOX_INSTALL_MB", "0", "from 1 to"),
        ("PENSTOCK_SANDBOX_INSTALL_MEMORY_MB", "1", "from 64 to"),
        ("PENSTOCK_SANDBOX_INSTALL_CPUS", "99", "from 0.1 to 64"),
        ("PENSTOCK_SANDBOX_INSTALL_PROCESSES", "1", "from 16 to"),
        ("PENSTOCK_SANDBOX_INSTALL_FILE_MB", "x", "from 1 to"),
        ("PENSTOCK_SANDBOX_BOOT_SECONDS", "0", "above 0"),
        ("PENSTOCK_PREVIEW_CONNECTIONS", "61", "from 1 to 60"),
        ("PENSTOCK_PREVIEW_BYTES", "1", "from 1024 to"),
        ("PENSTOCK_PREVIEW_DOMAIN", "*.example.net", "a host name"),
        ("PENSTOCK_PREVIEW_IDLE_SECONDS", "never", "above 0"),
        ("PENSTOCK_PREVIEW_SECONDS", "86401", "at most 86400"),
        ("PENSTOCK_PREVIEW_ANSWER_SECONDS", "inf", "at most 86400"),
        ("PENSTOCK_PREVIEW_LINK_SECONDS", "", "above 0"),
        ("PENSTOCK_PREVIEWS_PER_USER", "0", "from 1 to 1000"),
        ("PENSTOCK_PREVIEWS", "1001", "from 1 to 1000"),
    ],
)
def test_what_nobody_could_mean_is_refused(variable: str, value: str, mend: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        read_settings({variable: value})
    assert refused.value.message.startswith(f"{variable} must be ")
    assert mend in refused.value.message


def test_every_setting_is_in_the_document_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(PENSTOCK_\w+)` \| `?([^`|]*?)`? \|", DOCUMENT.read_text(), re.MULTILINE))
    known = {each.metadata["name"]: each for each in fields(Settings) if each.metadata["name"].startswith(PREFIXES)}
    assert rows.keys() == known.keys()
    for name, each in known.items():
        is_told = not re.match(r"[0-9]|auto|localhost", rows[name])
        assert is_told or each.metadata["read"](rows[name]) == each.default, name
