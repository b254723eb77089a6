"""Settings: read once, checked at the start, each refusal a sentence that names the variable and the mend (D8, G2)."""

from dataclasses import fields
from pathlib import Path

import pytest

from penstock.providers.vendors import VENDORS
from penstock.settings import Settings, SettingsInvalid, read_settings

KINDS = ("owner", "regular", "guest", "anonymous")
VARIABLES = {each.name: each.metadata["name"] for each in fields(Settings)}


def refusal(variable: str, value: str) -> str:
    with pytest.raises(SettingsInvalid) as raised:
        read_settings({variable: value})
    return raised.value.message


def test_without_any_variable_one_process_serves_sqlite_on_loopback() -> None:
    """G1."""
    settings = read_settings({})
    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.sqlite_path == Path("data/penstock.db")
    assert not settings.is_scaled
    assert settings.redis_url is None
    assert settings.secret_key is None
    assert (settings.lease_seconds, settings.heartbeat_seconds, settings.long_poll_seconds) == (8, 15, 20)


def test_every_setting_has_a_variable_of_its_own_and_says_what_it_is_for() -> None:
    """G2."""
    assert len(set(VARIABLES.values())) == len(VARIABLES)
    for each in fields(Settings):
        assert each.metadata["about"]


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("PENSTOCK_DATA_DIR", "/srv/penstock", "data_dir", Path("/srv/penstock")),
        ("PENSTOCK_DATABASE_URL", "postgresql://a:b@h/n", "database_url", "postgresql://a:b@h/n"),
        ("PENSTOCK_DATABASE_URL", "postgres://h/n", "database_url", "postgres://h/n"),
        ("PENSTOCK_REDIS_URL", "rediss://h:6379/1", "redis_url", "rediss://h:6379/1"),
        ("PENSTOCK_REDIS_URL", "", "redis_url", None),
        ("PENSTOCK_HOST", "::", "host", "::"),
        ("PENSTOCK_PORT", " 65535\n", "port", 65535),
        ("PENSTOCK_PORT", "0", "port", 0),
        ("PENSTOCK_SECRET_KEY", "k" * 32, "secret_key", "k" * 32),
        ("PENSTOCK_SECRET_KEY", "", "secret_key", None),
        ("PENSTOCK_MAX_MESSAGE_CHARS", "1", "max_message_chars", 1),
        ("PENSTOCK_MAX_BODY_BYTES", "1024", "max_body_bytes", 1024),
        ("PENSTOCK_LONG_POLL_SECONDS", "0.5", "long_poll_seconds", 0.5),
        ("PENSTOCK_LEASE_SECONDS", "86400", "lease_seconds", 86400),
        ("PENSTOCK_TAKE_OVER", "interrupt", "take_over", "interrupt"),
        ("PENSTOCK_DAILY_MESSAGES", "off", "daily_messages", tuple((kind, None) for kind in KINDS)),
        (
            "PENSTOCK_DAILY_MESSAGES",
            "",
            "daily_messages",
            (("owner", None), ("regular", 50), ("guest", 5), ("anonymous", 3)),
        ),
        (
            "PENSTOCK_DAILY_MESSAGES",
            "guest=0, owner = 100,regular=off",
            "daily_messages",
            (("owner", 100), ("regular", None), ("guest", 0), ("anonymous", 3)),
        ),
        ("PENSTOCK_RATE_CHAT", "off", "rate_chat", None),
        ("PENSTOCK_RATE_SIGN_IN", "1/86400", "rate_sign_in", (1, 86400)),
        ("PENSTOCK_TRUSTED_PROXIES", "2", "trusted_proxies", 2),
        ("OPENAI_API_KEY", "", "openai_api_keys", ()),
        ("OPENAI_BASE_URL", "https://host/v1/", "openai_base_url", "https://host/v1"),
        ("PENSTOCK_OPENAI_API", "background", "openai_api", "background"),
        ("ANTHROPIC_API_KEY", "sk-ant", "anthropic_api_keys", ("sk-ant",)),
        ("V0_API_URL", "https://host/v1", "v0_api_url", "https://host/v1"),
        ("OLLAMA_BASE_URL", "http://[::1]:11434/v1", "ollama_base_url", "http://[::1]:11434/v1"),
        ("PENSTOCK_PUBLIC_URL", "https://chat.example.org/", "public_url", "https://chat.example.org"),
        ("PENSTOCK_ALLOWED_HOSTS", "A.org, *.b.org,[::1]", "allowed_hosts", ("a.org", "*.b.org", "::1")),
        ("PENSTOCK_LOCAL_OWNER", "off", "local_owner", False),
        ("PENSTOCK_SIGN_UP", "on", "sign_up", True),
        ("PENSTOCK_SESSION_DAYS", "0.5", "session_days", 0.5),
        ("PENSTOCK_OIDC_ISSUER", "", "oidc_issuer", None),
    ],
)
def test_a_variable_sets_its_field(variable: str, text: str, name: str, value: object) -> None:
    """D8."""
    assert getattr(read_settings({variable: text}), name) == value


