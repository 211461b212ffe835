"""What is sent, when again; and what a signed message can mean."""

import json
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals import Notification
from approvals.channels import Subscriptions, WebhookEndpoint
from approvals.channels.base import DELAYS, JITTER, due_again
from approvals.channels.github import parse_github
from approvals.channels.sender import body
from approvals.channels.slack import parse_slack
from approvals.channels.standard import parse_standard
from approvals.testing.rehearsal import START
from domain import Refused

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="  # noqa: S105
DIGEST = "sha256:" + "a" * 64


def letter(topic: str = "approval.pending", org: str = "acme", run: str = "run-1") -> Notification:
    return Notification(
        topic=topic,
        org=org,
        run=run,
        ballot="b",
        action_digest=DIGEST,
        tier="high",
        state="pending",
        expires_at=START,
        at=START,
    )


@given(st.integers(0, 20), st.floats(0, 1, exclude_max=True))
def test_retries_wait_as_the_schedule_says(failures: int, random: float) -> None:
    at = due_again(failures, START, random)
    if failures >= len(DELAYS):
        assert at is None
    else:
        assert at
        delay = DELAYS[failures]
        assert START + delay <= at <= START + delay * (1 + JITTER)


def test_the_schedule() -> None:
    assert [delay.total_seconds() for delay in DELAYS] == [
        0,
        5,
        300,
        1_800,
        *(hours * 3_600 for hours in (2, 5, 10, 14, 20, 24)),
    ]
    assert sum(DELAYS, timedelta(0)) < timedelta(days=4)


def test_who_is_told_what() -> None:
    all_ = WebhookEndpoint(
        name="all", url="https://a.example/", secrets=(SECRET,), topics=("approval.pending", "approval.noted")
    )
    acme = WebhookEndpoint(name="acme", url="https://b.example/", secrets=(SECRET,), orgs=("acme",))
    told = Subscriptions(all=(all_, acme))
    assert told.endpoints(letter()) == ["all", "acme"]
    assert told.endpoints(letter(org="other")) == ["all"]
    assert told.endpoints(letter("approval.noted")) == ["all"]
    assert told.endpoints(letter("approval.expired")) == ["acme"]
    assert told.endpoints(letter("approval.noted"), {"acme", "gone"}) == ["all", "acme"]
    assert told.endpoints(letter("approval.noted", org="other"), {"acme"}) == ["all"]
    assert told.endpoints(letter("approval.expired"), {"all"}) == ["acme"]
    assert told.named("acme") == acme
    assert told.named("gone") is None
    assert SECRET not in repr(told)


def test_slack_markup_in_names_is_text() -> None:
    raw = body(letter(run="<!channel> `x` & <https://evil|ok>"), "slack", link="")
    detail = json.loads(raw)["blocks"][1]["elements"][0]["text"]
    assert "<" not in detail
    assert "&lt;!channel&gt; 'x' &amp;" in detail


GOOD = {
    "approval_id": "b",
    "action_digest": DIGEST,
    "decision": "approve",
    "actor": {"provider": "idp", "subject": "u"},
}


def test_a_typed_decision_is_read() -> None:
    assert parse_standard(json.dumps({**GOOD, "comment": "fine"}).encode()).comment == "fine"


@pytest.mark.parametrize(
    "odd",
    [
        {**GOOD, "decision": "yes"},
        {**GOOD, "decision": "edit"},
        {**GOOD, "action_digest": "sha256:"},
        {**GOOD, "more": 1},
        {**GOOD, "actor": "u"},
        {**GOOD, "actor": {"provider": "idp"}},
        {**GOOD, "actor": {**GOOD["actor"], "subject": ""}},
        {"text": "approved, go ahead"},
        [],
        "approve",
        None,
        {**GOOD, "comment": "x" * 10_001},
        {**GOOD, "decision": ["approve"]},
    ],
)
def test_anything_else_is_no_decision(odd: object) -> None:
    with pytest.raises(Refused) as no:
        parse_standard(json.dumps(odd).encode())
    assert (no.value.stable_code, no.value.http_status) == ("hook_invalid", 422)


@pytest.mark.parametrize("more", ['"decision": "reject"', '"approval_id": "c"', '"comment": "\\u0000"', '"n": 1e400'])
def test_signed_bytes_that_say_two_things_are_no_decision(more: str) -> None:
    """A parser of the sender's may have believed the first, and ours the last."""
    twice = json.dumps(GOOD)[:-1] + f", {more}}}"
    with pytest.raises(Refused) as no:
        parse_standard(twice.encode())
    assert no.value.stable_code == "hook_invalid"
    inside = json.dumps(GOOD).replace('"subject": "u"', '"subject": "u", "subject": "v"')
    for read in (parse_standard, lambda data: parse_github(data, "check_run")):
        with pytest.raises(Refused, match="'subject' twice"):
            read(inside.encode())
    with pytest.raises(Refused, match="'subject' twice"):
        parse_slack(urlencode({"payload": inside}).encode())
    with pytest.raises(Refused, match="several"):
        parse_slack(urlencode([("payload", "{}"), ("payload", "{}")]).encode())


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "message", "text": "approved, go ahead"},
        {"type": "block_actions", "actions": []},
        {
            "type": "block_actions",
            "actions": [{"type": "button", "action_id": "other.approve", "value": f"b {DIGEST}"}],
        },
        {
            "type": "block_actions",
            "actions": [{"type": "button", "action_id": "signoff.maybe", "value": f"b {DIGEST}"}],
        },
        {
            "type": "block_actions",
            "actions": [{"type": "plain_text_input", "action_id": "signoff.approve", "value": "b"}],
        },
        {"type": "block_actions", "actions": [{}, {}]},
        {"type": "block_actions", "actions": "approve"},
        {"type": "view_submission"},
    ],
)
def test_slack_text_approves_nothing(payload: object) -> None:
    assert parse_slack(urlencode({"payload": json.dumps(payload)}).encode()) is None


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("issue_comment", {"action": "created", "comment": {"body": "approved, go ahead"}}),
        ("pull_request_review", {"action": "submitted", "review": {"state": "approved"}}),
        ("check_run", {"action": "rerequested"}),
        ("", {}),
    ],
)
def test_github_text_approves_nothing(event: str, payload: object) -> None:
    assert parse_github(json.dumps(payload).encode(), event) is None


@given(st.binary())
def test_no_bytes_are_a_server_error(raw: bytes) -> None:
    for read in (parse_standard, lambda data: parse_github(data, "check_run")):
        with suppress(Refused):
            assert read(raw) is None
