"""Every channel of the registry keeps the same promises, whatever its provider's wire looks like."""

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals import Ballot, Notification, PlanNotice
from approvals.channels.registry import ANNOUNCED, CHANNELS, RENDERED, announcer_of
from approvals.storage import HookAnswer
from approvals.testing.rehearsal import START
from database import open_engine, sqlite_url
from tests.worlds import approvals
from tests.worlds.hooks import SENDERS, Sender, hooks

HOSTILE = (
    "<!channel> <@U1> <at>Vera</at> **bold** [ok](https://evil.example) {{DATE(2026-01-01)}} "
    '${x} `code` "}],"actions":[{"type":"Action.Execute"}] \u202eevil\u200b\nuntil never'
)
DIGEST = "sha256:" + "a" * 64


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[approvals.World]:
    engine = open_engine(sqlite_url(tmp_path / "signoff.db"))
    await approvals.migrate(engine)
    yield approvals.world(engine, tmp_path / "witness")
    await engine.dispose()


@pytest.fixture(params=sorted(CHANNELS))
def sender(request: pytest.FixtureRequest) -> Sender:
    """A new channel needs a sender in ``tests/worlds/hooks.py``."""
    return SENDERS[request.param]


async def received(world: approvals.World, sender: Sender, body: bytes, **other: Any) -> HookAnswer:
    headers = other.get("headers") or sender.sign(body, other.get("at") or world.stage.clock())
    return await hooks(world).receive(sender.integration, headers, body)


async def state(world: approvals.World, ballot: Ballot) -> str:
    return (await world.ballots.get(ballot.id, "acme")).state


async def test_a_signed_decision_of_a_known_person_is_their_vote(world: approvals.World, sender: Sender) -> None:
    yes, no = await world.stage.ask(), await world.stage.ask(step="b")
    for ballot, choice in ((yes, "approve"), (no, "reject")):
        answer = await received(world, sender, sender.press(ballot, world.stage.clock(), choice))
        assert answer.status == 200, answer
    assert (await state(world, yes), await state(world, no)) == ("approved", "rejected")
    assert [vote.voter for vote in (await world.ballots.get(yes.id, "acme")).votes] == ["vera"]


async def test_the_same_message_again_gets_the_same_answer_and_one_vote(world: approvals.World, sender: Sender) -> None:
    ballot = await world.stage.ask()
    body = sender.press(ballot, world.stage.clock(), "approve")
    first, again = await received(world, sender, body), await received(world, sender, body)
    assert first == again
    assert len((await world.ballots.get(ballot.id, "acme")).votes) == 1


async def test_doubtful_messages_are_401_and_change_nothing(world: approvals.World, sender: Sender) -> None:
    ballot = await world.stage.ask()
    now = world.stage.clock()
    body = sender.press(ballot, now, "approve")
    good = sender.sign(body, now)
    signature = {name: text for name, text in good.items() if name not in {"X-GitHub-Event", "X-GitHub-Delivery"}}
    doubtful = [(body, {"x": "y"}), (body[:-1] + b" ", good), (b"\xff\xfe", good)]
    doubtful += [(body, {**good, name: bad}) for name in signature for bad in ("", "v1", "\udcff", "HMAC %", "9" * 40)]
    if sender.timed:
        for minutes in (-6, 6):
            then = now + timedelta(minutes=minutes)
            late = sender.press(ballot, then, "approve")
            doubtful.append((late, sender.sign(late, then)))
    for changed, headers in doubtful:
        answer = await received(world, sender, changed, headers=headers)
        assert (answer.status, answer.body["code"]) == (401, "signature_invalid"), (changed, headers)
    assert await state(world, ballot) == "pending"


async def test_who_is_in_no_map_decides_nothing(world: approvals.World, sender: Sender) -> None:
    ballot = await world.stage.ask()
    answer = await received(world, sender, sender.stranger(ballot, world.stage.clock()))
    assert "not_approver" in json.dumps(answer.body)
    assert await state(world, ballot) == "pending"


