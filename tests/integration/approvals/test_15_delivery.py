"""15. Letters that go out: signed, thin, retried on the schedule, never redirected, never to ourselves."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine
from standardwebhooks import Webhook

from approvals import Notification, PlanNotice
from approvals.channels import Subscriptions, WebhookEndpoint, verify_standard
from approvals.channels.base import DELAYS
from approvals.storage import OutboxItem, RunNotice, StoredOutbox, post
from approvals.storage.outbox import LEASE
from approvals.storage.tables import outbox
from approvals.testing.rehearsal import refuses, yes
from database import writing
from tests.worlds import approvals
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


AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
NOTE = Notification(
    topic="approval.pending",
    org="acme",
    run="run-1",
    ballot="3f2a9c41-0b1c-5c58-9f6e-0d6b3c1b7a55",
    action_digest=f"sha256:{'a' * 64}",
    tier="high",
    state="pending",
    expires_at=AT + timedelta(days=1),
    at=AT,
)
NOTICE = RunNotice(topic="run.success", run="run-1", turn="turn-1")
RUN_BODY = '{"type":"run.success","data":{"run_id":"turn-1","values":{"text":"grüße"},"error":null}}'.encode()
NOTE_BODY = (
    b'{"type":"approval.pending","timestamp":"2026-01-05T09:00:00+00:00","data":{"approval_id":'
    b'"3f2a9c41-0b1c-5c58-9f6e-0d6b3c1b7a55","action_digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
    b'aaaaaaaaaaaaaaa","org":"acme","run":"run-1","tier":"high","state":"pending","expires_at":'
    b'"2026-01-06T09:00:00+00:00","link":"https://signoff.example/a/x"}}'
)
SIGNED = {
    NOTE_BODY: ("msg_" + "1" * 32, "v1,R6cuz7/lJcgNhi8IecZAByMat31W76tBqc+8V+A448c="),
    RUN_BODY: ("msg_" + "2" * 32, "v1,49vPAePUaIkQKL+FJgWesImmFhoOP4Qfvo1dUCLL4rE="),
}
"""What the versions with an outbox for each kind sent, with their ids and signatures."""
RUN_SECRET = "whsec_a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="  # noqa: S105  base64 of 32 times k


async def test_15_both_kinds_are_sent_as_they_always_were(world: World) -> None:
    async with receiving("200 OK", "200 OK") as receiver:
        url = f"http://127.0.0.1:{receiver.port}/in"
        async with writing(world.engine) as conn:
            for id_, letter, to in (
                ("msg_" + "1" * 32, NOTE, {"endpoint": "all"}),
                ("msg_" + "2" * 32, NOTICE, {"url": url, "body": RUN_BODY}),
            ):
                made = await post(conn, letter, org="acme", at=AT, **to)
                await conn.execute(update(outbox).where(outbox.c.id == made).values(id=id_))
        endpoint = WebhookEndpoint(name="all", url=url, secrets=(SECRET,))
        given = {"clock": lambda: AT, "link": lambda _: "https://signoff.example/a/x", "run_secret": RUN_SECRET}
        box = StoredOutbox(engine=world.engine, clock=lambda: AT)
        async with sender(world, url, outbox=box, subscriptions=Subscriptions(all=(endpoint,)), **given) as carrier:
            assert await carrier.round() == 2
    assert {body for _, body in receiver.got} == set(SIGNED)
    for headers, body in receiver.got:
        id_, signature = SIGNED[body]
        assert headers == {
            "host": f"127.0.0.1:{receiver.port}",
            "accept": "*/*",
            "accept-encoding": headers["accept-encoding"],
            "connection": "keep-alive",
            "content-type": "application/json",
            "user-agent": "signoff",
            "webhook-id": id_,
            "webhook-timestamp": "1767603600",
            "webhook-signature": signature,
            "content-length": str(len(body)),
        }


async def test_15_what_is_told_of_a_plan_is_sent_like_every_other_letter(world: World) -> None:
    told = PlanNotice(topic="plan.soft_limit", org="acme", title="80 of 100", facts={"limit": "runs"}, at=AT)
    async with receiving("200 OK") as receiver:
        endpoint = WebhookEndpoint(name="all", url=f"http://127.0.0.1:{receiver.port}/in", secrets=(SECRET,))
        subscriptions = Subscriptions(all=(endpoint,))
        assert subscriptions.announced(told) == ["all"]
        assert Subscriptions(all=(replace(endpoint, orgs=("other",)),)).announced(told) == []
        assert Subscriptions(all=(replace(endpoint, topics=("approval.pending",)),)).announced(told) == []
        async with writing(world.engine) as conn:
            await post(conn, told, org="acme", at=AT, endpoint="all")
        box = StoredOutbox(engine=world.engine, clock=lambda: AT)
        (item,) = [each for each in await box.list("acme") if each.kind == "plan"]
        assert item.letter == told
        async with sender(
            world, endpoint.url, outbox=box, subscriptions=subscriptions, clock=lambda: AT, link=lambda _: ""
        ) as carrier:
            assert await carrier.round() == 1
    ((headers, body),) = receiver.got
    assert json.loads(body) == {
        "type": "plan.soft_limit",
        "timestamp": AT.isoformat(),
        "data": {"org": "acme", "title": "80 of 100", "limit": "runs"},
    }
    assert verify_standard(headers, body, (SECRET,), AT) == item.id


async def test_15_letters_to_one_receiver_keep_their_order_and_hold_up_no_other_one(world: World) -> None:
    turns = [RunNotice(topic="run.success", run="r", turn=str(number)) for number in range(4)]
    async with receiving(*["200 OK"] * 4) as one, receiving(*["500 Oops"] * 4) as other:
        async with writing(world.engine) as conn:
            for number, notice in enumerate(turns):
                for receiver in (one, other):
                    where = {"url": f"http://127.0.0.1:{receiver.port}/", "body": str(number).encode()}
                    await post(conn, notice, org="acme", at=world.stage.clock(), **where)
        async with sender(world, "http://127.0.0.1/", run_secret=RUN_SECRET) as carrier:
            assert await carrier.round() == 8
    assert [body for _, body in one.got] == [body for _, body in other.got] == [b"0", b"1", b"2", b"3"]
    assert [item.state for item in await parcels(world)] == ["waiting", "sent"] * 4


@dataclass
class Dying:
    """An outbox whose sender is killed after it posted, before it can note that."""

    box: StoredOutbox

    async def take(self, limit: int) -> Sequence[OutboxItem]:
        return await self.box.take(limit)

    async def sent(self, item: OutboxItem) -> None:
        """It does not come to that."""


async def lent_to_the_dead(engine: AsyncEngine, folder: object) -> None:
    world = approvals.world(engine, folder)  # type: ignore[arg-type]
    clock = world.stage.clock
    box = StoredOutbox(engine=engine, clock=clock)
    async with receiving(*["200 OK"] * 4) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        await world.stage.ask()
        async with writing(engine) as conn:
            await post(conn, NOTICE, org="acme", at=clock(), url=url, body=RUN_BODY)
        async with sender(world, url, outbox=Dying(box), run_secret=RUN_SECRET) as dying:
            assert await dying.round() == 2
        async with sender(world, url, run_secret=RUN_SECRET) as carrier:
            clock.pass_(seconds=LEASE.total_seconds() - 1)
            assert await carrier.round() == 0, "whoever took them may be alive"
            clock.pass_(seconds=1)
            assert await carrier.round() == 2
            assert await carrier.round() == 0
    ids = [headers["webhook-id"] for headers, _ in receiver.got]
    assert len(ids) == 4
    assert set(ids[:2]) == set(ids[2:]), "the receiver knows them again"


async def test_15_who_dies_after_posting_leaves_the_letter_to_others(world: World, tmp_path: object) -> None:
    await lent_to_the_dead(world.engine, tmp_path)


@pytest.mark.postgres
async def test_15_who_dies_after_posting_does_so_on_a_server_too(
    postgres_engine: AsyncEngine, tmp_path: object
) -> None:
    await lent_to_the_dead(postgres_engine, tmp_path)


async def test_15_a_sender_whose_lease_ran_out_says_nothing_about_the_letter_any_more(world: World) -> None:
    await world.stage.ask()
    box = StoredOutbox(engine=world.engine, clock=world.stage.clock)
    (late,) = await box.take(5)
    world.stage.clock.pass_(seconds=LEASE.total_seconds())
    (mine,) = await box.take(5)
    await box.bury(late, error="it did not answer in time")
    assert [item.state for item in await parcels(world)] == ["waiting"]
    await box.sent(mine)
    assert [item.state for item in await parcels(world)] == ["sent"]
