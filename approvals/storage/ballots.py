"""Stored ballots: the truth that survives every process. SQLite and PostgreSQL, same code."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import and_, exists, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from approvals import consume as usage
from approvals import grants, lifecycle
from approvals.ballot import Ballot, Decision, Grant, Page, Request, Revision, Terms, Voter
from approvals.contract import Ballots, Clock, People
from approvals.current import Current, current, required, roles_of
from approvals.errors import refusal
from approvals.events import HOUSE, fact, killed_fact
from approvals.pagination import after, known, place
from approvals.quorum import LIVE, among_several, effective
from approvals.storage import rows
from approvals.storage.tables import ballots, kills
from approvals.storage.unit_of_work import (
    KILLED,
    BallotUnitOfWork,
    Journal,
    Mailing,
    ensure_alive,
    is_killed,
    rejections,
)
from database import fetch_one, reading, writing
from domain import Tier
from domain.decision import BallotState


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBallots:
    """Every verb is one transaction: the ballot, its audit line and its letters, or nothing."""

    engine: AsyncEngine
    clock: Clock
    people: People
    journal: Journal
    mailing: Mailing

    @property
    def _ledger(self) -> BallotUnitOfWork:
        return BallotUnitOfWork(engine=self.engine, clock=self.clock, journal=self.journal, mailing=self.mailing)

    async def open(self, request: Request) -> Ballot:
        request = replace(request, requirement=await required(self.people, request.org, request.requirement))
        ballot = lifecycle.asked(request, now=self.clock(), nonce=secrets.token_hex(16))
        try:
            async with writing(self.engine) as conn:
                # Before the kill switch: a node that is replayed gets its ballot back, whatever happened since.
                if already := await rows.read_one(conn, ballot.id):
                    return self._ledger.seen(already, request.org)
                await ensure_alive(conn, request.org, request.run)
                return await self._ledger.put(
                    conn, None, await self._answered(conn, ballot), "opened", request.requester
                )
        except IntegrityError:  # somebody asked the same at the same moment, and was first
            return await self.get(ballot.id, request.org)

    async def _answered(self, conn: AsyncConnection, ballot: Ballot) -> Ballot:
        """As it opens: rejected before, covered by a grant, or open to people."""
        c, now = ballots.c, self.clock()
        rejected = and_(c.org == ballot.org, c.run == ballot.run, c.state == "rejected")
        if same := await rows.read(conn, and_(rejected, c.action_digest == ballot.action_digest), limit=1):
            return lifecycle.rejected_again(ballot, same[0], rejects=await rejections(conn, ballot.org, ballot.run) + 1)
        if ballot.state == "pending":
            g = rows.grants.c
            for grant in await rows.read_grants(conn, and_(g.org == ballot.org, g.run == ballot.run, g.uses_left > 0)):
                if grants.covers(grant, ballot, now=now):
                    await rows.use_grant(conn, grant)
                    return lifecycle.granted(ballot, grant, now=now)
        return ballot

    async def get(self, id: str, org: str) -> Ballot:  # noqa: A002
        async with reading(self.engine) as conn:
            return self._ledger.seen(await rows.read_one(conn, known(id)), org)

    async def list(
        self,
        org: str,
        *,
        state: BallotState | None = None,
        run: str | None = None,
        mine: Voter | None = None,
        cursor: str = "",
        limit: int = 50,
    ) -> Page:
        now, mine_now = self.clock(), await current(self.people, mine) if mine else None
        where = [ballots.c.org == org]
        where += [ballots.c.run == run] if run is not None else []
        where += [rows.standing(state, now)] if state else []
        matching: list[Ballot] = []
        async with reading(self.engine) as conn:
            while len(matching) <= limit:
                spot = place(cursor)
                here = and_(*where, rows.behind(spot)) if spot else and_(*where)
                # One more than fits says whether a page follows. Names are compared in Python, so ``mine`` may take
                # several batches.
                batch = await rows.read(conn, here, limit=limit + 1)
                matching += [self._ledger.seen((b,), org) for b in batch if mine_now is None or mine_now.awaits(b, now)]
                if len(batch) <= limit:
                    break
                cursor = after(batch[-1])
        more = len(matching) > limit
        return Page(items=tuple(matching[:limit]), next_cursor=after(matching[limit - 1]) if more else "")

    async def vote(self, id: str, decision: Decision, voter: Voter) -> Ballot:  # noqa: A002
        now = await current(self.people, voter)
        async with self._ledger.changing(id, voter.org, voter.subject, decision.action_digest) as (conn, stored):
            # Inside the transaction, so that this refusal is in the audit like every other.
            return await self._voted(conn, stored, decision, now)

    async def _voted(self, conn: AsyncConnection, stored: Ballot, decision: Decision, now: Current) -> Ballot:
        now.ensure_not_own(stored)
        ballot = now.ballot(stored)
        rejects = await rejections(conn, ballot.org, ballot.run)
        voted = lifecycle.voted(ballot, decision, now.voter, now=self.clock(), rejects=rejects)
        if voted == ballot:
            return self._ledger.seen((ballot,), ballot.org)
        verb = f"vote.{decision.choice}"
        return await self._ledger.put(conn, ballot, voted, verb, now.voter.subject, note=decision.comment)

    async def vote_all(self, decisions: Sequence[tuple[str, Decision]], voter: Voter) -> tuple[Ballot, ...]:
        now, ledger = await current(self.people, voter), self._ledger
        answers = {known(id_): decision for id_, decision in decisions}
        # In the order of their ids everywhere: two who answer the same ones would wait for each other.
        async with ledger.changing_all(sorted(answers), voter.org, voter.subject) as (conn, ballots_):
            voted: dict[str, Ballot] = {}
            async for ballot in ballots_:
                voted[ballot.id] = await self._voted(conn, ballot, answers[ballot.id], now)
        return tuple(voted[id_] for id_ in answers)

    async def remind(self, id: str, voter: Voter, *, to: str = "", note: str = "") -> Ballot:  # noqa: A002
        now = await current(self.people, voter)
        roles = dict[str, frozenset[str]]()
        if to:
            roles |= await roles_of(self.people, await self.get(id, voter.org), [to], alone=now.alone)
        async with self._ledger.changing(id, voter.org, voter.subject) as (conn, stored):
            told = lifecycle.reminded(now.ballot(stored), now.voter, roles.get(to, ()), name=to, now=self.clock())
            verb, words = ("handed_over", f"to {to}: {note}") if to else ("reminded", note)
            return await self._ledger.put(conn, stored, told, verb, voter.subject, note=words)

    async def edit(self, id: str, revision: Revision, voter: Voter) -> Ballot:  # noqa: A002
        now = await current(self.people, voter)
        async with self._ledger.changing(id, voter.org, voter.subject) as (conn, stored):
            nonce, ballot = secrets.token_hex(16), now.ballot(stored)
            old, new = lifecycle.edited(ballot, now.revision(revision), now.voter, now=self.clock(), nonce=nonce)
            await self._ledger.put(conn, ballot, old, "edited", voter.subject)
            return await self._ledger.put(conn, None, new, "opened", voter.subject)

    async def cancel(self, id: str, voter: Voter) -> Ballot:  # noqa: A002
        now = await current(self.people, voter)
        async with self._ledger.changing(id, voter.org, voter.subject) as (conn, ballot):
            gone = lifecycle.cancelled(now.ballot(ballot), now.voter, now=self.clock())
            return await self._ledger.put(conn, ballot, gone, "cancelled", voter.subject)

    async def grant(self, id: str, terms: Terms, voter: Voter) -> Grant:  # noqa: A002
        now = await current(self.people, voter)
        async with self._ledger.changing(id, voter.org, voter.subject) as (conn, ballot):
            now.ensure_not_own(ballot)
            grant = grants.offered(now.ballot(ballot), terms, now.voter, now=self.clock())
            await rows.write_grant(conn, grant)
            await self.journal.append(conn, fact(ballot, "granted", voter.subject, self.clock()))
            return grant

    async def consume(self, id: str, org: str, recomputed_digest: str) -> Ballot:  # noqa: A002
        # Asked before the row is locked: the directory has connections of its own, and may be slow.
        before, alone = await self.get(id, org), await self.people.alone(org)
        roles = await roles_of(self.people, before, await self._signers(before), alone=alone)
        async with self._ledger.changing(id, org, HOUSE, recomputed_digest) as (conn, stored):
            ballot = stored if alone else replace(stored, requirement=among_several(stored.requirement))
            await ensure_alive(conn, org, ballot.run)
            grant = await self._grant_of(conn, ballot)
            usage.ensure_usable(ballot, recomputed_digest, roles, grant=grant, now=self.clock())
            # The one update that lets an action happen. What was checked before only explains a no.
            c = ballots.c
            stopped = exists().where(kills.c.org == ballot.org, kills.c.run == ballot.run)
            usable = and_(
                c.state == "approved", c.action_digest == recomputed_digest, c.use_by > self.clock(), ~stopped
            )
            used = await conn.execute(update(ballots).where(c.id == ballot.id, usable).values(state="consumed"))
            if used.rowcount != 1:
                raise refusal("already_consumed", f"Approval {ballot.id} cannot be used any more.")
            return await self._ledger.put(conn, ballot, replace(ballot, state="consumed"), "consumed", HOUSE)

    async def _signers(self, ballot: Ballot) -> set[str]:
        async with reading(self.engine) as conn:
            grant = await self._grant_of(conn, ballot)
        return {vote.voter for vote in ballot.votes} | ({grant.granted_by} if grant else set[str]())

    async def _grant_of(self, conn: AsyncConnection, ballot: Ballot) -> Grant | None:
        stored = await rows.read_grants(conn, rows.grants.c.id == ballot.grant) if ballot.grant else ()
        return stored[0] if stored else None

    async def executed(self, id: str, org: str) -> Ballot:  # noqa: A002
        return await self._finish(id, org, "executed")

    async def failed(self, id: str, org: str) -> Ballot:  # noqa: A002
        return await self._finish(id, org, "failed")

    async def _finish(self, id_: str, org: str, state: BallotState) -> Ballot:
        async with self._ledger.changing(id_, org, HOUSE) as (conn, ballot):
            done = usage.finished(ballot, state)
            return ballot if done == ballot else await self._ledger.put(conn, ballot, done, state, HOUSE)

    async def expire(self) -> tuple[Ballot, ...]:
        ended: list[Ballot] = []
        while batch := await self._sweep(self.clock()):
            ended += [ballot for ballot in batch if ballot.state != "pending"]
        return tuple(ended)

    async def _sweep(self, now: datetime) -> Sequence[Ballot]:
        """Move some ballots that are due, in one transaction. Empty when none is left."""
        moved: list[Ballot] = []
        async with writing(self.engine) as conn:
            # In portions: locks on all that is due would hold up every vote meanwhile.
            for ballot in await rows.read(conn, rows.due(now), lock=True, limit=200):
                swept = lifecycle.swept(ballot, now=now)
                if swept == ballot:
                    continue
                verb = "escalated" if swept.state == ballot.state else swept.state
                moved.append(await self._ledger.put(conn, ballot, swept, verb, HOUSE))
        return moved

    async def kill(self, run: str, voter: Voter) -> tuple[Ballot, ...]:
        lifecycle.ensure_may_kill((await current(self.people, voter)).voter)
        now, c = self.clock(), ballots.c
        async with writing(self.engine) as conn:
            mine = and_(c.org == voter.org, c.run == run, c.state.in_(LIVE))
            live = [b for b in await rows.read(conn, mine, lock=True) if effective(b, now) in LIVE]
            # Ballots are locked before the journal everywhere, or two transactions could wait for each other.
            if not await is_killed(conn, voter.org, run):
                row = {"org": voter.org, "run": run, "killed_by": voter.subject, "killed_at": now}
                await conn.execute(insert(kills).values(**row))
                await self.journal.append(conn, killed_fact(run, voter, now))
            gone = [(b, lifecycle.killed(b, now=now)) for b in live]
            return tuple([await self._ledger.put(conn, b, a, "killed", voter.subject) for b, a in gone])

    async def killed(self, run: str, org: str) -> bool:
        return bool(await fetch_one(self.engine, KILLED, {"of": org, "named": run}))


async def waiting(engine: AsyncEngine, now: datetime) -> Sequence[tuple[Tier, float]]:
    """Tier and age in seconds of every open question, of all organisations; the action itself is not read."""
    query = select(ballots.c.requirement, ballots.c.created_at).where(rows.standing("pending", now))
    async with reading(engine) as conn:
        pending = (await conn.execute(query)).all()
    return [(row.requirement["tier"], max(0.0, (now - row.created_at).total_seconds())) for row in pending]


async def latest(ballots: Ballots, id_: str, org: str) -> Ballot:
    """The ballot that stands now, after any number of edits. Raises ``approval_missing``."""
    ballot = await ballots.get(id_, org)
    while ballot.state == "superseded":
        ballot = await ballots.get(ballot.superseded_by, org)
    return ballot
