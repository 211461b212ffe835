"""Where people reach this service, and which repositories its clients may name."""

from dataclasses import dataclass
from pathlib import Path

from approvals import Letter, Links
from service.refusals import refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where an approval can be read and decided."""

    links: Links
    home: str

    def __call__(self, letter: Letter) -> str:
        """A link for a letter; it is worth nothing without a login."""
        token = self.links.issue(
            ballot=letter.ballot, org=letter.org, action_digest=letter.action_digest, until=letter.expires_at
        )
        return f"{self.home}/a/{token}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repositories:
    """Which repositories clients may name: a server would read any folder it can for them."""

    allowed: tuple[str, ...]
    anything: bool

    def __call__(self, repo: str) -> None:
        """Raise ``repo_refused`` for one that is not allowed."""
        if self.anything and not self.allowed:
            return
        remote = "://" in repo or repo.startswith("git@")
        where = repo if remote else str(Path(repo).resolve())
        for each in self.allowed:
            kept = each if "://" in each or each.startswith("git@") else str(Path(each).resolve())
            if where == kept or where.startswith(kept.rstrip("/") + "/"):
                return
        raise refuse("repo_refused", "This service may not use that repository.")


def listed(text: str) -> tuple[str, ...]:
    """What stands between the commas of a setting."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
