"""What the routes call. Built once, in `app.py`, and handed to each module of routes."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import Request

from penstock.actor import Actor, Visitor
from penstock.api.site import Site
from penstock.auth.identify import Identifier
from penstock.auth.model import Session, SignInRequired
from penstock.auth.oidc import Oidc
from penstock.auth.service import AccountService
from penstock.auth.tokens import TokenService
from penstock.auth.visitor import VisitorCookies
from penstock.auth.watch import Watch
from penstock.chats.completions import CompletionService
from penstock.chats.filing.service import FilingService
from penstock.chats.outlook import Outlook
from penstock.chats.search.service import SearchService
from penstock.chats.sending import Sending
from penstock.chats.service import ChatService
from penstock.chats.sharing.grants import Grants
from penstock.chats.sharing.service import SharingService
from penstock.chats.speech import Speech
from penstock.chats.templates.service import TemplateService
from penstock.chats.transfer.exporting import Exports
from penstock.chats.transfer.importing import Imports
from penstock.db.database import Database
from penstock.files.service import FileService
from penstock.inbox.service import ErrorInbox
from penstock.keys.service import KeyService
from penstock.limits.quotas import Quotas
from penstock.limits.requests import RequestLimits
from penstock.metrics import Metrics
from penstock.projects.contracts import Contracts
from penstock.projects.outlook import ProjectOutlook
from penstock.projects.reading import VersionReader
from penstock.projects.running import VersionPreviews
from penstock.projects.service import ProjectService
from penstock.providers.catalog import Catalog
from penstock.providers.router import Router
from penstock.runs.service import RunService
from penstock.sandbox.base import Sandbox
from penstock.sandbox.previews import Previews
from penstock.streams.follow import Follower
from penstock.streams.service import StreamService
from penstock.streams.subscriptions.keys import Keys
from penstock.streams.subscriptions.service import SubscriptionService


@dataclass(frozen=True, kw_only=True)
class Features:
    """What this server offers, as far as pages have to know it."""

    sign_up: bool = True
    guests: bool = True
    max_message_chars: int = 10_000
    session_days: float = 90
    """How long a browser keeps the cookie of its session."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """The services behind the API, and the figures that the API itself needs."""

    database: Database
    chats: ChatService
    sending: Sending
    filing: FilingService
    projects: ProjectService
    contracts: Contracts
    version_previews: VersionPreviews
    version_reader: VersionReader
    templates: TemplateService
    sharing: SharingService
    grants: Grants
    search: SearchService
    exports: Exports
    imports: Imports
    completions: CompletionService
    outlook: Outlook
    project_outlook: ProjectOutlook
    files: FileService
    speech: Speech
    runs: RunService
    catalog: Catalog
    router: Router
    provider_keys: KeyService
    follower: Follower
    streams: StreamService
    subscriptions: SubscriptionService
    keys: Keys
    open_streams: bool
    """Whether everybody may use all streams: for protocol tests."""
    cookies: VisitorCookies
    accounts: AccountService
    oidc: Oidc | None
    tokens: TokenService
    identifier: Identifier
    watch: Watch
    site: Site
    features: Features
    metrics: Metrics
    inbox: ErrorInbox
    log_requests: bool
    heartbeat_seconds: float
    long_poll_seconds: float
    recycle_seconds: float
    max_body_bytes: int
    max_import_bytes: int
    quotas: Quotas
    sandbox: Sandbox
    previews: Previews
    preview_domain: str
    limits: RequestLimits
    trusted_proxies: int


def visitor(request: Request) -> Visitor:
    """Return who sent a request."""
    return cast("Visitor", request.scope["penstock.visitor"])


def actor(request: Request) -> Actor:
    """Return the actor behind a request."""
    return Actor(visitor(request).identity)


def session(request: Request) -> Session | None:
    """Return the session of whoever sent a request, if they are signed in."""
    return cast("Session | None", request.scope["penstock.session"])


def signed_in(request: Request) -> Session:
    """Return the session of an account or a guest. Raises SignInRequired."""
    found = session(request)
    if found is None:
        raise SignInRequired
    return found


def signed_up(request: Request) -> Session:
    """Return the session of an account, which guests have not. Raises SignInRequired."""
    found = signed_in(request)
    if found.kind == "guest":
        raise SignInRequired
    return found


def known(request: Request) -> Visitor:
    """Return who sent a request: the owner, an account or a guest, whom a mere cookie is not. Raises SignInRequired."""
    found = visitor(request)
    if found.kind == "anonymous":
        raise SignInRequired
    return found


Sender = Annotated[Visitor, Depends(visitor)]
Known = Annotated[Visitor, Depends(known)]
Asking = Annotated[Actor, Depends(actor)]
MaybeSession = Annotated[Session | None, Depends(session)]
SignedIn = Annotated[Session, Depends(signed_in)]
SignedUp = Annotated[Session, Depends(signed_up)]
