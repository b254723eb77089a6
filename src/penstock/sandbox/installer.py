"""Installs what an app asks for besides the base: in a sandbox of its own, which reaches package indexes only.

First everything is resolved to a lock with hashes, then the lock is installed, and the lock names the layer. Nothing of
what is installed is run: only wheels, and no scripts of packages.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from penstock.kit.clock import Clock
from penstock.sandbox.arguments import INSTALLER, PROXY_PORT
from penstock.sandbox.base import (
    Command,
    DependencyInvalid,
    Files,
    InstallRules,
    Layer,
    NoIndexes,
    Result,
    StackName,
)
from penstock.sandbox.dependencies import check_dependencies
from penstock.sandbox.layers import InstallFailed, find_more, find_uv, keep_more, stack_files
from penstock.sandbox.proxy import InstallProxy, Resolve, resolve_public
from penstock.sandbox.toolchain import Python

_SAID_CHARS: Final = 600
_PIP: Final = ("--no-config", "--no-progress", "--link-mode", "copy")


class RunsInstaller(Protocol):
    """Runs a command that may write to a folder and reach a proxy."""

    def __call__(self, command: Command, *, output: Path, proxy: Path, installer: Path) -> Awaitable[Result]:
        """Return how it ended."""
        ...


@dataclass(frozen=True, kw_only=True)
class Installer:
    """Makes layers with dependencies."""

    folder: Path
    python: Python
    user: int | None
    """Who installs, when that is not us."""
    hosts: Collection[str]
    """Of the package indexes."""
    run: RunsInstaller
    clock: Clock
    most_bytes: int
    """Of all layers that it makes together."""
    unused_days: float
    """After these one goes that nobody has used."""
    rules: InstallRules
    resolve: Resolve = resolve_public
    environment: Mapping[str, str] | None = None
    """Besides ours: where an index is, and by which certificates it is known."""

    async def layer(self, stack: StackName, base: Layer, dependencies: Sequence[str]) -> Layer:
        """Return the layer, made where it is not there. Raises DependencyInvalid, NoIndexes, InstallFailed."""
        wanted = check_dependencies(stack, dependencies)
        if not wanted:
            return base
        if not self.hosts:
            raise NoIndexes
        async with self._workplace() as work:
            lock = await self._lock(work, stack, wanted)
            key = f"{stack}-{hashlib.sha256(f'{base.key} {self.python.tag}'.encode() + lock).hexdigest()[:32]}"
            layer = await asyncio.to_thread(find_more, self.folder, key, base)
            if layer is None:
                await self._install(work, stack, lock)
                layer = await asyncio.to_thread(self._keep, work.output, key, base)
        return layer

    async def _lock(self, work: "_Workplace", stack: StackName, wanted: Sequence[str]) -> bytes:
        """Return the lock for what is wanted, which the base's own versions constrain."""
        before = datetime.fromtimestamp(self.clock() / 1000, UTC) - timedelta(days=self.rules.newest_days)
        if stack == "python":
            files = {
                "requirements.in": "\n".join(wanted).encode(),
                "base.lock": stack_files("python")["requirements.lock"],
            }
            options = (
                "--generate-hashes",
                "--no-emit-index-url",
                "--no-annotate",
                "--no-header",
                "--only-binary",
                ":all:",
            )
            argv = [INSTALLER, "pip", "compile", "--quiet", *options, *_PIP, "--python", self.python.path]
            argv += ["--exclude-newer", before.isoformat(), "-c", "base.lock", "requirements.in"]
            return (await self._run(work, files, argv)).output
        package = json.loads(stack_files("node")["package.json"])
        package["dependencies"] |= {each.rpartition("@")[0]: each.rpartition("@")[2] for each in wanted}
        argv = ["sh", "-c", _NODE_LOCK, "lock", before.date().isoformat()]
        said = (await self._run(work, {"package.json": json.dumps(package).encode()}, argv)).output
        return said.partition(_LOCK_MARK)[2]

    async def _install(self, work: "_Workplace", stack: StackName, lock: bytes) -> None:
        if stack == "python":
            options = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "--compile-bytecode", *_PIP)
            argv = [INSTALLER, "pip", "install", "--quiet", *options, "--python", self.python.path]
            await self._run(work, {"lock": lock}, [*argv, "--target", "/out", "-r", "lock"])
            return
        root: dict[str, Any] = json.loads(lock)["packages"][""]
        package = json.dumps(
            {"name": "penstock-sandbox", "private": True, "dependencies": root["dependencies"]}
        ).encode()
        await self._run(work, {"package.json": package, "package-lock.json": lock}, ["sh", "-c", _NODE_INSTALL])

    async def _run(self, work: "_Workplace", files: Files, argv: Sequence[str]) -> Result:
        proxy = f"http://127.0.0.1:{PROXY_PORT}"
        environment = {
            "HTTPS_PROXY": proxy,
            "npm_config_https_proxy": proxy,
            "npm_config_cache": "/out/.cache",
            "npm_config_fetch_retries": "0",
            "npm_config_update_notifier": "false",
            "UV_CACHE_DIR": "/out/.cache",
            "UV_HTTP_RETRIES": "0",
            "UV_PYTHON_DOWNLOADS": "never",
            "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
            "NODE_EXTRA_CA_CERTS": "/etc/ssl/certs/ca-certificates.crt",
            **(self.environment or {}),
        }
        command = Command(files=files, argv=argv, environment=environment, limits=self.rules.limits)
        result = await self.run(command, output=work.output, proxy=work.socket, installer=work.uv)
        if result.exit_code != 0:
            raise self._refusal(result, work.proxy)
        return result

    def _refusal(self, result: Result, proxy: InstallProxy) -> DependencyInvalid | InstallFailed:
        """Return what came of it: of limits that are ours in our words, else in those of the package manager."""
        if result.timed_out:
            return InstallFailed(f"Installing was ended: it took more than {self.rules.wall_seconds:g} seconds.")
        if result.out_of_memory:
            return InstallFailed(f"Installing was ended: it took more than {self.rules.memory_mb} MB of memory.")
        if proxy.is_spent:
            return InstallFailed(
                f"Installing was ended: there was more than {self.rules.most_fetched / 1_000_000:g} MB to download."
            )
        if proxy.refused:
            return InstallFailed(f"The package index leads to {proxy.refused[0]}: {_WHY}.")
        if proxy.silent:
            return InstallFailed(f"The package index cannot be reached: {proxy.silent[0]}.")
        said = " ".join(result.output.decode(errors="replace").split())[-_SAID_CHARS:]
        if _TROUBLE.search(said):
            return InstallFailed(f"The package index is in trouble: {said}")
        return DependencyInvalid(f"The dependencies cannot be installed: {said}")

    @contextlib.asynccontextmanager
    async def _workplace(self) -> AsyncGenerator["_Workplace"]:
        """Give a folder to install into, closed to all but who installs, with the proxy listening beside it."""
        work = Path(tempfile.mkdtemp(prefix=".install-", dir=self.folder))
        output, gate, tool = work / "out", work / "proxy", work / "uv"
        try:
            for each in (output, gate):
                each.mkdir(mode=0o700)
            await asyncio.to_thread(shutil.copy, find_uv(), tool)
            for each in (work, output, gate):
                if self.user is not None:
                    os.chown(each, self.user, self.user)
            proxy = InstallProxy(self.hosts, self.resolve, most_bytes=self.rules.most_fetched)
            async with proxy.listening(gate / "s"):
                yield _Workplace(output=output, socket=gate / "s", uv=tool, proxy=proxy)
        finally:
            await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)

    def _keep(self, output: Path, key: str, base: Layer) -> Layer:
        """Make the layer of what was installed: ours, and nobody's to change."""
        shutil.rmtree(output / ".cache", ignore_errors=True)
        for folder, folders, files in os.walk(output):
            for name in [*folders, *files]:
                path = Path(folder, name)
                os.lchown(path, os.geteuid(), os.getegid())
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() else 0o555 if path.stat().st_mode & 0o100 else 0o444)
        os.lchown(output, os.geteuid(), os.getegid())
        output.chmod(0o755)
        return keep_more(
            self.folder, key, base, output, most_bytes=self.most_bytes, unused_days=self.unused_days, now=self.clock()
        )


_LOCK_MARK: Final = b"--- package-lock ---\n"
_NODE_LOCK: Final = (
    "cp package.json /out && cd /out && npm install --package-lock-only --ignore-scripts --no-audit --no-fund"
    ' --omit-lockfile-registry-resolved --loglevel=error --before="$1"'
    " && echo '--- package-lock ---' && cat package-lock.json && rm package*.json"
)
_NODE_INSTALL: Final = (
    "cp package.json package-lock.json /out && cd /out && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error"
)
"""Fixed text: what was asked for is in files."""


_WHY: Final = "it is not named in PENSTOCK_SANDBOX_INDEX_HOSTS, or has no public address"


@dataclass(frozen=True, kw_only=True)
class _Workplace:
    output: Path
    socket: Path
    uv: Path
    proxy: InstallProxy


_TROUBLE: Final = re.compile(
    r"server error \(5\d\d|error sending request for url|operation timed out"
    r"|\bE5\d\d\b|\b(?:FETCH_ERROR|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT)\b"
)
"""What uv and npm say of an index that is there and answers with an error of its own, or too late, or hangs up."""
