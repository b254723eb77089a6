"""Pictures as people send them, and what pretends to be one."""

import io
import struct
import zlib

from PIL import Image, PngImagePlugin

PLACE = b"52 deg 31' N"
"""Where a picture was taken; nobody else is to know."""
SCRIPT = b"<script>alert(document.domain)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
HTML = b"<!doctype html><html><body>" + SCRIPT
PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n"


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), colour: str = "red", mode: str = "RGB") -> bytes:
    """Return a picture, one half of which is white, so that it shows which side is up."""
    made = Image.new(mode, size, colour)
    made.paste(Image.new(mode, (size[0], size[1] // 2), "white"), (0, 0))
    buffer = io.BytesIO()
    made.save(buffer, kind)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    """Return what is in a file."""
    made = Image.open(io.BytesIO(data))
    made.load()
    return made


def taken_sideways(size: tuple[int, int] = (40, 30)) -> bytes:
    """Return a JPEG as a camera makes it that is held sideways: to be turned, and with the place where it was."""
    made = opened(picture("PNG", size))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right to stand upright
    exif[0x010E] = PLACE.decode()
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 0.0)
    buffer = io.BytesIO()
    made.save(buffer, "JPEG", exif=exif, comment=PLACE)
    return buffer.getvalue()


def talking() -> bytes:
    """Return a PNG that says more than it shows."""
    said = PngImagePlugin.PngInfo()
    said.add_text("Comment", PLACE.decode() + SCRIPT.decode())
    buffer = io.BytesIO()
    opened(picture()).save(buffer, "PNG", pnginfo=said)
    return buffer.getvalue()


def moving() -> bytes:
    """Return a GIF of three frames, the first of them red."""
    frames = [opened(picture(colour=colour)) for colour in ("red", "green", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], comment=PLACE)
    return buffer.getvalue()


def bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """Return a small PNG that says that it has very many pixels, and has."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer, row = zlib.compressobj(9), bytes(1 + width // 8)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
