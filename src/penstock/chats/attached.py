"""What hangs on the messages that a model is to be shown, read from where it is kept."""

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from penstock.chats.context import Shown
from penstock.chats.model import Message
from penstock.errors import Unavailable
from penstock.files.contents import Contents
from penstock.files.model import Attachment

logger = logging.getLogger(__name__)

MOST_BYTES: Final = 12 * 1024 * 1024
"""Of everything that is attached to a conversation, the newest first: Gemini takes 20 MB of base64 and text."""


async def shown_with(
    contents: Contents,
    history: Sequence[Message],
    attached: Mapping[str, Sequence[Attachment]],
    *,
    with_pictures: bool = True,
) -> Mapping[str, Sequence[Shown]]:
    """Return what is shown with each message, the newest as long as it is not too much together.

    Whoever only wants to know what would be shown needs no pictures.
    """
    left, shown = MOST_BYTES, dict[str, Sequence[Shown]]()
    for message in reversed(history):
        found: list[Shown] = []
        for each in attached.get(message.id, ()):
            left -= each.size
            found.append(await _shown(contents, each, is_over=left < 0, with_pictures=with_pictures))
        if found:
            shown[message.id] = found
    return shown


async def _shown(contents: Contents, attachment: Attachment, *, is_over: bool, with_pictures: bool) -> Shown:
    data: bytes | None = None
    if not is_over and attachment.is_picture and not with_pictures:
        data = b""
    elif not is_over:
        try:
            data = await contents.get(attachment.file)
        except Unavailable:
            # The answer is worth more than the picture; the model is told that it is missing.
            logger.warning("The content of an attachment is missing.", extra={"attachment": attachment.id})
    return Shown(
        name=attachment.name,
        media_type=attachment.media_type,
        data=data,
        pixels=(attachment.width or 0) * (attachment.height or 0),
    )
