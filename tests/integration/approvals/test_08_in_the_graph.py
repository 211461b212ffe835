"""8. After expiry the run is parked and asks again; sixteen minutes after an approval it is stale."""

from pathlib import Path

from approvals.testing.rehearsal import MovableClock
from tests.worlds.house import FIX, OK, advance, application, decide, git, repository, start, story, task


async def test_08_an_expired_approval_parks_the_run_and_is_asked_again(tmp_path: Path) -> None:
    repo, clock = repository(tmp_path / "repo"), MovableClock()
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}, clock=clock) as opened:
        standing, _ = await start(opened, task(repo))
        first = standing.ballot
        clock.pass_(hours=25)
        assert [ballot.id for ballot in await opened.ballots.expire()] == [first]
        standing, _ = await advance(opened, standing.run.id)
        assert standing.run.ending is not None
        assert (standing.run.status, standing.run.ending.code) == ("paused", "approval_expired")
        assert git(repo, "branch", "--list", "signoff/*") == ""

        standing, events = await advance(opened, standing.run.id)
        assert story(events) == ["→ assess", "  risk_rated high", "→ ask", "  ballot_opened", "→ wait"]
        assert standing.ballot not in {None, first}
        await decide(opened, standing, "approve")
        standing, _ = await advance(opened, standing.run.id)
        assert standing.run.status == "delivered"


async def test_08_sixteen_minutes_after_approval_it_is_stale_and_asked_again(tmp_path: Path) -> None:
    repo, clock = repository(tmp_path / "repo"), MovableClock()
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}, clock=clock) as opened:
        standing, _ = await start(opened, task(repo))
        first = standing.ballot
        await decide(opened, standing, "approve")
        clock.pass_(minutes=16)
        standing, _ = await advance(opened, standing.run.id)
        assert standing.run.ending is not None
        assert (standing.run.status, standing.run.ending.code) == ("paused", "approval_stale")
        assert git(repo, "branch", "--list", "signoff/*") == ""

        standing, _ = await advance(opened, standing.run.id)
        assert standing.ballot not in {None, first}
        await decide(opened, standing, "approve")
        clock.pass_(minutes=14)
        standing, _ = await advance(opened, standing.run.id)
        assert standing.run.status == "delivered"
