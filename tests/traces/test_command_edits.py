"""What a command of the coder changes in the repository is an edit: shown, rated, signed where needed, delivered."""

from pathlib import Path

import pytest

from domain import Plan, Step
from domain.evidence import LeftOut
from nodes.coder.command_edits import NamedPaths, asked_for
from tests.worlds.house import BUGGY, OK, advance, application, decide, git, repository, start, task

DONE = "```done\nCount the first price too\n```\n"
SED = "```run\nsed -i 's/prices\\[1:\\]/prices/' shop/prices.py\n```\n"
MORE = {**BUGGY, "run.sh": "echo hi\n", "state.json": "1\n", "old.txt": "old\n"}
BACKENDS = [
    pytest.param("unsafe-local", id="twin"),
    pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.slow], id="docker"),
]


def run(command: str) -> str:
    return f"```run\n{command}\n```\n"


async def delivered(folder: Path, said: list[str], sandbox: str, files=MORE):
    """Run to the end; the delivered branch is checked out. What the coder was told comes back, answer by answer."""
    repo = repository(folder / "repo", files)
    answers = {"coder": said, "reviewer": [OK]}
    async with application(folder, answers, coder_dialect="text", sandbox=sandbox) as opened:
        standing, events = await start(opened, task(repo, deliver="branch"))
        while standing.run.status == "interrupted":
            await decide(opened, standing, "approve")
            standing, more = await advance(opened, standing.run.id)
            events += more
        assert standing.run.status == "delivered", standing.run.ending
        asked = opened.board.registry.models["coder"].asked  # type: ignore[attr-defined]
    git(repo, "checkout", "-q", git(repo, "branch", "--list", "signoff/*", "--format=%(refname:short)"))
    return repo, [messages[-1].content for messages in asked[1:]], events


@pytest.mark.parametrize("sandbox", BACKENDS)
async def test_what_a_command_changes_in_the_repository_is_delivered(tmp_path: Path, sandbox: str) -> None:
    said = [SED, run("chmod +x run.sh && rm old.txt"), DONE]
    repo, told, events = await delivered(tmp_path, said, sandbox)
    assert "-    return sum(prices[1:])\n+    return sum(prices)" in told[0]
    assert "Changed: shop/prices.py" in told[0]
    assert "new mode 100755" in told[1]
    assert git(repo, "diff", "--raw", "--no-abbrev", "main").split("\n")[0].startswith(":100644 000000")
    assert git(repo, "diff", "--name-status", "main").split() == ["D", "old.txt", "M", "run.sh", "M", "shop/prices.py"]
    assert git(repo, "ls-files", "-s", "run.sh").startswith("100755")
    assert [e.message for e in events if e.kind == "change_applied"] == ["shop/prices.py", "old.txt, run.sh"]


GENERATOR = """
from pathlib import Path

for name in ("a.py", "b.py", "__pycache__/a.pyc"):
    path = Path("gen", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x = 1\\n")
"""
COUNTING = {
    "tests/test_count.py": "def test_it():\n    open('state.json', 'w').write('2')\n",
    "gen.py": GENERATOR,
}


@pytest.mark.parametrize("sandbox", BACKENDS)
async def test_what_nobody_asked_for_stays_behind(tmp_path: Path, sandbox: str) -> None:
    test = run("python3 -m pytest -q tests/test_count.py")
    said = [SED, test, run("python3 gen.py"), run("git add gen/a.py"), DONE]
    repo, told, _ = await delivered(tmp_path, said, sandbox, {**MORE, **COUNTING})
    assert "state.json (changed)" in told[1]
    assert "gen/ (new)" in told[2]
    assert "git add PATH" in told[2]
    assert "Changed: gen/a.py" in told[3]
    assert git(repo, "diff", "--name-only", "main").split() == ["gen/a.py", "shop/prices.py"]


RULES = """version: 1
tighten:
  - {path: 'money/*', tier: high, because: money}
  - {path: 'law/*', deny: true, because: it is the law}
"""
RULED = {**MORE, ".signoff/risk.yaml": RULES, "money/a.txt": "1\n", "law/a.txt": "1\n"}


