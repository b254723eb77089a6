"""Sentry and OpenTelemetry, each only where it is configured; neither is installed or loaded otherwise (G5)."""

import logging
from typing import TYPE_CHECKING, Any, cast

from penstock.errors import ExtraMissing
from penstock.kit.redact import Redactor

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

# ruff: noqa: PLC0415  # what is not configured is not loaded


def start_sentry(dsn: str, redact: Redactor) -> None:
    """Send what is logged as an error to Sentry: places in the code, no variables, no requests, no people.

    Raises ExtraMissing.
    """
    try:
        import sentry_sdk
        from sentry_sdk.integrations.logging import LoggingIntegration
    except ImportError:
        raise ExtraMissing("SENTRY_DSN", "sentry") from None

    def without_secrets(event: Any, _hint: Any) -> Any:
        return _redacted(event, redact)

    sentry_sdk.init(
        dsn,
        default_integrations=False,
        integrations=[LoggingIntegration(level=None, event_level=logging.ERROR)],
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        before_send=without_secrets,
    )


def _redacted(value: Any, redact: Redactor) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: _redacted(each, redact) for name, each in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_redacted(each, redact) for each in cast("list[Any]", value)]
    return value


def start_traces(endpoint: str) -> "TracerProvider":
    """Return what sends traces to an OpenTelemetry collector, by OTLP over HTTP. Raises ExtraMissing."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise ExtraMissing("OTEL_EXPORTER_OTLP_ENDPOINT", "otel") from None
    provider = TracerProvider(resource=Resource.create({"service.name": "penstock"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces")))
    return provider
