"""Promises of a ballot store about a ballot's life: used once, edited, expired, stopped, granted."""

import asyncio
from dataclasses import replace

from approvals.ballot import Ballot, Decision, Revision, Terms
from approvals.digest import action_digest
from approvals.testing.rehearsal import POLICY, Stage, action, expect, no, question, refuses, yes
from domain import Refused, Risk


async def other_bytes_are_refused(stage: Stage) -> None:
    ballot, vera = await stage.ask(), stage.human("vera")
    other = action_digest(action("make release "))
    wrong = Decision(choice="approve", action_digest=other)
    await refuses("digest_mismatch", stage.ballots.vote(ballot.id, wrong, vera))
    await stage.ballots.vote(ballot.id, yes(ballot), vera)
    await refuses("digest_mismatch", stage.ballots.consume(ballot.id, "acme", other))
    refused = (await stage.facts())[-1]
    expect((refused.verb, other in refused.digests), ("approval.refused.digest_mismatch", True))
    expect((await stage.ballots.consume(ballot.id, "acme", ballot.action_digest)).state, "consumed")


async def used_once_whoever_asks(stage: Stage) -> None:
    ballot = await stage.ask()
    await stage.ballots.vote(ballot.id, yes(ballot), stage.human("vera"))
    attempts = (stage.ballots.consume(ballot.id, "acme", ballot.action_digest) for _ in range(6))
    results = await asyncio.gather(*attempts, return_exceptions=True)
    expect(sum(isinstance(result, Ballot) for result in results), 1)
    codes = {result.stable_code for result in results if isinstance(result, Refused)}
    expect(codes, {"already_consumed"})
    expect((await stage.ballots.failed(ballot.id, "acme")).state, "failed")
    await refuses("already_decided", stage.ballots.executed(ballot.id, "acme"))


async def a_reminder_tells_everybody_once_more(stage: Stage) -> None:
    ballot, vera = await stage.ask("critical"), stage.human("vera")
    stage.human("wanda")
    await refuses("reminded_lately", stage.ballots.remind(ballot.id, vera))
    stage.clock.pass_(minutes=10)
    told = await stage.ballots.remind(ballot.id, stage.human("rita", "viewer"), note="it is urgent")
    expect((told.state, told.escalated_at, told.expires_at), ("pending", stage.clock(), ballot.expires_at))
    await refuses("reminded_lately", stage.ballots.remind(ballot.id, vera))
    left = await stage.ballots.remind(ballot.id, vera, to="wanda", note="yours")
    expect(((await stage.ballots.get(ballot.id, "acme")).handed_to, left.handed_to), ("wanda", "wanda"))
    await refuses("not_approver", stage.ballots.remind(ballot.id, vera, to="rita"))
    await refuses("not_approver", stage.ballots.remind(ballot.id, replace(vera, kind="bot")))
    await refuses("approval_missing", stage.ballots.remind(ballot.id, stage.human("vera", org="other")))
    expect([letter.topic for letter in await stage.letters()][1:], ["approval.escalated"] * 2)
    verbs = [f.verb for f in await stage.facts() if not f.verb.startswith("approval.refused")]
    expect(verbs, ["approval.opened", "approval.reminded", "approval.handed_over"])
    # The one at half-time comes all the same, once.
    stage.clock.pass_(hours=2)
    await stage.ballots.expire()
    await stage.ballots.expire()
    expect(len(await stage.letters()), 4)
    await stage.ballots.vote(ballot.id, no(ballot), stage.human("wanda"))
    await refuses("already_decided", stage.ballots.remind(ballot.id, vera))


async def it_is_left_to_nobody_who_could_not_sign_it(stage: Stage) -> None:
    ballot, vera = (
        await stage.ballots.open(replace(question(), contributors=("wanda", "key:robot"))),
        stage.human("vera"),
    )
    stage.human("wanda")
    stage.human("xena")
    stage.people.made[("acme", "xena")], stage.people.solo = ("key:robot",), False
    await refuses("self_approval", stage.ballots.remind(ballot.id, vera, to="wanda"))
    await refuses("not_approver", stage.ballots.remind(ballot.id, vera, to="xena"))
    expect((await stage.ballots.get(ballot.id, "acme")).handed_to, "")


