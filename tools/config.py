"""File of MCP servers: which ones there are, which of their tools the coder may use, and how each is rated.

A server is a program of the installation or an address; nothing in a repository can name one. A tool is allowed by its
name and by the digest of what its server says of it: who changes the description has to be allowed again.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from domain import Refused, Tier, value
from domain.configuration import explained
from domain.text import yaml_value

_STRICT = ConfigDict(extra="forbid", frozen=True)
ServerName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
ToolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]{1,128}$")]


@value
class ToolRule:
    """What the installation says of one tool. Neither the model that calls it nor its server has a say in this."""

    tier: Tier = "high"
    reads: bool = False
    """It changes nothing anywhere: calling it twice is harmless."""
    pin: Annotated[str, Field(pattern=r"^(?:sha256:[0-9a-f]{64})?$")] = ""
    """Digest that ``signoff tools`` prints. Empty: it is not allowed yet."""


class ServerConfig(BaseModel):
    """One server: a program that is spoken to on its standard input and output, or an address."""

    model_config = _STRICT
    command: tuple[str, ...] = ()
    url: str = ""
    """Streamable HTTP: https, or http on loopback."""
    env: dict[str, str] = Field(default_factory=dict[str, str])
    """Variables of the program. It has these, PATH, HOME and the like, and nothing else of the service."""
    credentials: dict[str, str] = Field(default_factory=dict[str, str])
    """Variable of the program, or header of the requests → name in ``SIGNOFF_MCP_CREDENTIALS``."""
    timeout_s: float = Field(default=30.0, gt=0, le=600)
    """Of one call."""
    start_s: float = Field(default=20.0, gt=0, le=600)
    """Until it is there, and for listing its tools."""
    orgs: tuple[str, ...] = ()
    """Organisations whose runs may use it; empty: all."""
    tools: dict[ToolName, ToolRule] = Field(default_factory=dict[ToolName, ToolRule])

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError("write either command (a list of words) or url")
        if self.url:
            parts = urlsplit(self.url)
            if "@" in parts.netloc:
                raise ValueError("the url has a user or a password in it: name it under credentials")
            if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
                raise ValueError("the url has to be https, or http on this machine")
            if self.env:
                raise ValueError("env is for programs; headers stand under credentials")
        return self

    @property
    def where(self) -> str:
        """The program or the address, for people."""
        return self.url or self.command[0]


class ToolServerFile(BaseModel):
    """All servers, by name."""

    model_config = _STRICT
    version: Literal[1] = 1
    servers: dict[ServerName, ServerConfig] = Field(default_factory=dict[ServerName, ServerConfig])


def load_servers(path: Path, credentials: Mapping[str, str]) -> ToolServerFile:
    """Read the file, and see that every credential that it names is there.

    Raises:
        Refused: ``mcp_servers_invalid``, ``mcp_credential_missing``.
    """
    try:
        raw: Any = yaml_value(path.read_text(encoding="utf-8")) or {}
        file = ToolServerFile.model_validate(raw)
    except (OSError, ValueError) as error:
        why = explained(error, most=1) if isinstance(error, ValidationError) else str(error)
        raise Refused(
            f"{path} cannot be used: {why}",
            code="mcp_servers_invalid",
            hint="Correct it; docs/mcp.md has an example.",
        ) from None
    for name, server in file.servers.items():
        for credential in server.credentials.values():
            if not credentials.get(credential):
                raise Refused(
                    f"The MCP server {name} needs the credential {credential!r}, which is not set.",
                    code="mcp_credential_missing",
                    hint="Give it in SIGNOFF_MCP_CREDENTIALS, a JSON object of names and values.",
                )
    return file


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
