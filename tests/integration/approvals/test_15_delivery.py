"""15. Letters that go out: signed, thin, retried on the schedule, never redirected, never to ourselves."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

from approvals.channels import Subscriptions, WebhookEndpoint
from approvals.channels.base import DELAYS
from approvals.storage import StoredOutbox
from approvals.testing.rehearsal import refuses, yes
from tests.worlds.approvals import World
from tests.worlds.couriers import parcels, receiving, sender
from tests.worlds.hooks import OLD_SECRET, SECRET


async def test_15_a_letter_arrives_signed_and_thin(world: World) -> None:
    ballot = await world.stage.ask()
    async with receiving("200 OK") as receiver, sender(world, f"http://localhost:{receiver.port}/in") as carrier:
        assert await carrier.round() == 1
        assert await carrier.round() == 0
    headers, raw = receiver.got[0]
    assert headers["host"] == f"localhost:{receiver.port}"
    told = json.loads(raw)
    assert told["type"] == "approval.pending"
    assert told["data"]["action_digest"] == ballot.action_digest
    assert "make release" not in raw.decode()
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), tz=UTC)
    wanted = [Webhook(secret).sign(headers["webhook-id"], at, raw.decode()) for secret in (SECRET, OLD_SECRET)]
    assert headers["webhook-signature"].split(" ") == wanted
    sent = (await parcels(world))[0]
    assert (sent.state, sent.attempts, sent.id) == ("sent", 1, headers["webhook-id"])


async def test_15_a_redirect_is_not_followed(world: World) -> None:
    await world.stage.ask()
    async with (
        receiving("302 Found\r\nLocation: http://169.254.169.254/") as receiver,
        sender(world, f"http://127.0.0.1:{receiver.port}/") as carrier,
    ):
        await carrier.round()
        world.stage.clock.pass_(days=3)
        assert await carrier.round() == 0
    assert len(receiver.got) == 1
    assert (await parcels(world, state="dead"))[0].error == "302: redirects are not followed"


async def test_15_loopback_is_refused_unless_allowed(world: World) -> None:
    await world.stage.ask()
    async with receiving() as receiver, sender(world, f"http://127.0.0.1:{receiver.port}/", allow=()) as carrier:
        await carrier.round()
    assert receiver.got == []
    assert "not a public address" in (await parcels(world, state="dead"))[0].error


async def test_15_retries_follow_the_schedule_under_one_id(world: World) -> None:
    await world.stage.ask()
    failures = ["500 Oops"] * len(DELAYS)
    async with receiving(*failures) as receiver, sender(world, f"http://127.0.0.1:{receiver.port}/") as carrier:
        for delay in DELAYS:
            world.stage.clock.pass_(seconds=delay.total_seconds() - 1)
            assert await carrier.round() == 0 or delay == timedelta(0)
            world.stage.clock.pass_(seconds=1)
            await carrier.round()
        assert len(receiver.got) == len(DELAYS) == 10
        assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
        dead = (await parcels(world, state="dead"))[0]
        assert (dead.attempts, dead.error) == (10, "answered 500")
        receiver.answers.append("204 No Content")
        outbox = StoredOutbox(engine=world.engine, clock=world.stage.clock)
        await refuses("letter_missing", outbox.replay(dead.id, "evil"))
        await outbox.replay(dead.id, "acme")
        assert await carrier.round() == 1
        await refuses("letter_missing", outbox.replay(dead.id, "acme"))
    assert receiver.got[-1][0]["webhook-id"] == dead.id


async def test_15_nobody_home_is_tried_again_and_gone_is_not(world: World) -> None:
    await world.stage.ask()
    async with receiving() as closed:
        port = closed.port
    async with sender(world, f"http://127.0.0.1:{port}/") as carrier:
        await carrier.round()
    waiting = (await parcels(world, state="waiting"))[0]
    assert (waiting.attempts, waiting.due_at) == (1, world.stage.clock() + timedelta(seconds=5))
    world.stage.clock.pass_(seconds=5)
    async with receiving("410 Gone") as receiver, sender(world, f"http://127.0.0.1:{receiver.port}/") as carrier:
        await carrier.round()
    assert (await parcels(world, state="dead"))[0].error.startswith("410")


async def test_15_an_endpoint_that_was_removed(world: World) -> None:
    await world.stage.ask()
    async with sender(world, "https://x.example/", subscriptions=Subscriptions()) as carrier:
        await carrier.round()
    assert "no longer configured" in (await parcels(world, state="dead"))[0].error


async def test_15_two_couriers_do_not_send_twice(world: World) -> None:
    for step in range(6):
        await world.stage.ask(step=f"s{step}")
    async with receiving(*["200 OK"] * 6) as receiver, sender(world, f"http://127.0.0.1:{receiver.port}/") as carrier:
        await asyncio.gather(carrier.round(), carrier.round(), carrier.round())
    assert len(receiver.got) == 6


async def test_15_slack_reads_a_link_and_no_button_to_sign_blind(world: World) -> None:
    ballot = await world.stage.ask("critical")
    endpoint = WebhookEndpoint(name="all", url="http://127.0.0.1/", secrets=(SECRET,), kind="slack")
    async with receiving("200 OK") as receiver:
        slack = replace(endpoint, url=f"http://127.0.0.1:{receiver.port}/")
        async with sender(world, slack.url, subscriptions=Subscriptions(all=(slack,))) as carrier:
            await carrier.round()
    told = json.loads(receiver.got[0][1])
    assert told["text"].endswith("A critical action waits for a signature")
    button = told["blocks"][2]["elements"][0]
    assert button["url"].endswith(ballot.id)
    assert "value" not in button


async def test_15_a_letter_is_written_with_the_ballot_or_not_at_all(world: World) -> None:
    ballot = await world.stage.ask()
    await world.ballots.vote(ballot.id, yes(ballot), world.stage.human("vera"))
    topics = [parcel.letter.topic for parcel in await parcels(world)]
    assert topics == ["approval.decided", "approval.pending"]