async def no_answer_in_time_means_no(stage: Stage) -> None:
    ballot, vera = await stage.ask("critical"), stage.human("vera")
    stage.clock.pass_(hours=2)
    expect(await stage.ballots.expire(), ())
    expect((await stage.letters())[-1].topic, "approval.escalated")
    stage.clock.pass_(hours=2)
    expect((await stage.ballots.get(ballot.id, "acme")).state, "expired")
    expect((await stage.ballots.list("acme", state="pending")).items, ())
    expect(len((await stage.ballots.list("acme", state="expired")).items), 1)
    vera = stage.human("vera")
    await refuses("expired", stage.ballots.vote(ballot.id, yes(ballot), vera))
    await refuses("approval_expired", stage.ballots.consume(ballot.id, "acme", ballot.action_digest))
    expect([(b.id, b.state) for b in await stage.ballots.expire()], [(ballot.id, "expired")])
    expect(await stage.ballots.expire(), ())
    expect((await stage.letters())[-1].topic, "approval.expired")


async def an_approval_goes_stale(stage: Stage) -> None:
    ballot = await stage.ask()
    await stage.ballots.vote(ballot.id, yes(ballot), stage.human("vera"))
    stage.clock.pass_(minutes=15)
    await refuses("approval_stale", stage.ballots.consume(ballot.id, "acme", ballot.action_digest))
    expect([b.state for b in await stage.ballots.expire()], ["stale"])
    fresh = await stage.ask(step="deliver.2")
    expect(fresh.state, "pending")


async def an_edit_is_a_new_question(stage: Stage) -> None:
    ballot, vera, wanda = await stage.ask(), stage.human("vera"), stage.human("wanda")
    better = Revision(action=action("make release DRY=1"), risk=ballot.risk, requirement=ballot.requirement)
    await refuses("not_approver", stage.ballots.edit(ballot.id, better, replace(vera, kind="bot")))
    new = await stage.ballots.edit(ballot.id, better, vera)
    expect((new.state, new.editor, new.supersedes), ("pending", "vera", ballot.id))
    old = await stage.ballots.get(ballot.id, "acme")
    expect((old.state, old.superseded_by), ("superseded", new.id))
    await refuses("superseded", stage.ballots.vote(ballot.id, yes(ballot), wanda))
    await refuses("self_approval", stage.ballots.vote(new.id, yes(new), vera))
    back = await stage.ballots.edit(new.id, replace(better, action=action()), wanda)
    expect((back.action_digest == ballot.action_digest, back.id != ballot.id), (True, True))
    expect((back.editor, back.contributors), ("wanda", ("vera",)))
    for editor in (vera, wanda):  # both have shaped what is asked now
        await refuses("self_approval", stage.ballots.vote(back.id, yes(back), editor))
    xena = stage.human("xena")
    expect((await stage.ballots.vote(back.id, yes(back), xena)).state, "approved")


async def a_critical_edit_only_narrows(stage: Stage) -> None:
    ballot, vera = await stage.ask("critical"), stage.human("vera")
    lower = Risk(tier="high")
    wider = Revision(action=action("make all"), risk=lower, requirement=POLICY.requirement("high", mode="team"))
    await refuses("edit_widens", stage.ballots.edit(ballot.id, wider, vera))
    high = await stage.ask(step="other")
    raised = Revision(action=action("make all"), risk=ballot.risk, requirement=ballot.requirement)
    await refuses("edit_widens", stage.ballots.edit(high.id, raised, vera))
    await refuses("action_invalid", stage.ballots.edit(high.id, replace(wider, action=action()), vera))


async def its_requester_may_cancel(stage: Stage) -> None:
    ballot, signed = await stage.ask(), await stage.ask(step="b")
    await refuses("not_approver", stage.ballots.cancel(ballot.id, stage.human("eve", "viewer")))
    gone = await stage.ballots.cancel(ballot.id, stage.human("rita", "operator"))
    expect(gone.state, "cancelled")
    await refuses("already_decided", stage.ballots.cancel(ballot.id, stage.human("rita")))
    await stage.ballots.vote(signed.id, yes(signed), stage.human("vera"))
    expect((await stage.ballots.cancel(signed.id, stage.human("wanda"))).state, "cancelled")
    await refuses("approval_cancelled", stage.ballots.consume(signed.id, "acme", signed.action_digest))


