"""Tokens that answer to a wake: for one subscription, one wake and an hour."""

import time

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from penstock.streams.subscriptions.keys import Keys
from penstock.streams.subscriptions.model import TokenExpired, TokenInvalid

SECRET = "a secret of the server"


class OldSigner(TimestampSigner):
    """Signs as somebody did an hour and a bit ago."""

    def get_timestamp(self) -> int:
        return int(time.time()) - 3700


def test_a_token_names_its_wake() -> None:
    keys = Keys(SECRET)
    assert keys.generation("s", keys.token("s", 7)) == 7


def test_a_token_is_good_for_an_hour() -> None:
    """It was made by the same server, and is told apart from one that never was."""
    old = URLSafeTimedSerializer(SECRET, salt="penstock.subscription", signer=OldSigner).dumps(["s", 7])
    assert isinstance(old, str)
    with pytest.raises(TokenExpired):
        Keys(SECRET).generation("s", old)


# A token tells when it was made, which is no name for a test: two processes that collect it must agree.
@pytest.mark.parametrize(
    "token",
    ["", "x", Keys("another secret").token("s", 7), Keys(SECRET).token("other", 7)],
    ids=["empty", "nonsense", "another server", "another subscription"],
)
def test_a_token_of_another_server_or_subscription_is_refused(token: str) -> None:
    with pytest.raises(TokenInvalid):
        Keys(SECRET).generation("s", token)
