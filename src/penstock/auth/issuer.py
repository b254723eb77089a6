"""An OpenID Connect provider: where it is, how a code becomes claims, and whether they can be believed.

Source: OpenID Connect Core 1.0, section 3.1; RFC 7636 (PKCE). Authlib speaks OAuth, joserfc checks signatures; both are
loaded at the first sign-in only.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from penstock.auth.model import IssuerAway, IssuerRefused

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures by a key that only the issuer has: neither `none` nor any that our own client secret could make."""
_KNOWN_SECONDS = 3600.0
"""How long what the issuer says about itself is taken for true."""
_LEEWAY_SECONDS = 60
"""By which its clock may differ from ours."""
_TIMEOUT_SECONDS = 10
_SCOPES = "openid email profile"


@dataclass(frozen=True, kw_only=True)
class Claims:
    """Who somebody is, in the words of the issuer."""

    subject: str
    email: str | None
    """Only when the issuer has verified it."""
    name: str | None


class Issuer:
    """One provider, as it is configured."""

    def __init__(self, url: str, client_id: str, client_secret: str | None) -> None:
        """Take the issuer's address and what it knows us by. Nothing is asked yet."""
        self.url = url
        self._client_id = client_id
        self._client_secret = client_secret
        self._metadata: tuple[float, Mapping[str, Any]] | None = None
        self._keys: Any = None

    async def authorization_url(self, redirect_uri: str, *, state: str, nonce: str, verifier: str) -> str:
        """Return where to send the browser. Raises IssuerAway."""
        metadata = await self._discover()
        client = self._client(redirect_uri, metadata)
        url, _ = client.create_authorization_url(
            metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
        )
        return cast("str", url)

    async def redeem(self, redirect_uri: str, *, code: str, nonce: str, verifier: str) -> Claims:
        """Return who the code is for. Raises IssuerAway and IssuerRefused."""
        import httpx  # noqa: PLC0415  # as the module says
        from authlib.common.errors import AuthlibBaseError  # noqa: PLC0415  # as the module says

        metadata = await self._discover()
        try:
            async with self._client(redirect_uri, metadata) as client:
                answer = await client.fetch_token(metadata["token_endpoint"], code=code, code_verifier=verifier)
        except AuthlibBaseError as error:
            raise IssuerRefused from error
        except (httpx.HTTPError, ValueError) as error:
            raise IssuerAway from error
        return await self._believe(str(answer.get("id_token", "")), metadata, nonce)

    async def _believe(self, token: str, metadata: Mapping[str, Any], nonce: str) -> Claims:
        """Return what an id token says, if it is one for us, for this sign-in, from the issuer, and not outdated."""
        from joserfc.errors import JoseError  # noqa: PLC0415  # as the module says
        from joserfc.jwt import JWTClaimsRegistry  # noqa: PLC0415  # as the module says

        registry = JWTClaimsRegistry(
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": self.url},
            aud={"essential": True, "value": self._client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = await self._decode(token, metadata)
            registry.validate(claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise IssuerRefused from error
        audience = claims["aud"]
        if isinstance(audience, list) and len(cast("list[Any]", audience)) > 1 and claims.get("azp") != self._client_id:
            raise IssuerRefused
        email = claims.get("email") if claims.get("email_verified") is True else None
        name = claims.get("name")
        return Claims(
            subject=str(claims["sub"]),
            email=email if isinstance(email, str) else None,
            name=name if isinstance(name, str) else None,
        )

    async def _decode(self, token: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
        from joserfc import jwt  # noqa: PLC0415  # as the module says
        from joserfc.errors import JoseError  # noqa: PLC0415  # as the module says

        if self._keys is not None:
            try:
                return jwt.decode(token, self._keys, algorithms=list(ALGORITHMS)).claims
            except (JoseError, ValueError):
                pass  # the issuer may have taken another key since
        self._keys = await self._fetch_keys(metadata)
        return jwt.decode(token, self._keys, algorithms=list(ALGORITHMS)).claims

    async def _fetch_keys(self, metadata: Mapping[str, Any]) -> Any:
        from joserfc.jwk import KeySet  # noqa: PLC0415  # as the module says

        return KeySet.import_key_set(cast("Any", await self._get(metadata["jwks_uri"])))

    async def _discover(self) -> Mapping[str, Any]:
        """Return what the issuer says about itself. Raises IssuerAway, also when it says to be another."""
        now = time.monotonic()
        if self._metadata is None or self._metadata[0] < now:
            found = await self._get(f"{self.url.rstrip('/')}/.well-known/openid-configuration")
            needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            if found.get("issuer") != self.url or not all(isinstance(found.get(name), str) for name in needed):
                raise IssuerAway
            self._metadata = now + _KNOWN_SECONDS, found
        return self._metadata[1]

    @staticmethod
    async def _get(url: str) -> Mapping[str, Any]:
        import httpx  # noqa: PLC0415  # as the module says

        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as client:
                answer = await client.get(url)
                found = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise IssuerAway from error
        if not isinstance(found, dict):
            raise IssuerAway
        return cast("dict[str, Any]", found)

    def _client(self, redirect_uri: str, metadata: Mapping[str, Any]) -> Any:
        from authlib.integrations.httpx_client import AsyncOAuth2Client  # noqa: PLC0415  # as the module says

        ways = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        way = "client_secret_basic" if "client_secret_basic" in ways else "client_secret_post"
        return AsyncOAuth2Client(
            self._client_id,
            self._client_secret,
            scope=_SCOPES,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method=way if self._client_secret else "none",
            timeout=_TIMEOUT_SECONDS,
        )
