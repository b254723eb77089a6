"""Run inside a sandbox: prints what is wrong with the files below, as JSON. Reads all of them, runs none.

What is no Python, JSON, TOML or YAML, and names in Python that nothing defines. The readers of the last two are in the
base of the Python stack. Argument: a word that begins the line of the report.
"""

import ast
import json
import os
import sys
import tomllib
import warnings
from typing import Any, cast

Found = list[tuple[str, str, int | None]]
"""The kind, message and line of each thing that is wrong."""


def errors_of(name: str) -> Found:
    """Return what is wrong with a file."""
    with open(name, "rb") as file:  # noqa: PTH123  # starts faster
        content = file.read()
    try:
        if name.endswith(".py"):
            compile(content, name, "exec", dont_inherit=True)
            return undefined(ast.parse(content, name), name)
        if name.endswith(".json"):
            json.loads(content)
        elif name.endswith(".toml"):
            tomllib.loads(content.decode())
        elif name.endswith((".yaml", ".yml")):
            return yaml_errors(content)
    except SyntaxError as error:
        return [(type(error).__name__, error.msg, error.lineno)]
    except json.JSONDecodeError as error:
        return [("JSONDecodeError", error.msg, error.lineno)]
    except (ValueError, RecursionError, MemoryError) as error:
        return [(type(error).__name__, str(error) or "The file is too deeply nested.", None)]
    return []


def undefined(tree: ast.Module, name: str) -> Found:
    """Return the names that are used in a module and defined nowhere."""
    from pyflakes import checker, messages  # noqa: PLC0415  # pyright: ignore[reportMissingModuleSource]  # in the base

    told = (messages.UndefinedName, messages.UndefinedLocal, messages.UndefinedExport)
    return [
        (type(each).__name__, each.message % each.message_args, each.lineno)
        for each in checker.Checker(tree, filename=name).messages
        if isinstance(each, told)
    ]


def yaml_errors(content: bytes) -> Found:
    """Return why this is no YAML. Tags are not looked at: programs have their own."""
    import yaml  # noqa: PLC0415  # for projects with YAML

    try:
        # Typed in part.
        reader = cast("Any", yaml)
        list(reader.compose_all(content, Loader=reader.SafeLoader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        return [(type(error).__name__, str(error.problem or error.context), line)]
    except yaml.YAMLError as error:
        return [(type(error).__name__, str(error).partition("\n")[0], None)]
    return []


def main() -> None:
    """Look at all files of the folder that this is run in."""
    warnings.simplefilter("ignore")
    # Started without packages and without the folder of the app, whose names would come before those of the library.
    sys.path += os.environ.get("PYTHONPATH", "").split(":")  # noqa: TID251  # that of the sandbox
    found: list[tuple[str, str, str, int | None]] = []
    for folder, _, names in os.walk("."):
        for name in sorted(names):
            path = os.path.normpath(f"{folder}/{name}")
            if not path.startswith(".penstock/"):
                found += [(path, *each) for each in errors_of(path)]
    print(sys.argv[1], json.dumps(found), flush=True)  # noqa: T201  # its report


main()
