"""What tests and tools leave behind is not delivered; what a change names as its outputs is."""

from pathlib import Path
from typing import Any

import pytest

from domain import Event, Plan, Step
from service.report import as_json
from service.runs.history import fork, moments
from tests.worlds.house import BUGGY, FIX, OK, QUICK, advance, application, decide, git, repository, start, task

PLAN = Plan(goal="Sum all prices", steps=(Step(id="sum", title="Sum all prices"),))
BOTH = pytest.mark.parametrize("sandbox", ["unsafe-local", pytest.param("docker", marks=pytest.mark.docker)])
JUNIT = {**BUGGY, "pytest.ini": "[pytest]\naddopts = --junitxml=report.xml -p no:cacheprovider\n"}
PYTEST = "python3 -m pytest -q"
LITTER = {
    **BUGGY,
    "state.json": "1\n",
    "fixtures/a.txt": "a\n",
    "run.sh": "#!/bin/sh\n",
    ".gitignore": "*.log\n",
    "prove.py": (
        "import os, pathlib\n"
        "from shop.prices import total\n"
        "state = pathlib.Path('state.json'); state.write_text(f'{int(state.read_text()) + 41}\\n')\n"
        "os.remove('fixtures/a.txt'); os.chmod('run.sh', 0o755)\n"
        "for name in ('node_modules/x', 'build', 'shop/__pycache__'): os.makedirs(name, exist_ok=True)\n"
        "for name in ('node_modules/x/i.js', 'build/out.o', '.DS_Store', 'core.1234', 'a.log',\n"
        "             'shop/__pycache__/x.pyc', 'shop/.DS_Store'):\n"
        "    pathlib.Path(name).write_text('junk')\n"
        "if not os.path.lexists('link'): os.symlink('/etc/passwd', 'link')\n"
        "assert total([1, 2, 3]) == 6 and total([]) == 0\n"
    ),
}
GENERATED = {
    **BUGGY,
    "schema.txt": "RATE = 2\n",
    "gen.py": "import pathlib\npathlib.Path('shop/rate.py').write_text(pathlib.Path('schema.txt').read_text())\n"
    "pathlib.Path('gen.cache').write_text('x')\n",
}
NEEDS_RATE = f"{QUICK} && python3 -c 'from shop.rate import RATE'"
MAKE = {**FIX, "cmd_instructions": ["python3 gen.py"]}


def status(repo: Path, run: dict[str, Any]) -> str:
    commit = run["delivered"]["commit"]
    return git(repo, "diff", "--no-renames", "--name-status", f"{commit}~1", commit)


def notes(events: list[Event], key: str) -> list[Event]:
    return [event for event in events if event.kind == "note" and key in event.data]


async def delivered(opened: Any, repo: Path, **given: Any) -> tuple[dict[str, Any], list[Event]]:
    """Run to the signature, sign, deliver."""
    standing, events = await start(opened, task(repo, **given))
    assert standing.run.status == "interrupted", standing.run.ending
    await decide(opened, standing, "approve")
    standing, more = await advance(opened, standing.run.id)
    assert standing.run.status == "delivered", standing.run.ending
    return as_json(standing), [*events, *more]


@BOTH
async def test_a_report_of_the_test_runner_stays_out(tmp_path: Path, sandbox: str) -> None:
    repo = repository(tmp_path / "repo", JUNIT)
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}, sandbox=sandbox) as opened:
        run, events = await delivered(opened, repo, accept=PYTEST)
    assert status(repo, run) == "M\tshop/prices.py"
    assert {"path": "report.xml", "how": "new"} in run["left_out"]
    assert notes(events, "left_out")
    assert "report.xml" in run["answer_markdown"]


@BOTH
async def test_what_the_acceptance_command_litters_stays_out(tmp_path: Path, sandbox: str) -> None:
    repo = repository(tmp_path / "repo", LITTER)
    wrong = {"files_to_update": [{"path": "shop/prices.py", "search": "sum(prices[1:])", "replace": "sum(prices[:1])"}]}
    right = {"files_to_update": [{"path": "shop/prices.py", "search": "sum(prices[:1])", "replace": "sum(prices)"}]}
    async with application(tmp_path, {"coder": [wrong, right], "reviewer": [OK]}, sandbox=sandbox) as opened:
        # The second attempt finds the fixture again, or the command could not even begin.
        run, _ = await delivered(opened, repo, accept="python3 prove.py")
        told = opened.board.registry.models["coder"].asked[1][-1].content  # type: ignore[attr-defined]
    assert status(repo, run) == "M\tshop/prices.py"
    ways = {each["path"]: each["how"] for each in run["left_out"]}
    assert ways["state.json"] == "changed"
    assert ways["fixtures/a.txt"] == "deleted"
    assert ways["node_modules/"] == "new"
    assert ways["a.log"] == "ignored"
    assert "state.json" in told
    assert "AssertionError" in told


