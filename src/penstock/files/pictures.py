"""Pictures are made anew from their pixels: what else was in the file is gone, where it was taken and what hid in it.

Nothing here believes a name or a type: the first bytes decide what is tried, and only what can be decoded is kept. It
is work for a processor, and is done away from the event loop.
"""

import io
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from penstock.files.model import AttachmentTooLarge, AttachmentUnsupported, Content, Limits

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST_EDGE: Final = 2560
"""Pixels. Models look at less than that, and people at hardly more."""
_MOST_BYTES: Final = 3_500_000
"""Of a picture as it is kept: Anthropic takes five megabytes of base64."""
_SIGNS: Final[Sequence[tuple[bytes, str]]] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    NotImplementedError,
    struct.error,
)
"""What Pillow's readers raise for what is no picture, or a damaged one."""
_QUALITY: Final = 88


def kind_of(data: bytes) -> str | None:
    """Return what kind of picture the first bytes promise, in Pillow's words."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for sign, kind in _SIGNS if data.startswith(sign)), None)


def make_anew(data: bytes, limits: Limits) -> Content:
    """Return the picture that is in a file, upright. Raises AttachmentUnsupported or AttachmentTooLarge."""
    kind = kind_of(data)
    if kind is None:
        raise AttachmentUnsupported
    if len(data) > limits.size:
        raise AttachmentTooLarge(
            f"A picture can have {limits.size:,} bytes; this one has {len(data):,}.", limit=limits.size
        )
    from PIL import Image, ImageOps  # noqa: PLC0415  # 50 ms, for those who attach something

    # Its own bound warns where ours has refused long ago: nothing is decoded before that.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as opened:
            pixels = opened.width * opened.height
            if pixels > limits.pixels:
                raise AttachmentTooLarge(
                    f"A picture can have {limits.pixels:,} pixels; this one has {pixels:,}.", limit=limits.pixels
                )
            # A large JPEG is read at a half or a quarter of its size, which takes as much less memory.
            opened.draft(None, (LONGEST_EDGE, LONGEST_EDGE))
            upright = ImageOps.exif_transpose(opened)
            is_deep = upright.mode in {"I", "F", "I;16", "I;16B", "I;16L"}
            plain = upright.convert("L" if is_deep else _mode(upright))
    except AttachmentTooLarge:
        raise
    except _DAMAGE:
        raise AttachmentUnsupported from None
    plain.thumbnail((LONGEST_EDGE, LONGEST_EDGE), reducing_gap=2.0)
    return _written(plain, kind)


def _mode(picture: "Image") -> str:
    has_alpha = picture.has_transparency_data
    if picture.mode in {"L", "1"} and not has_alpha:
        return "L"
    return "RGBA" if has_alpha else "RGB"


def _written(picture: "Image", kind: str) -> Content:
    """Return the picture as a file: of the kind that it came as, unless that is too large."""
    data = _encoded(picture, "PNG" if kind == "GIF" else kind)
    media_type = {"JPEG": "image/jpeg", "WEBP": "image/webp"}.get(kind, "image/png")
    if len(data) > _MOST_BYTES:
        data, media_type = _encoded(picture, "WEBP"), "image/webp"
    return Content(media_type=media_type, data=data, width=picture.width, height=picture.height)


def _encoded(picture: "Image", kind: str) -> bytes:
    buffer = io.BytesIO()
    # A bare copy of the pixels: what Pillow knows besides (EXIF, text, profiles) it would write along.
    bare = picture.copy()
    bare.info = {}
    if kind == "PNG":
        bare.save(buffer, "PNG")
    else:
        bare.save(buffer, kind, quality=_QUALITY, exif=b"")
    return buffer.getvalue()
