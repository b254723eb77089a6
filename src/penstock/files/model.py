"""Attachments, how they are named and told of, and what can be wrong with them. Pure.

AttachmentNotFound                       also one of somebody else's
AttachmentUnsupported                    neither a picture that we can read nor plain text
AttachmentTooLarge                       too many bytes, or too many pixels
TooManyAttachments, TooMuchUnsent        too much at once
AttachmentSent                           it hangs on a message and goes with it
AddressRefused, AddressUnreachable       about one that is to be fetched from elsewhere
UploadInvalid                            the form that it came in cannot be read
"""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, unquote_to_bytes

from penstock.actor import IdentityId
from penstock.errors import Conflict, InvalidInput, NotFound
from penstock.kit.clock import Millis

PATH = "/api/attachments"
TEXT = "text/plain"
ENDINGS: Mapping[str, str] = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", TEXT: "txt"}
"""What names end with, by what is stored: there is nothing else."""
_OTHER_ENDINGS = {"jpg": {"jpeg"}}
_LONGEST_NAME = 120
_NO_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\"]+")
"""What could make a name look like another: controls, and marks that turn the direction of writing."""


class AttachmentNotFound(NotFound):
    """There is no such attachment."""

    code = "attachment_not_found"


class AttachmentUnsupported(InvalidInput):
    """This can be neither shown nor read: attach a PNG, JPEG, WebP or GIF, or plain text in UTF-8."""

    code = "attachment_unsupported"


class AttachmentTooLarge(InvalidInput):
    """This is larger than what can be attached."""

    code = "attachment_too_large"


class TooManyAttachments(InvalidInput):
    """There are more attachments than a message can have."""

    code = "too_many_attachments"


class TooMuchUnsent(Conflict):
    """You have attached much that was never sent. Send or remove some of it first."""

    code = "too_much_unsent"


class AttachmentSent(Conflict):
    """This belongs to a message, and goes with it."""

    code = "attachment_sent"


class AddressRefused(InvalidInput):
    """An attachment is one of your uploads, a data URL, or a picture at a public http address."""

    code = "attachment_address_refused"


class AddressUnreachable(InvalidInput):
    """There is nothing to be had at the address of this attachment."""

    code = "attachment_unreachable"


class UploadInvalid(InvalidInput):
    """An upload is a form of the type multipart/form-data with one file, in the field called file."""

    code = "upload_invalid"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What can be attached."""

    count: int = 10
    """To one message."""
    size: int = 10 * 1024 * 1024
    """Bytes of a picture, as it comes."""
    text_size: int = 1024 * 1024
    """Bytes of a text."""
    pixels: int = 50_000_000
    unsent: int = 64 * 1024 * 1024
    """Bytes that one visitor may have uploaded without sending them."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """Something that was looked at and may be kept."""

    media_type: str
    data: bytes = field(repr=False)
    width: int | None = None
    height: int | None = None
    """Of a picture."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A content that is stored, and not yet anybody's."""

    file: str
    """Its name in the store: of its content, and never used twice."""
    name: str
    media_type: str
    size: int
    width: int | None
    height: int | None


@dataclass(frozen=True, kw_only=True)
class Attachment(Kept):
    """Something that belongs to somebody, and to a message once it is sent."""

    id: str
    owner_id: IdentityId
    message_id: str | None
    created_at: Millis

    @property
    def is_picture(self) -> bool:
        """Whether it is to be seen, and not to be read."""
        return self.media_type != TEXT

    @property
    def url(self) -> str:
        """Where its owner gets it."""
        return f"{PATH}/{self.id}"

    @property
    def part(self) -> Mapping[str, Any]:
        """What stands for it in a message: a part of the AI SDK's UIMessage."""
        return {"type": "file", "mediaType": self.media_type, "filename": self.name, "url": self.url}


Given = str | Kept
"""What a message is sent with: the id of something of one's own, or something that came with the message itself."""


def attachment_id(part: Mapping[str, Any]) -> str | None:
    """Return the id of the attachment that a part of a message stands for, if it is one."""
    url = part.get("url")
    if part.get("type") != "file" or not isinstance(url, str):
        return None
    return id_in(url)


def id_in(url: str) -> str | None:
    """Return the id of the attachment that an address of ours is that of, if it is one."""
    path, slash, last = url.rpartition("/")
    return last if slash and path == PATH else None


def safe_name(name: str, media_type: str) -> str:
    """Return a name that says what is in the file, without the folders that it comes from."""
    ending = ENDINGS[media_type]
    last = re.split(r"[/\\]", name.encode("utf-8", "replace").decode())[-1]
    stem = " ".join(_NO_NAME.sub(" ", last).split()).strip(". ")
    found = stem.rpartition(".")
    if found[0] and found[2].lower() in {ending, *_OTHER_ENDINGS.get(ending, ())}:
        return f"{found[0][:_LONGEST_NAME]}.{found[2].lower()}"
    if media_type != TEXT and found[0] and len(found[2]) <= 4:
        stem = found[0]  # the ending of what it was before it was made anew
    return f"{stem[:_LONGEST_NAME] or ('text' if media_type == TEXT else 'picture')}.{ending}"


def disposition(name: str, kind: Literal["inline", "attachment"]) -> str:
    """Return what tells a browser how a file is called. Source: RFC 6266, 4.3: the second is for more letters."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_").replace("\\", "_")
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*(?P<base64>;base64)?,", re.ASCII)


def data_url(kept: Kept, data: bytes) -> str:
    """Return an attachment as an address that holds it whole."""
    return f"data:{kept.media_type};base64,{b64encode(data).decode()}"


def decoded(url: str) -> tuple[str, bytes]:
    """Return the type and the bytes of a data URL. Raises AddressRefused."""
    found = _DATA_URL.match(url)
    if found is None:
        raise AddressRefused
    text = url[found.end() :]
    try:
        data = b64decode(text, validate=True) if found["base64"] else unquote_to_bytes(text)
    except (binascii.Error, ValueError):
        raise AddressRefused from None
    return found["type"] or TEXT, data


def read_text(data: bytes, limits: Limits) -> Content:
    """Return a text that came as bytes. Raises AttachmentUnsupported or AttachmentTooLarge."""
    if len(data) > limits.text_size:
        raise AttachmentTooLarge(
            f"A text can have {limits.text_size:,} bytes; this one has {len(data):,}.", limit=limits.text_size
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise AttachmentUnsupported from None
    if not text.strip() or "\0" in text or text.startswith("%PDF-"):
        raise AttachmentUnsupported
    return Content(media_type=TEXT, data=text.encode())
