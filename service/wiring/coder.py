"""Wiring of the coder: its loops, its single answers, and the tools of servers that it may use."""

from contextlib import AsyncExitStack

from approvals import Clock
from nodes.coder.changes import ChangeRunner
from nodes.coder.context import RecentTrees
from nodes.coder.loops import CandidateLoops
from nodes.coder.single import SingleAnswer
from nodes.coder.tool_calls import ToolCalls
from nodes.coder.turns import CoderLoop
from nodes.execute import Executor
from service.settings import Settings
from service.wiring.models import ModelSelection
from service.wiring.prompts import prompt_sources
from tools import McpServers, ToolServers, load_servers


def open_tools(settings: Settings, stack: AsyncExitStack) -> McpServers:
    """The MCP servers of the installation; nothing is started before a run uses one.

    Raises:
        Refused: ``mcp_servers_invalid``, ``mcp_credential_missing``.
    """
    if settings.mcp_servers is None:
        return McpServers()
    credentials = {name: secret.get_secret_value() for name, secret in settings.mcp_credentials.items()}
    servers = McpServers(file=load_servers(settings.mcp_servers, credentials), credentials=credentials)
    stack.push_async_callback(servers.close)
    return servers


def build_executor(  # noqa: PLR0917
    settings: Settings,
    changes: ChangeRunner,
    selection: ModelSelection,
    trees: RecentTrees,
    clock: Clock,
    tools: ToolServers | None = None,
) -> Executor:
    """Build the node ``execute``."""
    says = prompt_sources(settings)
    calls = ToolCalls(changes=changes, servers=tools or McpServers())
    loop = CoderLoop(changes=changes, roster=selection, prompt=says["turn"], clock=clock, trees=trees, tools=calls)
    seconds, judging = settings.repair_seconds, says["judge"]
    single = SingleAnswer(
        changes=changes,
        roster=selection,
        prompt=says["execute"],
        judging=judging,
        clock=clock,
        trees=trees,
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
