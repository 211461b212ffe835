"""The digest: the same for the same action, another for any other, and stable for ever."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals import action_digest, canonical
from approvals.digest import ballot_id, context_digest
from approvals.lifecycle import digest_of
from approvals.testing.rehearsal import START
from domain import Action, Refused

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
VALUES = TEXT | st.booleans() | st.none() | st.integers(-(2**53) + 1, 2**53 - 1) | st.lists(TEXT, max_size=3)
ACTIONS = st.builds(
    Action,
    tool=st.sampled_from(["shell", "commit", "branch", "push", "deploy"]),
    arguments=st.dictionaries(TEXT, VALUES, max_size=4),
    cwd=TEXT,
    environment=st.lists(TEXT, max_size=3).map(tuple),
    target=TEXT,
    base_commit=TEXT,
    content=TEXT,
    image_digest=TEXT,
    network=st.sampled_from(["none", "packages"]),
)


def test_the_digest_of_a_known_action_never_changes() -> None:
    known = Action(
        tool="push",
        arguments={"force": True, "ref": "refs/heads/naïve", "retries": 3, "paths": ["b", "a"], "note": None},
        cwd="/work/repo",
        environment=("TOKEN", "HOME", "TOKEN"),
        target="https://git.example/x.git",
        base_commit="0" * 40,
        content="tree:1",
        image_digest="sha256:2",
        network="packages",
    )
    assert canonical(known).decode() == (
        '{"arguments":{"force":true,"note":null,"paths":["b","a"],"ref":"refs/heads/naïve","retries":3},'
        '"base_commit":"0000000000000000000000000000000000000000","content":"tree:1","cwd":"/work/repo",'
        '"environment":["HOME","TOKEN"],"image_digest":"sha256:2","network":"packages",'
        '"target":"https://git.example/x.git","tool":"push"}'
    )
    assert action_digest(known) == "sha256:719aeec10ec8c837a80ae9e7d11c27a8e8c0bd96ce9eae3e3a92c0c468bc096c"


def test_every_part_of_an_action_is_digested() -> None:
    assert set(json.loads(canonical(Action(tool="shell")))) == {field.name for field in fields(Action)}


@given(ACTIONS, ACTIONS)
def test_two_actions_share_a_digest_only_if_they_are_the_same(one: Action, other: Action) -> None:
    alike = replace(one, environment=tuple(sorted(set(one.environment)))) == replace(
        other, environment=tuple(sorted(set(other.environment)))
    ) and _types(one) == _types(other)
    assert (action_digest(one) == action_digest(other)) == alike


def _types(action: Action) -> dict[str, Any]:
    """True == 1 in Python, but not in JSON."""
    return {key: type(part) for key, part in action.arguments.items()}


@given(ACTIONS, st.data())
def test_any_changed_part_changes_the_digest(one: Action, data: st.DataObject) -> None:
    part = data.draw(st.sampled_from(["cwd", "target", "base_commit", "content", "image_digest"]))
    changed = replace(one, **{part: getattr(one, part) + data.draw(TEXT.filter(bool))})
    assert action_digest(changed) != action_digest(one)


@given(ACTIONS)
def test_canonical_json_is_read_back_as_it_was(one: Action) -> None:
    back = json.loads(canonical(one))
    assert back["arguments"] == one.arguments
    assert canonical(Action(**{**back, "environment": tuple(back["environment"])})) == canonical(one)


@pytest.mark.parametrize("odd", [2**53, -(2**53)])
def test_a_number_that_json_cannot_keep_is_refused(odd: int) -> None:
    with pytest.raises(Refused) as no:
        digest_of(Action(tool="shell", arguments={"n": odd}))
    assert no.value.stable_code == "action_invalid"
    assert no.value.http_status == 422


@given(TEXT, TEXT, TEXT, TEXT)
def test_a_ballot_is_named_by_run_step_and_digest_together(
    run: str, step: str, other_run: str, other_step: str
) -> None:
    same = (run, step) == (other_run, other_step)
    assert (ballot_id(run, step, "d") == ballot_id(other_run, other_step, "d")) == same


def test_the_context_binds_every_part() -> None:
    whole: dict[str, Any] = {
        "org": "a",
        "run": "r",
        "step": "s",
        "requester": "q",
        "policy_version": "1",
        "tier": "high",
        "nonce": "n",
        "expires_at": START,
        "shown": "diff",
    }
    changes = {key: "x" for key in whole if key not in {"expires_at", "tier"}}
    changes |= {"tier": "critical", "expires_at": START.replace(year=2027)}
    digests = {context_digest(**whole), *(context_digest(**{**whole, key: new}) for key, new in changes.items())}
    digests |= {context_digest(**whole, contributors=names) for names in (("b",), ("b", "c"), ("bc",))}
    assert len(digests) == len(whole) + 4


def test_a_context_without_contributors_is_digested_as_before_there_were_any() -> None:
    digest = context_digest(
        org="a",
        run="r",
        step="s",
        requester="q",
        policy_version="1",
        tier="high",
        nonce="n",
        expires_at=START,
        shown="diff",
    )
    assert digest == "sha256:f47cde1266a7f591c3578437755b165b7e620cdf2b728efebbea6ff38c900497"
