"""What every store can hold."""


def is_storable(text: str) -> bool:
    """Say whether databases take the text: Postgres refuses NUL, and half of a surrogate pair is no character."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
