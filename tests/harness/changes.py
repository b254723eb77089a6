"""What a client makes of changes: the reference for the shared cases and for the properties (protocol/SPEC.md, CH)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

Chat = dict[str, Any]


def fold(chats: Sequence[Chat], changes: Iterable[Mapping[str, Any]], *, complete: bool = True) -> list[Chat]:
    """Return a list of chats as the changes leave it; `complete` says that no older chats follow it (CH5)."""
    listed = list(chats)
    for change in changes:
        match change["type"]:
            case "chat-set":
                chat: Chat = change["chat"]
                others = [each for each in listed if each["id"] != chat["id"]]
                is_known = len(others) < len(listed)
                if chat.get("archived"):
                    listed = others
                elif complete or is_known or not listed or _place(chat) > _place(listed[-1]):
                    listed = sorted([*others, chat], key=_place, reverse=True)
            case "chat-delete":
                listed = [each for each in listed if each["id"] != change["chatId"]]
            case "folder-delete":
                gone, parent = change["folderId"], change["parentId"]
                listed = [each | {"folderId": parent} if each.get("folderId") == gone else each for each in listed]
            case _:
                pass
    return listed


def fold_folders(folders: Sequence[Chat], changes: Iterable[Mapping[str, Any]]) -> list[Chat]:
    """Return a list of folders as the changes leave it, in the order of their making (CH8)."""
    listed = {folder["id"]: folder for folder in folders}
    for change in changes:
        match change["type"]:
            case "folder-set":
                listed[change["folder"]["id"]] = change["folder"]
            case "folder-delete":
                gone, parent = change["folderId"], change["parentId"]
                listed.pop(gone, None)
                moved = {key: each | {"parentId": parent} for key, each in listed.items() if each["parentId"] == gone}
                listed |= moved
            case _:
                pass
    return [listed[key] for key in sorted(listed)]


def _place(chat: Chat) -> tuple[datetime, str]:
    return datetime.fromisoformat(chat["updatedAt"]), chat["id"]
