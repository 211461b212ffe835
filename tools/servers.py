"""MCP servers of the installation, as its file has them: offered to runs, looked at before each call, called.

Each run has connections of its own, so that what a server remembers of one is never shown to another. A description
is compared with its pin on the very connection that is called.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from domain import Refused, SignoffError
from domain.text import json_value
from tools.config import ServerConfig, ToolRule, ToolServerFile
from tools.connection import ServerConnection
from tools.contract import OfferedTool, ServerReport, ToolResult
from tools.rendering import pin_of

MOST_OPEN = 64
"""Connections of one process; the one that was used longest ago is closed for the next."""
_NAMED_ANEW = "Look at what it says now, and name it anew: signoff tools prints its pin."


@dataclass(slots=True, kw_only=True)
class McpServers:
    """Connects when a run needs it; without a file nothing is imported and nothing is asked."""

    file: ToolServerFile = field(default_factory=ToolServerFile)
    credentials: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    proxy_for: Callable[[str], str] = lambda _: ""
    """An address → the proxy to ask for it; empty: none."""
    _open: dict[tuple[str, str], ServerConnection] = field(
        default_factory=dict[tuple[str, str], ServerConnection], repr=False
    )
    _ending: set["asyncio.Task[None]"] = field(default_factory=set["asyncio.Task[None]"], repr=False)

    def of(self, org: str) -> dict[str, ServerConfig]:
        """The servers that runs of an organisation may use."""
        return {name: server for name, server in self.file.servers.items() if not server.orgs or org in server.orgs}

    def allowed(self, org: str) -> bool:
        """See ``ToolServers.allowed``."""
        return any(rule.pin for server in self.of(org).values() for rule in server.tools.values())

    async def offered(self, run: str, org: str) -> tuple[tuple[OfferedTool, ...], dict[str, str]]:
        """See ``ToolServers.offered``."""
        servers = {name: server for name, server in self.of(org).items() if any(r.pin for r in server.tools.values())}
        reports = await asyncio.gather(*(self._report(run, name, server) for name, server in servers.items()))
        problems = {report.server: report.problem for report in reports if report.problem}
        problems |= {f"{report.server}.{tool}": code for report in reports for tool, code in report.wrong.items()}
        usable = (
            offer
            for report in reports
            for offer in report.offers
            if offer.tool in report.allowed and offer.tool not in report.wrong
        )
        return tuple(usable), problems

    async def reports(self) -> tuple[ServerReport, ...]:
        """How every server is, for those who run the installation."""
        reports = [self._report("", name, server) for name, server in self.file.servers.items()]
        return tuple(await asyncio.gather(*reports))

    async def prepared(self, run: str, org: str, server: str, tool: str) -> "ConnectedCall":
        """See ``ToolServers.prepared``."""
        config = self.of(org).get(server)
        rule = config.tools.get(tool) if config is not None else None
        if config is None or rule is None:
            names = ", ".join(f"{name}.{each}" for name, entry in self.of(org).items() for each in entry.tools)
            raise Refused(
                f"There is no tool {server[:60]}.{tool[:120]} here. There are: {names[:2_000] or 'none'}.",
                code="tool_unknown",
                hint="Tools are allowed by those who run this installation: SIGNOFF_MCP_SERVERS.",
            )
        connection = self._connection(run, server, config)
        offer = (await self._offers(connection, config)).get(tool)
        if (wrong := wrong_with(rule, offer)) or offer is None:
            raise Refused(_KIND[wrong].format(f"{server}.{tool}"), code=wrong, hint=_NAMED_ANEW)
        return ConnectedCall(connection, offer)

    async def close(self) -> None:
        """End every session and every program."""
        await asyncio.gather(*(each.close() for each in self._open.values()), *self._ending)
        self._open.clear()

    async def _report(self, run: str, name: str, server: ServerConfig) -> ServerReport:
        try:
            offers = await self._offers(self._connection(run, name, server), server)
        except SignoffError as error:
            return ServerReport(server=name, problem=error.message, allowed=tuple(server.tools))
        wrong = {tool: wrong_with(rule, offers.get(tool)) for tool, rule in server.tools.items()}
        return ServerReport(
            server=name,
            offers=tuple(offers.values()),
            wrong={tool: code for tool, code in wrong.items() if code},
            allowed=tuple(server.tools),
        )

    async def _offers(self, connection: ServerConnection, server: ServerConfig) -> dict[str, OfferedTool]:
        offers: dict[str, OfferedTool] = {}
        for name, tool in (await connection.tools()).items():
            description = tool.description or ""
            try:
                pin = pin_of(name, description, tool.input_schema)
            except (ValueError, RecursionError):
                pin = ""  # it has no canonical form, and equals no pin
            offers[name] = OfferedTool(
                server=connection.name,
                tool=name,
                description=description,
                schema=json.dumps(tool.input_schema, ensure_ascii=False, separators=(",", ":")),
                pin=pin,
                rule=server.tools.get(name, ToolRule()),
            )
        return offers

    def _connection(self, run: str, name: str, server: ServerConfig) -> ServerConnection:
        known = self._open.get((run, name))
        if known is not None and not known.broken:
            return known
        for key in [key for key, each in self._open.items() if each.broken]:
            self._end(key)
        while len(self._open) >= MOST_OPEN:
            # One that is being called only where all are: what came of its call would not be known.
            self._end(min(self._open, key=lambda key: (self._open[key].busy > 0, self._open[key].used_at)))
        wanted = {credential: self.credentials[credential] for credential in server.credentials.values()}
        self._open[run, name] = connection = ServerConnection(
            name=name, config=server, credentials=wanted, proxy=self.proxy_for(server.url) if server.url else ""
        )
        return connection

    def _end(self, key: tuple[str, str]) -> None:
        task = asyncio.create_task(self._open.pop(key).close())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


@dataclass(frozen=True, slots=True)
class ConnectedCall:
    """A tool as it was listed a moment ago, on the connection that listed it."""

    connection: ServerConnection
    offer: OfferedTool

    async def send(self, arguments: str) -> ToolResult:
        """See ``PreparedCall.send``."""
        values = json_value(arguments)
        return await self.connection.call(self.offer.tool, values if isinstance(values, dict) else {})


def wrong_with(rule: ToolRule, offer: OfferedTool | None) -> str:
    """Why an allowed tool cannot be used: a code; empty: it can. Pure."""
    if offer is None:
        return "tool_gone"
    if not rule.pin:
        return "tool_unpinned"
    return "" if rule.pin == offer.pin else "tool_changed"


_KIND: dict[str, str] = {
    "tool_gone": "The server of {} does not have that tool any more, or has it twice.",
    "tool_unpinned": "{} is named without a pin, so it is not allowed yet.",
    "tool_changed": "{} does not say of itself what it said when it was allowed.",
}
