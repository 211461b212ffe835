"""A password in the address of a repository is refused before anything keeps it, and shown by nothing that did."""

from dataclasses import replace
from pathlib import Path

from approvals import interrupt_payload
from service.api.approvals import document
from tests.worlds.approvals import terminal
from tests.worlds.asking import SIGN, paused
from tests.worlds.cli import Cli
from tests.worlds.served import Served

SECRET = "t0k3n-of-nobody"  # noqa: S105 - of the tests
REPO = f"https://ann:{SECRET}@git.example/shop.git"
RUN = {"assistant_id": "coding", "input": {"task": {**SIGN["task"], "repo": REPO}}}
WORDS = {"assistant_id": "coding", "input": {"messages": [{"role": "user", "content": "Fix it"}], "repo": REPO}}
SET = {"assistant_id": "coding", "input": {"messages": "Fix it"}, "config": {"configurable": {"repo": REPO}}}
CHAT = {"model": "coding", "messages": [{"role": "user", "content": "Fix it"}], "repo": REPO}


def kept(home: Path) -> list[Path]:
    """Files that hold the secret."""
    return [path for path in home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


async def test_no_surface_takes_a_password_and_nothing_keeps_it(service: Served, tmp_path: Path) -> None:
    async with service.http() as http:
        thread = (await http.post("/threads", json={})).json()["thread_id"]
        for path in (f"/threads/{thread}/runs", f"/threads/{thread}/runs/wait", "/runs", "/runs/wait", "/runs/stream"):
            for body in (RUN, WORDS, SET):
                answer = await http.post(path, json=body)
                assert answer.status_code == 400, (path, answer.text)
                assert answer.json()["code"] == "credential_in_url"
                assert SECRET not in answer.text
        answer = await http.post("/v1/chat/completions", json=CHAT)
        assert "credential_in_url" in answer.text
        assert SECRET not in answer.text
    assert kept(tmp_path / "home") == []


async def test_the_command_line_takes_none_either(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    for words in (("run", "--task", "Fix it", "--repo", REPO), ("models", "route", "Fix it", "--repo", REPO)):
        done = await cli.run(*words, "--json")
        assert done.code == 2, done
        assert "credential_in_url" in f"{done.out}{done.err}"
        assert SECRET not in f"{done.out}{done.err}"
    assert kept(tmp_path) == []


async def test_a_row_of_an_older_version_shows_none(service: Served) -> None:
    thread, item = await paused(service)
    runs = service.context.application.engine.runs
    run = await runs.get(thread, org="local")
    await runs.retask(thread, replace(run.task, repo=REPO))
    assert (await runs.get(thread, org="local")).task.repo == "https://git.example/shop.git"
    async with service.http(service.session) as http:
        for path in (
            f"/v1/runs/{thread}",
            f"/v1/runs/{thread}/evidence",
            f"/threads/{thread}/state",
            f"/threads/{thread}",
        ):
            answer = await http.get(path)
            assert (answer.status_code, SECRET in answer.text) == (200, False), path
    ballot = await service.context.application.ballots.get(item["id"], "local")
    asked = replace(ballot, action=replace(ballot.action, target=REPO))
    assert SECRET not in f"{terminal(asked)}{interrupt_payload(asked)}{document(asked)}"
    assert "git.example/shop.git" in terminal(asked)
