"""The shared examples of changes: the same ones run in the browser's client."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.changes import fold
from penstock.api.folders import FolderShape
from penstock.api.shapes import ChatShape
from penstock.chats.changes import ListedChat, ListedFolder

CASES = [json.loads(path.read_text()) for path in sorted(Path("protocol/cases/changes").glob("*.json"))]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_changes_lead_to_the_expected_list(case: dict[str, Any]) -> None:
    """CH3 to CH6."""
    assert fold(case["chats"], case["changes"], complete=case["complete"]) == case["expected"]


def test_a_chat_is_told_with_the_fields_that_lists_show() -> None:
    """CH4: else a changed chat could not take its place in a list."""
    assert set(ListedChat.__struct_fields__) == set(ChatShape.model_fields)
    assert set(ListedFolder.__struct_fields__) == set(FolderShape.model_fields)
