"""The provider: discovery, authorization, token and keys over TCP; it approves of everybody at once."""

import base64
import hashlib
import json
import secrets
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from oidc.lies import CLIENT_ID, CLIENT_SECRET, LIES, SIGNATURES


class Issuer:
    """One issuer. What it says of the next person can be set, and in which way it lies about them."""

    def __init__(self, url: str) -> None:
        self.url = url
        """Its name and address."""
        self.key = RSAKey.generate_key(2048, parameters={"kid": "one"})
        self.person: dict[str, Any] = {}
        self.lie: str | None = None
        self.codes: dict[str, dict[str, str]] = {}
        self.discoveries = 0

    def told(self, order: str, content: dict[str, Any]) -> dict[str, Any]:
        """Do what the tests want; see `process`."""
        match order:
            case "expect":
                self.person, self.lie = content["person"], content["lie"]
            case "change-key":
                self.key = RSAKey.generate_key(2048, parameters={"kid": secrets.token_hex(4)})
            case _:
                pass
        return {"discoveries": self.discoveries}

    def metadata(self) -> dict[str, Any]:
        """What it says about itself."""
        self.discoveries += 1
        paths = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.url, **{name: f"{self.url}/{path}" for name, path in paths.items()}}

    def authorize(self, asked: dict[str, str]) -> str:
        """Return where to send the browser back to."""
        assert (asked["client_id"], asked["response_type"], asked["code_challenge_method"]) == (
            CLIENT_ID,
            "code",
            "S256",
        )
        code = secrets.token_urlsafe()
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, asked: dict[str, str], credentials: str) -> dict[str, Any] | None:
        """Return the tokens for a code, once, for whoever began."""
        begun = self.codes.pop(asked.get("code", ""), None)
        ours = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(asked.get("code_verifier", "").encode()).digest())
        if begun is None or credentials != ours or begun["code_challenge"] != challenge.decode().rstrip("="):
            return None
        if asked["redirect_uri"] != begun["redirect_uri"]:
            return None
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": begun["nonce"],
            **self.person,
        }
        return {"access_token": "x", "token_type": "Bearer", "id_token": self._signed(claims)}

    def _signed(self, claims: dict[str, Any]) -> str:
        claims = LIES.get(self.lie or "", dict)(claims)
        if (sign := SIGNATURES.get(self.lie or "")) is not None:
            return sign(claims)
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)


class _Handler(BaseHTTPRequestHandler):
    issuer: Issuer

    def do_GET(self) -> None:  # named by the library
        parts = urlsplit(self.path)
        if parts.path == "/.well-known/openid-configuration":
            self._json(200, self.issuer.metadata())
        elif parts.path == "/keys":
            self._json(200, {"keys": [self.issuer.key.as_dict(private=False)]})
        elif parts.path == "/authorize":
            self.send_response(302)
            self.send_header("location", self.issuer.authorize(_flat(parts.query)))
            self.end_headers()
        else:
            self._json(404, {})

    def do_POST(self) -> None:  # named by the library
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        if self.path.startswith("/told/"):
            self._json(200, self.issuer.told(self.path.removeprefix("/told/"), json.loads(body)))
            return
        answer = self.issuer.token(_flat(body), self.headers.get("authorization", ""))
        self._json(200 if answer else 400, answer or {"error": "invalid_grant"})

    def _json(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # named by the library
        pass


def _flat(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


def serve() -> ThreadingHTTPServer:
    """Listen on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    _Handler.issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
    return server
