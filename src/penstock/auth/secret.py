"""The key that signs cookies: given, or made once and kept in the data directory."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from penstock.errors import InvalidInput

FILE_NAME = "secret.key"
_SHORTEST = 32


class SecretInvalid(InvalidInput):
    """The key file holds no key."""

    code = "secret_invalid"


def load_or_make(folder: Path) -> str:
    """Return the key of this folder; it is made when there is none, readable by the owner alone.

    Raises SecretInvalid for a file without a key: under an empty one anybody could sign cookies.
    """
    path = folder / FILE_NAME
    if not path.exists():
        keep(path, secrets.token_hex(32))
    key = path.read_text().strip()
    if len(key) < _SHORTEST:
        raise SecretInvalid(
            f"{path} must hold a key of at least {_SHORTEST} characters: bring it back from a backup, or delete it to"
            " have a new one made, with which all cookies end."
        )
    return key


def keep(path: Path, key: str) -> None:
    """Write the file whole and then give it its name: of two processes that start together both see one whole key."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=FILE_NAME)  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(key)
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):  # another process was faster
            os.link(name, path)
    finally:
        Path(name).unlink()
