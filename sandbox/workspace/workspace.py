"""Workspace, a checkout inside a sandbox: commands, edits, snapshots and the way back.

The files are a git work tree whose repository (``/work/.signoff/git``) serves snapshots only. Each
snapshot leaves the sandbox as a pack of what is new, so a lost sandbox costs nothing but time.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from domain import CodeChange, CommandRun, Refused, SandboxLost
from domain.text import Charsets, decoded
from domain.work import Profile
from sandbox.contract import REPO, Heard, Sandbox
from sandbox.inside import SYSTEM_PATH, environment_script
from sandbox.packs import MAX_PACK
from sandbox.revisions import Pinned, Snapshot
from sandbox.workspace import links, submodules
from sandbox.workspace.edits import outcome, paths_of
from sandbox.workspace.shell import shell
from sandbox.workspace.store import Store
from sandbox.workspace.texts import Texts

_INSIDE = Path(__file__).parents[1] / "inside"
_OUT = "/work/.signoff/out"
_OBJECTS = "/work/.signoff/git/objects/pack"
_GIT = "/work/.signoff/git"
_GIT_S = 300.0
_SYSTEM = {"PATH": SYSTEM_PATH}
"""Our own scripts run the image's programs, not those of the project's environment."""
_READ = 32 << 20


class Workspace:
    """One checkout of one run. Make it with ``Workspaces.open``."""

    def __init__(self, sandbox: Sandbox, store: Store, run: str, pinned: Pinned) -> None:
        self._sandbox, self._store, self._run, self._pinned = sandbox, store, run, pinned
        self._at: Snapshot | None = None
        self._known: set[str] = set()
        self._last: tuple[str, str, str] = ("", "", "")
        self._texts = Texts(store, run)
        self._submodules: tuple[submodules.Submodule, ...] | None = None

    @property
    def id(self) -> str:
        """Name of the sandbox it lives in, for logs and spans."""
        return self._sandbox.id

    @property
    def image_digest(self) -> str:
        return self._sandbox.image_digest

    @property
    def at(self) -> Snapshot | None:
        """The snapshot whose files are here, or None when something may have changed since."""
        return self._at

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str = REPO,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
        heard: Heard | None = None,
    ) -> CommandRun:
        """See ``Sandbox.run``."""
        self._at = None
        return await self._sandbox.run(argv, cwd=cwd, env=env, stdin=stdin, timeout_s=timeout_s, heard=heard)

    async def shell(
        self, command: str, *, timeout_s: float, env: Mapping[str, str] | None = None, heard: Heard | None = None
    ) -> CommandRun:
        """Run one line of shell in the checkout; bash where the image has it."""
        self._at = None
        return await shell(self._sandbox, command, timeout_s=timeout_s, env=env, heard=heard)

    async def read(self, path: str, *, limit: int = 8 << 20) -> bytes:
        """See ``Sandbox.read``."""
        return await self._sandbox.read(path, limit=limit)

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """See ``Sandbox.write``."""
        self._at = None
        await self._sandbox.write(path, data, mode=mode)

    async def delete(self, path: str) -> None:
        """See ``Sandbox.delete``."""
        self._at = None
        await self._sandbox.delete(path)

    async def resolved(self, change: CodeChange) -> CodeChange:
        """Return the change with the real path of every file it names: an edit through a link edits its target.

        Rate and show what comes back, and apply that: ``apply`` follows no link.

        Raises:
            Refused: ``link_refused``, ``submodule_refused`` or ``path_refused``.
            SandboxLost: open the workspace again at its last snapshot.
        """
        real = await links.resolved(change, self._links)
        linked = {each.path: each.commit for each in await self._linked()}
        for path in paths_of(real):
            if (within := submodules.holding(path, linked)) is not None:
                raise Refused(
                    f"{path} belongs to the submodule {within}, which is another repository.",
                    code="submodule_refused",
                    hint="Change it there, and its commit here with git.",
                )
        return real

    async def apply(self, change: CodeChange, *, follow: bool = True) -> tuple[str, ...]:
        """Write the files of a change, all of them or none, and return the paths that differ now.

        ``follow=False``: what was rated is what is written; a path that has come to lie behind a link is refused.

        Raises:
            Refused: ``edit_does_not_apply``, ``file_binary``, ``not_encodable``, ``path_refused``, ``link_refused``,
                ``submodule_refused``, ``file_too_large`` or ``sandbox_full``.
            SandboxLost: open the workspace again at its last snapshot.
        """
        named, change = paths_of(change), await self.resolved(change)
        if not follow and named != paths_of(change):
            raise Refused(
                f"Among {', '.join(named)[:300]} there is a symbolic link that was not there before.",
                code="link_refused",
                hint="Name the real file.",
            )
        removed = await self._links(change.files_to_delete) if change.files_to_delete else {}
        before: dict[str, bytes | None] = {}
        for path in paths_of(change):
            try:
                before[path] = b"" if path in removed else await self._sandbox.read(path, limit=_READ)
            except Refused as error:
                if error.stable_code != "file_not_found":
                    raise
                before[path] = None
        after = outcome(change, before, await self.charsets(change, before))
        self._at = None
        done: list[str] = []
        try:
            # A link comes last: putting it back is not possible.
            for path, data in sorted(after.items(), key=lambda each: each[0] in removed):
                done.append(path)
                await self._put(path, data)
        except Refused:
            for path in done:
                try:
                    await self._put(path, before[path])
                except Refused as error:
                    if before[path] is not None:  # what was never there cannot be deleted
                        half = f"A change was applied by half and could not be taken back: {path}."
                        raise SandboxLost(half) from error
            raise
        return tuple(after)

    async def put(self, files: Mapping[str, bytes | None], modes: Mapping[str, int]) -> None:
        """Write files as they shall be, None: gone; the mode is for those that are new here.

        Raises:
            Refused: ``path_refused``, ``file_too_large`` or ``sandbox_full``; some are written then: ``restore``.
        """
        self._at = None
        for path in sorted(files, key=lambda path: files[path] is not None):  # what goes makes room
            try:
                await self._put(path, files[path], modes[path])
            except Refused as error:
                if files[path] is not None or error.stable_code != "file_not_found":
                    raise

    async def snapshot(self, label: str) -> Snapshot:
        """Save everything that is here now, in the store; free when nothing happened since the last one.

        Its ``tree`` is what git would add here. What a run delivers is ``Deliverable.snapshot``.

        Raises:
            SandboxLost: the sandbox is gone, or what it sent is not sound.
        """
        if self._at is None:
            ids = (await self._git("save.sh", *self._last)).split()
            if len(ids) not in {3, 4}:
                raise SandboxLost("The workspace could not be saved.")
            pack = b""
            if ids[3:] == ["pack"]:
                try:
                    pack = await self._sandbox.read(_OUT, limit=MAX_PACK)
                except Refused as error:  # something else was put there
                    raise SandboxLost(f"The workspace sent no snapshot: {error.message}") from error
            self._last = (ids[0], ids[1], ids[2])
            self._at = await self._store.keep(self._run, label, self._last, pack)
            self._known |= {self._at.tree, self._at.full}
        else:
            self._at = await self._store.keep(self._run, label, self._last, b"")
        return self._at

    async def restore(self, snapshot: Snapshot) -> None:
        """Bring the files back to a snapshot of this run, in place."""
        if self._at is not None and (self._at.tree, self._at.full) == (snapshot.tree, snapshot.full):
            return
        if not {snapshot.tree, snapshot.full} <= self._known:
            there = {*self._last, *(self._known & {self._pinned.tree})} - {"", "-"}
            await self._send((snapshot.tree, snapshot.full), tuple(sorted(there)))
        parts = await self._store.parts(self._run, snapshot.full)
        await self._git("restore.sh", snapshot.tree, *parts)
        await self._populate()
        self._arrived(snapshot, parts)

    async def fill(self, snapshot: Snapshot) -> None:
        """Check a snapshot out into a fresh sandbox."""
        base = self._pinned
        trees = tuple(each.tree for each in await self._linked() if each.present)
        await self._send((base.commit, snapshot.tree, snapshot.full, *trees), ())
        parts = await self._store.parts(self._run, snapshot.full)
        await self._git("open.sh", snapshot.tree, *parts, base.commit, base.head or "-")
        await self._populate()
        self._known.add(base.tree)
        self._arrived(snapshot, parts)

    async def ping(self) -> None:
        """Come back when the sandbox is alive. Raises ``SandboxLost``."""
        await self._sandbox.ping()

    async def permit(self, profile: Profile) -> None:
        """See ``Sandbox.permit``."""
        await self._sandbox.permit(profile, run=self._run)

    async def close(self) -> None:
        """Throw the sandbox away."""
        await self._sandbox.close()

    async def _send(self, wants: tuple[str, ...], haves: tuple[str, ...]) -> None:
        pack = await self._store.pack(self._run, wants, haves)
        await self._sandbox.write(f"{_OBJECTS}/{pack.name}.pack", pack.data, mode=0o444)
        await self._sandbox.write(f"{_OBJECTS}/{pack.name}.idx", pack.index, mode=0o444)

    async def _linked(self) -> tuple[submodules.Submodule, ...]:
        if self._submodules is None:
            self._submodules = await submodules.brought(self._store, self._run)
        return self._submodules

    async def _populate(self) -> None:
        """Put the files of submodules in their places; they are no part of any snapshot."""
        if linked := await self._linked():
            own = "".join(f"160000 {each.commit}\t{each.path}\0" for each in linked if each.around is None)
            await self._sandbox.write(f"{_GIT}/gitlinks", own.encode())
        present = [each for each in linked if each.present]
        numbers = {each.path: number for number, each in enumerate(present, 1)}
        words: list[str] = []
        for each in present:
            index = "index" if each.around is None else f"submodule-{numbers[each.around]}"
            inner = each.path if each.around is None else each.path.removeprefix(f"{each.around}/")
            words += [each.path, each.commit, each.tree, index, inner]
        if words:
            await self._git("submodules.sh", *words)
        if self._store.environment(self._run):
            argv = ["python3", "-I", "-S", "-c", environment_script(), "populate"]
            ran = await self._sandbox.run(argv, cwd="/", env=_SYSTEM, timeout_s=_GIT_S)
            if not ran.ok:
                raise SandboxLost(f"The environment cannot be put into the checkout: {ran.stderr.text()[-300:]}")

    def _arrived(self, snapshot: Snapshot, parts: tuple[str, str]) -> None:
        self._known |= {snapshot.tree, snapshot.full}
        self._last = (snapshot.tree, *parts)
        self._at = snapshot

    async def _git(self, script: str, *args: str) -> str:
        """Run one of our scripts. That it fails means that the sandbox was tampered with, or is full."""
        text = (_INSIDE / script).read_text(encoding="utf-8")
        ran = await self._sandbox.run(["sh", "-c", text, script, *args], cwd="/", env=_SYSTEM, timeout_s=_GIT_S)
        if not ran.ok:
            complaint = ran.stderr.text().strip()
            if "No space left" in complaint:
                hint = "Give it more room (Limits.work_mb), or clean up what the task does not need."
                raise Refused("The files do not fit into the sandbox.", code="sandbox_full", hint=hint)
            raise SandboxLost(f"The workspace cannot be used any more ({script}: {complaint[-300:]}).")
        return ran.stdout.text()

    async def _links(self, paths: Sequence[str]) -> dict[str, links.Link]:
        """The symbolic links among paths of the checkout."""
        ran = await self._sandbox.run(["sh", "-c", links.LOOK, "look", *paths], timeout_s=_GIT_S)
        return links.links_of(ran.stdout.head.decode(errors="surrogateescape"))

    async def charsets(self, change: CodeChange, before: Mapping[str, bytes | None]) -> Charsets:
        """What the repository says about encodings, where it makes a difference."""
        texts = [file.content for file in change.files_to_create]
        texts += [text for edit in change.files_to_update for text in (edit.content, edit.replace) if text is not None]
        more = not all(map(str.isascii, texts))  # a file that is ASCII so far may get its first accent
        for path, data in before.items():
            file = decoded(data, path) if data else None
            if (more and (not data or data.isascii())) or (
                data and (file is None or file.encoding != "utf_8" or file.other)
            ):
                return await self._texts.charsets()
        return Charsets()

    async def _put(self, path: str, data: bytes | None, mode: int = 0o644) -> None:
        await (self._sandbox.delete(path) if data is None else self._sandbox.write(path, data, mode=mode))
