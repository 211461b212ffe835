"""Checks of forges for ``signoff doctor``: does each answer, may its token what is needed, can its hooks work.

Everything is asked and nothing is tried out: a check leaves no trace on a forge.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from domain import Refused, SignoffError
from domain.configuration import signing_key
from forges import Forge, ForgeAddress, ForgeEntry, Forges
from forges.inbound import OURS, ForgeHook
from sandbox import Check
from service.forges.receiver import SIGNING

SOON = timedelta(days=14)
"""A token that ends earlier is told of."""
MOST_REPOSITORIES = 20
"""Of one forge: each costs three questions."""
RIGHTS = "docs/forges.md lists the rights that a token needs."
PUBLISHING = frozenset({"pr", "deploy"})


async def check_forges(forges: Forges, hooks: Sequence[ForgeHook], home_url: str, now: datetime) -> tuple[Check, ...]:
    """Look at every forge of the configuration, at the repositories that it names in full, and at every hook."""
    kinds = {entry.name: entry.kind for entry in forges.entries}
    looked = await asyncio.gather(
        *(_forge(forges, entry, [hook for hook in hooks if hook.forge == entry.name], now) for entry in forges.entries)
    )
    return (
        *(check for part in looked for check in part),
        *(_hook(forges, hook, kinds[hook.forge], home_url) for hook in hooks),
    )


async def _forge(forges: Forges, entry: ForgeEntry, hooks: Sequence[ForgeHook], now: datetime) -> Sequence[Check]:
    name = entry.name
    try:
        forge = forges.named(name)
        token = await forge.token()
    except SignoffError as error:
        # What does not answer, or knows no such token, has nothing to say of repositories either.
        return [_failed(f"forge {name}", error)]
    patterns, paths = _repositories(entry, hooks)
    lacking = token.lacking or {}
    wanting = [*lacking.get("deliver", ())]
    if any("ci" in each.triggers for hook in hooks for each in hook.repositories):
        wanting += [right for right in lacking.get("ci", ()) if right not in wanting]
    told = f"as {token.user.login}"
    told += "; what this token may is not told: compare it" if token.lacking is None else ""
    told += f"; patterns of repositories, not looked at: {patterns}" if patterns else ""
    checks = [
        Check(
            name=f"forge {name}",
            ok=not wanting,
            detail=f"as {token.user.login}; the token lacks {', '.join(wanting)}" if wanting else told,
            hint=f"Give it these rights: {RIGHTS}",
        )
    ]
    if token.expires_at is not None and token.expires_at - now < SOON:
        checks.append(
            Check(
                name=f"forge {name} token",
                ok=False,
                needed=False,
                detail=f"ends on {token.expires_at:%Y-%m-%d}",
                hint="Make another one, and put it where the file of SIGNOFF_FORGES says.",
            )
        )
    if lacking.get("checks"):
        checks.append(
            Check(
                name=f"forge {name} checks",
                ok=False,
                needed=False,
                detail=f"commit statuses only: the app lacks {', '.join(lacking['checks'])}",
                hint="Grant it, and accept it for the installation: deliveries are shown as check runs, too.",
            )
        )
    addresses = [ForgeAddress(forge=name, path=path) for path in paths]
    forks = {each: forges.fork_of(each) for each in addresses}
    looked = await asyncio.gather(
        # What is forked is read; what is pushed to is the fork.
        *(_repository(forge, each.path, publishes=forges.may_publish(each) and not forks[each]) for each in addresses),
        *(_repository(forge, fork, publishes=True) for fork in dict.fromkeys(forks.values()) if fork),
    )
    return [*checks, *looked]


def _repositories(entry: ForgeEntry, hooks: Sequence[ForgeHook]) -> tuple[int, Sequence[str]]:
    """How many patterns an entry has, and the paths that it and its hooks name in full."""
    patterns = [each for each in entry.repositories if {*"*?["} & {*each}]
    whole = [each for each in entry.repositories if each not in patterns]
    # Both forges compare names without regard to case.
    paths = {path.lower(): path for path in (*(each.name for hook in hooks for each in hook.repositories), *whole)}
    return len(patterns), list(paths.values())[:MOST_REPOSITORIES]


async def _repository(forge: Forge, path: str, *, publishes: bool) -> Check:
    name = f"{forge.name}:{path}"
    try:
        repository = await forge.repository(path)
        base = await forge.branch(path, repository.default_branch)
        rules = await forge.push_rules(path, f"{OURS}doctor") if publishes else ()
    except SignoffError as error:
        return _failed(name, error)
    if publishes and not repository.writable:
        return Check(
            name=name,
            ok=False,
            detail="the token may not push",
            hint=f"Give it the right to write contents and pull requests: {RIGHTS}",
        )
    if base is None:
        return Check(
            name=name,
            ok=False,
            needed=False,
            detail=f"{repository.default_branch}, its default branch, has no commit",
            hint="Push a first commit: a run starts from one.",
        )
    if rules:
        return Check(
            name=name,
            ok=False,
            needed=False,
            detail=f"rules keep pushes off {OURS}*: {', '.join(rules)}",
            hint=f"Take {OURS}* out of them, or let the token's account pass: deliveries are pushed there.",
        )
    may = "may push" if publishes else "is read only: no delivery is pushed there"
    protection = "is protected" if base.protected else "is not protected"
    unknown = f"; which rules hold for {OURS}* is not told" if rules is None else ""
    return Check(name=name, ok=True, detail=f"{may}; {base.name} {protection}{unknown}")


def _hook(forges: Forges, hook: ForgeHook, kind: str, home_url: str) -> Check:
    """One hook of the file; whether the forge sends it is seen there only."""
    problem, remedy = _useless(forges, hook, kind)
    address = f"POST {home_url}/v1/hooks/forges/{hook.name}"
    return Check(
        name=f"hook {hook.name}",
        ok=not problem,
        detail=problem or f"{address}; secrets: {len(hook.secrets)}, members: {len(hook.members)}",
        hint=f"{remedy} in the file of SIGNOFF_FORGES (docs/forges.md).",
    )


def _useless(forges: Forges, hook: ForgeHook, kind: str) -> tuple[str, str]:
    """Why a hook cannot do what it is for, and what to change; empty where it can."""
    for number, secret in enumerate(hook.secrets, 1):
        if kind == "gitlab" and secret.startswith(SIGNING):
            try:
                signing_key(secret)
            except Refused:
                return f"secret {number} is no signing token: nothing fits it", "Copy it anew from GitLab"
    if not hook.repositories:
        return "it names no repository, so nothing may come in", "Name them under repositories"
    if not hook.members and hook.ci is None:
        return "it names no member, so nobody may ask", "Name them by number under members"
    for each in hook.repositories:
        if "ci" in each.triggers and hook.ci is None:
            return f"runs of CI of {each.name} are nobody's to mend", "Name a member under ci"
        address = forges.locate(each.url) if each.url else ForgeAddress(forge=hook.forge, path=each.name)
        if each.deliver in PUBLISHING and (address is None or not forges.may_publish(address)):
            return f"{each.name} delivers by {each.deliver}, which may not be pushed there", "Add it to its forge"
    return "", ""


def _failed(name: str, error: SignoffError) -> Check:
    return Check(name=name, ok=False, detail=f"{error.message} ({error.stable_code})", hint=error.hint)
