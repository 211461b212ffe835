"""Fetch of a repository from another host, by git, into a repository of ours.

The user's own configuration is read here (credentials, proxies and certificates are in there), no repository's.
No redirect leads to another host, and the transfer is bounded in time and size, also when this process is killed.
"""

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from domain import Refused
from domain.identity import redacted
from sandbox.git import LISTING, GitFailed, GitStopped, git
from sandbox.revisions import Pinned
from sandbox.source.files import FileUnreadable, read_bounded
from sandbox.source.push import AuthorisedRemote
from sandbox.source.refs import is_ref_name

SECONDS = 900.0
_LIST_S = 120.0
_LARGEST = 4 << 30
"""Bytes of one file that a transfer may write."""
_HOPS = 3
_SCHEMES = ("http://", "https://", "ssh://", "git://")
_REDIRECTED = re.compile(r"returned error: 30[12378]\b")
_SERVICE = "/info/refs?service=git-upload-pack"
_QUIET = (
    # We follow them, after a look at where they lead.
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "60"),
    # As one pack: a thousand loose objects would be a thousand files.
    ("fetch.unpackLimit", "1"),
    ("protocol.file.allow", "never"),
    ("core.sshCommand", "ssh -oBatchMode=yes -oConnectTimeout=30 -oServerAliveInterval=15 -oServerAliveCountMax=4"),
)

Permit = Callable[[str, tuple[Path, ...]], None]
"""Raises ``Refused`` for a repository that may not be used: as it was named, and the folders that are opened."""


@dataclass(frozen=True, slots=True)
class Remote:
    """One address, and the repository of ours that it is fetched into."""

    url: str
    store: Path
    authorised: AuthorisedRemote | None = None
    """Opened with this credential, and then with nothing of the user's; None: as the user's configuration says."""

    async def git(self, *args: str, seconds: float, trace: Path | None = None) -> bytes:
        """Run git with the user's configuration, or with a credential of ours. Raises ``GitFailed``."""
        if self.authorised is not None:
            return await git(
                self.store,
                *args,
                config=[*_QUIET, *self.authorised.config],
                variables={"GIT_ALLOC_LIMIT": "1g", **self.authorised.variables},
                seconds=seconds,
                most=LISTING,
                largest=_LARGEST,
            )
        return await git(
            self.store,
            *args,
            config=_QUIET,
            as_user=True,
            seconds=seconds,
            most=LISTING,
            largest=_LARGEST,
            variables={
                "GIT_ALLOC_LIMIT": "1g",
                **({"GIT_TRACE_CURL": str(trace), "GIT_TRACE_CURL_NO_DATA": "1"} if trace else {}),
            },
        )


