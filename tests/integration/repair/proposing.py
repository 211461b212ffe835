"""Ask for a repair in the local twin of the sandbox."""

from pathlib import PurePosixPath
from textwrap import dedent

from models.providers import ChangeRequest
from models.repair import Repair
from sandbox import REPO, Local, Spec

SECONDS = 60.0


async def proposed(files: dict[str, str], accept: str = "python3 -m pytest -q"):
    """Lay files into a fresh sandbox, ask for a repair, and see that nothing else changed there."""
    backend = Local(unsafe=True)
    sandbox = await backend.lease(Spec())
    try:
        for path, text in files.items():
            await sandbox.write(str(PurePosixPath(REPO) / path), dedent(text).encode())
        proposal = await Repair().propose(ChangeRequest(accept=accept, seconds=SECONDS), sandbox)
        for path, text in files.items():
            assert await sandbox.read(str(PurePosixPath(REPO) / path)) == dedent(text).encode()
        return proposal
    finally:
        await sandbox.close()
        await backend.close()


def changed(proposal) -> dict[str, str]:
    return {edit.path: edit.content for edit in proposal.change.files_to_update}
