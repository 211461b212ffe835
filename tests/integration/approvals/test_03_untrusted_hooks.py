"""3. Stale timestamp, bad, missing or malformed signature, non-UTF-8 body: 401, never 500. Rotated secret: 200."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals import Ballot
from approvals.channels import Integration
from approvals.storage import HookAnswer
from domain import Refused
from tests.worlds.approvals import World
from tests.worlds.hooks import (
    OLD_SECRET,
    PLAIN_SECRET,
    SECRET,
    github_press,
    github_signed,
    hooks,
    message,
    signed,
    slack_press,
    slack_signed,
)

TAMPERED = {
    "no headers": {},
    "no id": {"webhook-id": ""},
    "control characters in the id": {"webhook-id": "msg_\n1"},
    "endless id": {"webhook-id": "x" * 201},
    "another id": {"webhook-id": "msg_2"},
    "no timestamp": {"webhook-timestamp": ""},
    "words for a timestamp": {"webhook-timestamp": "yesterday"},
    "nan": {"webhook-timestamp": "nan"},
    "fraction": {"webhook-timestamp": "1767603600.5"},
    "negative": {"webhook-timestamp": "-1"},
    "digits of another script": {"webhook-timestamp": "١٧٦٧٦٠٣٦٠٠"},
    "far too large": {"webhook-timestamp": "9" * 40},
    "no signature": {"webhook-signature": ""},
    "no version": {"webhook-signature": "abcdef"},
    "many commas": {"webhook-signature": "v1,,,,"},
    "not base64": {"webhook-signature": "v1,%%%"},
    "not ASCII": {"webhook-signature": "v1,é☃"},
    "lone surrogate": {"webhook-signature": "v1,\udcff"},
    "unknown version": {"webhook-signature": "v9,AAAA"},
    "wrong": {"webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
}


async def untouched(world: World, ballot: Ballot, answer: HookAnswer) -> None:
    assert (answer.status, answer.body["code"]) == (401, "signature_invalid")
    assert (await world.ballots.get(ballot.id, "acme")).votes == ()


@pytest.mark.parametrize("how", TAMPERED)
async def test_03_a_doubtful_signature_is_401(world: World, how: str) -> None:
    ballot = await world.stage.ask()
    body = message(ballot)
    good = signed("msg_1", body, world.stage.clock(), SECRET)
    headers = {**good, **TAMPERED[how]} if TAMPERED[how] else {}
    await untouched(world, ballot, await hooks(world).receive("ci", headers, body))


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_03_a_stale_timestamp_is_401(world: World, minutes: int) -> None:
    ballot = await world.stage.ask()
    body, at = message(ballot), world.stage.clock() + timedelta(minutes=minutes)
    await untouched(world, ballot, await hooks(world).receive("ci", signed("m", body, at, SECRET), body))


async def test_03_a_body_that_is_not_utf8_is_401(world: World) -> None:
    ballot = await world.stage.ask()
    receiving, now = hooks(world), world.stage.clock()
    headers = signed("m", message(ballot), now, SECRET)
    await untouched(world, ballot, await receiving.receive("ci", headers, b"\xff\xfe\x00"))
    raw = b"payload=\xff"
    await untouched(world, ballot, await receiving.receive("slack", slack_signed(raw, now), raw))
    await untouched(world, ballot, await receiving.receive("github", github_signed(raw), raw))


async def test_03_one_changed_byte_is_401(world: World) -> None:
    ballot = await world.stage.ask()
    receiving, now = hooks(world), world.stage.clock()
    for name, headers, body in (
        ("ci", signed("m", message(ballot), now, SECRET), message(ballot)),
        ("slack", slack_signed(slack_press(ballot), now), slack_press(ballot)),
        ("github", github_signed(github_press(ballot)), github_press(ballot)),
    ):
        await untouched(world, ballot, await receiving.receive(name, headers, body[:-1] + b" "))
    stale = slack_signed(slack_press(ballot), now - timedelta(minutes=6))
    await untouched(world, ballot, await receiving.receive("slack", stale, slack_press(ballot)))


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
async def test_03_both_secrets_work_while_they_are_rotated(world: World, secret: str) -> None:
    ballot = await world.stage.ask()
    body = message(ballot)
    answer = await hooks(world).receive("ci", signed("m", body, world.stage.clock(), secret), body)
    assert answer.status == 200


async def test_03_several_signatures_in_one_header(world: World) -> None:
    ballot = await world.stage.ask()
    body = message(ballot)
    headers = signed("m", body, world.stage.clock(), SECRET)
    headers["webhook-signature"] = f"v2,xyz v1,AAAA {headers['webhook-signature']}"
    assert (await hooks(world).receive("ci", headers, body)).status == 200


async def test_03_slack_and_github_buttons_are_votes(world: World) -> None:
    one, two = await world.stage.ask(), await world.stage.ask(step="b")
    receiving, now = hooks(world), world.stage.clock()
    pressed = await receiving.receive("slack", slack_signed(slack_press(one), now), slack_press(one))
    assert (pressed.status, pressed.body["state"]) == (200, "approved")
    checked = await receiving.receive("github", github_signed(github_press(two)), github_press(two))
    assert (checked.status, checked.body["state"]) == (200, "approved")


async def test_03_an_unknown_integration_is_404(world: World) -> None:
    answer = await hooks(world).receive("nobody", {}, b"")
    assert (answer.status, answer.body["code"]) == (404, "hook_unknown")


def test_03_short_or_broken_secrets_are_refused_at_once() -> None:
    for secret in ("whsec_c2hvcnQ=", "", "no-prefix", "whsec_%%%", SECRET.removeprefix("whsec_")):
        with pytest.raises(Refused) as no:
            Integration(name="ci", org="acme", secrets=(secret,))
        assert no.value.stable_code == "hook_secret_invalid"
    with pytest.raises(Refused):
        Integration(name="s", org="acme", kind="slack", secrets=(PLAIN_SECRET[:20],))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    headers=st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text()),
    body=st.binary(max_size=200),
)
async def test_03_nothing_a_stranger_sends_is_a_server_error(
    world: World, headers: dict[str, str], body: bytes
) -> None:
    receiving = hooks(world)
    for name in ("ci", "slack", "github"):
        assert (await receiving.receive(name, headers, body)).status == 401


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.text(st.characters(codec="utf-8"), max_size=200))
async def test_03_nothing_an_integration_sends_is_a_server_error(world: World, body: str) -> None:
    receiving, now, raw = hooks(world), world.stage.clock(), body.encode()
    assert (await receiving.receive("ci", signed("m" + str(hash(body)), raw, now, SECRET), raw)).status == 422
    assert (await receiving.receive("slack", slack_signed(raw, now), raw)).status in {200, 422}
    assert (await receiving.receive("github", github_signed(raw), raw)).status in {200, 422}
