"""Whatever is done with keys, and in whatever order: nobody ends with more than they began with."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain import Refused
from service.auth.api_keys import OVERLAP, ApiKey, who_is
from service.auth.authority import administers, ensure_may_make, ensure_may_rotate, ensure_may_stand
from service.auth.principal import GRANTED, SCOPES, Principal, scopes_of

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SUBJECTS = ("mallory", "ann", "bob", "key:ci", "key:new", "eve")
STANDINGS = ("", "", "", "limited", "priority")
LENT = ("operator", "approver", "critical_approver")
few = st.lists(st.sampled_from(("policy_admin", "viewer")), max_size=2, unique=True).map(tuple)
roles = few | st.lists(st.sampled_from(sorted(GRANTED)), max_size=3, unique=True).map(tuple)
scopes = st.lists(st.sampled_from(SCOPES), max_size=4, unique=True).map(tuple)
days = st.none() | st.integers(1, 400).map(lambda number: START + timedelta(days=number))


def key(id_: str, subject: str, held: tuple[str, ...], **given: Any) -> ApiKey:
    given = {"scopes": scopes_of(held), "created_at": START, **given}
    return ApiKey(id=id_, kind="ak", org=given.pop("org", "acme"), subject=subject, roles=held, **given)


@st.composite
def keys(draw: st.DrawFn, subjects: tuple[str, ...]) -> ApiKey:
    """Any key that somebody could ask for."""
    held, wide = draw(roles), draw(st.none() | st.none() | scopes)
    return key(
        "new",
        draw(st.sampled_from(subjects)),
        held,
        scopes=scopes_of(held) if wide is None else wide,
        personal=draw(st.booleans()),
        expires_at=draw(days),
        standing=draw(st.sampled_from(STANDINGS)),
    )


class Chains(RuleBasedStateMachine):
    """An organisation with keys of all sorts, and somebody who holds one of them and tries everything."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.made = START, 0
        self.held: set[str] = set()
        self.keys: dict[str, ApiKey] = {
            each.id: each
            for each in (
                key("root", "ann", ("org_admin", "operator", "approver"), personal=True),
                key("boss", "bob", ("critical_approver",), personal=True, expires_at=START + timedelta(days=30)),
                key("prog", "key:admin", ("org_admin", "policy_admin"), standing="priority"),
                key("gone", "key:old", ("operator",), expires_at=START - timedelta(days=1)),
                key("other", "eve", ("org_admin",), org="elsewhere", personal=True),
            )
        }

    @initialize(mine=keys(("mallory",)), solo=st.booleans())
    def begin(self, mine: ApiKey, *, solo: bool) -> None:
        held = tuple(dict.fromkeys((*mine.roles, "policy_admin")))  # nobody else comes past the door
        mine = replace(mine, roles=held, scopes=scopes_of(held) if mine.personal else (*mine.scopes, "admin"))
        if mine.personal:  # administrators who are people may let others in; everybody else may not
            held = tuple(role for role in mine.roles if role != "org_admin")
            mine = replace(mine, roles=held, scopes=scopes_of(held))
        self.first, self.solo = replace(mine, id="mine"), solo
        self.keys["mine"] = self.first
        self.held.add("mine")
        self.before = dict(self.keys)

    def callers(self) -> list[Principal]:
        """Everybody whom the held keys make one: the program, and the person after a login."""
        alive = [self.keys[id_] for id_ in sorted(self.held) if self.alive(self.keys[id_])]
        people = [self.session(each) for each in alive if each.personal]
        return [who_is(each) for each in alive] + people

    def session(self, each: ApiKey) -> Principal:
        lasting = {r for k in self.keys.values() if k.personal and k.subject == each.subject for r in k.roles}
        lent = LENT if self.solo else ()
        session = replace(each, kind="st")
        return who_is(session, (*sorted(lasting), *lent), lasting=sorted(lasting))

    def alive(self, each: ApiKey) -> bool:
        return each.expires_at is None or each.expires_at > self.now

    def people(self, org: str) -> tuple[str, ...]:
        return tuple(k.subject for k in self.keys.values() if k.personal and k.org == org and self.alive(k))

    @rule(number=st.integers(0, 3), wanted=keys(SUBJECTS), issuer=st.booleans())
    def make(self, number: int, wanted: ApiKey, *, issuer: bool) -> None:
        for who in self.callers()[number : number + 1]:
            self.made += 1
            new = replace(wanted, id=f"k{self.made}")
            try:
                who.need("admin")
                ensure_may_make(who, new, people=self.people("acme"), issuer=issuer)
            except Refused:
                continue
            self.keys[new.id] = new
            self.held.add(new.id)

    @rule(number=st.integers(0, 3), which=st.integers(0, 30))
    def rotate(self, number: int, which: int) -> None:
        for who in self.callers()[number : number + 1]:
            old = self.keys[sorted(self.keys)[which % len(self.keys)]]
            try:
                ensure_may_rotate(who, old, now=self.now)
            except Refused:
                continue
            self.made += 1
            new = replace(old, id=f"k{self.made}")
            until = min(self.now + OVERLAP, old.expires_at or self.now + OVERLAP)
            self.keys |= {new.id: new, old.id: replace(old, expires_at=until)}
            self.held.add(new.id)

    @rule(number=st.integers(0, 3), which=st.integers(0, 30), standing=st.sampled_from(STANDINGS))
    def stand(self, number: int, which: int, standing: str) -> None:
        for who in self.callers()[number : number + 1]:
            old = self.keys[sorted(self.keys)[which % len(self.keys)]]
            try:
                who.need("admin")
                ensure_may_stand(who, old, standing)
            except Refused:
                continue
            self.keys[old.id] = replace(old, standing=standing)

    @rule(hours=st.integers(1, 100))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def a_second_person_comes(self) -> None:
        self.solo = False

    @invariant()
    def nothing_grew(self) -> None:
        for id_ in self.held:
            found, first = self.keys[id_], self.first
            assert found.org == first.org
            assert set(found.roles) <= set(first.roles)
            assert set(found.scopes) <= {*first.scopes, *(scopes_of(first.roles) if first.personal else ())}
            assert first.expires_at is None or (found.expires_at is not None and found.expires_at <= first.expires_at)
            assert found.standing == first.standing
            assert not found.personal or (first.personal and found.subject == first.subject)
            assert found.subject not in {"ann", "bob"}
        for id_, was in getattr(self, "before", {}).items():
            now = self.keys[id_]
            assert (now.roles, now.scopes, now.personal, now.subject) == (
                was.roles,
                was.scopes,
                was.personal,
                was.subject,
            )
            assert was.expires_at is None or (now.expires_at is not None and now.expires_at <= was.expires_at)


