"""`/api/projects`: ask for something to be built, look at what there is, name it, lock it, delete it.

Also `/api/stream/{projectId}`, which tells of the building in the words of the source documents.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import Field, StringConstraints

from penstock.actor import Actor
from penstock.api.chat import ChatSettings
from penstock.api.chats import PAGE, Cursor, Limit
from penstock.api.limits import Paying, limited
from penstock.api.problems import LIMITED, CursorForeign
from penstock.api.services import Asking, Services
from penstock.api.shapes import Body, ChangesOffset, MessagePage, Shape, Time, shape_messages
from penstock.api.sse import FRAME_SCHEMA, EventStream, build_frames, parse_cursor
from penstock.chats.reading import Place
from penstock.chats.sending import Send, WhenBusy
from penstock.limits.model import Payer
from penstock.projects.model import MAX_LOCKS, Project
from penstock.projects.service import Begun, Opened, Order
from penstock.runs.model import Run, RunNotFound
from penstock.sandbox.base import StackName
from penstock.streams.model import START, format_offset

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Lock = Annotated[str, StringConstraints(min_length=1, max_length=240)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Your own name of this request: sent again under it, it finds what the first has begun.",
    ),
]


class ProjectShape(Shape):
    """Something that is built by talking."""

    id: str
    chat_id: str = Field(description="The chat in which it is talked about.")
    title: str
    stack: StackName
    head_id: str | None = Field(description="The version that the next one follows.")
    good_id: str | None = Field(description="The last head that was ready.")
    locks: list[str] = Field(description="Files and folders that stay as they are.")
    created_at: Time
    updated_at: Time


class ProjectPage(Shape):
    """Projects, latest first."""

    items: list[ProjectShape]
    next_cursor: str | None
    changes_offset: ChangesOffset


class ProjectDetail(ProjectShape):
    """A project as it is now."""

    live_run_id: str | None = Field(description="The run that is making a version now.")
    changes_offset: ChangesOffset


class Prompt(Body):
    """What is to be built, or changed."""

    prompt: str
    model: str | None = Field(default=None, max_length=200, description="`provider/model`, see `/api/models`.")
    settings: ChatSettings | None = None

    def to_send(self, payer: Payer, when_busy: WhenBusy = "reject") -> Send:
        """Return the prompt in the service's terms."""
        settings = self.settings and self.settings.model_dump(by_alias=True, exclude_none=True)
        return Send(text=self.prompt, model=self.model, settings=settings, payer=payer, when_busy=when_busy)


class NewProject(Prompt):
    """A project to begin."""

    stack: str = Field(default="python", max_length=50, description="What it is written for: `python` or `node`.")


class NewVersion(Prompt):
    """A version to make."""

    base_version_id: str | None = Field(
        default=None, description="The version to begin with, by its id or number; else the last one."
    )
    when_busy: WhenBusy = Field(default="reject", description="As of `POST /api/chat`.")


class BegunVersion(Shape):
    """Where a version that was asked for can be followed: all there is of it so far."""

    project_id: str
    version_id: str
    ordinal: int
    chat_id: str
    run_id: str | None = Field(description="Its stream is `/v1/stream/runs/{runId}`; none of one that is restored.")
    message_id: str | None = Field(description="The answer that tells of it.")


class ProjectChanges(Body):
    """What to change of a project; what is left out stays."""

    title: Title | None = None
    locks: list[Lock] | None = Field(
        default=None,
        max_length=MAX_LOCKS,
        description="All files, folders and patterns that no model may change from now on.",
    )


def shape_project(project: Project, locks: Any) -> ProjectShape:
    """Return a project as it looks outside."""
    return ProjectShape.model_validate({**_fields(project), "locks": list(locks)})


def _fields(project: Project) -> dict[str, Any]:
    names = ("id", "chat_id", "title", "stack", "head_id", "good_id", "created_at", "updated_at")
    return {name: getattr(project, name) for name in names}


def _shape_opened(opened: Opened) -> ProjectDetail:
    return ProjectDetail.model_validate(
        {
            **_fields(opened.project),
            "locks": list(opened.locks),
            "live_run_id": opened.live_run_id,
            "changes_offset": format_offset(opened.changes),
        }
    )


def shape_begun(begun: Begun) -> BegunVersion:
    """Return a version that was asked for as it looks outside."""
    version = begun.version
    return BegunVersion(
        project_id=version.project_id,
        version_id=version.id,
        ordinal=version.ordinal,
        chat_id=begun.chat_id,
        run_id=version.run_id,
        message_id=version.message_id,
    )


_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: one event of the building a frame.",
        "content": {"text/event-stream": {"schema": FRAME_SCHEMA}},
    },
    204: {"description": "Nothing has been asked for that could be told of."},
}


