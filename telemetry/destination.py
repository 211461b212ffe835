"""Where spans are sent, by OTLP over HTTP: a collector, Langfuse, or both. Pure."""

from base64 import b64encode
from urllib.parse import unquote, urlsplit

from pydantic import Field

from domain import Refused, value


@value
class Destination:
    """One OTLP/HTTP receiver of traces."""

    name: str
    url: str
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    """Lower-case names; they may carry credentials and are never shown."""


def to_collector(endpoint: str, headers: str = "") -> Destination:
    """An OpenTelemetry collector (or anything that takes OTLP) at ``endpoint``.

    ``endpoint`` is a base URL as in ``OTEL_EXPORTER_OTLP_ENDPOINT``, or ends in ``/v1/traces`` already;
    ``headers`` are ``key=value`` pairs with commas between, percent-encoded where needed.

    Raises:
        Refused: ``otlp_endpoint_invalid``, ``otlp_headers_invalid``.
    """
    base = _checked(endpoint, "SIGNOFF_OTLP_ENDPOINT")
    url = base if base.endswith("/v1/traces") else f"{base}/v1/traces"
    return Destination(name="collector", url=url, headers=_pairs(headers))


def to_langfuse(host: str, *, public_key: str, secret_key: str) -> Destination:
    """Langfuse's own OTLP endpoint; version 4 of its ingestion shows spans as they arrive.

    Raises:
        Refused: ``otlp_endpoint_invalid``.
    """
    base = _checked(host, "LANGFUSE_HOST")
    credentials = b64encode(f"{public_key}:{secret_key}".encode()).decode()
    return Destination(
        name="langfuse",
        url=f"{base}/api/public/otel/v1/traces",
        headers={"authorization": f"Basic {credentials}", "x-langfuse-ingestion-version": "4"},
    )


def _checked(url: str, setting: str) -> str:
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Refused(
            f"{setting} is not an http(s) URL.",
            code="otlp_endpoint_invalid",
            hint=f"Set {setting} to something like http://127.0.0.1:4318, or leave it empty.",
        )
    return url.strip().rstrip("/")


def _pairs(text: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        key, equals, said = pair.partition("=")
        if not equals or not key.strip():
            raise Refused(
                "SIGNOFF_OTLP_HEADERS is not a list of key=value pairs.",
                code="otlp_headers_invalid",
                hint="Write key=value pairs with commas between; encode special characters as in URLs (%2C).",
            )
        headers[key.strip().lower()] = unquote(said.strip())
    return headers
