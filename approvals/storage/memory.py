"""Ballots in memory: a second implementation of the contract, for tests and for runs nobody must survive."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from approvals import consume as usage
from approvals import grants, lifecycle
from approvals.ballot import Ballot, Decision, Grant, Page, Request, Revision, Terms, Voter
from approvals.contract import Clock, People
from approvals.current import Current, current, required, roles_of
from approvals.errors import of_several, refusal
from approvals.events import HOUSE, AuditFact, Notification, fact, killed_fact, letter, refused_fact
from approvals.pagination import after, known, place
from approvals.quorum import LIVE, among_several, effective
from domain import Refused
from domain.decision import BallotState


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """People from a table: ``{("org", "subject"): ("approver", …)}``."""

    members: Mapping[tuple[str, str], Sequence[str]]
    solo: bool = True
    """True: nothing is added to what a ballot's requirement says."""
    made: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict[tuple[str, str], Sequence[str]])
    """Programs by who made their keys."""

    async def roles(self, org: str, subject: str) -> Sequence[str]:
        return self.members.get((org, subject), ())

    async def alone(self, org: str) -> bool:  # noqa: ARG002
        return self.solo

    async def programs(self, org: str, subject: str) -> Sequence[str]:
        return self.made.get((org, subject), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedBallots:
    """One process, one event loop; everything is gone when it ends."""

    clock: Clock
    people: People
    ballots: dict[str, Ballot] = field(default_factory=dict[str, Ballot])
    grants: dict[str, Grant] = field(default_factory=dict[str, Grant])
    kills: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    facts: list[AuditFact] = field(default_factory=list[AuditFact])
    letters: list[Notification] = field(default_factory=list[Notification])
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def open(self, request: Request) -> Ballot:
        now = self.clock()
        request = replace(request, requirement=await required(self.people, request.org, request.requirement))
        async with self._lock:
            ballot = lifecycle.asked(request, now=now, nonce=secrets.token_hex(16))
            if known := self.ballots.get(ballot.id):
                return self._seen(known, request.org)
            if (request.org, request.run) in self.kills:
                raise refusal("run_killed", f"Run {request.run} was stopped.")
            rejected = [b for b in self._of(request.org, request.run) if b.state == "rejected"]
            same = [b for b in rejected if b.action_digest == ballot.action_digest]
            if same:
                ballot = lifecycle.rejected_again(ballot, same[-1], rejects=len(rejected) + 1)
            elif ballot.state == "pending" and (grant := self._covering(ballot)):
                self.grants[grant.id] = replace(grant, uses_left=grant.uses_left - 1)
                ballot = lifecycle.granted(ballot, grant, now=now)
            return self._put(None, ballot, "opened", request.requester)

    def _covering(self, ballot: Ballot) -> Grant | None:
        now = self.clock()
        return next((g for g in self.grants.values() if grants.covers(g, ballot, now=now)), None)

    async def get(self, id: str, org: str) -> Ballot:  # noqa: A002
        return self._seen(self.ballots.get(id), org)

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
        now, behind = self.clock(), place(cursor)
        mine_now = await current(self.people, mine) if mine else None
        rows = sorted((b for b in self.ballots.values() if b.org == org), key=_order, reverse=True)
        matching = [
            self._seen(ballot, org)
            for ballot in rows
            if (behind is None or _order(ballot) < behind)
            and (run is None or ballot.run == run)
            and (state is None or effective(ballot, now) == state)
            and (mine_now is None or mine_now.awaits(ballot, now))
        ]
        more = len(matching) > limit
        return Page(items=tuple(matching[:limit]), next_cursor=after(matching[limit - 1]) if more else "")

    async def vote(self, id: str, decision: Decision, voter: Voter) -> Ballot:  # noqa: A002
        now = await current(self.people, voter)
        async with self._changing(id, voter.org, voter.subject, decision.action_digest) as stored:
            return self._voted(stored, decision, now)

    def _voted(self, stored: Ballot, decision: Decision, now: Current) -> Ballot:
        now.ensure_not_own(stored)
        ballot = now.ballot(stored)
        rejects = sum(b.state == "rejected" for b in self._of(ballot.org, ballot.run))
        voted = lifecycle.voted(ballot, decision, now.voter, now=self.clock(), rejects=rejects)
        if voted == ballot:
            return self._seen(ballot, ballot.org)
        return self._put(ballot, voted, f"vote.{decision.choice}", now.voter.subject, note=decision.comment)

    async def vote_all(self, decisions: Sequence[tuple[str, Decision]], voter: Voter) -> tuple[Ballot, ...]:
        now = await current(self.people, voter)
        async with self._lock:
            before, facts, letters = dict(self.ballots), len(self.facts), len(self.letters)
            answers, lent = {known(id_): decision for id_, decision in decisions}, list[Ballot]()
            voted: dict[str, Ballot] = {}
            try:
                for id_ in sorted(answers):
                    self._seen(self.ballots.get(id_), voter.org)
                    lent.append(self.ballots[id_])
                    voted[id_] = self._voted(lent[-1], answers[id_], now)
            except Refused as no:
                self.ballots.update(before)
                del self.facts[facts:], self.letters[letters:]
                self.facts.extend(refused_fact(b, no, voter.subject, self.clock()) for b in lent[-1:])
                raise (of_several(no, lent[-1].id) if lent else no) from None
            return tuple(voted[id_] for id_ in answers)

    async def remind(self, id: str, voter: Voter, *, to: str = "", note: str = "") -> Ballot:  # noqa: A002
        now, roles = await current(self.people, voter), dict[str, frozenset[str]]()
        if to:
            roles |= await roles_of(self.people, await self.get(id, voter.org), [to], alone=now.alone)
        async with self._changing(id, voter.org, voter.subject) as stored:
            told = lifecycle.reminded(now.ballot(stored), now.voter, roles.get(to, ()), name=to, now=self.clock())
            verb, words = ("handed_over", f"to {to}: {note}") if to else ("reminded", note)
            return self._put(stored, told, verb, voter.subject, note=words)

    async def edit(self, id: str, revision: Revision, voter: Voter) -> Ballot:  # noqa: A002
        now = await current(self.people, voter)
        async with self._changing(id, voter.org, voter.subject) as stored:
            nonce, ballot = secrets.token_hex(16), now.ballot(stored)
            old, new = lifecycle.edited(ballot, now.revision(revision), now.voter, now=self.clock(), nonce=nonce)
            self._put(ballot, old, "edited", voter.subject)
            return self._put(None, new, "opened", voter.subject)

    async def cancel(self, id: str, voter: Voter) -> Ballot:  # noqa: A002
        now = await current(self.people, voter)
        async with self._changing(id, voter.org, voter.subject) as ballot:
            gone = lifecycle.cancelled(now.ballot(ballot), now.voter, now=self.clock())
            return self._put(ballot, gone, "cancelled", voter.subject)

    async def grant(self, id: str, terms: Terms, voter: Voter) -> Grant:  # noqa: A002
        now = await current(self.people, voter)
        async with self._changing(id, voter.org, voter.subject) as ballot:
            now.ensure_not_own(ballot)
            grant = grants.offered(now.ballot(ballot), terms, now.voter, now=self.clock())
            self.grants[grant.id] = grant
            self.facts.append(fact(ballot, "granted", voter.subject, self.clock()))
            return grant

    async def consume(self, id: str, org: str, recomputed_digest: str) -> Ballot:  # noqa: A002
        before = await self.get(id, org)
        grant = self.grants.get(before.grant)
        signers = {vote.voter for vote in before.votes} | ({grant.granted_by} if grant else set[str]())
        alone = await self.people.alone(org)
        roles = await roles_of(self.people, before, signers, alone=alone)
        async with self._changing(id, org, HOUSE, recomputed_digest) as stored:
            ballot = stored if alone else replace(stored, requirement=among_several(stored.requirement))
            if (org, ballot.run) in self.kills:
                raise refusal("run_killed", f"Run {ballot.run} was stopped.")
            usage.ensure_usable(ballot, recomputed_digest, roles, grant=grant, now=self.clock())
            return self._put(ballot, replace(ballot, state="consumed"), "consumed", HOUSE)

    async def executed(self, id: str, org: str) -> Ballot:  # noqa: A002
        return await self._finish(id, org, "executed")

    async def failed(self, id: str, org: str) -> Ballot:  # noqa: A002
        return await self._finish(id, org, "failed")

    async def _finish(self, id_: str, org: str, state: BallotState) -> Ballot:
        async with self._changing(id_, org, HOUSE) as ballot:
            after_ = usage.finished(ballot, state)
            return ballot if after_ == ballot else self._put(ballot, after_, state, HOUSE)

    async def expire(self) -> tuple[Ballot, ...]:
        async with self._lock:
            ended: list[Ballot] = []
            for ballot in tuple(self.ballots.values()):
                swept = lifecycle.swept(ballot, now=self.clock())
                if swept.state != ballot.state:
                    ended.append(self._put(ballot, swept, swept.state, HOUSE))
                elif swept != ballot:
                    self._put(ballot, swept, "escalated", HOUSE)
            return tuple(ended)

    async def kill(self, run: str, voter: Voter) -> tuple[Ballot, ...]:
        lifecycle.ensure_may_kill((await current(self.people, voter)).voter)
        now = self.clock()
        async with self._lock:
            if (voter.org, run) not in self.kills:
                self.kills.add((voter.org, run))
                self.facts.append(killed_fact(run, voter, now))
            live = [b for b in self._of(voter.org, run) if effective(b, now) in LIVE]
            return tuple(self._put(b, lifecycle.killed(b, now=now), "killed", voter.subject) for b in live)

    async def killed(self, run: str, org: str) -> bool:
        return (org, run) in self.kills

    @asynccontextmanager
    async def _changing(self, id_: str, org: str, actor: str, *digests: str) -> AsyncGenerator[Ballot]:
        """Lend the ballot; a refusal inside is a fact, too."""
        async with self._lock:
            self._seen(self.ballots.get(id_), org)
            ballot = self.ballots[id_]
            try:
                yield ballot
            except Refused as no:
                self.facts.append(refused_fact(ballot, no, actor, self.clock(), *digests))
                raise

    def _of(self, org: str, run: str) -> Sequence[Ballot]:
        return [ballot for ballot in self.ballots.values() if (ballot.org, ballot.run) == (org, run)]

    def _put(self, before: Ballot | None, after_: Ballot, verb: str, actor: str, *, note: str = "") -> Ballot:
        self.ballots[after_.id] = after_
        self.facts.append(fact(after_, verb, actor, self.clock(), note=note))
        if notification := letter(before, after_, self.clock()):
            self.letters.append(notification)
        return after_

    def _seen(self, ballot: Ballot | None, org: str) -> Ballot:
        if ballot is None or ballot.org != org:
            raise refusal("approval_missing", "There is no such approval.")
        return replace(ballot, state=effective(ballot, self.clock()))


_order: Callable[[Ballot], tuple[object, str]] = lambda ballot: (ballot.created_at, ballot.id)  # noqa: E731
