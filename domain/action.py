"""An action that may need a signature: exactly the parameters that execute, nothing a model may reword."""

from typing import Annotated, Literal

from pydantic import Field

from domain._value import value

__all__ = ["Action", "ActionKind"]

ActionKind = Literal["shell", "commit", "branch", "push", "pull_request", "deploy", "secret", "patch", "mcp"]


@value
class Action:
    """The canonical form that is digested (see approvals/digest.py). Descriptions stay outside."""

    tool: ActionKind
    arguments: dict[str, str | int | bool | list[str] | None] = Field(default_factory=dict)
    """The arguments that execute: exact command bytes, commit message, parent, branch, force …"""
    cwd: str = ""
    environment: Annotated[tuple[str, ...], Field(max_length=200)] = ()
    """Names of the variables, never their values."""
    target: str = ""
    """Where it acts: a repository path, remote URL and ref, environment."""
    base_commit: str = ""
    content: str = ""
    """Hash of what is acted on: a git tree id, a diff or artefact digest."""
    image_digest: str = ""
    network: Literal["none", "packages"] = "none"
