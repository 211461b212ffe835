"""Workspaces of runs: one warm one for each run and lane, made again from the store when it is gone."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from domain import CommandRun, Refused, SandboxLost
from domain.work import Profile
from sandbox.contract import Backend, Sandbox, Spec
from sandbox.revisions import Pinned, Snapshot
from sandbox.workspace.shell import shell
from sandbox.workspace.store import Store
from sandbox.workspace.workspace import Workspace

Restore = Callable[[str, Pinned], Awaitable[bool]]
"""Builds the environment of a run where its image is gone; False: it cannot be."""


class Workspaces:
    """Opens workspaces on sandboxes of a backend, and closes what a run no longer needs.

    Commands of a run that has an environment run in its image (``Store.furnish``).
    """

    def __init__(self, backend: Backend, store: Store, spec: Spec, *, restore: Restore | None = None) -> None:
        self._backend, self._store, self._spec, self._restore = backend, store, spec, restore
        self._warm: dict[tuple[str, str], Workspace] = {}
        self._turns: dict[tuple[str, str], asyncio.Lock] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def open(
        self,
        run: str,
        pinned: Pinned,
        at: Snapshot | None = None,
        *,
        lane: str = "main",
        profile: Profile | None = None,
    ) -> Workspace:
        """Return the run's workspace with its files at a snapshot, or at the pinned commit.

        A warm one is used again; one that was lost or tampered with is replaced. Lanes of a run are
        separate sandboxes: what happens in one is not seen in another. ``profile`` says whether package
        registries may be reached from now on (None: as the spec says); ``Workspace.permit`` changes it.

        Raises:
            Refused: the backend cannot give out sandboxes, or nobody may be reached; see ``Backend.lease``.
            SandboxLost: it did not work this time.
        """
        place = (run, lane)
        async with self._turns.setdefault(place, asyncio.Lock()):
            spec = replace(self._spec, profile=profile or self._spec.profile)
            warm = self._warm.get(place)
            if warm is not None:
                try:
                    await warm.restore(at or self._store.whole(run, pinned.tree))
                    # Where nothing has changed ``restore`` asks nothing, and a dead sandbox would be given out.
                    await warm.ping()
                except SandboxLost:  # it cannot be used any more: another one takes its place
                    self._throw_away(place)
                else:
                    await warm.permit(spec.profile)
                    return warm
            workspace = Workspace(await self._lease(run, pinned, spec), self._store, run, pinned)
            try:
                await workspace.fill(at or self._store.whole(run, pinned.tree))
            except BaseException:
                self._in_background(workspace)
                raise
            self._warm[place] = workspace
            return workspace

    async def verify(
        self,
        run: str,
        tree: str,
        command: str,
        *,
        timeout_s: float,
        env: Mapping[str, str] | None = None,
        profile: Profile = "sealed",
    ) -> CommandRun:
        """Run a command on a clean checkout of a tree, in a sandbox that nobody used.

        ``profile`` is the task's: without a network, unless whoever asked said that its proof installs something.

        Raises: as ``open`` does.
        """
        spec = replace(self._spec, profile=profile)
        pinned = self._store.pinned(run)
        sandbox = await self._lease(run, pinned, spec)
        workspace = Workspace(sandbox, self._store, run, pinned)
        try:
            await workspace.fill(self._store.whole(run, tree))
            return await shell(sandbox, command, timeout_s=timeout_s, env=env)
        finally:
            self._in_background(workspace)

    async def leave(self, run: str, lane: str) -> None:
        """Close the sandbox of one lane of a run, where it has one."""
        async with self._turns.setdefault((run, lane), asyncio.Lock()):
            if (run, lane) in self._warm:
                self._throw_away((run, lane))

    async def drop(self, run: str) -> None:
        """Close every sandbox of a run. Its files stay in the store."""
        for place in [place for place in self._warm if place[0] == run]:
            self._throw_away(place)
            self._turns.pop(place, None)
        await asyncio.gather(*self._closing)

    async def close(self) -> None:
        """Close every sandbox."""
        for place in list(self._warm):
            self._throw_away(place)
        self._turns.clear()
        await asyncio.gather(*self._closing)

    async def _lease(self, run: str, pinned: Pinned, spec: Spec) -> Sandbox:
        """A sandbox with the environment of the run, which is built again where it was evicted."""
        if not (image := self._store.environment(run)):
            return await self._backend.lease(spec, run=run)
        try:
            return await self._backend.lease(replace(spec, image=image), run=run)
        except Refused as error:
            if error.stable_code != "image_missing" or self._restore is None or not await self._restore(run, pinned):
                raise
        return await self._backend.lease(replace(spec, image=self._store.environment(run)), run=run)

    def _throw_away(self, place: tuple[str, str]) -> None:
        self._in_background(self._warm.pop(place))

    def _in_background(self, workspace: Workspace) -> None:
        """Close without making anybody wait: killing a container takes a tenth of a second."""
        task = asyncio.create_task(workspace.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
