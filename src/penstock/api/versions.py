"""`/api/projects/{id}/versions`: look at versions and their files, compare, download, restore, make anew."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import Field, StringConstraints

from penstock.api.chats import PAGE, Limit
from penstock.api.limits import Paying, limited
from penstock.api.problems import LIMITED
from penstock.api.projects import BegunVersion, Key, shape_begun
from penstock.api.services import Asking, Sender, Services
from penstock.api.shapes import Body, Shape, Time
from penstock.chats.model import CursorInvalid
from penstock.projects.diff import FileDiff, Omission
from penstock.projects.model import ChangeKind, CheckStatus, Origin, VersionStatus
from penstock.projects.reading import Comparison, Download, VersionTree
from penstock.projects.service import Naming, Shown

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FOR_EVER = "private, max-age=31536000, immutable"
"""Of what is named by its hash, or can change no more."""
ASK_AGAIN = "private, no-cache"


class VersionErrorShape(Shape):
    """Why a version is not there, or not whole."""

    code: str
    message: str
    retryable: bool


class CountsShape(Shape):
    """What a version changes of its parent, in figures."""

    added: int = Field(description="Files.")
    modified: int
    deleted: int
    renamed: int
    additions: int = Field(description="Lines.")
    deletions: int


class ChangeShape(Shape):
    """What became of a file."""

    path: str
    kind: ChangeKind
    old_path: str | None = Field(description="Of one that was renamed.")
    additions: int | None = Field(description="Lines; null for what is no text.")
    deletions: int | None


class VersionShape(Shape):
    """One state of a project, or the attempt to come to one."""

    id: str
    project_id: str
    ordinal: int = Field(description="Its number in the project.")
    parent_id: str | None = Field(description="The version whose files it begins with.")
    origin: Origin
    source_id: str | None = Field(description="The version that it makes anew, goes on with, mends or restores.")
    run_id: str | None
    message_id: str | None = Field(description="The answer that tells of it.")
    status: VersionStatus
    title: str | None
    note: str | None
    pinned: bool
    model: str | None
    error: VersionErrorShape | None
    counts: CountsShape
    created_at: Time
    committed_at: Time | None = Field(description="Since then its files are all there.")
    ended_at: Time | None = Field(description="Since then nothing of it changes but its title, note and pin.")


class VersionDetail(VersionShape):
    """A version with what it changes."""

    changes: list[ChangeShape]


class VersionPage(Shape):
    """Versions, the newest first."""

    items: list[VersionShape]
    next_cursor: str | None


class VersionNames(Body):
    """What to say of a version; what is left out stays, an empty text is none."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] | None = None
    note: str | None = Field(default=None, max_length=10_000)
    pinned: bool | None = None


class FileShape(Shape):
    """A file of a version. Its content is `files/{sha256}`."""

    path: str
    sha256: str
    size: int = Field(description="Bytes.")
    is_binary: bool


class FileList(Shape):
    """The files of a version, by name."""

    version_id: str
    ordinal: int
    sha256: str = Field(description="Of all names and contents: equal for equal files.")
    is_draft: bool = Field(description="Whether they are only those that were finished before it ended.")
    items: list[FileShape]


class HunkShape(Shape):
    """Neighbouring lines of which some are different."""

    old_start: int
    new_start: int
    lines: list[str] = Field(
        description="Each behind a space, `-` or `+`; behind a backslash: the one before has no line break."
    )


class FileDiffShape(ChangeShape):
    """What became of one file, line by line."""

    hunks: list[HunkShape]
    omitted: Omission | None = Field(description="Why there are no lines, though it is different.")


class ComparisonShape(Shape):
    """What is different between two versions."""

    old_version_id: str
    new_version_id: str
    items: list[FileDiffShape]


class CheckShape(Shape):
    """What one stage of the validation has found."""

    attempt: int = Field(description="Counts repairs: 0 is the first.")
    stage: str
    status: CheckStatus
    summary: str
    data: dict[str, Any]
    started_at: Time
    ended_at: Time | None


class CheckList(Shape):
    """What was found of a version, in the order in which it was looked for."""

    items: list[CheckShape]


