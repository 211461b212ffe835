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
class PushAddress:
    """Where to push to, and with what. The header is a secret."""

    url: str
    header: str = field(default="", repr=False)
    ca: str = ""
    proxy: str = field(default="", repr=False)


class PushUnanswered(Transient):
    code = "push_unanswered"


async def push(folder: Path, commit: str, branch: str, address: PushAddress) -> None:
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
    scheme = urlsplit(address.url).scheme
    config = [
        # Nothing but what the forge's own address needs: no helper, no other protocol, no other host.
        ("protocol.allow", "never"),
        (f"protocol.{scheme}.allow", "always"),
        ("http.followRedirects", "false"),
        ("http.lowSpeedLimit", "1"),
        ("http.lowSpeedTime", "60"),
        ("credential.helper", ""),
        ("push.negotiate", "false"),
        ("push.followTags", "false"),
        *([("http.sslCAInfo", address.ca)] if address.ca else []),
    ]
    # Both can hold a password. ``-c`` would show them in the list of processes.
    secret = {"http.extraHeader": address.header, "http.proxy": address.proxy}
    pairs = [(key, text) for key, text in secret.items() if text]
    variables = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for number, (key, text) in enumerate(pairs):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": text}
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
            variables=variables,
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
