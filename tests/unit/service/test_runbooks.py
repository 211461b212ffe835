"""Alerts, pages and commands agree: each alert has a page, each page is rehearsed, each command is there."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from service.cli.app import ENTRIES, load
from tests.architecture.tree import ROOT
from tests.worlds.runbooks import FOLDER, commands

RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"
CASES = ROOT / "deploy" / "prometheus" / "rules_test.yaml"
PAGES = sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "index")
ALERTS = {
    rule["alert"]: rule["annotations"]
    for group in yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="apt-get install prometheus")


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *words], capture_output=True, text=True, check=False, cwd=RULES.parent)


@needs_promtool
def test_the_rules_do_what_their_cases_say() -> None:
    assert promtool("check", "config", "prometheus.yaml").returncode == 0
    tested = promtool("test", "rules", CASES.name)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@needs_promtool
def test_a_rule_that_does_not_parse_is_noticed(tmp_path: Path) -> None:
    broken = tmp_path / "rules.yaml"
    broken.write_text(RULES.read_text().replace("max(signoff_queue_oldest_age_seconds) > 300", "max(signoff_queue >"))
    assert broken.read_text() != RULES.read_text()
    assert promtool("check", "rules", str(broken)).returncode != 0


def test_every_alert_fires_in_a_case_and_has_a_page() -> None:
    fires = set(re.findall(r'alertname="(\w+)"', CASES.read_text()))
    assert fires == set(ALERTS)
    for annotations in ALERTS.values():
        assert (ROOT / annotations["runbook"]).is_file()
        assert annotations["summary"]


def test_every_page_says_how_it_looks_what_to_run_and_when_it_is_over() -> None:
    index = (FOLDER / "index.md").read_text()
    for page in PAGES:
        text = (FOLDER / f"{page}.md").read_text()
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert headings == ["How it looks", "What to run", "It is over"], page
        assert f"({page}.md)" in index
        over = text.partition("## It is over")[2]
        assert "```console" in over, page
        named = {name for name, annotations in ALERTS.items() if annotations["runbook"].endswith(f"/{page}.md")}
        # A family of burn rates is named by what they have in common.
        looks = text.partition("## What to run")[0]
        assert all(name in looks or re.sub(r"Burn\w+$", "", name).removesuffix("Burn") in looks for name in named), page


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_is_one_that_there_is(page: str) -> None:
    for line in commands(page):
        if not line.startswith("signoff "):
            continue
        _, name, *rest = shlex.split(line)
        assert name in ENTRIES, line
        command = load(name)
        if rest and rest[0] in (inside := getattr(command, "commands", {})):
            command = inside[rest[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known, line


def test_every_page_is_rehearsed() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "e2e").glob("test_runbooks*.py"))
    assert set(re.findall(r'Runbook\("([\w-]+)"', tests)) == set(PAGES)
