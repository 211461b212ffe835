"""Publishing: a delivery that leaves this machine, to a branch and a pull request of a forge, or to a deploy hook.

Every step looks at the forge before it acts, so that it can be repeated after a crash: a branch that holds the commit
is pushed, a pull request from that branch is opened. What people did there meanwhile is never undone.
"""

from dataclasses import dataclass, field, replace

from domain import Refused, SignoffError, Task
from domain.errors import Conflict, Forbidden
from domain.work import PublishTarget
from forges import (
    CommitStatus,
    DeployHooks,
    DeployOrder,
    Forges,
    PullRequest,
)
from nodes._events import announce
from nodes.publishing.order import PublishOrder, signers
from sandbox import Delivered, Delivery, Pinned
from sandbox.source import AuthorisedRemote, branch_moved

PUBLISHED = frozenset({"pr", "deploy"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Brings a signed commit to where others see it."""

    delivery: Delivery
    forges: Forges = field(default_factory=Forges)
    hooks: DeployHooks = field(default_factory=DeployHooks)

    async def target(self, task: Task, run: str, pinned: Pinned) -> PublishTarget | None:
        """Where the delivery will go, asked before any work is done for it; None: it leaves no machine of ours.

        Raises:
            Refused: ``forge_unknown``, ``forge_repository_refused``, ``forge_forbidden``, ``fork_unrelated``,
                ``base_not_published``, ``deploy_unknown``, and what the forge says.
        """
        if task.deliver not in PUBLISHED:
            return None
        repo = await self.delivery.origin(run, pinned)
        hook = self.hooks.named_for(repo or pinned.repo).name if task.deliver == "deploy" else ""
        if task.deliver == "deploy" and self.forges.locate(repo) is None:
            return PublishTarget(hook=hook)
        address = self.forges.ensure_publishable(repo)
        forge = self.forges.named(address.forge)
        repository = await forge.repository(address.path)
        # A deploy hook is told a commit of the repository itself.
        fork = self.forges.fork_of(address) if task.deliver == "pr" and not repository.writable else ""
        if fork:
            fork = await self._fork(fork, repository.path, address.forge)
        elif not repository.writable:
            raise Forbidden(
                f"The token of {address.forge} may not push to {address.path}.",
                code="forge_forbidden",
                hint="Give it the right to write contents and pull requests, or name a fork that it may push to under "
                "forks: docs/forges.md.",
            )
        base = pinned.head or repository.default_branch
        if not await forge.contains(address.path, base, pinned.commit):
            raise Conflict(
                f"The branch {base} of {address.path} does not have the commit {pinned.commit[:12]}.",
                code="base_not_published",
                hint="A pull request would show more than what was signed. Push your commits first, or name a branch: "
                "--base BRANCH.",
            )
        return PublishTarget(forge=address.forge, repository=repository.path, base=base, hook=hook, fork=fork)

    async def _fork(self, path: str, parent: str, name: str) -> str:
        """The path of a fork, which is one of that repository and may be pushed to."""
        fork = await self.forges.named(name).repository(path)
        if fork.parent.lower() != parent.lower():
            raise Conflict(
                f"{path} is no fork of {parent}.",
                code="fork_unrelated",
                hint=f"Fork {parent} on the forge, and name that one under forks in the file of SIGNOFF_FORGES.",
            )
        if not fork.writable:
            raise Forbidden(
                f"The token of {name} may push neither to {parent} nor to its fork {path}.",
                code="forge_forbidden",
                hint="Give it the right to write contents in the fork: docs/forges.md lists what it needs.",
            )
        return fork.path

    async def ensure_open(self, target: PublishTarget, published: Delivered) -> None:
        """See, before anybody is asked to sign, that a refinement can be added to the pull request.

        Raises:
            Refused: ``pull_request_closed``, ``branch_moved``.
        """
        forge = self.forges.named(target.forge)
        if published.number is not None:
            pull = await forge.pull_request(target.repository, published.number)
            if pull.state != "open":
                raise pull_request_closed(pull)
        branch = await forge.branch(target.pushed_to, published.ref)
        if branch is None or branch.commit != published.commit:
            raise branch_moved(published.ref)

    async def __call__(self, order: PublishOrder, target: PublishTarget, pinned: Pinned) -> Delivered:
        """Deliver what was signed: where it goes is what the action says.

        Raises:
            Refused: as ``pull_request`` and ``deploy`` do.
        """
        arguments = order.action.arguments
        commit = await self.delivery.made_commit(
            order.run, order.tree, str(arguments["parent"]), order.message, at=order.at
        )
        if order.action.tool == "deploy":
            return await self.deploy(commit, replace(target, hook=str(arguments["hook"])), order, pinned)
        signed = replace(target, base=str(arguments["base"]), fork=str(arguments.get("fork", "")))
        return await self.pull_request(commit, signed, order)

    async def pull_request(self, commit: str, target: PublishTarget, order: PublishOrder) -> Delivered:
        """Push the commit and open a pull request, or bring the one that is there up to date.

        Raises:
            Refused: ``branch_moved``, ``branch_exists``, ``branch_protected``, ``pull_request_closed``, what ``push``
                and the forge raise.
        """
        forge, path, branch = self.forges.named(target.forge), target.repository, order.branch
        pull = await forge.pull_request_of(path, branch, fork=target.fork)
        if pull is None or pull.state == "open":
            await self.branch(commit, target, order)
            title, body = order.title, order.body(commit, forge.kind, target)
            if pull is None:
                pull = await forge.open_pull_request(
                    path, head=branch, base=target.base, title=title, body=body, fork=target.fork
                )
            elif (pull.title, pull.body) != (title, body):
                pull = await forge.update_pull_request(path, pull.number, title=title, body=body)
            await self._show_status(commit, target, order.status(pull.url, body))
        # With this very commit in it: delivered before a crash, and merged or closed since; its branch may be gone.
        elif pull.head_commit != commit:
            raise pull_request_closed(pull)
        return Delivered(kind="pr", commit=commit, ref=branch, url=pull.url, repository=str(target), number=pull.number)

    async def _show_status(self, commit: str, target: PublishTarget, status: CommitStatus) -> None:
        """A courtesy: a token without this right, or a forge that is away now, undoes no delivery."""
        try:
            await self.forges.named(target.forge).set_status(target.pushed_to, commit, status)
        except SignoffError as error:
            announce(
                "note",
                f"The commit status was not set, or not as a check: {error.message}",
                code=error.stable_code,
                hint=error.hint,
            )

    async def branch(self, commit: str, target: PublishTarget, order: PublishOrder) -> None:
        """Make the branch on the forge hold the commit, if everything there is as it was left."""
        forge, path, name = self.forges.named(target.forge), target.pushed_to, order.branch
        there = await forge.branch(path, name)
        if there is not None and there.commit == commit:
            return
        if there is None and order.published is not None:
            raise branch_moved(name)
        if there is not None and (order.published is None or there.commit != order.published.commit):
            raise branch_moved(name) if order.published is not None else _branch_exists(path, name)
        if name == target.base or (there is not None and there.protected):
            raise Forbidden(
                f"{name} is a protected branch of {path}.",
                code="branch_protected",
                hint="Nothing is pushed to a protected branch. Take the protection off signoff/*, then resume.",
            )
        if order.published is not None and order.published.number is not None:
            pull = await forge.pull_request(target.repository, order.published.number)
            if pull.state != "open":
                raise pull_request_closed(pull)
        access = await forge.access(path)
        address = AuthorisedRemote(
            url=access.url, header=access.header.get_secret_value(), ca=access.ca, proxy=access.proxy
        )
        await self.delivery.push(order.run, commit, name, address)

    async def deploy(self, commit: str, target: PublishTarget, order: PublishOrder, pinned: Pinned) -> Delivered:
        """Put the commit on a branch of its own, then ask the hook to deploy it."""
        where = pinned.repo
        if target.forge:
            await self.branch(commit, target, order)
            where = str(target)
        else:
            await self.delivery.branch(order.run, pinned, order.tree, order.message, order.branch, at=order.at)
        ballot = order.ballot
        await self.hooks.send(
            target.hook,
            DeployOrder(
                repository=where,
                commit=commit,
                tree=order.tree,
                branch=order.branch,
                run=order.run,
                ballot=ballot.id,
                digest=ballot.action_digest,
                signed_by=signers(ballot),
            ),
        )
        return Delivered(kind="deploy", commit=commit, ref=order.branch, repository=str(target) if target.forge else "")


def pull_request_closed(pull: PullRequest) -> Conflict:
    return Conflict(
        f"The pull request {pull.url} was {pull.state}.",
        code="pull_request_closed",
        hint="Nothing is added to it. Open it again and resume the run, or start a new one from its branch.",
    )


def _branch_exists(path: str, name: str) -> Refused:
    return Refused(
        f"{path} has a branch {name!r} with other content.",
        code="branch_exists",
        hint="Look at it; delete or rename it there, then deliver again: signoff resume RUN.",
    )
