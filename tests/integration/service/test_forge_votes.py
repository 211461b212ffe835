"""Votes on a forge: who is counted, bound to what they read, and who is not."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from database import writing
from forges import ForgeUser, PullRequest, Reaction
from forges.rendering import key_of
from service.forges.events import FORGE_EVENTS
from tests.worlds import forge_hooks as sent
from tests.worlds.forge_hooks import REPO, RITA, STRANGER, VERA
from tests.worlds.forges import FILE, world


@pytest.mark.parametrize("way", ["review", "comment"])
async def test_a_vote_of_a_colleague_counts_and_that_of_who_asked_does_not(tmp_path: Path, way: str) -> None:
    async with world(tmp_path, approvals_mode="team", approvers="ann,rita") as at:
        id_ = await at.accepted(sent.issue_comment("@signoff sign"))
        await at.row(id_, lambda row: row.shown and "signature" in (at.notes() or [""])[0])
        async with at.service.http() as http:
            (ballot,) = (await http.get("/v1/approvals")).json()["items"]
        typed = f"{ballot['id']} {ballot['action_digest']}"

        def vote(by: int, text: str = typed) -> dict[str, Any]:
            at.github.pulls[REPO, 5] = PullRequest(
                path=REPO, number=5, url="u", title="t", state="open", head="x", base="main", author=at.github.user
            )
            if way == "review":
                return sent.review(text, "approved", by=by)
            return sent.issue_comment(f"@signoff approve {text}", by=by, number=11)

        assert (await at.done(vote(VERA))).code == "self_approval"
        wrong = f"{ballot['id']} sha256:{'0' * 64}"
        assert (await at.done(vote(RITA, wrong))).code == "digest_mismatch"
        status, answer = await at.post(vote(STRANGER))
        assert (status, answer["refused"]) == (200, "forge_person_refused")
        assert at.service.deliveries == []
        assert (await at.done(vote(RITA))).code is None
        await at.row(id_)
        assert len(at.service.deliveries) == 1


async def test_a_reaction_to_the_untouched_comment_of_a_ballot_counts(tmp_path: Path) -> None:
    file = FILE.replace("token: t-1", 'token: t-1, repositories: ["acme/*"]')
    async with world(tmp_path, file=file, approvals_mode="team", approvers="ann,rita") as at:
        id_ = await at.accepted(sent.issue_comment("@signoff sign"))
        key = (REPO, "issue", 12)

        async def looked() -> None:
            """As if the time of the next look had come."""
            context = at.service.context
            async with writing(context.database) as conn:
                await conn.execute(
                    update(FORGE_EVENTS).where(FORGE_EVENTS.c.id == id_).values(due_at=context.started_at)
                )
            await context.maintenance.forge_events()

        while not [note for note in at.github.notes.get(key, []) if key_of(note.body).startswith("approval-")]:
            await at.service.context.maintenance.once()
        notes = at.github.notes[key]
        (place,) = (i for i, note in enumerate(notes) if key_of(note.body).startswith("approval-"))
        shown = notes[place]

        def press(by: int, content: str, seconds: float = 1) -> None:
            user = ForgeUser(login="x", id=str(by))
            at_ = notes[place].updated_at + timedelta(seconds=seconds)
            at.github.awards.setdefault(shown.id, []).append(Reaction(content=content, user=user, created_at=at_))

        press(VERA, "+1")  # who asked
        press(STRANGER, "+1")
        press(RITA, "rocket")
        press(RITA, "+1", seconds=-1)  # before it was edited the last time
        await looked()
        assert at.service.deliveries == []
        # Somebody who may edit comments shows something harmless.
        notes[place] = replace(shown, body=shown.body.replace("nowhere", "elsewhere"))
        press(RITA, "+1")
        await looked()
        assert at.service.deliveries == []
        notes[place] = shown
        await looked()
        await at.row(id_)
        assert len(at.service.deliveries) == 1


async def test_critical_is_never_signed_on_a_forge(tmp_path: Path) -> None:
    file = FILE.replace("votes:", "highest_tier: medium\n    votes:")
    async with world(tmp_path, file=file, approvals_mode="team", approvers="ann,rita") as at:
        id_ = await at.accepted(sent.issue_comment("@signoff sign"))
        await at.row(id_, lambda row: row.shown and "signature" in (at.notes() or [""])[0])
        async with at.service.http() as http:
            (ballot,) = (await http.get("/v1/approvals")).json()["items"]
        text = f"@signoff approve {ballot['id']} {ballot['action_digest']}"
        assert (await at.done(sent.issue_comment(text, by=RITA, number=11))).code == "step_up_required"
        # No is taken for any tier.
        text = f"@signoff reject {ballot['id']} {ballot['action_digest']}"
        assert (await at.done(sent.issue_comment(text, by=RITA, number=11))).code is None
