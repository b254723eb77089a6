"""The key that signs cookies: given, or made once and kept in the data directory."""

import os
import secrets
from pathlib import Path

FILE_NAME = "secret.key"


def load_or_make(folder: Path) -> str:
    """Return the key of this folder; it is made when there is none, readable by the owner alone."""
    path = folder / FILE_NAME
    try:
        # Exclusive: of two processes that start together one makes the key and the other reads it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
    return path.read_text()
