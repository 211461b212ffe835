"""Every forge keeps the contract: the twin, and the clients of GitHub and GitLab against servers on loopback."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain import RateLimited, Refused, Unavailable
from forges import CommitStatus, Forge, ForgeEntry, Forges, ForgeUser, PullReview, Reaction, TwinForge
from tests.worlds.forge_server import ForgeServer, forge_server
from tests.worlds.forge_wire import ANN, Request, Response
from tests.worlds.house import git

PATH = "acme/shop"
EVE = ForgeUser(login="eve", id="13")


@dataclass(slots=True)
class Place:
    """A forge, what it knows, and a clone of its repository; ``server`` is None for the twin alone."""

    forge: Forge
    twin: TwinForge
    work: Path
    bare: Path
    server: ForgeServer | None
    running: ForgeServer
    """What keeps the repositories, also those of the twin."""

    def fork(self, fork: str) -> None:
        """A fork of the repository."""
        self.running.add_fork(PATH, fork)

    def push(self, branch: str, bare: Path | None = None) -> str:
        """A new commit on a branch, as somebody else's push; its id."""
        git(self.work, "commit", "-q", "--allow-empty", "-m", branch)
        git(self.work, "push", "-q", str(bare or self.bare), f"HEAD:refs/heads/{branch}")
        return git(self.work, "rev-parse", "HEAD")


async def no_wait(_: float) -> None:
    await asyncio.sleep(0)


def client_of(server: ForgeServer, token: str | None = None) -> Forges:
    return Forges(entries=(ForgeEntry(**server.entry(token=token)),), sleep=no_wait)