@pytest.mark.parametrize("sandbox", BACKENDS)
@pytest.mark.parametrize("choice", ["approve", "reject"])
async def test_what_needs_a_signature_waits_for_it_with_what_was_printed(
    tmp_path: Path, sandbox: str, choice: str
) -> None:
    repo = repository(tmp_path / "repo", RULED)
    said = [SED, run("echo printed; sed -i 's/1/2/' mon*/a.txt"), DONE]
    plan = Plan(goal="Sum all prices", steps=(Step(id="sum", title="Sum all prices"),))
    answers = {"coder": said, "reviewer": [OK], "planner": [plan]}
    async with application(tmp_path, answers, coder_dialect="text", sandbox=sandbox) as opened:
        standing, _ = await start(opened, task(repo, deliver="patch"))
        assert standing.run.status == "interrupted", standing.run.ending
        assert [edit.path for edit in standing.values["pending"].change.files_to_update] == ["money/a.txt"]
        await decide(opened, standing, choice, "" if choice == "approve" else "Leave the money alone.")
        standing, _ = await advance(opened, standing.run.id)
        told = opened.board.registry.models["coder"].asked[2][-1].content  # type: ignore[attr-defined]
        assert ("a/money/a.txt" in standing.values["diff"]) is (choice == "approve")
        if choice == "approve":
            assert "printed" in told
            assert "-1\n+2" in told
            assert "Changed: money/a.txt" in told


async def test_what_is_denied_is_not_taken_and_the_coder_is_told_why(tmp_path: Path) -> None:
    said = [SED, run("sed -i s/1/2/ l*w/a.txt"), DONE]
    repo, told, _ = await delivered(tmp_path, said, "unsafe-local", RULED)
    assert "was not taken into the change" in told[1]
    assert "it is the law" in told[1]
    assert git(repo, "diff", "--name-only", "main").split() == ["shop/prices.py"]


async def test_secrets_stay_masked_and_in_their_place(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    files = {**MORE, "settings.py": f'TOKEN = "{secret}"\nLEVEL = 1\n'}
    repo, told, _ = await delivered(tmp_path, [SED, run("sed -i s/1$/2/ settings.py"), DONE], "unsafe-local", files)
    assert secret not in told[1]
    assert "+LEVEL = 2" in told[1]
    assert (repo / "settings.py").read_text() == f'TOKEN = "{secret}"\nLEVEL = 2\n'


@pytest.mark.parametrize(
    ("command", "path", "how", "tests", "taken"),
    [
        ("sed -i s/a/b/ src/*.py", "src/a.py", "changed", False, True),
        ("sed -i s/a/b/ src/*.py && pytest", "src/a.py", "changed", True, False),
        ("sed -i s/a/b/ src/a.py && pytest", "src/a.py", "changed", True, True),
        ("cd src && sed -i s/a/b/ a.py && pytest", "src/a.py", "changed", True, True),
        ("rm -r src", "src/a.py", "deleted", False, True),
        ("pip install -e .", "x.egg-info/PKG-INFO", "changed", False, False),
        ("python gen.py", "gen/a.py", "new", False, False),
        ("python gen.py gen/", "gen/a.py", "new", False, True),
        ("echo 1 >./gen/a.py", "gen/a.py", "new", False, True),
        ("cp x /work/repo/gen/a.py", "gen/a.py", "new", False, True),
        ("git add -A", "gen/a.py", "new", False, True),
        ("git add .", "gen/__pycache__/a.pyc", "new", False, False),
        ("git add .", "build/a.py", "ignored", False, False),
        ("git add -f build/a.py", "build/a.py", "ignored", False, True),
        ("pytest tests", "tests/out.txt", "new", True, False),
        ("ls", "core.123", "new", False, False),
    ],
)
def test_what_is_asked_for(command, path, how, tests, taken):
    beside = [LeftOut(path=path, how=how)]
    assert bool(asked_for(beside, NamedPaths.of(command), tests=tests)) is taken
