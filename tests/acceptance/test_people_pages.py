"""The pages of people, in a real browser: in and out, settings, the owner's inbox (D1, D2, D6, F8, F9, G5)."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from test_browser import CONSOLE_NOISE, choose_model, open_page, send, wait_for_status

from harness.access import check_rules
from harness.penstock import Penstock, openai_at
from harness.people import ENDED_SECONDS, PASSWORD, new_email, sign_in, sign_up
from oidc.process import OidcServer
from penstock.inbox import store
from penstock.inbox.model import ErrorReport
from penstock.kit.clock import Millis
from upstream.process import Upstream

OWNER = "owner@example.org"
MODEL = "openai/echo-3-1"


@pytest.fixture(scope="module")
def issuer() -> Iterator[OidcServer]:
    """Another place to sign in."""
    with OidcServer() as server:
        yield server


@pytest.fixture(scope="module")
def inhabited(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, issuer: OidcServer) -> Iterator[Penstock]:
    """An installation that has an owner, so that who comes is a visitor."""
    environment = {**openai_at(upstream), **issuer.environment(), "PENSTOCK_MAX_MESSAGE_CHARS": "200"}
    installed = Penstock(folder=tmp_path_factory.mktemp("people"), environment=environment).start()
    with installed.client() as owner:
        sign_up(owner, OWNER)
    yield installed
    installed.kill()


@pytest.fixture
def other(browser: Browser) -> Iterator[BrowserContext]:
    """Another browser."""
    context = browser.new_context()
    yield context
    context.close()


def calm(complaints: list[str]) -> bool:
    """Say whether nothing was complained of but requests that were refused as they should be."""
    return [each for each in complaints if not CONSOLE_NOISE.search(each)] == []


def account(page: Page) -> Locator:
    """The button that says who one is."""
    return page.get_by_test_id("account")


def choose(page: Page, entry: str) -> None:
    """Choose from the menu of the account."""
    account(page).click()
    page.get_by_role("listitem").get_by_text(entry, exact=True).click()


def fill_in(page: Page, email: str, password: str = PASSWORD) -> None:
    """Fill in the form of an entrance."""
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_label("Password").press("Enter")


def enter(page: Page, installation: Penstock, email: str, goal: str = "/") -> None:
    """Sign in by the form, and come to a page."""
    page.goto(f"{installation.url}/sign-in?next={goal}")
    fill_in(page, email)
    expect(page).to_have_url(installation.url + goal)


def new_account(installation: Penstock) -> str:
    """Return the address of a new account that is signed in nowhere."""
    email = new_email()
    with installation.client() as client:
        sign_up(client, email)
        client.post("/api/auth/sign-out")
    return email


def ask_briefly(page: Page, text: str) -> None:
    """Ask something that is answered at once."""
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, MODEL)
    send(page, text)
    wait_for_status(page, "completed")


def test_signing_up_keeps_the_chat_and_signing_out_shows_none_of_it(
    inhabited: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """D1, D2: a visitor signs up where they are, out, and in again; a wrong password is a sentence."""
    email = new_email()
    page = open_page(visitor, inhabited.url, complaints)
    expect(account(page)).to_contain_text("Not signed in")
    ask_briefly(page, "How do rivers run?")
    chat_url, item = page.url, page.get_by_test_id("chat-list-item")
    page.get_by_test_id("account-hint").get_by_role("link").click()
    page.get_by_label("Name", exact=True).fill("Ann")
    fill_in(page, email, "short")
    expect(page.get_by_text("A password has 8 to 1,000 characters.")).to_be_visible()
    fill_in(page, email)
    expect(page).to_have_url(chat_url)
    expect(account(page)).to_contain_text(re.compile(f"Ann.*{email}"))
    expect(page.get_by_test_id("message-user")).to_contain_text("How do rivers run?")
    expect(item).to_have_count(1)
    page.get_by_test_id("composer-input").fill("Nobody else's business")
    choose(page, "Sign out")
    expect(page).to_have_url(inhabited.url + "/")
    expect(account(page)).to_contain_text("Not signed in")
    expect(page.get_by_text("Your chats will be listed here.")).to_be_visible()
    page.goto(chat_url)
    expect(page.get_by_text("This chat does not exist")).to_be_visible()
    page.get_by_role("link", name="sign in", exact=True).click()
    fill_in(page, email, "not the password")
    expect(page.get_by_role("alert")).to_have_text("Email address or password are wrong.")
    fill_in(page, email)
    expect(page).to_have_url(chat_url)
    expect(page.get_by_test_id("message-user")).to_contain_text("How do rivers run?")
    expect(page.get_by_test_id("composer-input")).to_have_value("")
    assert calm(complaints)


def test_what_one_tab_does_all_tabs_are(inhabited: Penstock, visitor: BrowserContext, complaints: list[str]) -> None:
    """D1: the tabs of a browser share its session, and follow another's changes from then on."""
    email = new_account(inhabited)
    one, two = (open_page(visitor, inhabited.url, complaints) for _ in range(2))
    expect(account(two)).to_contain_text("Not signed in")
    enter(one, inhabited, email)
    expect(account(two)).to_contain_text(email)
    ask_briefly(one, "Is it the same?")
    expect(two.get_by_test_id("chat-list-item")).to_contain_text("Is it the same?")
    choose(two, "Sign out")
    expect(account(one)).to_contain_text("Not signed in")
    expect(one.get_by_test_id("chat-list-item")).to_have_count(0)
    assert calm(complaints)


