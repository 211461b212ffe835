"""Wiring of the coder: its loops, its single answers, the tools of servers that it may use, teams of coders."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

from approvals import Clock
from models import PromptSource
from nodes.coder.changes import ChangeRunner
from nodes.coder.context import RecentTrees
from nodes.coder.loops import CandidateLoops
from nodes.coder.single import SingleAnswer
from nodes.coder.tool_calls import ToolCalls
from nodes.coder.turns import CoderLoop
from nodes.execute import Executor
from nodes.memory.recall import Recall
from nodes.observe import Observer
from nodes.team import Supervisor
from nodes.teamwork.merging import MergeQueue
from nodes.teamwork.turns import WorkerTurns
from sandbox import Check
from service.settings import Settings
from service.wiring.models import ModelSelection
from tools import McpServers, ServerReport, ToolServers, load_servers


def open_tools(settings: Settings, stack: AsyncExitStack) -> McpServers:
    """The MCP servers of the installation; nothing is started before a run uses one.

    Raises:
        Refused: ``mcp_servers_invalid``, ``mcp_credential_missing``.
    """
    if settings.mcp_servers is None:
        return McpServers()
    credentials = {name: secret.get_secret_value() for name, secret in settings.mcp_credentials.items()}
    file = load_servers(settings.mcp_servers, credentials)
    servers = McpServers(file=file, credentials=credentials, proxy_for=settings.proxy_for)
    stack.push_async_callback(servers.close)
    return servers


async def reports_of(settings: Settings) -> tuple[ServerReport, ...]:
    """Every MCP server of the installation as it is now; each is started or connected to, and left again.

    Raises:
        Refused: ``mcp_servers_invalid``, ``mcp_credential_missing``.
    """
    async with AsyncExitStack() as stack:
        return await open_tools(settings, stack).reports()


async def probe_tools(settings: Settings) -> tuple[Check, ...]:
    """The same for ``signoff doctor``: a run can start without them."""
    checks: list[Check] = []
    for each in await reports_of(settings):
        wrong = ", ".join(f"{tool}: {code}" for tool, code in each.wrong.items())
        usable = len(each.allowed) - len(each.wrong)
        checks.append(
            Check(
                name=f"tools {each.server}",
                ok=not each.problem and not wrong,
                needed=False,
                detail=each.problem or wrong or f"{usable} of {len(each.offers)} tools allowed",
                hint=f"Look at it: signoff tools {each.server}",
            )
        )
    return tuple(checks)


def build_executor(  # noqa: PLR0917
    settings: Settings,
    changes: ChangeRunner,
    selection: ModelSelection,
    clock: Clock,
    says: Mapping[str, PromptSource],
    tools: ToolServers | None = None,
    recall: Recall | None = None,
) -> Executor:
    """Build the node ``execute``."""
    trees = RecentTrees(changes.store, changes.masks, changes.indexes)
    calls = ToolCalls(changes=changes, servers=tools or McpServers())
    loop = CoderLoop(
        changes=changes,
        roster=selection,
        prompt=says["turn"],
        clock=clock,
        trees=trees,
        tools=calls,
        recall=recall or Recall(),
    )
    seconds, judging = settings.repair_seconds, says["judge"]
    single = SingleAnswer(
        changes=changes,
        roster=selection,
        prompt=says["execute"],
        judging=judging,
        clock=clock,
        trees=trees,
        tools=calls,
        provider_seconds=seconds,
    )
    return Executor(
        changes=changes,
        roster=selection,
        loop=loop,
        candidates=CandidateLoops(
            changes=changes, roster=selection, loop=loop, judging=judging, clock=clock, repair_seconds=seconds
        ),
        single=single,
        clock=clock,
    )


def build_team(
    changes: ChangeRunner, execute: Executor, observe: Observer, returned: PromptSource, clock: Clock
) -> Supervisor:
    """Build the node ``team``: its workers take turns by the coder's own nodes."""
    queue = MergeQueue(
        store=changes.store,
        workspaces=changes.workspaces,
        masks=changes.masks,
        prompt=returned,
        tracer=changes.tracer,
    )
    turns = WorkerTurns(execute=execute, observe=observe, store=changes.store, masks=changes.masks)
    return Supervisor(changes=changes, turns=turns, queue=queue, clock=clock)