async def fetch(
    url: str, rev: str, store: Path, ref: str, permit: Permit, *, authorised: AuthorisedRemote | None = None
) -> Pinned:
    """Fetch one commit of a remote repository, without history where the server allows it.

    Args:
        url: its address.
        rev: a branch, a tag, a commit, or a revision that starts from one.
        store: the git folder to fetch into.
        ref: what keeps the commit alive there.
        permit: asked about every address before it is connected to.
        authorised: the same address with a credential; a redirect is not followed then.

    Raises:
        Refused: ``repository_unreachable``, ``unknown_revision``, ``empty_repository``, or what ``permit`` raises.
    """
    if rev.startswith("-") or any(ord(letter) <= ord(" ") for letter in rev):
        raise unknown_revision(rev, url)
    if "::" in url.split("/", 1)[0] or ("://" in url and not url.lower().startswith(_SCHEMES)):
        raise Refused(
            redacted(f"{url!r} is no address a repository can be fetched from."),
            code="repository_unreachable",
            hint="Use https://, ssh:// or git://, or a local path.",
        )
    remote, head, branches = await _reached(Remote(url, store, authorised), permit)
    try:
        await _fetch(remote, f"+{rev}:{ref}", "--depth=1")
    except GitStopped as error:
        raise _unreachable(url, error) from error
    except GitFailed:
        # Not a name the server knows (main~3, a short id): get everything and look here.
        shallow = ("--unshallow",) if (store / "shallow").exists() else ()
        try:
            await _fetch(remote, "+refs/*:refs/origin/*", *shallow)
            await _fetch(remote, "+HEAD:refs/origin/HEAD")
        except GitFailed as error:
            raise _unreachable(url, error) from error
        for name in (rev, f"refs/origin/heads/{rev}", f"refs/origin/tags/{rev}", f"refs/origin/{rev}"):
            with contextlib.suppress(GitFailed):
                named = (await git(store, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")).decode().strip()
                break
        else:
            raise unknown_revision(rev, url)
        await git(store, "update-ref", ref, named)
    commit = (await git(store, "rev-parse", f"{ref}^{{commit}}")).decode().strip()
    tree = (await git(store, "rev-parse", f"{commit}^{{tree}}")).decode().strip()
    return Pinned(repo=url, commit=commit, tree=tree, head=head if rev == "HEAD" else rev if rev in branches else None)


async def _fetch(remote: Remote, refspec: str, *options: str) -> None:
    await remote.git(
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        *options,
        "--end-of-options",
        remote.url,
        refspec,
        seconds=SECONDS,
    )


async def _reached(remote: Remote, permit: Permit) -> tuple[Remote, str | None, frozenset[str]]:
    """Ask the server for its default branch and all others, at the address that it has for us on the same host.

    That it answers at all is the point.
    """
    url, store = remote.url, remote.store
    for _ in range(_HOPS):
        permit(remote.url, ())
        try:
            listed = await remote.git("ls-remote", "--symref", "--end-of-options", remote.url, seconds=_LIST_S)
        except GitFailed as error:
            if remote.authorised or isinstance(error, GitStopped) or not _REDIRECTED.search(error.said):
                raise _unreachable(url, error) from error
            remote = Remote(await _redirected(remote, error), store)
            continue
        if not listed.strip():
            raise empty(url)
        head = re.search(rb"^ref: (refs/heads/\S+)\tHEAD$", listed, re.MULTILINE)
        ref = head[1].decode(errors="replace") if head else ""
        named = re.findall(rb"^[0-9a-f]{40}\trefs/heads/(\S+)$", listed, re.MULTILINE)
        branches = frozenset(name.decode(errors="replace") for name in named)
        return remote, ref.removeprefix("refs/heads/") if is_ref_name(ref) else None, branches
    raise _refused(url, "it redirects again and again")


async def _redirected(remote: Remote, error: GitFailed) -> str:
    """Return where the server sends us, when it is on the same host.

    Raises:
        Refused: ``repository_unreachable``.
    """
    trace = remote.store / "redirect.trace"
    with contextlib.suppress(GitFailed):
        await remote.git("ls-remote", "--end-of-options", remote.url, seconds=_LIST_S, trace=trace)
    try:
        log = (read_bounded(trace, 1 << 20) or b"").decode(errors="replace")
    except FileUnreadable:
        log = ""
    finally:
        trace.unlink(missing_ok=True)
    places = re.findall(r"Recv header: location: (\S{1,4000})", log, re.IGNORECASE)
    if not places:
        raise _unreachable(remote.url, error) from error
    try:
        target = urljoin(remote.url.rstrip("/") + _SERVICE, places[-1])
        host = urlsplit(target).hostname
    except ValueError:
        raise _refused(remote.url, "it redirects to what is no address") from None
    if not is_same_host(remote.url, target) or not target.endswith(_SERVICE):
        raise _refused(remote.url, f"it redirects to {host or 'another place'}")
    return target.removesuffix(_SERVICE)


def is_same_host(url: str, target: str) -> bool:
    """Tell whether a redirect stays on the host, the port and at least the protection of an address. Pure."""
    try:
        old, new = urlsplit(url), urlsplit(target)
        ports = [part.port or {"http": 80, "https": 443}[part.scheme] for part in (old, new)]
    except (ValueError, KeyError):
        return False
    if old.hostname != new.hostname or not new.hostname or new.username or new.password:
        return False
    upgraded = (old.scheme, new.scheme, *ports) == ("http", "https", 80, 443)
    return upgraded or (old.scheme == new.scheme and ports[0] == ports[1])


def _unreachable(url: str, error: GitFailed) -> Refused:
    last = error.said.splitlines()[-1] if error.said else "no answer"
    if isinstance(error, GitStopped):
        last = "it does not answer in time, or sends more than a repository may have"
    return _refused(url, last)


def _refused(url: str, why: str) -> Refused:
    return Refused(
        redacted(f"{url} cannot be reached: {why}"),
        code="repository_unreachable",
        hint="Check the address and your access to it: git ls-remote URL",
    )


def unknown_revision(rev: str, where: str) -> Refused:
    return Refused(
        redacted(f"{where} has no revision {rev!r}."),
        code="unknown_revision",
        hint="Name a branch, a tag or a commit: git -C REPO log --oneline --all",
    )


def empty(where: str) -> Refused:
    return Refused(
        redacted(f"{where} has no commit yet."),
        code="empty_repository",
        hint="Commit something first: git add -A && git commit",
    )
