"""What each kind of caller is answered on every route of the document: the table that `test_matrix` holds servers to.

A new route has to find its row here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import uuid4

from harness.people import new_email

CALLERS = (
    "anonymous",  # without any cookie
    "visitor",  # with a cookie and a chat of their own
    "guest",
    "user",
    "token",  # of another user, for all that tokens can do
    "signed-out",  # the owner's own session, shown again after it has ended
    "revoked",  # the same, ended from another browser
    "reading",  # the owner's own token, for looking only
    "holder",  # a visitor with the link to a snapshot of the owner's chat
)
"""The holder of a link is answered as any visitor, but where a verdict says what the link gives."""


@dataclass(frozen=True, kw_only=True)
class Things:
    """What somebody has, by the names that probes use; what nobody has, unless told otherwise."""

    chat: str = field(default_factory=lambda: str(uuid4()))
    live: str = field(default_factory=lambda: str(uuid4()))
    run: str = field(default_factory=lambda: str(uuid4()))
    message: str = field(default_factory=lambda: str(uuid4()))
    session: str = field(default_factory=lambda: str(uuid4()))
    token: str = field(default_factory=lambda: str(uuid4()))
    account: str = field(default_factory=lambda: str(uuid4()))
    folder: str = field(default_factory=lambda: str(uuid4()))
    template: str = field(default_factory=lambda: str(uuid4()))
    share: str = field(default_factory=lambda: str(uuid4()))
    attachment: str = field(default_factory=lambda: str(uuid4()))
    """Sent with a message; nobody else's, also not by a link to another chat."""
    unsent: str = field(default_factory=lambda: str(uuid4()))
    brought: str = field(default_factory=lambda: str(uuid4()))
    """A file that was brought in."""
    link: str = field(default_factory=lambda: f"psh_{uuid4().hex}")
    """The secret of the link. Who knows it has the link: of all callers, the holder alone."""
    project: str = field(default_factory=lambda: str(uuid4()))
    version: str = field(default_factory=lambda: str(uuid4()))
    email: str = field(default_factory=new_email)
    cursor: str = field(default_factory=lambda: f"{uuid4()}:0000000000000001")
    alias: str = field(default_factory=lambda: uuid4().hex)
    """A client's own id of the chat, and of the message in it."""


@dataclass(frozen=True)
class Probe:
    """A request and what each caller is answered. `$chat` in it is somebody's chat, `$own` one of the caller's."""

    verdict: str
    path: str
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def expected(self, caller: str) -> int:
        """Return the status for a caller."""
        statuses = self.verdict.split()
        is_visitor = caller == "holder" and len(statuses) < len(CALLERS)
        return int(statuses[CALLERS.index("visitor" if is_visitor else caller)])


