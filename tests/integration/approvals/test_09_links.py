"""9. Reading a link a hundred times: still pending. A form without CSRF or with a used token: 403 or 410."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from approvals.channels import Links, render_page
from approvals.storage import StoredReplayGuard
from approvals.testing.rehearsal import MovableClock, refuses
from tests.worlds.approvals import World


async def attempt(links: Links, token: str) -> object:
    return links.read(token)


async def ensure(links: Links, token: str, session: str, given_: str) -> None:
    links.ensure_csrf(links.read(token), session, given_)


async def test_09_reading_has_no_effect(world: World) -> None:
    ballot = await world.stage.ask()
    links = Links(key=b"l" * 32, clock=world.stage.clock)
    token = links.issue(ballot=ballot.id, org="acme", action_digest=ballot.action_digest, until=ballot.expires_at)
    for _ in range(100):
        ticket = links.read(token)
        found = await world.ballots.get(ticket.ballot, ticket.org)
        render_page(found, action=f"/a/{token}", viewer="vera", csrf=links.csrf(ticket, "session"))
    assert (await world.ballots.get(ballot.id, "acme")) == ballot


async def test_09_a_form_needs_the_token_of_its_page_and_session(world: World) -> None:
    ballot = await world.stage.ask()
    links = Links(key=b"l" * 32, clock=world.stage.clock)
    token, other = (
        links.issue(ballot=id_, org="acme", action_digest=ballot.action_digest, until=ballot.expires_at)
        for id_ in (ballot.id, "other")
    )
    good = links.csrf(links.read(token), "session-1")
    links.ensure_csrf(links.read(token), "session-1", good)
    for bad_token, session, csrf in (
        (token, "session-1", ""),
        (token, "session-1", "é"),
        (token, "session-2", good),
        (token, "", links.csrf(links.read(token), "")),
        (other, "session-1", good),
    ):
        no = await refuses("csrf_invalid", ensure(links, bad_token, session, csrf))
        assert no.http_status == 403
    world.stage.clock.pass_(hours=2)
    await refuses("csrf_invalid", ensure(links, token, "session-1", good))


async def test_09_one_use_for_each_person(world: World) -> None:
    memory = StoredReplayGuard(engine=world.engine, clock=world.stage.clock)
    links = Links(key=b"l" * 32, clock=world.stage.clock)
    ticket = links.read(
        links.issue(ballot="b", org="acme", action_digest="d", until=world.stage.clock.now.replace(year=2027))
    )
    assert [await memory.use(ticket.spent_by(who)) for who in ("vera", "vera", "wanda")] == [True, False, True]
    assert await memory.used(ticket.spent_by("vera"))
    assert not await memory.used(ticket.spent_by("xena"))


async def test_09_an_expired_or_forged_link(world: World) -> None:
    links = Links(key=b"l" * 32, clock=world.stage.clock)
    token = links.issue(ballot="b", org="acme", action_digest="d", until=world.stage.clock() + timedelta(hours=1))
    stranger = Links(key=b"x" * 32, clock=world.stage.clock)
    assert (await refuses("link_invalid", attempt(stranger, token))).http_status == 404
    for broken in ("", ".", token[:-1], token + "A", token.replace(".", ""), "é.é"):
        await refuses("link_invalid", attempt(links, broken))
    world.stage.clock.pass_(hours=1)
    assert (await refuses("link_expired", attempt(links, token))).http_status == 410


@given(st.text())
async def test_09_no_text_is_a_link(text: str) -> None:
    await refuses("link_invalid", attempt(Links(key=b"l" * 32, clock=MovableClock()), text))
