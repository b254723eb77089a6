"""A visitor is who the cookie says only when we signed it (D2, D3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer

from penstock.auth.visitor import VisitorCookies
from penstock.kit.ids import is_id, new_id

SECRET = "a key for tests, of more than 32 characters"
COOKIES = VisitorCookies(SECRET)


def test_an_issued_cookie_proves_its_identity() -> None:
    """D2."""
    identity, value = COOKIES.issue()
    assert is_id(identity)
    assert COOKIES.read(value) == identity
    assert VisitorCookies(SECRET).read(value) == identity


def test_every_visitor_is_somebody_else() -> None:
    """D2."""
    assert len({COOKIES.issue()[0] for _ in range(100)}) == 100


def test_a_cookie_is_nothing_under_another_key() -> None:
    """D3."""
    _, value = COOKIES.issue()
    assert VisitorCookies(SECRET + "!").read(value) is None


def test_a_signature_for_another_purpose_is_nothing() -> None:
    """D3: what the same key signs elsewhere is no identity."""
    assert COOKIES.read(Signer(SECRET, salt="something else").sign(new_id()).decode()) is None
    assert COOKIES.read(Signer(SECRET).sign(new_id()).decode()) is None


def test_a_signed_text_that_is_no_id_is_nothing() -> None:
    """D3."""
    assert COOKIES.read(Signer(SECRET, salt="penstock.visitor").sign("admin").decode()) is None


def test_no_identity_can_be_put_in_front_of_a_signature_of_another() -> None:
    """D3: forged."""
    (victim, _), (_, value) = COOKIES.issue(), COOKIES.issue()
    signature = value.rpartition(".")[2]
    assert COOKIES.read(f"{victim}.{signature}") is None
    assert COOKIES.read(f"{victim}.") is None
    assert COOKIES.read(victim) is None


def test_a_cookie_is_nothing_cut_anywhere() -> None:
    """D3: truncated."""
    _, value = COOKIES.issue()
    for size in range(len(value)):
        assert COOKIES.read(value[:size]) is None
        assert COOKIES.read(value[size + 1 :]) is None


@pytest.mark.parametrize("place", range(36))
def test_a_cookie_is_nothing_with_any_digit_of_the_identity_changed(place: int) -> None:
    """D3."""
    _, value = COOKIES.issue()
    changed = value[:place] + ("0" if value[place] != "0" else "1") + value[place + 1 :]
    assert COOKIES.read(changed) is None


@given(st.text())
def test_no_text_is_an_error(text: str) -> None:
    """D3: a cookie is whatever a client sends."""
    assert COOKIES.read(text) is None
