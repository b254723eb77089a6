"""Sign-in elsewhere: at a process that can be told to lie (D1, S8)."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from harness.penstock import Penstock
from harness.people import PASSWORD, new_email, sign_in, sign_up
from oidc.lies import LIES, SIGNATURES
from oidc.process import OidcServer


@pytest.fixture(scope="module")
def issuer() -> Iterator[OidcServer]:
    with OidcServer() as server:
        yield server


@pytest.fixture(scope="module", params=["embedded", "scaled"])
def penstock(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, issuer: OidcServer
) -> Iterator[Penstock]:
    """An installation of each shape that knows the provider, and has an owner."""
    url = ""
    if request.param == "scaled":
        url = request.getfixturevalue("postgres").create(request.getfixturevalue("template"))
    environment = issuer.environment()
    started = Penstock(folder=tmp_path_factory.mktemp("oidc"), database_url=url, environment=environment).start()
    with started.client() as owner:
        sign_up(owner)
    yield started
    started.kill()


def go(client: httpx.Client, return_to: str = "/") -> str:
    """Go there, and return the address to come back by."""
    begun = client.post("/api/auth/oidc", json={"returnTo": return_to})
    assert begun.status_code == 200, begun.text
    approved = httpx.get(begun.json()["url"])
    assert approved.status_code == 302
    return approved.headers["location"]


def come_back(client: httpx.Client, address: str) -> str:
    """Come back, and return where that leads."""
    answer = client.get(address)
    assert answer.status_code == 303
    return answer.headers["location"]


def test_somebody_new_has_an_account_and_is_known_the_next_time(penstock: Penstock, issuer: OidcServer) -> None:
    """D1, D2: by the issuer's name for them, whatever their address has become."""
    subject, email = uuid4().hex, new_email()
    with penstock.client() as client, penstock.client() as again:
        assert client.get("/api/me").json()["features"]["oidc"] == "Tests"
        chat_id = client.post("/api/chats", json={}).json()["id"]
        issuer.expect(sub=subject, email=email.upper(), email_verified=True, name="Ann")
        assert come_back(client, go(client, "/chats?x=1")) == "/chats?x=1"
        me = client.get("/api/me").json()
        assert (me["kind"], me["email"], me["name"], me["hasPassword"]) == ("regular", email, "Ann", False)
        assert client.get(f"/api/chats/{chat_id}").status_code == 200
        issuer.expect(sub=subject, email=new_email(), email_verified=True)
        assert come_back(again, go(again)) == "/"
        assert again.get("/api/me").json()["id"] == me["id"]
        assert sign_in(again, email).json()["code"] == "credentials_wrong"


@pytest.mark.parametrize("is_verified", [True, False])
def test_an_address_takes_no_account_over(penstock: Penstock, issuer: OidcServer, is_verified: bool) -> None:
    """D1: verified it is a conflict, and unverified it is nothing."""
    email = new_email()
    with penstock.client() as victim, penstock.client() as client:
        before = sign_up(victim, email)
        issuer.expect(sub=uuid4().hex, email=email, email_verified=is_verified)
        location = come_back(client, go(client))
        me = client.get("/api/me").json()
        if is_verified:
            assert (location, me["isSignedIn"]) == ("/sign-in?error=email_taken", False)
        else:
            assert (location, me["email"]) == ("/", None)
            assert me["id"] != before["id"]


def test_whoever_is_signed_in_links_their_account(penstock: Penstock, issuer: OidcServer) -> None:
    """D1."""
    subject, email = uuid4().hex, new_email()
    with penstock.client() as client, penstock.client() as later:
        me = sign_up(client, email)
        issuer.expect(sub=subject, email=email, email_verified=True)
        assert come_back(client, go(client, "/settings")) == "/settings"
        assert client.get("/api/me").json() == me
        assert come_back(later, go(later)) == "/"
        assert later.get("/api/me").json()["id"] == me["id"]
        change = {"currentPassword": PASSWORD, "newPassword": "another password"}
        assert client.post("/api/auth/password", json=change).status_code == 204


@pytest.mark.parametrize("lie", [*LIES, *SIGNATURES])
def test_what_cannot_be_believed_signs_nobody_in(penstock: Penstock, issuer: OidcServer, lie: str) -> None:
    """S8."""
    with penstock.client() as client:
        issuer.expect(sub=uuid4().hex, lie=lie)
        assert come_back(client, go(client)) == "/sign-in?error=oidc_refused"
        assert not client.get("/api/me").json()["isSignedIn"]


def test_a_state_is_good_once_and_for_the_browser_that_began(penstock: Penstock, issuer: OidcServer) -> None:
    """S8: an address that somebody else was given signs nobody in to their account."""
    refused = "/sign-in?error=oidc_attempt_invalid"
    with penstock.client() as client, penstock.client() as victim:
        issuer.expect(sub=uuid4().hex)
        address = go(client)
        assert come_back(victim, address) == refused
        assert come_back(client, address) == "/"
        assert come_back(client, address) == refused
        assert come_back(victim, address) == refused
        for forged in ("", "?state=x", "?state=x&code=y", "?error=access_denied&state=x"):
            assert come_back(victim, f"/api/auth/oidc/callback{forged}") == refused
        assert not victim.get("/api/me").json()["isSignedIn"]


@pytest.mark.parametrize(
    "place", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "/ x", ""]
)
def test_one_comes_back_to_our_own_pages_only(penstock: Penstock, issuer: OidcServer, place: str) -> None:
    """S8."""
    with penstock.client() as client:
        issuer.expect(sub=uuid4().hex)
        assert come_back(client, go(client, place)) == "/"


def test_a_provider_that_takes_another_key_is_believed_and_asked_about_itself_once(
    penstock: Penstock, issuer: OidcServer
) -> None:
    """D1."""
    with penstock.client() as client:
        issuer.expect(sub=uuid4().hex)
        assert come_back(client, go(client)) == "/"
        known = issuer.discoveries()
        issuer.change_key()
        with penstock.client() as other:
            assert come_back(other, go(other)) == "/"
        assert issuer.discoveries() == known
