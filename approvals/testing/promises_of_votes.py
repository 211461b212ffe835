"""Promises of a ballot store about votes: who counts, and how they are counted."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from approvals.ballot import Terms, Voter
from approvals.digest import action_digest
from approvals.testing.rehearsal import Stage, action, expect, no, question, refuses, yes
from domain.decision import BallotState


async def asking_again_finds_the_same_ballot(stage: Stage) -> None:
    first = await stage.ask()
    stage.clock.pass_(minutes=3)
    expect(await stage.ask(), first)
    expect(first.state, "pending")
    expect(await stage.ballots.get(first.id, "acme"), first)
    expect([f.verb for f in await stage.facts()], ["approval.opened"])
    expect([letter.topic for letter in await stage.letters()], ["approval.pending"])


async def asking_at_the_same_moment_opens_one(stage: Stage) -> None:
    both = await asyncio.gather(*(stage.ask() for _ in range(5)))
    expect(len({ballot.nonce for ballot in both}), 1)
    expect(len((await stage.ballots.list("acme")).items), 1)


async def one_human_signs_high(stage: Stage) -> None:
    ballot = await stage.ask()
    signed = await stage.ballots.vote(ballot.id, yes(ballot, "fine"), stage.human("vera"))
    expect((signed.state, signed.approvals, signed.use_by), ("approved", 1, stage.clock() + timedelta(minutes=15)))
    expect(await stage.ballots.get(ballot.id, "acme"), signed)
    used = await stage.ballots.consume(ballot.id, "acme", action_digest(action()))
    expect(used.state, "consumed")
    expect((await stage.ballots.executed(ballot.id, "acme")).state, "executed")
    expect((await stage.ballots.executed(ballot.id, "acme")).state, "executed")
    verbs = ["opened", "vote.approve", "consumed", "executed"]
    expect([f.verb for f in await stage.facts()], [f"approval.{verb}" for verb in verbs])
    expect([letter.topic for letter in await stage.letters()], ["approval.pending", "approval.decided"])


async def several_are_answered_at_once_or_not_at_all(stage: Stage) -> None:
    vera = stage.human("vera")
    first, second, third = [await stage.ask(step=name, command=f"make {name}") for name in "abc"]
    signed = await stage.ballots.vote_all([(third.id, yes(third)), (first.id, no(first, "later"))], vera)
    expect([(b.id, b.state) for b in signed], [(third.id, "approved"), (first.id, "rejected")])
    expect(await stage.ballots.vote_all([(third.id, yes(third))], vera), signed[:1])  # a double click
    fourth = await stage.ask(step="d", command="make d")
    before = len(await stage.letters())
    gone = await refuses(
        "already_decided",
        stage.ballots.vote_all([(second.id, yes(second)), (first.id, yes(first)), (fourth.id, yes(fourth))], vera),
    )
    expect(first.id in gone.message, True)
    for ballot in (second, fourth):
        expect((await stage.ballots.get(ballot.id, "acme")).state, "pending")
    expect(len(await stage.letters()), before)
    expect([f.verb for f in await stage.facts()][-1], "approval.refused.already_decided")
    await refuses("digest_mismatch", stage.ballots.vote_all([(second.id, yes(fourth))], vera))
    await refuses(
        "approval_missing", stage.ballots.vote_all([(second.id, yes(second))], stage.human("vera", org="other"))
    )
    expect((await stage.ballots.get(second.id, "acme")).votes, ())


async def two_humans_sign_critical(stage: Stage) -> None:
    ballot, vera = await stage.ask("critical"), stage.human("vera")
    once = await stage.ballots.vote(ballot.id, yes(ballot), vera)
    again = await stage.ballots.vote(ballot.id, yes(ballot), replace(vera, subject="VERA "))
    expect((once.state, again.state, again.approvals), ("pending", "pending", 1))
    await refuses("approval_pending", stage.ballots.consume(ballot.id, "acme", ballot.action_digest))
    final = await stage.ballots.vote(ballot.id, yes(ballot), stage.human("wanda"))
    expect((final.state, final.approvals), ("approved", 2))


async def a_name_that_passes_for_another_is_the_same_human(stage: Stage) -> None:
    ballot, critical = await stage.ask(), await stage.ask("critical", step="b")
    for requester in ("r\u0456ta", "rita\u200b", "r\u00adita", "\u202erita", "\uff32ita", "ri\U000e0074ta"):
        await refuses("self_approval", stage.ballots.vote(ballot.id, yes(ballot), stage.human(requester)))
    await stage.ballots.vote(critical.id, yes(critical), stage.human("vera"))
    twice = await stage.ballots.vote(critical.id, yes(critical), stage.human("ver\u0430"))
    expect((twice.state, twice.approvals), ("pending", 1))
    await refuses("not_approver", stage.ballots.cancel(ballot.id, stage.human("r\u0456ta", "viewer")))
    other = await stage.ask("critical", step="c")
    for name in ("user1", "userl"):  # colleagues, as their directory named them
        other = await stage.ballots.vote(other.id, yes(other), stage.human(name))
    expect(other.state, "approved")


async def alone_no_longer_means_no_longer(stage: Stage) -> None:
    signed, ballot, like = [await stage.ask(mode="solo", step=step) for step in ("a", "b", "c")]
    rita = stage.human("rita")
    expect((await stage.ballots.vote(signed.id, yes(signed), rita)).state, "approved")
    await stage.ballots.grant(like.id, Terms(), rita)
    stage.people.solo = False
    await refuses("not_approver", stage.ballots.consume(signed.id, "acme", signed.action_digest))
    await refuses("self_approval", stage.ballots.vote(ballot.id, yes(ballot), rita))
    await refuses("self_approval", stage.ballots.grant(ballot.id, Terms(), rita))
    late = await stage.ask(mode="solo", step="d")  # asked by a process that does not know of it yet
    expect((late.state, late.requirement.allow_self), ("pending", False))
    expect({b.id for b in (await stage.ballots.list("acme", mine=rita)).items}, set[str]())
    expect((await stage.ballots.vote(ballot.id, yes(ballot), stage.human("vera"))).state, "approved")


async def who_made_a_programs_key_does_not_sign_for_it(stage: Stage) -> None:
    ballot, vera = await stage.ask(), stage.human("vera")
    stage.people.made[("acme", "vera")], stage.people.solo = (ballot.requester,), False
    await refuses("self_approval", stage.ballots.vote(ballot.id, yes(ballot), vera))
    await refuses("self_approval", stage.ballots.grant(ballot.id, Terms(), vera))
    expect({b.id for b in (await stage.ballots.list("acme", mine=vera)).items}, set[str]())


async def who_shaped_it_does_not_sign_it(stage: Stage) -> None:
    request = replace(question(), contributors=("vera", "key:robot"))
    ballot, vera, wanda = await stage.ballots.open(request), stage.human("vera"), stage.human("wanda")
    expect((await stage.ballots.get(ballot.id, "acme")).contributors, ("vera", "key:robot"))
    await refuses("self_approval", stage.ballots.vote(ballot.id, yes(ballot), vera))
    await refuses("self_approval", stage.ballots.vote(ballot.id, yes(ballot), stage.human("ver\u0430")))
    await refuses("self_approval", stage.ballots.grant(ballot.id, Terms(), vera))
    stage.people.made[("acme", "wanda")], stage.people.solo = ("key:robot",), False
    await refuses("self_approval", stage.ballots.vote(ballot.id, yes(ballot), wanda))
    expect((await stage.ballots.vote(ballot.id, yes(ballot), stage.human("xena"))).state, "approved")


async def what_was_granted_is_not_used_once_the_giver_shaped_it(stage: Stage) -> None:
    ballot, vera = await stage.ask(), stage.human("vera")
    await stage.ballots.vote(ballot.id, yes(ballot), vera)
    await stage.ballots.grant(ballot.id, Terms(), vera)
    shaped = replace(question(step="b", content="tree:2"), contributors=("vera",))
    expect((await stage.ballots.open(shaped)).state, "pending")
    by_program = await stage.ballots.open(replace(shaped, step="c", contributors=("key:robot",)))
    expect((by_program.state, by_program.grant != ""), ("approved", True))
    stage.people.made[("acme", "vera")], stage.people.solo = ("key:robot",), False
    await refuses("not_approver", stage.ballots.consume(by_program.id, "acme", by_program.action_digest))


async def a_role_that_was_taken_away_no_longer_votes(stage: Stage) -> None:
    ballot, vera = await stage.ask(), stage.human("vera")
    stage.people.members[("acme", "vera")] = ("viewer",)
    await refuses("not_approver", stage.ballots.vote(ballot.id, yes(ballot), vera))
    await refuses("not_approver", stage.ballots.cancel(ballot.id, vera))
    await refuses("not_approver", stage.ballots.kill("run-1", vera))


async def nobody_is_needed_below_high(stage: Stage) -> None:
    low, medium = await stage.ask("low", step="a"), await stage.ask("medium", step="b")
    expect((low.state, medium.state), ("approved", "approved"))
    expect([letter.topic for letter in await stage.letters()], ["approval.noted"])
    expect((await stage.ballots.consume(low.id, "acme", low.action_digest)).state, "consumed")


async def those_who_never_count(stage: Stage) -> None:
    ballot, vera = await stage.ask(), stage.human("vera")
    for kind in ("bot", "api_key", "service"):
        await refuses("not_approver", stage.ballots.vote(ballot.id, yes(ballot), replace(vera, kind=kind)))
    await refuses("not_approver", stage.ballots.vote(ballot.id, yes(ballot), stage.human("olga", "operator")))
    await refuses("self_approval", stage.ballots.vote(ballot.id, yes(ballot), stage.human("rita")))
    await refuses("self_approval", stage.ballots.vote(ballot.id, yes(ballot), stage.human("RITA")))
    expect((await stage.ballots.get(ballot.id, "acme")).votes, ())
    expect(sum(fact.verb.startswith("approval.refused.") for fact in await stage.facts()), 6)


async def alone_one_signs_high_for_oneself(stage: Stage) -> None:
    ballot = await stage.ask(mode="solo")
    rita = replace(stage.human("rita"), surface="terminal", session_started_at=None)
    hook = replace(rita, surface="hook")
    await refuses("self_approval", stage.ballots.vote(ballot.id, yes(ballot), hook))
    signed = await stage.ballots.vote(ballot.id, yes(ballot), rita)
    expect((signed.state, signed.votes[0].self_approved), ("approved", True))
    expect((await stage.ballots.consume(ballot.id, "acme", ballot.action_digest)).state, "consumed")
    critical = await stage.ask("critical", "solo", step="other")
    await refuses("self_approval", stage.ballots.vote(critical.id, yes(critical), stage.human("rita")))


async def critical_needs_a_fresh_login(stage: Stage) -> None:
    ballot, vera = await stage.ask("critical"), stage.human("vera")
    old = replace(vera, session_started_at=stage.clock() - timedelta(minutes=11))
    for weak in (old, replace(vera, mfa=False), replace(vera, session_started_at=None), replace(vera, surface="hook")):
        await refuses("step_up_required", stage.ballots.vote(ballot.id, yes(ballot), weak))
    vetoed = await stage.ballots.vote(ballot.id, no(ballot, "never"), replace(vera, surface="hook", mfa=False))
    expect((vetoed.state, vetoed.feedback), ("rejected", "never"))


async def one_reject_vetoes(stage: Stage) -> None:
    ballot, vera, wanda = await stage.ask("critical"), stage.human("vera"), stage.human("wanda")
    await stage.ballots.vote(ballot.id, yes(ballot), vera)
    rejected = await stage.ballots.vote(ballot.id, no(ballot, "use a branch"), vera)
    expect((rejected.state, rejected.feedback, rejected.rejects), ("rejected", "use a branch", 1))
    await refuses("already_decided", stage.ballots.vote(ballot.id, yes(ballot), wanda))
    await refuses("approval_rejected", stage.ballots.consume(ballot.id, "acme", ballot.action_digest))


async def the_same_bytes_are_not_asked_twice(stage: Stage) -> None:
    ballot, vera = await stage.ask(), stage.human("vera")
    await stage.ballots.vote(ballot.id, no(ballot, "not this"), vera)
    again = await stage.ask(step="deliver.2")
    expect((again.state, again.rejects, again.parks), ("rejected", 2, False))
    expect("not this" in again.feedback, True)
    elsewhere = await stage.ask(run="run-2")
    expect(elsewhere.state, "pending")
    other = await stage.ask(step="deliver.3", command="make check")
    parked = await stage.ballots.vote(other.id, no(other), vera)
    expect((parked.rejects, parked.parks), (3, True))


async def roles_are_asked_again_at_the_end(stage: Stage) -> None:
    ballot = await stage.ask()
    await stage.ballots.vote(ballot.id, yes(ballot), stage.human("vera"))
    stage.people.members[("acme", "vera")] = ("viewer",)
    await refuses("not_approver", stage.ballots.consume(ballot.id, "acme", ballot.action_digest))
    expect((await stage.facts())[-1].verb, "approval.refused.not_approver")


async def another_organisation_sees_nothing(stage: Stage) -> None:
    ballot, mallory = await stage.ask(), stage.human("mallory", org="evil")
    for attempt in (
        stage.ballots.get(ballot.id, "evil"),
        stage.ballots.vote(ballot.id, yes(ballot), mallory),
        stage.ballots.cancel(ballot.id, mallory),
        stage.ballots.consume(ballot.id, "evil", ballot.action_digest),
        stage.ballots.executed(ballot.id, "evil"),
        stage.ballots.get("no-such-id\x00", "acme"),
        stage.ballots.open(question(org="evil")),
    ):
        await refuses("approval_missing", attempt)
    await stage.ballots.kill("run-1", mallory)
    expect((await stage.ballots.get(ballot.id, "acme")).state, "pending")
    expect((await stage.ballots.list("evil")).items, ())


async def mine_are_those_that_wait_for_me(stage: Stage) -> None:
    high, critical = await stage.ask(), await stage.ask("critical", step="b")
    vera, anna, rita = stage.human("vera"), stage.human("anna", "approver"), stage.human("rita")
    await stage.ballots.vote(critical.id, yes(critical), vera)

    async def mine(voter: Voter, state: BallotState | None = "pending") -> set[str]:
        return {b.id for b in (await stage.ballots.list("acme", state=state, mine=voter)).items}

    expect(await mine(vera), {high.id})
    expect(await mine(anna, None), {high.id})
    expect(await mine(rita), set[str]())
    expect(await mine(stage.human("xena")), {high.id, critical.id})


async def the_same_answer_again_changes_nothing(stage: Stage) -> None:
    ballot, vera = await stage.ask(), stage.human("vera")
    first = await stage.ballots.vote(ballot.id, yes(ballot), vera)
    facts = len(await stage.facts())
    expect(await stage.ballots.vote(ballot.id, yes(ballot), vera), first)
    expect(len(await stage.facts()), facts)
    await refuses("already_decided", stage.ballots.vote(ballot.id, no(ballot), vera))


VOTES = (
    asking_again_finds_the_same_ballot,
    asking_at_the_same_moment_opens_one,
    one_human_signs_high,
    several_are_answered_at_once_or_not_at_all,
    two_humans_sign_critical,
    a_name_that_passes_for_another_is_the_same_human,
    alone_no_longer_means_no_longer,
    who_made_a_programs_key_does_not_sign_for_it,
    who_shaped_it_does_not_sign_it,
    what_was_granted_is_not_used_once_the_giver_shaped_it,
    a_role_that_was_taken_away_no_longer_votes,
    nobody_is_needed_below_high,
    those_who_never_count,
    alone_one_signs_high_for_oneself,
    critical_needs_a_fresh_login,
    one_reject_vetoes,
    the_same_bytes_are_not_asked_twice,
    roles_are_asked_again_at_the_end,
    another_organisation_sees_nothing,
    mine_are_those_that_wait_for_me,
    the_same_answer_again_changes_nothing,
)
