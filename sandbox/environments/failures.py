"""Causes of failed set-ups: told apart by what package managers, shells and compilers print. Pure.

Which of them it is decides who can do something about it: who owns the installation (a host, a size, an image), or who
owns the repository (a lock file, a script).
"""

import re
from typing import Literal

from domain import value

Cause = Literal["setup_full", "setup_unreachable", "setup_needs_root", "setup_unresolved"]

_NEAR = 500
_FULL = re.compile(
    r"No space left on device|ENOSPC|Disk quota exceeded|errno 28|not enough (?:disk )?space|MemoryError\b",
    re.IGNORECASE,
)
_UNREACHABLE = re.compile(
    # The sandbox's own proxy refuses hosts that are not allowed, and looks up the names of the others.
    r"Tunnel connection failed: \d{3}|CONNECT tunnel failed|Received HTTP code \d{3} from proxy|ProxyError"
    r"|Proxy (?:CONNECT aborted|responded with)|unexpected status code 40[03] on CONNECT"
    r"|Could not resolve (?:host|proxy)|Temporary failure in name resolution|Name or service not known"
    r"|EAI_AGAIN|ENOTFOUND|ENETUNREACH|Network is unreachable|no such host|Unknown host|dns error"
    r"|failed to lookup address|tunneling socket could not be established|Unable to tunnel through proxy"
    r"|Proxy response \(\d{3}\)|\": (?:Bad Gateway|Forbidden)$",
    re.MULTILINE,
)
_NEEDS_ROOT = re.compile(
    r"\bsudo: |are you root|must be (?:run (?:as|by) )?(?:the )?root\b|(?:superuser|root) (?:access|privileges?)"
    r"|requires? root|Read-only file system|/(?:etc|usr|var|root|sbin|sys|proc)/[^\n:]{0,300}['\"]?: Permission denied"
    r"|Permission denied: ['\"]/(?:etc|usr|var|root|sbin|sys|proc)\b|(?:chown|mount|chroot)[^\n]{0,200}not permitted",
    re.IGNORECASE,
)
_UNRESOLVED = re.compile(
    # Lock files that do not fit their manifest, then versions that are not to be had or exclude each other.
    r"can only install packages when your package\.json|ERR_PNPM_OUTDATED_LOCKFILE|YN0028|lockfile needs to be updated"
    r"|lockfile would have been (?:created|modified)|lock file \S{0,300} needs to be updated|--locked was passed"
    r"|The lockfile at \S{1,60} needs|changed significantly since poetry\.lock|poetry\.lock is not (?:up to|consist)"
    r"|Lock file hash doesn.t match|missing go\.sum entry|updates to go\.(?:mod|sum) needed"
    r"|checksum mismatch|DO NOT MATCH THE HASHES|EINTEGRITY|YN0018|Integrity check failed"
    r"|No matching distribution found|ETARGET|ERR_PNPM_NO_MATCHING|YN0082|unknown revision"
    r"|Couldn.t find any versions for"
    r"|ResolutionImpossible|conflicting dependencies|ERESOLVE|No solution found when resolving|version solving failed"
    r"|Unable to find a resolution|failed to select a version|E404|Could not find artifact",
    re.IGNORECASE,
)
_HOST = re.compile(
    r"(?:https?://(?:[^\s/@'\"]{1,200}@)?|host=['\"]|resolve host: |EAI_AGAIN |ENOTFOUND |lookup |Unknown host )"
    r"([A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.)(?:[A-Za-z0-9-]{1,63}\.){0,8}[A-Za-z0-9-]{1,63})"
)


_OLDER_PYTEST = re.compile(r"PluginValidationError|PytestRemovedIn\d{1,3}Warning")


@value
class SetupFault:
    """Why a step of a set-up did not work, and what can be done about it."""

    code: Cause
    message: str
    hint: str


def setup_fault(output: str, reason: str = "", *, starved: bool = False) -> SetupFault | None:
    """Return why a step failed; None where its output tells nothing of it.

    A full disk comes first, because everything else fails behind it; a host that cannot be reached comes before a
    version that cannot be found there.

    Args:
        output: the end of what it printed.
        reason: the file that asked for the step.
        starved: the sandbox ended it for its memory.
    """
    if starved or _FULL.search(output):
        return SetupFault(
            code="setup_full",
            message="it ran out of room",
            hint="Install less, or give set-ups more: SIGNOFF_SETUP_MB. It lies in memory while it is built.",
        )
    if found := _UNREACHABLE.search(output):
        near = output[max(0, found.start() - _NEAR) : found.end() + _NEAR]
        host = (named := _HOST.search(near)) and named[1]
        which = host or "a host"
        return SetupFault(
            code="setup_unreachable",
            message=f"it wanted {which}, which a set-up does not reach",
            hint=f"Where you trust it, name it: SIGNOFF_EGRESS_HOSTS={host or 'HOST'}; a mirror of your own on a "
            "private address also in SIGNOFF_EGRESS_PRIVATE. Else keep what is needed in the repository.",
        )
    if _NEEDS_ROOT.search(output):
        return SetupFault(
            code="setup_needs_root",
            message="it wanted to be root, and a set-up never is",
            hint="Debian packages that a workflow or a Dockerfile installs are unpacked without root; what else needs "
            "it belongs to an image: PACKAGES=… sandbox/images/build.sh",
        )
    if _UNRESOLVED.search(output):
        return SetupFault(
            code="setup_unresolved",
            message=f"what {reason or 'its files'} asks for cannot be had as it stands",
            hint="Bring the lock file up to date with its manifest and commit it, or say it in .signoff/setup.sh",
        )
    return None


def wants_older_pytest(output: str) -> bool:
    """Tell whether a collection failed because a project's plug-ins were written for an earlier pytest."""
    return _OLDER_PYTEST.search(output) is not None