def test_numbered_variables_are_further_keys_of_the_house() -> None:
    """C3: in the order of their numbers, after the one without; gaps end nothing."""
    environment = {"NVIDIA_API_KEY_2": "third", "NVIDIA_API_KEY": "first", "NVIDIA_API_KEY_1": "second"}
    assert read_settings(environment).nvidia_api_keys == ("first", "second", "third")


@pytest.mark.parametrize(
    ("variable", "value", "mend"),
    [
        *(("PENSTOCK_PORT", value, "8000") for value in ("", "http", "-1", "65536", "8000.0", "8 000", "9" * 5000)),
        *(
            (variable, value, "whole number from 1 on")
            for variable in ("PENSTOCK_MAX_MESSAGE_CHARS", "PENSTOCK_MAX_BODY_BYTES")
            for value in ("", "0", "-5", "1e6", "many", "9" * 5000)
        ),
        *(
            (variable, value, "20 or 0.5")
            for variable in (
                "PENSTOCK_LONG_POLL_SECONDS",
                "PENSTOCK_HEARTBEAT_SECONDS",
                "PENSTOCK_LEASE_SECONDS",
                "PENSTOCK_CONNECT_TIMEOUT",
                "PENSTOCK_FIRST_TOKEN_TIMEOUT",
                "PENSTOCK_TOKEN_TIMEOUT",
                "PENSTOCK_TOTAL_TIMEOUT",
            )
            for value in ("", "0", "-1", "nan", "inf", "86401", "20s")
        ),
        *(
            ("PENSTOCK_DATABASE_URL", value, "postgresql://user:password@host/name")
            for value in ("mysql://h/n", "sqlite:///x.db", "penstock.db", "postgresql://[::1", "postgresql://h:port/n")
        ),
        *(
            ("PENSTOCK_REDIS_URL", value, "redis://host:6379/0")
            for value in ("localhost:6379", "http://h", "redis://[::1", "redis://h:99999")
        ),
        *(
            (variable, value, "https://host/v1")
            for variable in ("OPENAI_BASE_URL", "OLLAMA_BASE_URL")
            for value in ("host/v1", "ftp://host", "http://", "https:///v1", "http://[::1/v1", "http://h:99999/v1")
        ),
        *(("PENSTOCK_SECRET_KEY", value, "openssl rand -hex 32") for value in ("short", "k" * 31)),
        *(("PENSTOCK_TAKE_OVER", value, "auto, restart or interrupt") for value in ("", "AUTO", "never")),
        *(
            ("PENSTOCK_DAILY_MESSAGES", value, "regular=50")
            for value in ("on", "5", "guests=5", "guest", "guest=", "guest=-1", "guest=5;owner=5", "guest=5,off")
        ),
        *(
            ("PENSTOCK_RATE_CHAT", value, "5/60")
            for value in ("", "5", "5/", "/60", "0/60", "5/0", "5/86401", "5/60/1", "5 per minute", "-5/60")
        ),
        *(("PENSTOCK_TRUSTED_PROXIES", value, "0 to 100") for value in ("", "-1", "101", "yes", "10.0.0.1")),
        *((f"PENSTOCK_{name}", "yes", "on or off") for name in ("LOCAL_OWNER", "SIGN_UP", "GUESTS")),
        *(
            (f"PENSTOCK_{name}", value, "14 or 0.5")
            for name in ("SESSION_DAYS", "SESSION_IDLE_DAYS")
            for value in ("0", "x")
        ),
        *(("PENSTOCK_PUBLIC_URL", value, "https://chat.example.org") for value in ("chat.example.org", "https://a/b")),
        *(("PENSTOCK_ALLOWED_HOSTS", value, "*.example.net") for value in ("https://a", "a:80", "a/b", "a b")),
        *(("PENSTOCK_OIDC_ISSUER", value, "https") for value in ("http://issuer.example", "issuer.example")),
        ("PENSTOCK_BREACHED_PASSWORDS", "/nowhere/at/all", "file that is there"),
        ("PENSTOCK_HOST", "", "127.0.0.1"),
        ("PENSTOCK_DATA_DIR", "~nobody-of-this-name/x", "folder"),
        ("PENSTOCK_DATA_DIR", "", "folder"),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence_that_names_the_variable_and_the_mend(
    variable: str, value: str, mend: str
) -> None:
    """D8, G2."""
    message = refusal(variable, value)
    assert message.startswith(f"{variable} must ")
    assert mend in message
    assert message.endswith(".")
    assert "\n" not in message


def test_an_issuer_without_a_name_of_ours_is_refused() -> None:
    """D8."""
    assert refusal("PENSTOCK_OIDC_ISSUER", "https://issuer.example").startswith("PENSTOCK_OIDC_CLIENT_ID must")


def test_a_refused_secret_is_not_repeated() -> None:
    """G6."""
    assert "hunter2" not in refusal("PENSTOCK_SECRET_KEY", "hunter2")
    assert "hunter2" not in refusal("PENSTOCK_DATABASE_URL", "mysql://user:hunter2@host/name")


def test_an_option_of_the_command_line_wins_over_the_environment() -> None:
    """G2."""
    settings = read_settings({"PENSTOCK_PORT": "1", "PENSTOCK_HOST": "0.0.0.0"}, port="2", host=None)
    assert (settings.port, settings.host) == (2, "0.0.0.0")


def test_a_wrong_option_is_named_as_it_was_given() -> None:
    """G2: whoever typed --data-dir has not set a variable."""
    with pytest.raises(SettingsInvalid, match=r"^--port must be a port number"):
        read_settings({"PENSTOCK_PORT": "1"}, port="x")
    with pytest.raises(SettingsInvalid, match=r"^--database-url must be a Postgres address"):
        read_settings({}, database_url="x")


def test_no_value_is_shown_in_a_representation() -> None:
    """G6: keys and passwords of addresses do not reach logs by way of an object."""
    secrets = {
        "PENSTOCK_SECRET_KEY": "s" * 40,
        "OPENAI_API_KEY": "sk-secret",
        "V0_API_KEY": "v0-secret",
        "PENSTOCK_DATABASE_URL": "postgresql://u:pw-secret@h/n",
    }
    shown = f"{read_settings(secrets)!r} {read_settings(secrets)}"
    assert not any(value in shown for value in (*secrets.values(), "pw-secret"))


def test_c1_every_vendor_has_its_settings_and_every_key_is_a_secret() -> None:
    """G6: what the catalogue names is read here, and no key of a vendor is forgotten among what is never shown."""
    names = {field.metadata["name"] for field in fields(Settings)}
    for vendor in VENDORS.values():
        assert {vendor.key_variable, vendor.url_variable} - {None} <= names
        if vendor.key_variable is not None:
            assert "a-key" in read_settings({vendor.key_variable: "a-key"}).secrets
