"""Agents that are compared: how each is started on a repository, and where its change lies afterwards."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.agents.cases import ACCEPT, IMAGE, Case
from benchmarks.servers import ROOT

PEERS = ROOT / ".cache" / "peers"
MINI, AIDER = "mini-swe-agent==2.4.6", "aider-chat==0.86.2"
TURNS = 30
"""Calls of a model, or turns: what one trial may take of either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What an agent is started with."""

    case: Case
    repo: Path
    scratch: Path
    """A folder that nobody else uses, for homes and logs."""
    url: str
    model: str
    seconds: float


@dataclass(slots=True, kw_only=True)
class Report:
    """What an agent said of its own work; its change lies in the repository."""

    ended: str = ""
    edits: int = 0
    """Edits that were tried; 0 where the agent does not tell."""
    applied: int = 0
    """Of those, how many applied the first time."""


class Agent(Protocol):
    """A way to get a task done in a repository."""

    @property
    def name(self) -> str: ...

    async def __call__(self, work: Work) -> Report: ...


@dataclass(frozen=True, slots=True)
class Signoff:
    """Ours, as a user starts it: one coder in a dialect, with or without the repair engine."""

    dialect: str
    engine: bool

    @property
    def name(self) -> str:
        return f"signoff {self.dialect}{' + engine' if self.engine else ''}"

    async def __call__(self, work: Work) -> Report:
        catalogue = work.scratch / "catalogue.yaml"
        catalogue.write_text(json.dumps(self._catalogue()), encoding="utf-8")
        environment = {
            "SIGNOFF_HOME": str(work.scratch / "home"),
            "SIGNOFF_MODEL_BASE_URL": work.url,
            "SIGNOFF_MODEL": work.model,
            "SIGNOFF_CODER_DIALECT": self.dialect,
            "SIGNOFF_CATALOGUE": str(catalogue),
            "SIGNOFF_STRATEGY": "compared",
            "SIGNOFF_MODEL_CACHE": "off",
            "SIGNOFF_MODEL_TIMEOUT_S": "900",
        }
        command = [
            str(Path(sys.executable).with_name("signoff")),
            "run",
            "--repo",
            str(work.repo),
            "--task",
            work.case.text,
        ]
        command += ["--accept", ACCEPT, "--deliver", "patch", "--sign-as", "bench", "--json"]
        command += ["--max-steps", str(TURNS), "--max-minutes", f"{work.seconds / 60:.2f}"]
        output = await _run(command, work, environment, cwd=ROOT)
        try:
            document = json.loads(output)
        except ValueError:
            return Report(ended=output.strip().splitlines()[-1][:200] if output.strip() else "no answer")
        if document["status"] == "delivered" and document["diff"]:
            await asyncio.to_thread(
                subprocess.run,
                ["git", "apply", "--whitespace=nowarn", "-"],
                cwd=work.repo,
                input=document["diff"].encode(),
                check=True,
            )
        edits = [turn for turn in document["turns"] if (turn["action"] or {}).get("kind") == "edit"]
        return Report(
            ended=document["code"] or document["status"],
            edits=len(edits),
            applied=sum(turn["ok"] for turn in edits),
        )

    def _catalogue(self) -> Mapping[str, Any]:
        """A strategy without planner and reviewer, as the peers have none either."""
        providers = ["coder", "repair"] if self.engine else ["coder"]
        strategy = {
            "description": "One coder, as it is compared.",
            "single": True,
            "spares": ["planner", "reviewer"],
            "providers": providers,
            "candidates": len(providers),
            "last_resort": self.engine,
            "tasks": {"fix": {"tier": "balanced"}},
        }
        return {"strategies": {"compared": strategy}}


@dataclass(frozen=True, slots=True)
class MiniSweAgent:
    """mini-swe-agent with its prompts for models that do not call tools; its commands run in the image."""

    name: str = "mini-swe-agent"

    async def __call__(self, work: Work) -> Report:
        python, trajectory = peer(MINI), work.scratch / "trajectory.json"
        mount = ["--rm", "--network", "none", "--user", "0", "-v", f"{work.repo}:/work", "--entrypoint", ""]
        config = {
            "agent": {"step_limit": TURNS, "cost_limit": 0, "wall_time_limit_seconds": int(work.seconds)},
            "environment": {"environment_class": "docker", "image": IMAGE, "cwd": "/work", "run_args": mount},
            "model": {
                "model_name": f"openai/{work.model}",
                "model_class": "litellm_textbased",
                "model_kwargs": {"api_base": work.url, "api_key": "none", "timeout": 900},
            },
        }
        overlay = work.scratch / "overlay.yaml"
        overlay.write_text(json.dumps(config), encoding="utf-8")
        environment = {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "MSWEA_CONFIGURED": "true",
            "MSWEA_COST_TRACKING": "ignore_errors",
            "MSWEA_GLOBAL_CONFIG_DIR": str(work.scratch),
            "HOME": str(work.scratch),
        }
        text = f"{work.case.text}\n\nThe repository is in /work. `{ACCEPT}` runs its tests; they must pass in the end."
        command = [str(python), "-m", "minisweagent.run.mini", "--yolo", "--exit-immediately", "-t", text]
        command += ["-c", "mini_textbased.yaml", "-c", str(overlay), "-o", str(trajectory)]
        output = await _run(command, work, environment, cwd=work.scratch)
        if not trajectory.exists():
            return Report(ended=output.strip()[-200:])
        return Report(ended=str(json.loads(trajectory.read_text(encoding="utf-8"))["info"].get("exit_status", "")))


@dataclass(frozen=True, slots=True)
class Aider:
    """aider with all sources in its chat and the tests to read, testing after each edit; all of it in the image."""

    name: str = "aider"

    async def __call__(self, work: Work) -> Report:
        home = peer(AIDER).parents[1].resolve()
        # The image's own Python of the same version: a virtual environment's points at one that the image lacks.
        packages = home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        # It runs the tests itself, with what the model wrote: not on this machine, but it has to reach the endpoint.
        container = f"signoff-bench-{work.scratch.name}"
        docker = ["docker", "run", "--rm", "--name", container, "--network", "host", "--user", "0", "--memory", "2g"]
        docker += ["-v", f"{work.repo}:/work", "-w", "/work", "-v", f"{home}:{home}:ro"]
        docker += ["-e", "HOME=/tmp", "-e", "LITELLM_LOCAL_MODEL_COST_MAP=True"]
        docker += ["-e", f"OPENAI_API_BASE={work.url}", "-e", "OPENAI_API_KEY=none"]
        command = [
            *docker,
            "-e",
            f"PYTHONPATH={packages}",
            "--entrypoint",
            "python3",
            IMAGE,
            "-m",
            "aider",
            "--model",
            f"openai/{work.model}",
        ]
        command += ["--yes-always", "--no-check-update", "--no-show-model-warnings", "--no-stream", "--no-pretty"]
        command += ["--analytics-disable", "--no-gitignore", "--no-auto-commits", "--timeout", "900"]
        command += ["--auto-test", "--test-cmd", ACCEPT, "--message", work.case.text]
        for path in work.case.tests:
            command += ["--read", path]
        try:
            output = await _run([*command, *work.case.sources], work, {}, cwd=work.scratch)
        finally:
            await asyncio.to_thread(subprocess.run, ["docker", "kill", container], capture_output=True, check=False)
        applied, failed = output.count("Applied edit to "), output.count("did not conform to the edit format")
        return Report(ended="ended", edits=applied + failed, applied=applied)


def peer(requirement: str) -> Path:
    """Python of a peer's own environment, made the first time."""
    home = PEERS / requirement.partition("==")[0]
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", requirement], check=True)
    return python


async def _run(command: Sequence[str], work: Work, environment: Mapping[str, str], *, cwd: Path) -> str:
    """Output of a command, with what it says on its way in ``scratch/log``; killed with all its children when late."""
    log = work.scratch / "log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            "env",
            *(f"{name}={value}" for name, value in environment.items()),
            *command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(work.seconds + 60):
                output, _ = await process.communicate()
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            return "timeout"
    (work.scratch / "output").write_bytes(output)
    return output.decode(errors="replace")


def agents() -> Sequence[Agent]:
    """All that are compared."""
    ours = [Signoff(dialect, engine) for dialect in ("single", "text", "tools") for engine in (False, True)]
    return [*ours, MiniSweAgent(), Aider()]
