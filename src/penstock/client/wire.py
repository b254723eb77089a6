"""What both clients say to httpx in the same words."""

from collections.abc import Mapping
from typing import Final, TypedDict

import httpx

from penstock.client.requests import Request
from penstock.client.steps import Head

CONNECT_SECONDS: Final = 10.0
_HOPELESS: Final = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
"""No other attempt would fare better."""


class Options(TypedDict):
    """Arguments of both httpx clients."""

    base_url: str
    cookies: dict[str, str]
    headers: dict[str, str]
    limits: httpx.Limits


def options(base_url: str, token: str | None, cookies: Mapping[str, str] | None) -> Options:
    """Return the arguments for a client."""
    authorization = {"authorization": f"Bearer {token}"} if token else {}
    return Options(
        base_url=base_url,
        cookies=dict(cookies or {}),
        headers={"accept-encoding": "identity", **authorization},
        # Every answer that is followed holds a connection: a bound would make one wait for another.
        limits=httpx.Limits(max_connections=None),
    )


def is_introduced(client: httpx.Client | httpx.AsyncClient) -> bool:
    """Say whether the server will know who asks. If not, its first reply brings a cookie."""
    return bool(client.cookies) or "authorization" in client.headers


def cookies_of(client: httpx.Client | httpx.AsyncClient) -> dict[str, str]:
    """Return the cookies of a client."""
    return {cookie.name: cookie.value or "" for cookie in client.cookies.jar}


def build(client: httpx.Client | httpx.AsyncClient, request: Request) -> httpx.Request:
    """Return a request in httpx's terms."""
    return client.build_request(
        request.method,
        request.path,
        params=dict(request.params),
        json=None if request.body is None else dict(request.body),
        timeout=httpx.Timeout(CONNECT_SECONDS, read=request.silence, pool=None),
    )


def head_of(response: httpx.Response) -> Head:
    """Return the beginning of a reply in the flows' terms."""
    return Head(status=response.status_code, headers=dict(response.headers))


def cause_of(error: httpx.TransportError) -> str:
    """Return why a connection failed; what is hopeless is raised as it is."""
    if isinstance(error, _HOPELESS):
        raise error
    return str(error) or type(error).__name__
