"""What somebody is wanted for: whose run it is, and how it stands."""

from pydantic import Field

from domain import FailureKind, Name, Spent, Task, value


@value
class Errand:
    """All that choosing a model or a provider depends on beside the role."""

    run: str
    org: str
    task: Task
    tree: str = ""
    """Id of the base commit's files: the workspace policy is read from there, never from what an agent wrote."""
    expert: Name = "code_general"
    spent: Spent = Field(default_factory=Spent)
    attempt: int = Field(default=1, ge=1)
    failure: FailureKind | None = None
    """Of the last attempt, where there was one."""
