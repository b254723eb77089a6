"""Run inside a sandbox: prints what is no Python, JSON or TOML among the files below, as JSON. Runs none of it.

Stands alone, with the standard library only. Argument: a word that begins the line of the report.
"""

import json
import os
import sys
import tomllib
import warnings


def errors_of(name: str) -> list[object] | None:
    """Return the kind, message and line of what is wrong with a file; None where nothing is."""
    with open(name, "rb") as file:  # noqa: PTH123  # starts faster
        content = file.read()
    try:
        if name.endswith(".py"):
            compile(content, name, "exec", dont_inherit=True)
        elif name.endswith(".json"):
            json.loads(content)
        elif name.endswith(".toml"):
            tomllib.loads(content.decode())
    except SyntaxError as error:
        return [type(error).__name__, error.msg, error.lineno]
    except json.JSONDecodeError as error:
        return ["JSONDecodeError", error.msg, error.lineno]
    except (ValueError, RecursionError, MemoryError) as error:
        return [type(error).__name__, str(error) or "The file is too deeply nested.", None]
    return None


def main() -> None:
    """Look at all files of the folder that this is run in."""
    warnings.simplefilter("ignore")
    found: list[list[object]] = []
    for folder, _, names in os.walk("."):
        for name in sorted(names):
            path = os.path.normpath(f"{folder}/{name}")
            if not path.startswith(".penstock/") and (errors := errors_of(path)):
                found.append([path, *errors])
    print(sys.argv[1], json.dumps(found), flush=True)  # noqa: T201  # its report


main()
