"""`penstock user`: make, list, disable, enable accounts, and give them new passwords."""

import secrets
import sys

from penstock.app import build_accounts
from penstock.auth.model import Account
from penstock.auth.passwords import Passwords
from penstock.auth.service import AccountService
from penstock.db.database import open_database
from penstock.settings import Settings
from penstock.streams.wake import Wake


async def run(settings: Settings, action: str, email: str, *, name: str | None, is_owner: bool, ask: bool) -> None:
    """Do one of the actions and print what has come of it. Raises what the account service raises."""
    # A server may be writing to the same file: it alone brings the write-ahead log back into it.
    database = open_database(settings.sqlite_path, settings.database_url, checkpoints=False)
    accounts = build_accounts(settings, database, Wake(), Passwords(settings.breached_passwords))
    try:
        if action == "list":
            await _list(accounts)
        elif action == "create":
            password = _password(ask=ask)
            account = await accounts.create(email=email, password=password, name=name, is_owner=is_owner)
            print(f"{account.email} has an account ({account.kind}).")
            _show(password, ask=ask)
        elif action == "reset":
            password = _password(ask=ask)
            account = await accounts.reset(email, password)
            print(f"{account.email} has another password; all sessions and tokens have ended.")
            _show(password, ask=ask)
        else:
            account = await accounts.disable(email, disabled=action == "disable")
            ended = "disabled: all sessions and tokens have ended" if action == "disable" else "enabled"
            print(f"{account.email} is {ended}.")
    finally:
        await database.close()


async def _list(accounts: AccountService) -> None:
    for account in await accounts.list_all():
        print(_line(account))


def _line(account: Account) -> str:
    state = "disabled" if account.disabled_at is not None else account.kind
    return f"{state:<9} {account.email or '-':<40} {account.name or ''}".rstrip()


def _password(*, ask: bool) -> str:
    """Return the first line of the input, where one is to be read, else a new password."""
    return sys.stdin.readline().rstrip("\n") if ask else secrets.token_urlsafe(12)


def _show(password: str, *, ask: bool) -> None:
    if not ask:
        print(f"Password: {password}")
