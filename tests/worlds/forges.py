"""A service whose forges are twins, web hooks that reach it, and pull requests of ours."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from database import reading
from forges import ForgeUser, PullRequest, TwinForge
from nodes.deliver import DeliverInput
from sandbox import Delivered
from service.forges.events import FORGE_EVENTS
from service.wiring.application import Application
from tests.worlds import forge_hooks as sent
from tests.worlds.forge_hooks import REPO, RITA, SECRET, SIGNING, VERA
from tests.worlds.quick import employing
from tests.worlds.served import Served, served

FILE = """
forges:
  - {name: gh, kind: github, token: t-1}
  - {name: gl, kind: gitlab, token: t-2}
hooks:
  - name: acme
    forge: gh
    org: local
    secrets: [SECRET]
    members: {583231: ann, 583232: rita}
    ci: ann
    votes: [review, comment, reaction]
    repositories:
      - {name: acme/shop, url: /nowhere, accept: "true", deliver: patch, triggers: [label, comment, review, ci]}
  - name: labels
    forge: gl
    org: local
    secrets: [SECRET, SIGNING]
    members: {583231: ann}
    repositories: [{name: acme/shop, url: /nowhere, accept: "true", deliver: patch}]
""".replace("SECRET", SECRET).replace("SIGNING", SIGNING)


def twin(name: str) -> TwinForge:
    forge = TwinForge(name=name, user=ForgeUser(login="signoff", id="1"))
    forge.add_repository(REPO)
    for number in range(1, 13):
        forge.add_issue(REPO, ForgeUser(login="vera", id=str(VERA)), f"Issue {number}")
    forge.rights |= {(REPO, str(VERA)): "write", (REPO, str(RITA)): "admin"}
    return forge


@dataclass(frozen=True, slots=True)
class PullRequests:
    """Delivers as the quick one does, and says that it became a pull request."""

    inner: Any

    async def __call__(self, state: DeliverInput) -> Mapping[str, Any]:
        update = await self.inner(state)
        published = pull_request_of(state["run"])
        return {**update, "delivered": published, "published": published}


def branch_of(run: str) -> str:
    return f"signoff/mend-it-{run[-8:]}"


def pull_request_of(run: str) -> Delivered:
    url = "https://twin.example/acme/shop/pull/50"
    return Delivered(kind="pr", commit="c" * 40, ref=branch_of(run), url=url, repository=f"gh:{REPO}", number=50)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    service: Served
    github: TwinForge
    gitlab: TwinForge
    posted: list[Any] = field(default_factory=list[Any])

    async def post(self, delivery: dict[str, Any], hook: str = "acme", **headers: str) -> Any:
        body, signed = sent.github_signed(delivery)
        return await self.send(hook, body, {**signed, **headers})

    async def send(self, hook: str, body: bytes, headers: dict[str, str]) -> Any:
        async with self.service.http("") as http:
            answer = await http.post(f"/v1/hooks/forges/{hook}", content=body, headers=headers)
        return answer.status_code, answer.json()

    async def accepted(self, delivery: dict[str, Any]) -> str:
        status, answer = await self.post(delivery)
        assert status == 202, answer
        return answer["accepted"]

    async def row(self, id_: str, until: Callable[[Any], bool] = lambda row: row.state == "done") -> Any:
        """The row of an event, once it stands so."""
        while True:
            async with reading(self.service.context.database) as conn:
                row = (await conn.execute(select(FORGE_EVENTS).where(FORGE_EVENTS.c.id == id_))).one()
            if until(row):
                return row
            await self.service.context.maintenance.forge_events()

    async def done(self, delivery: dict[str, Any]) -> Any:
        return await self.row(await self.accepted(delivery))

    def notes(self, number: int = 12, subject: Any = "issue") -> list[str]:
        return [note.body for note in self.github.notes.get((REPO, subject, number), [])]

    async def turns(self) -> int:
        return sum([len(await self.service.context.turns.of(each.id)) for each in await self.threads()])

    async def threads(self) -> list[Any]:
        sdk = self.service.sdk()
        found = await sdk.threads.search(limit=100)
        return [await self.service.context.threads.get(each["thread_id"], "local") for each in found]


@asynccontextmanager
async def world(
    folder: Path, *, humans: int = 1, server: str = "", file: str = FILE, **given: Any
) -> AsyncGenerator[World]:
    (folder / "forges.yaml").write_text(file)
    github, gitlab = twin("gh"), twin("gl")

    def changed(application: Application) -> Application:
        application.forges.others = {"gh": github, "gl": gitlab}
        nodes = replace(application.nodes, deliver=PullRequests(application.nodes.deliver))
        return employing(application, nodes)

    async with served(
        folder, humans=humans, server=server, changed=changed, forges=folder / "forges.yaml", **given
    ) as service:
        yield World(service=service, github=github, gitlab=gitlab)


def line_comment(at: World, text: str, by: int = VERA, **about: Any) -> dict[str, Any]:
    """Somebody comments on a line of a pull request."""
    author = ForgeUser(login="vera", id=str(by))
    note = at.github.add_comment(REPO, "pull_request", 50, author, text, file="shop/total.py", line=7)
    return sent.line_comment(text, by, id_=int(note.id), **about)


async def ready_pull_request(at: World, words: str = "mend it") -> str:
    """The thread of a pull request of ours."""
    row = await at.done(sent.issue_comment(f"@signoff {words}"))
    head = branch_of(row.thread)
    at.github.pulls[REPO, 50] = PullRequest(
        path=REPO,
        number=50,
        url="https://twin.example/acme/shop/pull/50",
        title="Mend it",
        state="open",
        head=head,
        base="main",
        author=at.github.user,
    )
    return row.thread
