"""Who counts, and what votes come to, for any votes at all."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from approvals import Ballot, Voter
from approvals.consume import ensure_usable
from approvals.lifecycle import asked
from approvals.quorum import awaits, counts, effective, may_vote, outcome
from approvals.testing.rehearsal import POLICY, START, question
from domain import Refused, Requirement
from domain.decision import Vote
from domain.identity import person

NAMES = st.sampled_from(["rita", "Rita ", "vera", "VERA", "wanda", "xena", "\uff58\uff45\uff4e\uff41"])
DIGESTS = st.sampled_from(["right", "wrong"])


def votes(choice: st.SearchStrategy[str]) -> st.SearchStrategy[Vote]:
    return st.builds(Vote, voter=NAMES, choice=choice, action_digest=DIGESTS, voted_at=st.just(START))


ANY = st.lists(votes(st.sampled_from(["approve", "reject"])), max_size=6).map(tuple)
YES = st.lists(votes(st.just("approve")), max_size=6).map(tuple)
NEEDS = st.builds(Requirement, tier=st.sampled_from(["high", "critical"]), humans=st.integers(1, 3))


def ballot(tier: str = "high", mode: str = "team") -> Ballot:
    return asked(question(tier, mode), now=START, nonce="n")


@given(ANY, NEEDS)
def test_one_reject_vetoes(cast: tuple[Vote, ...], needs: Requirement) -> None:
    if any(vote.choice == "reject" for vote in cast):
        assert outcome(cast, needs, lambda _: True) == "rejected"


@given(ANY, NEEDS)
def test_approval_takes_as_many_different_humans_as_required(cast: tuple[Vote, ...], needs: Requirement) -> None:
    right = {person(vote.voter) for vote in cast if vote.choice == "approve" and vote.action_digest == "right"}
    state = outcome(cast, needs, lambda vote: vote.action_digest == "right")
    if state == "approved":
        assert len(right) >= needs.humans
        assert all(vote.choice == "approve" for vote in cast)


@given(YES, votes(st.just("approve")), NEEDS)
def test_another_yes_never_undoes_an_approval(cast: tuple[Vote, ...], more: Vote, needs: Requirement) -> None:
    if outcome(cast, needs, lambda _: True) == "approved":
        assert outcome((*cast, more), needs, lambda _: True) == "approved"


@given(YES, NEEDS, st.randoms())
def test_the_order_of_votes_does_not_matter(cast: tuple[Vote, ...], needs: Requirement, random: object) -> None:
    mixed = list(cast)
    random.shuffle(mixed)
    assert outcome(tuple(mixed), needs, lambda _: True) == outcome(cast, needs, lambda _: True)


@given(NAMES)
def test_one_human_by_any_spelling(name: str) -> None:
    assert person(person(name)) == person(name)
    assert person(name) in {"rita", "vera", "wanda", "xena"}


VOTERS = st.builds(
    Voter,
    subject=NAMES,
    kind=st.sampled_from(["human", "bot", "api_key", "service"]),
    roles=st.lists(st.sampled_from(["approver", "critical_approver", "operator", "org_admin"]), max_size=3).map(tuple),
    session_started_at=st.none() | st.timedeltas(timedelta(0), timedelta(hours=1)).map(lambda ago: START - ago),
    mfa=st.booleans(),
    surface=st.sampled_from(["terminal", "http", "hook", "page", "langgraph"]),
)


@given(VOTERS, st.sampled_from(["high", "critical"]), st.sampled_from(["solo", "team"]))
def test_whoever_may_approve_is_a_human_with_the_role_and_the_standing(voter: Voter, tier: str, mode: str) -> None:
    asked_ = ballot(tier, mode)
    if may_vote(asked_, voter, "approve", START) is not None:
        return
    assert voter.kind == "human"
    assert set(voter.roles) & set(asked_.requirement.roles)
    if person(voter.subject) == "rita":
        assert (mode, tier) == ("solo", "high")
        assert voter.surface == "terminal" or (voter.session_started_at and voter.surface != "hook")
    if tier == "critical":
        assert voter.mfa
        assert voter.surface != "hook"
        assert voter.session_started_at
        assert START - voter.session_started_at <= timedelta(minutes=10)


@given(
    VOTERS,
    st.lists(NAMES, max_size=3).map(tuple),
    st.sampled_from(["", "wanda"]),
    st.sampled_from(["high", "critical"]),
)
def test_who_shaped_an_action_never_signs_it_in_a_team(
    voter: Voter, contributors: tuple[str, ...], editor: str, tier: str
) -> None:
    shaped = replace(ballot(tier), contributors=contributors, editor=editor)
    if person(voter.subject) in {person(name) for name in ("rita", editor, *contributors) if name}:
        assert may_vote(shaped, voter, "approve", START) is not None
        assert not awaits(shaped, voter, START)
        vote = Vote(voter=voter.subject, choice="approve", action_digest=shaped.action_digest, voted_at=START)
        assert not counts(vote, shaped, frozenset(shaped.requirement.roles))


@given(VOTERS, st.sampled_from(["high", "critical"]))
def test_whoever_may_approve_may_also_veto(voter: Voter, tier: str) -> None:
    if may_vote(ballot(tier), voter, "approve", START) is None:
        assert may_vote(ballot(tier), voter, "reject", START) is None
        assert awaits(ballot(tier), voter, START)


@given(st.timedeltas(timedelta(0), timedelta(days=40)))
def test_no_answer_in_time_means_no(passed: timedelta) -> None:
    state = effective(ballot(), START + passed)
    assert state == ("pending" if passed < timedelta(hours=24) else "expired")


@given(
    YES, st.dictionaries(NAMES, st.sets(st.sampled_from(["approver", "critical_approver", "viewer"]))), st.booleans()
)
def test_used_only_with_a_quorum_that_still_stands(
    cast: tuple[Vote, ...], roles: dict[str, set[str]], critical: bool
) -> None:
    base = ballot("critical" if critical else "high")
    cast = tuple(replace(vote, action_digest=base.action_digest) for vote in cast if vote.action_digest == "right")
    signed = replace(base, state="approved", votes=cast, use_by=START + timedelta(minutes=15))
    held = {name: frozenset(has) for name, has in roles.items()}
    try:
        ensure_usable(signed, signed.action_digest, held, grant=None, now=START)
    except Refused:
        return
    needed = {"critical_approver"} if critical else {"approver", "critical_approver"}
    standing = {person(vote.voter) for vote in cast if held.get(vote.voter, frozenset()) & needed}
    assert len(standing - {"rita"}) >= base.requirement.humans
    assert all(
        counts(vote, signed, held[vote.voter])
        for vote in cast
        if held.get(vote.voter, frozenset()) & needed and person(vote.voter) != "rita"
    )


def test_the_policy_of_the_rehearsal_is_the_one_that_ships() -> None:
    assert POLICY.requirement("high", mode="team").humans == 1
