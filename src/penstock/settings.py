"""Every setting, read from the environment once and checked at the start. Nothing else reads the environment."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from penstock.actor import Kind
from penstock.errors import InvalidInput


class SettingsInvalid(InvalidInput):
    """A setting cannot be used."""

    code = "settings_invalid"


LogFormat = Literal["text", "json"]
"""Log lines for people, or one JSON object a line for collectors."""

TakeOver = Literal["auto", "restart", "interrupt"]
"""What becomes of an answer whose worker died: `auto` goes on from its text where the model can and begins again where
it cannot, `restart` always begins again, `interrupt` ends it and leaves Continue to the person."""

OpenAIApi = Literal["auto", "chat", "responses", "background"]
"""How OpenAI, or the server at its address, is asked: chat completions, responses, or responses that go on without us
and can be taken up after a crash (OpenAI stores those for a while). `auto`: the last at OpenAI itself, else the first.
"""

SandboxName = Literal["auto", "bwrap", "e2b", "off"]
"""What runs generated code: bubblewrap, machines of E2B, or nothing. `auto`: bubblewrap where it is sound here, else
E2B where there is a key for it; code goes to nobody else without one."""

Degraded = Literal["auto", "on", "off"]
"""Whether a sandbox will do whose memory is only watched: `auto` if this machine alone can reach the server."""


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


def _count(low: int, high: int) -> Callable[[str], int]:
    """Return what reads a whole number within bounds."""

    def read(value: str) -> int:
        if not low <= _number(value) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(value)

    return read


def _share(value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = -1
    if not 0.1 <= share <= 64:  # also refuses NaN
        raise ValueError("must be a number of processors from 0.1 to 64, for example 1 or 0.5")
    return share


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


def _bucket(value: str) -> str | None:
    if value and not (_is_address(value, "s3") and urlsplit(value).hostname):
        raise ValueError("must be the address of a bucket such as s3://attachments; unset: they are in the data folder")
    return value.rstrip("/") or None


def _secret(value: str) -> str | None:
    if value and len(value) < 32:
        raise ValueError("must have at least 32 characters; `openssl rand -hex 32` makes a good one")
    return value or None


def _site_url(value: str) -> str | None:
    is_whole = _is_address(value, "http", "https") and urlsplit(value).hostname
    if value and not (is_whole and re.fullmatch(r"[^/]+//[^/?#@]+/?", value)):
        raise ValueError("must be an http or https address without a path, such as https://chat.example.org")
    return value.rstrip("/") or None


def _issuer(value: str) -> str | None:
    parts = urlsplit(value)
    is_here = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if value and not (_is_address(value, "https") or (is_here and _is_address(value, "http"))):
        raise ValueError("must be an https address, exactly as the issuer spells it")
    return value or None


def _is_on(value: str) -> bool:
    if value not in {"on", "off"}:
        raise ValueError("must be on or off")
    return value == "on"


_HOST_NAME = re.compile(r"\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|[0-9a-f]*:[0-9a-f]*:[0-9a-f:]*")


def _hosts(value: str) -> tuple[str, ...]:
    hosts = tuple(host.strip().strip("[]").lower() for host in value.split(",") if host.strip())
    if not all(_HOST_NAME.fullmatch(host) for host in hosts):
        raise ValueError("must be host names without ports, for example chat.example.org, *.example.net")
    return hosts


def _days(value: str) -> float:
    try:
        days = float(value)
    except ValueError:
        days = -1
    if not 0 < days <= 3650:  # also refuses NaN
        raise ValueError("must be a number of days above 0 and at most 3650, for example 14 or 0.5")
    return days


def _file(value: str) -> Path | None:
    if value and not Path(value).is_file():
        raise ValueError("must be a file that is there")
    return Path(value) if value else None


def _take_over(value: str) -> str:
    if value not in get_args(TakeOver):
        raise ValueError("must be auto, restart or interrupt")
    return value


def _log_format(value: str) -> str:
    if value not in get_args(LogFormat):
        raise ValueError("must be text or json")
    return value


_DAILY = "regular=50,guest=5,anonymous=3,owner=off"


Daily = tuple[tuple[Kind, int | None], ...]
"""Messages a day by kind of visitor; None is without end."""


def _daily(value: str) -> Daily:
    """Read messages a day by kind of visitor; kinds that are not named keep their default."""
    found: dict[Kind, int | None] = dict.fromkeys(get_args(Kind))
    if value == "off":
        return tuple(found.items())
    for pair in f"{_DAILY},{value}".rstrip(",").split(","):
        kind, _, number = (part.strip() for part in pair.partition("="))
        if kind not in found or (number != "off" and _number(number) < 0):
            raise ValueError(f"must be off or numbers of messages a day such as {_DAILY}")
        found[kind] = None if number == "off" else int(number)
    return tuple(found.items())


def _rate(value: str) -> tuple[int, int] | None:
    """Read a number of requests within a number of seconds."""
    if value == "off":
        return None
    count, _, seconds = value.partition("/")
    if not (1 <= _number(count) <= 10_000 and 1 <= _number(seconds) <= 86400):
        raise ValueError("must be off or so many requests in so many seconds, for example 5/60")
    return int(count), int(seconds)


def _proxies(value: str) -> int:
    if not 0 <= _number(value) <= 100:
        raise ValueError("must be the number of proxies before this server, from 0 to 100")
    return int(value)


def _aside_model(value: str) -> str:
    if value not in {"off", "same"} and not re.fullmatch(r"[^/\s]+/\S+", value):
        raise ValueError("must be off, same, or the id of a model or route such as openai/gpt-4.1-mini")
    return value


def _speech_model(value: str) -> str:
    if value not in {"off", "auto"} and not re.fullmatch(r"[^/\s]+/\S+", value):
        raise ValueError("must be auto, off, or the id of a model such as openai/whisper-1")
    return value


def _sandbox(value: str) -> str:
    if value not in get_args(SandboxName):
        raise ValueError("must be auto, bwrap, e2b or off")
    return value


def _degraded(value: str) -> str:
    if value not in get_args(Degraded):
        raise ValueError("must be auto, on or off")
    return value


def _own_folder(value: str) -> Path | None:
    return _folder(value) if value else None


def _domain(value: str) -> str:
    name = value.lower()
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", name):
        raise ValueError("must be a host name below which previews get names of their own, such as example-preview.net")
    return name


def _openai_api(value: str) -> str:
    if value not in get_args(OpenAIApi):
        raise ValueError("must be auto, chat, responses or background")
    return value


def _keys(value: str) -> tuple[str, ...]:
    """Read keys, one a line: there may be several of one account, or of several accounts."""
    return tuple(filter(None, (line.strip() for line in value.splitlines())))


def _setting(name: str, default: str, read: Callable[[str], Any], about: str, *, numbered: bool = False) -> Any:
    """A field that is read from the environment variable `name`; `about` is its line in `penstock serve --help`.

    Where it is numbered, `name_1`, `name_2` and so on are read as well, as further lines.
    """
    metadata = {"name": name, "read": read, "about": about, "numbered": numbered}
    return field(default=read(default), metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an operator can choose. Each field names its environment variable, and says what it is for."""

    data_dir: Path = _setting("PENSTOCK_DATA_DIR", "data", _folder, "folder of the database and the key file")
    database_url: str = _setting("PENSTOCK_DATABASE_URL", "", _database_url, "Postgres address; unset: SQLite")
    redis_url: str | None = _setting("PENSTOCK_REDIS_URL", "", _redis_url, "Redis address for limits and wake-ups")
    host: str = _setting("PENSTOCK_HOST", "127.0.0.1", _host, "address to listen on")
    port: int = _setting("PENSTOCK_PORT", "8000", _port, "port to listen on")
    secret_key: str | None = _setting("PENSTOCK_SECRET_KEY", "", _secret, "signs cookies, seals keys; unset: a file")
    old_secret_key: str | None = _setting(
        "PENSTOCK_OLD_SECRET_KEY", "", _secret, "the one before it, until `penstock keys rotate` is done"
    )
    max_message_chars: int = _setting("PENSTOCK_MAX_MESSAGE_CHARS", "10000", _positive, "longest message")
    max_body_bytes: int = _setting("PENSTOCK_MAX_BODY_BYTES", "8388608", _positive, "largest request body")
    max_import_bytes: int = _setting("PENSTOCK_MAX_IMPORT_BYTES", "1073741824", _positive, "largest file to bring in")
    attachments_url: str | None = _setting(
        "PENSTOCK_ATTACHMENTS_URL", "", _bucket, "bucket for attachments, s3://name; needs penstock[s3]"
    )
    s3_endpoint: str | None = _setting("AWS_ENDPOINT_URL", "", _http_url, "where that bucket is, if not at Amazon")
    s3_region: str = _setting("AWS_REGION", "us-east-1", str, "its region")
    s3_key_id: str | None = _setting("AWS_ACCESS_KEY_ID", "", _optional, "who may use it; unset: by the machine's role")
    s3_key: str | None = _setting("AWS_SECRET_ACCESS_KEY", "", _optional, "and by which key")
    max_attachments: int = _setting("PENSTOCK_MAX_ATTACHMENTS", "10", _count(1, 100), "attachments of a message")
    max_attachment_bytes: int = _setting(
        "PENSTOCK_MAX_ATTACHMENT_BYTES", "10485760", _count(1024, 104_857_600), "largest picture to attach"
    )
    max_attachment_pixels: int = _setting(
        "PENSTOCK_MAX_ATTACHMENT_PIXELS", "50000000", _count(1024, 200_000_000), "pixels of a picture to attach"
    )
    max_attached_text_bytes: int = _setting(
        "PENSTOCK_MAX_ATTACHED_TEXT_BYTES", "1048576", _count(1024, 10_485_760), "largest text to attach"
    )
    max_unsent_bytes: int = _setting(
        "PENSTOCK_MAX_UNSENT_BYTES", "67108864", _count(1024, 10_737_418_240), "attached and not sent, by one visitor"
    )
    unsent_days: float = _setting("PENSTOCK_UNSENT_DAYS", "1", _days, "until what was never sent is deleted")
    private_hosts: tuple[str, ...] = _setting(
        "PENSTOCK_PRIVATE_HOSTS", "", _hosts, "hosts at private addresses that attachments may be fetched from"
    )
    long_poll_seconds: float = _setting("PENSTOCK_LONG_POLL_SECONDS", "20", _seconds, "longest wait of a long-poll")
    heartbeat_seconds: float = _setting("PENSTOCK_HEARTBEAT_SECONDS", "15", _seconds, "between comments on a stream")
    recycle_seconds: float = _setting(
        "PENSTOCK_RECYCLE_SECONDS", "60", _seconds, "until a reader over SSE at /v1/stream is asked to come again"
    )
    stall_seconds: float = _setting(
        "PENSTOCK_STALL_SECONDS", "30", _seconds, "until a reader that takes nothing is cut"
    )
    lease_seconds: float = _setting(
        "PENSTOCK_LEASE_SECONDS", "8", _seconds, "until a silent worker's run is taken over"
    )
    retention_days: int = _setting(
        "PENSTOCK_RETENTION_DAYS", "30", _positive, "days that the log of an answer is kept after its end"
    )
    sweep_seconds: float = _setting("PENSTOCK_SWEEP_SECONDS", "60", _seconds, "between looks for what can be deleted")
    take_over: TakeOver = _setting("PENSTOCK_TAKE_OVER", "auto", _take_over, "auto, restart or interrupt")
    log_format: LogFormat = _setting("PENSTOCK_LOG_FORMAT", "text", _log_format, "text or json")
    log_requests: bool = _setting("PENSTOCK_LOG_REQUESTS", "off", _is_on, "on: a log line for each request")
    sentry_dsn: str | None = _setting("SENTRY_DSN", "", _http_url, "send errors to Sentry; needs penstock[sentry]")
    otlp_endpoint: str | None = _setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT", "", _http_url, "send traces to OpenTelemetry; needs penstock[otel]"
    )
    daily_messages: Daily = _setting(
        "PENSTOCK_DAILY_MESSAGES", _DAILY, _daily, "messages a day by kind of visitor; off: no limit"
    )
    rate_chat: tuple[int, int] | None = _setting("PENSTOCK_RATE_CHAT", "5/60", _rate, "asking: requests/seconds or off")
    rate_chats: tuple[int, int] | None = _setting("PENSTOCK_RATE_CHATS", "10/60", _rate, "beginning chats; as above")
    rate_messages: tuple[int, int] | None = _setting(
        "PENSTOCK_RATE_MESSAGES", "10/60", _rate, "storing messages; as above"
    )
    rate_sign_in: tuple[int, int] | None = _setting("PENSTOCK_RATE_SIGN_IN", "5/60", _rate, "signing in; as above")
    trusted_proxies: int = _setting("PENSTOCK_TRUSTED_PROXIES", "0", _proxies, "proxies before this server")
    connect_timeout: float = _setting("PENSTOCK_CONNECT_TIMEOUT", "10", _seconds, "to connect to a provider")
    first_token_timeout: float = _setting("PENSTOCK_FIRST_TOKEN_TIMEOUT", "60", _seconds, "to the first token")
    token_timeout: float = _setting("PENSTOCK_TOKEN_TIMEOUT", "60", _seconds, "between two tokens")
    total_timeout: float = _setting("PENSTOCK_TOTAL_TIMEOUT", "900", _seconds, "for a whole answer")
    public_url: str | None = _setting("PENSTOCK_PUBLIC_URL", "", _site_url, "address behind a proxy: https://...")
    allowed_hosts: tuple[str, ...] = _setting("PENSTOCK_ALLOWED_HOSTS", "", _hosts, "other names of this server")
    local_owner: bool = _setting("PENSTOCK_LOCAL_OWNER", "on", _is_on, "this machine's visitor owns a new server")
    sign_up: bool = _setting("PENSTOCK_SIGN_UP", "on", _is_on, "whether visitors can make accounts")
    guests: bool = _setting("PENSTOCK_GUESTS", "on", _is_on, "whether visitors can become guests")
    session_days: float = _setting("PENSTOCK_SESSION_DAYS", "90", _days, "until a session ends")
    session_idle_days: float = _setting("PENSTOCK_SESSION_IDLE_DAYS", "14", _days, "until an unused session ends")
    oidc_issuer: str | None = _setting("PENSTOCK_OIDC_ISSUER", "", _issuer, "OpenID Connect provider to sign in with")
    oidc_client_id: str | None = _setting("PENSTOCK_OIDC_CLIENT_ID", "", _optional, "what it knows this server by")
    oidc_client_secret: str | None = _setting("PENSTOCK_OIDC_CLIENT_SECRET", "", _optional, "what it shares with it")
    oidc_name: str = _setting("PENSTOCK_OIDC_NAME", "single sign-on", str, "what people call it")
    breached_passwords: Path | None = _setting(
        "PENSTOCK_BREACHED_PASSWORDS", "", _file, "file of SHA-1 hashes of stolen passwords, in order"
    )
    routes: Path | None = _setting("PENSTOCK_ROUTES", "", _file, "file of routes: models to be asked one after another")
    title_model: str = _setting(
        "PENSTOCK_TITLE_MODEL", "same", _aside_model, "who finds titles: a model, `same` as the answer's, or off"
    )
    summary_model: str = _setting(
        "PENSTOCK_SUMMARY_MODEL", "same", _aside_model, "who summarises what does not fit any more; as above"
    )
    transcription_model: str = _setting(
        "PENSTOCK_TRANSCRIPTION_MODEL", "auto", _speech_model, "who writes recordings down: auto, a model, or off"
    )
    openai_api_keys: tuple[str, ...] = _setting(
        "OPENAI_API_KEY", "", _keys, "key of OpenAI or a compatible server", numbered=True
    )
    sandbox: SandboxName = _setting(
        "PENSTOCK_SANDBOX", "auto", _sandbox, "what runs generated code: auto, bwrap, e2b, off"
    )
    sandbox_dir: Path | None = _setting(
        "PENSTOCK_SANDBOX_DIR", "", _own_folder, "folder of its packages; unset: in the data folder, as root /var/cache"
    )
    sandbox_user: int = _setting(
        "PENSTOCK_SANDBOX_USER", "60900", _count(1000, 2_000_000_000), "number of the user it runs as, under root"
    )
    sandbox_degraded: Degraded = _setting(
        "PENSTOCK_SANDBOX_DEGRADED", "auto", _degraded, "whether memory may be watched only: auto, on, off"
    )
    sandbox_memory_mb: int = _setting("PENSTOCK_SANDBOX_MEMORY_MB", "512", _count(64, 65536), "memory of a sandbox")
    sandbox_cpus: float = _setting("PENSTOCK_SANDBOX_CPUS", "1", _share, "processors of a sandbox")
    sandbox_processes: int = _setting(
        "PENSTOCK_SANDBOX_PROCESSES", "64", _count(16, 4096), "processes and threads of a sandbox"
    )
    sandbox_file_mb: int = _setting("PENSTOCK_SANDBOX_FILE_MB", "64", _count(1, 4096), "its largest file")
    sandbox_disk_mb: int = _setting("PENSTOCK_SANDBOX_DISK_MB", "64", _count(1, 4096), "its files, which are in memory")
    sandbox_seconds: float = _setting("PENSTOCK_SANDBOX_SECONDS", "60", _seconds, "time of one command in a sandbox")
    sandbox_boot_seconds: float = _setting(
        "PENSTOCK_SANDBOX_BOOT_SECONDS", "20", _seconds, "until an app that does not listen is given up"
    )
    sandbox_output_bytes: int = _setting(
        "PENSTOCK_SANDBOX_OUTPUT_BYTES", "1048576", _count(1024, 67_108_864), "what one command may say"
    )
    sandbox_index_hosts: tuple[str, ...] = _setting(
        "PENSTOCK_SANDBOX_INDEX_HOSTS", "", _hosts, "hosts of package indexes that dependencies are fetched from"
    )
    sandbox_layer_mb: int = _setting(
        "PENSTOCK_SANDBOX_LAYER_MB", "5000", _count(100, 1_000_000), "disk for dependencies besides those of the base"
    )
    sandbox_layer_days: float = _setting(
        "PENSTOCK_SANDBOX_LAYER_DAYS", "7", _days, "until dependencies that nobody uses are removed"
    )
    sandbox_package_days: float = _setting(
        "PENSTOCK_SANDBOX_PACKAGE_DAYS", "7", _days, "that a dependency has to have been published for"
    )
    sandbox_install_seconds: float = _setting(
        "PENSTOCK_SANDBOX_INSTALL_SECONDS", "180", _seconds, "time of an installation of dependencies"
    )
    sandbox_install_mb: int = _setting(
        "PENSTOCK_SANDBOX_INSTALL_MB", "300", _count(1, 100_000), "that one may download"
    )
    sandbox_install_memory_mb: int = _setting(
        "PENSTOCK_SANDBOX_INSTALL_MEMORY_MB", "1024", _count(64, 65536), "its memory"
    )
    sandbox_install_cpus: float = _setting("PENSTOCK_SANDBOX_INSTALL_CPUS", "2", _share, "its processors")
    sandbox_install_processes: int = _setting(
        "PENSTOCK_SANDBOX_INSTALL_PROCESSES", "128", _count(16, 4096), "its processes and threads"
    )
    sandbox_install_file_mb: int = _setting(
        "PENSTOCK_SANDBOX_INSTALL_FILE_MB", "256", _count(1, 4096), "its largest file"
    )
    e2b_api_key: str | None = _setting("E2B_API_KEY", "", _optional, "key of E2B, which runs generated code elsewhere")
    e2b_domain: str | None = _setting("E2B_DOMAIN", "", _optional, "of an E2B of one's own")
    e2b_template: str = _setting("PENSTOCK_E2B_TEMPLATE", "base", str, "image of E2B with Python, pip, Node and npm")
    peer_url: str | None = _setting(
        "PENSTOCK_PEER_URL", "", _http_url, "where other serving processes reach this one; unset: by host and port"
    )
    preview_domain: str = _setting(
        "PENSTOCK_PREVIEW_DOMAIN", "localhost", _domain, "previews are served below it, one name each"
    )
    preview_idle_seconds: float = _setting(
        "PENSTOCK_PREVIEW_IDLE_SECONDS", "900", _seconds, "until an unused preview is stopped"
    )
    preview_seconds: float = _setting("PENSTOCK_PREVIEW_SECONDS", "3600", _seconds, "until any preview is stopped")
    preview_answer_seconds: float = _setting(
        "PENSTOCK_PREVIEW_ANSWER_SECONDS", "30", _seconds, "that a preview may take for an answer"
    )
    preview_link_seconds: float = _setting(
        "PENSTOCK_PREVIEW_LINK_SECONDS", "300", _seconds, "that a link to a preview is good for"
    )
    preview_connections: int = _setting(
        "PENSTOCK_PREVIEW_CONNECTIONS", "32", _count(1, 60), "connections to one preview at once"
    )
    preview_bytes: int = _setting(
        "PENSTOCK_PREVIEW_BYTES", "10000000", _count(1024, 1_000_000_000), "largest body to and from a preview"
    )
    previews_per_user: int = _setting("PENSTOCK_PREVIEWS_PER_USER", "2", _count(1, 1000), "previews of one visitor")
    previews: int = _setting("PENSTOCK_PREVIEWS", "4", _count(1, 1000), "previews at once")
    openai_base_url: str | None = _setting("OPENAI_BASE_URL", "", _http_url, "address of a compatible server")
    openai_api: OpenAIApi = _setting("PENSTOCK_OPENAI_API", "auto", _openai_api, "auto, chat, responses, background")
    anthropic_api_keys: tuple[str, ...] = _setting("ANTHROPIC_API_KEY", "", _keys, "key of Anthropic", numbered=True)
    anthropic_base_url: str | None = _setting("ANTHROPIC_BASE_URL", "", _http_url, "another address of it")
    gemini_api_keys: tuple[str, ...] = _setting("GEMINI_API_KEY", "", _keys, "key of Google's Gemini", numbered=True)
    gemini_base_url: str | None = _setting("GEMINI_BASE_URL", "", _http_url, "another address of it")
    mistral_api_keys: tuple[str, ...] = _setting("MISTRAL_API_KEY", "", _keys, "key of Mistral", numbered=True)
    mistral_base_url: str | None = _setting("MISTRAL_BASE_URL", "", _http_url, "another address of it")
    nvidia_api_keys: tuple[str, ...] = _setting("NVIDIA_API_KEY", "", _keys, "key of NVIDIA", numbered=True)
    nvidia_base_url: str | None = _setting("NVIDIA_BASE_URL", "", _http_url, "another address of it")
    openrouter_api_keys: tuple[str, ...] = _setting("OPENROUTER_API_KEY", "", _keys, "key of OpenRouter", numbered=True)
    openrouter_base_url: str | None = _setting("OPENROUTER_BASE_URL", "", _http_url, "another address of it")
    v0_api_keys: tuple[str, ...] = _setting("V0_API_KEY", "", _keys, "key of v0", numbered=True)
    v0_api_url: str | None = _setting("V0_API_URL", "", _http_url, "another address of it")
    ollama_base_url: str | None = _setting("OLLAMA_BASE_URL", "", _http_url, "address of Ollama, if not the usual")
    lmstudio_base_url: str | None = _setting("LMSTUDIO_BASE_URL", "", _http_url, "address of LM Studio, likewise")
    vllm_base_url: str | None = _setting("VLLM_BASE_URL", "", _http_url, "address of vLLM; unset: there is none")

    @property
    def is_scaled(self) -> bool:
        """Whether many processes over Postgres share the work; else one process over SQLite does it all."""
        return bool(self.database_url)

    @property
    def is_private(self) -> bool:
        """Whether only this machine can reach the server, as far as can be seen from here."""
        return self.host in {"127.0.0.1", "::1", "localhost"} and self.public_url is None

    @property
    def sqlite_path(self) -> Path:
        """The database file of the embedded shape."""
        return self.data_dir / "penstock.db"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown anywhere."""
        addresses = (self.database_url, self.redis_url or "")
        passwords = (password for each in addresses if (password := urlsplit(each).password))
        keys = (
            *self.openai_api_keys,
            *self.anthropic_api_keys,
            *self.gemini_api_keys,
            *self.mistral_api_keys,
            *self.nvidia_api_keys,
            *self.openrouter_api_keys,
            *self.v0_api_keys,
        )
        given = (
            self.secret_key,
            self.old_secret_key,
            self.sentry_dsn,
            self.oidc_client_secret,
            self.e2b_api_key,
            self.s3_key,
            *keys,
        )
        return (*passwords, *(each for each in given if each))

    def __repr__(self) -> str:
        """Show no value: some are secrets."""
        return "Settings(...)"


def _value(source: Mapping[str, str], name: str, *, numbered: bool) -> str | None:
    """Return what the environment says, or None where it says nothing."""
    if not numbered:
        return source.get(name)
    others = [int(found[1]) for each in source if (found := re.fullmatch(rf"{name}_([0-9]{{1,3}})", each))]
    names = [name, *(f"{name}_{number}" for number in sorted(others))]
    values = [source[each] for each in names if each in source]
    return "\n".join(values) if values else None


def read_settings(environment: Mapping[str, str] | None = None, **overrides: str | None) -> Settings:
    """Build the settings from the environment, with overrides by field name (from the command line) on top.

    Raises SettingsInvalid with one sentence that names the variable and says how to mend it.
    """
    source = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for each in fields(Settings):
        name, read = each.metadata["name"], each.metadata["read"]
        override = overrides.get(each.name)
        text = _value(source, name, numbered=each.metadata["numbered"]) if override is None else override
        if text is None:
            continue
        try:
            values[each.name] = read(text.strip())
        except ValueError as error:
            label = name if override is None else f"--{each.name.replace('_', '-')}"
            raise SettingsInvalid(f"{label} {error}.") from None
    settings = Settings(**values)
    if settings.oidc_issuer and not settings.oidc_client_id:
        raise SettingsInvalid("PENSTOCK_OIDC_CLIENT_ID must be set where PENSTOCK_OIDC_ISSUER is.")
    return settings
