"""Microsoft Teams: what its outgoing webhook sends, what its Workflows take, and what neither can be used for."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals import Notification
from approvals.channels import Integration
from approvals.channels.teams import answer_teams, parse_teams, plain_text, render_teams, verify_teams
from approvals.storage import HookAnswer
from domain import Refused
from tests.worlds.hooks import ACCOUNT, TENANT, TOKEN, teams_message, teams_signed

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64
APPROVE = f"<at>Signoff</at> approve 3f2a9c41-0b1c {DIGEST}"

BODY = b'{"type":"message","timestamp":"2026-01-05T09:00:00.5084920Z","text":"<at>Signoff</at> hello"}'
SIGNATURE = "HMAC hti89J/wXT/4v0QIDpUSVDCC81jsOub+Vc69XPKLrpU="
"""Of ``openssl dgst -sha256 -mac HMAC -macopt hexkey:…`` over BODY with TOKEN: not computed by this test."""


def wrote(text: str, **other: Any) -> bytes:
    return teams_message(None, NOW, text=text, **other)


def test_the_signature_is_what_other_tools_compute() -> None:
    assert len(verify_teams({"authorization": SIGNATURE}, BODY, (TOKEN,), NOW)) == 64


@pytest.mark.parametrize(
    "header",
    [
        "",
        "HMAC",
        "HMAC ",
        SIGNATURE.removeprefix("HMAC "),
        SIGNATURE.replace("HMAC", "Bearer"),
        SIGNATURE.lower(),
        "HMAC é",
    ],
)
def test_another_authorization_is_not_believed(header: str) -> None:
    with pytest.raises(Refused) as no:
        verify_teams({"authorization": header}, BODY, (TOKEN,), NOW)
    assert no.value.stable_code == "signature_invalid"


@pytest.mark.parametrize(
    "timestamp",
    ["2026-01-05T08:54:59Z", "2026-01-05T09:05:01Z", "2026-01-05T09:00:00", "soon", "", "9" * 50, 1767603600, None, []],
)
def test_a_signed_message_of_another_time_or_none_is_not_believed(timestamp: object) -> None:
    body = wrote(APPROVE, timestamp=timestamp)
    with pytest.raises(Refused) as no:
        verify_teams(teams_signed(body), body, (TOKEN,), NOW)
    assert no.value.stable_code == "signature_invalid"


def test_a_message_is_known_by_what_was_signed() -> None:
    """The activity's id is one conversation's own: two channels may use the same."""
    one, other = wrote(APPROVE), wrote(APPROVE, conversation={"id": "19:other"})
    ids = {verify_teams(teams_signed(body), body, (TOKEN,), NOW + timedelta(minutes=4)) for body in (one, other)}
    assert len(ids) == 2


@pytest.mark.parametrize("secret", ["", "short", TOKEN[:20], "%%%", TOKEN.rstrip("="), "whsec_" + TOKEN])
def test_a_token_that_proves_nothing_is_refused_at_once(secret: str) -> None:
    with pytest.raises(Refused) as no:
        Integration(name="t", org="acme", kind="teams", secrets=(secret,))
    assert no.value.stable_code == "hook_secret_invalid"
    assert "Teams" in no.value.hint


def test_a_kind_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Refused, match="pigeon") as no:
        Integration(name="t", org="acme", kind="pigeon", secrets=(TOKEN,))
    assert no.value.stable_code == "connections_invalid"
    assert "teams" in no.value.hint


@pytest.mark.parametrize("text", [APPROVE, APPROVE + "\n", APPROVE.replace("</at> ", "</at>&nbsp;") + "&nbsp;"])
def test_a_whole_command_is_a_decision(text: str) -> None:
    consent = parse_teams(wrote(text))
    assert consent is not None
    assert (consent.decision, consent.approval_id, consent.action_digest) == ("approve", "3f2a9c41-0b1c", DIGEST)
    assert (consent.actor.provider, consent.actor.subject) == ("teams", f"{TENANT}/{ACCOUNT}")
    assert consent.actor.kind == "human"
    rejected = parse_teams(wrote(text.replace("approve", "Reject")))
    assert rejected is not None
    assert rejected.decision == "reject"


@pytest.mark.parametrize(
    "text",
    [
        "approved, go ahead",
        APPROVE.removeprefix("<at>Signoff</at> "),
        f"{APPROVE} please",
        f"do not {APPROVE}",
        APPROVE.replace(DIGEST, DIGEST[:20]),
        APPROVE.replace("approve", "APPROVE"),
        APPROVE.replace("approve", "approve reject"),
        APPROVE.replace(" 3f2a", "  3f2a"),
        f"{APPROVE}\n{APPROVE}",
        f"<blockquote>{APPROVE}</blockquote>",
        f"<at>Vera</at>{APPROVE}",
        f"<at>x</at> said {APPROVE}",
    ],
)
def test_other_words_approve_nothing(text: str) -> None:
    assert parse_teams(wrote(text)) is None


@pytest.mark.parametrize(
    "other",
    [
        {"type": "messageReaction"},
        {"type": "messageUpdate"},
        {"channelId": "emulator"},
        {"text": None},
        {"text": ["x"]},
    ],
)
def test_other_activities_approve_nothing(other: dict[str, Any]) -> None:
    assert parse_teams(json.dumps({**json.loads(wrote(APPROVE)), **other}).encode()) is None


@pytest.mark.parametrize(
    "other",
    [
        {"from": {"id": "29:x", "name": "Vera"}},
        {"from": {"id": "29:x", "aadObjectId": ""}},
        {"from": {"id": "29:x", "aadObjectId": ["x"]}},
        {"from": None},
        {"channelData": {}},
        {"channelData": {"tenant": TENANT}},
    ],
)
def test_a_decision_of_no_account_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="account") as no:
        parse_teams(wrote(APPROVE, **other))
    assert no.value.stable_code == "hook_invalid"


def test_a_bot_is_a_bot_whatever_its_account() -> None:
    consent = parse_teams(wrote(APPROVE, **{"from": {"id": "28:bot", "aadObjectId": ACCOUNT}}))
    assert consent is not None
    assert consent.actor.kind == "bot"


def card(run: str = "run-1", link: str = "https://signoff.example/a/t") -> dict[str, Any]:
    letter = Notification(
        topic="approval.pending",
        org="acme",
        run=run,
        ballot="b",
        action_digest=DIGEST,
        tier="high",
        state="pending",
        expires_at=NOW,
        at=NOW,
    )
    return render_teams(letter, link)


def test_a_card_is_what_workflows_take() -> None:
    """The recorded shape of the template "Post to a channel when a webhook request is received"."""
    assert card() == {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": [
                        {
                            "type": "TextBlock",
                            "text": "🟠 A high action waits for a signature",
                            "weight": "Bolder",
                            "wrap": True,
                        },
                        *(
                            {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text}]}
                            for text in ("run  run-1", f"digest  {DIGEST[:23]}…", "until  2026-01-05 09:00 UTC")
                        ),
                    ],
                    "actions": [
                        {"type": "Action.OpenUrl", "title": "Read and decide", "url": "https://signoff.example/a/t"}
                    ],
                },
            }
        ],
    }
    assert "actions" not in card(link="")["attachments"][0]["content"]


@given(st.text(max_size=200))
def test_a_name_stays_in_its_text_run(run: str) -> None:
    """No mention, no date function, no character that hides; and no outside text in an element with Markdown."""
    body = card(run)["attachments"][0]["content"]["body"]
    (shown,) = body[1]["inlines"]
    assert shown["text"] == f"run  {plain_text(run)}"
    assert not set(shown["text"]) & set("<>{}&\n\r\u202e\u200b")
    assert [part["type"] for part in body] == ["TextBlock", *["RichTextBlock"] * 3]
    assert [body[0], *body[2:]] == [(plain := card()["attachments"][0]["content"]["body"])[0], *plain[2:]]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"state": "approved", "approvals": 1, "needed": 1}, "Counted: approved, 1 of 1 signed."),
        ({"title": "No <at>x</at>.", "code": "not_approver", "hint": "Ask."}, "Not counted (not_approver): No ⟨U+003C"),
        ({"ignored": "x"}, "Nothing was decided."),
    ],
)
def test_the_answer_is_a_reply_that_teams_shows(body: dict[str, Any], says: str) -> None:
    told = answer_teams(HookAnswer(status=403, body=body))
    assert told.status == 200
    assert set(told.body) == {"type", "textFormat", "text"}
    assert told.body["text"].startswith(says)
    assert "<" not in json.dumps(told.body)