#                anon visit guest user token s-out revok reading holder
THEIRS_READ = "  404  404   404   404  404   401   401   200"
THEIRS_EMPTY = " 404  404   404   404  404   401   401   409"
THEIRS_GONE = "   404  404   404   404  404   401   401   200"
THEIRS_CHANGED = "404 404   404   404  404   401   401   403"
OWN_READ = "     200  200   200   200  200   401   401   200"
OF_THE_SERVER = "200 200   200   200  403   401   401   403"
OWN_MADE = "     201  201   201   201  201   401   401   403"
OWN_ASKED = "    200  200   200   200  200   401   401   403"
FOREIGN_READ = " 404  404   404   404  404   401   401   404"
ALL_FORBIDDEN = "403  403   403   403  403   401   401   403"
FOREIGN_AFTER = "404  409   409   409  409   401   401   404"
THEIRS_SAME = "  404  404   404   404  404   401   401   304"
NO_BODYS_READ = "404  404   404   404  404   401   401   404"
NOBODYS = "      404  404   404   404  404   401   401   403"
UNWRITTEN = "    405  405   405   405  405   401   401   403"
OWNERS = "       404  404   404   404  403   401   401   403"
COMPLETED = "   401  401   200   200  200   401   401   403"
PUBLIC = "       200  200   200   200  200   200   200   200"
WHO_AM_I = PUBLIC
REFUSED_ENTRY = "401  401   401   401  403   401   401   403"
REFUSED_JOIN = " 422  422   422   422  403   422   422   403"
SESSION_READ = " 401  401   200   200  403   401   401   403"
SESSION_LEFT = " 401  401   204   204  403   401   401   403"
SESSION_ENDED = "401  401   404   404  403   401   401   403"
TOKEN_READ = "   401  401   401   200  403   401   401   403"
TOKEN_MADE = "   401  401   401   201  403   401   401   403"
TOKEN_ENDED = "  401  401   401   404  403   401   401   403"
AS_GUEST = "     201  201   409   409  403   201   201   403"
ABSENT = "       404  404   404   404  403   404   404   403"
SENT_BACK = "    303  303   303   303  403   303   303   403"
FAREWELL = "     401  401   204   401  403   401   401   403"
LEFT = "         204  204   204   204  403   204   204   403"
NOT_HEARD = "   409  409   409   409  409   401   401   403"
TAKEN_IN = "     401  401   202   202  202   401   401   403"
NO_FORM = "     422  422   422   422  422   401   401   403"
LINK_READ = "    404  404   404   404  403   404   404   403    200"
LINK_FOLLOWED = "404  404   404   404  403   404   404   403    303"
LINK_COPIED = "  404  404   404   404  404   401   401   403    201"

