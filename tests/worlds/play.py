"""Everybody who ever touches a ballot, played by Hypothesis; a little model keeps its own books beside it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from approvals import Decision, Revision, Terms, Voter, action_digest
from approvals.testing.rehearsal import POLICY, Stage, action, question
from domain import TIERS, Risk
from tests.worlds.books import COMMANDS, CONTENTS, MODE, MOSTLY, PEOPLE, ROLES, TIER, VOTERS, Bookkeeping


class Play(Bookkeeping, RuleBasedStateMachine):
    """Acts on a stage; subclasses say which."""

    opened = Bundle("opened")

    def stage(self) -> Stage:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.open_books()

    @initialize()
    def begin(self) -> None:
        self.on = self.stage()
        for name in PEOPLE:
            self.on.people.members["acme", name] = ("approver", "critical_approver")

    @rule(
        target=opened,
        tier=TIER,
        where=st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["r1", "r2"])),
        what=st.tuples(st.sampled_from(COMMANDS), st.sampled_from(CONTENTS)),
        mode=MODE,
    )
    def ask(self, tier: Any, where: tuple[str, str], what: tuple[str, str], mode: Any) -> Any:
        (step, run), (command, content) = where, what
        asked = question(tier, mode, run=run, step=f"{step}.{tier}.{mode}", command=command, content=content)
        ballot = self.attempt(self.on.ballots.open(asked))
        if ballot is None:
            assert run in self.killed
            return multiple()
        self.note(ballot)
        return ballot.id

    @rule(id_=opened, name=st.sampled_from(["vera", "wanda"]), choice=st.sampled_from(["approve", "approve", "reject"]))
    def sign(self, id_: str, name: str, choice: Any) -> None:
        """As people normally do, so that ballots get somewhere."""
        self.cast(id_, self.voter(name, "human", "http", 1, mfa=True), choice, right=True)

    @rule(id_=opened, who=VOTERS, choice=st.sampled_from(["approve", "approve", "reject"]), right=MOSTLY)
    def vote(self, id_: str, who: Any, choice: Any, right: bool) -> None:
        self.cast(id_, self.voter(*who), choice, right=right)

    def cast(self, id_: str, voter: Voter, choice: Any, *, right: bool) -> None:
        book, now = self.books[id_], self.on.clock()
        digest = book.action_digest if right else action_digest(action("something else"))
        voted = self.attempt(self.on.ballots.vote(id_, Decision(choice=choice, action_digest=digest), voter))
        if voted is None:
            return
        again = voter.subject in (book.yes if choice == "approve" else book.no)
        assert voter.kind == "human"
        assert right
        assert set(voter.roles) & set(book.requirement.roles)
        assert voter.subject not in book.involved or book.requirement.allow_self
        assert again or now < book.expires_at
        if choice == "approve":
            assert not book.vetoed or again
            if book.tier == "critical":
                assert voter.mfa
                assert voter.surface != "hook"
                assert voter.session_started_at
                assert now - voter.session_started_at <= timedelta(minutes=10)
            book.yes.add(voter.subject)
        else:
            book.vetoed = True
            book.no.add(voter.subject)
            book.yes.discard(voter.subject)
        if voted.state == "approved" and book.approved_at is None:
            assert len(book.yes) >= book.requirement.humans
            book.approved_at = now

    @rule(
        target=opened,
        id_=opened,
        who=VOTERS,
        command=st.sampled_from(COMMANDS),
        tier=st.sampled_from(["medium", "high", "critical"]),
    )
    def edit(self, id_: str, who: Any, command: str, tier: Any) -> Any:
        old, voter = self.books[id_], self.voter(*who)
        change = Revision(
            action=action(command), risk=Risk(tier=tier), requirement=POLICY.requirement(tier, mode="team")
        )
        new = self.attempt(self.on.ballots.edit(id_, change, voter))
        if new is None:
            return multiple()
        assert new.state == "pending"
        assert new.votes == ()
        assert TIERS.index(new.tier) >= TIERS.index(old.tier)
        assert "critical" not in {tier, old.tier}
        old.dead = True
        self.note(new)
        assert voter.subject in self.books[new.id].involved
        return new.id

    @rule(id_=opened, who=VOTERS)
    def cancel(self, id_: str, who: Any) -> None:
        if self.attempt(self.on.ballots.cancel(id_, self.voter(*who))):
            self.books[id_].dead = True

    @rule(id_=opened, who=VOTERS, uses=st.integers(1, 2))
    def grant(self, id_: str, who: Any, uses: int) -> None:
        book, voter = self.books[id_], self.voter(*who)
        grant = self.attempt(self.on.ballots.grant(id_, Terms(uses=uses, seconds=1_200), voter))
        if grant is None:
            return
        assert voter.kind == "human"
        assert set(voter.roles) & set(book.requirement.roles)
        assert voter.subject not in book.involved or book.requirement.allow_self
        assert book.tier in {"medium", "high"}
        self.grants = [entry for entry in self.grants if entry[0].id != grant.id] + [(grant, book, uses)]

    @rule(id_=opened)
    def deliver(self, id_: str) -> None:
        """As the executor normally does."""
        self.use(id_, right=True, org="acme")

    @rule(id_=opened, right=MOSTLY, org=st.sampled_from(["acme"] * 5 + ["evil"]))
    def execute(self, id_: str, right: bool, org: str) -> None:
        self.use(id_, right=right, org=org)

    def use(self, id_: str, *, right: bool, org: str) -> None:
        book, now = self.books[id_], self.on.clock()
        digest = book.action_digest if right else action_digest(action("something else"))
        used = self.attempt(self.on.ballots.consume(id_, org, digest))
        if used is None:
            return
        assert right
        assert org == "acme"
        assert not book.consumed, "executed twice"
        assert not book.vetoed
        assert not book.dead
        assert book.run not in self.killed
        assert book.approved_at is not None
        assert now < book.approved_at + timedelta(minutes=15)
        if used.grant:
            giver = next(grant.granted_by for grant, _, _ in self.grants if grant.id == used.grant)
            signers = {giver}
        else:
            signers = book.yes
        allowed = {
            name
            for name in signers
            if set(self.on.people.members["acme", name]) & set(book.requirement.roles)
            and (name not in book.involved or book.requirement.allow_self)
        }
        assert len(allowed) >= (1 if used.grant else book.requirement.humans)
        book.consumed = True

    @rule(id_=opened, well=st.booleans())
    def finish(self, id_: str, well: bool) -> None:
        ballots = self.on.ballots
        done = self.attempt(ballots.executed(id_, "acme") if well else ballots.failed(id_, "acme"))
        if done is not None:
            assert self.books[id_].consumed

    @rule(minutes=st.sampled_from([1, 8, 16, 130, 1_500]))
    def wait(self, minutes: int) -> None:
        self.on.clock.pass_(minutes=minutes)

    @rule()
    def sweep(self) -> None:
        for ballot in self.runner.run(self.on.ballots.expire()):
            assert ballot.state in {"expired", "stale"}

    @rule(name=st.sampled_from(PEOPLE), roles=st.sampled_from(ROLES))
    def promote(self, name: str, roles: tuple[str, ...]) -> None:
        self.on.people.members["acme", name] = roles

    @rule(run=st.sampled_from(["r1", "r2"]), who=VOTERS, really=st.sampled_from([False] * 7 + [True]))
    def kill(self, run: str, who: Any, really: bool) -> None:
        voter = replace(self.voter(*who), roles=("operator",) if really else ("viewer",))
        if self.attempt(self.on.ballots.kill(run, voter)) is not None:
            assert really
            self.killed.add(run)

    @invariant()
    def what_is_stored_is_what_is_booked(self) -> None:
        stored = self.runner.run(self.on.ballots.list("acme", limit=1_000)).items
        assert {ballot.id for ballot in stored} == set(self.books)
        for ballot in stored:
            book = self.books[ballot.id]
            assert (ballot.state in {"consumed", "executed", "failed"}) == book.consumed
            assert ballot.action_digest == book.action_digest == action_digest(ballot.action)
            assert {vote.voter for vote in ballot.votes if vote.choice == "approve"} == book.yes

    def teardown(self) -> None:
        self.runner.close()
