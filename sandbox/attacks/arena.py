"""Where attacks happen: fresh sandboxes, and a hand on the engine for what comes from outside."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from domain import SignoffError, value
from sandbox.conformance import Unkept, must
from sandbox.contract import Backend, Sandbox, Spec
from sandbox.egress.policy import Egress, EgressRecord

_HERE = Path(__file__).parent


class Hand(Protocol):
    """What somebody with access to the engine can do to a sandbox."""

    @property
    def address(self) -> str | None:
        """Where the engine is; None: where everybody looks."""
        ...

    async def kill(self, sandbox: Sandbox) -> None: ...

    async def freeze(self, sandbox: Sandbox) -> None: ...

    async def thaw(self, sandbox: Sandbox) -> None: ...

    async def alive(self, name: str) -> bool:
        """Whether the sandbox of this name is there and runs."""
        ...

    async def disk_bytes(self) -> int:
        """Bytes in use on the disk that holds the engine's data."""
        ...


@dataclass(kw_only=True)
class Arena:
    """Gives out sandboxes to attack, and closes them all at the end."""

    backend: Backend
    spec: Spec
    hand: Hand
    with_egress: Callable[[Egress, Callable[[EgressRecord], None]], Backend]
    """Makes a backend of the same kind whose sandboxes may speak to somebody."""
    beyond: Mapping[str, str] = field(default_factory=dict)
    """Attacks that cannot be carried out from here, by name, and why."""
    _open: list[Sandbox] = field(default_factory=list)

    async def sandbox(self) -> Sandbox:
        sandbox = await self.backend.lease(self.spec)
        self._open.append(sandbox)
        return sandbox

    async def probe(self, name: str) -> None:
        """Run one of the programs of ``probes`` in a fresh sandbox.

        Raises:
            Unkept: something it tried was not refused.
        """
        sandbox = await self.sandbox()
        for file in ("probes.py", "probes_host.py"):
            await sandbox.write(f"/tmp/attack/{file}", (_HERE / file).read_bytes())  # noqa: S108  the sandbox's own
        ran = await sandbox.run(["python3", "/tmp/attack/probes.py", name], cwd="/tmp", timeout_s=60)  # noqa: S108
        must(ran.ok, f"{ran.ended} {ran.code}: {ran.stdout.text()} {ran.stderr.text()[-1_000:]}")
        must((await sandbox.run(["true"])).ok, "the next command")

    async def close(self) -> None:
        for sandbox in self._open:
            await sandbox.close()
        self._open.clear()


Try = Callable[[Arena], Awaitable[None]]


@value
class Result:
    """How one attack went."""

    name: str
    expected: str
    outcome: Literal["held", "broken", "error", "untried"]
    detail: str = ""


async def judge(attack: Try, arena: Arena) -> Result:
    """Carry one attack out, and say whether the sandbox held."""
    expected = " ".join((attack.__doc__ or "").split())
    name = attack.__name__
    if name in arena.beyond:
        return Result(name=name, expected=expected, outcome="untried", detail=arena.beyond[name])
    try:
        await attack(arena)
    except Unkept as broken:
        return Result(name=name, expected=expected, outcome="broken", detail=str(broken))
    except SignoffError as error:  # the attack could not be carried out, which proves nothing
        return Result(name=name, expected=expected, outcome="error", detail=f"{error.stable_code}: {error}")
    finally:
        await arena.close()
    return Result(name=name, expected=expected, outcome="held")


async def assail(attacks: Sequence[Try], arena: Arena) -> AsyncGenerator[Result]:
    """Carry the attacks out one after the other."""
    for attack in attacks:
        yield await judge(attack, arena)