def test_a_revoked_browser_learns_it_within_5_s_and_keeps_what_was_typed(
    inhabited: Penstock, visitor: BrowserContext, other: BrowserContext, complaints: list[str]
) -> None:
    """D1, F9: also what was sent in vain is in the composer after signing in again."""
    email = new_account(inhabited)
    page, remote = open_page(visitor, inhabited.url, complaints), open_page(other, inhabited.url, complaints)
    enter(page, inhabited, email)
    ask_briefly(page, "Shall I stay?")
    page.get_by_test_id("composer-input").fill("Half a thought")
    enter(remote, inhabited, email, "/settings")
    expect(remote.get_by_test_id("session")).to_have_count(2)
    expect(remote.get_by_test_id("session").first).to_contain_text("This one")
    remote.get_by_test_id("session-revoke").click()
    expect(page.get_by_test_id("session-ended")).to_be_visible(timeout=ENDED_SECONDS * 1000)
    expect(remote.get_by_test_id("session")).to_have_count(1)
    expect(page.get_by_test_id("composer-input")).to_have_value("Half a thought")
    send(page, "A whole thought")
    expect(page.get_by_text("Not sent. Your session has ended.")).to_be_visible()
    page.get_by_test_id("session-ended").get_by_role("link", name="Sign in").click()
    expect(page.get_by_label("Email")).to_have_value(email)
    fill_in(page, email)
    expect(page.get_by_test_id("message-user")).to_have_count(1)
    expect(page.get_by_test_id("composer-input")).to_have_value("A whole thought")
    expect(page.get_by_test_id("session-ended")).to_have_count(0)
    assert calm(complaints)


