import pytest

from domain import Refused
from telemetry import to_collector, to_langfuse

KEY = "sk"


@pytest.mark.parametrize("endpoint", ["http://c:4318", "http://c:4318/", " http://c:4318/v1/traces "])
def test_a_collector_gets_traces_at_their_path(endpoint: str) -> None:
    assert to_collector(endpoint).url == "http://c:4318/v1/traces"


def test_headers_are_read_as_the_specification_says() -> None:
    assert to_collector("http://c", "X-Key=a%2Cb , tenant=t=1,").headers == {"x-key": "a,b", "tenant": "t=1"}


def test_langfuse_gets_its_path_its_credentials_and_its_version() -> None:
    there = to_langfuse("https://lf.example/", public_key="pk", secret_key=KEY)
    assert there.url == "https://lf.example/api/public/otel/v1/traces"
    assert there.headers == {"authorization": "Basic cGs6c2s=", "x-langfuse-ingestion-version": "4"}


def test_credentials_are_not_shown() -> None:
    assert "cGs6c2s" not in repr(to_langfuse("https://lf.example", public_key="pk", secret_key=KEY))


@pytest.mark.parametrize("endpoint", ["", "c:4318", "ftp://c", "http://"])
def test_what_is_no_url_is_refused_with_the_name_of_the_setting(endpoint: str) -> None:
    with pytest.raises(Refused) as refused:
        to_collector(endpoint)
    assert refused.value.stable_code == "otlp_endpoint_invalid"
    assert "SIGNOFF_OTLP_ENDPOINT" in refused.value.hint
    with pytest.raises(Refused, match="LANGFUSE_HOST"):
        to_langfuse(endpoint, public_key="", secret_key="")


@pytest.mark.parametrize("headers", ["x", "=y", "a=1,b"])
def test_what_are_no_headers_is_refused(headers: str) -> None:
    with pytest.raises(Refused) as refused:
        to_collector("http://c", headers)
    assert refused.value.stable_code == "otlp_headers_invalid"
