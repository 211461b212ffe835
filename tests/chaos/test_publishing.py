"""``kill -9`` anywhere between the push and the pull request: one commit, one pull request, nothing lost."""

from pathlib import Path

import pytest

from tests.chaos.asking import ending, real_task, started
from tests.chaos.life import Life
from tests.chaos.mortal import AFTER
from tests.chaos.nursery import Nursery
from tests.chaos.test_nodes import SCRIPT
from tests.wire.openai_server import OpenAIServer
from tests.worlds.forge_server import ForgeServer, forge_server
from tests.worlds.house import QUICK, git
from tests.worlds.publishing import forges_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
PLACES = ("36", "40", "46", AFTER)
"""Of ``deliver``: while it pushes, when it has, when the pull request is open, and when all is done."""


async def test_a_pull_request_is_there_once_whenever_it_was_killed(born: Nursery, tmp_path: Path) -> None:
    async with OpenAIServer(SCRIPT) as model, forge_server("github", tmp_path / "forge") as server:
        given = {"whole": True, "model_base_url": model.base_url, "forges": str(forges_file(tmp_path, server))}
        life = Life(born, tmp_path, given)
        await life.start()
        for place in PLACES:
            path = f"acme/shop-{place}"
            server.add(path)
            life.doom.say("deliver", place)
            thread = await started(life.child, real_task(server.clone_url(path), QUICK, deliver="pr"))
            await life.settled([thread])
            assert not life.doom.pending, f"deliver has no moment {place}"
            assert (await ending(life.child, thread))["kind"] == "pr"
            published_once(server, path)
    assert life.deaths == len(PLACES)


def published_once(server: ForgeServer, path: str) -> None:
    bare = server.bare(path)
    (pull,) = (pull for (of, _), pull in server.twin.pulls.items() if of == path)
    assert sorted(server.branches(path)) == ["main", pull.head]
    assert git(bare, "rev-list", "--count", f"main..{pull.head}") == "1"
    assert {each.state for each in server.twin.statuses[path, server.branches(path)[pull.head]]} == {"success"}
