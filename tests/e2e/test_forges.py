"""``signoff run --deliver pr``, as a stranger types it."""

from pathlib import Path
from typing import Any

from tests.wire.openai_server import OpenAIServer
from tests.worlds.cli import Cli
from tests.worlds.forge_server import forge_server
from tests.worlds.house import FIX, OK, QUICK
from tests.worlds.publishing import PATH, forges_file

SCRIPT: list[dict[str, Any]] = [
    {"when": "code_change", "repeat": True, "answer": FIX},
    {"when": "review", "repeat": True, "answer": OK},
]


async def test_the_doctor_looks_at_the_forges(tmp_path: Path) -> None:
    async with forge_server("github", tmp_path / "forge") as server:
        server.add(PATH)
        server.scopes = "repo"
        file = forges_file(tmp_path, server)
        cli = Cli(tmp_path, {"SIGNOFF_SANDBOX": "unsafe-local", "SIGNOFF_FORGES": str(file)})

        async def forge() -> dict[str, Any]:
            checks = (await cli.run("doctor", "--json")).json["checks"]
            return next(check for check in checks if check["name"] == "forge forge")

        assert (await forge())["ok"]
        server.scopes = "read:org"
        lacking = await forge()
        assert (lacking["ok"], lacking["needed"]) == (False, True)
        assert "lacks repo" in lacking["detail"]
        assert "docs/forges.md" in lacking["hint"]


async def test_a_pull_request_from_the_command_line(tmp_path: Path) -> None:
    async with OpenAIServer(SCRIPT) as model, forge_server("github", tmp_path / "forge") as server:
        server.add(PATH)
        cli = Cli(
            tmp_path,
            {
                "SIGNOFF_MODEL_BASE_URL": model.base_url,
                "SIGNOFF_SANDBOX": "unsafe-local",
                "SIGNOFF_FORGES": str(forges_file(tmp_path, server)),
            },
        )
        asks = ("run", "--task", "Fix the total", "--accept", QUICK, "--deliver", "pr", "--sign-as", "ann", "--json")
        ended = await cli.run(*asks, "--repo", server.clone_url(PATH))
        assert ended.code == 0, ended.err
        (pull,) = server.twin.pulls.values()
        run = ended.json
        assert run["delivered"]["url"] == f"{server.url}/{PATH}/pull/{pull.number}"
        assert run["delivered"]["commit"] == server.branches(PATH)[pull.head]
        assert run["delivered"]["url"] in run["answer_markdown"]
        unknown = await cli.run(*asks, "--repo", str(tmp_path / "forge" / "work" / PATH / "nowhere"))
        assert unknown.code == 2
