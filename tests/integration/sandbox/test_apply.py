"""A change is applied whole or not at all, and never outside the checkout."""

import pytest

from domain import CodeChange, FileEdit, NewFile, Refused
from tests.integration.sandbox.test_workspace import edits, say


async def test_a_change_is_written(workspaces, pinned):
    workspace = await workspaces.open("run", pinned)
    change = CodeChange(
        files_to_create=(NewFile(path="pkg/new.py", content="y = 1\n"),),
        files_to_update=(
            FileEdit(path="a.py", search="1", replace="2"),
            FileEdit(path="run.sh", content="echo ho\n"),
        ),
        files_to_delete=("kept.log",),
    )
    assert await workspace.apply(change) == ("pkg/new.py", "a.py", "run.sh", "kept.log")
    assert await say(workspace, "cat a.py pkg/new.py; ./run.sh; ls") == "x = 2\ny = 1\nho\na.py\npkg\nrun.sh\n"


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (FileEdit(path="a.py", search="nowhere", replace=""), "edit_does_not_apply"),
        (FileEdit(path="../out", content=""), "path_refused"),
        (FileEdit(path="/etc/hosts", content=""), "path_refused"),
        (FileEdit(path=".git/config", content=""), "path_refused"),
        (FileEdit(path="link/x", content=""), "link_refused"),
        (FileEdit(path="gone", content=""), "link_refused"),
        (FileEdit(path="a.py/below", content=""), "path_refused"),
    ],
)
async def test_it_is_all_or_nothing(workspaces, pinned, last, code):
    workspace = await workspaces.open("run", pinned)
    await say(workspace, "ln -s /tmp link; ln -s nowhere gone")
    before = await workspace.snapshot("1")
    with pytest.raises(Refused) as refusal:
        await workspace.apply(edits(FileEdit(path="new.py", content="n"), FileEdit(path="run.sh", content="r"), last))
    assert refusal.value.stable_code == code
    assert (await workspace.snapshot("2")).full == before.full