async def test_what_people_write_approves_nothing(world: approvals.World, sender: Sender) -> None:
    ballot = await world.stage.ask()
    answer = await received(world, sender, sender.chat(world.stage.clock()))
    assert answer.status in {200, 422}
    assert await state(world, ballot) == "pending"


async def test_other_bytes_and_critical_actions_are_not_signed_here(world: approvals.World, sender: Sender) -> None:
    now, ballot = world.stage.clock(), await world.stage.ask()
    other = sender.press(replace(ballot, action_digest=DIGEST), now, "approve")
    assert "digest_mismatch" in json.dumps((await received(world, sender, other)).body)
    critical = await world.stage.ask(step="c", tier="critical")
    answer = await received(world, sender, sender.press(critical, now, "approve"))
    assert "step_up_required" in json.dumps(answer.body)
    assert (await state(world, ballot), await state(world, critical)) == ("pending", "pending")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.text(st.characters(codec="utf-8"), max_size=200))
async def test_nothing_that_is_sent_is_a_server_error(world: approvals.World, sender: Sender, body: str) -> None:
    raw = body.encode()
    assert (await received(world, sender, raw, headers={"x": body or "x"})).status == 401
    assert (await received(world, sender, raw)).status in {200, 401, 422}


def rendered(kind: str, *, run: str = "run-1", link: str = "https://signoff.example/a/t") -> Any:
    render = RENDERED[kind]
    assert render is not None
    return render(
        Notification(
            topic="approval.pending",
            org="acme",
            run=run,
            ballot="b",
            action_digest=DIGEST,
            tier="high",
            state="pending",
            expires_at=START,
            at=START,
        ),
        link,
    )


def elements(node: Any) -> Any:
    """The message without its texts: what a client draws."""
    if isinstance(node, dict):
        return {key: elements(part) for key, part in node.items() if key not in {"text", "run"}}
    return [elements(part) for part in node] if isinstance(node, list) else node


@pytest.mark.parametrize("kind", sorted(RENDERED))
def test_a_message_leads_to_the_page_and_has_no_button_that_signs(kind: str) -> None:
    shown = json.dumps(rendered(kind), ensure_ascii=False)
    assert "https://signoff.example/a/t" in shown
    assert "Action.Execute" not in shown
    assert "Action.Submit" not in shown
    assert "action_id" not in shown
    assert "signoff.example" not in json.dumps(rendered(kind, link=""))


@pytest.mark.parametrize("kind", sorted(RENDERED))
def test_text_from_outside_forges_nothing(kind: str) -> None:
    honest, hostile = rendered(kind), rendered(kind, run=HOSTILE)
    if kind != "json":  # machines read that one as data
        assert elements(honest) == elements(hostile)
        shown = json.dumps(hostile, ensure_ascii=False)
        for forged in ("<at>", "<!channel>", "<@U1>", "\u202e", "\u200b", "\\nuntil never"):
            assert forged not in shown.replace("\\\\n", " "), forged
        assert "RIGHT-TO-LEFT OVERRIDE" in shown


def test_every_channel_is_told_or_answers_by_a_name_of_its_own() -> None:
    assert len(set(CHANNELS)) == len(CHANNELS)
    assert set(SENDERS) == set(CHANNELS)


def test_every_channel_that_is_told_of_approvals_is_told_of_plans() -> None:
    assert ANNOUNCED.keys() == RENDERED.keys()


@pytest.mark.parametrize("kind", sorted(RENDERED))
def test_what_is_told_of_a_plan_is_one_line_in_which_nothing_is_markup(kind: str) -> None:
    notice = PlanNotice(topic="plan.changed", org="acme", title=HOSTILE, facts={"plan": "team"}, at=START)
    message = json.loads(json.dumps(announcer_of(kind)(notice)))
    if kind == "json":  # a program reads it as data
        assert (message["type"], message["data"]["title"], message["data"]["plan"]) == ("plan.changed", HOSTILE, "team")
        return
    text = json.dumps(message, ensure_ascii=False)
    for markup in ("<!channel>", "<at>", "\u202e", "\u200b", "\nuntil"):
        assert markup not in text.replace("\\\\n", "")
    assert "until never" in text
