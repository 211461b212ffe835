"""A process that dies anywhere between a web hook and its answer: nothing is lost, and nothing happens twice."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from database import reading
from forges import ForgeUser, TwinForge
from service.forges.events import FORGE_EVENTS, ForgeEvents
from service.forges.worker import ForgeWorker
from service.wiring.application import Application
from tests.worlds import forge_hooks as sent
from tests.worlds.forge_hooks import REPO, SECRET, VERA
from tests.worlds.served import Served, served

FILE = f"""
forges: [{{name: gh, kind: github, token: t}}]
hooks:
  - name: acme
    forge: gh
    org: local
    secrets: [{SECRET}]
    members: {{{VERA}: ann}}
    repositories: [{{name: acme/shop, url: /nowhere, accept: "true", deliver: patch}}]
"""


class Died(BaseException):
    """The process is gone: nobody catches it, nothing behind it is done."""


@dataclass(slots=True)
class Fate:
    """Dies at one moment, before or behind one write, and never again."""

    moment: str
    over: bool = False

    def __call__(self, now: str) -> None:
        if now == self.moment and not self.over:
            self.over = True
            raise Died(now)


@dataclass(frozen=True, slots=True, kw_only=True)
class MortalEvents(ForgeEvents):
    """The rows, whose writer dies once."""

    fate: Fate

    async def plan(self, *given: Any) -> Any:
        self.fate("before plan")
        planned = await super(MortalEvents, self).plan(*given)
        self.fate("behind plan")
        return planned

    async def begun(self, *given: Any) -> None:
        self.fate("before begun")
        await super(MortalEvents, self).begun(*given)
        self.fate("behind begun")

    async def shown(self, *given: Any, **named: Any) -> None:
        self.fate("before shown")
        await super(MortalEvents, self).shown(*given, **named)
        self.fate("behind shown")


@dataclass(slots=True, kw_only=True)
class MortalForge(TwinForge):
    """A forge whose client dies once, when the comment is there."""

    fate: Fate = field(default_factory=lambda: Fate(""))

    async def comment(self, *given: Any, **named: Any) -> Any:
        self.fate("before comment")
        written = await TwinForge.comment(self, *given, **named)
        self.fate("behind comment")
        return written


def mortal(worker: ForgeWorker, fate: Fate) -> ForgeWorker:
    given = {each.name: getattr(worker, each.name) for each in fields(worker)}
    events = MortalEvents(engine=worker.events.engine, clock=worker.events.clock, fate=fate)
    return ForgeWorker(**{**given, "events": events})


MOMENTS = ["before", "behind"]
STEPS = ["plan", "begun", "comment", "shown"]


async def the_row(service: Served) -> Any:
    async with reading(service.context.database) as conn:
        return (await conn.execute(select(FORGE_EVENTS))).one()


async def lives(service: Served, forge: MortalForge, moment: str) -> None:
    """One hook, a death at the moment, and then whoever comes next."""
    body, headers = sent.github_signed(sent.issue_comment("@signoff mend it"))
    async with service.http("") as http:
        answer = await http.post("/v1/hooks/forges/acme", content=body, headers=headers)
        assert answer.status_code == 202
        worker: Any = service.context.maintenance.forge_events.__self__  # type: ignore[attr-defined]
        forge.fate = Fate(moment)
        dying = mortal(worker, forge.fate)
        while not forge.fate.over:
            try:
                await dying.round()
            except Died:
                # The forge sends it again, because somebody pressed the button.
                again = await http.post("/v1/hooks/forges/acme", content=body, headers=headers)
                assert again.json()["again"] is True
        while (row := await the_row(service)).state != "done":
            await worker.round()
        assert row.code is None
        turns = await service.context.turns.of(row.thread)
        assert [(turn.status, turn.id) for turn in turns] == [("success", row.turn)]
        assert len(await service.sdk().threads.search()) == 1
        (note,) = forge.notes[REPO, "issue", 12]
        assert note.body.startswith("Done.")


@pytest.mark.parametrize("step", STEPS)
async def test_a_death_at_any_moment_changes_nothing(tmp_path: Path, step: str) -> None:
    for moment in MOMENTS:
        folder = tmp_path / moment
        folder.mkdir()
        (folder / "forges.yaml").write_text(FILE)
        forge = MortalForge(name="gh", user=ForgeUser(login="signoff", id="1"))
        forge.add_repository(REPO)
        for number in range(1, 13):
            forge.add_issue(REPO, ForgeUser(login="vera", id=str(VERA)), f"Issue {number}")
        forge.rights[REPO, str(VERA)] = "write"

        def changed(application: Application, forge: MortalForge = forge) -> Application:
            application.forges.others = {"gh": forge}
            return application

        async with served(folder, changed=changed, walks=False, forges=folder / "forges.yaml") as service:
            await lives(service, forge, f"{moment} {step}")
