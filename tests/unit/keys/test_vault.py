"""How keys are sealed: who can open what, and with which secret (C3, S18)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.actor import IdentityId
from penstock.keys.model import KeyUnreadable
from penstock.keys.vault import Vault

ANN, BEN = IdentityId("ann"), IdentityId("ben")
KEY = "sk-4f9a8b7c6d5e"
OLD, NEW = "an old secret of the server", "a new secret of the server"


def vault(*secrets: str) -> Vault:
    return Vault(lambda: secrets)


def test_c3_a_sealed_key_opens_for_its_owner_and_provider_only() -> None:
    sealed = vault(NEW).seal(KEY, ANN, "openai")
    assert vault(NEW).open(sealed, ANN, "openai") == KEY
    for owner, provider in ((BEN, "openai"), (ANN, "anthropic")):
        with pytest.raises(KeyUnreadable):
            vault(NEW).open(sealed, owner, provider)


def test_c3_nothing_of_a_key_is_seen_from_outside_and_no_two_seals_are_alike() -> None:
    seals = {vault(NEW).seal(KEY, ANN, "openai") for _ in range(20)}
    assert len(seals) == 20
    assert not any(KEY[:6].encode() in sealed for sealed in seals)


def test_c3_what_the_old_secret_sealed_opens_while_it_is_known() -> None:
    sealed = vault(OLD).seal(KEY, ANN, "openai")
    both = vault(NEW, OLD)
    assert both.open(sealed, ANN, "openai") == KEY
    assert not both.is_current(sealed)
    again = both.seal(KEY, ANN, "openai")
    assert both.is_current(again)
    assert vault(NEW).open(again, ANN, "openai") == KEY
    with pytest.raises(KeyUnreadable):
        vault(NEW).open(sealed, ANN, "openai")


def test_c3_a_seal_that_was_touched_does_not_open() -> None:
    sealed = vault(NEW).seal(KEY, ANN, "openai")
    for at in range(len(sealed)):
        with pytest.raises(KeyUnreadable):
            vault(NEW).open(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], ANN, "openai")


@given(st.binary())
def test_c3_no_bytes_open(noise: bytes) -> None:
    name = vault(NEW).seal(KEY, ANN, "openai")[:5]
    for sealed in (noise, name + noise):
        with pytest.raises(KeyUnreadable):
            vault(NEW).open(sealed, ANN, "openai")


def test_c3_the_secret_is_asked_for_at_the_first_use_only() -> None:
    asked: list[int] = []

    def secrets() -> list[str]:
        asked.append(1)
        return [NEW]

    sealing = Vault(secrets)
    assert asked == []
    sealing.open(sealing.seal(KEY, ANN, "openai"), ANN, "openai")
    assert asked == [1]
