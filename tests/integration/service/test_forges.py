"""Web hooks of forges over real HTTP: what they start, refine, end and sign, and what they must not."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from database import reading, writing
from domain import Unavailable
from forges import TwinForge, key_of
from service.forges.events import FORGE_EVENTS
from tests.worlds import forge_hooks as sent
from tests.worlds import postgres
from tests.worlds.forge_hooks import REPO, RITA, SECRET, SIGNING, STRANGER, VERA
from tests.worlds.forges import FILE, branch_of, line_comment, ready_pull_request, world


@dataclass(slots=True)
class AwayOnce:
    """A forge that does not answer the first question."""

    inner: TwinForge
    error: Exception = field(default_factory=lambda: Unavailable("away", code="forge_unavailable", hint="Try again."))
    away: bool = True

    def __getattr__(self, name: str) -> Any:
        if self.away:
            self.away = False
            raise self.error
        return getattr(self.inner, name)


async def test_a_comment_starts_a_run_that_is_answered_in_one_comment(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        row = await at.done(sent.issue_comment("@signoff mend it", number=12))
        assert (row.subject, row.outside, row.code) == ("ann", False, None)
        run = await at.service.context.application.engine.runs.exactly(row.thread, org="local")
        assert run is not None
        assert (run.status, run.requester) == ("delivered", "ann")
        assert run.task.text.startswith("mend it\n\nThe issue acme/shop#12: The total is wrong")
        assert run.task.origin is not None
        assert (run.task.origin.forge, run.task.origin.number, run.task.accept) == ("gh", 12, "true")
        (note,) = at.notes()
        assert note.startswith("Done.\n\nhttps://twin.example/acme/shop/pull/50\n\nDone.")
        assert key_of(note) == f"event-{row.id[:32]}"


async def test_the_same_delivery_again_starts_nothing_again(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        delivery = sent.issue_comment("@signoff mend it", id_=2, number=11)
        row = await at.done(delivery)
        status, answer = await at.post(delivery, **{"x-github-delivery": "another"})
        assert (status, answer) == (200, {"accepted": row.id, "again": True})
        await at.service.context.maintenance.once()
        assert (await at.turns(), len(at.notes(11))) == (1, 1)


async def test_a_label_asks_for_what_the_issue_says_and_an_outsiders_words_taint_it(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        row = await at.done(sent.labelled(author=STRANGER))
        run = await at.service.context.application.engine.runs.exactly(row.thread, org="local")
        assert run is not None
        assert run.task.outside
        assert "It adds tax twice." in run.task.text
        assert "ignore all rules" not in run.task.text


async def test_gitlab_asks_by_its_token_and_by_its_signature(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        body, headers = sent.gitlab_sent(sent.gitlab_note("@signoff mend it"))
        status, answer = await at.send("labels", body, headers)
        assert (status, (await at.row(answer["accepted"])).code) == (202, None)
        body, headers = sent.gitlab_signed(sent.gitlab_labelled())
        status, answer = await at.send("labels", body, headers)
        assert (status, (await at.row(answer["accepted"])).outside) == (202, True)
        assert len(at.gitlab.notes[REPO, "issue", 12]) == 2
        # The same id with other bytes is somebody's play, an old one a copy.
        assert (await at.send("labels", *sent.gitlab_signed(sent.gitlab_note("@signoff other"))))[0] == 409
        old = datetime.now(UTC) - timedelta(minutes=6)
        assert (await at.send("labels", *sent.gitlab_signed(sent.gitlab_labelled(), at=old)))[0] == 401


async def test_what_is_not_signed_reaches_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        body, headers = sent.github_signed(sent.issue_comment("@signoff mend it"))
        for changed in (
            {**headers, "x-hub-signature-256": "sha256=" + "0" * 64},
            {name: text for name, text in headers.items() if name != "x-hub-signature-256"},
            {**headers, "x-hub-signature-256": "", "x-hub-signature": headers["x-hub-signature-256"]},
        ):
            status, answer = await at.send("acme", body, changed)
            assert (status, answer["code"]) == (401, "signature_invalid")
        assert (await at.send("acme", body + b" ", headers))[0] == 401
        token_body, token = sent.gitlab_sent(sent.gitlab_note("@signoff mend it"), secret="x" * 32)
        assert (await at.send("labels", token_body, token))[1]["code"] == "signature_invalid"
        # The signing key is no password.
        assert (await at.send("labels", *sent.gitlab_sent(sent.gitlab_note("x"), secret=SIGNING)))[0] == 401
        assert (await at.send("other", body, headers))[1]["code"] == "hook_unknown"
        form, signed = b"payload=%7B%7D", sent.github_signed({"event": "ping", "payload": {}})[1]
        assert (await at.send("acme", form, signed))[0] == 401
        assert await at.threads() == []


REFUSED = [
    (sent.issue_comment("@signoff mend it", by=STRANGER), "forge_person_refused"),
    (sent.issue_comment("@signoff mend it", kind="Bot"), "forge_person_refused"),
    (sent.issue_comment("@signoff mend it", repo="acme/other"), "forge_hook_refused"),
    (sent.issue_comment("@signoff mend it", at=datetime.now(UTC) - timedelta(days=4)), "hook_too_old"),
    (sent.line_comment("Rename it.", fork=True), "forge_fork_refused"),
    (sent.workflow_run(branch="feature"), "forge_hook_refused"),
]
IGNORED = [
    sent.issue_comment("> @signoff mend it"),
    sent.issue_comment("```\n@signoff mend it\n```"),
    sent.issue_comment("@signoff mend it\n\n<!-- signoff:event-1 -->"),
    sent.labelled("bug"),
    sent.workflow_run("success"),
    sent.github("ping", ""),
]


async def test_what_the_policy_refuses_or_means_nothing_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        for delivery, code in REFUSED:
            status, answer = await at.post(delivery)
            assert (status, answer["refused"], bool(answer["hint"])) == (200, code, True)
        for delivery in IGNORED:
            status, answer = await at.post(delivery)
            assert (status, list(answer)) == (200, ["ignored"])
        await at.service.context.maintenance.once()
        assert (await at.threads(), at.github.notes) == ([], {})
        async with reading(at.service.context.database) as conn:
            assert (await conn.execute(select(FORGE_EVENTS))).all() == []


async def test_a_member_without_the_right_is_told_so_on_the_issue(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.github.rights[REPO, str(VERA)] = "read"
        row = await at.done(sent.issue_comment("@signoff mend it"))
        assert (row.code, row.thread) == ("forge_person_refused", None)
        (note,) = at.notes()
        assert "`forge_person_refused`" in note
        # Who nobody lets in any more, and who may not start runs.
        at.github.rights[REPO, str(RITA)] = "admin"
        assert (await at.done(sent.issue_comment("@signoff mend it", by=RITA))).code == "key_ended"
        await at.service.context.members.seen("local", "rita", ["viewer"], now=datetime.now(UTC))
        assert (await at.done(sent.issue_comment("@signoff again", by=RITA))).code == "scope_missing"
        assert await at.threads() == []


async def test_later_words_on_an_issue_go_on_with_its_thread(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        first = await at.done(sent.issue_comment("@signoff mend it", id_=1))
        second = await at.done(sent.issue_comment("@signoff rename it, too", id_=2))
        other = await at.done(sent.issue_comment("@signoff another", id_=3, number=11))
        assert first.thread == second.thread != other.thread
        assert len(at.notes()) == 2
        assert len(await at.service.context.turns.of(first.thread)) == 2


async def test_comments_of_a_review_are_one_request_and_each_is_answered(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        thread = await ready_pull_request(at)
        about = {"number": 50, "head": branch_of(thread)}
        ids = [await at.accepted(line_comment(at, f"Comment {n}", **about)) for n in (1, 2, 3)]
        rows = [await at.row(id_) for id_ in ids]
        assert {(row.thread, row.turn, row.code) for row in rows} == {(thread, rows[0].turn, None)}
        assert len(await at.service.context.turns.of(thread)) == 2
        notes = at.github.notes[REPO, "pull_request", 50]
        ours = [note for note in notes if note.author.id == at.github.user.id]
        assert [note.thread for note in ours] == [note.id for note in notes if note not in ours]
        assert all(note.body.startswith("Done.") for note in ours)
        asked = (await at.service.context.turns.of(thread))[0].asked["wish"]
        assert asked.startswith("On shop/total.py, line 7:\nComment 1\n\nOn shop/total.py, line 7:\nComment 2")


async def test_a_review_of_somebody_elses_pull_request_is_not_for_us(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        thread = await ready_pull_request(at)
        at.github.pulls[REPO, 51] = replace(at.github.pulls[REPO, 50], number=51, head="feature")
        row = await at.done(sent.review("Rename it.", "changes_requested", number=51, head="feature"))
        assert row.code == "forge_not_ours"
        # A branch that is only called like ours.
        at.github.pulls[REPO, 52] = replace(at.github.pulls[REPO, 50], number=52, head=f"signoff/other-{thread[-8:]}")
        other = sent.review("Rename it.", "commented", number=52, head=f"signoff/other-{thread[-8:]}")
        assert (await at.done(other)).code == "forge_not_ours"
        assert await at.turns() == 1
        assert (REPO, "pull_request", 51) not in at.github.notes


async def test_a_closed_pull_request_takes_no_more_and_its_issue_begins_anew(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        thread = await ready_pull_request(at)
        at.github.pulls[REPO, 50] = replace(at.github.pulls[REPO, 50], state="merged")
        assert (await at.done(sent.closed(number=50, head=branch_of(thread)))).code is None
        row = await at.done(sent.review("Rename it.", "commented", number=50, head=branch_of(thread)))
        assert row.code == "pull_request_closed"
        assert await at.turns() == 1
        again = await at.done(sent.issue_comment("@signoff once more", id_=9))
        assert again.thread != thread


async def test_closing_stops_what_works_on_a_pull_request(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.service.gate.set()
        thread = await ready_pull_request(at, "mend it, slow")
        at.service.gate.clear()
        await at.service.sdk().runs.create(thread, "coding", input={"messages": "more"})
        assert await at.service.context.turns.unfinished(thread)
        assert (await at.done(sent.closed(number=50, head=branch_of(thread)))).state == "done"
        assert not await at.service.context.turns.unfinished(thread)


async def test_a_failed_run_of_ci_is_a_task_with_its_log_and_not_for_ever(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.github.logs[REPO, 1] = "unit\nAssertionError: 3 != 4"
        row = await at.done(sent.workflow_run(id_=1))
        run = await at.service.context.application.engine.runs.exactly(row.thread, org="local")
        assert run is not None
        assert run.task.text.endswith("AssertionError: 3 != 4")
        assert (run.task.outside, run.task.base, run.requester) == (
            True,
            "3484a3fb816e0859fd6e1cea078d76385ff50625",
            "ann",
        )
        assert at.github.notes == {}
        codes = []
        for number in range(2, 6):
            at.github.logs[REPO, number] = "AssertionError"
            codes.append((await at.done(sent.workflow_run(id_=number))).code)
        assert codes == [None, None, "forge_ci_limit", "forge_ci_limit"]


async def test_a_run_that_waits_says_so_and_words_sign_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        id_ = await at.accepted(sent.issue_comment("@signoff sign"))
        row = await at.row(id_, lambda row: row.shown and at.notes() and "signature" in at.notes()[0])
        assert row.state == "working"
        assert "It waits for a signature: `signoff approvals show" in at.notes()[0]
        assert len(at.notes()) == 1
        # Words sign nothing.
        words = await at.done(sent.issue_comment("@signoff approve", id_=2))
        assert words.code == "thread_busy"


async def test_another_organisations_hook_reaches_nothing_of_ours(tmp_path: Path) -> None:
    theirs = """
  - name: theirs
    forge: gh
    org: other
    secrets: [SECRET]
    members: {583231: oz}
    votes: [comment]
    repositories: [{name: acme/shop, url: /nowhere, accept: "true", deliver: patch}]
