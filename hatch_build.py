"""Puts the built web app into the wheel. An editable install serves it from `web/dist` instead."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebAppHook(BuildHookInterface):
    """Runs before a wheel is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Include `web/dist`. Raises FileNotFoundError when it has not been built."""
        if version == "editable":
            return
        if not (Path(self.root) / "web" / "dist" / "index.html").is_file():
            raise FileNotFoundError("The web app has not been built: run `make build` first, or `make wheel`.")
        build_data["force_include"]["web/dist"] = "penstock/static"
