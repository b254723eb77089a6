"""`/share/{token}`: what a link leads to. Pages without a script, in no search engine, and no way on to anything else.

They are for people, and in no document; programs have `POST /api/shares/{token}/copy`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from html import escape
from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from penstock.api import sheet
from penstock.api.address import address
from penstock.api.attachments import headers_of, media_type_of
from penstock.api.cookies import Cookies
from penstock.api.limits import note, payer
from penstock.api.problems import status_of
from penstock.api.services import Services, visitor
from penstock.chats.sharing.grants import SECONDS
from penstock.chats.sharing.model import (
    PAGE,
    Share,
    SharedMessage,
    SharePasswordNeeded,
    SharePasswordWrong,
)
from penstock.errors import PenstockError
from penstock.files.model import TEXT, AttachmentNotFound
from penstock.limits.model import LimitReached

PREFIX: Final = "/share"
_GRANT = "penstock-share"
"""The cookie of whoever has shown the password of a link."""
_HEADERS = {"x-robots-tag": "noindex, nofollow", "cache-control": "no-store"}
_AT_ONCE = 1
"""Pages that are made at the same time: each is work for a processor, and anybody may ask for them."""

Handler = Callable[[Request], Awaitable[Response]]


async def check_password(services: Services, request: Request, share: Share, password: str | None) -> None:
    """Raise SharePasswordNeeded, SharePasswordWrong or, after too many attempts, TooManyRequests."""
    if share.has_password and password is not None:
        note(request, await services.limits.hit_sign_in(address(request), f"share {share.id}"))
    await services.sharing.check(share, password)


def routes(services: Services) -> APIRouter:
    """Return the pages behind links."""
    router = APIRouter()
    sharing, making = services.sharing, asyncio.Semaphore(_AT_ONCE)

    def can_read(request: Request, share: Share) -> bool:
        value = Cookies.of(request.scope, services.site).read(_GRANT)
        return not share.has_password or services.grants.opens(value, share.id)

    async def show(request: Request) -> Response:
        """Show a page of the snapshot, or ask for its password."""
        share = await sharing.find(request.path_params["token"])
        if not can_read(request, share):
            return _password_page(request, 200)
        pages = -(-share.message_count // PAGE)
        page = _page_number(request.query_params.get("page", ""), pages)
        messages = await sharing.messages(share, (page - 1) * PAGE)
        async with making:
            made = await asyncio.to_thread(_page_of, request.url.path, share, messages, page, pages)
        return _answer(made, 200)

    async def show_file(request: Request) -> Response:
        """Show what is attached to a message of the snapshot."""
        share = await sharing.find(request.path_params["token"])
        if not can_read(request, share):
            raise SharePasswordNeeded
        position: int = request.path_params["position"]
        number: int = request.path_params["number"]
        messages = await sharing.messages(share, min(position, share.message_count), 1)
        if not messages or number >= len(messages[0].files):
            raise AttachmentNotFound
        kept = messages[0].files[number]
        headers = {**headers_of(kept), **_HEADERS}
        return Response(await services.files.read(kept), media_type=media_type_of(kept), headers=headers)

    async def unlock(request: Request) -> Response:
        """Take the password, and lead to what it opens."""
        share = await sharing.find(request.path_params["token"])
        await check_password(services, request, share, await _field(request, "password"))
        response = RedirectResponse(request.url.path, 303, _HEADERS)
        cookie = Cookies.of(request.scope, services.site).write(_GRANT, services.grants.issue(share.id), SECONDS)
        response.headers.append("set-cookie", cookie)
        return response

    async def copy(request: Request) -> Response:
        """Make it a chat of whoever reads it, and lead there."""
        share = await sharing.find(request.path_params["token"])
        if not can_read(request, share):
            raise SharePasswordNeeded
        note(request, await services.limits.hit("chats", payer(request)))
        chat = await sharing.copy(visitor(request).identity, share)
        return RedirectResponse(f"/chats/{chat.id}", 303, _HEADERS)

    for path, handler, method in (
        ("", show, "GET"),
        ("", unlock, "POST"),
        ("/copy", copy, "POST"),
        ("/files/{position:int}/{number:int}", show_file, "GET"),
    ):
        router.add_route(f"{PREFIX}/{{token}}{path}", _for_people(handler), methods=[method], include_in_schema=False)
    return router


def _for_people(handler: Handler) -> Handler:
    """Return the handler with its refusals as pages."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except (SharePasswordNeeded, SharePasswordWrong) as error:
            return _password_page(request, status_of(error), error.message)
        except PenstockError as error:
            response = _answer(sheet.sheet("Nothing to see here", sheet.note(error.message)), status_of(error))
            if isinstance(error, LimitReached):
                response.headers["retry-after"] = str(error.reading.retry_after)
            return response

    return answered


def _answer(page: str, status: int) -> Response:
    return HTMLResponse(page, status, _HEADERS)


def _password_page(request: Request, status: int, complaint: str = "") -> Response:
    said = f'<p class="wrong" role="alert">{complaint}</p>' if complaint else ""
    form = (
        f'{said}<form method="post" action="{escape(request.url.path)}">'
        '<label>Password<input type="password" name="password" required autofocus maxlength="200"></label>'
        "<button>Show the chat</button></form>"
    )
    return _answer(sheet.sheet("A shared chat", sheet.note("This link asks for a password."), form), status)


def _page_of(path: str, share: Share, messages: Sequence[SharedMessage], page: int, pages: int) -> str:
    about = f'<p class="dim">As it was at {sheet.moment(share.created_at)}.</p>'
    go_on = f'<form method="post" action="{escape(path)}/copy"><button>Continue as my copy</button></form>'
    first = (page - 1) * PAGE
    enclosures = {
        number: [
            sheet.Enclosure(
                name=file.name,
                is_picture=file.media_type != TEXT,
                url=f"{path}/files/{first + number}/{place}",
            )
            for place, file in enumerate(message.files)
        ]
        for number, message in enumerate(messages)
    }
    return sheet.sheet(share.title, about, sheet.articles(messages, enclosures), sheet.pager(page, pages), go_on)


def _page_number(text: str, pages: int) -> int:
    return min(max(int(text), 1), pages) if text.isdecimal() and len(text) < 10 else 1


async def _field(request: Request, name: str) -> str:
    """Return a field of the form that was sent; nothing where it is not there."""
    try:
        fields = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
    except ValueError:
        return ""
    return fields.get(name, [""])[0][:200]
