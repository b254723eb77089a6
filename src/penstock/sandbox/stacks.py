"""What the two stacks expect of an app: how it is recognised, and how it is started. No IO."""

import json
from collections.abc import Sequence

from penstock.sandbox.base import STACKS, Files, FilesInvalid, StackName, StackUnknown

_PYTHON_APPS = ("main.py", "app.py", "app/main.py", "src/main.py", "server.py")
_NODE_APPS = ("server.js", "index.js", "app.js", "main.js", "server.mjs", "index.mjs", "src/server.js", "src/index.js")


def stack_named(name: str) -> StackName:
    """Return the stack of this name. Raises StackUnknown."""
    for stack in STACKS:
        if stack == name:
            return stack
    raise StackUnknown


def stack_of(files: Files) -> StackName:
    """Return the stack that the files are written for."""
    return "node" if "package.json" in files else "python"


def start_command(files: Files, port: int) -> Sequence[str]:
    """Return how the app is started. Raises FilesInvalid when there is none to be seen."""
    if stack_of(files) == "node":
        return ["node", _node_app(files)]
    for name in _PYTHON_APPS:
        if name in files:
            module = name.removesuffix(".py").replace("/", ".")
            return ["python3", "-m", "uvicorn", f"{module}:app", "--host", "127.0.0.1", "--port", str(port)]
    raise FilesInvalid(f"There is no app to start: it is looked for in {', '.join(_PYTHON_APPS)}.")


def _node_app(files: Files) -> str:
    try:
        named = json.loads(files["package.json"]).get("main")
    except (ValueError, AttributeError):
        named = None
    for name in (named, *_NODE_APPS):
        if isinstance(name, str) and name.removeprefix("./") in files:
            return name.removeprefix("./")
    raise FilesInvalid(f"There is no app to start: name it as main in package.json, or {', '.join(_NODE_APPS)}.")
