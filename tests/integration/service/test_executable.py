"""A change that makes a file executable is delivered with that bit, also where the coder names no output."""

import pytest

from tests.worlds.house import FIX, application, git, repository, start, task


@pytest.mark.parametrize("sandbox", ["unsafe-local", pytest.param("docker", marks=pytest.mark.docker)])
async def test_a_chmod_of_the_coder_is_part_of_the_change(tmp_path, sandbox):
    repo = repository(tmp_path / "shop")
    (repo / "run.sh").write_text("#!/bin/sh\necho hi\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "a script")
    answers = {"coder": [{**FIX, "cmd_instructions": ["chmod +x run.sh"]}]}
    async with application(tmp_path, answers, sandbox=sandbox) as opened:
        standing, _ = await start(opened, task(repo, deliver="branch"))
        diff = (await opened.engine.graph.aget_state(opened.engine.config(standing.run.id))).values["diff"]
    assert "old mode 100644\nnew mode 100755" in diff
