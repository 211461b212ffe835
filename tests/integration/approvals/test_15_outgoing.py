"""15. Outgoing URL to loopback, a metadata address, a rebinding name, a redirect: refused."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from approvals import Courier, Endpoint, Guard, StoredOutbox, Subscriptions, new_client
from approvals.guard import Destination, public
from approvals.outgoing import DELAYS
from approvals.rehearsal import refuses, yes
from tests.worlds.approvals import World
from tests.worlds.hooks import OLD_SECRET, SECRET

INSIDE = [
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",  # noqa: S104
    "168.63.129.16", "224.0.0.1", "255.255.255.255", "192.0.0.192", "198.18.0.1", "240.0.0.1", "::1", "::", "fe80::1",
    "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
    "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001::1", "fe80::1%eth0", "100.100.100.200",
]  # fmt: skip


def answering(*addresses: str) -> Callable[[str, int], object]:
    """A resolver that gives these, one list for each time it is asked."""
    asked = iter(addresses)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return next(asked).split()

    return resolve


async def judge(url: str, *addresses: str, allow: Sequence[str] = ()) -> Destination:
    return await Guard(allow=allow, resolve=answering(*addresses)).judge(url)


@pytest.mark.parametrize("address", INSIDE)
async def test_15_an_inner_address_is_refused(address: str) -> None:
    await refuses("destination_refused", judge("https://hook.example/x", address))
    await refuses("destination_refused", judge("https://hook.example/x", f"93.184.216.34 {address}"))


@pytest.mark.parametrize(
    "url",
    ["http://hook.example/", "ftp://hook.example/", "file:///etc/passwd", "https://", "https://u:p@hook.example/",
     "nonsense", "https://[::1", "gopher://x/", "//hook.example/"],
)  # fmt: skip
async def test_15_an_odd_address_is_refused(url: str) -> None:
    await refuses("destination_refused", judge(url, "93.184.216.34"))


@pytest.mark.parametrize(
    "url", ["https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://[::1]/", "https://localhost/"]
)
async def test_15_loopback_in_disguise_is_refused(url: str) -> None:
    await refuses("destination_refused", Guard().judge(url))


async def test_15_a_name_that_changes_its_mind_gains_nothing() -> None:
    """The request goes to the judged address; the name is not asked a second time."""
    found = await judge("https://rebind.example:8443/hook?x=1", "93.184.216.34", "127.0.0.1")
    assert found.url == "https://93.184.216.34:8443/hook?x=1"
    assert (found.host, found.host_header) == ("rebind.example", "rebind.example:8443")
    six = await judge("https://six.example/", "2606:2800:220:1::1")
    assert six.url == "https://[2606:2800:220:1::1]/"


async def test_15_a_self_hoster_may_allow_a_network() -> None:
    assert (await judge("http://hook.lan/", "10.1.2.3", allow=["10.1.2.0/24"])).address == "10.1.2.3"
    await refuses("destination_refused", judge("http://hook.lan/", "10.1.3.3", allow=["10.1.2.0/24"]))
    await refuses("destination_refused", judge("http://hook.lan/", "10.1.2.3 127.0.0.1", allow=["10.1.2.0/24"]))


@given(
    st.ip_addresses(v=4, network="10.0.0.0/8")
    | st.ip_addresses(v=4, network="127.0.0.0/8")
    | st.ip_addresses(v=6, network="fc00::/7")
)
def test_15_no_private_address_is_public(address: object) -> None:
    assert not public(address)


@dataclass(slots=True)
class Receiver:
    """A web server on loopback that answers as it is told and keeps what it got."""

    answers: list[str]
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {key.lower(): text for key, _, text in (line.partition(": ") for line in head[1:] if line)}
        self.got.append((headers, await reader.readexactly(int(headers["content-length"]))))
        answer = self.answers.pop(0)
        writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving(*answers: str) -> AsyncGenerator[Receiver]:
    receiver = Receiver(answers=list(answers))
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver


@asynccontextmanager
async def courier(
    world: World, url: str, *, allow: Sequence[str] = ("127.0.0.0/8",), **other: object
) -> AsyncGenerator[Courier]:
    endpoint = Endpoint(name="all", url=url, secrets=(SECRET, OLD_SECRET))
    async with new_client() as client:
        made = Courier(
            outbox=StoredOutbox(engine=world.engine, clock=world.stage.clock),
            subscriptions=Subscriptions(all=(endpoint,)),
            guard=Guard(allow=allow),
            client=client,
            clock=world.stage.clock,
            link=lambda letter: f"https://signoff.example/a/{letter.ballot}",
            random=lambda: 0.0,
        )
        yield replace(made, **other)


async def parcels(world: World, **where: object) -> Sequence[object]:
    return await StoredOutbox(engine=world.engine, clock=world.stage.clock).list("acme", **where)


async def test_15_a_letter_arrives_signed_and_thin(world: World) -> None:
    ballot = await world.stage.ask()
    async with receiving("200 OK") as receiver, courier(world, f"http://localhost:{receiver.port}/in") as carrier:
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
        courier(world, f"http://127.0.0.1:{receiver.port}/") as carrier,
    ):
        await carrier.round()
        world.stage.clock.pass_(days=3)
        assert await carrier.round() == 0
    assert len(receiver.got) == 1
    assert (await parcels(world, state="dead"))[0].error == "302: redirects are not followed"


async def test_15_loopback_is_refused_unless_allowed(world: World) -> None:
    await world.stage.ask()
    async with receiving() as receiver, courier(world, f"http://127.0.0.1:{receiver.port}/", allow=()) as carrier:
        await carrier.round()
    assert receiver.got == []
    assert "not a public address" in (await parcels(world, state="dead"))[0].error


async def test_15_retries_follow_the_schedule_under_one_id(world: World) -> None:
    await world.stage.ask()
    failures = ["500 Oops"] * len(DELAYS)
    async with receiving(*failures) as receiver, courier(world, f"http://127.0.0.1:{receiver.port}/") as carrier:
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
    async with courier(world, f"http://127.0.0.1:{port}/") as carrier:
        await carrier.round()
    waiting = (await parcels(world, state="waiting"))[0]
    assert (waiting.attempts, waiting.due_at) == (1, world.stage.clock() + timedelta(seconds=5))
    world.stage.clock.pass_(seconds=5)
    async with receiving("410 Gone") as receiver, courier(world, f"http://127.0.0.1:{receiver.port}/") as carrier:
        await carrier.round()
    assert (await parcels(world, state="dead"))[0].error.startswith("410")


async def test_15_an_endpoint_that_was_removed(world: World) -> None:
    await world.stage.ask()
    async with courier(world, "https://x.example/", subscriptions=Subscriptions()) as carrier:
        await carrier.round()
    assert "no longer configured" in (await parcels(world, state="dead"))[0].error


async def test_15_two_couriers_do_not_send_twice(world: World) -> None:
    for step in range(6):
        await world.stage.ask(step=f"s{step}")
    async with receiving(*["200 OK"] * 6) as receiver, courier(world, f"http://127.0.0.1:{receiver.port}/") as carrier:
        await asyncio.gather(carrier.round(), carrier.round(), carrier.round())
    assert len(receiver.got) == 6


async def test_15_slack_reads_a_link_and_no_button_to_sign_blind(world: World) -> None:
    ballot = await world.stage.ask("critical")
    endpoint = Endpoint(name="all", url="http://127.0.0.1/", secrets=(SECRET,), kind="slack")
    async with receiving("200 OK") as receiver:
        slack = replace(endpoint, url=f"http://127.0.0.1:{receiver.port}/")
        async with courier(world, slack.url, subscriptions=Subscriptions(all=(slack,))) as carrier:
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
