"""What a project says it needs, and what of that its stack does not hold already. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from penstock.sandbox.base import DependencyInvalid, Files, StackName
from penstock.sandbox.dependencies import check_dependencies
from penstock.sandbox.names import shown

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^ \\;]+)", re.MULTILINE)


def wanted(stack: StackName, files: Files) -> list[str]:
    """Return the dependencies that the project's manifest names. Raises DependencyInvalid."""
    return check_dependencies(stack, _python(files) if stack == "python" else _node(files))


def _python(files: Files) -> list[str]:
    text = files.get("requirements.txt", b"").decode(errors="replace")
    lines = [line.partition(" #")[0].strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    for line in lines:
        if line.startswith("-"):
            raise DependencyInvalid(f"{shown(line)} is no dependency: requirements.txt holds names with versions only.")
    return lines


def _node(files: Files) -> list[str]:
    try:
        package: Any = json.loads(files.get("package.json", b"{}"))
    except ValueError:
        raise DependencyInvalid("package.json is not valid JSON.") from None
    found: list[str] = []
    for group in ("dependencies", "devDependencies"):
        named = cast("dict[str, Any]", package).get(group) if isinstance(package, dict) else None
        if isinstance(named, dict):
            found += [f"{name}@{version or '*'}" for name, version in cast("dict[str, Any]", named).items()]
    return found


def missing(stack: StackName, dependencies: Sequence[str], base: Mapping[str, bytes]) -> list[str]:
    """Return those dependencies that the base of the stack, given by its own files, does not hold."""
    if stack == "node":
        held = json.loads(base["package.json"])["dependencies"]
        return [each for each in dependencies if not _node_holds(held, each)]
    pins: dict[str, str] = {
        canonicalize_name(name): version for name, version in _PIN.findall(base["requirements.lock"].decode())
    }
    return [each for each in dependencies if not _python_holds(pins, each)]


def _python_holds(pins: Mapping[str, str], dependency: str) -> bool:
    try:
        requirement = Requirement(dependency)
    except InvalidRequirement:
        return False
    version = pins.get(canonicalize_name(requirement.name))
    # Extras of what the base holds only bring what makes it faster or is there as well (uvicorn[standard]).
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _node_holds(held: Mapping[str, str], dependency: str) -> bool:
    name, _, versions = dependency.rpartition("@")
    version = held.get(name)
    if version is None:
        return False
    versions = versions.strip()
    if versions in {"*", "x", ""}:
        return True
    major, minor, _ = (*version.split("."), "0", "0")[:3]
    found = re.fullmatch(r"([\^~]|>=)?\s*(\d+)(?:\.(\d+|x|\*))?(?:\.(\d+|x|\*))?", versions)
    if found is None:
        return False
    sign, asked, asked_minor = found[1], found[2], found[3]
    if sign == ">=":
        return int(asked) <= int(major)
    if asked != major:
        return False
    loose = asked_minor in {None, "x", "*"}
    if sign == "^":
        return loose or int(asked_minor) <= int(minor)
    return loose or asked_minor == minor if sign == "~" or found[4] in {None, "x", "*"} else versions == version
