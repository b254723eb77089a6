"""Every setting, read from the environment once and checked at the start. Nothing else reads the environment."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from penstock.errors import InvalidInput


class SettingsInvalid(InvalidInput):
    """A setting cannot be used."""

    code = "settings_invalid"


TakeOver = Literal["auto", "restart", "interrupt"]
"""What becomes of an answer whose worker died: `auto` goes on from its text where the model can and begins again where
it cannot, `restart` always begins again, `interrupt` ends it and leaves Continue to the person."""


def _host(value: str) -> str:
    if not value:
        raise ValueError("must be an address to listen on, for example 127.0.0.1")
    return value


def _optional(value: str) -> str | None:
    return value or None


def _folder(value: str) -> Path:
    try:
        folder = Path(value).expanduser()
    except RuntimeError:  # there is no such user
        folder = Path()
    if folder == Path():
        raise ValueError("must be a folder, for example data or /var/lib/penstock")
    return folder


def _number(value: str) -> int:
    """Return a whole number, or -1 for anything else; no figure here has more than 18 digits."""
    return int(value) if value.isdecimal() and len(value) <= 18 else -1


def _port(value: str) -> int:
    if not 0 <= _number(value) <= 65535:
        raise ValueError("must be a port number from 0 to 65535, for example 8000")
    return int(value)


def _positive(value: str) -> int:
    if _number(value) < 1:
        raise ValueError("must be a whole number from 1 on")
    return int(value)


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1
    if not 0 < seconds <= 86400:  # also refuses NaN
        raise ValueError("must be a number of seconds above 0 and at most 86400, for example 20 or 0.5")
    return seconds


def _is_address(value: str, *schemes: str) -> bool:
    """Say whether the value is a URL of one of the schemes whose parts can be read."""
    try:
        parts = urlsplit(value)
        _ = parts.port  # read only when asked for
    except ValueError:
        return False
    return parts.scheme in schemes


def _database_url(value: str) -> str:
    if value and not _is_address(value, "postgresql", "postgres"):
        raise ValueError(
            "must be a Postgres address such as postgresql://user:password@host/name;"
            " leave it unset to use SQLite in the data directory"
        )
    return value


def _redis_url(value: str) -> str | None:
    if value and not _is_address(value, "redis", "rediss", "unix"):
        raise ValueError("must be a Redis address such as redis://host:6379/0; leave it unset to do without Redis")
    return value or None


def _http_url(value: str) -> str | None:
    if value and not (_is_address(value, "http", "https") and urlsplit(value).hostname):
        raise ValueError("must be an http or https address such as https://host/v1")
    return value.rstrip("/") or None


def _secret(value: str) -> str | None:
    if value and len(value) < 32:
        raise ValueError("must have at least 32 characters; `openssl rand -hex 32` makes a good one")
    return value or None


def _take_over(value: str) -> str:
    if value not in get_args(TakeOver):
        raise ValueError("must be auto, restart or interrupt")
    return value


def _setting(name: str, default: str, read: Callable[[str], Any], about: str) -> Any:
    """A field that is read from the environment variable `name`; `about` is its line in `penstock serve --help`."""
    return field(default=read(default), metadata={"name": name, "read": read, "about": about})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an operator can choose. Each field names its environment variable, and says what it is for."""

    data_dir: Path = _setting("PENSTOCK_DATA_DIR", "data", _folder, "folder of the database and the key file")
    database_url: str = _setting("PENSTOCK_DATABASE_URL", "", _database_url, "Postgres address; unset: SQLite")
    redis_url: str | None = _setting("PENSTOCK_REDIS_URL", "", _redis_url, "Redis address for limits and wake-ups")
    host: str = _setting("PENSTOCK_HOST", "127.0.0.1", _host, "address to listen on")
    port: int = _setting("PENSTOCK_PORT", "8000", _port, "port to listen on")
    secret_key: str | None = _setting("PENSTOCK_SECRET_KEY", "", _secret, "signs cookies; unset: a key file is made")
    max_message_chars: int = _setting("PENSTOCK_MAX_MESSAGE_CHARS", "10000", _positive, "longest message")
    max_body_bytes: int = _setting("PENSTOCK_MAX_BODY_BYTES", "8388608", _positive, "largest request body")
    long_poll_seconds: float = _setting("PENSTOCK_LONG_POLL_SECONDS", "20", _seconds, "longest wait of a long-poll")
    heartbeat_seconds: float = _setting("PENSTOCK_HEARTBEAT_SECONDS", "15", _seconds, "between comments on a stream")
    stall_seconds: float = _setting(
        "PENSTOCK_STALL_SECONDS", "30", _seconds, "until a reader that takes nothing is cut"
    )
    lease_seconds: float = _setting(
        "PENSTOCK_LEASE_SECONDS", "8", _seconds, "until a silent worker's run is taken over"
    )
    take_over: TakeOver = _setting("PENSTOCK_TAKE_OVER", "auto", _take_over, "auto, restart or interrupt")
    connect_timeout: float = _setting("PENSTOCK_CONNECT_TIMEOUT", "10", _seconds, "to connect to a provider")
    first_token_timeout: float = _setting("PENSTOCK_FIRST_TOKEN_TIMEOUT", "60", _seconds, "to the first token")
    token_timeout: float = _setting("PENSTOCK_TOKEN_TIMEOUT", "60", _seconds, "between two tokens")
    total_timeout: float = _setting("PENSTOCK_TOTAL_TIMEOUT", "900", _seconds, "for a whole answer")
    openai_api_key: str | None = _setting("OPENAI_API_KEY", "", _optional, "key of OpenAI or a compatible server")
    openai_base_url: str | None = _setting("OPENAI_BASE_URL", "", _http_url, "address of a compatible server")
    ollama_base_url: str | None = _setting("OLLAMA_BASE_URL", "", _http_url, "address of Ollama, if not the usual")

    @property
    def is_scaled(self) -> bool:
        """Whether many processes over Postgres share the work; else one process over SQLite does it all."""
        return bool(self.database_url)

    @property
    def sqlite_path(self) -> Path:
        """The database file of the embedded shape."""
        return self.data_dir / "penstock.db"

    def __repr__(self) -> str:
        """Show no value: some are secrets."""
        return "Settings(...)"


def read_settings(environment: Mapping[str, str] | None = None, **overrides: str | None) -> Settings:
    """Build the settings from the environment, with overrides by field name (from the command line) on top.

    Raises SettingsInvalid with one sentence that names the variable and says how to mend it.
    """
    source = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for each in fields(Settings):
        name, read = each.metadata["name"], each.metadata["read"]
        override = overrides.get(each.name)
        text = source.get(name) if override is None else override
        if text is None:
            continue
        try:
            values[each.name] = read(text.strip())
        except ValueError as error:
            label = name if override is None else f"--{each.name.replace('_', '-')}"
            raise SettingsInvalid(f"{label} {error}.") from None
    return Settings(**values)
