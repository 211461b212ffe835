"""Traced backend: a sandbox backend with a span for every lease, as long as it takes until a sandbox is ready."""

from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from opentelemetry.trace import Status, StatusCode, Tracer

from domain import SignoffError

Spec_contra = TypeVar("Spec_contra", contravariant=True)
Sandbox_co = TypeVar("Sandbox_co", covariant=True)
Check_co = TypeVar("Check_co", covariant=True)


class LeasingBackend(Protocol[Spec_contra, Sandbox_co, Check_co]):
    """The verbs of a sandbox backend."""

    async def lease(self, spec: Spec_contra, *, run: str = "") -> Sandbox_co: ...

    async def check(self, spec: Spec_contra) -> Check_co: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedBackend(Generic[Spec_contra, Sandbox_co, Check_co]):
    """Is a backend, and makes the span ``sandbox.start`` around each lease."""

    backend: LeasingBackend[Spec_contra, Sandbox_co, Check_co]
    tracer: Tracer

    async def lease(self, spec: Spec_contra, *, run: str = "") -> Sandbox_co:
        """As the backend's own."""
        # Not the exception but its code goes into the span (below): its text may hold what a trace should not.
        with self.tracer.start_as_current_span(
            "sandbox.start", record_exception=False, set_status_on_exception=False
        ) as span:
            attributes: dict[str, Any] = {
                "app.runtime": getattr(spec, "runtime", ""),
                "app.profile": getattr(spec, "profile", ""),
            }
            span.set_attributes({"langfuse.observation.type": "tool", **attributes})
            try:
                sandbox = await self.backend.lease(spec, run=run)
            except SignoffError as error:
                span.set_status(Status(StatusCode.ERROR, error.stable_code))
                span.set_attribute("error.type", error.stable_code)
                raise
            span.set_attribute("app.sandbox", str(getattr(sandbox, "id", "")))
            return sandbox

    async def check(self, spec: Spec_contra) -> Check_co:
        """As the backend's own."""
        return await self.backend.check(spec)

    async def close(self) -> None:
        """As the backend's own."""
        await self.backend.close()
