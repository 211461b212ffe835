"""A regression is repaired by taking back what broke it, however large that was."""

import subprocess
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from models.providers import ChangeRequest
from models.repair import Repair
from nodes.coder.candidate_runs import recent
from risk import RiskEngine
from sandbox import REPO, Local, Pinned, Spec, Store, recent_changes

pytestmark = [pytest.mark.timeout(170)]

TAX = """\
RATES = {"de": 19, "fr": 20}


def label(country, amount):
    rate = RATES[country]
    net = amount * 100 // (100 + rate)
    parts = [f"{country.upper()}-{rate:02d}", f"net {net}", f"vat {amount - net}"]
    return " | ".join(parts)
"""
BROKEN = TAX.replace(
    TAX[TAX.index("    parts") :],
    '    parts = [country, rate, net]\n    return ", ".join(str(part) for part in parts)\n',
)
TEST = """\
from shop.tax import label


def test_label():
    assert label("de", 11900) == "DE-19 | net 10000 | vat 1900"
"""
FILES = {"shop/__init__.py": "", "tests/test_tax.py": TEST}


def committed(folder: Path, message: str, **files: str) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    told = ["-c", "user.name=A", "-c", "user.email=a@example.invalid", "-c", "commit.gpgsign=false"]
    for args in (("init", "-q"), ("add", "-A"), ("commit", "-qm", message)):
        subprocess.run(["git", "-C", str(folder), *told, *args], check=True)


async def pinned(tmp_path: Path, *states: dict[str, str]) -> Pinned:
    repo = tmp_path / "repo"
    repo.mkdir()
    for number, files in enumerate(states):
        committed(repo, f"State {number}", **files)
    return await Store(tmp_path / "store").pin("run", str(repo))


async def test_a_change_of_several_lines_is_taken_back(tmp_path: Path):
    start = await pinned(tmp_path, {**FILES, "shop/tax.py": TAX}, {"shop/tax.py": BROKEN})
    job = ChangeRequest(accept="python3 -m pytest -q", seconds=60.0, hunks=await recent(start, RiskEngine()))
    backend = Local(unsafe=True)
    sandbox = await backend.lease(Spec())
    try:
        for path, text in {**FILES, "shop/tax.py": BROKEN}.items():
            await sandbox.write(str(PurePosixPath(REPO) / path), text.encode())
        proposal = await Repair().propose(job, sandbox)
    finally:
        await sandbox.close()
        await backend.close()
    assert {edit.path: edit.content for edit in proposal.change.files_to_update} == {"shop/tax.py": TAX}
    assert f"change of {start.commit[:9]} undone" in proposal.note


async def test_what_was_taken_out_because_it_is_secret_does_not_come_back(tmp_path: Path):
    key = "AKIA" + "Z7Q3XW5T2B4N6M2K"
    held = {"shop/tax.py": f'KEY = "{key}"\nn = 1\n'}
    start = await pinned(
        tmp_path, held, {"shop/tax.py": "KEY = read()\nn = 1\n"}, {"shop/tax.py": "KEY = read()\nn = 2\n"}
    )
    every = await recent_changes(start)
    assert [key in hunk.before for hunk in every] == [False, True]
    assert await recent(start, RiskEngine()) == every[:1]


async def test_a_repository_that_is_gone_or_far_away_has_no_history(tmp_path: Path):
    start = await pinned(tmp_path, {"a.py": "x = 1\n"}, {"a.py": "x = 2\n"})
    assert len(await recent_changes(start)) == 1
    for repo in (str(tmp_path / "gone"), "https://example.invalid/repo.git"):
        assert await recent_changes(replace(start, repo=repo)) == ()
