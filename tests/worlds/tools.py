"""The installation's file of MCP servers for tests: one server of ours, started for real, with pins that are right."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp import Client

from tests.worlds import tool_server
from tools import McpServers, ToolServerFile
from tools.rendering import pin_of

SECRET = "s3cr3t-of-the-tickets"  # noqa: S105  of a test
RULES: dict[str, Any] = {"search": {"tier": "low", "reads": True}, "create": {}}


async def pins() -> dict[str, str]:
    """What the server says of its tools, digested."""
    async with Client(tool_server.new_server()) as client:
        listed = (await client.list_tools()).tools
    return {tool.name: pin_of(tool.name, tool.description or "", tool.input_schema) for tool in listed}


@dataclass(frozen=True, slots=True)
class TicketServer:
    """A server in a folder of its own, which says how it behaves and what it did."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict[str, str])

    def behaves(self, mode: str) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "mode").write_text(mode)

    @property
    def log(self) -> list[str]:
        path = self.folder / "log"
        return path.read_text().splitlines() if path.exists() else []

    async def document(self, rules: Mapping[str, Any] = RULES, **server: Any) -> dict[str, Any]:
        """The file as data."""
        self.folder.mkdir(exist_ok=True)
        digests = await pins()
        fields: dict[str, Any] = {"credentials": {"TICKETS_TOKEN": "tickets"}, "timeout_s": 20}
        if "url" not in server:
            fields["command"] = [sys.executable, tool_server.__file__, str(self.folder)]
        else:
            fields["credentials"] = {}
        tools = {name: {"pin": digests.get(name, ""), **rule} for name, rule in rules.items()}
        return {"version": 1, "servers": {"tickets": {**fields, **server, "tools": tools}}}

    async def settings(self, rules: Mapping[str, Any] = RULES, **server: Any) -> dict[str, Any]:
        """Settings of an application that may use it."""
        path = self.folder.parent / f"{self.folder.name}.yaml"
        path.write_text(json.dumps(await self.document(rules, **server)))
        return {"mcp_servers": path, "mcp_credentials": {"tickets": SECRET}}

    async def servers(self, rules: Mapping[str, Any] = RULES, **server: Any) -> McpServers:
        """The room's own servers over this one."""
        file = ToolServerFile.model_validate(await self.document(rules, **server))
        return McpServers(file=file, credentials={"tickets": SECRET})
