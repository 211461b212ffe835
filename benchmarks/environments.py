"""``python -m benchmarks.environments [--again] [NAME …]``: real projects set themselves up: how many, how fast.

Each is a source distribution of a registry or one commit of a history, put into a repository of its own. What is
measured is what a run does: detect, install in the set-up sandbox, keep, and then run the acceptance command that
Signoff finds, without a network. Each result is written down at once, and what was measured is not measured again.
Needs Docker, the images, and ``SIGNOFF_SETUP_NETWORK`` with its hosts.
"""

import asyncio
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import venv
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.sdists import CACHE
from domain import Refused
from domain.acceptance import MANIFESTS, below, environment, find_acceptance
from domain.reports import read_report
from sandbox import REPO, Pinned, Workspaces, bring
from service.settings import read_settings
from service.wiring.application import Application, open_application

_LIST = Path(__file__).with_suffix(".toml")
_RESULTS = Path(__file__).parent / "results" / "environments.json"
_BACKENDS = (
    "setuptools wheel setuptools-scm hatchling hatch-vcs hatch-fancy-pypi-readme flit-core poetry-core pdm-backend"
    " cython<3.1"
)
"""To fetch a source distribution pip asks its back end for the name."""
_TEST_S = 300.0
GIT = ["git", "-c", "user.name=b", "-c", "user.email=b@example.invalid", "-c", "commit.gpgsign=false"]


@dataclass(frozen=True)
class Project:
    """A source distribution, or one commit of a history."""

    name: str
    version: str
    registry: str
    """``pypi``, ``npm``, or ``git``."""
    build: str
    sha256: str = ""
    """Of the archive; a commit needs none."""
    address: str = ""
    """Of a history."""
    language: str = "python"


@dataclass
class Outcome:
    """What became of one project."""

    name: str
    build: str
    version: str = ""
    language: str = "python"
    first_s: float = 0.0
    again_ms: float = 0.0
    megabytes: float = 0.0
    collected: bool = False
    command: str = ""
    passed: int = 0
    failed: int = 0
    green: bool = False
    cause: str = ""

    @property
    def row(self) -> str:
        tests = f"{self.passed} passed, {self.failed} failed" if self.passed or self.failed else "–"
        verdict = "passes" if self.green else "set up" if self.collected else "no"
        return (
            f"| {self.name} | {self.build} | {verdict} | {self.first_s:.0f} s | {self.again_ms:.0f} ms"
            f" | {self.megabytes:.0f} MB | {tests} | {self.cause} |"
        )


def history(project: Project) -> Path:
    """Fetch the history of a project, once."""
    name = "+".join(project.address.rstrip("/").split("/")[-2:])
    path = CACHE / "git" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "clone", "--quiet", "--bare", project.address, str(path)], check=True, timeout=600)
    return path


def archive(project: Project) -> Path:
    """Fetch the archive of a project with its registry's own client, once.

    Raises:
        ValueError: it is not the one that is listed.
    """
    folder = CACHE / "archives"
    folder.mkdir(parents=True, exist_ok=True)
    ends = ".tgz" if project.registry == "npm" else ".tar.gz"
    path = folder / f"{project.name}-{project.version}{ends}"
    if not path.exists() and project.registry == "npm":
        wanted = ["npm", "pack", "--silent", f"{project.name}@{project.version}"]
        subprocess.run(wanted, cwd=folder, check=True, timeout=300, stdout=subprocess.DEVNULL)
    elif not path.exists():
        python = CACHE / "backends" / "bin" / "python"
        if not python.exists():
            venv.create(python.parents[1], with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *_BACKENDS.split()], check=True, timeout=600)
        words = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "-d", str(folder)]
        subprocess.run([python, "-m", "pip", *words, f"{project.name}=={project.version}"], check=True, timeout=600)
    if hashlib.sha256(path.read_bytes()).hexdigest() != project.sha256:
        raise ValueError(f"{path.name} is not the archive that is listed")
    return path