PROJECT = "/api/projects/{project_id}"
VERSION = f"{PROJECT}/versions/{{version}}"
SUBSCRIPTION = "/v1/stream/__ds/subscriptions/{name}"
TABLE: Mapping[str, tuple[Probe, ...]] = {
    "GET /healthz": (Probe(PUBLIC, "/healthz"),),
    "GET /readyz": (Probe(PUBLIC, "/readyz"),),
    "GET /metrics": (Probe(PUBLIC, "/metrics"),),
    "GET /api/models": (Probe(OWN_READ, "/api/models"),),
    "GET /api/models/{model_id}/support": (Probe(OWN_READ, "/api/models/openai/echo-3/support"),),
    "GET /v1/models": (Probe(OWN_READ, "/v1/models"),),
    "GET /v1/models/{model_id}": (Probe(OWN_READ, "/v1/models/openai/echo-3-1"),),
    "POST /v1/chat/completions": (
        Probe(
            COMPLETED,
            "/v1/chat/completions",
            {"model": "openai/echo-1-1", "messages": [{"role": "user", "content": "mine"}]},
        ),
    ),
    "GET /api/usage": (Probe(OWN_READ, "/api/usage"),),
    "GET /api/sandbox": (Probe(OF_THE_SERVER, "/api/sandbox"),),
    "GET /api/me": (Probe(WHO_AM_I, "/api/me"),),
    "GET /api/chats": (Probe(OWN_READ, "/api/chats"),),
    "POST /api/chats": (Probe(OWN_MADE, "/api/chats", {"title": "mine"}),),
    "GET /api/chats/{chat_id}": (Probe(THEIRS_READ, "/api/chats/$chat"), Probe(THEIRS_READ, "/api/chats/$live")),
    "PATCH /api/chats/{chat_id}": (
        Probe(THEIRS_CHANGED, "/api/chats/$chat", {"title": "taken"}),
        Probe(THEIRS_CHANGED, "/api/chats/$chat", {"model": "openai/echo-1-1", "systemPrompt": "Be rude."}),
        Probe(THEIRS_CHANGED, "/api/chats/$own", {"leafId": "$message"}),
        Probe(THEIRS_CHANGED, "/api/chats/$own", {"folderId": "$folder"}),
        Probe(THEIRS_CHANGED, "/api/chats/$chat", {"pinned": True, "archived": True, "tags": ["x"], "folderId": None}),
    ),
    "POST /api/chats/bulk": (
        Probe(THEIRS_CHANGED, "/api/chats/bulk", {"action": "delete", "ids": ["$chat", "$live"]}),
        Probe(THEIRS_CHANGED, "/api/chats/bulk", {"action": "delete", "ids": ["$own", "$chat"]}),
        Probe(THEIRS_CHANGED, "/api/chats/bulk", {"action": "archive", "ids": ["$chat"]}),
    ),
    "PATCH /api/chats/{chat_id}/messages/{message_id}": (
        Probe(THEIRS_CHANGED, "/api/chats/$chat/messages/$message", {"rating": "down"}),
        Probe(THEIRS_CHANGED, "/api/chats/$own/messages/$message", {"reactions": ["🎉"]}),
    ),
    "GET /api/folders": (Probe(OWN_READ, "/api/folders"),),
    "POST /api/folders": (
        Probe(OWN_MADE, "/api/folders", {"name": "mine"}),
        Probe(THEIRS_CHANGED, "/api/folders", {"name": "mine", "parentId": "$folder"}),
    ),
    "PATCH /api/folders/{folder_id}": (
        Probe(THEIRS_CHANGED, "/api/folders/$folder", {"name": "taken"}),
        Probe(THEIRS_CHANGED, "/api/folders/$folder", {"parentId": None}),
    ),
    "DELETE /api/folders/{folder_id}": (Probe(THEIRS_CHANGED, "/api/folders/$folder"),),
    "GET /api/tags": (Probe(OWN_READ, "/api/tags"),),
    "GET /api/projects": (Probe(OWN_READ, "/api/projects"),),
    "POST /api/projects": (Probe(OWN_MADE, "/api/projects", {"prompt": "mine", "model": "openai/echo-1-1"}),),
    f"GET {PROJECT}": (Probe(THEIRS_READ, "/api/projects/$project"),),
    f"PATCH {PROJECT}": (Probe(THEIRS_CHANGED, "/api/projects/$project", {"title": "taken", "locks": ["x"]}),),
    f"DELETE {PROJECT}": (Probe(THEIRS_CHANGED, "/api/projects/$project"),),
    f"GET {PROJECT}/messages": (Probe(THEIRS_READ, "/api/projects/$project/messages"),),
    f"POST {PROJECT}/context": (Probe(THEIRS_CHANGED, "/api/projects/$project/context", {"prompt": "put there"}),),
    f"GET {PROJECT}/versions": (Probe(THEIRS_READ, "/api/projects/$project/versions"),),
    f"POST {PROJECT}/versions": (
        Probe(THEIRS_CHANGED, "/api/projects/$project/versions", {"prompt": "put there", "baseVersionId": "$version"}),
    ),
    f"GET {PROJECT}/compare": (Probe(THEIRS_EMPTY, "/api/projects/$project/compare?old=$version&new=1"),),
    f"GET {PROJECT}/contracts": (Probe(THEIRS_READ, "/api/projects/$project/contracts?old=$version&new=1"),),
    f"GET {PROJECT}/bundle": (Probe(THEIRS_EMPTY, "/api/projects/$project/bundle"),),
    f"GET {VERSION}": (
        Probe(THEIRS_READ, "/api/projects/$project/versions/$version"),
        Probe(THEIRS_READ, "/api/projects/$project/versions/1"),
    ),
    f"PATCH {VERSION}": (Probe(THEIRS_CHANGED, "/api/projects/$project/versions/$version", {"note": "taken"}),),
    f"GET {VERSION}/files": (Probe(THEIRS_READ, "/api/projects/$project/versions/$version/files"),),
    f"GET {VERSION}/files/{{sha256}}": (
        Probe(FOREIGN_READ, f"/api/projects/$project/versions/$version/files/{'0' * 64}"),
    ),
    f"GET {VERSION}/checks": (Probe(THEIRS_READ, "/api/projects/$project/versions/$version/checks"),),
    f"GET {VERSION}/preview": (Probe(FOREIGN_READ, "/api/projects/$project/versions/$version/preview"),),
    f"DELETE {VERSION}/preview": (Probe(THEIRS_CHANGED, "/api/projects/$project/versions/$version/preview"),),
    f"GET {VERSION}/zip": (Probe(THEIRS_EMPTY, "/api/projects/$project/versions/$version/zip"),),
    **{
        f"POST {VERSION}/{action}": (Probe(THEIRS_CHANGED, f"/api/projects/$project/versions/$version/{action}"),)
        for action in ("restore", "regenerate", "retry", "stop", "preview")
    },
    "GET /api/stream/{project_id}": (Probe(THEIRS_READ, "/api/stream/$project"),),
    "GET /api/search": (
        Probe(OWN_READ, "/api/search?q=mine"),
        Probe(OWN_READ, "/api/search?q=mine&chat=$chat&folder=$folder"),
    ),
    "GET /api/templates": (Probe(OWN_READ, "/api/templates"),),
    "POST /api/templates": (
        Probe(OWN_MADE, "/api/templates", {"name": "mine", "text": "x"}),
        Probe(ALL_FORBIDDEN, "/api/templates", {"name": "mine", "text": "x", "isHouse": True}),
    ),
    "PATCH /api/templates/{template_id}": (Probe(THEIRS_CHANGED, "/api/templates/$template", {"name": "taken"}),),
    "DELETE /api/templates/{template_id}": (Probe(THEIRS_CHANGED, "/api/templates/$template"),),
    "GET /api/export": (Probe(OWN_READ, "/api/export"), Probe(OWN_READ, "/api/export?format=markdown")),
    "GET /api/chats/{chat_id}/export": (
        Probe(THEIRS_READ, "/api/chats/$chat/export"),
        Probe(THEIRS_READ, "/api/chats/$chat/export?format=json"),
        Probe(THEIRS_READ, "/api/chats/$live/export?format=html"),
    ),
    "POST /api/transcriptions": (Probe(NOT_HEARD, "/api/transcriptions", {"not": "a recording"}),),
    "GET /api/import": (Probe(OWN_READ, "/api/import"),),
    "POST /api/import": (Probe(TAKEN_IN, "/api/import", {"conversationId": "x", "messages": []}),),
    "GET /api/import/{import_id}": (Probe(THEIRS_READ, "/api/import/$brought"),),
    "GET /api/shares": (Probe(OWN_READ, "/api/shares"),),
    "GET /api/chats/{chat_id}/shares": (Probe(THEIRS_READ, "/api/chats/$chat/shares"),),
    "POST /api/chats/{chat_id}/shares": (
        Probe(THEIRS_CHANGED, "/api/chats/$chat/shares", {}),
        Probe(THEIRS_CHANGED, "/api/chats/$own/shares", {"leafId": "$message"}),
    ),
    "DELETE /api/shares/{share_id}": (
        Probe(THEIRS_CHANGED, "/api/shares/$share"),
        Probe(THEIRS_CHANGED, "/api/shares/$link"),
    ),
    "POST /api/shares/{token}/copy": (
        Probe(LINK_COPIED, "/api/shares/$link/copy"),
        Probe(THEIRS_CHANGED, "/api/shares/$share/copy"),
    ),
    "GET /api/chats/{chat_id}/usage": (Probe(THEIRS_READ, "/api/chats/$chat/usage"),),
    "GET /api/chats/{chat_id}/messages": (
        Probe(THEIRS_READ, "/api/chats/$chat/messages"),
        Probe(THEIRS_READ, "/api/chats/$chat/messages?leaf=$message"),
        Probe(THEIRS_READ, "/api/chats/$chat/messages?at=$message"),
        Probe(FOREIGN_READ, "/api/chats/$own/messages?at=$message"),
    ),
    "POST /api/chats/{chat_id}/messages": (
        Probe(THEIRS_CHANGED, "/api/chats/$own/messages", {"message": "x", "attachments": [{"id": "$attachment"}]}),
        Probe(THEIRS_CHANGED, "/api/chats/$chat/messages", {"message": "put there"}),
        Probe(THEIRS_CHANGED, "/api/chats/$chat/messages", {"message": "put there", "clientMessageId": "$alias"}),
    ),
    "POST /api/chats/{chat_id}/context": (
        Probe(THEIRS_CHANGED, "/api/chats/$chat/context", {"message": "put there"}),
        Probe(THEIRS_CHANGED, "/api/chats/$own/context", {"attachments": ["$unsent"]}),
    ),
    "POST /api/attachments": (Probe(NO_FORM, "/api/attachments", {"file": "mine"}),),
    "GET /api/attachments/{attachment_id}": (
        Probe(THEIRS_READ, "/api/attachments/$attachment"),
        Probe(THEIRS_READ, "/api/attachments/$unsent"),
    ),
    "DELETE /api/attachments/{attachment_id}": (
        Probe(THEIRS_CHANGED, "/api/attachments/$attachment"),
        Probe(THEIRS_CHANGED, "/api/attachments/$unsent"),
    ),
    "DELETE /api/chats/{chat_id}": (
        Probe(THEIRS_CHANGED, "/api/chats/$chat"),
        Probe(THEIRS_CHANGED, "/api/chats/$live"),
    ),
    "POST /api/chat": (
        Probe(THEIRS_CHANGED, "/api/chat", {"chatId": "$own", "message": "x", "attachments": [{"id": "$attachment"}]}),
        Probe(THEIRS_CHANGED, "/api/chat", {"message": "x", "attachments": [{"id": "$unsent"}]}),
        Probe(THEIRS_CHANGED, "/api/chat", {"message": "x", "attachments": [{"url": "/api/attachments/$unsent"}]}),
        Probe(THEIRS_CHANGED, "/api/chat", {"chatId": "$chat", "message": "put there"}),
        Probe(THEIRS_CHANGED, "/api/chat", {"conversationId": "$chat", "message": "put there"}),
        Probe(THEIRS_CHANGED, "/api/chat", {"chatId": "$live", "message": "put there", "whenBusy": "interrupt"}),
        Probe(THEIRS_CHANGED, "/api/chat", {"chatId": "$live", "message": "put there", "whenBusy": "enqueue"}),
        Probe(THEIRS_CHANGED, "/api/chat", {"chatId": "$chat", "message": "put there", "temporary": True}),
        Probe(THEIRS_CHANGED, "/api/chat", {"chatId": "$chat", "message": "x", "compareWith": "openai/echo-1-1"}),
        Probe(
            THEIRS_CHANGED,
            "/api/chat",
            {"chatId": "$chat", "trigger": "regenerate-message", "messageId": "$message"},
        ),
        Probe(THEIRS_CHANGED, "/api/chat", {"chatId": "$chat", "trigger": "continue-message"}),
        # What is somebody else's in a chat of one's own.
        Probe(
            THEIRS_CHANGED, "/api/chat", {"chatId": "$own", "trigger": "regenerate-message", "messageId": "$message"}
        ),
        Probe(THEIRS_CHANGED, "/api/chat", {"chatId": "$own", "trigger": "continue-message", "messageId": "$message"}),
        Probe(THEIRS_CHANGED, "/api/chat", {"chatId": "$own", "message": "put there", "messageId": "$message"}),
        Probe(THEIRS_CHANGED, "/api/chat", {"chatId": "$own", "message": "put there", "messageId": "$alias"}),
        Probe(THEIRS_CHANGED, "/api/chat", {"chatId": "$own", "message": "put there", "parentId": "$message"}),
        Probe(THEIRS_CHANGED, "/api/chat", {"templateId": "$template"}),
        Probe(THEIRS_CHANGED, "/api/chat/stream", {"chatId": "$chat", "message": "put there"}),
        Probe(THEIRS_CHANGED, "/api/chat", {"message": "put there", "projectId": "$project"}),
        # A client's own ids name nothing of others.
        Probe(
            OWN_ASKED,
            "/api/chat",
            {
                "id": "$alias",
                "messages": [{"id": "$alias", "role": "user", "content": "mine"}],
                "model": "openai/echo-1-1",
                "responseMode": "sync",
            },
        ),
    ),
    "GET /api/chat/{chat_id}/stream": (
        Probe(THEIRS_READ, "/api/chat/$live/stream"),
        Probe(THEIRS_READ, "/api/chat/$live/stream?after=$cursor"),
        Probe(THEIRS_READ, "/api/chat/$live/stream", headers={"last-event-id": "$cursor"}),
        Probe(FOREIGN_AFTER, "/api/chat/$own/stream?after=$cursor"),
    ),
    "GET /api/runs/{run_id}": (Probe(THEIRS_READ, "/api/runs/$run"),),
    "POST /api/runs/{run_id}/stop": (Probe(THEIRS_CHANGED, "/api/runs/$run/stop"),),
    "GET /v1/stream/{path}": (
        Probe(THEIRS_READ, "/v1/stream/runs/$run"),
        Probe(THEIRS_READ, "/v1/stream/runs/$run?offset=-1&live=sse"),
        Probe(THEIRS_READ, "/v1/stream/runs/$run?offset=-1&live=long-poll"),
        Probe(THEIRS_SAME, "/v1/stream/runs/$run", headers={"if-none-match": "*"}),
        Probe(THEIRS_READ, "/v1/stream/users/$account/changes"),
        Probe(OWN_READ, "/v1/stream/users/me/changes"),
        # Only of a temporary chat are there any.
        Probe(FOREIGN_READ, "/v1/stream/chats/$chat/questions"),
    ),
    "HEAD /v1/stream/{path}": (
        Probe(THEIRS_READ, "/v1/stream/runs/$run"),
        Probe(THEIRS_READ, "/v1/stream/users/$account/changes"),
    ),
    "PUT /v1/stream/{path}": (
        Probe(UNWRITTEN, "/v1/stream/runs/$run"),
        Probe(UNWRITTEN, "/v1/stream/new", headers={"stream-forked-from": "/v1/stream/runs/$run"}),
    ),
    "POST /v1/stream/{path}": (
        Probe(UNWRITTEN, "/v1/stream/runs/$run", [{"type": "forged"}]),
        Probe(UNWRITTEN, "/v1/stream/runs/$run", headers={"stream-closed": "true"}),
        Probe(UNWRITTEN, "/v1/stream/users/$account/changes", [{"type": "forged"}]),
    ),
    "DELETE /v1/stream/{path}": (Probe(UNWRITTEN, "/v1/stream/runs/$run"),),
    "GET /v1/stream/__ds/jwks.json": (Probe(NO_BODYS_READ, "/v1/stream/__ds/jwks.json"),),
    f"PUT {SUBSCRIPTION}": (
        Probe(NOBODYS, "/v1/stream/__ds/subscriptions/a", {"type": "pull-wake", "streams": ["runs/$run"]}),
    ),
    f"GET {SUBSCRIPTION}": (Probe(NO_BODYS_READ, "/v1/stream/__ds/subscriptions/a"),),
    f"DELETE {SUBSCRIPTION}": (Probe(NOBODYS, "/v1/stream/__ds/subscriptions/a"),),
    f"POST {SUBSCRIPTION}/streams": (
        Probe(NOBODYS, "/v1/stream/__ds/subscriptions/a/streams", {"streams": ["runs/$run"]}),
    ),
    f"DELETE {SUBSCRIPTION}/streams/{{path}}": (Probe(NOBODYS, "/v1/stream/__ds/subscriptions/a/streams/runs/$run"),),
    f"POST {SUBSCRIPTION}/claim": (Probe(NOBODYS, "/v1/stream/__ds/subscriptions/a/claim", {}),),
    f"POST {SUBSCRIPTION}/callback": (Probe(NOBODYS, "/v1/stream/__ds/subscriptions/a/callback", {}),),
    f"POST {SUBSCRIPTION}/ack": (Probe(NOBODYS, "/v1/stream/__ds/subscriptions/a/ack", {}),),
    f"POST {SUBSCRIPTION}/release": (Probe(NOBODYS, "/v1/stream/__ds/subscriptions/a/release", {}),),
    "GET /api/admin/errors": (Probe(OWNERS, "/api/admin/errors"),),
    "DELETE /api/admin/errors/{error_id}": (Probe(OWNERS, "/api/admin/errors/$run"),),
    "GET /api/tokens": (Probe(TOKEN_READ, "/api/tokens"),),
    "POST /api/tokens": (Probe(TOKEN_MADE, "/api/tokens", {"name": "mine"}),),
    "DELETE /api/tokens/{token_id}": (Probe(TOKEN_ENDED, "/api/tokens/$token"),),
    "GET /api/keys": (Probe(SESSION_READ, "/api/keys"),),
    "PUT /api/keys/{provider}": (Probe(SESSION_ENDED, "/api/keys/acme", {"key": "sk-put-there"}),),
    "POST /api/keys/{provider}/test": (Probe(SESSION_ENDED, "/api/keys/openai/test"),),
    "DELETE /api/keys/{provider}": (Probe(SESSION_ENDED, "/api/keys/openai"),),
    "GET /api/auth/sessions": (Probe(SESSION_READ, "/api/auth/sessions"),),
    "DELETE /api/auth/sessions/{session_id}": (Probe(SESSION_ENDED, "/api/auth/sessions/$session"),),
    "DELETE /api/auth/sessions": (Probe(SESSION_LEFT, "/api/auth/sessions"),),
    "PATCH /api/me": (Probe(SESSION_READ, "/api/me", {"name": "mine"}),),
    "POST /api/auth/password": (
        Probe(REFUSED_ENTRY, "/api/auth/password", {"currentPassword": "wrong password", "newPassword": "taken over"}),
    ),
    "POST /api/auth/sign-in": (
        Probe(REFUSED_ENTRY, "/api/auth/sign-in", {"email": "$email", "password": "wrong password"}),
    ),
    "POST /api/auth/sign-up": (Probe(REFUSED_JOIN, "/api/auth/sign-up", {"email": "x", "password": "not this one"}),),
    "POST /api/auth/oidc": (Probe(ABSENT, "/api/auth/oidc", {}),),
    "GET /api/auth/oidc/callback": (Probe(SENT_BACK, "/api/auth/oidc/callback?state=x&code=y"),),
    "POST /api/auth/guest": (Probe(AS_GUEST, "/api/auth/guest"),),
    # These end what the caller shows, so they come last.
    "POST /api/me/delete": (Probe(FAREWELL, "/api/me/delete", {"password": "wrong password"}),),
    "POST /api/auth/sign-out": (Probe(LEFT, "/api/auth/sign-out"),),
}
CONVERSATIONS = [
    (operation.partition(" ")[0], replace(probe, path=probe.path.replace("/api/chats", "/api/chat/conversations")))
    for operation, probes in TABLE.items()
    for probe in probes
    if probe.path.startswith("/api/chats")
    and not probe.path.partition("?")[0].endswith(("/context", "/shares", "/export"))
]
"""The same under the names of the source documents, which the document of this server does not have."""
OF_USERS = [
    ("GET", Probe(THEIRS_GONE, "/api/chat/conversations?user_id=$account&limit=50&offset=0")),
    ("POST", Probe(THEIRS_CHANGED, "/api/chat/conversations", {"user_id": "$account", "title": "put there"})),
    ("DELETE", Probe(THEIRS_CHANGED, "/api/chat/conversations?id=$chat")),
    ("GET", Probe(THEIRS_READ, "/api/chat/conversations/$chat/messages?user_id=$account")),
]
OF_LINKS = [
    ("GET", Probe(LINK_READ, "/share/$link")),
    ("GET", Probe(LINK_READ, "/share/$link?page=2")),
    ("HEAD", Probe(LINK_READ, "/share/$link")),
    ("POST", Probe(LINK_FOLLOWED, "/share/$link", {"password": "x"})),
    ("POST", Probe(LINK_FOLLOWED, "/share/$link/copy")),
    ("GET", Probe(ABSENT, "/share/$share")),
    ("GET", Probe(ABSENT, "/share/$chat")),
]
"""The pages behind links, which are for people and in no document."""
PROBES = [*CONVERSATIONS, *OF_USERS, *OF_LINKS] + [
    (operation.partition(" ")[0], probe) for operation, probes in TABLE.items() for probe in probes
]
