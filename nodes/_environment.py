"""Environment of a run: set up before its network closes, with events for what is done and a span of its own."""

from dataclasses import dataclass

from opentelemetry.trace import Tracer

from domain import Refused
from nodes._events import announce
from sandbox import Pinned
from sandbox.environments import Environments, Recipe, Setup, SetupProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSetup:
    """Sees that the packages of a repository are there before anything of it runs."""

    environments: Environments | None
    """None: the backend keeps none."""
    tracer: Tracer

    async def __call__(self, run: str, pinned: Pinned, paths: tuple[str, ...], *, seconds: float) -> float:
        """Set the environment of a run up, and return the seconds that building it took.

        What cannot be set up is told and no end of the run: its tests may need nothing of it. If they do, ``plan``
        names what is missing before a model is asked.
        """
        if self.environments is None:
            return 0.0
        recipe = await self.environments.recipe(run, pinned, paths)
        if recipe.empty:
            return 0.0
        if not self.environments.enabled:
            _told(
                f"Packages ({', '.join(recipe.languages)}) are not set up: no registry may be reached.",
                code="setup_off",
                hint="Allow it: SIGNOFF_SETUP_NETWORK (docs/sandbox.md, What the tests need).",
            )
            return 0.0
        with self.tracer.start_as_current_span(
            "environment.setup", record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                setup = await self.environments.prepare(run, pinned, recipe, seconds=seconds, progress=_progress)
            except Refused as refusal:
                span.set_attribute("error.type", refusal.stable_code)
                _told(refusal.message, code=refusal.stable_code, hint=refusal.hint)
                return 0.0
            span.set_attributes(
                {
                    "app.environment.key": setup.key,
                    "app.environment.built": setup.built,
                    "app.environment.base": setup.base,
                    "app.environment.languages": ",".join(setup.languages),
                    "app.environment.collected": setup.collected,
                    "app.environment.bytes": setup.data_bytes,
                    "app.environment.ms": round(setup.seconds * 1_000, 3),
                }
            )
            if setup.code:
                span.set_attribute("error.type", setup.code)
        _announce(setup, recipe)
        return setup.seconds if setup.built or setup.code else 0.0


def _progress(now: SetupProgress) -> None:
    announce(
        "note",
        f"Environment, step {now.step} of {now.steps}: {now.title}",
        subject="environment",
        step=now.step,
        steps=now.steps,
    )


def _announce(setup: Setup, recipe: Recipe) -> None:
    if setup.code:
        _told(setup.message, code=setup.code, hint=setup.hint)
        return
    how = f"built in {setup.seconds:.0f} s" if setup.built else "as it was built before"
    announce(
        "note",
        f"Environment: {', '.join(recipe.languages)}, {how}",
        subject="environment",
        key=setup.key,
        built=setup.built,
        seconds=round(setup.seconds, 3),
    )
    for step in setup.steps:
        if not step.ok:
            announce("note", f"{step.title} did not work ({step.reason}).", subject="environment", output=step.output)
    if not setup.collected:
        lacking = "; ".join(each.message for each in setup.missing[:5]) or "the test runner finds an error"
        announce("note", f"In the environment {lacking}.", subject="environment", output=setup.output)


def _told(message: str, *, code: str, hint: str) -> None:
    announce("note", message, subject="environment", code=code, hint=hint)