Chains.TestCase.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
TestChains = Chains.TestCase


def refused(code: str, attempt: Any, *given: Any, **named: Any) -> None:
    with pytest.raises(Refused) as caught:
        attempt(*given, **named)
    assert caught.value.stable_code == code


def test_only_an_administrator_who_is_a_person_lets_others_in() -> None:
    admin = who_is(replace(key("a", "ann", ("org_admin",), personal=True), kind="st"))
    program = who_is(key("p", "key:p", ("org_admin",)))
    ben = key("", "ben", ("critical_approver",), personal=True)
    assert (administers(admin), administers(program)) == (True, False)
    ensure_may_make(admin, ben, people=("ann",))
    refused("role_missing", ensure_may_make, program, ben, people=("ann",))
    refused("role_missing", ensure_may_make, program, key("", "key:p", (), personal=True), people=("ann",))
    refused("role_missing", ensure_may_make, admin, ben, people=("ann", "ben"))
    refused("role_missing", ensure_may_make, admin, ben, people=("ann",), issuer=True)


def test_what_solo_mode_lends_is_not_handed_on() -> None:
    mine = replace(key("m", "mia", ("policy_admin",), personal=True), kind="st")
    who = who_is(mine, ("policy_admin", *LENT), lasting=("policy_admin",))
    assert "runs:write" in who.scopes
    refused("key_above_maker", ensure_may_make, who, key("", "key:ci", ("operator",)), people=("mia",))
    refused("key_above_maker", ensure_may_make, who, key("", "key:ci", (), scopes=("runs:write",)), people=("mia",))
    refused("key_above_maker", ensure_may_make, who, key("", "mia", LENT, personal=True), people=("mia",))
    ensure_may_make(who, key("", "key:ci", ("policy_admin",)), people=("mia",))


def test_a_program_acts_in_nobodys_name() -> None:
    who = who_is(key("p", "key:p", ("policy_admin",)))
    refused("role_missing", ensure_may_make, who, key("", "ann", ("policy_admin",)), people=("ann",))
