"""A whole run in the environment of its repository: set up once, announced, traced, used by every command."""

import pytest

from sandbox.environments import SETUP_SCRIPT
from tests.worlds.house import BUGGY, FIX, QUICK, application, repository, start, task

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(300)]

FILES = {
    **BUGGY,
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\n',
    SETUP_SCRIPT: "echo 'VALUE = 7' >$(echo $SIGNOFF_ENV/venv/lib/python3*/site-packages)/helper_of_ours.py\n",
}
ACCEPT = f"python3 -c 'import helper_of_ours' && {QUICK}"


async def test_a_run_sets_its_repository_up_and_the_next_finds_it(tmp_path):
    repo = repository(tmp_path / "shop", FILES)
    given = {"sandbox": "docker", "setup_network": "hosts", "egress_hosts": "registry.example", "setup_mb": 256}
    wanted = task(repo, accept=ACCEPT, deliver="patch")
    async with application(tmp_path, {"coder": [FIX, FIX]}, **given) as opened:
        first, heard = await start(opened, wanted)
        said = [event.message for event in heard if event.data.get("subject") == "environment"]
        assert first.run.status == "delivered", first.run.ending
        assert [line for line in said if line.startswith("Environment, step")]
        spans = {branch.span.name: branch.span for branch in (await opened.spans(first.run.id)).walk()}
        assert spans["environment.setup"].attributes["app.environment.built"] is True
        second, heard = await start(opened, wanted)
        assert second.run.status == "delivered", second.run.ending
        assert any("as it was built before" in event.message for event in heard)
        key = str(spans["environment.setup"].attributes["app.environment.key"])
        await opened.engine.workspaces.close()
        await opened.pool.close()
        assert opened.environments is not None
        await opened.environments._layers.remove([key])


async def test_without_a_network_for_set_ups_it_is_said_what_is_missing_and_why(tmp_path):
    repo = repository(tmp_path / "shop", FILES)
    async with application(tmp_path, {"coder": [FIX]}, sandbox="docker") as opened:
        ended, heard = await start(opened, task(repo, accept=ACCEPT.replace("helper_of_ours", "django")))
    assert any(event.data.get("code") == "setup_off" for event in heard)
    assert ended.run.status == "failed"
    assert ended.run.ending is not None
    assert ended.run.ending.code == "dependency_missing"
    assert "No module named 'django'" in ended.run.ending.message
