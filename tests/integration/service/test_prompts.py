"""Prompts of a real installation: recorded by real runs, changed by role over HTTP and at the terminal, and seen."""

from pathlib import Path
from typing import Any

from sqlalchemy import select

from database import fetch_all
from nodes import NAMES, prompts
from service.prompts.tables import PROMPT_RUNS
from tests.worlds.cli import Cli
from tests.worlds.console import at_the_console, text_of
from tests.worlds.house import OK, application, repository, start, task
from tests.worlds.served import Served, served

EDIT = (
    "```edit shop/prices.py\n<<<<<<< SEARCH\n    return sum(prices[1:])\n=======\n    return sum(prices)\n"
    ">>>>>>> REPLACE\n```\n"
)
DONE = "```done\nCount the first price too\n```\n"


def staged(folder: Path) -> Path:
    """A folder of prompts with another version of ``turn``."""
    folder.mkdir()
    (turn,) = prompts("turn")
    text = "".join(f"<!-- {role} -->\n{part}" for role, part in turn.texts)
    (folder / "turn.shorter.md").write_text(f"---\nlabel: staging\n---\n{text}\nBe short.\n")
    return folder


async def test_a_run_is_counted_for_what_it_spoke(tmp_path: Path) -> None:
    repo, folder = repository(tmp_path / "repo"), staged(tmp_path / "prompts")
    answers = {"coder": [EDIT, DONE, EDIT, DONE], "reviewer": [OK, OK]}
    async with application(tmp_path, answers, coder_dialect="text", prompts=folder) as opened:
        first, _ = await start(opened, task(repo, deliver="patch"))
        assert first.run.status == "delivered", first.run.ending
        known = {each.version: each for each in await opened.prompts.versions.all("turn")}
        (new,) = (each for each in known.values() if each.label == "staging")
        await opened.prompts.changes.promote(opened.org, "turn", new.version, by="ann")
        second, _ = await start(opened, task(repo, deliver="patch"))
        assert second.run.status == "delivered", second.run.ending
        rows = await fetch_all(opened.engine.runs.engine, select(PROMPT_RUNS), {})
        spoken = {(row["run"], row["name"]): row["version"] for row in rows}
        assert spoken[second.run.id, "turn"] == new.version != spoken[first.run.id, "turn"]
        assert spoken[second.run.id, "review"] == spoken[first.run.id, "review"]
        outcomes = {(each.name, each.version): each for each in await opened.prompts.outcomes.of(opened.org)}
        turn = outcomes["turn", new.version]
        assert (turn.runs, turn.succeeded, turn.measured) == (1, 1, 1)
        assert turn.turns == second.values["spent"].steps > 0
        assert 0 < turn.minutes < 5
        assert outcomes["review", spoken[first.run.id, "review"]].runs == 2


async def test_everybody_reads_and_administrators_change(service: Served) -> None:
    keys: dict[str, str] = {}
    for role in ("viewer", "operator", "policy_admin", "org_admin"):
        _, keys[role] = await service.context.keys.make("local", f"key:{role}", roles=(role,))

    async def ask(role: str, method: str, path: str, **given: Any) -> tuple[int, Any]:
        async with service.http(keys[role]) as http:
            answer = await http.request(method, f"/v1/prompts{path}", **given)
        return answer.status_code, answer.json()

    (version,) = (each.version for each in prompts("turn"))
    status, listed = await ask("viewer", "GET", "")
    assert [each["name"] for each in listed["items"]] == list(NAMES)
    changing = [
        ("/turn/promote", {"version": version}),
        ("/turn/rollback", {}),
        ("/turn/follow", {}),
        ("/turn/canary", {"version": version}),
        ("/turn/canary/end", {}),
    ]
    for role in ("viewer", "operator"):
        for path, body in changing:
            status, problem = await ask(role, "POST", path, json=body)
            assert (status, problem["code"]) == (403, "scope_missing")
    status, change = await ask("policy_admin", "POST", "/turn/promote", json={"version": version[:6], "why": "so"})
    assert (status, change["version"], change["before"]) == (200, version, version)
    assert (await ask("org_admin", "POST", "/turn/promote", json={"version": version}))[1]["code"] == "prompt_current"
    assert (await ask("org_admin", "POST", "/poem/promote", json={"version": version}))[1]["code"] == "prompt_unknown"
    assert (await ask("org_admin", "POST", "/turn/canary", json={"version": version}))[1]["code"] == "prompt_current"
    for body in ({"version": version, "share": 0}, {"version": version, "share": 2}, {"version": version, "why": 7}):
        assert (await ask("org_admin", "POST", "/turn/canary", json=body))[0] == 422
    assert (await ask("org_admin", "POST", "/turn/canary/end", json={}))[0] == 404
    assert (await ask("org_admin", "POST", "/turn/rollback", json={}))[0] == 200
    assert (await ask("org_admin", "POST", "/turn/rollback", json={}))[1]["code"] == "prompt_no_earlier"
    assert (await ask("viewer", "GET", "/changes"))[1]["items"][0]["changed_by"] is None
    assert (await ask("org_admin", "GET", "/changes?prompt=turn"))[1]["items"][1]["changed_by"] == "key:policy_admin"
    assert (await ask("viewer", "GET", "/outcomes?since=7d"))[1] == {"items": []}
    assert (await ask("viewer", "GET", "/outcomes?prompt=poem"))[1]["code"] == "prompt_unknown"
    assert (await ask("viewer", "GET", "/outcomes?since=never"))[1]["code"] == "option_invalid"
    lines = [line async for line in service.context.application.audit.export("local")]
    by = [(line["verb"], line["actor"], line["note"]) for line in lines if line["verb"].startswith("prompt.")]
    assert by == [("prompt.promoted", "key:policy_admin", "so"), ("prompt.rolled_back", "key:org_admin", "")]


