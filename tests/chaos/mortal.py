"""Colleagues that die at a given place: before a node, at one of the moments it waits inside, or after it.

"After" is the worst of them: what the node did is done, and no checkpoint says so.
"""

import os
import signal
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

from graphs.coding import input_of
from graphs.nodes import Nodes

NODES = ("receive", "plan", "execute", "observe", "replan", "team", "review", "assess", "ask", "wait", "deliver")
BEFORE, AFTER = "before", "after"
Node = Callable[[Any], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Doom:
    """A file that says where this process ends; it ends there once."""

    file: Path

    def say(self, node: str, place: str, how: signal.Signals = signal.SIGKILL) -> None:
        """``place``: before, after, or the number of a moment inside. ``how``: SIGSTOP makes a zombie of it."""
        self.file.write_text(f"{node} {place} {how.name}")

    @property
    def pending(self) -> bool:
        return self.file.exists()

    def strike(self, node: str, place: str) -> None:
        """End or stop this process if this is the place."""
        if not self.pending:
            return
        where, _, how = self.file.read_text().rpartition(" ")
        if where == f"{node} {place}":
            self.file.unlink()
            os.kill(os.getpid(), signal.Signals[how])

    def passed(self, node: str) -> None:
        """Note which node began last, for whoever kills at random and wants to know where."""
        self.file.with_name("last").write_text(node)


def mortal(nodes: Nodes, doom: Doom) -> Nodes:
    """The same colleagues, who may die."""
    people = {f.name: getattr(nodes, f.name) for f in fields(nodes) if f.name in NODES}
    return replace(nodes, **{name: cast("Any", _mortal(name, person, doom)) for name, person in people.items()})


def _mortal(name: str, node: Node, doom: Doom) -> Node:
    @dataclass(frozen=True, slots=True)
    class Mortal:
        async def __call__(self, state: Any) -> Mapping[str, Any]:
            doom.passed(name)
            doom.strike(name, BEFORE)
            update = await Counted(node(state), name, doom)
            doom.strike(name, AFTER)
            return update

    Mortal.__call__.__annotations__["state"] = input_of(node)
    return Mortal()


@dataclass(slots=True)
class Counted:
    """An awaitable that counts the moments at which another one waits."""

    inner: Awaitable[Any]
    name: str
    doom: Doom
    number: int = 0
    """Of the moments so far."""

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self.inner.__await__()
        try:
            waits_for = next(steps)
            while True:
                self.doom.strike(self.name, str(self.number))
                self.number += 1
                try:
                    sent = yield waits_for
                except BaseException as error:  # noqa: BLE001  a cancellation is the inner one's to see
                    waits_for = cast("Any", steps).throw(error)
                else:
                    waits_for = steps.send(sent)
        except StopIteration as ended:
            return ended.value
