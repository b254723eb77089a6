"""Spans of requests, for OpenTelemetry; loaded only where it is configured."""

from opentelemetry.propagate import extract
from opentelemetry.sdk.trace import TracerProvider
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.kit.redact import Redactor

_redact = Redactor()
"""The address of a share holds the secret of its link."""


class Traced:
    """Makes a span of each request; names follow OpenTelemetry's conventions for HTTP servers."""

    def __init__(self, app: ASGIApp, provider: TracerProvider) -> None:
        """Wrap the app."""
        self.app = app
        self.tracer = provider.get_tracer("penstock")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        with self.tracer.start_as_current_span(scope["method"], context=extract(carrier)) as span:
            span.set_attribute("http.request.method", scope["method"])
            span.set_attribute("url.path", _redact(scope["path"]))

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await self.app(scope, receive, noted)
