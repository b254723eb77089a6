"""What a model is shown of the files that it is to change: all of them while they fit, else those that matter (E6).

What matters is found without asking anybody, and the same for the same request: what has failed, what the prompt
names, what serves the routes that it is about, what those import, what was changed last. Of the rest there is the map:
the routes as the app itself describes them, and the names of the files. Pure.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from penstock.chats.context import ANSWER_SHARE, MARGIN, estimate
from penstock.kit.text import is_storable
from penstock.providers.base import Capabilities

BUDGET: Final = 24_000
"""Tokens for files and map: above this, models lose sight of what they were asked."""
_MAP_SHARE: Final = 6
"""One part in six of the budget is as long as the map may be."""
_FILE_TOKENS: Final = 20
"""What a file takes beside its text."""
_LEAST_WORD: Final = 4

Reason = Literal[
    "fits", "failing", "mentioned", "route", "imported", "changed", "other", "no-room", "not-text", "not-needed"
]
"""Why a file is shown: all of them fit, something is wrong with it, the prompt names it, it serves a route that the
prompt is about, one of those imports it, it was changed last, or there was room left. Why not: no room, no text, or
words only were asked for."""
_RANKS: Final[tuple[Reason, ...]] = ("failing", "mentioned", "route", "imported", "changed", "other")


@dataclass(frozen=True, kw_only=True)
class Picked:
    """What becomes of one file."""

    path: str
    tokens: int
    """Estimated."""
    reason: Reason

    @property
    def is_shown(self) -> bool:
        """Whether the model sees it."""
        return self.reason not in {"no-room", "not-text", "not-needed"}


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a model is shown, and how that was chosen. Figures are tokens."""

    files: Mapping[str, str]
    """By path, in order."""
    picked: Sequence[Picked]
    """Every file of the project, in order."""
    routes: str
    """The map; empty where all files are shown."""
    budget: int
    used: int


def budget_of(capabilities: Capabilities) -> int:
    """Return how many tokens files may take with this model: its answer, the request and the rules need room too."""
    window = capabilities.context_window
    free = window - window // MARGIN - min(window // ANSWER_SHARE, capabilities.max_output or window)
    return max(0, min(BUDGET, free // 2))


def choose_files(
    files: Mapping[str, bytes],
    prompt: str,
    *,
    openapi: Mapping[str, Any] | None = None,
    failing: Sequence[str] = (),
    changed: Sequence[str] = (),
    budget: int = BUDGET,
    words_only: bool = False,
) -> Context:
    """Return what to show. `failing` and `changed` are paths, the worst and the latest first.

    For a question that asks for words only, nothing is shown but what it names and what has failed.
    """
    texts = {path: text for path in sorted(files) if (text := _text(files[path])) is not None}
    costs = {path: estimate(text) + _FILE_TOKENS for path, text in texts.items()}
    if not words_only and sum(costs.values()) <= budget:
        all_fit: dict[str, Reason] = dict.fromkeys(texts, "fits")
        return _context(files, texts, costs, all_fit, "", budget)
    routes = _clipped(map_of(openapi) if openapi else "", budget // _MAP_SHARE)
    reasons = _reasons(texts, prompt, openapi or {}, failing, changed)
    if words_only:
        reasons |= dict.fromkeys(
            (path for path in reasons if reasons[path] not in {"failing", "mentioned"}), "not-needed"
        )
    fitting = _fitting(reasons, costs, budget - estimate(routes), [*failing, *changed])
    return _context(files, texts, costs, fitting, routes, budget)


def _context(
    files: Mapping[str, bytes],
    texts: Mapping[str, str],
    costs: Mapping[str, int],
    reasons: Mapping[str, Reason],
    routes: str,
    budget: int,
) -> Context:
    picked = [
        Picked(path=path, tokens=costs.get(path, 0), reason=reasons.get(path, "not-text")) for path in sorted(files)
    ]
    shown = [each for each in picked if each.is_shown]
    return Context(
        files={each.path: texts[each.path] for each in shown},
        picked=picked,
        routes=routes,
        budget=budget,
        used=sum(each.tokens for each in shown) + estimate(routes),
    )


def _fitting(
    reasons: Mapping[str, Reason], costs: Mapping[str, int], budget: int, urgent: Sequence[str]
) -> dict[str, Reason]:
    """Return the reasons, with `no-room` for what does not fit after all that matters more."""
    places = {path: place for place, path in reversed(list(enumerate(urgent)))}

    def rank(path: str) -> tuple[int, int, int, str]:
        reason = reasons[path]
        return _RANKS.index(reason), places.get(path, len(places)), costs[path], path

    fitting: dict[str, Reason] = {path: reason for path, reason in reasons.items() if reason not in _RANKS}
    for path in sorted((path for path, reason in reasons.items() if reason in _RANKS), key=rank):
        fits = costs[path] <= budget
        fitting[path] = reasons[path] if fits else "no-room"
        budget -= costs[path] if fits else 0
    return fitting


def _reasons(
    texts: Mapping[str, str],
    prompt: str,
    openapi: Mapping[str, Any],
    failing: Sequence[str],
    changed: Sequence[str],
) -> dict[str, Reason]:
    """Return why each file would be shown: the first of the reasons that there are."""
    words = _words(prompt)
    mentioned = {path for path in texts if _is_mentioned(path, prompt, words)}
    serving = _serving(texts, openapi, words)
    matter = {*failing, *mentioned, *serving}
    imported = {found for path in matter if path in texts for found in imports_of(path, texts)}
    groups: dict[Reason, Iterable[str]] = {
        "failing": failing,
        "mentioned": mentioned,
        "route": serving,
        "imported": imported,
        "changed": changed,
    }
    reasons: dict[str, Reason] = dict.fromkeys(texts, "other")
    for name in reversed(groups):
        reasons |= {path: name for path in groups[name] if path in texts}
    return reasons


def _text(content: bytes) -> str | None:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return text if is_storable(text) else None


def _words(text: str) -> set[str]:
    """Return the words that may be names, in lower case and without the plural."""
    return {_singular(word) for word in re.findall(r"[a-z0-9]+", text.lower()) if len(word) >= _LEAST_WORD}


def _singular(word: str) -> str:
    return word[:-1] if len(word) > _LEAST_WORD and word.endswith("s") and not word.endswith("ss") else word


def _is_mentioned(path: str, prompt: str, words: set[str]) -> bool:
    name = path.rpartition("/")[2]
    if path in prompt or re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w-])", prompt):
        return True
    stem = name.partition(".")[0].lower().removeprefix("test_")
    return len(stem) >= _LEAST_WORD and _singular(stem) in words


def _serving(texts: Mapping[str, str], openapi: Mapping[str, Any], words: set[str]) -> set[str]:
    """Return the files that hold the paths of operations that the prompt is about."""
    segments: set[str] = set()
    for path, item in _items(openapi.get("paths")):
        said = [path, *(str(operation.get("operationId", "")) for _, operation in _items(item))]
        said += [str(tag) for _, operation in _items(item) for tag in _list(operation.get("tags"))]
        if _words(" ".join(said)) & words:
            segments.update(f"/{each}" for each in path.split("/") if each and not each.startswith("{"))
    pattern = "|".join(map(re.escape, sorted(segments)))
    return {path for path, text in texts.items() if pattern and re.search(rf"[\"'`](?:{pattern})\b", text)}


_PYTHON_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]+\(?([\w, \t]*)|import[ \t]+([\w., \t]+))", re.MULTILINE
)
_NODE_IMPORT = re.compile(r"""(?:require\(|from|import)\s*\(?["'](\.{1,2}/[^"']+)["']""")


