"""Secrets do not reach people's eyes (G5, G6)."""

import pytest

from penstock.kit.redact import HIDDEN, Redactor

SECRETS = [
    ("openai: sk-proj-abcdefgh12345678 refused", "sk-proj-abcdefgh12345678"),
    ("nvapi-0123456789abcdef said no", "nvapi-0123456789abcdef"),
    ("token pst_0123456789abcdef", "pst_0123456789abcdef"),
    ("GET /share/psh_0123456789abcdef", "psh_0123456789abcdef"),
    ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
    ("header authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("connect postgresql://app:pa55word@db/penstock", "pa55word"),
    ("redis://:pa55word@cache:6379", "pa55word"),
    ('{"api_key": "abcdef123456"}', "abcdef123456"),
    ("?api_key=abcdef123456&a=b", "abcdef123456"),
    ("password=hunter22;", "hunter22"),
    ("Cookie: penstock=abc.def", "abc.def"),
    ("key AIzaSyA0123456789abcdefghijk", "AIzaSyA0123456789abcdefghijk"),
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_what_has_the_shape_of_a_secret_is_hidden(text: str, secret: str) -> None:
    shown = Redactor()(text)
    assert secret not in shown
    assert HIDDEN in shown


def test_known_secrets_are_hidden_wherever_they_stand_the_longest_first() -> None:
    redact = Redactor(["a-known-secret", "a-known-secret-and-more"])
    assert redact("x=a-known-secret-and-more|a-known-secret.") == f"x={HIDDEN}|{HIDDEN}."


@pytest.mark.parametrize(
    "text",
    [
        "Run 0193c1c2-7f6f-7c3e-8e55-3f5c5f5d5b5a failed by an error of ours.",
        "The answer took longer than 60 seconds.",
        "http://localhost:8000/v1/models answered 503",
        "a risky task-based-scheduler, and tokens: 12",
        "",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert Redactor(["abc"])(text) == text