def unpacked(project: Project, folder: Path) -> Path:
    """A repository with the project in one commit."""
    if project.registry == "git":
        repo = folder / project.name
        words = ["git", "-C", str(history(project)), "archive", "--format=tar", project.version]
        packed = subprocess.run(words, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as opened:
            opened.extractall(repo, filter="data")
    else:
        with tarfile.open(archive(project)) as opened:
            opened.extractall(folder / "all", filter="data")
        repo = next(each for each in (folder / "all").iterdir() if each.is_dir())
    subprocess.run([*GIT, "-C", str(repo), "init", "--quiet", "--initial-branch=main"], check=True)
    subprocess.run([*GIT, "-C", str(repo), "add", "--all", "--force"], check=True)
    subprocess.run([*GIT, "-C", str(repo), "commit", "--quiet", "--message", "As it was released"], check=True)
    return repo


async def tried(application: Application, project: Project) -> Outcome:
    """Set one project up twice, and run its tests without a network."""
    outcome = Outcome(project.name, project.build, project.version, project.language)
    environments, run = application.environments, f"bench-{project.name}"
    assert environments is not None
    with tempfile.TemporaryDirectory() as folder:
        repo = await asyncio.to_thread(unpacked, project, Path(folder))
        pinned = await application.store.pin(run, str(repo))
    try:
        await bring(application.store, run, pinned)
        paths = await application.store.files(run, pinned.tree)
        recipe = await environments.recipe(run, pinned, paths)
        if not recipe.empty:
            made = await environments.prepare(run, pinned, recipe, again=True)
            outcome.first_s, outcome.megabytes = made.seconds, made.data_bytes / (1 << 20)
            outcome.collected = made.collected
            if made.code:
                outcome.cause = f"`{made.code}`: {_last_line(made.message)}"
                return outcome
            began = time.monotonic()
            again = await environments.prepare(run, pinned, await environments.recipe(run, pinned, paths))
            outcome.again_ms = (time.monotonic() - began) * 1_000
            assert not again.built
            outcome.cause = "; ".join(each.message for each in made.missing[:2])
        await proven(application, run, pinned, paths, outcome)
    except Refused as refusal:
        outcome.cause = f"`{refusal.stable_code}`: {refusal.message[:150]}"
    finally:
        await application.store.drop(run)
    return outcome


async def proven(application: Application, run: str, pinned: Pinned, paths: tuple[str, ...], outcome: Outcome) -> None:
    """Run the acceptance command that is found, on a clean checkout without a network."""
    top = [name for name in MANIFESTS if name in below(paths, "")]
    texts = await application.store.read_many(run, pinned.tree, top, limit=1 << 20)
    command = find_acceptance(paths, {path: data.decode(errors="replace") for path, data in texts.items()})
    if command is None:
        outcome.cause = outcome.cause or "no test command: the archive holds no tests"
        return
    outcome.command = command
    workspaces = Workspaces(application.backend, application.store, application.spec)
    try:
        ran = await workspaces.verify(run, pinned.tree, command, timeout_s=_TEST_S, env=environment(paths, REPO))
    finally:
        await workspaces.close()
    report = read_report(f"{ran.stdout.text()}\n{ran.stderr.text()}")
    if report is not None:
        outcome.passed, outcome.failed = report.passed, report.failed + report.errors
    outcome.green = ran.ok
    if not ran.ok and not outcome.cause:
        names = ", ".join(case.id.rpartition("::")[2][:60] for case in report.cases[:2]) if report else ""
        outcome.cause = f"fails: {names}" if names else _last_line(f"{ran.stdout.text()}\n{ran.stderr.text()}")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if "rror" in line] or lines
    # Results name no host of a registry: another installation has others.
    return re.sub(r"https?://[^\s\"']+", "URL", told[-1])[:150].replace("|", "/") if told else ""


def summary(outcomes: list[Outcome]) -> str:
    """How many of each language there are, and how far they came."""
    lines: list[str] = []
    for language in dict.fromkeys(each.language for each in outcomes):
        of_it = [each for each in outcomes if each.language == language]
        sets, passes = sum(each.collected for each in of_it), sum(each.green for each in of_it)
        lines.append(f"{language}: {len(of_it)} projects, {sets} set up, {passes} with a passing test command")
    return "\n".join(lines)


async def main(words: list[str]) -> None:
    names = [word for word in words if word != "--again"]
    listed = [Project(**each) for each in tomllib.loads(_LIST.read_text(encoding="utf-8"))["project"]]
    measured: dict[str, Outcome] = {}
    if _RESULTS.exists():
        known = json.loads(_RESULTS.read_text(encoding="utf-8"))
        measured = {each["name"]: Outcome(**each) for each in known}
    print("| project | built with | | first | known | size | its tests | what is missing |")
    print("|---|---|---|---|---|---|---|---|")
    async with open_application(read_settings()) as application:
        for project in listed:
            old = measured.get(project.name)
            if names and project.name not in names:
                continue
            if old is None or old.version != project.version or "--again" in words:
                measured[project.name] = await tried(application, project)
                order = [measured[each.name] for each in listed if each.name in measured]
                _RESULTS.write_text(json.dumps([asdict(each) for each in order], indent=1) + "\n", encoding="utf-8")
            print(measured[project.name].row, flush=True)
    print(f"\n{summary([measured[each.name] for each in listed if each.name in measured])}", flush=True)


if __name__ == "__main__":
    if shutil.which("docker") is None:
        raise SystemExit("needs Docker")
    asyncio.run(main(sys.argv[1:]))