def routes(services: Services) -> APIRouter:
    """Return the routes of projects."""
    router = APIRouter(prefix="/api", tags=["projects"])
    projects = services.projects
    asking = Depends(limited(services.limits, "chat"))

    @router.post("/projects", status_code=201, responses=LIMITED, operation_id="createProject", dependencies=[asking])
    async def create_project(body: NewProject, payer: Paying, key: Key = None) -> BegunVersion:
        """Begin a project with its first prompt. It answers at once; the building belongs to a run."""
        return shape_begun(await projects.create(payer.visitor.identity, body.to_send(payer), body.stack, key))

    @router.get("/projects", operation_id="listProjects")
    async def list_projects(actor: Asking, limit: Limit = PAGE, cursor: Cursor = None) -> ProjectPage:
        """List your projects, latest first."""
        page = await projects.list(actor, limit=limit, cursor=cursor)
        items = [shape_project(project, locks) for project, locks in page.items]
        return ProjectPage(items=items, next_cursor=page.next_cursor, changes_offset=format_offset(page.changes))

    @router.get("/projects/{project_id}", operation_id="getProject")
    async def get_project(project_id: str, actor: Asking) -> ProjectDetail:
        """Return a project."""
        return _shape_opened(await projects.open(actor, project_id))

    @router.patch("/projects/{project_id}", operation_id="updateProject")
    async def update_project(project_id: str, body: ProjectChanges, actor: Asking) -> ProjectDetail:
        """Rename a project, or say which of its files stay as they are."""
        return _shape_opened(await projects.change(actor, project_id, title=body.title, locks=body.locks))

    @router.delete("/projects/{project_id}", status_code=204, operation_id="deleteProject")
    async def delete_project(project_id: str, actor: Asking) -> None:
        """Delete a project with all its versions and its chat."""
        await projects.delete(actor, project_id)

    @router.get("/projects/{project_id}/messages", operation_id="listProjectMessages")
    async def list_messages(
        project_id: str,
        actor: Asking,
        limit: Limit = PAGE,
        cursor: Cursor = None,
        leaf: Annotated[str | None, Query(description="As of `GET /api/chats/{id}/messages`.")] = None,
        at: Annotated[str | None, Query(description="As of `GET /api/chats/{id}/messages`.")] = None,
    ) -> MessagePage:
        """Page through what was said about a project, as through any chat."""
        project = await projects.get(actor, project_id)
        place = Place(leaf_id=leaf, at_id=at, cursor=cursor)
        return shape_messages(await services.chats.messages(actor, project.chat_id, limit=limit, place=place))

    @router.post(
        "/projects/{project_id}/versions",
        status_code=201,
        responses=LIMITED,
        operation_id="createVersion",
        dependencies=[asking],
    )
    async def create_version(project_id: str, body: NewVersion, payer: Paying, key: Key = None) -> BegunVersion:
        """Ask for the next version. It answers at once; the building belongs to a run."""
        send = body.to_send(payer, body.when_busy)
        order = Order(project_id=project_id, base_id=body.base_version_id, send=send, key=key)
        return shape_begun(await projects.make_next(payer.visitor.identity, order))

    async def run_to_show(actor: Actor, project_id: str, cursor: str | None) -> tuple[Run, Any] | None:
        """Return the run that is meant and where to begin: the cursor's, the live one, or the last one."""
        opened = await projects.open(actor, project_id)
        if cursor is None:
            run_id = opened.live_run_id or await projects.last_run_id(actor, project_id)
            return None if run_id is None else (await services.runs.get(actor, run_id), START)
        run_id, start = parse_cursor(cursor)
        try:
            run = await services.runs.get(actor, run_id)
        except RunNotFound:
            raise CursorForeign from None
        if run.chat_id != opened.project.chat_id:
            raise CursorForeign
        return run, start

    @router.get("/stream/{project_id}", responses=_STREAM, operation_id="followProject")
    async def follow_project(
        project_id: str,
        actor: Asking,
        after: Annotated[str | None, Query(description="The `id` of the last frame that was read.")] = None,
        last_event_id: Annotated[str | None, Header(description="As `after`, and wins over it.")] = None,
    ) -> Response:
        """Follow what is being built, from its beginning or from behind the last frame that was read."""
        shown = await run_to_show(actor, project_id, last_event_id or after)
        if shown is None:
            return Response(status_code=204)
        run, start = shown
        stream_id = await services.follower.find(actor, run.stream_path)
        # Asked before the answer begins, so that an offset behind the end is an error and not an empty stream.
        await services.follower.read(stream_id, start)
        frames = build_frames(services.follower, stream_id, run.id, start, services.heartbeat_seconds)
        return EventStream(frames)

    return router
