"""``signoff init``: what it writes is read by a run as if it were not there, and nothing is written over."""

import json

import pytest
import yaml

from domain import Refused
from models.policy import parse_policy
from risk import read_policy
from service.cli.starter.init import FILES, write_starter
from tests.worlds.cli import Cli
from tests.worlds.house import git, repository

MANIFEST = {"package.json": json.dumps({"scripts": {"test": "node --test"}, "dependencies": {"ms": "^2"}})}


def test_what_is_written_changes_nothing_until_a_comment_is_taken_away(tmp_path):
    assert write_starter(tmp_path) == tuple(f".signoff/{name}" for name in FILES)
    folder = tmp_path / ".signoff"
    rules = read_policy((folder / "risk.yaml").read_text())
    assert (rules.tighten, rules.mask_personal) == ((), False)
    assert parse_policy((folder / "policy.yaml").read_text()) == parse_policy("{}")
    assert not (folder / "setup.sh").exists()  # it would take the place of what is detected


def test_what_is_commented_out_is_right(tmp_path):
    write_starter(tmp_path)
    for name, read in (("risk.yaml", read_policy), ("policy.yaml", parse_policy)):
        text = (tmp_path / ".signoff" / name).read_text()
        taken = [
            line[2:] for line in text.splitlines() if line.startswith("# ") and (":" in line[:20] or "- {" in line)
        ]
        assert yaml.safe_load("\n".join(taken))
        read("\n".join(["version: 1", *taken] if name == "risk.yaml" else taken))


def test_a_file_that_is_there_stays_as_it_is(tmp_path):
    (tmp_path / ".signoff").mkdir()
    (tmp_path / ".signoff" / "risk.yaml").write_text("version: 1\n")
    assert write_starter(tmp_path) == (".signoff/policy.yaml", ".signoff/setup.sh.example")
    assert (tmp_path / ".signoff" / "risk.yaml").read_text() == "version: 1\n"


def test_a_link_that_leads_nowhere_is_not_followed(tmp_path):
    (tmp_path / ".signoff").mkdir()
    (tmp_path / ".signoff" / "risk.yaml").symlink_to(tmp_path / "elsewhere")
    assert ".signoff/risk.yaml" not in write_starter(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_where_nothing_can_be_written_it_is_said(tmp_path):
    (tmp_path / ".signoff").write_text("a file")
    with pytest.raises(Refused) as refusal:
        write_starter(tmp_path)
    assert refusal.value.stable_code == "not_a_repository"


async def test_the_command_shows_what_was_detected(tmp_path):
    repo = repository(tmp_path / "shop", {**MANIFEST, "web/index.js": ""})
    cli = Cli(tmp_path / "home")
    told = (await cli.run("init", "--repo", str(repo), "--json")).json
    assert (told["acceptance"], told["written"]) == ("npm test --silent", [f".signoff/{name}" for name in FILES])
    assert told["recipe"]["languages"] == ["node"]
    assert git(repo, "status", "--porcelain") == "?? .signoff/"
    again = (await cli.run("init", cwd=repo / "web")).out
    assert "Everything is there already." in again
    assert "Install the packages of Node" in again
    nothing = await cli.run("init", "--repo", str(tmp_path / "nowhere"))
    assert nothing.code == 2


async def test_a_folder_without_a_manifest_is_tested_as_a_run_tests_it(tmp_path):
    repo = repository(tmp_path / "shop", {"tools/tests/test_it.py": "def test_it():\n    pass\n"})
    shown = (await Cli(tmp_path / "home").run("init", "--repo", str(repo / "tools"), "--json")).json
    assert shown["acceptance"] == "python3 -m pytest -q"
