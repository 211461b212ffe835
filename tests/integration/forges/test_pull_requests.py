"""A delivery becomes a pull request: the signed bytes on a branch of their own, once, with the evidence."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from service.runs.history import fork, moments, refine
from tests.worlds.forge_server import ForgeServer, forge_server
from tests.worlds.forge_wire import Request, Response
from tests.worlds.house import OK, advance, decide, git, repository, start
from tests.worlds.publishing import ANSWERS, PATH, REFINED, delivered, forges_file, pr_task, publishing, signed


@pytest.fixture(params=["github", "gitlab"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[ForgeServer]:
    async with forge_server(request.param, tmp_path / "forge") as running:
        running.add(PATH)
        yield running


@pytest.fixture
async def github(tmp_path: Path) -> AsyncGenerator[ForgeServer]:
    async with forge_server("github", tmp_path / "forge") as running:
        running.add(PATH)
        yield running


async def test_a_run_becomes_a_pull_request(server: ForgeServer, tmp_path: Path) -> None:
    async with publishing(tmp_path, server) as opened:
        standing = await delivered(opened, pr_task(server))
        ballot = (await opened.ballots.list(opened.org, run=standing.run.id)).items[0]
    assert standing.run.status == "delivered", standing.run.ending
    given = standing.values["delivered"]
    (pull,) = server.twin.pulls.values()
    branches = server.branches(PATH)
    assert branches[pull.head] == given.commit
    assert (given.kind, given.ref, given.number) == ("pr", pull.head, pull.number)
    assert given.url.startswith(server.url)
    assert given.repository == f"forge:{PATH}"
    bare = server.bare(PATH)
    assert git(bare, "rev-parse", f"{given.commit}^{{tree}}") == standing.values["snapshot"].tree
    assert git(bare, "rev-parse", f"{given.commit}^") == branches["main"]
    assert git(bare, "diff", "--name-only", "main", pull.head) == "shop/prices.py"
    assert pull.head.startswith("signoff/fix-the-total-")
    assert (pull.base, pull.title) == ("main", "Count the first price too")
    for shown in (
        "The first price was left out of the sum.",
        "exit code 0",
        given.commit,
        standing.values["snapshot"].tree,
        "**high**",
        "`ann`",
        ballot.action_digest,
        "model calls",
    ):
        assert shown in pull.body
    assert [each.state for each in server.twin.statuses[PATH, given.commit]] == ["success"]
    assert ballot.state == "executed"
    assert ballot.action.tool == "pull_request"
    assert ballot.action.target == f"forge:{PATH}"
    assert ballot.action.arguments["base"] == "main"
    assert given.url in standing.values["ending"].message


async def test_a_refinement_adds_a_commit_and_brings_the_text_up_to_date(server: ForgeServer, tmp_path: Path) -> None:
    async with publishing(tmp_path, server, REFINED) as opened:
        first = await delivered(opened, pr_task(server))
        await refine(opened.engine, first.run, "Say it better", "ann")
        standing, _ = await advance(opened, first.run.id)
        standing, _ = await signed(opened, standing)
    assert standing.run.status == "delivered", standing.run.ending
    before, after = first.values["delivered"], standing.values["delivered"]
    (pull,) = server.twin.pulls.values()
    bare = server.bare(PATH)
    assert git(bare, "rev-list", f"main..{pull.head}").split() == [after.commit, before.commit]
    assert (after.ref, after.number) == (before.ref, before.number)
    assert pull.title == "Say it better"
    assert after.commit in pull.body
    assert before.commit not in pull.body
    assert git(bare, "rev-parse", f"{pull.head}^{{tree}}") == standing.values["snapshot"].tree
    shown = {commit: [each.state for each in all_] for (_, commit), all_ in server.twin.statuses.items()}
    assert shown[before.commit][:2] == ["success", "pending"]
    assert shown[after.commit][-1] == "success"


async def test_a_refinement_of_a_closed_pull_request_is_refused_before_anybody_signs(
    server: ForgeServer, tmp_path: Path
) -> None:
    async with publishing(tmp_path, server, REFINED) as opened:
        first = await delivered(opened, pr_task(server))
        server.twin.set_state(PATH, first.values["delivered"].number, "closed")
        await refine(opened.engine, first.run, "Say it better", "ann")
        standing, _ = await advance(opened, first.run.id)
        assert standing.run.ending is not None
        assert standing.run.ending.code == "pull_request_closed"
        assert "Open it again" in standing.run.ending.hint
        # As it says: opened again, the run goes on.
        server.twin.set_state(PATH, first.values["delivered"].number, "open")
        standing, _ = await advance(opened, first.run.id)
        standing, _ = await signed(opened, standing)
    assert standing.run.status == "delivered", standing.run.ending


async def test_a_pull_request_closed_while_its_refinement_waits_gets_no_commit(
    server: ForgeServer, tmp_path: Path
) -> None:
    async with publishing(tmp_path, server, REFINED) as opened:
        first = await delivered(opened, pr_task(server))
        await refine(opened.engine, first.run, "Say it better", "ann")
        waiting, _ = await advance(opened, first.run.id)
        before = first.values["delivered"]
        server.twin.set_state(PATH, before.number, "closed")
        standing, _ = await signed(opened, waiting)
        assert standing.run.ending is not None
        assert (standing.run.status, standing.run.ending.code) == ("failed", "pull_request_closed")
        assert server.branches(PATH)[before.ref] == before.commit
        assert (len(server.twin.pulls), server.twin.pulls[PATH, before.number].state) == (1, "closed")


async def test_somebody_elses_commit_on_the_branch_is_never_pushed_over(server: ForgeServer, tmp_path: Path) -> None:
    async with publishing(tmp_path, server, REFINED) as opened:
        first = await delivered(opened, pr_task(server))
        await refine(opened.engine, first.run, "Say it better", "ann")
        waiting, _ = await advance(opened, first.run.id)
        other = git(server.folder / "work" / PATH, "rev-parse", "main")
        branch = first.values["delivered"].ref
        git(server.bare(PATH), "update-ref", f"refs/heads/{branch}", other)
        standing, _ = await signed(opened, waiting)
        assert standing.run.ending is not None
        assert standing.run.ending.code == "branch_moved"
        assert server.branches(PATH)[branch] == other
        git(server.bare(PATH), "update-ref", f"refs/heads/{branch}", first.values["delivered"].commit)
        standing, _ = await advance(opened, first.run.id)
    assert standing.run.status == "delivered", standing.run.ending
    assert len(server.twin.pulls) == 1


async def test_a_branch_of_that_name_with_other_content_is_left_alone(server: ForgeServer, tmp_path: Path) -> None:
    async with publishing(tmp_path, server) as opened:
        waiting, _ = await start(opened, pr_task(server))
        ballot = await opened.ballots.get(waiting.ballot or "", opened.org)
        name, main = str(ballot.action.arguments["branch"]), server.branches(PATH)["main"]
        git(server.bare(PATH), "update-ref", f"refs/heads/{name}", main)
        standing, _ = await signed(opened, waiting)
    assert standing.run.ending is not None
    assert standing.run.ending.code == "branch_exists"
    assert server.branches(PATH)[name] == main
    assert not server.twin.pulls


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"forges": [{"name": "f", "kind": "github", "url": "https://git.example", "token": "t"}]}, "forge_unknown"),
        ({"repositories": ["acme/other"]}, "forge_repository_refused"),
        ({"token": "wrong"}, "forge_token_refused"),
        ({"writable": False}, "forge_forbidden"),
    ],
)
async def test_what_cannot_be_delivered_is_refused_before_a_model_is_asked(
    github: ForgeServer, tmp_path: Path, change: dict[str, object], code: str
) -> None:
    entry = github.entry()
    if "repositories" in change or "token" in change:
        entry |= change
    if "writable" in change:
        github.twin.repositories[PATH] = replace(github.twin.repositories[PATH], writable=False)
    file = forges_file(tmp_path, github, forges=change.get("forges", [entry]))
    async with publishing(tmp_path, github, forges=file) as opened:
        standing, _events = await start(opened, pr_task(github))
    assert standing.run.ending is not None
    assert standing.run.ending.code == code
    assert standing.run.ending.hint
    assert "plan" not in standing.values
    assert [request.path for request in github.asked if "receive-pack" in request.path] == []


async def test_a_clone_is_delivered_to_where_it_came_from(github: ForgeServer, tmp_path: Path) -> None:
    clone = github.folder / "work" / PATH
    async with publishing(tmp_path, github) as opened:
        standing = await delivered(opened, pr_task(github, repo=str(clone)))
    assert standing.run.status == "delivered", standing.run.ending
    (pull,) = github.twin.pulls.values()
    assert github.branches(PATH)[pull.head] == standing.values["delivered"].commit
    assert git(clone, "branch", "--format=%(refname:short)") == "main"


async def test_commits_that_are_not_published_are_not_published_by_the_way(github: ForgeServer, tmp_path: Path) -> None:
    clone = github.folder / "work" / PATH
    git(clone, "commit", "-q", "--allow-empty", "-m", "mine, not yet pushed")
    async with publishing(tmp_path, github) as opened:
        standing, _ = await start(opened, pr_task(github, repo=str(clone)))
    assert standing.run.ending is not None
    assert standing.run.ending.code == "base_not_published"


async def test_a_repository_without_an_origin_is_on_no_forge(github: ForgeServer, tmp_path: Path) -> None:
    async with publishing(tmp_path, github) as opened:
        standing, _ = await start(opened, pr_task(github, repo=str(repository(tmp_path / "alone"))))
    assert standing.run.ending is not None
    assert standing.run.ending.code == "forge_unknown"


async def test_a_branch_is_the_base_when_it_was_named(github: ForgeServer, tmp_path: Path) -> None:
    clone = github.folder / "work" / PATH
    git(clone, "push", "-q", str(github.bare(PATH)), "main:refs/heads/release/2")
    git(clone, "commit", "-q", "--allow-empty", "-m", "main goes on")
    git(clone, "push", "-q", str(github.bare(PATH)), "main")
    async with publishing(tmp_path, github) as opened:
        standing = await delivered(opened, pr_task(github, base="release/2"))
    assert standing.run.status == "delivered", standing.run.ending
    (pull,) = github.twin.pulls.values()
    assert pull.base == "release/2"
    assert git(github.bare(PATH), "rev-parse", f"{pull.head}^") == github.branches(PATH)["release/2"]


async def test_the_base_may_go_on_meanwhile(github: ForgeServer, tmp_path: Path) -> None:
    """The forge has commits then that the content store does not have."""
    clone = github.folder / "work" / PATH
    async with publishing(tmp_path, github) as opened:
        waiting, _ = await start(opened, pr_task(github))
        (clone / "other.txt").write_text("x")
        git(clone, "add", "-A")
        git(clone, "commit", "-q", "-m", "somebody else's")
        git(clone, "push", "-q", str(github.bare(PATH)), "main")
        standing, _ = await signed(opened, waiting)
    assert standing.run.status == "delivered", standing.run.ending
    (pull,) = github.twin.pulls.values()
    assert git(github.bare(PATH), "rev-list", "--count", f"main..{pull.head}") == "1"


async def test_what_went_wrong_half_way_goes_on_from_there(server: ForgeServer, tmp_path: Path) -> None:
    """Pushed, and then the forge answers nothing any more: a resume opens the pull request, once."""
    down = True

    def fault(request: Request) -> Response | None:
        writes = request.method == "POST" and request.path.endswith(("/pulls", "/merge_requests"))
        return Response(503, {"message": "down"}) if down and writes else None

    server.fault = fault
    async with publishing(tmp_path, server) as opened:
        standing = await delivered(opened, pr_task(server))
        assert standing.run.ending is not None
        assert standing.run.ending.code == "forge_unavailable"
        assert not server.twin.pulls
        assert len(server.branches(PATH)) == 2
        down = False
        standing, _ = await advance(opened, standing.run.id)
    assert standing.run.status == "delivered", standing.run.ending
    assert len(server.twin.pulls) == 1
    pushes = [r for r in server.asked if r.method == "POST" and "git-receive-pack" in r.path]
    assert len(pushes) == 1


async def test_a_push_that_the_forge_declines_is_named(github: ForgeServer, tmp_path: Path) -> None:
    hook = github.bare(PATH) / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'GH006: Protected branch update failed' >&2\nexit 1\n")
    hook.chmod(0o755)
    async with publishing(tmp_path, github) as opened:
        standing = await delivered(opened, pr_task(github))
        assert standing.run.ending is not None
        assert standing.run.ending.code == "push_refused"
        assert "GH006" in standing.run.ending.message
        hook.unlink()
        standing, _ = await advance(opened, standing.run.id)
    assert standing.run.status == "delivered", standing.run.ending


async def test_a_rejected_pull_request_reaches_nobody(github: ForgeServer, tmp_path: Path) -> None:
    async with publishing(tmp_path, github) as opened:
        waiting, _ = await start(opened, pr_task(github))
        await decide(opened, waiting, "reject")
        standing, _ = await advance(opened, waiting.run.id)
    assert standing.run.status == "rejected"
    assert list(github.branches(PATH)) == ["main"]


async def test_a_task_from_outsiders_needs_two_people(github: ForgeServer, tmp_path: Path) -> None:
    async with publishing(tmp_path, github) as opened:
        waiting, _ = await start(opened, pr_task(github, outside=True))
        ballot = await opened.ballots.get(waiting.ballot or "", opened.org)
    assert (ballot.tier, ballot.requirement.humans) == ("critical", 2)


async def test_an_issue_is_named_by_its_pull_request(server: ForgeServer, tmp_path: Path) -> None:
    origin = {"forge": "forge", "repository": PATH, "subject": "issue", "number": 12}
    async with publishing(tmp_path, server, ANSWERS) as opened:
        standing = await delivered(opened, pr_task(server, origin=origin))
    assert standing.run.status == "delivered", standing.run.ending
    (pull,) = server.twin.pulls.values()
    assert "For #12." in pull.body


async def test_a_private_repository_is_read_with_its_token_and_no_other(server: ForgeServer, tmp_path: Path) -> None:
    server.twin.repositories[PATH] = replace(server.twin.repositories[PATH], private=True)
    async with publishing(tmp_path, server) as opened:
        standing, _ = await start(opened, pr_task(server, deliver="patch"))
    assert standing.run.status == "delivered", standing.run.ending
    file = forges_file(tmp_path, server, forges=[server.entry("acme/other")])
    async with publishing(tmp_path, server, forges=file) as opened:
        standing, _ = await start(opened, pr_task(server, deliver="patch"))
    assert standing.run.ending is not None
    assert standing.run.ending.code == "repository_unreachable"


async def test_where_a_clone_came_from_is_read_as_data(github: ForgeServer, tmp_path: Path) -> None:
    clone = github.folder / "work" / PATH
    more = tmp_path / "more"
    more.write_text(f'[remote "origin"]\n\turl = {github.url}/acme/evil.git\n')
    git(clone, "config", "--unset", "remote.origin.url")
    git(clone, "config", "include.path", str(more))
    async with publishing(tmp_path, github) as opened:
        standing, _ = await start(opened, pr_task(github, repo=str(clone)))
        assert standing.run.ending is not None
        assert standing.run.ending.code == "forge_unknown"
        git(clone, "config", "remote.origin.url", github.clone_url(PATH).replace("://", "://bot:pass-word@"))
        delivery = opened.nodes.deliver.delivery
        origin = await delivery.origin(standing.run.id, delivery.store.pinned(standing.run.id))
    assert origin == github.clone_url(PATH)


async def test_what_was_merged_before_the_run_knew_is_delivered(server: ForgeServer, tmp_path: Path) -> None:
    """The answer to the pull request got lost; it was merged, and its branch deleted, before anybody resumed."""
    lost: list[Request] = []

    def fault(request: Request) -> Response | None:
        if request.method == "POST" and request.path.endswith(("/pulls", "/merge_requests")):
            lost.append(request)
            return Response(503, {"message": "down"})
        return None

    server.fault = fault
    async with publishing(tmp_path, server) as opened:
        standing = await delivered(opened, pr_task(server))
        (branch,) = [name for name in server.branches(PATH) if name != "main"]
        pull = await server.twin.open_pull_request(PATH, head=branch, base="main", title="t", body="")
        server.twin.set_state(PATH, pull.number, "merged")
        git(server.bare(PATH), "branch", "-D", branch)
        standing, _ = await advance(opened, standing.run.id)
    assert standing.run.status == "delivered", standing.run.ending
    assert standing.values["delivered"].number == pull.number
    assert list(server.branches(PATH)) == ["main"]
    assert len(lost) == len(server.twin.pulls) == 1


async def test_a_token_that_may_set_no_status_delivers(github: ForgeServer, tmp_path: Path) -> None:
    github.fault = lambda r: Response(403, {"message": "not accessible"}) if "/statuses/" in r.path else None
    async with publishing(tmp_path, github) as opened:
        waiting, _ = await start(opened, pr_task(github))
        standing, events = await signed(opened, waiting)
    assert standing.run.status == "delivered", standing.run.ending
    assert "forge_forbidden" in [event.data.get("code") for event in events]


async def test_a_fork_has_a_pull_request_of_its_own(github: ForgeServer, tmp_path: Path) -> None:
    async with publishing(tmp_path, github, {**ANSWERS, "reviewer": [OK, OK]}) as opened:
        first = await delivered(opened, pr_task(github))
        step = next(m.step for m in await moments(opened.engine, first.run.id) if m.next == "deliver")
        other = await fork(opened.engine, first.run, step - 1)
        standing, _ = await advance(opened, other.id)
        standing, _ = await signed(opened, standing)
    assert standing.run.status == "delivered", standing.run.ending
    assert len({pull.head for pull in github.twin.pulls.values()}) == 2
