from dataclasses import dataclass, field

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from domain import SandboxLost
from telemetry import TracedBackend, tracing


@dataclass(frozen=True)
class Spec:
    runtime: str = "runsc"


@dataclass(frozen=True)
class Sandbox:
    id: str = "s1"


@dataclass
class Backend:
    """Gives out sandboxes of memory, or none."""

    broken: bool = False
    closed: list[bool] = field(default_factory=list)

    async def lease(self, spec: Spec, *, run: str = "") -> Sandbox:
        if self.broken:
            raise SandboxLost("no sandbox today")
        return Sandbox(id=f"{spec.runtime}-{run}")

    async def check(self, spec: Spec) -> str:
        return f"{spec.runtime} is fine"

    async def close(self) -> None:
        self.closed.append(True)


async def test_a_lease_leaves_a_span_and_is_otherwise_the_backends_own() -> None:
    heard: list[ReadableSpan] = []
    own = Backend()
    async with tracing(folder=None, listeners=[heard.append]) as t:
        backend = TracedBackend(backend=own, tracer=t.tracer)
        assert (await backend.lease(Spec(), run="r1")).id == "runsc-r1"
        assert await backend.check(Spec()) == "runsc is fine"
        await backend.close()
    assert own.closed == [True]
    assert (heard[0].name, dict(heard[0].attributes or {})["app.runtime"]) == ("sandbox.start", "runsc")


async def test_a_lease_that_fails_says_with_which_code() -> None:
    heard: list[ReadableSpan] = []
    async with tracing(folder=None, listeners=[heard.append]) as t:
        with pytest.raises(SandboxLost):
            await TracedBackend(backend=Backend(broken=True), tracer=t.tracer).lease(Spec())
    assert dict(heard[0].attributes or {})["error.type"] == "sandbox_lost"
    assert not heard[0].status.is_ok
