"""Tools of MCP servers that the installation names: its file, pinned descriptions, calls within bounds.

What a server says of its tools and what they answer is data. Credentials stay on this side: no sandbox sees them.
"""

from tools.config import ServerConfig, ToolRule, ToolServerFile, load_servers
from tools.contract import OfferedTool, PreparedCall, ServerReport, ToolResult, ToolServers
from tools.rendering import framed, shown_offers
from tools.servers import McpServers

__all__ = [
    "McpServers",
    "OfferedTool",
    "PreparedCall",
    "ServerConfig",
    "ServerReport",
    "ToolResult",
    "ToolRule",
    "ToolServerFile",
    "ToolServers",
    "framed",
    "load_servers",
    "shown_offers",
]
