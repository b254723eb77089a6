"""`/api/shares`: snapshots of chats that others read by a link; what the link leads to is in `links`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi import Body as JsonBody
from pydantic import AwareDatetime, Field

from penstock.api.limits import limited
from penstock.api.links import PREFIX, check_password
from penstock.api.problems import LIMITED
from penstock.api.services import Asking, Sender, Services
from penstock.api.shapes import Body, ChatShape, Shape, Time, shape_chat
from penstock.chats.sharing.model import Share
from penstock.kit.clock import LATEST, Millis

Password = Annotated[str, Field(min_length=1, max_length=200)]


class NewShare(Body):
    """A snapshot to make."""

    leaf_id: str | None = Field(default=None, description="The last message to show; that of the chosen path without.")
    password: Password | None = Field(default=None, description="To be asked of whoever has the link.")
    expires_at: AwareDatetime | None = Field(default=None, description="Never, without it.")


class ShareShape(Shape):
    """A snapshot, without its link."""

    id: str
    chat_id: str
    title: str = Field(description="As it was then.")
    hint: str = Field(description="The last characters of the link.")
    message_count: int
    has_password: bool
    created_at: Time
    expires_at: Time | None


class MadeShare(ShareShape):
    """A new snapshot."""

    url: str = Field(description="The link. Shown now and never again.")
    token: str = Field(description="The last part of it.")


class SharePage(Shape):
    """Snapshots, newest first."""

    items: list[ShareShape]
    next_cursor: None = None


class Opening(Body):
    """What a link may ask for."""

    password: Password | None = None


def routes(services: Services) -> APIRouter:
    """Return the routes of snapshots."""
    router = APIRouter(prefix="/api", tags=["chats"])
    sharing = services.sharing

    @router.get("/shares", operation_id="listShares")
    async def list_shares(actor: Asking) -> SharePage:
        """List what you share."""
        return _page(await sharing.list(actor))

    @router.get("/chats/{chat_id}/shares", operation_id="listSharesOfChat")
    async def list_shares_of_chat(chat_id: str, actor: Asking) -> SharePage:
        """List what you share of a chat."""
        return _page(await sharing.list_of_chat(actor, chat_id))

    @router.post(
        "/chats/{chat_id}/shares",
        status_code=201,
        responses=LIMITED,
        operation_id="createShare",
        dependencies=[Depends(limited(services.limits, "chats"))],
    )
    async def create_share(chat_id: str, body: NewShare, request: Request, actor: Asking) -> MadeShare:
        """Share a path of a chat as it is now: what is said in it later is not shown."""
        share, token = await sharing.create(
            actor,
            chat_id,
            leaf_id=body.leaf_id,
            password=body.password,
            expires_at=_millis(body.expires_at),
        )
        url = f"{services.site.base_url(request.scope)}{PREFIX}/{token}"
        return MadeShare(**ShareShape.model_validate(share).model_dump(), url=url, token=token)

    @router.delete("/shares/{share_id}", status_code=204, operation_id="revokeShare")
    async def revoke_share(share_id: str, actor: Asking) -> None:
        """Take a link back; it leads nowhere from now on. Copies that others have made are theirs."""
        await sharing.revoke(actor, share_id)

    @router.post(
        "/shares/{token}/copy",
        status_code=201,
        responses=LIMITED,
        operation_id="copyShare",
        dependencies=[Depends(limited(services.limits, "chats"))],
    )
    async def copy_share(
        token: str, request: Request, sender: Sender, body: Annotated[Opening | None, JsonBody()] = None
    ) -> ChatShape:
        """Go on with what somebody shares, as a chat of your own."""
        share = await sharing.find(token)
        await check_password(services, request, share, body and body.password)
        return shape_chat(await sharing.copy(sender.identity, share))

    return router


def _page(shares: Sequence[Share]) -> SharePage:
    return SharePage(items=[ShareShape.model_validate(share) for share in shares])


def _millis(at: datetime | None) -> Millis | None:
    return None if at is None else Millis(min(int(at.timestamp() * 1000), LATEST))
