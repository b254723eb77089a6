"""A version as a ZIP archive: equal versions are equal archives, to the byte. Pure."""

import io
import zipfile

from penstock.sandbox.base import Files

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date that the format knows: what is in an archive does not tell when it was made."""
_UNIX = 3


def is_executable(content: bytes) -> bool:
    """Say whether a file is a script that names what runs it."""
    return content.startswith(b"#!")


def make_zip(files: Files) -> bytes:
    """Return the archive, names in order."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = _UNIX
            entry.external_attr = (0o100755 if is_executable(files[path]) else 0o100644) << 16
            archive.writestr(entry, files[path])
    return written.getvalue()
