"""E6: what a later version is shown of the files: all while they fit, else what matters, with the reasons."""

from typing import Any

import pytest

from penstock.projects.context import BUDGET, budget_of, choose_files, imports_of, map_of
from penstock.providers.base import Capabilities

OPENAPI: dict[str, Any] = {
    "paths": {
        "/items/{id}": {
            "get": {
                "operationId": "get_item",
                "summary": "One item",
                "parameters": [{"name": "id"}, "odd"],
                "tags": ["items"],
            }
        },
        "/orders": {"post": {"operationId": "place_order"}, "parameters": []},
        "odd": [],
    },
    "components": {"schemas": {"Item": {"properties": {"id": {}, "title": {}}}}},
}
FILES = {
    "app/__init__.py": b"",
    "app/main.py": b"from app.routers import items, orders\nfrom app import settings\n",
    "app/routers/__init__.py": b"",
    "app/routers/items.py": b'from ..store import Store\n\n@router.get("/items/{id}")\n' + b"x = 1\n" * 300,
    "app/routers/orders.py": b'@router.post("/orders")\n' + b"x = 1\n" * 300,
    "app/store.py": b"class Store: ...\n" + b"y = 1\n" * 300,
    "app/settings.py": b"z = 1\n" * 300,
    "logo.png": b"\x89PNG\xff",
}


def reasons(prompt: str, *, budget: int = BUDGET, **given: Any) -> dict[str, str]:
    context = choose_files(FILES, prompt, budget=budget, openapi=OPENAPI, **given)
    assert context.used <= context.budget
    assert list(context.files) == [each.path for each in context.picked if each.is_shown]
    return {each.path: each.reason for each in context.picked}


def test_all_files_are_shown_while_they_fit() -> None:
    context = choose_files(FILES, "Add tags", openapi=OPENAPI)
    assert {each.reason for each in context.picked} == {"fits", "not-text"}
    assert context.routes == ""
    assert context.files["app/store.py"] == FILES["app/store.py"].decode()


def test_above_that_what_the_prompt_is_about_comes_first_then_what_it_imports() -> None:
    chosen = reasons("Let an item have a colour", budget=1_600)
    assert chosen["app/routers/items.py"] == "mentioned"
    assert chosen["app/store.py"] == "imported"
    assert chosen["app/routers/orders.py"] == "no-room"
    assert chosen["logo.png"] == "not-text"


def test_files_that_serve_the_routes_of_a_prompt_are_found_by_the_apps_own_description() -> None:
    chosen = reasons("Let people place several at once", budget=1_600)
    assert chosen["app/routers/orders.py"] == "route"


def test_what_has_failed_goes_before_all_and_what_was_changed_before_the_rest() -> None:
    chosen = reasons("Make it faster", budget=1_200, failing=["app/settings.py"], changed=["app/store.py", "gone.py"])
    assert chosen["app/settings.py"] == "failing"
    assert chosen["app/store.py"] == "changed"
    assert chosen["app/routers/items.py"] == "no-room"
    assert chosen["app/__init__.py"] == "other"


def test_names_of_files_are_seen_in_the_prompt() -> None:
    assert reasons("See app/settings.py", budget=1_000)["app/settings.py"] == "mentioned"
    assert reasons("In settings.py, please", budget=1_000)["app/settings.py"] == "mentioned"
    assert reasons("resettings.python", budget=1_000)["app/settings.py"] != "mentioned"


def test_the_choice_is_the_same_for_the_same_request_and_shows_the_map() -> None:
    one, other = (
        choose_files(files, "Items", openapi=OPENAPI, budget=1_600) for files in (FILES, dict(reversed(FILES.items())))
    )
    assert one == other
    assert "GET /items/{id} (id): One item" in one.routes
    assert "schema Item: id, title" in one.routes


def test_a_question_is_shown_the_map_and_what_it_names_only() -> None:
    context = choose_files(FILES, "What is in settings.py?", openapi=OPENAPI, words_only=True)
    assert list(context.files) == ["app/settings.py"]
    assert {each.reason for each in context.picked} == {"mentioned", "not-needed", "not-text"}
    assert context.routes == map_of(OPENAPI)


def test_a_map_is_no_longer_than_its_share() -> None:
    paths: dict[str, Any] = {f"/things/{number}": {"get": {}} for number in range(1_000)}
    context = choose_files(FILES, "x", openapi={"paths": paths}, budget=1_200)
    assert context.routes.endswith("…")
    assert len(context.routes) < 1_200


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("app/a.py", "from app.b import x\nimport app.c as c, os\n", ["app/b.py", "app/c.py"]),
        ("app/a.py", "from . import b, c\nfrom .b import (\n  x)\n", ["app/b.py", "app/c.py"]),
        ("app/d/e.py", "from ..b import x\nfrom app import c\n", ["app/b.py", "app/c.py"]),
        (
            "src/a.js",
            "const b = require('./b');\nimport c from '../lib/c.js';\nrequire('express')",
            ["src/b.js", "lib/c.js"],
        ),
        ("src/a.js", 'export { x } from "./d";\n', ["src/d/index.js"]),
        ("a.txt", "nothing", []),
    ],
)
def test_imports_are_read_by_their_words(path: str, text: str, found: list[str]) -> None:
    names = ("app/b.py", "app/c.py", "src/b.js", "lib/c.js", "src/d/index.js")
    assert list(imports_of(path, {**dict.fromkeys(names, ""), path: text})) == found


def test_small_models_are_shown_less() -> None:
    assert budget_of(Capabilities(context_window=200_000)) == BUDGET
    assert 0 < budget_of(Capabilities(context_window=8_192)) < 3_000