_VERSION_FIELDS = [name for name in VersionShape.model_fields if name != "counts"]


def shape_version(shown: Shown) -> VersionShape:
    """Return a version as it looks outside."""
    return VersionShape.model_validate(_fields(shown))


def shape_detail(shown: Shown) -> VersionDetail:
    """Return a version with its changes as it looks outside."""
    return VersionDetail.model_validate({**_fields(shown), "changes": list(shown.changes)})


def _fields(shown: Shown) -> dict[str, Any]:
    return {**{name: getattr(shown.version, name) for name in _VERSION_FIELDS}, "counts": shown.counts}


def _shape_files(found: VersionTree) -> FileList:
    return FileList(
        version_id=found.version.id,
        ordinal=found.version.ordinal,
        sha256=found.tree.sha256,
        is_draft=found.is_draft,
        items=[FileShape.model_validate(file) for file in found.tree.files],
    )


def _shape_diff(diff: FileDiff) -> FileDiffShape:
    change = ChangeShape.model_validate(diff.change)
    hunks = [HunkShape.model_validate(hunk) for hunk in diff.hunks]
    return FileDiffShape(**change.model_dump(), hunks=hunks, omitted=diff.omitted)


def _shape_comparison(found: Comparison) -> ComparisonShape:
    items = [_shape_diff(diff) for diff in found.files]
    return ComparisonShape(old_version_id=found.old.id, new_version_id=found.new.id, items=items)


