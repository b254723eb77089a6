"""The rules about people (D1)."""

import pytest

from penstock.auth.model import EmailInvalid, normal_email, permits


@pytest.mark.parametrize(
    ("typed", "email"),
    [
        (" Ann@Example.ORG ", "ann@example.org"),
        ("ann@localhost", "ann@localhost"),
        ("\uff41nn@example.org", "ann@example.org"),
        ("a+b.c@d.e", "a+b.c@d.e"),
    ],
)
def test_an_address_has_one_spelling(typed: str, email: str) -> None:
    assert normal_email(typed) == email
    assert normal_email(email) == email


@pytest.mark.parametrize("typed", ["", "@", "a@", "@b", "a", "a b@c", "a@b@c", "a@b\0", "a@\ud800", "x" * 65 + "@b"])
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(EmailInvalid):
        normal_email(typed)


def test_reading_is_all_that_a_token_to_read_may_do() -> None:
    assert permits(["chat"], is_safe=False)
    assert permits(["chat"], is_safe=True)
    assert permits(["read"], is_safe=True)
    assert not permits(["read"], is_safe=False)
    assert not permits([], is_safe=True)
