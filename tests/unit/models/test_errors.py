from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import ContextTooLong, SignoffError
from models.clients.contract import Dialect
from models.clients.dialect import relax
from models.errors import refusal, retry_after, served_length, unreachable

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "length"),
    [
        ("This model's maximum context length is 4096 tokens. However, you requested 5000", 4096),
        ("max_tokens is too large: 8000. This model's maximum context length is 4096 tokens, you have 27.", 4096),
        ("the request exceeds the available context size (2048 tokens), try increasing it", 2048),
        ("The decoder prompt (length 9000) is longer than the maximum model length of 8192.", 8192),
        (
            "max_completion_tokens=9000 cannot be greater than max_model_len=8192. Please request fewer output tokens.",
            8192,
        ),
        ("context_length_exceeded", None),
        ("prompt is too long", None),
    ],
)
def test_a_context_that_is_too_long_is_recognised(said, length):
    error = refusal(400, said, where="it")
    assert isinstance(error, ContextTooLong)
    assert served_length(said) == error.max_tokens == length


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("3", 3),
        ("-3", 0),
        ("1.5", 1.5),
        ("Sat, 21 Nov 2026 06:00:30 GMT", 30),
        ("Sat, 21 Nov 2026 05:00:00 GMT", 0),
    ],
)
def test_retry_after(header, seconds):
    assert retry_after(header, now=NOW) == seconds


@given(st.text(max_size=50))
def test_no_header_breaks_it(header):
    wait = retry_after(header, now=NOW)
    assert wait is None or wait >= 0


@given(st.integers(300, 599), st.text(max_size=100))
def test_every_status_is_an_error_that_says_what_to_do(status, said):
    error = refusal(status, said, where="it")
    assert isinstance(error, SignoffError)
    assert error.hint


@given(
    st.lists(
        st.sampled_from(
            [
                "'response_format' of type 'json_schema' is not supported",
                "Invalid schema for response_format",
                "guided decoding off",
                "temperature does not support 0.2",
                "Unsupported parameter: 'max_tokens'",
                "stream_options: extra fields not permitted",
                "no idea",
                "",
            ]
        ),
        max_size=20,
    )
)
def test_a_dialect_only_gets_plainer_and_ends(messages):
    dialect, seen = Dialect(), [Dialect()]
    for said in messages:
        plainer = relax(dialect, said)
        if plainer is not None:
            assert plainer not in seen
            seen.append(dialect := plainer)
    assert len(seen) <= 7


def test_a_certificate_that_nobody_trusts_is_not_a_server_that_is_away():
    told = unreachable("it", "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate")
    assert "SSL_CERT_FILE" in told.hint
    assert "SSL_CERT_FILE" not in unreachable("it", "Connection refused").hint