def _download(found: Download, media_type: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{found.name}"', "cache-control": ASK_AGAIN}
    return Response(found.content, media_type=media_type, headers=headers)


def _bytes(about: str, media_type: str) -> dict[int | str, dict[str, Any]]:
    schema = {"type": "string", "format": "binary"}
    return {200: {"description": about, "content": {media_type: {"schema": schema}}}}


_SAME: dict[int | str, dict[str, Any]] = {304: {"description": "As it was."}}
_NAME = "The version, by its id or its number."


def routes(services: Services) -> APIRouter:  # one function for each route
    """Return the routes of versions."""
    router = APIRouter(prefix="/api/projects/{project_id}", tags=["projects"])
    projects, reader = services.projects, services.version_reader
    asking, restoring = (Depends(limited(services.limits, name)) for name in ("chat", "messages"))

    @router.get("/versions", operation_id="listVersions")
    async def list_versions(
        project_id: str, actor: Asking, limit: Limit = PAGE, cursor: Annotated[str | None, Query(max_length=20)] = None
    ) -> VersionPage:
        """List the versions of a project, the newest first."""
        if cursor is not None and not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):
            raise CursorInvalid
        before = None if cursor is None else int(cursor)
        page = await projects.versions(actor, project_id, limit=limit, before=before)
        return VersionPage(items=[shape_version(each) for each in page.items], next_cursor=page.next_cursor)

    @router.get("/versions/{version}", operation_id="getVersion")
    async def get_version(project_id: str, version: str, actor: Asking) -> VersionDetail:
        """Return a version, by its id or its number, with what it changes."""
        return shape_detail(await projects.version(actor, project_id, version))

    @router.patch("/versions/{version}", operation_id="updateVersion")
    async def update_version(project_id: str, version: str, body: VersionNames, actor: Asking) -> VersionDetail:
        """Name a version, write a note on it, pin it."""
        naming = Naming(title=body.title, note=body.note, pinned=body.pinned)
        return shape_detail(await projects.describe(actor, project_id, version, naming))

    @router.get("/versions/{version}/files", responses=_SAME, response_model=FileList, operation_id="listFiles")
    async def list_files(
        project_id: str,
        version: str,
        actor: Asking,
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        """List the files of a version; of one that failed or was stopped, those that were finished."""
        found = await reader.tree(actor, project_id, version)
        headers = {
            "etag": f'"{found.tree.sha256}"',
            "cache-control": ASK_AGAIN if found.version.is_live else FOR_EVER,
        }
        if if_none_match == headers["etag"]:
            return Response(status_code=304, headers=headers)
        # Written here: what the framework does besides costs more than all the rest where there are many files.
        body = _shape_files(found).model_dump_json(by_alias=True)
        return Response(body, media_type="application/json", headers=headers)

    @router.get(
        "/versions/{version}/files/{sha256}",
        responses={**_SAME, **_bytes("The content.", "text/plain")},
        response_class=Response,
        operation_id="getFile",
    )
    async def get_file(
        project_id: str,
        version: str,
        sha256: Hash,
        actor: Asking,
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Return the content of a file of a version, by its hash."""
        file, content = await reader.file(actor, project_id, version, sha256)
        headers = {"etag": f'"{sha256}"', "cache-control": FOR_EVER}
        if if_none_match == headers["etag"]:
            return Response(status_code=304, headers=headers)
        # Never as what it says it is: what a model wrote is shown as text, and not run in our origin.
        media_type = "application/octet-stream" if file.is_binary else "text/plain; charset=utf-8"
        return Response(content, media_type=media_type, headers=headers)

    @router.get("/versions/{version}/checks", operation_id="listChecks")
    async def list_checks(project_id: str, version: str, actor: Asking) -> CheckList:
        """Say what was found of a version, or of the same files before."""
        found = await projects.checks(actor, project_id, version)
        return CheckList(items=[CheckShape.model_validate(check) for check in found])

    @router.get("/compare", operation_id="compareVersions")
    async def compare_versions(
        project_id: str,
        actor: Asking,
        old: Annotated[str, Query(max_length=40, description=_NAME)],
        new: Annotated[str, Query(max_length=40, description=_NAME)],
        path: Annotated[str | None, Query(max_length=300, description="Only this file.")] = None,
    ) -> ComparisonShape:
        """Compare any two versions, line by line, within limits."""
        return _shape_comparison(await reader.compare(actor, project_id, old, new, path))

    @router.get(
        "/versions/{version}/zip",
        responses=_bytes("The archive.", "application/zip"),
        response_class=Response,
        operation_id="downloadVersion",
    )
    async def download_version(project_id: str, version: str, actor: Asking) -> Response:
        """Download a version: equal files are equal archives."""
        return _download(await reader.archive(actor, project_id, version), "application/zip")

    @router.get(
        "/bundle",
        responses=_bytes("The bundle: `git clone` takes it.", "application/x-git-bundle"),
        response_class=Response,
        operation_id="exportProject",
    )
    async def export_project(project_id: str, actor: Asking) -> Response:
        """Export a project as a Git bundle: a commit for each version, a tag on each, the head as `main`."""
        return _download(await reader.bundle(actor, project_id), "application/x-git-bundle")

    @router.post(
        "/versions/{version}/restore",
        status_code=201,
        responses=LIMITED,
        operation_id="restoreVersion",
        dependencies=[restoring],
    )
    async def restore_version(project_id: str, version: str, sender: Sender, key: Key = None) -> BegunVersion:
        """Make a version the head again: as another version with the same files. All others stay as they are."""
        return shape_begun(await projects.restore(sender.identity, project_id, version, key))

    @router.post(
        "/versions/{version}/regenerate",
        status_code=201,
        responses=LIMITED,
        operation_id="regenerateVersion",
        dependencies=[asking],
    )
    async def regenerate_version(project_id: str, version: str, payer: Paying, key: Key = None) -> BegunVersion:
        """Ask for a version anew: another one from the same prompt and the same files."""
        return shape_begun(await projects.regenerate(payer.visitor.identity, project_id, version, payer, key))

    @router.post(
        "/versions/{version}/retry",
        status_code=201,
        responses=LIMITED,
        operation_id="retryVersion",
        dependencies=[asking],
    )
    async def retry_version(project_id: str, version: str, payer: Paying, key: Key = None) -> BegunVersion:
        """Go on with a version that failed or was stopped, from what was finished of it; or mend one with errors."""
        return shape_begun(await projects.retry(payer.visitor.identity, project_id, version, payer, key))

    @router.post("/versions/{version}/stop", operation_id="stopVersion")
    async def stop_version(project_id: str, version: str, actor: Asking) -> VersionDetail:
        """Stop making a version; it answers once what was finished is stored (409 `run_over` when it has ended)."""
        await projects.stop(actor, project_id, version)
        return shape_detail(await projects.version(actor, project_id, version))

    return router
