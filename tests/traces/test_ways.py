"""The way of an approval through the code: which files stand between a web hook and the node that it wakes.

Counted are the files of ``approvals`` and ``service`` on the call stack at the moments that matter: the message
is verified, remembered and read, the vote is counted and stored, the turn is written and handed over, the graph and its
node go on. What only helps on the way (a clock, a row) is not.
"""

import asyncio
import sys
from pathlib import Path

import pytest

SCRIPT = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from tests.integration.service.test_waking import connections, hook
from tests.worlds.asking import paused
from tests.worlds.served import served

root, home, open_files, moments = sys.argv[1], Path(sys.argv[2]), set(), set()
resumed = asyncio.Event()
MOMENTS = {
    ("approvals/channels/teams.py", "verify_teams"), ("approvals/storage/replay_guard.py", "seen"),
    ("approvals/channels/teams.py", "parse_teams"), ("approvals/channels/base.py", "consent_of"),
    ("approvals/quorum.py", "may_vote"), ("approvals/lifecycle.py", "voted"),
    ("approvals/storage/unit_of_work.py", "put"),
    ("service/runs/turns.py", "add"), ("service/queue/embedded.py", "submit"), ("service/runs/executor.py", "perform"),
    ("service/runs/engine.py", "advance"), ("nodes/wait.py", "__call__"),
}

def watch(frame, event, _):
    name = frame.f_code.co_filename.removeprefix(root + "/")
    if event != "call" or (name, frame.f_code.co_name) not in MOMENTS:
        return
    moments.add((name, frame.f_code.co_name))
    while frame is not None:
        name = frame.f_code.co_filename.removeprefix(root + "/")
        if name.startswith(("approvals/", "service/")):
            open_files.add(name)
        frame = frame.f_back
    if len(moments) == len(MOMENTS):
        resumed.set()

async def main():
    given = {"approvals_mode": "team", "approvers": "bob,carol", "connections": connections(home)}
    async with served(home, walks=False, **given) as service:
        _, item = await paused(service)
        ballot = await service.context.application.ballots.get(item["id"], "local")
        sys.setprofile(watch)
        await hook("teams")(service, ballot, "")
        try:
            async with asyncio.timeout(20):
                await resumed.wait()
        except TimeoutError:
            sys.exit(f"never came: {MOMENTS - moments}")
        sys.setprofile(None)
    print(*sorted(open_files), sep="\\n")

asyncio.run(main())
"""
ROOT = Path(__file__).parents[2]
MOST = 18


@pytest.mark.slow
async def test_a_hook_is_followed_to_its_node_through_few_files(tmp_path: Path) -> None:
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, str(ROOT), str(tmp_path), cwd=ROOT, stdout=pipe, stderr=pipe
    )
    out, err = await child.communicate()
    assert child.returncode == 0, err.decode()
    files = out.decode().split()
    assert {"service/api/approvals.py", "approvals/channels/inbound.py", "approvals/voting.py"} <= set(files)
    assert len(files) <= MOST, files