async def the_kill_switch_stops_everything(stage: Stage) -> None:
    one, two, other = await stage.ask(), await stage.ask(step="b"), await stage.ask(run="run-2")
    await stage.ballots.vote(two.id, yes(two), stage.human("vera"))
    await refuses("not_approver", stage.ballots.kill("run-1", stage.human("eve", "viewer")))
    for kind in ("api_key", "service", "bot"):
        machine = replace(stage.human("ci", "operator", "org_admin", "policy_admin"), kind=kind)
        await refuses("not_approver", stage.ballots.kill("run-1", machine))
    expect(await stage.ballots.killed("run-1", "acme"), False)
    gone = await stage.ballots.kill("run-1", stage.human("olga", "operator"))
    expect({ballot.id: ballot.state for ballot in gone}, {one.id: "cancelled", two.id: "cancelled"})
    expect(await stage.ballots.killed("run-1", "acme"), True)
    expect(await stage.ballots.kill("run-1", stage.human("olga", "operator")), ())
    await refuses("run_killed", stage.ask(step="c"))
    await refuses("run_killed", stage.ballots.consume(two.id, "acme", two.action_digest))
    expect((await stage.ballots.get(other.id, "acme")).state, "pending")


async def a_grant_covers_the_like(stage: Stage) -> None:
    ballot, vera = await stage.ask(), stage.human("vera")
    for widening in ("arguments.command", "target", "network", "nonsense", "arguments.none"):
        await refuses("grant_refused", stage.ballots.grant(ballot.id, Terms(open=(widening,)), vera))
    await refuses("self_approval", stage.ballots.grant(ballot.id, Terms(), stage.human("rita")))
    await stage.ballots.grant(ballot.id, Terms(uses=2), vera)
    like = await stage.ask(step="b", content="tree:2")
    expect((like.state, like.grant != "", like.votes), ("approved", True, ()))
    expect((await stage.ballots.consume(like.id, "acme", like.action_digest)).state, "consumed")
    expect((await stage.ask(step="c", command="make all")).state, "pending")
    expect((await stage.ask(step="d", run="run-2")).state, "pending")
    expect((await stage.ask("critical", step="e")).state, "pending")
    second = await stage.ask(step="f", content="tree:3")
    expect((second.state, (await stage.ask(step="g", content="tree:4")).state), ("approved", "pending"))
    stage.people.members[("acme", "vera")] = ()
    await refuses("not_approver", stage.ballots.consume(second.id, "acme", second.action_digest))


async def granting_again_replaces_the_grant(stage: Stage) -> None:
    ballot, vera = await stage.ask(), stage.human("vera")
    await stage.ballots.grant(ballot.id, Terms(uses=1), vera)
    await stage.ballots.grant(ballot.id, Terms(uses=2), vera)
    states = [(await stage.ask(step=f"s{n}", content=f"tree:{n}")).state for n in range(3)]
    expect(states, ["approved", "approved", "pending"])


async def a_grant_ends(stage: Stage) -> None:
    ballot, critical = await stage.ask(), await stage.ask("critical", step="x")
    vera = stage.human("vera")
    await refuses("grant_refused", stage.ballots.grant(critical.id, Terms(), vera))
    await stage.ballots.grant(ballot.id, Terms(seconds=60), vera)
    stage.clock.pass_(seconds=60)
    expect((await stage.ask(step="b")).state, "pending")


async def lists_go_page_by_page(stage: Stage) -> None:
    opened: list[str] = []
    for number in range(7):
        stage.clock.pass_(seconds=number % 2)
        opened.append((await stage.ask(step=f"s{number}")).id)
    listed: list[str] = []
    cursor = ""
    while True:
        page = await stage.ballots.list("acme", cursor=cursor, limit=3)
        listed += [ballot.id for ballot in page.items]
        cursor = page.next_cursor
        if not cursor:
            break
    expect((len(listed), set(listed)), (7, set(opened)))
    await refuses("cursor_invalid", stage.ballots.list("acme", cursor="nonsense"))


async def any_text_survives(stage: Stage) -> None:
    odd = "nul \x00, bidi \u202e, emoji \U0001f9ea, quote ' \" \\ ${x}"
    request = question(command=odd)
    ballot = await stage.ballots.open(replace(request, diff=odd))
    vetoed = await stage.ballots.vote(ballot.id, no(ballot, odd), stage.human("vera"))
    stored = await stage.ballots.get(ballot.id, "acme")
    expect((stored.action.arguments["command"], stored.diff, stored.feedback), (odd, odd, odd))
    expect((stored, action_digest(stored.action)), (vetoed, ballot.action_digest))


LIFE = (
    other_bytes_are_refused,
    used_once_whoever_asks,
    a_reminder_tells_everybody_once_more,
    it_is_left_to_nobody_who_could_not_sign_it,
    no_answer_in_time_means_no,
    an_approval_goes_stale,
    an_edit_is_a_new_question,
    a_critical_edit_only_narrows,
    its_requester_may_cancel,
    the_kill_switch_stops_everything,
    a_grant_covers_the_like,
    granting_again_replaces_the_grant,
    a_grant_ends,
    lists_go_page_by_page,
    any_text_survives,
)
