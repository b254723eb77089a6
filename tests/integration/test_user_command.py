"""`penstock user`, beside a server that runs (D1, G2)."""

import re
import subprocess
import time
from pathlib import Path

import httpx

from harness.penstock import Penstock
from harness.people import PASSWORD, new_email, sign_in, sign_up


def done(finished: subprocess.CompletedProcess[str]) -> str:
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_an_account_is_made_listed_and_used(people: Penstock) -> None:
    """G2."""
    email = new_email()
    made = done(people.command("user", "create", email.upper(), "--name", "Ann"))
    found = re.search(r"^Password: (\S+)$", made, re.MULTILINE)
    assert found
    assert f"{email} has an account (regular)." in made
    assert re.search(rf"^regular +{email} +Ann$", done(people.command("user", "list")), re.MULTILINE)
    with people.client() as client:
        assert sign_in(client, email, found[1]).json()["name"] == "Ann"


def test_a_disabled_account_is_out_everywhere_until_it_is_enabled(people: Penstock) -> None:
    """D1: its sessions and tokens end for good."""
    email = new_email()
    with people.client() as client, people.client() as stranger:
        sign_up(client, email)
        secret = client.post("/api/tokens", json={"name": "x"}).json()["secret"]
        done(people.command("user", "disable", email))
        wait_refused(client)
        refused = sign_in(stranger, email)
        assert (refused.status_code, refused.json()["code"]) == (403, "account_disabled")
        assert sign_in(stranger, email, "wrong password").json()["code"] == "credentials_wrong"
        assert f"disabled  {email}" in done(people.command("user", "list"))
        done(people.command("user", "enable", email))
        assert sign_in(stranger, email).status_code == 200
        assert client.get("/api/chats").status_code == 401
        by_token = httpx.get(f"{people.url}/api/chats", headers={"authorization": f"Bearer {secret}"})
        assert (by_token.status_code, by_token.json()["code"]) == (401, "api_token_revoked")


def wait_refused(client: httpx.Client) -> None:
    """Wait until what is remembered for a moment is forgotten."""
    deadline = time.monotonic() + 5
    while client.get("/api/chats").status_code != 401:
        assert time.monotonic() < deadline, "still in"
        time.sleep(0.1)


def test_a_password_is_reset_to_one_that_is_given(people: Penstock) -> None:
    """G2."""
    email, new = new_email(), "the new password"
    with people.client() as client:
        sign_up(client, email)
        finished = people.command("user", "reset", email, "--password-stdin", feed=f"{new}\n")
        assert new not in done(finished)
        assert sign_in(client, email).json()["code"] in {"credentials_wrong", "session_ended"}
        assert sign_in(client, email, new).status_code == 200


def test_what_cannot_be_done_is_said_in_a_sentence(people: Penstock) -> None:
    """G2."""
    for arguments, complaint in (
        (("create",), "Whose account"),
        (("create", "x"), "not an email address"),
        (("create", new_email(), "--owner"), "has an owner already"),
        (("disable", new_email()), "no such account"),
    ):
        refused = people.command("user", *arguments)
        assert refused.returncode == 1
        assert complaint in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1
    short = people.command("user", "create", new_email(), "--password-stdin", feed="12345\n")
    assert "8 to 1,000 characters" in short.stderr


def test_the_first_account_of_a_server_that_never_ran_is_the_owners(tmp_path: Path) -> None:
    """D1."""
    stopped = Penstock(folder=tmp_path)
    email = new_email()
    assert "(owner)" in done(stopped.command("user", "create", email, "--password-stdin", feed=f"{PASSWORD}\n"))
    assert "Accounts: 1." in done(stopped.command("doctor"))
