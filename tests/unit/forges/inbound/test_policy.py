"""The policy of what may come in: nothing that it does not name, and nobody whom it does not know."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from forges import ForgeUser, load_forges
from forges.inbound import (
    AllowedRepository,
    Asked,
    Closed,
    EventPlace,
    Failed,
    ForgeHook,
    Reviewed,
    Voted,
    admit,
    ensure_timely,
    first_request,
    later_request,
    log_request,
)
from tests.worlds.forge_hooks import RITA, SECRET, STRANGER, VERA

HOOK = ForgeHook(
    name="acme",
    forge="gh",
    org="local",
    secrets=(SECRET,),
    members={str(VERA): "vera", str(RITA): "rita"},
    repositories=(AllowedRepository(name="acme/shop"),),
)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def person(number: int, *, bot: bool = False) -> ForgeUser:
    return ForgeUser(id=str(number), login="anything", bot=bot)


def asked(**other: Any) -> Asked:
    place = EventPlace(repo=other.pop("repo", "acme/shop"), kind="issue", number=1)
    return Asked(**{"place": place, "by": person(VERA), "words": "x", "author": person(VERA), **other})


def failed(**other: Any) -> Failed:
    place = EventPlace(repo="acme/shop", kind="repository")
    return Failed(**{"place": place, "run": 1, "commit": "a" * 40, "branch": "main", "default_branch": "main", **other})


def code_of(hook: ForgeHook, event: Any) -> str:
    with pytest.raises(Refused) as no:
        admit(hook, event)
    assert no.value.hint
    return no.value.stable_code


def hook(**changed: Any) -> ForgeHook:
    fields = {name: getattr(HOOK, name) for name in ForgeHook.__dataclass_fields__}
    return ForgeHook(**{**fields, **changed})


def repository(**changed: Any) -> ForgeHook:
    return hook(repositories=(AllowedRepository(name="acme/shop", **changed),))


def test_a_member_may_ask_for_a_repository_that_is_named() -> None:
    admitted = admit(HOOK, asked(repo="Acme/Shop"))
    assert (admitted.subject, admitted.outside, admitted.repository.name) == ("vera", False, "acme/shop")


def test_nothing_is_let_in_by_default() -> None:
    assert code_of(hook(repositories=()), asked()) == "forge_hook_refused"
    assert code_of(hook(members={}), asked()) == "forge_person_refused"
    assert code_of(HOOK, asked(repo="acme/other")) == "forge_hook_refused"
    assert code_of(HOOK, asked(by=person(STRANGER))) == "forge_person_refused"
    assert code_of(HOOK, asked(by=person(VERA, bot=True))) == "forge_person_refused"
    assert code_of(HOOK, failed()) == "forge_hook_refused"


def test_words_of_a_stranger_make_a_task_one_of_outsiders() -> None:
    assert admit(HOOK, asked(author=person(STRANGER))).outside
    assert admit(HOOK, asked(author=None)).outside
    assert not admit(HOOK, asked(author=person(RITA))).outside


def test_what_starts_something_is_named() -> None:
    only_labels = repository(triggers=("label",))
    assert code_of(only_labels, asked()) == "forge_hook_refused"
    assert admit(only_labels, asked(label="signoff")).subject == "vera"
    place = EventPlace(repo="acme/shop", kind="pull_request", number=5)
    assert code_of(only_labels, Reviewed(place=place, by=person(VERA), words="x")) == "forge_hook_refused"


def test_what_lies_in_a_fork_is_nobodys() -> None:
    place = EventPlace(repo="acme/shop", kind="pull_request", number=5)
    assert code_of(HOOK, Reviewed(place=place, by=person(VERA), words="x", fork=True)) == "forge_fork_refused"
    assert code_of(HOOK, asked(fork=True)) == "forge_fork_refused"
    assert code_of(hook(ci="vera"), failed(fork=True)) == "forge_fork_refused"


def test_a_failed_run_is_mended_on_named_branches_in_a_members_name() -> None:
    ready = hook(ci="vera", repositories=(AllowedRepository(name="acme/shop", triggers=("ci",)),))
    admitted = admit(ready, failed())
    assert (admitted.subject, admitted.outside) == ("vera", True)
    assert code_of(ready, failed(branch="feature")) == "forge_hook_refused"
    assert admit(ready, failed(branch="signoff/fix-1234abcd")).subject == "vera"
    other = hook(
        ci="vera", repositories=(AllowedRepository(name="acme/shop", triggers=("ci",), ci_branches=("feature",)),)
    )
    assert admit(other, failed(branch="feature")).subject == "vera"
    assert code_of(other, failed()) == "forge_hook_refused"
    assert code_of(hook(ci="vera"), failed()) == "forge_hook_refused"


def test_votes_count_where_the_policy_says_so() -> None:
    place = EventPlace(repo="acme/shop", kind="pull_request", number=5)
    vote = Voted(way="review", place=place, by=person(RITA), choice="approve")
    assert code_of(HOOK, vote) == "forge_hook_refused"
    assert admit(hook(votes=("review",)), vote).subject == "rita"
    stranger = Voted(way="review", place=place, by=person(STRANGER), choice="approve")
    assert code_of(hook(votes=("review",)), stranger) == "forge_person_refused"


def test_anybody_may_close_a_pull_request() -> None:
    place = EventPlace(repo="acme/shop", kind="pull_request", number=5)
    assert admit(HOOK, Closed(place=place, by=person(STRANGER), merged=True)).subject == ""


@pytest.mark.parametrize(("days", "fits"), [(0, True), (2.9, True), (3.1, False), (-0.1, False), (-0.001, True)])
def test_what_happened_long_ago_is_somebodys_copy(days: float, *, fits: bool) -> None:
    event = asked(at=NOW - timedelta(days=days))
    if fits:
        ensure_timely(event, NOW)
    else:
        with pytest.raises(Refused) as no:
            ensure_timely(event, NOW)
        assert no.value.stable_code == "hook_too_old"


@given(st.integers(min_value=0, max_value=2**53), st.booleans(), st.sampled_from(["acme/shop", "acme/other", "x/y"]))
def test_nobody_but_a_named_human_ever_asks(number: int, bot: bool, repo: str) -> None:
    try:
        admitted = admit(HOOK, asked(by=person(number, bot=bot), repo=repo))
    except Refused as no:
        assert no.stable_code in {"forge_hook_refused", "forge_person_refused"}  # noqa: PT017
    else:
        assert number in {VERA, RITA}
        assert not bot
        assert admitted.repository.name == repo


FILE = """
forges:
  - {name: gh, kind: github, token: t}
