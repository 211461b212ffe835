"""What a key was given decides which models its holder gets; their own word does not."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.models.choosing import LONG, saying
from tests.wire.openai_server import OpenAIServer
from tests.worlds.cli import Cli
from tests.worlds.house import QUICK, repository
from tests.worlds.served import Served, served

pytestmark = pytest.mark.slow
SERVED = (
    "Qwen/Qwen2.5-Coder-1.5B-Instruct",
    "Qwen/Qwen2.5-Coder-7B-Instruct",
    "Qwen/Qwen2.5-Coder-32B-Instruct",
    "Qwen/Qwen3-Coder-30B-A3B-Instruct",
)
FAST, BALANCED, ADVANCED, _ = SERVED


async def asked(service: Served, key: str, repo: Path, **more: Any) -> dict[str, tuple[str, str]]:
    """Whom a run of this key asks as coder and reviewer, and the reason that is on record."""
    task = {"text": LONG, "repo": str(repo), "accept": QUICK, **more}
    async with service.http(key) as http:
        done = await http.post("/runs/wait", json={"assistant_id": "coding", "input": {"task": task}})
        assert done.status_code == 200, done.text
        run = done.headers["content-location"].split("/")[2]
    application = service.context.application
    return {d.role: (d.choice, d.reason) for d in await application.decisions.latest(application.org, run=run)}


async def made(http: Any, **given: Any) -> dict[str, Any]:
    answer = await http.post("/v1/keys", json={"name": "ci", "roles": ["operator"], **given})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_key_s_standing_bounds_the_models_of_its_runs(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    async with (
        OpenAIServer(saying(), models=SERVED) as model,
        served(tmp_path, whole=True, model_base_url=model.base_url) as service,
        service.http(service.session) as admin,
    ):
        limited = await made(admin, standing="limited", subject="key:one")
        plain = await made(admin, subject="key:two")
        assert (limited["standing"], plain["standing"]) == ("limited", "")

        usual = await asked(service, plain["key"], repo)
        assert (usual["coder"][0], usual["reviewer"][0]) == (ADVANCED, BALANCED)

        cheap = await asked(service, limited["key"], repo, standing="priority", requester="ann")
        assert (cheap["coder"][0], cheap["reviewer"][0]) == (BALANCED, BALANCED), "its own word counts for nothing"
        assert "standing limited (its key has it): at most balanced" in cheap["coder"][1]

        changed = await admin.patch(f"/v1/keys/{plain['id']}", json={"standing": "priority"})
        assert changed.json()["standing"] == "priority"
        better = await asked(service, plain["key"], repo, strategy="fast")
        assert better["coder"][0] == ADVANCED
        assert "standing priority (its key has it): at least advanced" in better["coder"][1]

        async with service.http(limited["key"]) as http:
            assert (await http.get("/v1/whoami")).json()["standing"] == "limited"
            assert (await http.patch(f"/v1/keys/{limited['id']}", json={"standing": "priority"})).status_code == 403
        wrong = await admin.patch(f"/v1/keys/{plain['id']}", json={"standing": "emperor"})
        assert (wrong.status_code, wrong.json()["code"]) == (400, "unknown_standing")
        assert (await admin.patch("/v1/keys/nobody", json={"standing": "limited"})).status_code == 404
        application = service.context.application
        told = [
            line["note"]
            async for line in application.audit.export(application.org)
            if line.get("verb") == "key.standing"
        ]
    assert told == ["ci: limited", f"{plain['id']}: priority"]


async def test_the_command_line_makes_and_changes_keys(tmp_path: Path) -> None:
    cli = Cli(tmp_path, {"SIGNOFF_SANDBOX": "unsafe-local"})
    key = (await cli.run("keys", "new", "ci", "--role", "operator", "--standing", "limited", "--json")).json
    assert key["key"].startswith("ak_")
    assert (await cli.run("keys", "stand", key["id"], "priority", "--json")).json["standing"] == "priority"
    wrong = await cli.run("keys", "stand", key["id"], "emperor", "--json")
    assert (wrong.code, wrong.json["error"]["code"]) == (2, "unknown_standing")
    (listed,) = (await cli.run("keys", "list", "--json")).json
    assert (listed["standing"], listed["roles"], "key" in listed) == ("priority", ["operator"], False)
    assert "priority" in (await cli.run("keys", "list")).out
    assert (await cli.run("keys", "revoke", key["id"])).code == 0
    route = (await cli.run("models", "route", "Fix it", "--standing", "emperor", "--json")).json
    assert route["error"]["code"] == "unknown_standing"
