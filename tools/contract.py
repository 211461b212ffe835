"""Contract of tool servers: what is offered to a run's coder, and one call of a tool.

A call is prepared first, which has no effect on the world beyond a connection, and sent once. What is not known of a
call that was sent is said in its result; nothing here repeats it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pydantic import Field

from domain import value
from tools.config import ToolRule

Answer = Mapping[str, Any]
"""What a server answers, as JSON: ``content`` (blocks), ``structuredContent``, ``isError``."""


@value
class OfferedTool:
    """One tool, as its server describes it now and as the installation rates it."""

    server: str
    tool: str
    description: str = ""
    schema: str = "{}"
    """JSON schema of its arguments, in one line."""
    pin: str = ""
    """Digest of name, description and schema."""
    rule: ToolRule = Field(default_factory=ToolRule)

    @property
    def name(self) -> str:
        return f"{self.server}.{self.tool}"


@value
class ToolResult:
    """What came of a call that was sent."""

    text: str
    """Within bounds, without credentials and invisible characters."""
    ok: bool = True
    code: str = ""
    """``tool_failed`` (the server says so), ``tool_timeout``, ``tool_server_gone``, ``tool_answer_invalid``."""
    duration_ms: float = 0.0


@value
class ServerReport:
    """How a server is: what it offers, and what is wrong with it."""

    server: str
    offers: tuple[OfferedTool, ...] = ()
    """All that it lists, also what is not allowed."""
    problem: str = ""
    """Why it cannot be used at all."""
    wrong: Mapping[str, str] = Field(default_factory=dict[str, str])
    """Allowed tools that cannot be used, and the code that says why: ``tool_unpinned``, ``tool_changed``,
    ``tool_gone``."""
    allowed: tuple[str, ...] = ()


class PreparedCall(Protocol):
    """A tool that was looked at just now and is as it was allowed."""

    @property
    def offer(self) -> OfferedTool: ...

    async def send(self, arguments: str) -> ToolResult:
        """Call it, once. ``arguments`` is a JSON object. Nothing is raised that says what the server did."""
        ...


class ToolServers(Protocol):
    """The servers that the installation names, for runs of organisations."""

    def allowed(self, org: str) -> bool:
        """Whether this organisation may use any tool at all."""
        ...

    async def offered(self, run: str, org: str) -> tuple[Sequence[OfferedTool], Mapping[str, str]]:
        """The tools that this run's coder may use, and the servers that do not answer, with why. Raises nothing."""
        ...

    async def prepared(self, run: str, org: str, server: str, tool: str) -> PreparedCall:
        """The tool, ready to be called.

        Raises:
            Refused: ``tool_unknown``, ``tool_unpinned``, ``tool_changed``, ``tool_gone``.
            Unavailable: ``tool_server_unreachable``.
        """
        ...
