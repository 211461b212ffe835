"""Payloads of GitHub and GitLab are read as events; what is nothing for us says why."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from forges.inbound import Asked, Closed, Failed, ForgeHook, Ignored, Reviewed, Voted, event_json, event_of, parsed
from tests.worlds import forge_hooks as sent

HOOK = ForgeHook(name="h", forge="f", org="o", secrets=(sent.SECRET,))


def github(delivery: dict[str, Any]) -> Any:
    return parsed("github", {"x-github-event": delivery["event"]}, delivery["payload"], HOOK)


def gitlab(payload: dict[str, Any]) -> Any:
    return parsed("gitlab", {}, payload, HOOK)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (lambda: github(sent.issue_comment("@signoff mend it")), "issue"),
        (lambda: gitlab(sent.gitlab_note("@signoff mend it")), "issue"),
        (lambda: github(sent.issue_comment("@signoff mend it", pull=True)), "pull_request"),
        (lambda: gitlab(sent.gitlab_note("@signoff mend it", about="merge")), "pull_request"),
    ],
)
def test_a_comment_that_begins_with_our_name_asks(event: Any, kind: str) -> None:
    asked = event()
    assert isinstance(asked, Asked)
    assert (asked.words, asked.label, asked.by.id, asked.place.repo) == ("mend it", "", str(sent.VERA), "acme/shop")
    assert (asked.place.kind, asked.author.id if asked.author else "") == (kind, str(sent.VERA))
    assert asked.at is not None
    assert asked.at.tzinfo is not None


def test_what_no_reader_sees_of_a_description_is_not_taken_over() -> None:
    asked = github(sent.labelled())
    assert (asked.label, asked.words, asked.body) == ("signoff", "", "It adds tax twice.")


def test_a_label_of_gitlab_asks_once_when_it_is_set() -> None:
    assert isinstance(gitlab(sent.gitlab_labelled()), Asked)
    merge = gitlab(sent.gitlab_labelled("merge_request"))
    assert (merge.place.kind, merge.place.number, merge.head, merge.fork) == ("pull_request", 5, "fix", False)
    assert gitlab(sent.gitlab_labelled(previous=("signoff",))) == Ignored(because="another label")
    assert isinstance(gitlab(sent.gitlab_labelled(previous=("bug",))), Asked)
    assert isinstance(gitlab(sent.gitlab_labelled(label="bug")), Ignored)


def test_a_comment_on_lines_is_a_review_with_its_place() -> None:
    reviewed = github(sent.line_comment("Use Decimal here.", head="signoff/x-1234abcd"))
    assert isinstance(reviewed, Reviewed)
    assert (reviewed.file, reviewed.line, reviewed.comment) == ("shop/total.py", 7, "284312630")
    assert (reviewed.head, reviewed.fork) == ("signoff/x-1234abcd", False)
    position = {"new_path": "shop/total.py", "old_path": "shop/total.py", "new_line": None, "old_line": 7}
    other = gitlab(sent.gitlab_note("Use Decimal here.", about="merge", position=position, source_branch="signoff/x-1"))
    assert (other.kind, other.file, other.line, other.comment) == ("reviewed", "shop/total.py", 7, "54b9f5e3")


def test_a_reply_is_answered_in_its_thread() -> None:
    delivery = sent.line_comment("And here?", id_=2)
    delivery["payload"]["comment"]["in_reply_to_id"] = 1
    assert github(delivery).comment == "1"


def test_a_review_with_words_goes_to_the_coder_and_an_approval_does_not() -> None:
    assert github(sent.review("Rename it.", "changes_requested")).words == "Rename it."
    assert isinstance(github(sent.review("Looks good.", "approved")), Ignored)
    assert isinstance(github(sent.review(None, "commented")), Ignored)


DIGEST = f"sha256:{'0' * 64}"


def test_a_review_whose_text_is_a_ballot_and_a_digest_is_a_vote() -> None:
    vote = github(sent.review(f"b-1 {DIGEST}\n", "approved"))
    assert isinstance(vote, Voted)
    assert (vote.choice, vote.approval_id, vote.action_digest) == ("approve", "b-1", DIGEST)
    assert github(sent.review(f"b-1 {DIGEST}", "changes_requested")).choice == "reject"
    # Anything else beside it is a text, and a comment is no review.
    assert not isinstance(github(sent.review(f"yes: b-1 {DIGEST}", "approved")), Voted)
    assert not isinstance(github(sent.review(f"b-1 {DIGEST}", "commented")), Voted)
    assert not isinstance(github(sent.issue_comment(f"b-1 {DIGEST}")), Voted)


@pytest.mark.parametrize(
    "read", [lambda text: github(sent.issue_comment(text)), lambda text: gitlab(sent.gitlab_note(text))]
)
def test_a_comment_that_is_nothing_but_a_decision_is_a_vote(read: Any) -> None:
    vote = read(f"@signoff approve b-1 {DIGEST}")
    assert isinstance(vote, Voted)
    assert (vote.way, vote.choice, vote.approval_id, vote.action_digest) == ("comment", "approve", "b-1", DIGEST)
    assert read(f"@signoff reject b-1 {DIGEST}").choice == "reject"
    for other in (
        f"approve b-1 {DIGEST} please",
        "approve b-1",
        "approve",
        f"Approve: b-1 {DIGEST}",
        f"ok b-1 {DIGEST}",
    ):
        assert isinstance(read(f"@signoff {other}"), Asked)


def test_a_failed_run_of_ci_says_which_commit_and_which_jobs() -> None:
    failed = github(sent.workflow_run())
    assert isinstance(failed, Failed)
    assert (failed.branch, failed.default_branch, failed.fork, failed.run) == ("main", "main", False, 289782451)
    assert isinstance(github(sent.workflow_run("success")), Ignored)
    assert github(sent.workflow_run(fork=True)).fork
    other = gitlab(sent.gitlab_pipeline())
    assert (other.jobs, other.commit[:4], other.branch) == (("unit",), "bcbb", "main")
    assert isinstance(gitlab(sent.gitlab_pipeline("success")), Ignored)


def test_a_closed_pull_request_says_whether_it_was_merged() -> None:
    assert github(sent.closed()).merged
    assert not github(sent.closed(merged=False)).merged
    assert isinstance(gitlab(sent.gitlab_closed()), Closed)
    assert not gitlab(sent.gitlab_closed("close")).merged
    assert gitlab(sent.gitlab_closed(source=2)).fork


def test_bots_are_known_as_such() -> None:
    assert github(sent.issue_comment("@signoff x", kind="Bot")).by.bot
    assert gitlab(sent.gitlab_note("@signoff x", username="project_1_bot_4f2a")).by.bot
    assert not gitlab(sent.gitlab_note("@signoff x", username="robot")).by.bot


@pytest.mark.parametrize(
    "ours", ["@signoff again\n\n<!-- signoff:event-1 -->", "Working on it.\n\n<!-- signoff:event-1 -->"]
)
def test_what_we_wrote_ourselves_asks_nothing(ours: str) -> None:
    assert github(sent.issue_comment(ours)) == Ignored(because="a comment of ours")
    assert github(sent.line_comment(ours)) == Ignored(because="a comment of ours")
    assert gitlab(sent.gitlab_note(ours)) == Ignored(because="a comment of ours")


@pytest.mark.parametrize(
    "delivery",
    [
        sent.github("ping", ""),
        sent.github("issues", "opened", issue=sent.issue()),
        {**sent.issue_comment("@signoff x"), "event": "commit_comment"},
        sent.github("issue_comment", "edited", issue=sent.issue(), comment={"id": 1, "body": "@signoff x"}),
    ],
)
def test_other_events_are_ignored(delivery: dict[str, Any]) -> None:
    assert isinstance(github(delivery), Ignored)


@pytest.mark.parametrize("payload", [[], "x", None, {"repository": 1}, {"issue": {"number": "x"}}])
def test_a_payload_that_is_none_is_refused(payload: Any) -> None:
    with pytest.raises(Refused) as no:
        parsed("github", {"x-github-event": "issues"}, payload, HOOK)
    assert no.value.stable_code == "hook_invalid"


def test_a_long_comment_is_bounded() -> None:
    assert len(github(sent.issue_comment("@signoff " + "x" * 65_000)).words) <= 12_000


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["issue_comment", "workflow_run", "pull_request_review"]), st.data())
def test_no_payload_breaks_the_reader(event: str, data: st.DataObject) -> None:
    whole = {
        "issue_comment": sent.issue_comment("@signoff x"),
        "workflow_run": sent.workflow_run(),
        "pull_request_review": sent.review("x", "commented"),
    }[event]
    payload = json.loads(json.dumps(whole["payload"]))
    part = payload[data.draw(st.sampled_from(sorted(payload)))]
    target = part if isinstance(part, dict) and part else payload
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(_JSON)
    try:
        read = parsed("github", {"x-github-event": event}, payload, HOOK)
    except Refused as no:
        assert no.stable_code == "hook_invalid"  # noqa: PT017
    else:
        assert isinstance(read, Ignored) or event_of(event_json(read)) == read
