"""Push of one commit to a forge, by git, from the content store: fast-forward only, to one branch, with nothing else.

The credential is in the environment of this one process: not in an address, not among arguments, not on disk. Neither
the user's configuration nor any repository's is read, and no redirect is followed.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from domain import Refused, Transient
from domain.errors import Conflict, Forbidden
from domain.identity import redacted
from sandbox.git import LISTING, GitFailed, GitStopped, git, object_id
from sandbox.source.refs import is_ref_name

SECONDS = 420.0
"""Less than the node that delivers has."""
_LARGEST = 4 << 30
_MOVED = re.compile(r"non-fast-forward|fetch first|stale info|cannot lock ref|reference already exists", re.IGNORECASE)
_DENIED = re.compile(
    r"returned error: 40[134]|authentication failed|permission to .{1,200} denied|not allowed to push"
    r"|could not read Username|(?:repository|project).{0,200}not found",
    re.IGNORECASE,
)
_DECLINED = re.compile(r"\[remote rejected\]|hook declined|protected branch|shallow update not allowed", re.IGNORECASE)
_REDIRECTED = re.compile(r"returned error: 30[12378]\b|unable to update url base from redirection", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorisedRemote:
    """An address, and the credential that opens it: secrets, for the environment of one process."""

    url: str
    header: str = field(default="", repr=False)
    ca: str = ""
    proxy: str = field(default="", repr=False)

    @property
    def config(self) -> list[tuple[str, str]]:
        """Nothing but what this one address needs: no helper, no other protocol, no other host."""
        return [
            ("protocol.allow", "never"),
            (f"protocol.{urlsplit(self.url).scheme}.allow", "always"),
            ("http.followRedirects", "false"),
            ("http.lowSpeedLimit", "1"),
            ("http.lowSpeedTime", "60"),
            ("credential.helper", ""),
            *([("http.sslCAInfo", self.ca)] if self.ca else []),
        ]

    @property
    def variables(self) -> dict[str, str]:
        """What can hold a password. ``-c`` would show it in the list of processes."""
        secret = {"http.extraHeader": self.header, "http.proxy": self.proxy}
        pairs = [(key, text) for key, text in secret.items() if text]
        numbered = [
            {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": text}
            for number, (key, text) in enumerate(pairs)
        ]
        return {"GIT_CONFIG_COUNT": str(len(pairs)), **{key: text for part in numbered for key, text in part.items()}}


class PushUnanswered(Transient):
    code = "push_unanswered"


async def push(folder: Path, commit: str, branch: str, address: AuthorisedRemote) -> None:
    """Make a branch there be a commit of a git folder of ours: a new branch, or an ancestor of it. Twice is fine.

    Raises:
        Refused: ``branch_moved`` (somebody else pushed to it), ``push_forbidden`` (the token may not), ``push_refused``
            (a rule or a hook of the forge), ``branch_name_invalid``.
        PushUnanswered: it is not known to have arrived; push again.
    """
    ref = f"refs/heads/{branch}"
    if not is_ref_name(ref) or branch.startswith("-"):
        raise Refused(
            f"{branch!r} is not a name for a branch.", code="branch_name_invalid", hint="Use letters, digits, - and /."
        )
    config = [*address.config, ("push.negotiate", "false"), ("push.followTags", "false")]
    try:
        await git(
            folder,
            "push",
            "--no-verify",
            "--no-signed",
            "--recurse-submodules=no",
            "--end-of-options",
            address.url,
            f"{object_id(commit)}:{ref}",
            config=config,
            variables=address.variables,
            seconds=SECONDS,
            most=LISTING,
            largest=_LARGEST,
        )
    except GitStopped as error:
        raise PushUnanswered(
            f"The push to {redacted(address.url)} took too long.", hint="Try again: signoff resume RUN."
        ) from error
    except GitFailed as error:
        raise push_refusal(address.url, branch, error.said) from None


def push_refusal(url: str, branch: str, said: str) -> Exception:
    """What git's words mean. They come from the forge, too, so they are bounded and shown without credentials."""
    words = redacted(" ".join(said.split())[-400:])
    if _MOVED.search(said):
        return branch_moved(branch)
    if _DECLINED.search(said):
        return Conflict(
            f"The forge did not take the push to {branch}: {words}",
            code="push_refused",
            hint="A rule or a hook of the repository says no. Change it, then: signoff resume RUN.",
        )
    if _DENIED.search(said):
        return Forbidden(
            f"The token may not push to {redacted(url)}: {words}",
            code="push_forbidden",
            hint="It needs to write contents (GitHub) or write_repository as a developer (GitLab): docs/forges.md.",
        )
    if _REDIRECTED.search(said):
        return Conflict(
            f"{redacted(url)} has moved, and a push follows no redirect.",
            code="push_refused",
            hint="Use the repository's present address.",
        )
    return PushUnanswered(
        f"The push to {redacted(url)} was not answered: {words}", hint="Try again: signoff resume RUN."
    )


def branch_moved(branch: str) -> Refused:
    return Conflict(
        f"Somebody else changed the branch {branch} on the forge.",
        code="branch_moved",
        hint="Nothing was pushed over it. Take their commits over by hand (signoff diff RUN shows ours), or put the "
        "branch back where it was, then: signoff resume RUN.",
    )