hooks:
  - name: acme
    forge: gh
    org: local
    secrets: ["file:hook.secret"]
    members: {583231: vera}
    repositories: [{name: acme/shop, accept: "pytest -q"}]
"""


def test_the_file_names_hooks_and_their_secrets(tmp_path: Path) -> None:
    (tmp_path / "hook.secret").write_text(SECRET)
    (tmp_path / "forges.yaml").write_text(FILE)
    settings = load_forges(tmp_path / "forges.yaml")
    assert settings.hooks[0].members == {"583231": "vera"}
    assert settings.hooks[0].repositories[0].deliver == "pr"
    assert SECRET in settings.secrets
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("forge: gh", "forge: other"), "no forge other"),
        (("file:hook.secret", "short"), "24 are needed"),
        (("name: acme\n", "name: acme team\n"), "hooks.0.name"),
        (("{583231: vera}", "{vera: vera}"), "hooks.0.members"),
        (("{583231: vera}", "{1: vera, 2: 'v\u0435ra'}"), "taken for one another"),
        (("acme/shop,", "acme,"), "repositories.0.name"),
        (("accept:", "accepts:"), "accepts"),
    ],
)
def test_a_mistake_in_the_file_is_told_without_its_secrets(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    (tmp_path / "hook.secret").write_text(SECRET)
    (tmp_path / "forges.yaml").write_text(FILE.replace(*change))
    with pytest.raises(Refused) as no:
        load_forges(tmp_path / "forges.yaml")
    assert no.value.stable_code == "forges_invalid"
    assert says in no.value.message
    assert SECRET not in no.value.message


def test_the_words_of_a_request_fit_a_task() -> None:
    long = asked(words="w" * 12_000, title="t" * 500, body="b" * 12_000)
    assert len(first_request(long)) <= 20_000
    assert first_request(asked(words="", title="Wrong", body="Tax twice.")).splitlines() == [
        "Do what this issue asks for.",
        "",
        "The issue acme/shop#1: Wrong",
        "",
        "Tax twice.",
    ]
    place = EventPlace(repo="acme/shop", kind="pull_request", number=5)
    comments = [
        Reviewed(place=place, by=person(VERA), words=words, file="a.py", line=line)
        for words, line in (("One", 1), ("Two", 2))
    ]
    assert later_request(comments) == "On a.py, line 1:\nOne\n\nOn a.py, line 2:\nTwo"
    assert len(later_request(comments * 20_000)) <= 20_000
    text = log_request(failed(name="tests", jobs=("unit",)), "start" + "x" * 50_000 + "AssertionError")
    assert text.endswith("AssertionError")
    assert len(text) <= 20_000
    assert "(failed: unit)" in text