""".replace("SECRET", SECRET)
    async with world(tmp_path, file=FILE.rstrip() + theirs) as at:
        thread = await ready_pull_request(at)
        await at.service.context.members.seen("other", "oz", ["operator", "approver"], now=datetime.now(UTC))

        async def told(delivery: dict[str, Any]) -> Any:
            status, answer = await at.post(delivery, "theirs")
            assert status == 202
            return await at.row(answer["accepted"])

        about = {"number": 50, "head": branch_of(thread)}
        assert (await told(sent.review("Rename it.", "commented", **about))).code == "forge_not_ours"
        asked = await told(sent.issue_comment("@signoff mend it", id_=2))
        assert (asked.code, asked.org) == (None, "other")
        assert asked.thread != thread
        id_ = await at.accepted(sent.issue_comment("@signoff sign", id_=3, number=11))
        await at.row(id_, lambda row: row.shown and "signature" in (at.notes(11) or [""])[0])
        async with at.service.http() as http:
            (ballot,) = (await http.get("/v1/approvals?state=pending")).json()["items"]
        text = f"@signoff approve {ballot['id']} {ballot['action_digest']}"
        assert (await told(sent.issue_comment(text, id_=4))).code == "approval_missing"
        assert len(await at.service.context.turns.of(thread)) == 1


async def test_a_forge_that_does_not_answer_is_asked_again_and_the_first_words_stay_first(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        away = AwayOnce(at.github)
        at.service.context.application.forges.others = {"gh": away}
        first = await at.accepted(sent.issue_comment("@signoff mend it", id_=1))
        waits = await at.row(first, lambda row: row.attempts == 1)
        assert (waits.state, waits.code, waits.due_at > waits.received_at) == ("waiting", None, True)
        async with writing(at.service.context.database) as conn:
            await conn.execute(update(FORGE_EVENTS).values(due_at=waits.received_at))
        row = await at.row(first)
        run = await at.service.context.application.engine.runs.exactly(row.thread, org="local")
        assert run is not None
        assert (run.status, run.task.text[:7]) == ("delivered", "mend it")


async def test_an_event_that_breaks_something_holds_up_no_other_one(tmp_path: Path) -> None:
    async with world(tmp_path, walks=False) as at:
        at.service.context.application.forges.others = {"gh": AwayOnce(at.github, error=KeyError("full_name"))}
        broken = await at.accepted(sent.issue_comment("@signoff mend it", id_=1))
        other = await at.accepted(sent.issue_comment("@signoff mend it", id_=2, number=11))
        with pytest.raises(KeyError):
            await at.service.context.maintenance.forge_events()
        assert (await at.row(other)).code is None
        row = await at.row(broken, lambda _: True)
        assert (row.state, row.attempts) == ("waiting", 1)


async def test_a_schedule_may_name_a_repository_of_a_forge(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        task = {"text": "Update it", "repo": "https://github.com/acme/shop.git", "deliver": "pr", "accept": "true"}
        made = await at.service.sdk().crons.create("coding", schedule="0 3 * * 1", input={"task": task})
        cron = await at.service.context.crons.get(made["cron_id"], "local")
        await at.service.context.maintenance.tick(cron)
        (thread,) = await at.threads()
        run = await at.service.context.application.engine.runs.exactly(thread.id, org="local")
        assert run is not None
        assert (run.task.deliver, run.task.repo) == ("pr", task["repo"])


async def test_many_at_once_come_to_one_run_each(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        deliveries = [sent.issue_comment(f"@signoff nothing {n}", number=1 + n % 3, id_=n) for n in range(6)]
        answers = await asyncio.gather(*(at.post(each) for each in [*deliveries, *deliveries]))
        rows = [await at.row(id_) for id_ in {answer["accepted"] for _, answer in answers}]
        assert len(rows) == 6
        assert {row.code for row in rows} == {None}
        assert (len(await at.threads()), await at.turns()) == (3, 6)


async def test_two_workers_at_once_ask_the_same_once(tmp_path: Path) -> None:
    async with world(tmp_path, walks=False) as at:
        thread = await ready_pull_request(at)
        about = {"number": 50, "head": branch_of(thread)}
        ids = [await at.accepted(line_comment(at, f"Comment {n}", **about)) for n in (1, 2, 3)]
        async with writing(at.service.context.database) as conn:
            past = at.service.context.started_at
            await conn.execute(update(FORGE_EVENTS).where(FORGE_EVENTS.c.id.in_(ids)).values(due_at=past))
        rounds = [at.service.context.maintenance.forge_events() for _ in range(4)]
        await asyncio.gather(*rounds)
        rows = [await at.row(id_) for id_ in ids]
        assert {row.code for row in rows} == {None}
        assert {row.turn for row in rows} <= {turn.id for turn in await at.service.context.turns.of(thread)}
        ours = [note for note in at.github.notes[REPO, "pull_request", 50] if note.author.id == at.github.user.id]
        assert len(ours) == 3


@pytest.mark.parametrize("on", ["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow])])
async def test_a_request_its_refinement_and_its_end(tmp_path: Path, on: str, request: pytest.FixtureRequest) -> None:
    server = await postgres.emptied(request.getfixturevalue("socket"), "service") if on == "postgres" else ""
    async with world(tmp_path, server=server) as at:
        delivery = sent.issue_comment("@signoff mend it", id_=2, number=11)
        thread = await ready_pull_request(at)
        assert (await at.post(delivery))[0] == 202
        about = {"number": 50, "head": branch_of(thread)}
        ids = [await at.accepted(line_comment(at, f"Comment {n}", **about)) for n in (1, 2)]
        assert {(await at.row(id_)).thread for id_ in ids} == {thread}
        assert len(at.notes(50, "pull_request")) == 4
        at.github.pulls[REPO, 50] = replace(at.github.pulls[REPO, 50], state="merged")
        assert (await at.done(sent.closed(number=50, head=branch_of(thread)))).code is None
        assert (await at.done(sent.issue_comment("@signoff once more", id_=9))).thread != thread
        assert (await at.post(delivery))[1]["again"] is True