@pytest.fixture(params=["twin", "github", "gitlab"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Place]:
    kind = request.param
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(forge_server("github" if kind == "twin" else kind, tmp_path / "forge"))
        work = server.add(PATH)
        if kind == "twin":
            yield Place(server.twin, server.twin, work, server.bare(PATH), None, server)
            return
        registry = client_of(server)
        stack.push_async_callback(registry.close)
        yield Place(registry.named("forge"), server.twin, work, server.bare(PATH), server, server)


async def code(verb: object) -> str:
    with pytest.raises(Refused) as refusal:
        await verb  # type: ignore[misc]
    assert refusal.value.hint
    return refusal.value.stable_code


async def test_a_repository_and_its_branches(place: Place) -> None:
    repository = await place.forge.repository(PATH)
    assert (repository.path, repository.default_branch, repository.private) == (PATH, "main", False)
    assert repository.writable
    tip = git(place.work, "rev-parse", "main")
    main = await place.forge.branch(PATH, "main")
    assert main is not None
    assert (main.commit, main.protected) == (tip, False)
    assert await place.forge.branch(PATH, "no/such") is None
    place.twin.protected.add((PATH, "signoff/x"))
    place.push("signoff/x")
    branch = await place.forge.branch(PATH, "signoff/x")
    assert branch is not None
    assert branch.protected
    assert await code(place.forge.repository("acme/nothing")) == "forge_missing"


async def test_what_the_token_may_and_when_it_ends(place: Place) -> None:
    unknown = await place.forge.token()
    assert (unknown.user.id, unknown.lacking, unknown.expires_at) == (place.twin.user.id, None, None)
    place.twin.expires_at = datetime(2027, 1, 31, tzinfo=UTC)
    for enough in (True, False):
        place.twin.lacking = {"deliver": () if enough else ("push",), "ci": ()}
        if place.server is not None:
            scopes = {"github": ("repo, read:org", "read:org, gist"), "gitlab": ("api", "read_api write_repository")}
            place.server.scopes = scopes[place.server.kind][0 if enough else 1]
        token = await place.forge.token()
        assert token.lacking is not None
        assert (not token.lacking["deliver"]) == enough
        assert token.expires_at == place.twin.expires_at


async def test_which_rules_keep_pushes_off_a_branch(place: Place) -> None:
    assert await place.forge.push_rules(PATH, "signoff/x") == []
    place.twin.rules[PATH] = {"main": "update", "signoff/*": "creation"}
    word = {"gitlab": "protected branch signoff/*"}.get(place.forge.kind, "creation")
    assert await place.forge.push_rules(PATH, "signoff/x") == [word]
    assert await place.forge.push_rules(PATH, "feature") == []
    if place.server is not None:
        place.server.rules_hidden = True
        assert await place.forge.push_rules(PATH, "signoff/x") is None
        # GitHub has no rulesets for private repositories of a free plan.
        upgrade = "Upgrade to GitHub Pro or make this repository public to enable this feature."
        place.server.fault = lambda _: Response(403, {"message": upgrade})
        assert await place.forge.push_rules(PATH, "signoff/x") is None


async def test_what_a_branch_contains(place: Place) -> None:
    tip = git(place.work, "rev-parse", "main")
    newer = place.push("other")
    assert await place.forge.contains(PATH, "main", tip)
    assert not await place.forge.contains(PATH, "main", newer)
    assert await place.forge.contains(PATH, "other", tip)
    if place.server is not None:
        assert not await place.forge.contains(PATH, "main", "1" * 40)


async def test_a_pull_request_is_opened_once_and_brought_up_to_date(place: Place) -> None:
    forge = place.forge
    assert await forge.pull_request_of(PATH, "signoff/x") is None
    commit = place.push("signoff/x")
    place.push("signoff/other")
    await forge.open_pull_request(PATH, head="signoff/other", base="main", title="Another", body="")
    opened = [
        await forge.open_pull_request(PATH, head="signoff/x", base="main", title="Fix it", body=f"try {n}")
        for n in range(2)
    ]
    assert opened[0] == opened[1]
    pull = opened[0]
    assert (pull.head, pull.head_commit, pull.base, pull.state) == ("signoff/x", commit, "main", "open")
    assert (pull.title, pull.body, pull.author.id, pull.foreign) == ("Fix it", "try 0", place.twin.user.id, False)
    later = await forge.update_pull_request(PATH, pull.number, title="Fix it well", body="new")
    assert (later.number, later.title, later.body) == (pull.number, "Fix it well", "new")
    newer = place.push("signoff/x")
    assert (await forge.pull_request(PATH, pull.number)).head_commit == newer
    there = await forge.pull_request_of(PATH, "signoff/x")
    assert there is not None
    assert there.number == pull.number
    assert (await forge.update_pull_request(PATH, pull.number, close=True)).state == "closed"
    place.twin.set_state(PATH, pull.number, "merged")
    there = await forge.pull_request_of(PATH, "signoff/x")
    assert there is not None
    assert there.state == "merged"


async def test_a_pull_request_from_a_fork_is_told_from_one_of_the_repository(place: Place, tmp_path: Path) -> None:
    fork, forge = "me/shop", place.forge
    place.fork(fork)
    assert (await forge.repository(fork)).parent == PATH
    assert (await forge.repository(PATH)).parent == ""
    assert await forge.pull_request_of(PATH, "signoff/x", fork=fork) is None
    commit = place.push("signoff/x", place.bare.parents[1] / f"{fork}.git")
    opened = [
        await forge.open_pull_request(PATH, head="signoff/x", base="main", title="Fix it", body="", fork=fork)
        for _ in range(2)
    ]
    assert opened[0] == opened[1]
    pull = opened[0]
    assert (pull.path, pull.head, pull.head_commit, pull.base, pull.foreign) == (
        PATH,
        "signoff/x",
        commit,
        "main",
        True,
    )
    assert await forge.pull_request_of(PATH, "signoff/x") is None
    there = await forge.pull_request_of(PATH, "signoff/x", fork=fork)
    assert there is not None
    assert there.number == pull.number


async def test_a_pull_request_of_a_branch_that_is_not_there_is_refused(place: Place) -> None:
    verb = place.forge.open_pull_request(PATH, head="nothing", base="main", title="t", body="")
    assert await code(verb) == "forge_refused"


async def test_a_comment_with_a_key_is_there_once(place: Place) -> None:
    issue = place.twin.add_issue(PATH, ANN, "It is wrong", "Very.", labels=("bug", "signoff"))
    place.twin.add_comment(PATH, "issue", issue.number, EVE, "mine\n\n<!-- signoff:progress -->")
    first = await place.forge.comment(PATH, "issue", issue.number, "Working.", key="progress")
    again = await place.forge.comment(PATH, "issue", issue.number, "Done.", key="progress")
    other = await place.forge.comment(PATH, "issue", issue.number, "<!-- signoff:progress --> words", key="end")
    assert first.id == again.id != other.id
    bodies = [(each.author.login, each.body) for each in await place.forge.comments(PATH, "issue", issue.number)]
    assert bodies[0] == ("eve", "mine\n\n<!-- signoff:progress -->")
    assert bodies[1] == ("signoff-bot", "Done.\n\n<!-- signoff:progress -->")
    assert bodies[2][1].startswith("&lt;!--")
    seen = await place.forge.issue(PATH, "issue", issue.number)
    assert (seen.title, seen.body, seen.labels, seen.author) == ("It is wrong", "Very.", ("bug", "signoff"), ANN)
    assert seen.open


async def test_a_review_comment_is_answered_in_its_thread(place: Place) -> None:
    place.push("signoff/x")
    pull = await place.forge.open_pull_request(PATH, head="signoff/x", base="main", title="t", body="")
    place.twin.add_comment(PATH, "pull_request", pull.number, ANN, "In general: fine.")
    place.twin.add_comment(PATH, "pull_request", pull.number, ANN, "Why?", file="shop/prices.py", line=3)
    lines = [each for each in await place.forge.comments(PATH, "pull_request", pull.number) if each.review]
    assert [(each.file, each.line, each.body, each.author) for each in lines] == [("shop/prices.py", 3, "Why?", ANN)]
    for _ in range(2):
        await place.forge.reply(PATH, pull.number, lines[0].thread, "Because.", key="answer-1")
    both = [each for each in await place.forge.comments(PATH, "pull_request", pull.number) if each.review]
    assert [each.thread for each in both] == [lines[0].thread] * 2
    assert both[1].body.startswith("Because.")
    assert both[1].author.login == "signoff-bot"
    general = [each for each in await place.forge.comments(PATH, "pull_request", pull.number) if not each.review]
    assert [each.body for each in general] == ["In general: fine."]
    assert await code(place.forge.reply(PATH, pull.number, "424242", "?")) == "forge_missing"


async def test_reactions_reviews_and_rights(place: Place) -> None:
    place.push("signoff/x")
    pull = await place.forge.open_pull_request(PATH, head="signoff/x", base="main", title="t", body="")
    comment = await place.forge.comment(PATH, "pull_request", pull.number, "Sign?", key="ballot")
    place.twin.awards[comment.id] = [Reaction(content="+1", user=ANN), Reaction(content="rocket", user=EVE)]
    seen = await place.forge.reactions(PATH, "pull_request", pull.number, comment)
    assert [(each.content, each.user) for each in seen] == [("+1", ANN), ("rocket", EVE)]
    place.twin.votes[PATH, pull.number] = [PullReview(author=ANN, verdict="approved", commit="c" * 40)]
    (review,) = await place.forge.reviews(PATH, pull.number)
    assert (review.author, review.verdict) == (ANN, "approved")
    place.twin.rights[PATH, ANN.id] = "write"
    assert await place.forge.permission(PATH, ANN) == "write"
    assert await place.forge.permission(PATH, EVE) == "none"
    assert (await place.forge.whoami()).bot


async def test_a_status_is_set_and_set_again(place: Place) -> None:
    commit = place.push("signoff/x")
    waiting = CommitStatus(state="pending", description="at work")
    for status in (waiting, waiting, CommitStatus(state="success", description="proved", url="https://example.org/")):
        await place.forge.set_status(PATH, commit, status)
    assert place.twin.statuses[PATH, commit][-1].state == "success"
    assert place.twin.statuses[PATH, commit][0] == waiting


async def test_what_changed_and_logs_of_what_failed(place: Place) -> None:
    first = place.twin.add_issue(PATH, ANN, "One")
    seen = await place.forge.changed(PATH, first.updated_at - timedelta(minutes=1))
    assert [(each.subject, each.number, each.title) for each in seen] == [("issue", first.number, "One")]
    assert await place.forge.changed(PATH, first.updated_at + timedelta(hours=1)) == []
    place.twin.logs[PATH, 77] = "test\nE   assert 5 == 6"
    assert await place.forge.failed_log(PATH, 77) == "test\nE   assert 5 == 6"
    assert await code(place.forge.failed_log(PATH, 78)) == "forge_missing"


@pytest.fixture(params=["github", "gitlab"])
async def served(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[ForgeServer]:
    async with forge_server(request.param, tmp_path / "forge") as server:
        server.add(PATH)
        yield server


async def test_every_page_of_a_list_is_read(served: ForgeServer) -> None:
    issue = served.twin.add_issue(PATH, ANN, "One")
    for number in range(230):
        served.twin.add_comment(PATH, "issue", issue.number, ANN, str(number))
    registry = client_of(served)
    comments = await registry.named("forge").comments(PATH, "issue", issue.number)
    assert sorted(int(each.body) for each in comments if each.body.isdigit()) >= list(range(230))
    await registry.close()


async def test_a_wrong_token_is_named_and_not_shown(served: ForgeServer) -> None:
    wrong = "glpat-wrong"
    registry = client_of(served, wrong)
    with pytest.raises(Refused) as refusal:
        await registry.named("forge").repository(PATH)
    assert refusal.value.stable_code == "forge_token_refused"
    assert wrong not in f"{refusal.value.message} {refusal.value.hint} {refusal.value!r} {registry!r}"
    await registry.close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Response(403, {"message": "Resource not accessible by integration"}), "forge_forbidden"),
        (Response(301, None, {"location": "https://elsewhere.example/"}), "forge_moved"),
        (Response(422, {"message": "Validation Failed", "errors": [{"message": "no"}]}), "forge_refused"),
        (Response(200, b"not json"), "forge_unavailable"),
        (Response(403, {"message": "secondary rate limit"}, {"retry-after": "7"}), "forge_rate_limited"),
        (Response(429, {"message": "Too Many Requests"}, {"ratelimit-reset": "0"}), "forge_rate_limited"),
        (Response(403, {"message": "x"}, {"x-ratelimit-remaining": "0"}), "forge_rate_limited"),
    ],
)
async def test_answers_say_who_can_act(served: ForgeServer, answer: Response, expected: str) -> None:
    served.fault = lambda _: answer
    registry = client_of(served)
    with pytest.raises((Refused, Unavailable, RateLimited)) as error:
        await registry.named("forge").repository(PATH)
    assert error.value.stable_code == expected
    assert error.value.hint
    await registry.close()


async def test_what_only_reads_is_tried_again_and_what_writes_is_not(served: ForgeServer) -> None:
    refused: list[str] = []

    def fault(request: Request) -> Response | None:
        refused.append(request.method)
        return Response(502, {"message": "bad gateway"}) if len(refused) <= 2 or request.method == "POST" else None

    served.fault = fault
    registry = client_of(served)
    assert (await registry.named("forge").repository(PATH)).path == PATH
    assert refused == ["GET"] * 3
    with pytest.raises(Unavailable):
        await registry.named("forge").set_status(PATH, "0" * 40, CommitStatus(state="success"))
    assert refused.count("POST") == 1
    await registry.close()


async def test_a_forge_that_is_away_is_unavailable(tmp_path: Path) -> None:
    async with forge_server("github", tmp_path / "forge") as server:
        registry = client_of(server)
    with pytest.raises(Unavailable) as error:
        await registry.named("forge").repository(PATH)
    assert error.value.stable_code == "forge_unavailable"
    await registry.close()