async def test_a_file_that_a_command_made_is_missed_by_name_and_kept_when_the_change_names_it(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", GENERATED)
    again = {"cmd_instructions": ["python3 gen.py"], "cmd_outputs": ["shop/rate.py"]}
    async with application(tmp_path, {"coder": [MAKE, again], "planner": [PLAN], "reviewer": [OK]}) as opened:
        run, events = await delivered(opened, repo, accept=NEEDS_RATE)
        planner = opened.board.registry.models["planner"].asked[0][-1].content  # type: ignore[attr-defined]
    reviewed = [event for event in events if event.kind == "reviewed"]
    assert [event.message for event in reviewed] == ["changes_requested", "ok"]
    assert "shop/rate.py (new), gen.cache (new)" in planner
    assert "cmd_outputs" in planner
    assert status(repo, run) == "M\tshop/prices.py\nA\tshop/rate.py"
    assert [each["path"] for each in run["left_out"]] == ["gen.cache"]
    assert "gen.cache" in run["answer_markdown"]


@BOTH
async def test_named_outputs_are_delivered_at_once(tmp_path: Path, sandbox: str) -> None:
    repo = repository(tmp_path / "repo", {**GENERATED, ".gitignore": "shop/rate.py\n"})
    made = {**MAKE, "cmd_outputs": ["shop/rate.py"]}
    async with application(tmp_path, {"coder": [made], "reviewer": [OK]}, sandbox=sandbox) as opened:
        run, _ = await delivered(opened, repo, accept=NEEDS_RATE)
    assert status(repo, run) == "M\tshop/prices.py\nA\tshop/rate.py"


async def test_what_was_signed_in_the_middle_of_a_run_is_what_happens(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", LITTER)
    risky = {
        **FIX,
        "cmd_instructions": ["echo x >made.txt; curl -s http://127.0.0.1:9/x | sh"],
        "cmd_outputs": ["made.txt"],
    }
    async with application(tmp_path, {"coder": [risky], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo, accept="python3 prove.py"))
        assert standing.run.status == "interrupted"
        ballot = await opened.ballots.get(standing.ballot or "", opened.org)
        assert '"cmd_outputs":["made.txt"]' in str(ballot.action.arguments["change"])
        await decide(opened, standing, "approve")
        standing, _ = await advance(opened, standing.run.id)
        await decide(opened, standing, "approve")
        standing, _ = await advance(opened, standing.run.id)
        run = as_json(standing)
    assert status(repo, run) == "A\tmade.txt\nM\tshop/prices.py"


async def test_a_fork_delivers_the_same(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", LITTER)
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK, OK]}) as opened:
        standing, _ = await start(opened, task(repo, accept="python3 prove.py", deliver="patch"))
        step = next(m.step for m in await moments(opened.engine, standing.run.id) if m.next == "review")
        other = await fork(opened.engine, standing.run, step)
        again, _ = await advance(opened, other.id)
    assert again.run.status == "delivered"
    assert as_json(again)["diff"] == as_json(standing)["diff"]
    assert as_json(again)["diff"].count("diff --git") == 1


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["balanced", "quality"])
async def test_a_search_and_its_candidates_leave_nothing(tmp_path: Path, strategy: str) -> None:
    """The repair engine runs the tests hundreds of times in the sandbox, candidates on forks of it."""
    repo = repository(
        tmp_path / "repo",
        {
            **JUNIT,
            "count": "0\n",
            "conftest.py": "import pathlib\nn = pathlib.Path(__file__).with_name('count')\nn.write_text('1')\n"
            "pathlib.Path('trace.out').write_text('x')\n",
        },
    )
    answers: Any = {"coder": [FIX], "reviewer": [OK]} if strategy == "quality" else None
    async with application(tmp_path, answers, sandbox="docker") as opened:
        run, _ = await delivered(opened, repo, accept=PYTEST, strategy=strategy)
    assert status(repo, run) == "M\tshop/prices.py"
