"""One node at a time: the real ones over SQLite in a folder, a scripted model and the sandbox's twin, and no graph."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from models import Role
from service.wiring.application import Application
from tests.worlds.house import BUGGY, application, repository, task

State = dict[str, Any]


@asynccontextmanager
async def station(
    folder: Path,
    answers: Mapping[Role, list[object]] | None = None,
    *nodes: str,
    files: Mapping[str, str] = BUGGY,
    wanted: Mapping[str, Any] | None = None,
    **settings: Any,
) -> AsyncGenerator[tuple[Application, State]]:
    """A run to which these nodes have happened already, one after the other."""
    repo = repository(folder / "repo", files)
    async with application(folder, answers, served_to="ann", **settings) as opened:
        state: State = {"run": "r1", "org": opened.org, "task": task(repo, **(wanted or {}))}
        for name in nodes:
            await visit(opened, state, name)
        yield opened, state
        await opened.engine.workspaces.drop("r1")


async def visit(opened: Application, state: State, name: str) -> State:
    """Let one node work on the state; return what it wrote."""
    update = await getattr(opened.nodes, name)(state)
    state.update(update)
    return dict(update)