def imports_of(path: str, texts: Mapping[str, str]) -> Sequence[str]:
    """Return the files of the project that this one imports, as its words say."""
    text = texts.get(path, "")
    found = _python_imports(path, text) if path.endswith(".py") else _node_imports(path, text)
    return [each for each in dict.fromkeys(found) if each in texts and each != path]


def _python_imports(path: str, text: str) -> Iterable[str]:
    folder = path.split("/")[:-1]
    for source, names, plain in _PYTHON_IMPORT.findall(text):
        modules = [each.split()[0] for each in plain.split(",") if each.strip()] if plain else [source]
        for module in modules:
            bare = module.lstrip(".")
            up = len(module) - len(bare)
            base = folder[: len(folder) - up + 1] if up else []
            parts = [*base, *(each for each in bare.split(".") if each)]
            within = [[*parts, name.split()[0]] for name in names.split(",") if name.strip()]
            for each in (parts, *within):
                yield f"{'/'.join(each)}.py"
                yield "/".join([*each, "__init__.py"])


def _node_imports(path: str, text: str) -> Iterable[str]:
    for target in _NODE_IMPORT.findall(text):
        parts = path.split("/")[:-1]
        for each in target.split("/"):
            if each == "..":
                parts = parts[:-1]
            elif each != ".":
                parts = [*parts, each]
        name = "/".join(parts)
        yield from (name, *(f"{name}{end}" for end in (".js", ".mjs", ".cjs", ".json", "/index.js")))


def map_of(openapi: Mapping[str, Any]) -> str:
    """Return routes and schemas of an OpenAPI document, a line each."""
    lines: list[str] = []
    for path, item in _items(openapi.get("paths")):
        for method, operation in _items(item):
            named = [str(each.get("name")) for each in _objects(operation.get("parameters"))]
            about = operation.get("summary") or operation.get("operationId") or ""
            lines.append(
                f"{method.upper()} {path}"
                + (f" ({', '.join(named)})" if named else "")
                + (f": {about}" if about else "")
            )
    components = dict(_items(openapi)).get("components", {})
    for name, schema in _items(components.get("schemas")):
        fields = ", ".join(field for field, _ in _items(schema.get("properties")))
        lines.append(f"schema {name}: {fields}")
    return "\n".join(lines)


def _items(value: object) -> list[tuple[str, dict[str, Any]]]:
    """Return the members of a JSON object that are objects; what an app says of itself may be anything."""
    if not isinstance(value, dict):
        return []
    members = cast("dict[str, Any]", value).items()
    return [(name, cast("dict[str, Any]", member)) for name, member in members if isinstance(member, dict)]


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _objects(value: object) -> list[dict[str, Any]]:
    return [cast("dict[str, Any]", each) for each in _list(value) if isinstance(each, dict)]


def _clipped(text: str, tokens: int) -> str:
    lines: list[str] = []
    for line in text.split("\n") if text else []:
        tokens -= estimate(line) + 1
        if tokens < 0:
            lines.append("…")
            break
        lines.append(line)
    return "\n".join(lines)
