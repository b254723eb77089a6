"""`/api/projects/{id}/versions/{version}/preview`: run a version to look at it; `/contract`: what it promises."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from penstock.actor import Actor
from penstock.api.previews import PEER, ask_peer, preview_url
from penstock.api.services import Asking, Services
from penstock.api.shapes import Shape
from penstock.projects.running import Shown
from penstock.sandbox.previews import Preview

_NAME = "A version: its id or its number."


class PreviewShape(Shape):
    """A version that is run."""

    id: str
    version_id: str
    status: Literal["running", "ended"]
    url: str | None = Field(
        description="Lets its bearer in, for five minutes; ask again for another. None: it has ended."
    )
    token: str | None = Field(description="For programs, as `X-Preview-Token`.")
    logs: str = Field(description="The latest of what it has said.")


class ChangeOfContract(Shape):
    """One difference between what two versions promise."""

    kind: Literal["added", "removed", "changed"]
    what: Literal["route", "parameter", "body", "response", "schema"]
    where: str = Field(description="The method and path, or the name of the schema.")
    text: str
    breaking: bool = Field(description="Whether a program that kept to the old contract may fail.")


class ContractComparison(Shape):
    """What is different between what two versions promise."""

    old_version_id: str
    new_version_id: str
    is_known: bool = Field(description="Whether both have been seen to start and to show a contract.")
    breaking: bool
    items: list[ChangeOfContract]


def routes(services: Services) -> APIRouter:
    """Return the routes of what is run."""
    router = APIRouter(prefix="/api/projects/{project_id}", tags=["projects"])
    previews = services.version_previews

    def shape(request: Request, shown: Shown) -> PreviewShape:
        preview = shown.preview
        token = previews.token(preview) if preview.is_running else None
        return PreviewShape(
            id=preview.id,
            version_id=shown.version.id,
            status="running" if preview.is_running else "ended",
            url=token and _url(services, request, preview, token),
            token=token,
            logs=preview.app.logs().decode(errors="replace"),
        )

    async def answered(request: Request, actor: Actor, project_id: str, version: str) -> Response | None:
        """Return what the process answers that has the preview, if that is not this one."""
        if PEER in request.headers:
            return None
        place = await previews.elsewhere(actor, project_id, version)
        answer = None if place is None else await ask_peer(place.process, request)
        if place is not None and answer is None:
            await previews.forget(place)
        return answer

    @router.post("/versions/{version}/preview", operation_id="startPreview", response_model=PreviewShape)
    async def start_preview(project_id: str, version: str, request: Request, actor: Asking) -> Response | PreviewShape:
        """Run a version where only its owner can look at it, or return the link to where it runs already."""
        if (answer := await answered(request, actor, project_id, version)) is not None:
            return answer
        return shape(request, await previews.start(actor, project_id, version))

    @router.get("/versions/{version}/preview", operation_id="getPreview", response_model=PreviewShape)
    async def get_preview(project_id: str, version: str, request: Request, actor: Asking) -> Response | PreviewShape:
        """Say how the preview of a version is, with its log; also of one that has ended."""
        if (answer := await answered(request, actor, project_id, version)) is not None:
            return answer
        return shape(request, await previews.find(actor, project_id, version))

    @router.delete("/versions/{version}/preview", status_code=204, operation_id="stopPreview")
    async def stop_preview(project_id: str, version: str, request: Request, actor: Asking) -> Response:
        """End the preview of a version."""
        if (answer := await answered(request, actor, project_id, version)) is not None:
            return answer
        await previews.stop(actor, project_id, version)
        return Response(status_code=204)

    @router.get("/contracts", operation_id="compareContracts")
    async def compare_contracts(
        project_id: str,
        actor: Asking,
        old: Annotated[str, Query(max_length=40, description=_NAME)],
        new: Annotated[str, Query(max_length=40, description=_NAME)],
    ) -> ContractComparison:
        """Compare what two versions promise: routes, parameters, bodies and answers, and what of it breaks programs."""
        found = await services.contracts.compare(actor, project_id, old, new)
        return ContractComparison(
            old_version_id=found.old.id,
            new_version_id=found.new.id,
            is_known=found.changes is not None,
            breaking=any(each.breaking for each in found.changes or ()),
            items=[ChangeOfContract.model_validate(each) for each in found.changes or ()],
        )

    return router


def _url(services: Services, request: Request, preview: Preview, token: str) -> str:
    """Return the link to a preview, reached as this server is: by the same scheme and port."""
    ours = urlsplit(services.site.base_url(request.scope))
    host = f"{services.preview_domain}:{ours.port}" if ours.port is not None else services.preview_domain
    return preview_url(ours.scheme, host, preview, token)
