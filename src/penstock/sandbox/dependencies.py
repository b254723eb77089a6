"""What a generated app may ask to have installed: names and versions. No IO.

Everything else that package managers take (addresses, paths, repositories, options, scripts) is refused here: what they
are given is written by us from what was understood.
"""

import re
from collections.abc import Sequence

from packaging.requirements import InvalidRequirement, Requirement

from penstock.sandbox.base import DependencyInvalid, StackName
from penstock.sandbox.names import shown

MAX_DEPENDENCIES = 60
_NPM = re.compile(r"((?:@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*)(?:@([0-9A-Za-z.^~<>=| *-]{1,64}))?")
"""A name with its scope, and a range of versions; no tag, address, alias or path."""
_VERSION = r"(?:[\^~]|[<>]=?|=)?\s*[0-9*x][0-9A-Za-z.*-]*"
_NPM_RANGE = re.compile(rf"{_VERSION}(?:\s*(?:\|\||-|\s)\s*{_VERSION})*")


def check_dependencies(stack: StackName, dependencies: Sequence[str]) -> list[str]:
    """Return the dependencies in one spelling and order. Raises DependencyInvalid, naming the first that is none."""
    if len(dependencies) > MAX_DEPENDENCIES:
        raise DependencyInvalid(f"There are more than {MAX_DEPENDENCIES} dependencies.")
    check = _python if stack == "python" else _node
    return sorted({check(each.strip()) for each in dependencies})


def _python(text: str) -> str:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        raise DependencyInvalid(f"{shown(text)} is no name of a Python package with versions.") from None
    if requirement.url is not None:
        raise DependencyInvalid(f"{shown(text)} names an address; only packages of the index are installed.")
    return str(requirement)


def _node(text: str) -> str:
    found = _NPM.fullmatch(text)
    if found is None or (found[2] and not _NPM_RANGE.fullmatch(found[2].strip())):
        raise DependencyInvalid(f"{shown(text)} is no name of a Node package with versions.")
    return f"{found[1]}@{(found[2] or '*').strip()}"
