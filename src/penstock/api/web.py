"""The web app: its files, and its page for every address that is nobody else's."""

from pathlib import Path

from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import Receive, Scope, Send

_FOREVER = "public, max-age=31536000, immutable"
_NOT_BUILT = """<!doctype html><meta charset="utf-8"><title>Penstock</title>
<h1>The web app has not been built</h1>
<p>The API works. Run <code>make run</code>, which builds the app, or <code>make build</code> and reload this page.</p>
"""


class WebApp:
    """Serves the files of a folder, and `index.html` for the app's own addresses."""

    def __init__(self, folder: Path) -> None:
        """Take the folder that the build has made, or would make."""
        self._folder = folder.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GET or HEAD request."""
        await self._response(scope["path"])(scope, receive, send)

    def _response(self, path: str) -> Response:
        file = (self._folder / path.lstrip("/")).resolve()
        if path != "/" and file.is_relative_to(self._folder) and file.is_file() and file.name != "index.html":
            # Files under assets/ carry a hash of their content in their name.
            is_hashed = file.parent.name == "assets"
            return FileResponse(file, headers={"cache-control": _FOREVER if is_hashed else "no-cache"})
        index = self._folder / "index.html"
        if not index.is_file():
            return HTMLResponse(_NOT_BUILT, 503)
        return FileResponse(index, headers={"cache-control": "no-cache"})