async def test_a_canary_is_seen_on_the_console_and_in_the_numbers(tmp_path: Path) -> None:
    async with served(tmp_path, prompts=staged(tmp_path / "prompts")) as service:
        opened = service.context.application
        (new,) = (each for each in await opened.prompts.versions.all("turn") if each.label == "staging")
        async with service.http() as http:
            body = {"version": new.version, "share": 0.25, "max_runs": 3, "why": "shorter"}
            started = await http.post("/v1/prompts/turn/canary", json=body)
            assert started.status_code == 201, started.text
            assert (await http.post("/v1/prompts/turn/canary", json=body)).json()["code"] == "canary_running"
            (canary,) = (await http.get("/v1/prompts/canaries")).json()["items"]
            assert (canary["state"], canary["share"], canary["most_runs"]) == ("running", 0.25, 3)
            assert 'signoff_prompt_canaries{state="running"} 1.0' in (await http.get("/metrics")).text
            page = text_of(await (await at_the_console(service)).see("/models"))
            assert new.version in page
            assert "of its 0 runs succeeded" in page
            ended = await http.post("/v1/prompts/turn/canary/end", json={"why": "enough"})
            assert ended.json()["state"] == "ended"


async def test_at_the_terminal(tmp_path: Path) -> None:
    cli = Cli(
        home=tmp_path, env={"SIGNOFF_PROMPTS": str(staged(tmp_path / "prompts")), "SIGNOFF_SANDBOX": "unsafe-local"}
    )
    listed = (await cli.run("prompts", "list", "--json")).json
    (turn,) = (each for each in listed if each["name"] == "turn")
    new, old = (each["version"] for each in turn["versions"])
    started = await cli.run("prompts", "canary", "turn", new[:6], "--share", "20", "--max-runs", "5", "--json")
    assert (started.json["share"], started.json["most_runs"]) == (0.2, 5)
    assert "canary_running" in (await cli.run("prompts", "canary", "turn", new)).err
    promoted = await cli.run("prompts", "promote", "turn", new, "--why", "shorter", "--json")
    assert (promoted.json["version"], promoted.json["before"]) == (new, old)
    (canary,) = (await cli.run("prompts", "canaries", "--json")).json
    assert canary["state"] == "promoted"
    assert "Be short." in (await cli.run("prompts", "show", "turn")).out
    assert old in (await cli.run("prompts", "rollback", "turn")).out
    assert "rolled back" in (await cli.run("prompts", "history", "--prompt", "turn")).out
    assert "No run spoke a prompt yet." in (await cli.run("prompts", "outcomes")).out
    team = Cli(home=tmp_path, env={**cli.env, "SIGNOFF_APPROVALS_MODE": "team", "SIGNOFF_APPROVERS": "vera"})
    assert "role_missing" in (await team.run("prompts", "promote", "turn", new)).err
