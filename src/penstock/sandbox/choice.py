"""The first sandbox of several that is sound: that of this machine, else that of somebody who was chosen for it."""

import asyncio
from collections.abc import Sequence

from penstock.sandbox.base import Command, Layer, Level, Probe, Result, Running, Sandbox, StackName


class FirstSound:
    """Uses the first of these that is sound, from the first time that one is; layers of one are nothing to another."""

    def __init__(self, sandboxes: Sequence[Sandbox]) -> None:
        """Take them in order; the first says why there is none where none is sound."""
        self._sandboxes = sandboxes
        self._chosen: Sandbox | None = None
        self._choosing = asyncio.Lock()

    async def _choice(self) -> Sandbox:
        async with self._choosing:
            for each in self._sandboxes if self._chosen is None else ():
                if (await each.probe()).level is not Level.NONE:
                    self._chosen = each
                    break
        return self._chosen or self._sandboxes[0]

    async def probe(self) -> Probe:
        """Return how sound the one is that would be used; where none is, why not."""
        return await (await self._choice()).probe()

    async def prepare(self, stack: StackName, dependencies: Sequence[str] = ()) -> Layer:
        """Return the layer of a stack with these dependencies."""
        return await (await self._choice()).prepare(stack, dependencies)

    async def run(self, command: Command) -> Result:
        """Run a command to its end."""
        return await (await self._choice()).run(command)

    async def serve(self, command: Command, port: int) -> Running:
        """Start an app."""
        return await (await self._choice()).serve(command, port)

    async def sweep(self) -> int:
        """Remove what dead processes have left behind, wherever that was."""
        return sum([await each.sweep() for each in self._sandboxes])