def test_whoever_is_signed_out_can_go_on_without(
    inhabited: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """D1, D2: as a new visitor, who can ask."""
    email = new_account(inhabited)
    page = open_page(visitor, inhabited.url, complaints)
    enter(page, inhabited, email)
    expect(account(page)).to_contain_text(email)
    with inhabited.client() as elsewhere:
        sign_in(elsewhere, email)
        assert elsewhere.delete("/api/auth/sessions").status_code == 204
    page.get_by_test_id("session-ended").get_by_role("button", name="Go on without").click()
    expect(account(page)).to_contain_text("Not signed in")
    ask_briefly(page, "Am I still here?")
    assert calm(complaints)


def test_a_token_is_shown_once_and_works_until_it_is_revoked(
    inhabited: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """D1, F9."""
    page = open_page(visitor, inhabited.url, complaints)
    enter(page, inhabited, new_account(inhabited), "/settings")
    expect(page.get_by_text("You have no tokens yet.")).to_be_visible()
    page.get_by_label("What it is for").fill("Reading aloud")
    page.get_by_label("It may").select_option("Only read")
    page.get_by_test_id("token-create").click()
    secret = page.get_by_test_id("token-secret").inner_text()
    with httpx.Client(base_url=inhabited.url, headers={"authorization": f"Bearer {secret}"}) as program:
        assert program.get("/api/chats").status_code == 200
        assert program.post("/api/chats", json={}).json()["code"] == "scope_missing"
        page.get_by_role("button", name="Done").click()
        page.reload()
        expect(page.get_by_test_id("token")).to_contain_text(re.compile("Reading aloud.*only reads.*used just now"))
        assert secret not in page.content()
        page.get_by_role("button", name="Revoke Reading aloud").click()
        page.get_by_test_id("token-revoke-confirm").click()
        expect(page.get_by_text("You have no tokens yet.")).to_be_visible()
        assert program.get("/api/chats").status_code == 401
    assert calm(complaints)


def test_a_key_is_asked_about_kept_and_removed(
    inhabited: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """C3, F9."""
    page = open_page(visitor, inhabited.url, complaints)
    enter(page, inhabited, new_account(inhabited), "/settings")
    expect(page.get_by_text("You have no keys of your own.")).to_be_visible()
    page.get_by_label("Key", exact=True).fill("sk-wrong")
    page.get_by_test_id("key-save").click()
    expect(page.get_by_role("alert")).to_contain_text("refuses this key")
    page.get_by_label("Key", exact=True).fill("sk-of-a-person-4f9a")
    page.get_by_test_id("key-save").click()
    expect(page.get_by_test_id("key")).to_contain_text("…4f9a")
    page.get_by_role("button", name="Test the key").click()
    expect(page.get_by_text("The provider takes it.", exact=True)).to_be_visible()
    assert "sk-of-a-person" not in page.content()
    page.get_by_role("button", name="Remove the key").click()
    page.get_by_test_id("key-remove-confirm").click()
    expect(page.get_by_text("You have no keys of your own.")).to_be_visible()
    assert calm(complaints)


def test_a_new_chat_begins_with_the_model_of_the_settings(
    inhabited: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F9: models are found and chosen there, and what needs a key says where to add one."""
    page = open_page(visitor, inhabited.url, complaints)
    enter(page, inhabited, new_account(inhabited), "/settings")
    models = page.get_by_role("region", name="Models", exact=True)
    expect(models.get_by_text("New chats begin with")).to_be_visible()
    away = models.get_by_role("region", name="Anthropic")
    expect(away.get_by_role("radio").first).to_be_disabled()
    expect(away.get_by_test_id("model").first).to_contain_text(re.compile(r"\$.*context.*Reasons"))
    away.get_by_role("link", name="Add one").click()
    expect(page).to_have_url(inhabited.url + "/settings#keys")
    find = models.get_by_label("Find a model")
    find.fill("no such model")
    expect(models.get_by_text("No model is called “no such model”.")).to_be_visible()
    find.fill("demo tour")
    expect(models.get_by_test_id("model")).to_have_count(1)
    models.get_by_role("radio").check()
    expect(models.get_by_text("New chats begin with Tour of Penstock.")).to_be_visible()
    page.get_by_test_id("new-chat").click()
    expect(page.get_by_test_id("model-picker")).to_have_value("demo/tour")
    page.goto(inhabited.url + "/settings")
    expect(models.locator("input[value='demo/tour']")).to_be_checked()
    assert calm(complaints)


def test_a_guest_is_one_click_away_and_can_sign_up(
    inhabited: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """D2: the chat of the visitor is the guest's, and the guest's the account's."""
    page = open_page(visitor, inhabited.url, complaints)
    ask_briefly(page, "Do you know me?")
    chat_url = page.url
    choose(page, "Sign in")
    page.get_by_test_id("guest").click()
    expect(page).to_have_url(chat_url)
    expect(account(page)).to_contain_text("Guest")
    expect(page.get_by_test_id("message-user")).to_contain_text("Do you know me?")
    choose(page, "Settings")
    expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    expect(page.get_by_role("heading", name="API tokens")).to_have_count(0)
    page.get_by_test_id("account-hint").get_by_role("link").click()
    email = new_email()
    fill_in(page, email)
    expect(page).to_have_url(inhabited.url + "/settings")
    expect(account(page)).to_contain_text(email)
    expect(page.get_by_test_id("chat-list-item")).to_contain_text("Do you know me?")
    assert calm(complaints)


def test_name_address_and_password_change(inhabited: Penstock, visitor: BrowserContext, complaints: list[str]) -> None:
    """D1, F9: the address only with the password."""
    page = open_page(visitor, inhabited.url, complaints)
    enter(page, inhabited, new_account(inhabited), "/settings")
    profile, email, other_password = page.get_by_role("region", name="Profile"), new_email(), "another password"
    profile.get_by_label("Name").fill("Ann")
    profile.get_by_label("Email").fill(email)
    profile.get_by_label("Your password").fill("not the password")
    profile.get_by_role("button", name="Save").click()
    expect(profile.get_by_text("This is not your password.")).to_be_visible()
    profile.get_by_label("Your password").fill(PASSWORD)
    profile.get_by_role("button", name="Save").click()
    expect(profile.get_by_text("Saved.")).to_be_visible()
    expect(account(page)).to_contain_text(re.compile(f"Ann.*{email}"))
    section = page.get_by_role("region", name="Password")
    section.get_by_label("Present password").fill(PASSWORD)
    section.get_by_label("New password").fill(other_password)
    section.get_by_role("button", name="Change password").click()
    expect(section.get_by_text("Changed.")).to_be_visible()
    with inhabited.client() as client:
        assert sign_in(client, email, other_password).status_code == 200
    assert calm(complaints)


def test_deleting_the_account_needs_two_proofs_and_takes_everything(
    inhabited: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F9."""
    email = new_account(inhabited)
    page = open_page(visitor, inhabited.url, complaints)
    enter(page, inhabited, email)
    ask_briefly(page, "Will this go as well?")
    choose(page, "Settings")
    page.get_by_role("button", name="Delete my account").click()
    confirm = page.get_by_test_id("account-delete-confirm")
    expect(confirm).to_be_disabled()
    page.get_by_label("to confirm").fill(email)
    page.get_by_role("dialog").get_by_label("Your password").fill("not the password")
    confirm.click()
    expect(page.get_by_text("This is not your password.")).to_be_visible()
    page.get_by_role("dialog").get_by_label("Your password").fill(PASSWORD)
    confirm.click()
    expect(page).to_have_url(inhabited.url + "/")
    expect(account(page)).to_contain_text("Not signed in")
    expect(page.get_by_test_id("chat-list-item")).to_have_count(0)
    with inhabited.client() as client:
        assert sign_in(client, email).status_code == 401
    assert calm(complaints)


def test_signing_in_elsewhere_comes_back_to_where_one_was(
    inhabited: Penstock, issuer: OidcServer, visitor: BrowserContext, complaints: list[str]
) -> None:
    """D1: and a refusal comes back as a sentence."""
    page = open_page(visitor, f"{inhabited.url}/sign-in?next=/settings", complaints)
    issuer.expect(sub="pages", email=OWNER, email_verified=True)
    page.get_by_role("button", name="Continue with Tests").click()
    expect(page.get_by_role("alert")).to_contain_text("There is an account with this email address already.")
    email = new_email()
    issuer.expect(sub="pages", email=email, email_verified=True)
    page.goto(f"{inhabited.url}/sign-in?next=/settings")
    page.get_by_role("button", name="Continue with Tests").click()
    expect(page).to_have_url(inhabited.url + "/settings")
    expect(account(page)).to_contain_text(email)
    expect(page.get_by_text("You sign in elsewhere.")).to_be_visible()
    assert calm(complaints)


def report_error(installation: Penstock) -> None:
    """Let the inbox hold an error, as a process that met it would."""
    report = ErrorReport(
        fingerprint="0" * 32,
        kind="RuntimeError",
        message="A pipe has burst.",
        trace="penstock/api/chat.py:41 in ask\npenstock/runs/service.py:120 in start",
        request_id="01998f2e-7c1d-7000-8000-000000000001",
    )
    engine = sa.create_engine(f"sqlite:///{installation.folder}/penstock.db")
    with engine.begin() as connection:
        store.add(connection, [(report, 17)], Millis(int(time.time() * 1000) - 3_600_000))
    engine.dispose()


def test_the_owner_sees_what_went_wrong_and_nobody_else_does(
    inhabited: Penstock, visitor: BrowserContext, other: BrowserContext, complaints: list[str]
) -> None:
    """G5."""
    report_error(inhabited)
    page, stranger = open_page(visitor, inhabited.url, complaints), open_page(other, inhabited.url, complaints)
    enter(page, inhabited, OWNER)
    choose(page, "Error inbox")
    entry = page.get_by_test_id("error-entry").filter(has_text="A pipe has burst.")
    expect(entry).to_contain_text(re.compile("RuntimeError.*17 times.*1 hour ago"))
    expect(entry.get_by_role("button", name="Copy the id of the request")).to_be_visible()
    expect(entry.get_by_text("in ask")).to_be_hidden()
    entry.get_by_text("Where it happened").click()
    expect(entry.get_by_text("in ask")).to_be_visible()
    entry.get_by_test_id("error-forget").click()
    expect(entry).to_have_count(0)
    for is_known in (False, True):
        if is_known:
            enter(stranger, inhabited, new_account(inhabited))
        stranger.goto(inhabited.url + "/admin/errors")
        expect(stranger.get_by_text("There is nothing here")).to_be_visible()
        account(stranger).click()
        expect(stranger.get_by_text("Error inbox")).to_have_count(0)
    assert calm(complaints)


def test_the_owner_at_their_machine_is_offered_an_account(
    tmp_path: Path, visitor: BrowserContext, complaints: list[str]
) -> None:
    """D4: signing up keeps everything, without limits."""
    penstock = Penstock(folder=tmp_path).start()
    try:
        page = open_page(visitor, penstock.url, complaints)
        hint = page.get_by_test_id("account-hint")
        expect(hint).to_have_text("You use this server as its owner. Create an account")
        page.goto(penstock.url + "/admin/errors")
        expect(page.get_by_text("Nothing has gone wrong so far.")).to_be_visible()
        hint.get_by_role("link").click()
        fill_in(page, OWNER)
        expect(page).to_have_url(penstock.url + "/admin/errors")
        expect(account(page)).to_contain_text("Owner")
        expect(hint).to_have_count(0)
        assert calm(complaints)
    finally:
        penstock.kill()


def test_the_composer_takes_as_much_as_the_server(
    inhabited: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F3: the limit is a setting."""
    page = open_page(visitor, inhabited.url, complaints)
    composer = page.get_by_test_id("composer-input")
    composer.fill("x" * 190)
    expect(page.get_by_text("190 / 200")).to_be_visible()
    composer.fill("x" * 203)
    expect(page.get_by_text("3 characters too many")).to_be_visible()
    assert calm(complaints)


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (390, "dark"),
        (1440, "light"),
        pytest.param(390, "light", marks=pytest.mark.long),
        pytest.param(1440, "dark", marks=pytest.mark.long),
    ],
)
def test_the_pages_can_be_used_by_everybody(
    inhabited: Penstock, browser: Browser, complaints: list[str], scheme: str, width: int
) -> None:
    """F8: names, roles, order, contrast; and nothing is wider than the screen."""
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 900},
        reduced_motion="reduce",
    )
    page = open_page(context, inhabited.url, complaints)
    report_error(inhabited)
    for goal in ("/", "/sign-in", "/sign-up", "/settings"):
        page.goto(inhabited.url + goal)
        check_access(page)
    enter(page, inhabited, OWNER)
    for goal in ("/settings", "/admin/errors"):
        page.goto(inhabited.url + goal)
        check_access(page)
    page.goto(inhabited.url + "/settings")
    page.get_by_role("button", name="Delete my account").click()
    check_access(page)
    page.keyboard.press("Escape")
    if width == 390:
        page.get_by_role("button", name="Open the menu").click()
    account(page).click()
    check_access(page)
    page.keyboard.press("Escape")
    expect(account(page)).to_be_focused()
    assert calm(complaints)
    context.close()


def check_access(page: Page) -> None:
    """Let axe look at the page once everything is there."""
    expect(page.get_by_role("status", name="Loading")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    check_rules(page)
    # What is long scrolls within the frame: nothing of it stretches the page.
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), page.url
